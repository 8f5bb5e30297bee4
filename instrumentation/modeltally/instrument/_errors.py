"""What is kept of an exception: its class, where it was raised and, only on request, its message."""

from __future__ import annotations

import re
from typing import Final

from modeltally.instrument import _names as names

__all__ = ["MAX_NAME", "error_message", "error_site", "error_type", "is_called_off"]

MAX_NAME: Final = 256
MAX_MESSAGE: Final = 512  # characters, and bytes once it is sent


# by name: asyncio, concurrent.futures, trio and starlette have them, and importing those takes a service's time
CALLED_OFF: Final = frozenset({"CancelledError", "Cancelled", "ClientDisconnect", "WebSocketDisconnect"})
MAX_DEPTH: Final = 16  # of groups inside groups
_FOLDERS: Final = re.compile(r".*[/\\\\]", re.DOTALL)


def is_called_off(error: BaseException, *, depth: int = 0) -> bool:
    """Return whether an exception means that the work was cancelled rather than that it failed.

    So does a group of nothing else: trio's nurseries raise them.
    """
    kind = type(error)  # `isinstance` would ask the error for its `__class__`, which is the caller's code
    if issubclass(kind, BaseExceptionGroup):
        inside = BaseExceptionGroup.exceptions.__get__(error)  # as above
        return depth < MAX_DEPTH and all(is_called_off(one, depth=depth + 1) for one in inside)
    return issubclass(kind, (GeneratorExit, KeyboardInterrupt, SystemExit)) or any(
        base.__name__ in CALLED_OFF for base in kind.__mro__
    )


def error_type(kind: type[BaseException]) -> str:
    """Return ``error.type``: the class, or one common name for errors that every library has a class for."""
    if issubclass(kind, TimeoutError):
        return names.TIMEOUT
    if any(base is MemoryError or base.__name__ == "OutOfMemoryError" for base in kind.__mro__):
        return names.OUT_OF_MEMORY
    return kind.__qualname__[:MAX_NAME]


def error_message(error: BaseException) -> str | None:
    """Return the bounded message of an error; None when it cannot be read."""
    try:
        return str.__str__(str(error))[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - the caller's own error cannot say what it is
        return None


def error_site(error: BaseException) -> str | None:
    """Return module and function that raised it; None when it was never raised."""
    trace = error.__traceback__
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    frame = trace.tb_frame
    # some programs name the modules that they load by their files: where those are is nobody's business
    module = _FOLDERS.sub("", f"{frame.f_globals.get('__name__', '?')}")
    return f"{module}:{frame.f_code.co_qualname}"[:MAX_NAME]
