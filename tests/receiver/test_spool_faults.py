"""Every call of the spool to the disk may fail, at any moment: nothing acknowledged is lost, and the threads go on."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from modeltally import threads
from modeltally.receiver.counters import Counters
from modeltally.receiver.spool import shipper
from modeltally.receiver.spool.record import read_records
from modeltally.receiver.spool.shipper import Shipper
from modeltally.receiver.spool.spool import Spool, SpoolFullError
from receiver.test_spool import append, open_spool
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modeltally.receiver.spool.spool import Segment

CALLS = (
    "chmod close fdatasync fsync ftruncate listdir lstat open read rename replace statvfs unlink write".split()  # noqa: SIM905 - a line of names
)
# how many calls in a row fail
ROWS = (1, 2, 5)


class Disk:
    """Calls of ``os`` that fail from a certain one on, for a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.seen: Counter[str] = Counter()
        self.failed = 0
        self._since: Counter[str] = Counter()
        self._directory = str(directory)
        self._lock = threading.Lock()
        self._failing = ("", 0, 0)
        for name in CALLS:
            monkeypatch.setattr(os, name, self._failing_call(name, getattr(os, name)))

    def fail(self, name: str, first: int, times: int) -> None:
        """Let the calls of a name fail, from one on, some times."""
        with self._lock:
            self._since.clear()
            self._failing = (name, first, first + times)

    def _failing_call(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*given: Any, **how: Any) -> Any:
            if not self._is_of_the_spool(given[0] if given else None):
                return call(*given, **how)
            with self._lock:
                self.seen[name] += 1
                self._since[name] += 1
                failing, first, last = self._failing
                fails = name == failing and first <= self._since[name] < last
                self.failed += fails
            if fails and name != "close":
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            done = call(*given, **how)
            if fails:  # a descriptor is gone even where closing it fails
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return done

        return wrapped

    def _is_of_the_spool(self, where: object) -> bool:
        if isinstance(where, int):
            with contextlib.suppress(OSError):
                return os.readlink(f"/proc/self/fd/{where}").startswith(self._directory)  # noqa: PTH115 - a descriptor
            return False
        return str(where).startswith(self._directory)


