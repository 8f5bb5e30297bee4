"""What a download has to fetch: which files a revision has, which are here, what is to come, whether there is room."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.disk import look
from modeltally.availability.downloads.faults import FetchError, NoSpaceError
from modeltally.availability.downloads.parts import blobs_of, folder_of, part_of
from modeltally.availability.downloads.record import Lane
from modeltally.availability.held import Digest
from modeltally.availability.reading import opened_quietly, sum_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from modeltally.availability.downloads.source import Source

__all__ = ["Plan", "PlannedFile", "check_room", "is_linked", "plan_of"]

_DIGEST: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_SHA256_DIGITS: Final = 64
# what a disk keeps free, at the most: a database that finds a full disk is worse off than a model that waits
FLOOR_BYTES: Final = 1024**3
FLOOR_SHARE: Final = 0.01
# plain HTTP serves no larger ones
MOST_HTTP_BYTES: Final = 50 * 1000**3


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of the revision.

    Attributes:
        name: Its path within the model.
        size_bytes: Its length.
        digest: Its sum, which names it in the cache.
        blob: Where it will be.
        is_here: It is whole already.
        part_bytes: How much of it an unfinished file of ours has.
        is_xet: The hub has it in pieces as well, for its own protocol.
    """

    name: str
    size_bytes: int
    digest: Digest
    blob: Path
    is_here: bool
    part_bytes: int
    is_xet: bool

    def lane(self, wanted: Lane, *, is_limited: bool) -> Lane:
        """Say how it is fetched.

        Args:
            wanted: How it should be.
            is_limited: There is a limit to keep to.

        Raises:
            FetchError: It is too large for the way that is wanted.
        """
        is_large = self.size_bytes > MOST_HTTP_BYTES
        if wanted is Lane.RESUMABLE and is_large:
            raise FetchError(
                "too_large",
                f"{self.name} has {self.size_bytes:,} bytes, and plain HTTP serves at most {MOST_HTTP_BYTES:,}",
                action_required="fetch it by the fast lane, without a limit: --lane fast",
            )
        if wanted is not Lane.AUTO:
            return wanted
        return Lane.FAST if self.is_xet and (is_large or not is_limited) else Lane.RESUMABLE


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be fetched.

    Attributes:
        commit: The commit.
        files: Its files, as far as they are wanted, the small ones first.
    """

    commit: str
    files: tuple[PlannedFile, ...]

    @property
    def total_bytes(self) -> int:
        """All files together, each of the same content once."""
        return sum(self._by_blob().values())

    @property
    def here_bytes(self) -> int:
        """What is here, unfinished files too."""
        return sum({each.blob: each.size_bytes if each.is_here else each.part_bytes for each in self.files}.values())

    def _by_blob(self) -> dict[Path, int]:
        return {each.blob: each.size_bytes for each in self.files}


def plan_of(source: Source, *, patterns: Sequence[str], is_repair: bool, should_stop: Callable[[], bool]) -> Plan:
    """Ask the hub which files a revision has, and look which are here.

    Args:
        source: What, from where.
        patterns: Patterns of the files that are wanted; none for all.
        is_repair: Read what is here, and take what has another sum than it should for not here.
        should_stop: Tells whether to give up.

    Returns:
        The plan.

    Raises:
        FetchError: The hub lists what no cache could hold, or nothing is wanted of it.
        StoppedError: It was to give up.
        Exception: Whatever huggingface_hub raises.
    """
    from huggingface_hub import HfApi  # noqa: PLC0415 - of the extra `manage`, and half a second
    from huggingface_hub.hf_api import RepoFile  # noqa: PLC0415 - the same

    api = HfApi(endpoint=source.endpoint)
    commit = source.revision
    if not _COMMIT.fullmatch(commit):
        commit = api.model_info(source.model, revision=source.revision or None).sha or ""
    if not _COMMIT.fullmatch(commit):
        raise FetchError("lying_hub", f"{source.address} names no commit of {source.model}")
    entries = api.list_repo_tree(source.model, recursive=True, revision=commit)
    listed = [entry for entry in entries if isinstance(entry, RepoFile)]
    wanted = [each for each in listed if not patterns or any(fnmatch.fnmatch(each.path, one) for one in patterns)]
    if not wanted:
        what = f"of these patterns: {', '.join(patterns)}" if patterns else "at all"
        raise FetchError(
            "no_files", f"{source.model} has no file {what}", action_required="name files that the revision has"
        )
    files = [_planned(each, source, is_repair=is_repair, should_stop=should_stop) for each in wanted]
    return Plan(commit, tuple(sorted(files, key=lambda each: (each.size_bytes, each.name))))


def _planned(entry: Any, source: Source, *, is_repair: bool, should_stop: Callable[[], bool]) -> PlannedFile:
    digest = entry.blob_id if entry.lfs is None else entry.lfs.sha256
    size = entry.size if entry.lfs is None else entry.lfs.size
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or not isinstance(size, int) or size < 0:
        raise FetchError("lying_hub", f"{source.address} lists {entry.path[:80]!r} without a sum or a length")
    named = Digest("sha256" if len(digest) == _SHA256_DIGITS else "git-sha1", digest)
    blob = blobs_of(source.cache, source.model) / digest
    found, part = look(blob), look(part_of(blob), follow=False)
    is_here = found is not None and found.st_size == size
    if is_here and is_repair:
        is_here = _is_sound(blob, named, should_stop)
    has = 0 if part is None or is_here else min(part.st_size, size)
    return PlannedFile(entry.path, size, named, blob, is_here, has, bool(getattr(entry, "xet_hash", None)))


def _is_sound(blob: Path, digest: Digest, should_stop: Callable[[], bool]) -> bool:
    from modeltally.availability.downloads.faults import StoppedError  # noqa: PLC0415 - beside where it is raised

    def advance(_: int) -> None:
        if should_stop():
            raise StoppedError

    with opened_quietly(blob) as descriptor:
        return sum_of(descriptor, digest.algorithm, advance=advance) == digest


def check_room(
    plan: Plan,
    cache: Path,
    *,
    floor_bytes: int | None = None,
    usage: Callable[[Path], tuple[int, int]] | None = None,
) -> None:
    """Look whether the volume of a cache has room for what is to come.

    Args:
        plan: What is to come.
        cache: The cache, there or not.
        floor_bytes: What is to stay free; None for a GiB, on small volumes a hundredth.
        usage: Gives total and free bytes of the volume of a folder.

    Raises:
        NoSpaceError: It has not.
    """
    there = cache
    while look(there) is None and there != there.parent:
        there = there.parent
    total, free = (usage or _usage)(there)
    floor = min(FLOOR_BYTES, int(total * FLOOR_SHARE)) if floor_bytes is None else floor_bytes
    coming = plan.total_bytes - plan.here_bytes
    if coming and coming + floor > free:
        raise NoSpaceError(coming + floor, free, os.fspath(cache))


def _usage(path: Path) -> tuple[int, int]:
    found = shutil.disk_usage(path)
    return found.total, found.free


def is_linked(plan: Plan, source: Source) -> bool:
    """Tell whether the cache has each file of a plan under its name."""
    snapshot = folder_of(source.cache, source.model) / "snapshots" / plan.commit
    for each in plan.files:
        found = look(snapshot / each.name)
        if found is None or found.st_size != each.size_bytes:
            return False
    return True
