"""The spool keeps what it acknowledged, and only that."""

from __future__ import annotations

import os
import random
import resource
import shutil
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.receiver.spool.record import Record, body_digest, read_records, scan
from modeltally.receiver.spool.refused import damaged_segments, forget_users
from modeltally.receiver.spool.spool import Spool, SpoolFullError
from receiver.bodies import ATTRIBUTES, body

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.receiver.spool.spool import Segment


def open_spool(directory: Path, **how: Any) -> Spool:
    """Open a spool with room for 10 MB."""
    return Spool(directory, **{"max_bytes": 10_000_000, "min_free_disk_bytes": 0, **how})


def append(spool: Spool, number: int, *, spans: int = 1) -> bool:
    """Append one request and wait until it is safe; tells whether it was new."""
    content = body(spans, seed=number)
    ended = threading.Event()
    errors: list[Exception | None] = []

    def done(error: Exception | None) -> None:
        errors.append(error)
        ended.set()

    is_new = spool.append(content, items=spans, received_ms=1000 + number, digest=body_digest(content), done=done)
    assert ended.wait(60)
    if errors[0] is not None:
        raise errors[0]
    return is_new


def segments(spool: Spool) -> Iterator[Segment]:
    """Take every segment out of a spool."""
    while (segment := spool.next_segment(min_age_seconds=0, timeout_seconds=0)) is not None:
        yield segment
        spool.remove(segment)


def numbers(spool: Spool) -> list[int]:
    """Take everything out of a spool; gives the numbers of the requests."""
    return [
        record.received_ms - 1000 for segment in segments(spool) for record in read_records(segment.path.read_bytes())
    ]


def test_a_record_reads_as_it_was_written() -> None:
    """What is framed comes back whole."""
    record = Record(b"\x0a\x00", received_ms=2**40, items=3, digest=bytes(range(16)))
    assert list(read_records(record.message() + record.message())) == [record, record]


def test_requests_wait_for_the_next_start_when_the_spool_is_closed(tmp_path: Path) -> None:
    """A closed spool is taken up where it was left."""
    spool = open_spool(tmp_path)
    assert [append(spool, number) for number in range(5)] == [True] * 5
    spool.close()
    again = open_spool(tmp_path)
    assert again.records == 5
    assert numbers(again) == [0, 1, 2, 3, 4]
    assert again.wait_until_empty(timeout_seconds=0)
    assert again.used_bytes == 0
    again.close()
    assert list(tmp_path.glob("*.spool")) == []


@pytest.mark.parametrize("cut", [1, 6, 40, 200])
def test_a_torn_end_is_cut_off(tmp_path: Path, cut: int) -> None:
    """A crash in the middle of a write loses that write alone, which nobody was promised."""
    spool = open_spool(tmp_path)
    for number in range(3):
        append(spool, number)
    spool.close()
    (path,) = tmp_path.glob("*.spool")
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    again = open_spool(tmp_path)
    assert numbers(again) == [0, 1]
    again.close()
    assert list((tmp_path / "refused").iterdir()) == []


def test_a_damaged_record_is_set_aside_and_the_rest_kept(tmp_path: Path) -> None:
    """A flipped bit on the disk costs one record, and its bytes are kept for people to look at."""
    spool = open_spool(tmp_path)
    for number in range(3):
        append(spool, number)
    spool.close()
    (path,) = tmp_path.glob("*.spool")
    content = bytearray(path.read_bytes())
    content[50] ^= 1
    path.write_bytes(content)
    again = open_spool(tmp_path)
    assert numbers(again) == [1, 2]
    again.close()
    (kept,) = (tmp_path / "refused").iterdir()
    assert kept.read_bytes() == content


def test_names_of_segments_never_repeat(tmp_path: Path) -> None:
    """A batch id that came twice would make the store drop the second batch."""
    names = set()
    for start in range(5):
        spool = open_spool(tmp_path)
        for number in range(3):
            append(spool, 10 * start + number)
            spool.seal()
        names |= {segment.name for segment in segments(spool)}
        spool.close()
    assert len(names) == 15


