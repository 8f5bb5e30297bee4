"""Kills the server with -9 while it is being fed, and compares what is stored with what was sent.

``python tests/chaos/server_kill.py --kills 10 --seed 1 --controls`` prints, for each way the server is built, how many
spans were sent and are stored, how many rows they made, and how often a kill came between acknowledging and storing,
and between storing and forgetting. Clients send again whatever was not acknowledged.

- ``durable``: the server as it is; nothing may be lost or doubled.
- ``memory``: a control that acknowledges what it holds in memory only; it must lose.
- ``no batch id``: a control that gives each attempt to store a batch a new id; it must double.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import itertools
import queue
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from modeltally.receiver import receiver
from modeltally.receiver.spool.record import read_records
from modeltally.receiver.spool.spool import Spool
from modeltally.server import LocalServer
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, open_store
from receiver.bodies import Sender, body
from support.stores import stored

if TYPE_CHECKING:
    from collections.abc import Callable

DURABLE, MEMORY, NO_BATCH_ID = "durable", "memory", "no batch id"
SPANS_PER_BODY = 20
BODIES_PER_KILL = 150
SENDERS = 4
# How long a stored batch stays in the spool here, so that a kill can be aimed between the two.
PAUSE_SECONDS = 0.15
STORED_LOG = "stored.log"


# -- the server, in a process of its own -------------------------------------------------------------------------------


class AimedStore:
    """The real store; says when a batch is stored, and waits before the spool may forget it."""

    def __init__(self, store: EmbeddedStore, log: Path, *, keeps_ids: bool) -> None:
        """Take the store."""
        self._store = store
        self._log = log
        self._keeps_ids = keeps_ids

    def __getattr__(self, name: str) -> Any:
        """Everything else is the store's own."""
        return getattr(self._store, name)

    def insert_spans(self, path: Path, *, batch_id: str) -> None:
        """Insert, and tell."""
        self._store.insert_spans(path, batch_id=batch_id if self._keeps_ids else uuid.uuid4().hex)
        with self._log.open("a") as log:
            log.write(f"{batch_id}\n")
        time.sleep(PAUSE_SECONDS)


class MemorySpool(Spool):
    """A spool that acknowledges first and writes a moment later, as servers without a disk queue do."""

    def append(self, request: bytes, *, done: Callable[[Exception | None], None], **how: Any) -> bool:
        """Acknowledge, then write."""
        later = threading.Timer(0.3, lambda: super(MemorySpool, self).append(request, done=lambda _: None, **how))
        later.daemon = True
        later.start()
        done(None)
        return True


def run_server(directory: Path, port: int, variant: str) -> None:
    """Serve until SIGTERM."""
    settings = Settings(
        dir=directory, otlp_port=port, otlp_grpc_port=0, http_port=0, clickhouse_port=0, min_free_disk_bytes=0
    )
    if variant == MEMORY:
        receiver.Spool = MemorySpool  # type: ignore[attr-defined] # what makes this the control
    opened: Callable[..., Any] = lambda *where, **how: AimedStore(  # noqa: E731 - one expression
        open_store(*where, **how), directory / STORED_LOG, keeps_ids=variant != NO_BATCH_ID
    )
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with LocalServer(settings, open_store=opened):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        ended.wait()


