"""One model of the hub's cache: its revisions, what is missing of them, and what is left over."""

from __future__ import annotations

import dataclasses
import fnmatch
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.availability._hub_trees import Tree, digest_named, has_manifest, read_refs, read_tree
from modeltally.availability._shards import is_weights, parts_named_by
from modeltally.availability.disk import (
    held_file,
    is_folder,
    is_within,
    legible,
    list_folder,
    look,
    occupied_bytes,
    walk,
)
from modeltally.availability.held import GROWING, ORPHAN, PARTIAL, HeldFile, Revision

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modeltally.availability.disk import Growth, Ledger

__all__ = ["AskTree", "Repository", "Wanted"]

_INCOMPLETE: Final = ".incomplete"
_IGNORED: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
_COMMIT_SHOWN: Final = 12
# the model's name, its kind, a commit, and what takes why there is no answer
AskTree = Callable[[str, str, str, Callable[[str], object]], Tree | None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is declared of a model.

    Attributes:
        revision: A branch, tag or commit; empty for the main branch.
        files: Patterns of the files that are needed, such as ``*.safetensors``; none means those that were fetched.
    """

    revision: str = ""
    files: tuple[str, ...] = ()


@dataclass
class Repository:
    """What lies in one folder ``models--...``.

    Attributes:
        path: The folder.
        name: The model's name.
        kind: ``models``, ``datasets``, ``spaces`` or ``kernels``.
        wanted: What is declared of it.
        ask_tree: Asked which files a commit has, where the cache kept no list.
        revisions: What was found, the one in use first.
        leftovers: What, where, bytes, when: unfinished downloads.
        orphans: Files that no revision needs.
        reasons: Why it is in the state it is in.
        problems: What could not be seen.
        is_growing: Bytes are being written.
        lacks_weights: The revision in use has weights, and none of them was fetched.
        is_readable: It could be looked into.
        modified_at: When a file of it last changed.
    """

    path: Path
    name: str
    kind: str
    wanted: Wanted | None = None
    ask_tree: AskTree | None = None
    revisions: list[Revision] = field(default_factory=list)
    leftovers: list[tuple[str, Path, int, float]] = field(default_factory=list)
    orphans: list[Path] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    is_growing: bool = False
    lacks_weights: bool = False
    is_readable: bool = True
    modified_at: float = 0.0
    _trees: dict[str, Tree | None] = field(default_factory=dict)
    _blobs: set[str] = field(default_factory=set)

    @property
    def chosen(self) -> Revision | None:
        """The revision in use."""
        return self.revisions[0] if self.revisions else None

    def look(self, ledger: Ledger, growth: Growth, *, root: Path, shared: Path | None, now: float) -> None:
        """Look into the folder.

        Args:
            ledger: Takes who needs which file.
            growth: Remembers unfinished files.
            root: The cache, without links.
            shared: Where files of several models are; None where the cache has none.
            now: Seconds since 1970.
        """
        refs = read_refs(self.path / "refs", self.problems.append)
        unfinished = self._unfinished(growth, now)
        snapshots = self._snapshots()
        is_real = os.path.realpath(self.path) == os.fspath(self.path)
        used: set[str] = set()
        found: list[tuple[float, Revision]] = []
        for commit in dict.fromkeys([*refs, *snapshots]):
            snapshot, blobs = self.path / "snapshots" / commit, self.path / "blobs"
            place = _Place(self.path, commit, root, shared, is_real=is_real, snapshot=snapshot, blobs=blobs)
            names = tuple(refs.get(commit, ()))
            tree = read_tree(self.path / "trees" / f"{commit}.json", self.problems.append)
            if tree is None and self.ask_tree is not None:
                tree = self.ask_tree(self.name, self.kind, commit, self.problems.append)
            present = snapshots.get(commit, [])
            self._trees[commit] = tree
            revision, newest = self._revision(
                place, names, tree, present, ledger, used, unfinished, is_wanted=self._is_wanted(commit, refs)
            )
            found.append((newest, revision))
        asked = "" if self.wanted is None else self.wanted.revision
        if asked and not any(self._is_named(asked, revision) for _, revision in found):
            found.append((0.0, Revision(asked)))
        self.modified_at = max((newest for newest, _ in found), default=0.0)
        self.revisions = [revision for _, revision in sorted(found, key=self._order)]
        self._orphans(used, ledger)
        self._explain()

    def with_exclusive_bytes(self, ledger: Ledger) -> Iterator[Revision]:
        """Give each revision what would become free if it alone went; once all models are in the ledger."""
        for revision in self.revisions:
            freed = ledger.freed_bytes([(self.path, revision.name)])
            yield dataclasses.replace(revision, exclusive_bytes=freed)

    @staticmethod
    def _is_named(asked: str, revision: Revision) -> bool:
        return asked in revision.refs or revision.name.startswith(asked)

    def _is_wanted(self, commit: str, refs: dict[str, list[str]]) -> bool:
        """Return whether it is the declared revision: the one named, else the main one."""
        if self.wanted is None:
            return False
        names = refs.get(commit, [])
        if self.wanted.revision:
            return self.wanted.revision in names or commit.startswith(self.wanted.revision)
        return "main" in names or not refs

    def _order(self, found: tuple[float, Revision]) -> tuple[bool, bool, bool, float]:
        newest, revision = found
        asked = "" if self.wanted is None else self.wanted.revision
        is_asked = bool(asked) and self._is_named(asked, revision)
        return not is_asked, "main" not in revision.refs, not revision.refs, -newest

    def _snapshots(self) -> dict[str, list[Path]]:
        try:
            folders = sorted((self.path / "snapshots").iterdir())
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._hidden(f"its snapshots cannot be listed: {error.strerror or error}")
            return {}
        if any(look(folder, follow=False) is None for folder in folders):
            self._hidden("its snapshots may not be looked at")
        return {
            folder.name: [path for path in walk(folder, self._hidden) if path.name not in _IGNORED]
            for folder in folders
            if is_folder(folder)
        }

    def _unfinished(self, growth: Growth, now: float) -> set[str]:
        """Find unfinished downloads, and return the sums of the files that were to come."""
        waiting = set()
        for path in list_folder(self.path / "blobs", self.problems.append):
            found = look(path, follow=False)
            if found is None:
                continue
            if not path.name.endswith(_INCOMPLETE):
                self._blobs.add(path.name)
                continue
            is_growing = growth.is_growing(path, found, now=now)
            self.is_growing |= is_growing
            self.leftovers.append((GROWING if is_growing else PARTIAL, path, occupied_bytes(found), found.st_mtime))
            etag = path.name.partition(".")[0]
            if look(self.path / "blobs" / etag) is None:
                waiting.add(etag)
        return waiting

    def _hidden(self, why: str) -> None:
        self.is_readable = False
        self.problems.append(why)

    def _revision(
        self,
        place: _Place,
        refs: tuple[str, ...],
        tree: Tree | None,
        present: Sequence[Path],
        ledger: Ledger,
        used: set[str],
        unfinished: set[str],
        *,
        is_wanted: bool,
    ) -> tuple[Revision, float]:
        files: dict[str, HeldFile] = {}
        newest = 0.0
        for path in present:
            name = path.relative_to(place.snapshot).as_posix()
            listed = None if tree is None else tree.get(name)
            blob = place.blob_of(path)
            if blob is not None:
                used.add(blob)
            digest = listed.digest if listed else None if blob is None else digest_named(os.path.basename(blob))  # noqa: PTH119 - thousands of them
            size = None if listed is None else listed.size_bytes
            file, found = held_file(legible(name), path, expected_bytes=size, digest=digest)
            if found is not None:
                newest = max(newest, found.st_mtime)
                payload = place.payload_of(path, blob)
                kept = place.keeps(payload)
                if kept and not is_within(payload, os.fspath(place.root)):
                    file = dataclasses.replace(file, problem=file.problem or "lies outside the cache")
                ledger.add((self.path, place.commit), payload, found, is_kept=kept)
            files[name] = file
        missing = self._expected(tree, set(files), unfinished, patterns=is_wanted) - files.keys()
        for name in sorted(missing):
            listed = None if tree is None else tree.get(name)
            files[name], _ = held_file(
                legible(name),
                place.snapshot / name,
                expected_bytes=None if listed is None else listed.size_bytes,
                digest=None if listed is None else listed.digest,
            )
        unasked = 0 if tree is None else len(tree.keys() - files.keys())
        listed_files = tuple(files[name] for name in sorted(files))
        return Revision(place.commit, refs, listed_files, tree is not None, unasked), newest

    def _expected(self, tree: Tree | None, present: set[str], unfinished: set[str], *, patterns: bool) -> set[str]:
        """Name the files that were asked for, as far as anything tells: a pattern, a part, an unfinished download."""
        parts = parts_named_by(present)
        if tree is None:
            return parts
        fetched = unfinished | self._blobs  # what is there was asked for, though a snapshot lost its name
        expected = {name for name in tree if name in parts or tree[name].digest.value in fetched}
        if patterns and self.wanted is not None:
            expected |= {name for name in tree if any(fnmatch.fnmatch(name, each) for each in self.wanted.files)}
        return expected

    def _orphans(self, used: set[str], ledger: Ledger) -> None:
        for path in list_folder(self.path / "blobs", lambda _: None):
            if path.name.endswith(_INCOMPLETE) or os.fspath(path) in used or path.name.startswith("."):
                continue
            found = look(path, follow=False)
            if found is None or stat.S_ISDIR(found.st_mode):
                continue
            payload = look(path)
            if payload is not None:
                is_kept = path.is_symlink() and not has_manifest(path.resolve())
                ledger.add((ORPHAN, path), Path(os.path.realpath(path)), payload, is_kept=is_kept)
            self.orphans.append(path)

    def _explain(self) -> None:
        chosen = self.chosen
        if chosen is None:
            self.reasons.append("nothing of it is here")
            return
        names = {file.name for file in chosen.files if not file.is_missing}
        if not chosen.refs and not chosen.files and self.wanted is not None:
            self.reasons.append(f"revision {chosen.name[:_COMMIT_SHOWN]} is declared, and nothing of it is here")
        elif not names:
            points = f"{chosen.refs[0]} points at" if chosen.refs else "there is an empty folder of"
            self.reasons.append(f"{points} {chosen.name[:_COMMIT_SHOWN]}, of which nothing is here")
        if missing := chosen.missing:
            shown = ", ".join(file.name for file in missing[:3]) + (", ..." if len(missing) > 3 else "")  # noqa: PLR2004 - enough to go by
            self.reasons.append(f"{len(missing)} of {len(chosen.files)} files missing: {shown}")
        for file in chosen.files:
            if file.has_wrong_size:
                self.reasons.append(f"{file.name} {file.problem}")
            elif file.is_hidden:
                self.is_readable = False
                self.reasons.append(f"{file.name} {file.problem}")
        if any(file.problem == "lies outside the cache" for file in chosen.files):
            self.reasons.append("a link leads out of the cache: removing it frees none of those bytes")
        self._explain_unasked(chosen, names)

    def _explain_unasked(self, chosen: Revision, names: set[str]) -> None:
        if not chosen.is_listed:
            self.reasons.append("no list of its files is kept here: one that was never fetched is not noticed")
            return
        if not chosen.not_fetched or not names:
            return
        tree = self._trees.get(chosen.name) or {}
        self.lacks_weights = any(map(is_weights, tree)) and not any(map(is_weights, names))
        if self.lacks_weights:
            self.reasons.append("none of its weights was fetched")
        else:
            self.reasons.append(f"{chosen.not_fetched} of {len(tree)} files of the revision were never fetched")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a revision lies."""

    repository: Path
    commit: str
    root: Path
    shared: Path | None
    is_real: bool
    snapshot: Path
    blobs: Path

    def blob_of(self, path: Path) -> str | None:
        """Return the model's own entry that a name of a snapshot leads to; None where it leads elsewhere."""
        name = os.fspath(path)
        try:
            target = os.path.normpath(os.path.join(os.path.dirname(name), os.readlink(name)))  # noqa: PTH115, PTH118, PTH120 - pathlib takes ten times as long
        except OSError:
            return None  # a file itself, as where links are not allowed
        return target if os.path.dirname(target) == os.fspath(self.blobs) else None  # noqa: PTH120 - as above

    def payload_of(self, path: Path, blob: str | None) -> Path:
        """Return the file itself that a name leads to, without links."""
        if self.is_real and blob is not None and not os.path.islink(blob):  # noqa: PTH114 - as above
            return Path(blob)
        return Path(os.path.realpath(path))

    def keeps(self, payload: Path) -> bool:
        """Return whether a file stays when the model goes: it lies elsewhere, or the library would leave it."""
        if is_within(payload, os.fspath(self.repository)):
            return False
        in_shared = self.shared is not None and is_within(payload, os.fspath(self.shared))
        return not (in_shared and has_manifest(payload))
