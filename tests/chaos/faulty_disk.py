"""A disk that fails, fills up, turns read-only and flips bits, under a real server: what is lost must be said.

``python tests/chaos/faulty_disk.py --places 200 --seed 1 --controls`` prints what became of each part.

- ``faults``: while clients send, each call of the spool fails by turns, once or often, with each error a disk has; then
  all that write fail as on a disk that is full, and as on one that is read-only. Nothing may be lost or doubled.
- ``starts``: the calls that a start makes fail while it reads a spool with damage in it. The next one has the rest.
- ``full``: a file system of its own (tmpfs, where this process may mount one) is filled to the last byte, and the
  server killed on it. Nothing may be lost or doubled.
- ``bits``: one bit is flipped, at so many random places of the spool and of the engine's files. Each record that is not
  stored is counted as damaged, and an answer that is not as before comes with damage that is told.

The controls, which must fail: a spool that takes what the disk refused for written; one that trusts what it reads.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import itertools
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from chaos.server_kill import SENDERS
from modeltally.errors import ModelTallyError
from modeltally.jobs import runners
from modeltally.receiver.spool import files, record
from modeltally.receiver.spool.record import body_digest
from modeltally.receiver.spool.spool import Spool
from modeltally.server import LocalServer, find_server
from modeltally.settings import Settings
from modeltally.store import open_store
from receiver.bodies import Sender, body
from support.servers import settings_for
from support.stores import Template, ask, stored
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What a spool that runs calls, and what one calls that starts; moving what the store refuses is in tests/receiver.
RUNNING: Final = {"close", "fdatasync", "fsync", "ftruncate", "open", "statvfs", "unlink", "write"}
STARTING: Final = {
    "chmod",
    "close",
    "fdatasync",
    "fsync",
    "listdir",
    "lstat",
    "open",
    "read",
    "replace",
    "unlink",
    "write",
}
WRITING: Final = {"chmod", "fdatasync", "fsync", "ftruncate", "open", "rename", "replace", "unlink", "write"}
ERRORS: Final = (errno.EIO, errno.ENOSPC, errno.EROFS)
# How many calls in a row fail.
ROWS: Final = (1, 3, 40)
FAULT_SECONDS: Final = 0.15
PHASE_SECONDS: Final = 2.0
SPANS_PER_BODY: Final = 20
SEGMENTS, RECORDS = 20, 5
RECEIVED_MS: Final = 1763000000000
DISK_BYTES: Final = 96 * 1024**2
CARELESS: Final = "careless"
COUNT: Final = "SELECT count() AS rows, uniqExact(Timestamp, TraceId, SpanId) AS spans FROM otel_traces"
ROWS_OF: Final = (
    "SELECT SpanId, TraceId, toUnixTimestamp64Nano(Timestamp) AS at, Duration, SpanName, ServiceName, SpanAttributes,"
    " ResourceAttributes FROM otel_traces ORDER BY ALL"
)
EVENTS_OF: Final = "SELECT * FROM usage_events ORDER BY start, trace_id, span_id"


@dataclass
class Outcome:
    """What became of one part.

    Attributes:
        sent: Spans acknowledged.
        spans: Distinct spans stored.
        rows: Rows stored.
        refused: Requests that were refused meanwhile, and sent again.
        faults: How often each call failed.
        said: Lost, and said to be.
        wrong: What is not as it must be.
    """

    sent: int = 0
    spans: int = 0
    rows: int = 0
    refused: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    said: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """Say it in a line."""
        return (
            f"sent {self.sent}, stored {self.spans or self.rows}, rows {self.rows}, lost and said {self.said},"
            f" refused meanwhile {self.refused}, wrong {len(self.wrong)} {self.wrong[:3]}"
        )

    @property
    def is_exact(self) -> bool:
        """Whether nothing is lost or doubled."""
        return self.rows == self.spans == self.sent > 0


# -- the server, in a process of its own -------------------------------------------------------------------------------


class Faults:
    """Calls of ``os`` on the spools that fail while a plan says so."""

    def __init__(self, directory: Path) -> None:
        """Stand before the calls."""
        self.failed: Counter[str] = Counter()
        self._spools = tuple(str(directory / name) for name in ("spool", "metrics_spool"))
        self._lock = threading.Lock()
        self._names: set[str] = set()
        self._left, self._error = 0, errno.EIO
        for name in sorted(RUNNING | STARTING | WRITING):
            setattr(os, name, self._failing(name, getattr(os, name)))

    def fail(self, names: set[str], *, times: int, error: int) -> None:
        """Let calls of these names fail, so many times."""
        with self._lock:
            self._names, self._left, self._error = names, times, error

    def run(self, seed: int) -> None:
        """Let each call fail with each error, then all that write."""
        plan = list(itertools.product(sorted(RUNNING), ERRORS, ROWS))
        random.Random(seed).shuffle(plan)
        for name, error, times in plan:
            self.fail({name}, times=times, error=error)
            time.sleep(FAULT_SECONDS)
        for error in (errno.ENOSPC, errno.EROFS):
            self.fail(WRITING, times=10**9, error=error)
            time.sleep(PHASE_SECONDS)
            self.fail(set(), times=0, error=error)
            time.sleep(PHASE_SECONDS)

    def _failing(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **how: Any) -> Any:
            if name not in self._names or not self._is_ours(given[0] if given else None):
                return call(*given, **how)
            with self._lock:
                fails = name in self._names and self._left > 0
                self._left -= fails
                self.failed[name] += fails
            if fails and name != "close":
                raise OSError(self._error, os.strerror(self._error))
            done = call(*given, **how)
            if fails:  # a descriptor is gone even where closing it fails
                raise OSError(self._error, os.strerror(self._error))
            return done

        return wrapped

    def _is_ours(self, where: object) -> bool:
        if isinstance(where, int):
            with contextlib.suppress(OSError):
                return os.readlink(f"/proc/self/fd/{where}").startswith(self._spools)  # noqa: PTH115 - a descriptor
            return False
        return str(where).startswith(self._spools)


def run_server(directory: Path, port: int, seed: int, variant: str) -> None:
    """Serve until SIGTERM, on a disk that fails for a while where a seed is given; say so when it is over."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    if variant == CARELESS:
        write = files.write

        def careless(descriptor: int, content: bytes) -> None:
            with contextlib.suppress(OSError):
                write(descriptor, content)

        files.write = careless
    faults = Faults(directory)
    if variant in STARTING:
        faults.fail({variant}, times=2, error=errno.EIO)
    with LocalServer(settings_for(directory, otlp_port=port)):
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if seed:
            faults.run(seed)
            sys.stdout.write(json.dumps(faults.failed) + "\n")
            sys.stdout.flush()
        ended.wait()


