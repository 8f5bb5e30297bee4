"""A plain folder of models: single files, files in parts, and folders that are one model together."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from modeltally.availability._hub_trees import Tree, digest_named, read_tree
from modeltally.availability._shards import is_weights, parts_named_by
from modeltally.availability._single import Draft, finished, unfinished_name, unfinished_of, within
from modeltally.availability.disk import Growth, is_folder, legible, read_small, walk
from modeltally.availability.held import HeldFile, Leftover, Listing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modeltally.availability.held import LoadedModel

__all__ = ["Folder"]

# a folder with one of these beside weights, or of weights in folders below, is one model
_MARKS: Final = frozenset({"config.json", "model_index.json", "adapter_config.json"})
_PIPELINE: Final = "model_index.json"
_HUB: Final = (".cache", "huggingface")
_METADATA, _INCOMPLETE = ".metadata", ".incomplete"
_METADATA_BYTES: Final = 4096
_METADATA_LINES: Final = 2


class Folder:
    """A folder in which somebody keeps models."""

    kind: Final = "folder"

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Say where it is; nothing is looked at yet.

        Args:
            root: The folder.
            clock: Tells the time, seconds since 1970.
        """
        self.root = root
        self._clock = clock
        self._growth = Growth()

    @property
    def location(self) -> str:
        """The folder."""
        return legible(self.root)

    def loaded(self) -> tuple[LoadedModel, ...]:
        """Say nothing: a folder loads nothing."""
        return ()

    def listing(self) -> Listing:
        """Look what is there; see :class:`modeltally.availability.store.ModelStore`."""
        problems: list[str] = []
        try:
            next(self.root.iterdir(), None)
        except OSError as error:
            why = f"{self.location} cannot be listed: {error.strerror or error}"
            return Listing(self.kind, self.location, is_readable=False, problems=(why,))
        below: dict[Path, list[Path]] = defaultdict(list)
        for path in walk(self.root, problems.append, follow=True):
            below[path.parent].append(path)
        tops = self._tops(below)
        drafts: dict[str, Draft] = {}
        leftovers: list[Leftover] = []
        for folder, paths in below.items():
            top = self._top_of(folder, tops)
            for path in paths:
                self._place(path, top, drafts, leftovers)
        named = {self._name(top): top for top in tops if top == self.root or self.root in top.parents}
        for name, draft in drafts.items():
            top = named.get(name)
            self._complete(draft, self.root if top is None else top)
            if top is not None:
                self._learn(draft, top, problems.append)
        self._growth.forget_absent()
        models = finished(drafts.values(), leftovers, self, is_ours=within([self.root]))
        return Listing(self.kind, self.location, problems=tuple(problems), models=models, leftovers=tuple(leftovers))

    def _tops(self, below: dict[Path, list[Path]]) -> set[Path]:
        """Find the folders that are one model each."""
        tops = set()
        for folder, paths in below.items():
            names = {path.name for path in paths}
            has_weights = any(map(is_weights, names))
            if _PIPELINE in names or (has_weights and names & _MARKS):
                tops.add(folder)
            elif folder.parts[-2:] == _HUB or folder.parts[-3:-1] == _HUB:
                origin = folder.parents[1] if folder.parts[-2:] == _HUB else folder.parents[2]
                tops.add(origin)
        return tops

    def _top_of(self, folder: Path, tops: set[Path]) -> Path | None:
        """Return the outermost folder that is one model and holds this one."""
        found = None
        for each in (folder, *folder.parents):
            if each in tops:
                found = each
            if each == self.root:
                break
        return found

    def _place(self, path: Path, top: Path | None, drafts: dict[str, Draft], leftovers: list[Leftover]) -> None:
        if top is not None:
            name = self._name(top)
            draft = drafts.setdefault(name, Draft(name))
            within_top = path.relative_to(top)
            if within_top.parts[:2] == _HUB:
                if path.name.endswith(_INCOMPLETE):
                    self._add_unfinished(path, name, leftovers)
            elif unfinished_name(path.name) is not None:
                self._add_unfinished(path, name, leftovers)
            else:
                draft.files[within_top.as_posix()] = path
            return
        relative = path.relative_to(self.root).as_posix()
        meant = unfinished_name(relative)
        if meant is not None:
            self._add_unfinished(path, meant, leftovers)
        elif is_weights(path.name):
            parts = parts_named_by([relative])
            name = min(parts) if parts else relative
            drafts.setdefault(name, Draft(name)).files[relative] = path

    def _add_unfinished(self, path: Path, model: str, leftovers: list[Leftover]) -> None:
        leftover = unfinished_of(path, legible(model), self, self._growth, now=self._clock())
        if leftover is not None:
            leftovers.append(leftover)

    def _name(self, top: Path) -> str:
        return self.root.name if top == self.root else top.relative_to(self.root).as_posix()

    @staticmethod
    def _complete(draft: Draft, top: Path) -> None:
        """Add the parts of a model that its other parts tell of, there or not."""
        for name in sorted(parts_named_by(draft.files)):
            draft.files.setdefault(name, top / name)

    @staticmethod
    def _learn(draft: Draft, top: Path, tell: Callable[[str], object]) -> None:
        """Take over what a download from the hub into this folder left: which commit, which files, which sums."""
        hub = top.joinpath(*_HUB)
        if not is_folder(hub):
            return
        told: dict[str, tuple[str, str]] = {}
        for path in walk(hub / "download", tell):
            if path.name.endswith(_METADATA):
                name = path.relative_to(hub / "download").as_posix().removesuffix(_METADATA)
                if (said := _metadata(path, tell)) is not None:
                    told[name] = said
        commits = {commit for commit, _ in told.values()}
        draft.revision = next(iter(commits)) if len(commits) == 1 else ""
        tree = read_tree(hub / "trees" / f"{draft.revision}.json", tell) if draft.revision else None
        draft.is_listed = tree is not None
        draft.not_fetched = 0 if tree is None else len(tree.keys() - told.keys())
        draft.expected = {name: _expected(name, top, told, tree) for name in told}
        for name in told:
            draft.files.setdefault(name, top / name)


def _metadata(path: Path, tell: Callable[[str], object]) -> tuple[str, str] | None:
    """Read the commit and the sum that a download noted of a file."""
    try:
        lines = read_small(path, limit_bytes=_METADATA_BYTES).decode("ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        tell(f"{legible(path)} cannot be read: {error}")
        return None
    if len(lines) < _METADATA_LINES or os.sep in lines[0] or not lines[0]:
        tell(f"{legible(path)} holds no commit and no sum")
        return None
    return lines[0].strip(), lines[1].strip()


def _expected(name: str, top: Path, told: dict[str, tuple[str, str]], tree: Tree | None) -> HeldFile:
    listed = None if tree is None else tree.get(name)
    return HeldFile(
        name,
        top / name,
        None,
        None if listed is None else listed.size_bytes,
        digest_named(told[name][1]) if listed is None else listed.digest,
    )
