"""uvicorn: deliver when the server has shut down, since the process may end right afterwards without any exit handler.

A server takes SIGTERM for itself, shuts down, gives the signal back to whom it belonged before, and raises it again.
Where an application is imported by the server, as in its worker processes, that is the system, which ends the process
at once. Only the running server is told to deliver; uvicorn itself stays as it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument._guard import guarded, problem

if TYPE_CHECKING:
    from modeltally.instrument.process.sigterm import Deliver

__all__ = ["watch"]

MOST_SECONDS: Final = 2.2  # delivery ends by itself within two


@guarded(None)
def watch(deliver: Deliver) -> None:
    """Deliver when the server running in this process has shut down.

    Args:
        deliver: Delivers what is waiting, two seconds at most; it does not raise.
    """
    module: Any = sys.modules.get("uvicorn.server")
    kind = getattr(module, "Server", None)
    owner = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(kind, type) or not isinstance(owner, kind):
        return
    server: Any = owner
    shutdown = getattr(server, "shutdown", None)
    if not inspect.iscoroutinefunction(shutdown):
        problem("uvicorn", "this version of uvicorn is not known: what was recorded last may be lost when it stops")
        return
    if getattr(shutdown, "__wrapped__", None) is not None:
        return  # told before

    @functools.wraps(shutdown)
    async def shut_down_and_deliver(*args: Any, **kwargs: Any) -> Any:
        result = await shutdown(*args, **kwargs)
        await _deliver(deliver)
        return result

    server.shutdown = shut_down_and_deliver


async def _deliver(deliver: Deliver) -> None:
    """Deliver in a separate thread while the event loop goes on."""
    loop, is_done = asyncio.get_running_loop(), asyncio.Event()

    def work() -> None:
        deliver(is_end=False)
        with contextlib.suppress(RuntimeError):  # nobody waited that long, and the loop is closed
            loop.call_soon_threadsafe(is_done.set)

    try:
        threading.Thread(target=work, name="modeltally-end", daemon=True).start()
    except RuntimeError:  # no more threads
        deliver(is_end=False)
        return
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(is_done.wait(), MOST_SECONDS)