# -- the clients and the killer ----------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What became of one run.

    Attributes:
        sent: Spans sent and acknowledged.
        spans: Distinct spans stored.
        rows: Rows stored.
        acknowledged_not_stored: Kills that came while acknowledged spans were not stored yet.
        stored_not_forgotten: Kills that came while stored spans were still in the spool.
    """

    sent: int = 0
    spans: int = 0
    rows: int = 0
    acknowledged_not_stored: int = 0
    stored_not_forgotten: int = 0


@dataclass
class Clients:
    """Threads that send bodies until each is acknowledged."""

    port: int
    bodies: queue.SimpleQueue[bytes]
    acknowledged: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def start(self) -> list[threading.Thread]:
        """Begin sending."""
        threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        return threads

    def wait_for(self, acknowledged: int) -> None:
        """Wait until so many bodies are acknowledged in all."""
        with self.changed:
            self.changed.wait_for(lambda: self.acknowledged >= acknowledged, 60)

    def _send(self) -> None:
        with contextlib.closing(Sender(f"http://127.0.0.1:{self.port}", timeout_seconds=10)) as sender:
            while True:
                try:
                    content = self.bodies.get_nowait()
                except queue.Empty:
                    return
                while not self._is_acknowledged(sender, content):
                    time.sleep(0.02)
                with self.changed:
                    self.acknowledged += 1
                    self.changed.notify_all()

    @staticmethod
    def _is_acknowledged(sender: Sender, content: bytes) -> bool:
        try:
            return sender.send(content).status == 200
        except (OSError, http.client.HTTPException):
            return False


class Victim:
    """The server's process, and its directory."""

    def __init__(self, directory: Path, port: int, variant: str) -> None:
        """Start it, and wait until it answers."""
        self.directory = directory
        self._command = [sys.executable, __file__, "--serve", str(directory), str(port), variant]
        self._start()

    def kill(self, outcome: Outcome) -> None:
        """Kill it, note in which state it died, and start it again."""
        self._process.kill()
        self._end()
        log = self.directory / STORED_LOG
        done = set(log.read_text().split()) if log.exists() else set()
        left = [path for path in (self.directory / "spool").glob("*.spool") if any(read_records(path.read_bytes()))]
        outcome.stored_not_forgotten += any(path.stem in done for path in left)
        outcome.acknowledged_not_stored += any(path.stem not in done for path in left)
        self._start()

    def wait_until_stored(self) -> None:
        """Wait until it has stored one more batch."""
        log = self.directory / STORED_LOG
        before = log.stat().st_size if log.exists() else 0
        deadline = time.monotonic() + 10
        while (log.stat().st_size if log.exists() else 0) == before and time.monotonic() < deadline:
            time.sleep(0.002)

    def stop(self) -> None:
        """Stop it in order."""
        self._process.terminate()
        self._end()

    def _start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        if self._process.stdout is None or self._process.stdout.readline() != b"ready\n":
            raise RuntimeError("the server did not start")

    def _end(self) -> None:
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def run(directory: Path, *, variant: str, kills: int, seed: int) -> Outcome:
    """Feed a server, kill it so many times, let it finish, and count what is stored.

    Args:
        directory: An empty directory for the server.
        variant: How the server is built.
        kills: How many times to kill it; by turns after an acknowledgement and after a batch was stored.
        seed: Chooses after which acknowledgements.
    """
    source = random.Random(seed)
    bodies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    total = (kills + 1) * BODIES_PER_KILL
    for number in range(total):
        bodies.put(body(SPANS_PER_BODY, seed=seed * 1_000_000 + number))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    outcome = Outcome(sent=total * SPANS_PER_BODY)
    victim = Victim(directory, port, variant)
    clients = Clients(port, bodies)
    threads = clients.start()
    aims = itertools.cycle([True] if variant == NO_BATCH_ID else [False] if variant == MEMORY else [False, True])
    for number in range(kills):
        clients.wait_for(number * BODIES_PER_KILL + source.randrange(10, BODIES_PER_KILL // 2))
        if next(aims):
            victim.wait_until_stored()
        victim.kill(outcome)
    for thread in threads:
        thread.join()
    if variant == MEMORY:
        time.sleep(1.0)  # what it holds in memory at an orderly end is not the question here
    victim.stop()
    (row,) = stored(
        directory, "SELECT count() AS rows, uniqExact(Timestamp, TraceId, SpanId) AS spans FROM otel_traces"
    )
    outcome.rows, outcome.spans = row["rows"], row["spans"]
    return outcome


def main() -> int:
    """Run the variants and print what became of them; exit 1 when one is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--controls", action="store_true", help="run the two controls, which must fail, as well")
    options = parser.parse_args()
    verdicts = {
        DURABLE: lambda found: found.rows == found.spans == found.sent,
        MEMORY: lambda found: found.spans < found.sent,
        NO_BATCH_ID: lambda found: found.rows > found.spans == found.sent,
    }
    as_expected = True
    for variant in verdicts if options.controls else [DURABLE]:
        with tempfile.TemporaryDirectory() as directory:
            found = run(Path(directory), variant=variant, kills=options.kills, seed=options.seed)
        is_right = verdicts[variant](found)
        as_expected = as_expected and is_right
        sys.stdout.write(
            f"{variant} (seed {options.seed}): {options.kills} kills, {found.acknowledged_not_stored} with spans"
            f" acknowledged and not stored, {found.stored_not_forgotten} with spans stored and not forgotten;"
            f" sent {found.sent}, stored {found.spans} ({found.sent - found.spans} lost), rows {found.rows}"
            f" ({found.rows - found.spans} doubled): {'as it must be' if is_right else 'WRONG'}\n"
        )
    return 0 if as_expected else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        run_server(Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
        sys.exit(0)
    sys.exit(main())