class Shelf:
    """A sink that notes what it is given."""

    max_segment_age_seconds = 0.01
    attempts = 2

    def __init__(self) -> None:
        self.stored: dict[str, list[int]] = {}

    def store(self, segment: Segment) -> None:
        """Store a segment once for each name."""
        self.stored[segment.name] = [record.received_ms - 1000 for record in read_records(segment.path.read_bytes())]

    def store_parts(self, segment: Segment) -> Counter[str]:
        """Say that nothing of it is left."""
        self.store(segment)
        return Counter()

    def flush(self) -> None:
        """Have nothing else."""

    @property
    def numbers(self) -> list[int]:
        """What is on it."""
        return [number for records in self.stored.values() for number in records]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Disk:
    """A disk that can fail, and threads that do not wait."""
    monkeypatch.setattr(shipper, "MAX_BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(shipper, "MIN_SEGMENT_AGE_SECONDS", 0.01)
    monkeypatch.setattr(threads, "PAUSE_SECONDS", 0.01)
    return Disk(monkeypatch, tmp_path)


def live(directory: Path, disk: Disk, fault: tuple[str, int, int]) -> tuple[Counter[int], list[int], list[str | None]]:
    """Run a spool and its shipper through a fault: what was acknowledged, what arrived, what is wrong at the end."""
    acknowledged: Counter[int] = Counter()
    shelf = Shelf()
    disk.fail(*fault)
    spool = None
    for _ in range(20):
        with contextlib.suppress(OSError):
            spool = open_spool(directory)
            break
    assert spool is not None
    ship = Shipper(spool, shelf, counters=Counters(), name="faults")
    ship.start()
    for number in range(6):
        with contextlib.suppress(SpoolFullError):
            append(spool, number)
            acknowledged[number] += 1
            assert spool.wait_until_empty(timeout_seconds=60)
    disk.fail("", 0, 0)
    assert append(spool, 100)
    acknowledged[100] += 1
    assert spool.wait_until_empty(timeout_seconds=60)
    assert wait_until(lambda: spool.problem is None, timeout_seconds=60)
    problems = [spool.problem, ship.problem]
    ship.stop(timeout_seconds=30)
    spool.close()
    return acknowledged, shelf.numbers, problems


@pytest.mark.parametrize("times", ROWS)
@pytest.mark.parametrize("name", CALLS)
def test_no_failed_call_loses_or_hangs_anything(tmp_path: Path, disk: Disk, name: str, times: int) -> None:
    """Whichever call fails, once or some times: what was acknowledged arrives, and afterwards all is well."""
    live(tmp_path / "none", disk, ("", 0, 0))
    calls = disk.seen[name]
    tried = min(calls, 16)
    for first in range(1, tried + 1):
        acknowledged, arrived, problems = live(tmp_path / f"{first}", disk, (name, first, times))
        assert set(acknowledged) <= set(arrived)
        assert problems == [None, None]
        assert [path.name for path in (tmp_path / f"{first}").glob("*.spool")] == []
    assert disk.failed >= tried * 3 // 4  # the last calls of one life may not come in another


def test_the_calls_that_fail_are_those_the_spool_makes(tmp_path: Path, disk: Disk) -> None:
    """The list is whole: each of its calls is made in a life of a spool with a restart, a torn end and damage."""
    live(tmp_path, disk, ("", 0, 0))
    spool = open_spool(tmp_path)
    append(spool, 1)
    spool.seal()
    append(spool, 2)
    spool.close()
    first, second = sorted(tmp_path.glob("*.spool"))
    first.write_bytes(first.read_bytes()[:-1] + b"\xff")
    second.write_bytes(second.read_bytes() + b"\x20\x0a")
    spool = open_spool(tmp_path)
    (segment,) = [spool.next_segment(min_age_seconds=0, timeout_seconds=1)]
    assert segment is not None
    spool.set_aside(segment)
    spool.close()
    assert set(CALLS) <= set(disk.seen)


@pytest.mark.parametrize("name", ["unlink", "rename", "replace", "fsync", "ftruncate", "open", "read", "write"])
def test_a_start_with_a_failing_call_loses_nothing(tmp_path: Path, disk: Disk, name: str) -> None:
    """A start over damage and a torn end either works or fails whole, and the next one has all that is sound."""
    spool = open_spool(tmp_path)
    for number in range(3):
        append(spool, number)
        spool.seal()
    spool.close()
    paths = sorted(tmp_path.glob("*.spool"))
    content = paths[0].read_bytes()
    paths[0].write_bytes(content + content[:-7] + b"damaged" + content[:50])
    for first in range(1, 8):
        disk.fail(name, first, 1)
        with contextlib.suppress(OSError):
            open_spool(tmp_path).close()
    disk.fail("", 0, 0)
    again = open_spool(tmp_path)
    found: list[int] = []
    while (segment := again.next_segment(min_age_seconds=0, timeout_seconds=0.1)) is not None:
        found += [record.received_ms - 1000 for record in read_records(segment.path.read_bytes())]
        again.remove(segment)
    again.close()
    assert sorted(set(found)) == [0, 1, 2]


def test_a_stored_segment_that_cannot_be_deleted_is_told_and_goes_later(tmp_path: Path, disk: Disk) -> None:
    """While the disk keeps it the spool names its problem and passes on what comes; then it is gone."""
    spool, shelf = open_spool(tmp_path), Shelf()
    ship = Shipper(spool, shelf, counters=Counters(), name="faults")
    ship.start()
    disk.fail("unlink", 1, 10**9)
    append(spool, 1)
    assert wait_until(lambda: "cannot be deleted" in (spool.problem or ""), timeout_seconds=60)
    append(spool, 2)
    assert wait_until(lambda: sorted(shelf.numbers) == [1, 2], timeout_seconds=60)
    disk.fail("", 0, 0)
    assert wait_until(lambda: spool.problem is None, timeout_seconds=60)
    ship.stop(timeout_seconds=30)
    spool.close()
    assert list(tmp_path.glob("*.spool")) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_is_gone_is_told_and_nothing_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that ends for a reason nobody foresaw is named, and requests are refused instead of waiting."""

    def leave(*_: object) -> None:
        raise SystemExit

    spool = open_spool(tmp_path)
    monkeypatch.setattr(spool, "_write", leave)
    spool.append(b"", items=1, received_ms=1, digest=b"1", done=lambda _: None)
    assert wait_until(lambda: "the thread spool writer of" in (spool.problem or ""), timeout_seconds=60)
    with pytest.raises(SpoolFullError, match="is gone"):
        spool.append(b"", items=1, received_ms=1, digest=b"2", done=lambda _: None)


def test_a_sink_that_raises_anything_does_not_end_its_thread(tmp_path: Path, disk: Disk) -> None:
    """Even what the shipper does not look for begins its loop anew."""

    class Odd(Shelf):
        flushes = 0

        def store_parts(self, segment: Segment) -> Counter[str]:
            """Fail in a way of its own."""
            raise AssertionError(segment.name)

    spool, shelf = open_spool(tmp_path), Odd()
    ship = Shipper(spool, shelf, counters=Counters(), name="faults")
    failed = threading.Event()
    original = Spool.next_segment

    def next_segment(*given: Any, **how: Any) -> Segment | None:
        if not failed.is_set():
            failed.set()
            raise KeyError
        return original(*given, **how)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Spool, "next_segment", next_segment)
        ship.start()
        assert failed.wait(60)
        append(spool, 1)
        assert wait_until(lambda: shelf.numbers == [1], timeout_seconds=60)
    assert ship.problem is None
    ship.stop(timeout_seconds=30)
    spool.close()
    del disk
