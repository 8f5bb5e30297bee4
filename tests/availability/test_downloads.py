"""Downloads against a hub on this machine: what comes, what is kept, what is asked for again, what is left behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from availability.samples import download, publish, safetensors
from libraries import fake_hub
from modeltally.availability.declared import ModelPriority
from modeltally.availability.downloads.child import Work
from modeltally.availability.downloads.faults import FetchError, NoSpaceError
from modeltally.availability.downloads.parts import locked_model, parts_in
from modeltally.availability.downloads.plan import Plan, PlannedFile, check_room
from modeltally.availability.downloads.queue import DownloadQueue
from modeltally.availability.downloads.rates import Rates, bytes_per_second
from modeltally.availability.downloads.record import DownloadReason, DownloadState, Lane
from modeltally.availability.downloads.runner import Runner
from modeltally.availability.held import Digest
from modeltally.errors import InputError, UnknownNameError
from modeltally.testing import captured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from libraries.fake_hub import FakeHub
    from modeltally.availability.downloads.record import Download
    from modeltally.testing import Captured

__all__ = ["captured"]

MODEL = "studio/t2v-A14B"
FILES = {"config.json": b'{"a": 1}', "empty.txt": b"", "model.safetensors": safetensors(3, bytes_each=700_000)}
BYTES = sum(map(len, FILES.values()))


@pytest.fixture
def served(hub: FakeHub) -> Iterator[FakeHub]:
    """Have the hub hold a model."""
    publish(hub, MODEL, dict(FILES))
    hub.served.clear()
    hub.requests.clear()
    hub.tick = lambda: None
    yield hub
    hub.tick = lambda: None


def files_of(cache: Path) -> dict[str, str | bytes]:
    """Give everything below a cache but locks: what files hold, where links lead."""
    found: dict[str, str | bytes] = {}
    for path in sorted(cache.rglob("*")):
        name = path.relative_to(cache).as_posix()
        if not name.startswith(".locks") and not (path.is_dir() and not path.is_symlink()):
            found[name] = os.fspath(path.readlink()) if path.is_symlink() else path.read_bytes()
    return found


def job_of(hub: FakeHub, cache: Path, **more: Any) -> dict[str, Any]:
    """Describe a download to who does it."""
    return {
        "model": MODEL,
        "revision": "",
        "cache": str(cache),
        "endpoint": hub.url,
        "files": [],
        "lane": "auto",
        "limit": None,
        "is_repair": False,
        "floor_bytes": 0,
        **more,
    }


def run_work(hub: FakeHub, cache: Path, **more: Any) -> list[dict[str, Any]]:
    """Fetch in this process, and give what was told."""
    told: list[dict[str, Any]] = []
    Work(job_of(hub, cache, **more), tell=told.append).run()
    return told


def run_queue(queue: DownloadQueue, **more: Any) -> None:
    """Work through a queue until nothing waits."""
    assert Runner(queue, floor_bytes=0, poll_seconds=0.02, backoff=lambda _: 0.05, **more).run(until_idle=True)


def run_until(hub: FakeHub, cache: Path, count: int) -> list[dict[str, Any]]:
    """Fetch in this process in small pieces, and stop once the hub has sent so many bytes."""
    told: list[dict[str, Any]] = []
    work = Work(job_of(hub, cache, limit=100_000), tell=told.append)
    work._throttle._sleep = lambda _: None  # type: ignore[union-attr]
    hub.tick = lambda: work.stop() if hub.served.total() >= count else None
    work.run()
    hub.tick = lambda: None
    return told


# -- one download ------------------------------------------------------------------------------------------------------


def test_cache_is_the_one_that_the_library_would_have_made(served: FakeHub, tmp_path: Path) -> None:
    """Every file, link and ref is as `snapshot_download` makes it, and each byte came once."""
    told = run_work(served, tmp_path / "ours")
    assert told[-1]["event"] == "done"
    assert told[-1]["moved_bytes"] == served.served.total() == BYTES
    download(served, MODEL, tmp_path / "theirs")
    assert files_of(tmp_path / "ours") == files_of(tmp_path / "theirs")


def test_download_that_stopped_goes_on_from_the_byte(served: FakeHub, tmp_path: Path) -> None:
    """What had come is not asked for again: both together moved each byte once, by the hub's count too."""
    served.files[MODEL]["model.safetensors"] = safetensors(5, bytes_each=1_000_000)
    told = run_until(served, tmp_path, 300_000)
    assert told[-1]["event"] == "stopped"
    first = told[-1]["moved_bytes"]
    assert 0 < first < BYTES
    assert served.served.total() == first
    (part,) = parts_in(tmp_path / f"models--{MODEL.replace('/', '--')}" / "blobs").values()
    assert part.stat().st_size == served.served["model.safetensors"]
    again = run_work(served, tmp_path)
    assert again[-1]["event"] == "done"
    assert again[-1]["resumed_bytes"] == part_bytes(first)
    assert first + again[-1]["moved_bytes"] == served.served.total() == sum(map(len, served.files[MODEL].values()))