def test_a_body_is_known_again_after_a_restart(tmp_path: Path) -> None:
    """What an earlier process wrote down without telling its client is not written twice."""
    spool = open_spool(tmp_path)
    assert append(spool, 1)
    assert not append(spool, 1)
    spool.close()
    again = open_spool(tmp_path)
    assert not append(again, 1)
    assert append(again, 2)
    assert numbers(again) == [1, 2]
    again.close()


def test_requests_at_once_are_all_kept(tmp_path: Path) -> None:
    """Forty writers at the same time share the disk and lose nothing."""
    spool = open_spool(tmp_path)
    writers = [threading.Thread(target=append, args=(spool, number)) for number in range(40)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(numbers(spool)) == list(range(40))
    spool.close()


def test_a_full_spool_takes_nothing_and_what_it_has_is_intact(tmp_path: Path) -> None:
    """At its cap it refuses; when something was stored it takes again."""
    spool = open_spool(tmp_path, max_bytes=20_000)
    taken = 0
    message = ""
    while not message:
        try:
            append(spool, taken)
            taken += 1
        except SpoolFullError as error:
            message = str(error)
    assert message.startswith("the spool is full")
    assert taken > 5
    assert spool.used_bytes <= 20_000
    assert numbers(spool) == list(range(taken))
    assert append(spool, 1000)
    spool.close()


def test_a_disk_at_its_floor_takes_nothing(tmp_path: Path) -> None:
    """The free disk the store needs is not the spool's to fill."""
    spool = open_spool(tmp_path, min_free_disk_bytes=2**60)
    with pytest.raises(SpoolFullError, match="bytes free"):
        append(spool, 1)
    with pytest.raises(SpoolFullError):
        spool.check_room()
    spool.close()


def test_a_failed_write_is_undone(tmp_path: Path) -> None:
    """When the disk refuses a write, nothing of it stays, and later writes go on."""
    spool = open_spool(tmp_path)
    assert append(spool, 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    (path,) = tmp_path.glob("*.spool")
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 100, before[1]))
    try:
        with pytest.raises(SpoolFullError, match="cannot write"):
            append(spool, 2, spans=50)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert append(spool, 2, spans=50)
    assert append(spool, 3)
    assert numbers(spool) == [1, 2, 3]
    spool.close()


@pytest.mark.parametrize("seed", range(10))
def test_a_flipped_bit_costs_only_the_record_it_hit(tmp_path: Path, seed: int) -> None:
    """Wherever it is, in lengths, marks or content: all other records are kept, and a lost one is counted."""
    spool = open_spool(tmp_path)
    for number in range(6):
        append(spool, number, spans=1 + number % 3)
    spool.close()
    (path,) = tmp_path.glob("*.spool")
    content = path.read_bytes()
    ends = [len(message) for _, message in scan(content)]
    starts = [sum(ends[:number]) for number in range(len(ends))]
    chosen = random.Random(seed)
    for trial in range(20):
        place = chosen.randrange(len(content)) if trial else starts[seed % 6]  # a length in any case
        damaged = bytearray(content)
        damaged[place] ^= 1 << chosen.randrange(8)
        directory = tmp_path / f"{trial}"
        directory.mkdir()
        (directory / path.name).write_bytes(damaged)
        again = open_spool(directory)
        found = numbers(again)
        hit = sum(start <= place for start in starts) - 1
        assert [number for number in range(6) if number != hit] == [number for number in found if number != hit]
        assert again.damaged == (hit not in found), place
        assert again.refused.damaged == 1
        again.close()


def test_damage_is_remembered_by_the_next_start(tmp_path: Path) -> None:
    """Each damaged segment is kept as it was, so that whoever looks later is told as well."""
    spool = open_spool(tmp_path)
    append(spool, 1)
    append(spool, 2)
    spool.close()
    (path,) = tmp_path.glob("*.spool")
    content = bytearray(path.read_bytes())
    content[60] ^= 4
    path.write_bytes(content)
    open_spool(tmp_path).close()
    again = open_spool(tmp_path)
    assert (again.damaged, again.refused.damaged) == (0, 1)
    assert [found.read_bytes() for found in damaged_segments(tmp_path)] == [content]
    assert numbers(again) == [2]
    again.close()


