"""The child process of a download, seen from whoever started it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Child"]

_MODULE: Final = "modeltally.availability.downloads.child"
_STEP_SECONDS: Final = 5.0
_LAST_BYTES: Final = 4096
_ENDED: Final[dict[str, Any]] = {}


class Child:
    """A process that fetches one model.

    Attributes:
        pid: Its number.
    """

    def __init__(self, job: Mapping[str, Any]) -> None:
        """Start it.

        Args:
            job: What :class:`modeltally.availability.downloads.child.Work` takes.
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        # a process that watches its libraries would record what is recorded here
        environment = {**os.environ, "MODELTALLY_DISABLED": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter
            [sys.executable, "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            text=True,
            start_new_session=True,  # Ctrl-C is for whoever started it, which says what is to be done
        )
        self.pid = self._process.pid
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._lines = threading.Thread(target=self._read, name="modeltally-download", daemon=True)
        self._lines.start()
        self._deadlines: list[tuple[float, int]] = []
        self._has_ended = False
        self.say(json.dumps(dict(job)))

    @property
    def has_ended(self) -> bool:
        """Whether it is gone, and everything it said was taken."""
        return self._has_ended

    def say(self, line: str, *, patience_seconds: float | None = None) -> None:
        """Tell it something.

        Args:
            line: What.
            patience_seconds: After so long it is ended: asked once more, terminated, killed; None for never.
        """
        with contextlib.suppress(OSError, ValueError):  # it is gone, which is seen elsewhere
            if self._process.stdin is not None:
                self._process.stdin.write(f"{line}\n")
                self._process.stdin.flush()
        if patience_seconds is not None and not self._deadlines:
            now = time.monotonic() + patience_seconds
            self._deadlines = [(now, signal.SIGTERM), (now + _STEP_SECONDS, signal.SIGKILL)]

    def events(self, timeout_seconds: float) -> Iterator[dict[str, Any]]:
        """Give what it said since, waiting a while for the first thing."""
        while self._deadlines and time.monotonic() >= self._deadlines[0][0]:
            self._signal(self._deadlines.pop(0)[1])
        timeout: float | None = timeout_seconds
        while True:
            try:
                event = self._events.get(timeout=timeout) if timeout else self._events.get_nowait()
            except queue.Empty:
                return
            timeout = None
            if event is _ENDED:
                self._has_ended = True
                return
            yield event

    def last_words(self) -> str:
        """Say how it ended, by its status and the last it wrote."""
        status = self._process.wait()
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - _LAST_BYTES))
        lines = self._errors.read().decode("utf-8", "replace").strip().splitlines()
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return f"the process that fetched {how}" + (f": {lines[-1][:200]}" if lines else "")

    def end(self) -> None:
        """Wait until it is gone."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()
        try:
            self._process.wait(_STEP_SECONDS)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
            self._process.wait()
        self._lines.join()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._errors.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(OSError):
            self._process.send_signal(number)

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the type
        for line in self._process.stdout:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and "event" in event:
                    self._events.put(event)
        self._events.put(_ENDED)