def part_bytes(moved: int) -> int:
    """Say how much of the large file had come, of all that had."""
    return moved - len(FILES["config.json"])


def test_limit_holds_by_the_hubs_own_count(served: FakeHub, tmp_path: Path) -> None:
    """Under a clock of the test's own the hub never sent more than the limit allows, and a second's worth at once."""
    rate, now = 200_000.0, [0.0]
    seen: list[tuple[float, int]] = []
    work = Work(job_of(served, tmp_path, limit=rate), tell=lambda _: None, clock=lambda: now[0])

    def sleep(seconds: float) -> None:
        seen.append((now[0], served.served.total()))
        now[0] += seconds

    work._throttle._sleep = sleep  # type: ignore[union-attr]
    work.run()
    assert served.served.total() == BYTES
    assert all(count <= rate * at + 2 * rate for at, count in seen)
    assert now[0] == pytest.approx(BYTES / rate, rel=0.01)


def test_cut_connection_goes_on_from_the_byte(served: FakeHub, tmp_path: Path) -> None:
    """A connection that breaks again and again costs nothing twice."""
    served.cuts["model.safetensors"] = [100_000, 70_000, 1]
    told = run_work(served, tmp_path)
    assert told[-1]["event"] == "done"
    assert told[-1]["retries"] == 3
    assert told[-1]["moved_bytes"] == served.served.total() == BYTES


def test_hub_that_gives_no_parts_is_read_whole(
    served: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that ignores ranges is taken at its word, also where a part is here."""
    blobs = tmp_path / f"models--{MODEL.replace('/', '--')}" / "blobs"
    blobs.mkdir(parents=True)
    content = FILES["model.safetensors"]
    part = blobs / f"{hashlib.sha256(content).hexdigest()}.modeltally.incomplete"
    part.write_bytes(content[:500_000])
    monkeypatch.setattr("libraries.fake_hub.re.fullmatch", lambda *_: None)
    told = run_work(served, tmp_path)
    assert told[-1]["event"] == "done", told[-1]


@pytest.mark.parametrize(
    ("break_it", "error_type", "is_worth_retrying", "action"),
    [
        (lambda hub: hub.gated.add(MODEL), "gated", False, "accept its licence"),
        (lambda hub: hub.files.pop(MODEL), "not_found", False, "check the name"),
        (lambda hub: hub.files.update({MODEL: {}}), "no_files", False, "name files"),
    ],
    ids=["gated", "absent", "empty"],
)
def test_refusal_is_not_tried_again_and_says_what_to_do(
    served: FakeHub,
    tmp_path: Path,
    break_it: Any,
    error_type: str,
    is_worth_retrying: Any,
    action: str,
) -> None:
    """What somebody has to do something about ends at once, and leaves nothing behind."""
    break_it(served)
    told = run_work(served, tmp_path)
    end = told[-1]
    assert (end["event"], end["error_type"], end["is_worth_retrying"]) == ("failed", error_type, is_worth_retrying)
    assert action in end["action_required"]
    assert not list(tmp_path.rglob("*.incomplete"))


def test_wrong_content_is_thrown_away(served: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of another sum get no name in the cache; after two attempts it is said, and nothing is left."""
    _lie(served, monkeypatch, lambda content: bytes(len(content)))
    told = run_work(served, tmp_path)
    assert (told[-1]["event"], told[-1]["error_type"]) == ("failed", "wrong_sum")
    assert not [path for path in tmp_path.rglob("*") if path.name.endswith(".incomplete")]
    assert not (tmp_path / f"models--{MODEL.replace('/', '--')}" / "refs").exists()


@pytest.mark.parametrize("change", [lambda content: content + b"x", lambda content: content[:-1]], ids=["more", "less"])
def test_hub_that_lies_about_sizes_is_not_believed(
    served: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], bytes]
) -> None:
    """More or less than was announced ends the download, names both numbers, and keeps nothing."""
    _lie(served, monkeypatch, change)
    told = run_work(served, tmp_path)
    assert (told[-1]["event"], told[-1]["error_type"]) == ("failed", "lying_hub")
    assert f"{len(FILES['model.safetensors'])}" in told[-1]["why"]
    assert not list(tmp_path.rglob("*.incomplete"))