class Server:
    """That process."""

    def __init__(self, directory: Path, *, port: int, seed: int = 0, variant: str = "") -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, __file__, "--serve", str(directory), str(port), str(seed), variant]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        if self.line() != "ready":
            self.stop()
            raise RuntimeError("the server did not start")
        address = find_server(directory)
        assert address is not None
        self.url = address.address.otlp_url

    def line(self) -> str:
        """Read what it says next."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().decode().strip()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; gives its exit code."""
        self._process.send_signal(number)
        code = self._process.wait(120)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


class Clients:
    """Threads that send bodies of their own, each until it is acknowledged, until they are told to stop."""

    def __init__(self, url: str, seed: int, outcome: Outcome) -> None:
        """Begin."""
        self._url, self._outcome = url, outcome
        self._numbers = itertools.count(seed * 1_000_000)
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(SENDERS)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, *, spans: int = 0, refusals: int = 0) -> None:
        """Wait until so many spans more are acknowledged, and so many requests more refused."""
        sent, refused = self._outcome.sent + spans, self._outcome.refused + refusals
        if not wait_until(lambda: self._outcome.sent >= sent and self._outcome.refused >= refused):
            self._outcome.wrong.append(f"not {spans} spans and {refusals} refusals more")

    def stop(self) -> None:
        """Have the last bodies acknowledged, and end."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        with contextlib.closing(Sender(self._url, timeout_seconds=30)) as sender:
            while not self._ended.is_set():
                content = body(SPANS_PER_BODY, seed=next(self._numbers))
                while not self._is_acknowledged(sender, content):
                    time.sleep(0.02)
                with self._lock:
                    self._outcome.sent += SPANS_PER_BODY

    def _is_acknowledged(self, sender: Sender, content: bytes) -> bool:
        try:
            status = sender.send(content).status
        except Exception:  # noqa: BLE001 - whatever a server that is killed does to a connection
            return False
        with self._lock:
            self._outcome.refused += status != 200
        return status == 200


def count(directory: Path, outcome: Outcome) -> Outcome:
    """Count what is stored."""
    (row,) = stored(directory, COUNT)
    outcome.rows, outcome.spans = row["rows"], row["spans"]
    return outcome


def run_faults(directory: Path, *, seed: int, variant: str = "") -> Outcome:
    """Feed a server whose disk fails by a plan."""
    outcome = Outcome()
    server = Server(directory, port=0, seed=seed, variant=variant)
    clients = Clients(server.url, seed, outcome)
    outcome.faults = Counter(json.loads(server.line()))
    clients.stop()
    server.stop()
    return count(directory, outcome)


def run_starts(directory: Path, template: Template, *, seed: int) -> Outcome:
    """Start a server over a damaged spool while a call fails, and once more while none does."""
    outcome, source = Outcome(), random.Random(seed)
    spool_with_segments(template.copy(directory / "truth"))
    shutil.copytree(directory / "truth" / "spool", directory / "spool")
    truth = Counter(found_in_spool(directory / "truth")[0])
    for name in sorted(STARTING):
        here = template.copy(directory / name)
        shutil.copytree(directory / "spool", here / "spool")
        for path in sorted((here / "spool").glob("*.spool"))[:3]:
            flip(path, source)
        try:
            Server(here, port=0, variant=name).stop()
        except RuntimeError:
            outcome.faults["starts that failed"] += 1
        rows, _ = found_in_spool(here)
        copies = len(list((here / "spool" / "refused").glob("*.damaged")))
        lost, foreign = truth - Counter(rows), Counter(rows) - truth
        outcome.sent += truth.total()
        outcome.rows += len(rows)
        outcome.said += lost.total()
        if lost.total() > copies or foreign:
            outcome.wrong.append(f"{name}: {lost.total()} lost, {copies} copies, {foreign.total()} other rows")
    return outcome


# -- a disk that is full -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(where: Path) -> Iterator[bool]:
    """Mount a small file system; gives whether that is possible here."""
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(where)]
    is_there = (
        shutil.which("mount") is not None and not subprocess.run(mount, capture_output=True, check=False).returncode
    )
    try:
        yield is_there
    finally:
        if is_there:
            subprocess.run(["umount", str(where)], check=True)  # noqa: S607 - the system's own


def run_full(where: Path, *, seed: int) -> Outcome:
    """Fill the disk of a server to the last byte, kill it there, make room, and count what it has."""
    outcome = Outcome()
    directory, ballast = where / "data", where / "ballast"
    server = Server(directory, port=0)
    clients = Clients(server.url, seed, outcome)
    port = int(server.url.rpartition(":")[2])
    for _ in range(3):
        clients.wait_for(spans=500)
        fill(ballast)
        clients.wait_for(refusals=5)
        server.stop(signal.SIGKILL)
        with contextlib.suppress(RuntimeError):
            server = Server(directory, port=port)  # on the full disk, if it can
            time.sleep(0.5)
            server.stop(signal.SIGKILL)
        ballast.unlink()
        server = Server(directory, port=port)
    clients.wait_for(spans=500)
    clients.stop()
    server.stop()
    return count(directory, outcome)


def fill(path: Path) -> None:
    """Write a file until the disk takes no byte more."""
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        for size in (1024**2, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)):
                    pass


# -- flipped bits ------------------------------------------------------------------------------------------------------


def flip(path: Path, source: random.Random) -> None:
    """Flip one bit of a file."""
    content = bytearray(path.read_bytes())
    content[source.randrange(len(content))] ^= 1 << source.randrange(8)
    path.unlink()  # it may be a link to a file of others
    path.write_bytes(content)


def spool_with_segments(directory: Path) -> None:
    """Leave segments of a few records, of one span each."""
    spool = Spool(directory / "spool", max_bytes=10**9, min_free_disk_bytes=0)
    for number in range(SEGMENTS * RECORDS):
        content, ended = body(1, seed=number), threading.Event()

        def done(_: Exception | None, ended: threading.Event = ended) -> None:
            ended.set()

        spool.append(content, items=1, received_ms=RECEIVED_MS, digest=body_digest(content), done=done)
        ended.wait(60)
        if number % RECORDS == RECORDS - 1:
            spool.seal()
    spool.close()


def found_in_spool(directory: Path) -> tuple[list[str], int]:
    """Start a server over a spool: the rows it stores, and how many records it says are damaged."""
    with LocalServer(settings_for(directory)) as server:
        server.wait_until_stored(timeout_seconds=10)
        status = server._status()
    told = status["spool"]
    assert isinstance(told, dict)
    return [str(row) for row in stored(directory, ROWS_OF)], int(told["damaged_records"])


def run_spool_bits(directory: Path, template: Template, *, places: int, seed: int) -> Outcome:
    """Flip a bit in each segment of a spool, start a server on it, and compare what is stored with the truth."""
    outcome, source = Outcome(), random.Random(seed)
    spool_with_segments(template.copy(directory / "truth"))
    shutil.copytree(directory / "truth" / "spool", directory / "spool")
    truth = Counter(found_in_spool(directory / "truth")[0])
    for number in range(-(-places // SEGMENTS)):
        here = template.copy(directory / f"{number}")
        shutil.copytree(directory / "spool", here / "spool")
        for path in sorted((here / "spool").glob("*.spool")):
            flip(path, source)
        rows, said = found_in_spool(here)
        lost, foreign = truth - Counter(rows), Counter(rows) - truth
        outcome.sent += truth.total()
        outcome.spans += len(set(rows))
        outcome.rows += len(rows)
        outcome.said += lost.total()
        if lost.total() > said or foreign:
            outcome.wrong.append(f"{lost.total()} are lost, {said} said to be, {foreign.total()} are other rows")
    return outcome


def run_engine_bits(directory: Path, template: Template, *, places: int, seed: int) -> Outcome:
    """Flip a bit in one of the engine's files at a time, open the store, and hold its answers against the truth."""
    outcome, source = Outcome(), random.Random(seed)
    base = template.copy(directory / "base")
    with LocalServer(settings_for(base)) as server:
        for number in range(4):
            with contextlib.closing(Sender(server.address.otlp_url)) as sender:
                assert sender.send(body(50, seed=number)).status == 200
            server.wait_until_stored()
    truth = answers_in_a_process(base)
    for number in range(places):
        here = directory / f"{number}"
        shutil.copytree(base, here, symlinks=True)
        within = [path for path in sorted((here / "chdb").rglob("*")) if path.is_file() and not path.is_symlink()]
        hit = source.choice([path for path in within if path.stat().st_size])
        flip(hit, source)
        found = answers_in_a_process(here)
        outcome.sent += 1
        outcome.said += found["said"]
        outcome.rows += found["rows"] == truth["rows"]
        if found["rows"] != truth["rows"] and not found["said"]:
            outcome.wrong.append(f"other answers, and nothing said: {hit.relative_to(here)}")
        shutil.rmtree(here)
    return outcome


