"""What goes with a model: every name on disk that is its own, and nothing that anybody else needs."""

from __future__ import annotations

import os
import stat
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.availability._hub_trees import has_manifest, is_shared_store, read_refs
from modeltally.availability.disk import inode_of, is_folder, is_within, legible, list_folder, look, walk
from modeltally.availability.ollama_folder import name_of
from modeltally.availability.states import ModelAvailabilityStatus
from modeltally.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from modeltally.availability.held import HeldModel, Inode, Leftover

__all__ = ["FILE", "FOLDER", "LINK", "Entry", "Plan", "plan_leftover", "plan_model"]

FILE: Final = "file"
LINK: Final = "link"
FOLDER: Final = "folder"
_DISKS: Final = ("huggingface", "ollama", "folder", "comfyui")
_REFS_BYTES: Final = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Entry:
    """A name on disk that goes, or that must not be lost while something may still be brought back.

    Attributes:
        path: Where it is.
        kind: ``FILE``, ``LINK`` or ``FOLDER``.
        device: Which disk its file is on.
        number: Which file on that disk it is.
        size_bytes: The file's length; 0 of others.
        modified_ns: When it last changed, nanoseconds since 1970.
        mode: Its permissions.
        links: How many names its file has.
        target: Where a link leads.
        stays: It is kept where it is, since another model needs it; the trash only holds on to its bytes.
        line: What the list of users beside a shared file says of this one; empty where there is none.
    """

    path: str
    kind: str
    device: int
    number: int
    size_bytes: int
    modified_ns: int
    mode: int
    links: int = 1
    target: str = ""
    stays: bool = False
    line: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes together.

    Attributes:
        model: The model; empty for what belongs to none.
        store: The kind of store.
        location: Which one, as it is shown.
        root: The store's folder.
        entries: What goes, in this order.
        revision: The revision that goes alone; empty where the whole model goes.
        notes: What to know before it goes.
    """

    model: str
    store: str
    location: str
    root: Path
    entries: tuple[Entry, ...]
    revision: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def removed_bytes(self) -> int:
        """Bytes of the files that go, each once."""
        return sum(
            {(e.device, e.number): e.size_bytes for e in self.entries if e.kind == FILE and not e.stays}.values()
        )

    @property
    def freed_bytes(self) -> int:
        """Bytes of the files that no other name holds once all of this has gone."""
        names = Counter((e.device, e.number) for e in self.entries if e.kind == FILE and not e.stays)
        held = {(e.device, e.number): e for e in self.entries if e.kind == FILE and not e.stays}
        return sum(entry.size_bytes for inode, entry in held.items() if entry.links <= names[inode])

    @property
    def inodes(self) -> frozenset[Inode]:
        """The files that go."""
        return frozenset((each.device, each.number) for each in self.entries if each.kind == FILE and not each.stays)


def plan_model(model: HeldModel, others: Sequence[HeldModel], *, revision: str = "") -> Plan:
    """Find everything that goes with a model, or with one revision of a model of the hub.

    Args:
        model: The model, as a listing found it.
        others: The other models of its store.
        revision: The commit, its beginning, or a name that points at it; empty for the whole model.

    Returns:
        The plan.

    Raises:
        InputError: It cannot be removed: its store is a server, its files are unknown, there is no such revision.
    """
    if model.store not in _DISKS:
        raise InputError(
            f"{model.name} is held by the server {model.location}, whose files are not seen from here: remove it there,"
            " without a way back"
        )
    if revision and model.store != "huggingface":
        raise InputError(f"{model.name} lies in a store of kind {model.store}, which has no revisions to remove alone")
    root = Path(os.path.realpath(model.location))
    if model.store == "huggingface":
        return _of_hub(model, root, revision)
    if model.store == "ollama":
        return _of_ollama(model, others, root)
    needed = {file.inode for other in others for file in other.files if file.inode is not None}
    paths = [file.path for file in model.files if not file.is_missing]
    shared = [path for path in paths if (found := look(path)) is not None and inode_of(found) in needed]
    notes = [f"{legible(path.name)} has another name that another model goes by" for path in shared]
    return _plan(model, root, list(_entries(paths)), notes=notes)


def plan_leftover(leftover: Leftover) -> Plan:
    """Find everything that goes with what no model needs.

    Args:
        leftover: The leftover, as a listing found it.

    Raises:
        InputError: It is a revision, which goes with its model's name.
    """
    path = leftover.path
    if is_folder(path) and not path.is_symlink():
        inside = list(walk(path, lambda _: None))
        entries = [*_entries(inside), *_folders(path)]
    else:
        entries = list(_entries([path]))
        manifest = path.with_name(f"{path.name}.refs")
        if leftover.store == "huggingface" and look(manifest, follow=False) is not None:
            entries += _entries([manifest])
    if not entries:
        raise InputError(f"{legible(path)} is not there any more")
    root = Path(os.path.realpath(leftover.location))
    return Plan(leftover.model, leftover.store, leftover.location, root, tuple(entries))


def _plan(model: HeldModel, root: Path, entries: list[Entry], *, revision: str = "", notes: Iterable[str] = ()) -> Plan:
    if not entries:
        raise InputError(f"nothing of {model.name} is there to be removed")
    return Plan(model.name, model.store, model.location, root, tuple(entries), revision, tuple(notes))


def _entries(paths: Iterable[Path]) -> Iterator[Entry]:
    """Look at names; links first, so that nobody finds a name whose file has gone."""
    found = [entry for path in paths if (entry := _entry(path)) is not None]
    return iter(sorted(found, key=lambda entry: (entry.kind != LINK, entry.path)))


def _entry(path: Path) -> Entry | None:
    found = look(path, follow=False)
    if found is None:
        return None
    known = (found.st_dev, found.st_ino)
    if stat.S_ISLNK(found.st_mode):
        target = os.fspath(path.readlink())
        return Entry(os.fspath(path), LINK, *known, 0, found.st_mtime_ns, found.st_mode & 0o7777, target=target)
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{legible(path)} is neither a file nor a link nor a folder: nothing is removed")
    return Entry(
        os.fspath(path), FILE, *known, found.st_size, found.st_mtime_ns, found.st_mode & 0o7777, found.st_nlink
    )


def _folders(top: Path) -> list[Entry]:
    """Name a folder and those below it, the deepest first."""
    folders = []
    for folder, _, _ in os.walk(top, topdown=False):
        found = look(Path(folder), follow=False)
        if found is not None:
            mode = found.st_mode & 0o7777
            folders.append(Entry(folder, FOLDER, found.st_dev, found.st_ino, 0, found.st_mtime_ns, mode))
    return folders


def _of_hub(model: HeldModel, root: Path, revision: str) -> Plan:
    folder = root / f"{model.kind}s--{model.name.replace('/', '--')}"
    if not is_folder(folder):
        raise InputError(f"{model.name} is not in {model.location} any more")
    if folder.is_symlink():
        raise InputError(f"{legible(folder)} is a link to {os.path.realpath(folder)}: remove the model there")
    notes: list[str] = []
    if revision:
        paths, commit, is_last = _of_revision(model, folder, revision)
        if is_last:
            raise InputError(f"{commit[:12]} is the only revision of {model.name}: remove the model")
        folders = _folders(folder / "snapshots" / commit)
    else:
        paths, commit = list(walk(folder, lambda _: None)), ""
        folders = _folders(folder)
    entries = list(_entries(paths))
    refs = os.fspath(folder / "refs") + os.sep
    # a name that points at nothing is worse than a model that is not there: it goes first
    entries.sort(key=lambda entry: not entry.path.startswith(refs))
    outside = [e for e in entries if e.kind == LINK and not is_within(os.path.realpath(e.path), os.fspath(root))]
    if outside:
        notes.append(f"{len(outside)} links lead out of the cache: they go, what they lead to stays")
    blobs = [Path(e.path) for e in entries if e.kind == LINK and Path(e.path).parent == folder / "blobs"]
    entries += _shared(blobs, root)
    return _plan(model, root, [*entries, *folders], revision=commit, notes=notes)


def _of_revision(model: HeldModel, folder: Path, revision: str) -> tuple[list[Path], str, bool]:
    """Name what is one revision's alone: its snapshot, the names that point at it, its list, files nobody else has."""
    refs = read_refs(folder / "refs", lambda _: None)
    there = [path.name for path in list_folder(folder / "snapshots", lambda _: None)]
    known = [*refs, *there]
    named = [commit for commit in dict.fromkeys(known) if revision in refs.get(commit, ()) or commit == revision]
    named = named or [commit for commit in dict.fromkeys(known) if commit.startswith(revision)]
    if len(named) != 1:
        what = "no revision" if not named else f"{len(named)} revisions"
        shown = ", ".join(commit[:12] for commit in dict.fromkeys(known))
        raise InputError(f"{model.name} has {what} {revision[:80]!r} here; there are: {shown or 'none'}")
    commit = named[0]

    def blobs_of(snapshot: str) -> set[str]:
        places = walk(folder / "snapshots" / snapshot, lambda _: None)
        return {os.path.normpath(path.parent / path.readlink()) for path in places if path.is_symlink()}

    elsewhere = set().union(*(blobs_of(other) for other in there if other != commit))
    own = {blob for blob in blobs_of(commit) - elsewhere if os.path.dirname(blob) == os.fspath(folder / "blobs")}  # noqa: PTH120 - a text
    paths = [folder / "refs" / name for name in refs.get(commit, ())]
    paths += walk(folder / "snapshots" / commit, lambda _: None)
    paths += [Path(blob) for blob in sorted(own)]
    paths.append(folder / "trees" / f"{commit}.json")
    return paths, commit, not set(there) - {commit}