def _lie(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, change: Callable[[bytes], bytes]) -> None:
    """Have a hub send other content than it lists."""
    real = fake_hub._Handler._content

    def content(handler: Any, repository: str, path: str, *, has_body: bool) -> None:
        if path != "model.safetensors":
            real(handler, repository, path, has_body=has_body)
            return
        told = dict(hub.files[repository])
        hub.files[repository] = told | {path: change(FILES[path])}
        try:
            real(handler, repository, path, has_body=has_body)
        finally:
            hub.files[repository] = told

    monkeypatch.setattr(fake_hub._Handler, "_content", content)


def test_revision_that_changed_leaves_no_part_behind(served: FakeHub, tmp_path: Path) -> None:
    """A part of a file that the new revision does not have goes; the branch leads to the new commit."""
    told = run_until(served, tmp_path, 300_000)
    assert told[-1]["event"] == "stopped"
    publish(served, MODEL, {**FILES, "model.safetensors": safetensors(9)}, commit="second")
    assert run_work(served, tmp_path)[-1]["event"] == "done"
    folder = tmp_path / f"models--{MODEL.replace('/', '--')}"
    assert (folder / "refs" / "main").read_text() == served.commits[MODEL]
    assert not list(tmp_path.rglob("*.incomplete"))


def test_repair_replaces_what_is_damaged_and_nothing_else(served: FakeHub, tmp_path: Path) -> None:
    """A flipped bit is found by its sum; only that file comes again, and the rest stays the same file on disk."""
    run_work(served, tmp_path)
    before = files_of(tmp_path)
    blobs = tmp_path / f"models--{MODEL.replace('/', '--')}" / "blobs"
    large = max(blobs.iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(large.read_bytes())
    content[len(content) // 2] ^= 1
    large.write_bytes(content)
    served.served.clear()
    assert run_work(served, tmp_path)[-1]["moved_bytes"] == 0  # by its length it seems whole
    told = run_work(served, tmp_path, is_repair=True)
    assert told[-1]["event"] == "done"
    assert served.served == {"model.safetensors": len(content)}
    assert files_of(tmp_path) == before


def test_full_disk_while_it_comes_keeps_the_part(served: FakeHub, tmp_path: Path) -> None:
    """A file that the system does not let grow ends the process in order: the bytes are kept, the reason is said."""
    script = textwrap.dedent(
        """
        import json, resource, signal, sys
        from modeltally.availability.downloads.child import Work
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
        Work(json.loads(sys.argv[1]), tell=lambda event: print(json.dumps(event))).run()
        """
    )
    ran = subprocess.run([sys.executable, "-c", script, json.dumps(job_of(served, tmp_path))],
                         capture_output=True, text=True, check=True, timeout=120)  # fmt: skip
    end = json.loads(ran.stdout.splitlines()[-1])
    assert (end["event"], end["error_type"]) == ("failed", "no_space")
    assert "make room" in end["action_required"]
    (part,) = tmp_path.rglob("*.modeltally.incomplete")
    assert part.stat().st_size == 600_000
    assert run_work(served, tmp_path)[-1]["event"] == "done"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_cache_that_may_not_be_written_says_so(served: FakeHub, tmp_path: Path) -> None:
    """A read-only cache fails for good, and says whom to let in."""
    tmp_path.chmod(0o500)
    told = run_work(served, tmp_path / "cache")
    assert told[-1]["error_type"] == "read_only"
    assert "let this user write" in told[-1]["action_required"]


def test_cache_that_is_no_folder_fails(served: FakeHub, tmp_path: Path) -> None:
    """A file where the cache should be is told, and stays."""
    (tmp_path / "cache").write_text("mine")
    told = run_work(served, tmp_path / "cache")
    assert told[-1]["event"] == "failed"
    assert (tmp_path / "cache").read_text() == "mine"


def _planned(size: int, *, has: int = 0) -> PlannedFile:
    return PlannedFile("a", size, Digest("sha256", "0" * 64), Path("a"), is_here=False, part_bytes=has, is_xet=False)


def test_room_is_counted_with_what_is_here_and_what_stays_free(tmp_path: Path) -> None:
    """What a part has is not needed again; the floor stays free; the message names both amounts."""
    plan = Plan("0" * 40, (_planned(1000, has=400),))
    check_room(plan, tmp_path / "not" / "there", floor_bytes=100, usage=lambda _: (10_000, 700))
    with pytest.raises(NoSpaceError, match=r"needs 700 bytes on the volume of .*, 699 bytes free"):
        check_room(plan, tmp_path, floor_bytes=100, usage=lambda _: (10_000, 699))


def test_file_that_plain_http_does_not_serve_takes_the_fast_lane() -> None:
    """Large files come by the hub's own protocol, unless a lane without it is asked for: then that is said."""
    large = PlannedFile(
        "a", 60 * 1000**3, Digest("sha256", "0" * 64), Path("a"), is_here=False, part_bytes=0, is_xet=True
    )
    assert large.lane(Lane.AUTO, is_limited=True) is Lane.FAST
    with pytest.raises(FetchError, match="60,000,000,000 bytes"):
        large.lane(Lane.RESUMABLE, is_limited=False)
    assert _planned(5).lane(Lane.AUTO, is_limited=False) is Lane.RESUMABLE


def test_fast_lane_fetches_as_the_library_does(served: FakeHub, tmp_path: Path) -> None:
    """The same cache comes of it, and the bytes are counted."""
    told = run_work(served, tmp_path / "ours", lane="fast")
    assert told[-1]["event"] == "done", told[-1]
    download(served, MODEL, tmp_path / "theirs")
    assert files_of(tmp_path / "ours") == files_of(tmp_path / "theirs")


# -- the queue ---------------------------------------------------------------------------------------------------------


def test_order_is_by_urgency_damage_need_priority_and_use(tmp_path: Path) -> None:
    """Critical ones first, then damaged, then missing ones, by priority, use and age; it outlives the process."""
    queue = DownloadQueue(tmp_path)
    low, high = ModelPriority.LOW, ModelPriority.HIGH
    missing, corrupted = DownloadReason.MISSING, DownloadReason.CORRUPTED
    for name, priority, reason, uses in [
        ("o/rare", low, missing, 0.01),
        ("o/asked", high, DownloadReason.ASKED, 9),
        ("o/much", low, missing, 3),
        ("o/high", high, missing, 0),
        ("o/damaged", low, corrupted, 0),
        ("o/critical", ModelPriority.CRITICAL, DownloadReason.ASKED, 0),
    ]:
        queue.add(name, cache=tmp_path, priority=priority, reason=reason, uses_per_day=uses)
    queue.pause(queue.find("o/much").id)
    wanted = ["o/critical", "o/damaged", "o/high", "o/rare", "o/asked"]
    assert [each.model for each in DownloadQueue(tmp_path).waiting()] == wanted
    queue.resume(queue.find("o/much").id)
    assert [each.model for each in queue.waiting()][3:5] == ["o/much", "o/rare"]


def test_model_that_is_asked_for_twice_is_fetched_once(tmp_path: Path) -> None:
    """The second request raises the priority, and no second download comes of it."""
    queue = DownloadQueue(tmp_path)
    first = queue.add("o/m", cache=tmp_path)
    second = queue.add("o/m", cache=tmp_path / ".", priority=ModelPriority.CRITICAL)
    assert first.id == second.id
    assert [each.priority for each in queue.all()] == [ModelPriority.CRITICAL]


def test_states_that_do_not_allow_it_are_refused(tmp_path: Path) -> None:
    """What is over cannot be paused or cancelled; what is cancelled does not go on; the message says what it is."""
    queue = DownloadQueue(tmp_path)
    one = queue.add("o/m", cache=tmp_path)
    queue.cancel(one.id)
    for act in (queue.pause, queue.cancel, queue.resume):
        with pytest.raises(InputError, match="is cancelled"):
            act(one.id)
    with pytest.raises(UnknownNameError, match="there are: o/m"):
        queue.find("zzz")


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 9, "downloads": []}', '{"format": 1, "downloads": [{"id": 5}]}', "\0" * 50]
)
def test_file_that_is_no_queue_is_left_alone(tmp_path: Path, content: str) -> None:
    """A file that cannot be read is named, with what to do; nothing is written over it."""
    queue = DownloadQueue(tmp_path)
    queue.path.write_text(content)
    with pytest.raises(InputError, match=r"downloads\.json"):
        queue.add("o/m", cache=tmp_path)
    assert queue.path.read_text() == content