def answers_in_a_process(directory: Path) -> dict[str, Any]:
    """Ask a store in a process of its own, which damage may end: the rows, and whether damage is told."""
    run = subprocess.run(
        [sys.executable, __file__, "--answers", str(directory)],
        capture_output=True,
        text=True,
        errors="replace",  # the engine repeats damaged bytes in what it says
        check=False,
        timeout=120,
    )
    lines = run.stdout.splitlines()
    return dict(json.loads(lines[-1])) if run.returncode == 0 and lines else {"rows": None, "said": True}


def answers(directory: Path) -> dict[str, Any]:
    """Ask a store everything, as ``modeltally check`` and readers do."""
    try:
        with contextlib.closing(open_store(directory, settings=Settings(dir=directory), jobs=runners())) as store:
            store.migrate()
            store.verify()
            broken = any(row["broken_rows"] for row in store.run("check", {}))
            rows = [str(row) for text in (ROWS_OF, EVENTS_OF) for row in ask(store, text)]
            return {"rows": rows, "said": broken or store.damage() is not None}
    except ModelTallyError:
        return {"rows": None, "said": True}


# -- all of it ---------------------------------------------------------------------------------------------------------


def trusting(content: bytes) -> record.Record | None:
    """Read a record as a spool without checksums would."""
    split = len(content) - record._TRAILER_BYTES
    _, received_ms, _, items, _, digest = record._TRAILER.unpack_from(content, split)
    return record.Record(content[:split], received_ms, items, digest)


