"""Checks by size, header and sum: what they find, what they read, what they leave as it was."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from availability.samples import gguf, safetensors
from libraries.fake_hub import git_sum
from modeltally.availability.disk import held_file
from modeltally.availability.folders import Folder
from modeltally.availability.headers import fault_of_gguf, fault_of_safetensors
from modeltally.availability.held import Digest, HeldFile, HeldModel, Revision
from modeltally.availability.reading import Throttle, opened_quietly
from modeltally.availability.states import ModelAvailabilityStatus as State
from modeltally.availability.verify import Level, bytes_to_read, check, checks_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOUND: dict[str, tuple[bytes, Callable[[io.BytesIO, int], str]]] = {
    "safetensors": (safetensors(1), fault_of_safetensors),
    "gguf": (gguf(1), fault_of_gguf),
}


def fault(kind: str, content: bytes) -> str:
    """Look at the header of some bytes."""
    return SOUND[kind][1](io.BytesIO(content), len(content))


def held(path: Path, content: bytes, **more: object) -> HeldFile:
    """Write a file and hold it with its true sum."""
    path.write_bytes(content)
    file, _ = held_file(
        path.name, path, expected_bytes=len(content), digest=Digest("sha256", hashlib.sha256(content).hexdigest())
    )
    return dataclasses.replace(file, **more)  # type: ignore[arg-type] # any of its fields


@pytest.mark.parametrize("kind", SOUND)
def test_sound_headers_have_no_fault(kind: str) -> None:
    """A file as its format wants it is good, also one without tensors."""
    assert fault(kind, SOUND[kind][0]) == ""
    empty = {"safetensors": safetensors(tensors=0), "gguf": gguf(tensors=0)}
    assert fault(kind, empty[kind]) == ""


@pytest.mark.parametrize("kind", SOUND)
def test_file_cut_anywhere_is_found(kind: str) -> None:
    """Wherever a file was cut, its header tells."""
    content = SOUND[kind][0]
    # the last tensor of the GGUF ends before the padding does
    until = len(content) if kind == "safetensors" else len(content) - 32
    for length in range(0, until, 7):
        assert fault(kind, content[:length]), length


@pytest.mark.parametrize("kind", SOUND)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_header_never_raises(kind: str, data: st.DataObject) -> None:
    """Bytes changed at will within the header end in a fault or in none, never in an error, and soon."""
    content = bytearray(SOUND[kind][0][:400])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert isinstance(fault(kind, bytes(content)), str)


def _safetensors(header: object) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(16)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "too short"),
        (struct.pack("<Q", 2**63) + b"{}", "its header would be"),
        (struct.pack("<Q", 2) + b"xx", "no JSON"),
        (_safetensors([]), "no table"),
        (_safetensors({"a": {"data_offsets": [0, 8]}, "b": {"data_offsets": [9, 16]}}), "begins at byte 9"),
        (_safetensors({"a": {"data_offsets": [0, 8]}}), "take 8 bytes, and 16 are there"),
        (_safetensors({"a": {"data_offsets": [8, 0]}}), "no place"),
        (_safetensors({"a": 3}), "no place"),
        (struct.pack("<Q", 200_000) + b"[" * 200_000, "no JSON"),
    ],
)
def test_faults_of_safetensors_are_named(content: bytes, told: str) -> None:
    """Each way in which a header does not fit is told in words."""
    assert told in fault("safetensors", content)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"GGML" + bytes(20), "begins with"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "which is not known"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0), "would have"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**40), "would be"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a" + struct.pack("<I", 99), "type 99"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 4, 2**50), "on"),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 8, 2**40),
            "would have 1099511627776 entries",
        ),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 17) + b"general.alignment"
            + struct.pack("<II", 4, 0),
            "alignment is 0",
        ),
    ],
)  # fmt: skip
def test_faults_of_gguf_are_named(content: bytes, told: str) -> None:
    """Each way in which a header does not fit is told in words."""
    assert told in fault("gguf", content)


def test_levels_find_what_they_look_for(tmp_path: Path) -> None:
    """A flipped bit of the weights shows by the sum alone, a broken header by headers, a lost byte by the size."""
    sound = safetensors(1)
    flipped, headless, short = bytearray(sound), bytearray(sound), sound[:-1]
    flipped[-1] ^= 1
    headless[0] ^= 1
    expected = {"flipped": (True, True, False), "headless": (True, False, False), "short": (False, False, False)}
    digest = Digest("sha256", hashlib.sha256(sound).hexdigest())
    for name, content in (("flipped", flipped), ("headless", headless), ("short", short)):
        path = tmp_path / f"{name}.safetensors"
        path.write_bytes(content)
        file, _ = held_file(path.name, path, expected_bytes=len(sound), digest=digest)
        found = tuple(next(checks_of([file], level)).is_good for level in Level)
        assert found == expected[name], name


def test_integrity_is_good_bytes_of_those_expected(tmp_path: Path) -> None:
    """The score counts bytes, of missing files those that the list says; what cannot be read has no score."""
    good = held(tmp_path / "a.bin", b"a" * 300)
    bad = held(tmp_path / "b.bin", b"b" * 100, digest=Digest("sha256", "0" * 64))
    gone = HeldFile("c.bin", tmp_path / "c.bin", None, expected_bytes=200, problem="is not there")
    model = HeldModel("m", "folder", "here", State.MISSING, revisions=(Revision("r", ("main",), (good, bad, gone)),))
    verdict = check(model, Level.SUMS)
    assert verdict.integrity_score == pytest.approx(300 / 600)
    assert (verdict.missing, verdict.corrupted, verdict.is_healthy) == (1, 1, False)
    assert check(model, Level.SIZES).integrity_score == pytest.approx(400 / 600)
    hidden = dataclasses.replace(
        model, revisions=(Revision("r", (), (good, dataclasses.replace(gone, is_hidden=True))),)
    )
    assert (check(hidden).integrity_score, check(hidden).is_healthy) == (None, None)
    assert check(model, revision="nothing like it").files == ()


def test_file_of_two_names_is_read_once(tmp_path: Path) -> None:
    """Two revisions' names of one file cost one reading, and both get what it found."""
    file = held(tmp_path / "a.bin", b"a" * 1000)
    (tmp_path / "b.bin").symlink_to(tmp_path / "a.bin")
    again = dataclasses.replace(file, name="b.bin", path=tmp_path / "b.bin")
    found = list(checks_of([file, again], Level.SUMS))
    assert [each.read_bytes for each in found] == [1000, 0]
    assert all(each.is_good and each.level is Level.SUMS for each in found)
    assert bytes_to_read([file, again], Level.SUMS) == 1000
    assert bytes_to_read([file, again], Level.HEADERS) == 0