@pytest.mark.parametrize("name", ["", "  ", "/etc/passwd", "a/../../b", "a\nb", "x" * 600])
def test_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """What could lead out of the cache, or is no name, comes into no queue."""
    with pytest.raises(InputError, match="is no name of a model"):
        DownloadQueue(tmp_path).add(name, cache=tmp_path)


def test_many_threads_lose_no_download(tmp_path: Path) -> None:
    """Whoever adds at the same time as others finds all of them in the queue."""
    queues = [DownloadQueue(tmp_path) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda q=queue, n=number: [q.add(f"o/{n}-{each}", cache=tmp_path) for each in range(5)])
        for number, queue in enumerate(queues)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = queues[0].all()
    assert len({each.model for each in found}) == 20
    assert sorted(each.number for each in found) == list(range(1, 21))


def test_clock_that_was_set_back_ends_no_pause_in_the_past(tmp_path: Path) -> None:
    """A pause that ended before it began, by the clock, lasted no time."""
    now = [1000.0]
    queue = DownloadQueue(tmp_path, clock=lambda: now[0])
    one = queue.add("o/m", cache=tmp_path)
    queue.pause(one.id)
    now[0] = 10.0
    assert queue.resume(one.id).paused_seconds == 0.0


def test_rates_are_by_the_hours_of_a_zone() -> None:
    """The night begins and ends by the zone's clocks, over midnight too."""
    rates = Rates.of(10, 100, "22:00-06:00 Europe/Berlin")
    at = [datetime(2026, 7, 1, hour, tzinfo=UTC).timestamp() for hour in (19, 20, 3, 4)]
    assert [rates.at(each) for each in at] == [10, 100, 100, 10]
    assert Rates.of(0, 0).at(0) is None
    assert Rates.of(5, 7, "01:00-02:00").at(3600) == 7
    with pytest.raises(InputError, match="are no hours"):
        Rates.of(1, 2, "25:00-26:00")


