"""Works through a queue in a process of its own, for a server: it ends when nothing waits, or when the server does."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import modeltally
from modeltally.availability.downloads.queue import DownloadQueue
from modeltally.availability.downloads.rates import Rates
from modeltally.availability.downloads.runner import Runner
from modeltally.errors import ModelTallyError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["begin_work", "main"]

_LOGGER: Final = logging.getLogger(__name__)
_SHUTDOWN_SECONDS: Final = 5.0


def begin_work(job: Mapping[str, Any]) -> subprocess.Popen[str]:
    """Begin such a process.

    Args:
        job: ``directory``, ``endpoint`` that takes what was done, or None, ``rates`` as :meth:`Rates.of` takes them.

    Returns:
        The process; it ends soon after its stdin is closed.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "modeltally.availability.downloads.serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdin is not None  # noqa: S101 - for the type
    with contextlib.suppress(OSError):  # it is gone already, which whoever asks it sees
        process.stdin.write(json.dumps(dict(job)) + "\n")
        process.stdin.flush()
    return process


def main() -> None:
    """Read the job from stdin, and do it."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    job = json.loads(sys.stdin.readline())
    runner = Runner(DownloadQueue(Path(job["directory"])), rates=Rates.of(*job["rates"]))

    def listen() -> None:
        sys.stdin.read()
        runner.stop()

    threading.Thread(target=listen, name="modeltally-server-is-there", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    if job["endpoint"]:
        modeltally.configure(endpoint=job["endpoint"], service_name="modeltally downloads", metrics=False)
    else:
        os.environ["MODELTALLY_DISABLED"] = "1"
    try:
        runner.run(until_idle=True)
    except ModelTallyError as error:
        _LOGGER.warning("nothing is fetched: %s", error)
    finally:
        modeltally.shutdown(timeout_seconds=_SHUTDOWN_SECONDS)


if __name__ == "__main__":
    main()