def main() -> int:
    """Run every part and print what became of it; exit 1 when one is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--controls", action="store_true", help="run the controls, which must fail, as well")
    options = parser.parse_args()
    logging.disable()  # each damaged segment is one line
    with tempfile.TemporaryDirectory() as temporary:
        verdicts = list(run(Path(temporary), seed=options.seed, places=options.places, controls=options.controls))
    return 0 if all(verdicts) else 1


def run(directory: Path, *, seed: int, places: int, controls: bool) -> Iterator[bool]:
    """Run every part, print what became of it, and give whether that is as it must be."""
    template, half = Template(directory / "template"), places // 2

    def told(name: str, said: str, *, is_right: bool) -> bool:
        sys.stdout.write(f"{name} (seed {seed}): {said}: {'as it must be' if is_right else 'WRONG'}\n")
        sys.stdout.flush()
        return is_right

    for variant in ("", CARELESS) if controls else ("",):
        found = run_faults(directory / f"faults{variant}", seed=seed, variant=variant)
        is_right = found.spans < found.sent if variant else found.is_exact and set(found.faults) >= RUNNING
        calls = ", ".join(f"{name} {times}" for name, times in sorted(found.faults.items()))
        yield told(f"faults {variant}".strip(), f"failed calls: {calls}; {found}", is_right=is_right)
    found = run_starts(directory / "starts", template, seed=seed)
    yield told("starts", f"{len(STARTING)} starts; {found}", is_right=not found.wrong)
    with small_disk(directory / "disk") as is_there:
        if is_there:
            found = run_full(directory / "disk", seed=seed)
            yield told(
                "full", f"filled, and killed there 3 times; {found}", is_right=found.is_exact and not found.wrong
            )
        else:
            sys.stdout.write("full: skipped, this process may mount no file system; the errors were among the faults\n")
    found = run_spool_bits(directory / "bits", template, places=half, seed=seed)
    yield told("bits of the spool", f"{half} places; {found}", is_right=not found.wrong)
    found = run_engine_bits(directory / "engine", template, places=half, seed=seed)
    said = f"{half} places, {found.rows} with the same answers, {found.said} told; {found.wrong[:5]}"
    yield told("bits of the engine", said, is_right=not found.wrong)
    if controls:
        record._record = trusting
        found = run_spool_bits(directory / "trusting", template, places=half, seed=seed)
        yield told("bits trusting", f"{half} places; {found}", is_right=bool(found.wrong))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        run_server(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
        sys.exit(0)
    if sys.argv[1:2] == ["--answers"]:
        sys.stdout.write(json.dumps(answers(Path(sys.argv[2]))) + "\n")
        sys.exit(0)
    sys.exit(main())