def test_rate_is_read_with_its_unit() -> None:
    """Decimal and binary units are told apart, and what is no rate is refused."""
    assert bytes_per_second("10MB") == 10_000_000
    assert bytes_per_second("512KiB/s") == 524_288
    assert bytes_per_second("none") is None
    with pytest.raises(InputError, match="is no rate"):
        bytes_per_second("-5MB")


# -- who works through it ----------------------------------------------------------------------------------------------


def test_whole_download_is_one_operation_whose_bytes_are_the_hubs(
    served: FakeHub, tmp_path: Path, captured: Captured
) -> None:
    """A child fetches it, the queue knows, and one operation tells of it: bytes, files, priority, commit."""
    queue = DownloadQueue(tmp_path / "queue")
    one = queue.add(MODEL, cache=tmp_path / "cache", endpoint=served.url, priority=ModelPriority.HIGH)
    told: list[Download] = []
    run_queue(queue, told=told.append)
    assert queue.get(one.id).state is DownloadState.DONE
    assert next(each.state for each in told) is DownloadState.DOWNLOADING
    operation = captured.one()
    assert operation["modeltally.operation"] == "model.download"
    assert operation["modeltally.outcome"] == "success"
    assert operation["modeltally.model.id"] == MODEL
    assert operation["modeltally.download.bytes"] == served.served.total() == BYTES
    assert operation["modeltally.model.priority"] == "HIGH"
    assert operation["modeltally.download.protocol"] == "http"
    run_queue(queue)
    assert len(captured.all()) == 1