def _shared(blobs: list[Path], root: Path) -> Iterator[Entry]:
    """Name the files that models share, of which links of this one tell: they go with their last user."""
    if not is_shared_store(root / "blobs"):
        return
    going: dict[Path, list[str]] = {}
    for blob in blobs:
        payload = Path(os.path.realpath(blob))
        if is_within(payload, os.fspath(root / "blobs")) and has_manifest(payload):
            going.setdefault(payload, []).append(os.path.relpath(blob, root).replace(os.sep, "/"))
    for payload, lines in sorted(going.items()):
        entry = _entry(payload)
        if entry is None:
            continue
        manifest = payload.with_name(f"{payload.name}.refs")
        listed = manifest.read_bytes()[:_REFS_BYTES].decode().splitlines()
        others = [line for line in listed if line not in lines and os.path.realpath(root / line) == os.fspath(payload)]
        yield replace(entry, stays=bool(others), line="\n".join(lines))
        if not others and (listing := _entry(manifest)) is not None:
            yield listing


def _of_ollama(model: HeldModel, others: Sequence[HeldModel], root: Path) -> Plan:
    unknown = [other.name for other in others if other.state is ModelAvailabilityStatus.UNKNOWN]
    if unknown:
        raise InputError(
            f"what {unknown[0]} needs cannot be read, so nobody knows which layers only {model.name} needs"
        )
    manifests = [
        path
        for path in walk(root / "manifests", lambda _: None)
        if name_of(path.relative_to(root / "manifests").parts) == model.name
    ]
    needed = {os.path.realpath(file.path) for other in others for file in other.files}
    own = [file.path for file in model.files if not file.is_missing and os.path.realpath(file.path) not in needed]
    # the manifest first: a model whose layers have gone is broken, layers without a manifest are only orphans
    return _plan(model, root, [*_entries(manifests), *_entries(own)])