def test_links_are_never_followed(tmp_path: Path) -> None:
    """A link among the segments, in the folder aside or in its place, leads nowhere, and the start goes on."""
    outside = tmp_path / "outside"
    outside.write_text("somebody's file")
    directory = tmp_path / "spool"
    (directory / "refused").mkdir(parents=True)
    (directory / "a.spool").symlink_to(outside)
    (directory / "b.spool").symlink_to(tmp_path / "nowhere")
    (directory / "c.spool").mkdir()
    (directory / "refused" / "dangling").symlink_to(tmp_path / "nowhere")
    spool = open_spool(directory)
    append(spool, 1)
    spool.close()
    assert outside.read_text() == "somebody's file"
    assert (directory / "a.spool").is_symlink()
    shutil.rmtree(directory / "refused")
    (directory / "refused").symlink_to(tmp_path / "nowhere")
    again = open_spool(directory)
    assert numbers(again) == [1]
    again.close()
    assert not (directory / "refused").is_symlink()
    assert not (tmp_path / "nowhere").exists()


def test_what_is_set_aside_has_a_bound(tmp_path: Path) -> None:
    """The oldest files go, also at a start; the newest stays, and there is room again for what comes."""
    spool = open_spool(tmp_path, max_bytes=40_000)
    for number in range(60):
        append(spool, number, spans=4)
        segment = spool.next_segment(min_age_seconds=0, timeout_seconds=1)
        assert segment is not None
        newest = spool.set_aside(segment)
    assert spool.refused.used_bytes <= 10_000
    assert spool.refused.count > 1
    spool.close()
    again = open_spool(tmp_path, max_bytes=4_000)
    assert again.refused.used_bytes <= 1_000 or again.refused.count == 1
    assert newest.exists()
    again.close()


def test_nobody_else_reads_the_spool(tmp_path: Path) -> None:
    """Files and folders are the owner's, whatever the umask, and though the directory was open before."""
    (tmp_path / "spool").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        spool = open_spool(tmp_path / "spool")
        append(spool, 1)
        segment = spool.next_segment(min_age_seconds=0, timeout_seconds=1)
        assert segment is not None
        spool.set_aside(segment)
        append(spool, 2)
        spool.close()
    finally:
        os.umask(before)
    assert [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o077] == []


def set_aside(directory: Path, *users: str) -> Path:
    """Set a segment aside, with a request of each user's; gives its place."""
    spool, written = open_spool(directory), threading.Semaphore(0)
    for number, user in enumerate(users):
        content = body(3, seed=number).replace(str(ATTRIBUTES["user.hash"]).encode(), user.encode())
        spool.append(content, items=3, received_ms=0, digest=body_digest(content), done=lambda _: written.release())
        assert written.acquire(timeout=60)
    segment = spool.next_segment(min_age_seconds=0, timeout_seconds=60)
    assert segment is not None
    place = spool.set_aside(segment)
    spool.close()
    return place


def test_an_erased_user_is_taken_out_of_what_was_set_aside(tmp_path: Path) -> None:
    """The hash is in no file, damaged ones included; what else they hold is as it was, record for record."""
    erased, stays = "0123456789abcdef", "fedcba9876543210"
    whole = set_aside(tmp_path / "spool", erased, stays, erased)
    other = set_aside(tmp_path / "metrics_spool", stays)
    content, untouched = whole.read_bytes(), other.read_bytes()
    damaged = whole.with_name("a.spool.damaged")
    cut = content[:40] + b"\xff" + content[41:-7]
    damaged.write_bytes(cut)
    assert forget_users(tmp_path, lambda digits: digits == erased) == 2
    assert [path for path in tmp_path.rglob("*") if path.is_file() and erased.encode() in path.read_bytes()] == []
    assert other.read_bytes() == untouched

    before, after = list(read_records(content)), list(read_records(whole.read_bytes()))
    zeros = [replace(one, request=one.request.replace(erased.encode(), b"0" * 16)) for one in before]
    assert (len(after), after) == (3, zeros)
    assert damaged.read_bytes() == cut.replace(erased.encode(), b"0" * 16)
    assert forget_users(tmp_path, lambda digits: digits == erased) == 0