def _gate(hub: FakeHub, after: int) -> tuple[threading.Event, threading.Event]:
    """Have a hub stop in the middle until it is let go on; gives what says that it stands, and what lets it go."""
    reached, go = threading.Event(), threading.Event()

    def tick() -> None:
        if hub.served.total() >= after and not go.is_set():
            reached.set()
            go.wait(60)

    hub.tick = tick
    return reached, go


@contextlib.contextmanager
def running(queue: DownloadQueue, **more: Any) -> Iterator[Runner]:
    """Work through a queue beside a block."""
    runner = Runner(queue, floor_bytes=0, poll_seconds=0.02, backoff=lambda _: 0.05, **more)
    thread = threading.Thread(target=lambda: runner.run(until_idle=False))
    thread.start()
    try:
        yield runner
    finally:
        runner.stop()
        thread.join(60)
        assert not thread.is_alive()


def until(what: Callable[[], object]) -> None:
    """Wait for something, for a minute at most."""
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_killed_child_is_begun_anew_and_no_byte_is_uncounted(
    served: FakeHub, tmp_path: Path, captured: Captured
) -> None:
    """Killed with -9 in the middle, it goes on with what is on disk; every byte that got there is told of."""
    reached, go = _gate(served, 300_000)
    queue = DownloadQueue(tmp_path / "queue")
    one = queue.add(MODEL, cache=tmp_path / "cache", endpoint=served.url)
    with running(queue):
        assert reached.wait(60)
        pid = queue.get(one.id).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        until(lambda: queue.get(one.id).pid != pid)
        go.set()
        until(lambda: queue.get(one.id).state is DownloadState.DONE)
    done = queue.get(one.id)
    assert done.retries >= 1
    assert done.moved_bytes == BYTES
    assert BYTES <= served.served.total() < 2 * BYTES
    until(captured.all)
    assert captured.one()["modeltally.download.bytes"] == BYTES
    download(served, MODEL, tmp_path / "theirs")
    assert files_of(tmp_path / "cache") == files_of(tmp_path / "theirs")


def test_paused_download_is_resumed_and_cancelled_one_leaves_nothing(served: FakeHub, tmp_path: Path) -> None:
    """Told by way of the queue, as another process does: pause keeps the part, cancel removes it."""
    served.files[MODEL]["other.bin"] = safetensors(8, bytes_each=800_000)
    reached, go = _gate(served, 300_000)
    queue, elsewhere = DownloadQueue(tmp_path / "queue"), DownloadQueue(tmp_path / "queue")
    one = queue.add(MODEL, cache=tmp_path / "cache", endpoint=served.url)
    with running(queue):
        assert reached.wait(60)
        elsewhere.pause(one.id)
        time.sleep(0.3)
        go.set()
        until(lambda: queue.get(one.id).state != DownloadState.DOWNLOADING)
        paused = queue.get(one.id)
        assert paused.state is DownloadState.PAUSED
        elsewhere.cancel(one.id)
        assert queue.get(one.id).state is DownloadState.CANCELLED
    assert not list((tmp_path / "cache").rglob("*.incomplete"))


def test_critical_model_goes_first_at_once(served: FakeHub, tmp_path: Path) -> None:
    """One that is asked for in the middle of another stops that one, which goes on afterwards from its byte."""
    publish(served, MODEL, {f"{number}.bin": safetensors(number, bytes_each=100_000) for number in range(5)})
    publish(served, "studio/urgent", {"config.json": b"{}", "a.bin": b"x" * 5000})
    reached, go = _gate(served, 300_000)
    queue = DownloadQueue(tmp_path / "queue")
    slow = queue.add(MODEL, cache=tmp_path / "cache", endpoint=served.url, priority=ModelPriority.LOW)
    with running(queue):
        assert reached.wait(60)
        urgent = queue.add(
            "studio/urgent", cache=tmp_path / "cache", endpoint=served.url, priority=ModelPriority.CRITICAL
        )
        time.sleep(0.5)
        go.set()
        until(lambda: queue.get(slow.id).state is DownloadState.DONE)
    first, last = queue.get(urgent.id), queue.get(slow.id)
    assert first.ended_at is not None
    assert last.ended_at is not None
    assert first.ended_at < last.ended_at
    assert first.moved_bytes + last.moved_bytes == served.served.total()


