"""Real services: how a test starts one, talks to it, and compares what it did with what arrived."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from support.sink import Sink

# An end may take as long as a busy machine needs: what is asked is whether everything arrives. How long an end takes at
# most is asked where the receiver hangs, and there the limit is the real one.
PATIENT = """
from modeltally.instrument import _runtime
from modeltally.instrument.process import sigterm
_runtime.EXIT_SECONDS = sigterm.END_SECONDS = 60.0
"""
# What every service has: the interval is so long that nothing is delivered before the end, unless by whole batches.
# The journal is the truth: a byte for each operation that ended, written at once.
PREPARE = """
import os, sys, time, modeltally
if os.environ["PATIENT"]:
    exec(os.environ["PATIENT"])
journal = os.open(os.environ["JOURNAL"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def configure(export_interval_seconds=60, **values):
    modeltally.configure(
        endpoint=os.environ["SINK"], user_key="key", export_interval_seconds=export_interval_seconds, **values
    )
def request(count=1):
    for _ in range(count):
        with modeltally.model_request("m"):
            pass
        os.write(journal, b"x")
def wait():
    # in short pieces: a signal that comes just before a system call is seen by Python when that returns
    while True:
        time.sleep(0.02)
"""
# What our thread imports, at once: on a busy machine that alone may take the two seconds an end has.
WARM = """
import os
from modeltally.instrument.background import reporter, worker
if os.environ["PATIENT"]:
    reporter.ATTEMPT_SECONDS = 30.0
"""


@dataclass(frozen=True)
class Tally:
    """What a service did, and what arrived of it."""

    done: int
    delivered: int
    doubled: int
    counted: int  # by the metrics

    @property
    def is_exact(self) -> bool:
        """Whether everything arrived once, as spans and as metrics."""
        return self.delivered == self.done == self.counted and not self.doubled


def tally(sink: Sink, journal: Path) -> Tally:
    """Compare the journal of a service with what arrived."""
    copies = Counter(item.span_id for item in sink.operations)
    last: dict[object, int] = {}  # cumulative, by instance
    for report in sink.reports:
        if "operations" in report:
            last[report["operations"].resource["service.instance.id"]] = report["operations"].value()
    return Tally(
        done=journal.stat().st_size if journal.exists() else 0,
        delivered=len(copies),
        doubled=sum(copies.values()) - len(copies),
        counted=sum(last.values()),
    )


class Service:
    """A process with its output, ended with the block at the latest."""

    def __init__(self, command: Sequence[str], sink: Sink, folder: Path, *, pass_fds: Sequence[int] = ()) -> None:
        """Start it.

        Args:
            command: What follows the interpreter.
            sink: Where it exports to.
            folder: Where its files are and its output goes.
            pass_fds: File descriptors it inherits.
        """
        self.journal = folder / "journal"
        self.output = folder / "output"
        self.sink = sink
        environment = {
            **os.environ,
            "SINK": sink.url,
            "JOURNAL": str(self.journal),
            "PATIENT": "" if sink.answer.is_hanging else PATIENT,
            "PYTHONUNBUFFERED": "1",
        }
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=pass_fds,
            )

    def __enter__(self) -> Self:
        """Begin the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process if it is still there."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    @property
    def text(self) -> str:
        """Everything it printed so far."""
        return self.output.read_text(errors="replace")

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Wait until it has printed something."""
        is_there = wait_until(
            lambda: self.text.count(text) >= times or self.process.poll() is not None, timeout_seconds=90
        )
        assert is_there, self.text
        assert self.text.count(text) >= times, self.text

    def end(self, signum: int | None = None, *, timeout_seconds: float = 90) -> int:
        """Send a signal, wait for the end, and return the exit status, negative for a signal."""
        if signum is not None:
            self.process.send_signal(signum)
        return self.process.wait(timeout_seconds)

    def tally(self) -> Tally:
        """Compare what it did with what arrived."""
        return tally(self.sink, self.journal)


@contextmanager
def listening() -> Iterator[tuple[socket.socket, str]]:
    """Listen on a socket for a server to inherit: clients may connect before it is up, and while it reloads."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/http"
        listener.bind(path)
        listener.listen(64)
        os.set_inheritable(listener.fileno(), True)  # noqa: FBT003 - positional only
        yield listener, path


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self._path)


def ask(path: str) -> str:
    """Send one request and return the answer's body."""
    connection = _UnixConnection(path)
    try:
        connection.request("GET", "/", headers={"Connection": "close"})
        response = connection.getresponse()
        return response.read().decode()
    finally:
        connection.close()


class Load:
    """Clients that ask and ask, until told to stop; requests that a reload cuts off are none of their business."""

    def __init__(self, path: str, *, clients: int = 2) -> None:
        """Begin asking.

        Args:
            path: The server's socket.
            clients: How many ask at a time.
        """
        self.answers: Counter[str] = Counter()
        self._path = path
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop asking."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                self.answers[ask(self._path)] += 1
            except (OSError, http.client.HTTPException):
                time.sleep(0.01)