def test_sums_of_git_are_understood(tmp_path: Path) -> None:
    """A file that is kept in git itself is summed as git does."""
    file = held(tmp_path / "config.json", b"{}", digest=Digest("git-sha1", git_sum(b"{}")))
    assert next(checks_of([file], Level.SUMS)).is_good


def test_reading_keeps_the_access_time(tmp_path: Path) -> None:
    """What this user owns is read without a trace: neither the access time nor that of the last change moves."""
    file = held(tmp_path / "a.safetensors", safetensors())
    os.utime(file.path, ns=(10**18, 10**18 + 5))
    for level in Level:
        assert next(checks_of([file], level)).is_good
    after = file.path.stat()
    assert (after.st_atime_ns, after.st_mtime_ns) == (10**18, 10**18 + 5)


def test_change_during_the_check_is_no_damage(tmp_path: Path) -> None:
    """A file that is written while it is read, or was after the listing, is to be looked at again."""
    file = held(tmp_path / "a.bin", b"a" * 5000)
    os.utime(file.path, ns=(0, 0))

    def touch(_: int) -> None:
        os.utime(file.path, ns=(1, 1))

    during = next(checks_of([file], Level.SUMS, advance=touch))
    assert (during.is_good, during.found) == (None, "changed while it was read: look again")
    file.path.write_bytes(b"longer than it was" * 500)
    assert next(checks_of([file], Level.SUMS)).is_good is None
    file.path.unlink()
    assert next(checks_of([file], Level.SUMS)).found == "has gone since it was listed"
    os.mkfifo(file.path)
    assert "no ordinary file" in next(checks_of([file], Level.SUMS)).found


def test_throttle_keeps_to_its_rate() -> None:
    """Under a clock that only its own waiting moves, bytes pass at the allowed rate, and idling saves none up."""
    now = 100.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    throttle = Throttle(1000, clock=lambda: now, sleep=sleep)
    for _ in range(10):
        throttle.passed(500)
    assert now == pytest.approx(105)
    now += 1000
    throttle.passed(1000)
    assert now == pytest.approx(1106)
    assert throttle.piece_bytes == 4096


def test_limit_counts_for_sums(tmp_path: Path) -> None:
    """A whole check takes as long as its bytes at the rate, and tells of each piece."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    file = held(tmp_path / "a.bin", bytes(100_000))
    pieces: list[int] = []
    throttle = Throttle(10_000, clock=lambda: now, sleep=sleep)
    assert next(checks_of([file], Level.SUMS, throttle=throttle, advance=pieces.append)).is_good
    assert now == pytest.approx(10)
    assert (sum(pieces), max(pieces)) == (100_000, 4096)


def test_files_without_a_sum_are_checked_by_their_header(tmp_path: Path) -> None:
    """Of a plain folder nobody knows sums: the level that was reached is told."""
    (tmp_path / "a.gguf").write_bytes(gguf())
    (tmp_path / "b.ckpt").write_bytes(b"x")
    found = {model.name: check(model, Level.SUMS).files[0] for model in Folder(tmp_path).listing().models}
    assert (found["a.gguf"].level, found["a.gguf"].is_good) == (Level.HEADERS, True)
    assert (found["b.ckpt"].level, found["b.ckpt"].is_good) == (Level.SIZES, True)
    (tmp_path / "a.gguf").write_bytes(b"<html>404</html>")
    (broken, _) = Folder(tmp_path).listing().models
    assert check(broken, Level.HEADERS).is_healthy is False


def test_only_ordinary_files_are_opened(tmp_path: Path) -> None:
    """A pipe or a folder is refused at once rather than waited for."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match=r"no ordinary file|directory"), opened_quietly(path):
            pass
