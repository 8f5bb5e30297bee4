"""Checking a model's files: by their sizes, by their headers, or by their sums."""

from __future__ import annotations

import enum
import os
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from modeltally.availability.disk import inode_of
from modeltally.availability.headers import HEADERS
from modeltally.availability.reading import opened_quietly, sum_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from modeltally.availability.held import HeldFile, HeldModel, Inode
    from modeltally.availability.reading import Throttle

__all__ = ["CheckedFile", "Level", "Verdict", "bytes_to_read", "check", "checks_of"]

_HEADER_ROOM: Final = 1 << 16


class Level(enum.StrEnum):
    """How closely files are looked at; each level does what the ones before do."""

    SIZES = "sizes"
    HEADERS = "headers"
    SUMS = "sums"


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """What a check found of one file.

    Attributes:
        file: The file.
        is_good: True where nothing is wrong, False where something is, None where it could not be checked.
        found: What is wrong, or why it could not be checked; empty where nothing is.
        level: How closely it could be looked at: a file without a known sum is not summed.
        read_bytes: How much of it was read.
    """

    file: HeldFile
    is_good: bool | None
    found: str
    level: Level
    read_bytes: int = 0

    @property
    def expected_bytes(self) -> int:
        """The length it has to have, else the one it has."""
        expected = self.file.expected_bytes
        return (self.file.size_bytes or 0) if expected is None else expected


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found of a model.

    Attributes:
        model: Its name.
        revision: Which revision was checked.
        level: How closely it was to be looked at.
        files: What was found of each file.
    """

    model: str
    revision: str
    level: Level
    files: tuple[CheckedFile, ...]

    @property
    def is_healthy(self) -> bool | None:
        """True where all files are good, False where one is bad, None where one could not be checked."""
        found = {each.is_good for each in self.files}
        if False in found:
            return False
        return None if None in found or not found else True

    @property
    def expected_bytes(self) -> int:
        """Bytes that the files have to have."""
        return sum(each.expected_bytes for each in self.files)

    @property
    def good_bytes(self) -> int:
        """Bytes of the files that are good."""
        return sum(each.expected_bytes for each in self.files if each.is_good)

    @property
    def integrity_score(self) -> float | None:
        """Good bytes of those expected, from 0 to 1; None where a file could not be checked, or there is none."""
        if not self.files or any(each.is_good is None for each in self.files):
            return None
        if not self.expected_bytes:
            return float(all(each.is_good for each in self.files))
        return self.good_bytes / self.expected_bytes

    @property
    def missing(self) -> int:
        """How many files are not there."""
        return sum(each.file.is_missing for each in self.files)

    @property
    def corrupted(self) -> int:
        """How many files are there and bad."""
        return sum(each.is_good is False and not each.file.is_missing for each in self.files)


def bytes_to_read(files: Iterable[HeldFile], level: Level) -> int:
    """Say how much a check will read, headers aside; a file that has several names is read once."""
    if level is not Level.SUMS:
        return 0
    sizes = {file.inode: file.size_bytes or 0 for file in files if file.digest is not None and file.inode is not None}
    return sum(sizes.values())


def check(
    model: HeldModel,
    level: Level = Level.SIZES,
    *,
    revision: str = "",
    throttle: Throttle | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Verdict:
    """Check a revision of a model; see :func:`checks_of`.

    Args:
        model: The model, as a listing found it.
        level: How closely.
        revision: Which one: a name that points at it, or the begin of its own; empty for the one in use.
        throttle: How fast to read at most; None for no limit.
        advance: Takes how many bytes were read, piece by piece.

    Returns:
        What was found. A model without such a revision has no files.
    """
    for each in model.revisions:
        if not revision or revision in each.refs or each.name.startswith(revision):
            files = checks_of(each.files, level, throttle=throttle, advance=advance)
            return Verdict(model.name, each.name, level, tuple(files))
    return Verdict(model.name, revision, level, ())


def checks_of(
    files: Iterable[HeldFile],
    level: Level,
    *,
    throttle: Throttle | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> Iterator[CheckedFile]:
    """Check files one after the other; nothing is written, so it may be stopped at any time.

    Args:
        files: The files.
        level: How closely.
        throttle: How fast to read at most; None for no limit.
        advance: Takes how many bytes were read, piece by piece.

    Yields:
        What was found of each. It never raises for what is wrong with a file.
    """
    summed: dict[Inode, CheckedFile] = {}
    for file in files:
        before = None if file.inode is None or level is not Level.SUMS else summed.get(file.inode)
        if before is not None and before.file.digest == file.digest:
            yield CheckedFile(file, before.is_good, before.found, before.level)
            continue
        checked = _checked(file, level, throttle, advance)
        if file.inode is not None:
            summed[file.inode] = checked
        yield checked


def _checked(file: HeldFile, level: Level, throttle: Throttle | None, advance: Callable[[int], object]) -> CheckedFile:
    if file.is_hidden:
        return CheckedFile(file, is_good=None, found=file.problem, level=Level.SIZES)
    if file.is_missing or file.has_wrong_size:
        return CheckedFile(file, is_good=False, found=file.problem, level=Level.SIZES)
    header = HEADERS.get(PurePosixPath(file.name).suffix.lower())
    if level is Level.SIZES or (header is None and (level is Level.HEADERS or file.digest is None)):
        return CheckedFile(file, is_good=True, found="", level=Level.SIZES)
    try:
        with opened_quietly(file.path) as descriptor:
            return _read(file, descriptor, level, throttle, advance)
    except FileNotFoundError:
        return CheckedFile(file, is_good=False, found="has gone since it was listed", level=Level.SIZES)
    except OSError as error:
        return CheckedFile(file, is_good=None, found=f"cannot be read: {error.strerror or error}", level=Level.SIZES)


def _read(
    file: HeldFile, descriptor: int, level: Level, throttle: Throttle | None, advance: Callable[[int], object]
) -> CheckedFile:
    before = os.fstat(descriptor)
    if (inode_of(before), before.st_size) != (file.inode, file.size_bytes):
        return CheckedFile(file, is_good=None, found="has changed since it was listed: look again", level=Level.SIZES)
    if level is Level.SUMS and file.digest is not None:
        found = sum_of(descriptor, file.digest.algorithm, throttle=throttle, advance=advance)
        reached = Level.SUMS
        algorithm, has, wanted = found.algorithm, found.value[:12], file.digest.value[:12]
        fault = "" if found == file.digest else f"has {algorithm} {has}... instead of {wanted}..."
        read_bytes = before.st_size
    else:
        # read from its own buffer, not by the chunk: a header is small
        with os.fdopen(os.dup(descriptor), "rb", buffering=_HEADER_ROOM) as content:
            fault = HEADERS[PurePosixPath(file.name).suffix.lower()](content, before.st_size)
            read_bytes = min(before.st_size, content.tell())
        reached = Level.HEADERS
    after = os.fstat(descriptor)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        return CheckedFile(
            file, is_good=None, found="changed while it was read: look again", level=Level.SIZES, read_bytes=read_bytes
        )
    return CheckedFile(file, not fault, fault, reached, read_bytes)
