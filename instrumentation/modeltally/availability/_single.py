"""Models that are files of a folder: what stands for one of them, and what downloads leave beside it."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from modeltally.availability._shards import is_weights
from modeltally.availability.disk import Ledger, held_file, is_within, legible, look, occupied_bytes
from modeltally.availability.held import GROWING, PARTIAL, HeldModel, Leftover, Revision
from modeltally.availability.states import Facts, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modeltally.availability.disk import Growth
    from modeltally.availability.held import HeldFile
    from modeltally.availability.store import ModelStore

__all__ = ["Draft", "finished", "unfinished_name", "unfinished_of", "within"]

# what browsers, curl, wget, aria2, huggingface_hub and the managers of ComfyUI call a file that is not whole
_UNFINISHED: Final = frozenset({".part", ".partial", ".crdownload", ".download", ".incomplete", ".aria2", ".tmp"})


@dataclasses.dataclass
class Draft:
    """A model as it is being put together.

    Attributes:
        name: What it is called.
        files: Where its files are, by their names within it.
        expected: The length and sum that a file has to have, as a ``HeldFile`` without a place, by name.
        kind: Which sort of model.
        revision: Which state of it, where something says so.
        is_listed: Something says which files belong to it.
        not_fetched: How many of those were never asked for.
        reason: What is to be said of it.
    """

    name: str
    files: dict[str, Path] = dataclasses.field(default_factory=dict)
    expected: Mapping[str, HeldFile] = dataclasses.field(default_factory=dict)
    kind: str = ""
    revision: str = ""
    is_listed: bool = False
    not_fetched: int = 0
    reason: str = ""


def unfinished_name(name: str) -> str | None:
    """Return which weights a file is the unfinished download of, by its name; None where it is not one."""
    path = PurePosixPath(name)
    if path.suffix.lower() not in _UNFINISHED:
        return None
    return name.removesuffix(path.suffix) if is_weights(path.stem) else None


def unfinished_of(path: Path, model: str, store: ModelStore, growth: Growth, *, now: float) -> Leftover | None:
    """Tell what an unfinished download is: one that goes on, or one that was left."""
    found = look(path, follow=False)
    if found is None:
        return None
    what = GROWING if growth.is_growing(path, found, now=now) else PARTIAL
    return Leftover(what, path, occupied_bytes(found), store.kind, store.location, model, found.st_mtime)


def finished(
    drafts: Iterable[Draft],
    leftovers: Iterable[Leftover],
    store: ModelStore,
    *,
    is_ours: Callable[[Path], bool],
) -> tuple[HeldModel, ...]:
    """Look at the files of models, and say of each what state it is in and what it alone takes.

    Args:
        drafts: The models.
        leftovers: Unfinished downloads among them.
        store: Where they are.
        is_ours: Tells whether a file, its path without links, goes when its model goes.

    Returns:
        The models.
    """
    ledger = Ledger()
    growing = {leftover.model for leftover in leftovers if leftover.what == GROWING}
    looked = []
    for number, draft in enumerate(drafts):
        files, newest = [], 0.0
        for name, path in draft.files.items():
            wanted = draft.expected.get(name)
            file, found = held_file(
                legible(name),
                path,
                expected_bytes=None if wanted is None else wanted.expected_bytes,
                digest=None if wanted is None else wanted.digest,
            )
            if found is not None:
                real = Path(os.path.realpath(path))
                ledger.add(number, real, found, is_kept=not is_ours(real))
                newest = max(newest, found.st_mtime)
                if not is_ours(real):
                    file = dataclasses.replace(file, problem=file.problem or "lies elsewhere")
            files.append(file)
        looked.append((draft, tuple(files), newest))
    return tuple(
        _model(draft, files, newest, store, ledger, number, is_growing=draft.name in growing)
        for number, (draft, files, newest) in enumerate(looked)
    )


def _model(
    draft: Draft,
    files: tuple[HeldFile, ...],
    newest: float,
    store: ModelStore,
    ledger: Ledger,
    number: int,
    *,
    is_growing: bool,
) -> HeldModel:
    freed = ledger.freed_bytes([number])
    revision = Revision(draft.revision, (), files, draft.is_listed, draft.not_fetched, freed)
    facts = Facts(
        is_growing=is_growing,
        has_whole_revision=revision.is_whole,
        is_whole=revision.is_whole,
        has_damage=any(file.has_wrong_size for file in files),
        is_readable=not any(file.is_hidden for file in files),
    )
    faults = [f"{file.name} {file.problem}" for file in files if file.problem]
    return HeldModel(
        name=legible(draft.name),
        store=store.kind,
        location=store.location,
        state=state_of(facts),
        reason="; ".join([*([draft.reason] if draft.reason else []), *faults[:3]]),
        revisions=(revision,),
        size_bytes=ledger.size_bytes([number]),
        exclusive_bytes=freed,
        kind=draft.kind,
        modified_at=newest,
    )


def within(folders: Iterable[Path]) -> Callable[[Path], bool]:
    """Make a test whether a path without links lies in one of some folders."""
    roots = [os.path.realpath(folder) for folder in folders]
    return lambda path: any(is_within(path, root) for root in roots)