def test_two_managers_of_one_cache_do_not_fetch_the_same(served: FakeHub, tmp_path: Path) -> None:
    """The second sees who is at it, waits, and finds it there."""
    with locked_model(tmp_path, MODEL):
        (end,) = run_work(served, tmp_path)
    assert (end["event"], end["error_type"], end["is_worth_retrying"]) == ("failed", "busy", True)
    assert f"process {os.getpid()} downloads {MODEL}" in end["why"]
    assert served.served.total() == 0


def test_second_runner_of_a_queue_steps_back(tmp_path: Path) -> None:
    """One process works through a queue, and others can tell."""
    queue = DownloadQueue(tmp_path)
    assert not queue.is_running
    with queue.running() as is_ours:
        assert is_ours
        assert DownloadQueue(tmp_path).is_running
        assert Runner(DownloadQueue(tmp_path)).run(until_idle=True) is False


def test_failure_is_told_with_what_to_do_and_no_attempt_more(
    served: FakeHub, tmp_path: Path, captured: Captured
) -> None:
    """A refusal ends the download at its first attempt; the operation tells its kind and no text."""
    served.gated.add(MODEL)
    queue = DownloadQueue(tmp_path / "queue")
    one = queue.add(MODEL, cache=tmp_path / "cache", endpoint=served.url)
    run_queue(queue)
    failed = queue.get(one.id)
    assert (failed.state, failed.error_type, failed.attempts) == (DownloadState.FAILED, "gated", 1)
    assert "hf auth login" in failed.action_required
    operation = captured.one()
    assert (operation["modeltally.outcome"], operation["error.type"]) == ("error", "gated")


_KILLED = """
import json, os, signal, sys
job, told_to = json.loads(sys.argv[1]), int(sys.argv[2])
import huggingface_hub, requests
from huggingface_hub import HfApi, snapshot_download
from modeltally.availability.downloads.child import Work

EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.symlink", "os.truncate", "os.link", "socket.connect"}

def run(cache, kill_at):
    pid = os.fork()
    if pid == 0:
        count = [0]
        def hook(event, given):
            is_step = event in EVENTS and (event == "socket.connect" or cache in str(given[0]))
            is_step = is_step and not (event == "open" and not given[2] & (os.O_WRONLY | os.O_RDWR))
            if is_step:
                count[0] += 1
                if count[0] == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
        told = []
        Work({**job, "cache": cache}, tell=told.append).run()
        os._exit(0 if told[-1]["event"] == "done" else 3)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

at = 1
while True:
    cache = f"{job['cache']}/{at}"
    os.makedirs(cache)
    first = run(cache, at)
    assert first in (0, -9), first
    if first == 0:
        break
    assert run(cache, 0) == 0, at
    at += 1
print(at - 1)
"""


@pytest.mark.slow(seconds=20, why="a download for each step at which it is killed, twice")
def test_killed_at_every_step_it_ends_as_if_nothing_had_been(served: FakeHub, tmp_path: Path) -> None:
    """Killed with -9 before each write, rename, link and connection in turn, then run again: the same cache."""
    served.files[MODEL] = {**FILES, "model.safetensors": safetensors(4, bytes_each=200_000)}
    ran = subprocess.run([sys.executable, "-c", _KILLED, json.dumps(job_of(served, tmp_path / "killed")), "0"],
                         capture_output=True, text=True, check=False, timeout=900)  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    steps = int(ran.stdout)
    assert steps > 20
    download(served, MODEL, tmp_path / "theirs")
    wanted = files_of(tmp_path / "theirs")
    for at in range(1, steps + 1):
        assert files_of(tmp_path / "killed" / str(at)) == wanted, at
