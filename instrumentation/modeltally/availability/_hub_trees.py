"""What the hub's cache keeps to read: where names point, which files a commit has, who needs a shared file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.disk import legible, look, read_small, walk
from modeltally.availability.held import Digest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Tree", "TreeFile", "digest_named", "has_manifest", "is_shared_store", "read_refs", "read_tree"]

# huggingface_hub 2.4: _tree_cache.py and utils/_shared_blobs.py
_TREE_VERSION: Final = 1
_MARKER, _MARKED = ".huggingface-shared-blobs", b"1\n"
_TREE_BYTES: Final = 64 * 1024**2
_MANIFEST_BYTES: Final = 4 * 1024**2
_REF_BYTES: Final = 1024
_HEX: Final = re.compile(r"[0-9a-f]+")
_SHA256_DIGITS, _SHA1_DIGITS = 64, 40
_IGNORED: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file as the hub describes it.

    Attributes:
        size_bytes: Its length.
        digest: Its sum.
    """

    size_bytes: int
    digest: Digest


Tree = dict[str, TreeFile]


def digest_named(name: str) -> Digest | None:
    """Return the sum that a file of the cache is named by: SHA-256 of a large one, git's of any other."""
    if not _HEX.fullmatch(name):
        return None
    algorithm = {_SHA256_DIGITS: "sha256", _SHA1_DIGITS: "git-sha1"}.get(len(name))
    return None if algorithm is None else Digest(algorithm, name)


def read_refs(folder: Path, tell: Callable[[str], object]) -> dict[str, list[str]]:
    """Read which names point at which commit.

    Args:
        folder: A model's ``refs``.
        tell: Takes what could not be read.

    Returns:
        The names by commit, in order.
    """
    refs: dict[str, list[str]] = {}
    for path in walk(folder, tell):
        if path.name in _IGNORED:
            continue
        try:
            commit = read_small(path, limit_bytes=_REF_BYTES).decode("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            tell(f"ref {legible(path.name)} cannot be read: {error}")
            continue
        # what is no name of a folder cannot be one of a snapshot
        if commit and "/" not in commit and commit not in (".", ".."):
            refs.setdefault(commit, []).append(legible(path.relative_to(folder).as_posix()))
        else:
            tell(f"ref {legible(path.name)} holds no commit")
    return refs


def read_tree(path: Path, tell: Callable[[str], object]) -> Tree | None:
    """Read which files a commit has, as ``snapshot_download`` of huggingface_hub 1.33 and 2 leaves it.

    Args:
        path: ``trees/<commit>.json``.
        tell: Takes why it could not be read; one that is not there, as with huggingface_hub 1.0, is no problem.

    Returns:
        The files by path; None where nothing usable is there.
    """
    try:
        content = json.loads(read_small(path, limit_bytes=_TREE_BYTES))
        if content["format_version"] != _TREE_VERSION:
            return None  # a newer library's
        return {str(name): _file_of(entry) for name, entry in content["files"].items() if _is_inside(str(name))}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        tell(f"the list of files {legible(path.name)} cannot be read: {error}")
        return None


def _is_inside(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/") and "\0" not in name


def _file_of(entry: Any) -> TreeFile:
    sha256, size = entry.get("lfs_sha256"), entry["size"]
    if sha256 is not None:
        size = size if entry.get("lfs_size") is None else entry["lfs_size"]
        return TreeFile(int(size), Digest("sha256", str(sha256)))
    return TreeFile(int(size), Digest("git-sha1", str(entry["blob_id"])))


def is_shared_store(folder: Path) -> bool:
    """Return whether a folder is where huggingface_hub 2 keeps files that several models need."""
    try:
        return read_small(folder / _MARKER, limit_bytes=_REF_BYTES) == _MARKED
    except OSError:
        return False


def has_manifest(payload: Path) -> bool:
    """Return whether a shared file has its list of users; without one huggingface_hub never removes it."""
    manifest = payload.with_name(f"{payload.name}.refs")
    if look(manifest, follow=False) is None:
        return False
    try:
        read_small(manifest, limit_bytes=_MANIFEST_BYTES).decode()
    except (OSError, UnicodeDecodeError):
        return False
    return True
