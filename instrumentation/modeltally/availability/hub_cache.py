"""The cache of ``huggingface_hub``, versions 1 and 2, read from its own names, links and lists.

``scan_cache_dir`` is not used. It leaves out a whole model for one link that leads nowhere or one name that points at
nothing, which are the cases to be seen here; it knows no lists of files, no hard links, no links out of the cache; and
how it shares files is private to it. Tests hold this reading against it where both can read.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.availability._hub_repository import Repository, Wanted
from modeltally.availability._hub_trees import has_manifest, is_shared_store
from modeltally.availability.disk import Growth, Ledger, inode_of, legible, list_folder, look, occupied_bytes, walk
from modeltally.availability.held import DETACHED, ORPHAN, REBUILT, HeldModel, Leftover, Listing
from modeltally.availability.states import Facts, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeltally.availability._hub_repository import AskTree
    from modeltally.availability.held import LoadedModel

__all__ = ["HubCache", "Wanted"]

_REPOSITORY: Final = re.compile(r"(?P<kind>models|datasets|spaces|kernels)--(?P<name>.+)", re.DOTALL)
_PREFIX: Final = re.compile(r"[0-9a-f]{2}")
_XET: Final = re.compile(r"[0-9a-f]{64}")
_SHARED: Final = "blobs"
_SHOWN_PROBLEMS: Final = 3


class HubCache:
    """A cache folder of huggingface_hub."""

    kind: Final = "huggingface"

    def __init__(
        self,
        root: Path,
        *,
        chunks: Path | None = None,
        wanted: Mapping[str, Wanted] | None = None,
        ask_tree: AskTree | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Say where it is; nothing is looked at yet.

        Args:
            root: The folder, ``HF_HUB_CACHE``.
            chunks: Where the library keeps pieces of downloads, ``HF_XET_CACHE``.
            wanted: What is declared of models, by their names.
            ask_tree: Asked which files a commit has, where the cache kept no list; None for nobody.
            clock: Tells the time, seconds since 1970.
        """
        self.root = root
        self._chunks = chunks
        self._wanted = wanted or {}
        self._ask_tree = ask_tree
        self._clock = clock
        self._growth = Growth()

    @property
    def location(self) -> str:
        """The folder."""
        return legible(self.root)

    def loaded(self) -> tuple[LoadedModel, ...]:
        """Say nothing: a cache loads nothing."""
        return ()

    def listing(self) -> Listing:
        """Look what is there; see :class:`modeltally.availability.store.ModelStore`."""
        problems: list[str] = []
        try:
            entries = sorted(self.root.iterdir())
        except OSError as error:
            why = f"{self.location} cannot be listed: {error.strerror or error}"
            return Listing(self.kind, self.location, is_readable=False, problems=(why,))
        root = Path(self.root.resolve())
        shared = root / _SHARED
        is_shared = is_shared_store(shared)
        ledger = Ledger()
        repositories = []
        for entry in entries:
            matched = _REPOSITORY.fullmatch(entry.name)
            if matched is None or look(entry) is None:
                continue
            name = legible(matched["name"].replace("--", "/"))
            repository = Repository(
                root / entry.name, name, matched["kind"], wanted=self._wanted.get(name), ask_tree=self._ask_tree
            )
            repository.look(ledger, self._growth, root=root, shared=shared if is_shared else None, now=self._clock())
            repositories.append(repository)
        if not repositories and entries and not is_shared:
            problems.append(f"{self.location} holds other things, and no model of the hub")
        leftovers = [leftover for each in repositories for leftover in self._leftovers_of(each, ledger)]
        if is_shared:
            leftovers += self._unneeded(shared, ledger, problems.append)
        leftovers += self._chunk_cache(problems.append)
        self._growth.forget_absent()
        models = tuple(self._model_of(each, ledger) for each in repositories)
        return Listing(self.kind, self.location, problems=tuple(problems), models=models, leftovers=tuple(leftovers))

    def _model_of(self, repository: Repository, ledger: Ledger) -> HeldModel:
        owners = {(repository.path, revision.name) for revision in repository.revisions}
        chosen = repository.chosen
        facts = Facts(
            is_growing=repository.is_growing,
            has_whole_revision=any(revision.is_whole for revision in repository.revisions),
            is_whole=chosen is not None and chosen.is_whole and not repository.lacks_weights and repository.is_readable,
            has_damage=chosen is not None and any(file.has_wrong_size for file in chosen.files),
            is_readable=repository.is_readable,
        )
        return HeldModel(
            name=repository.name,
            store=self.kind,
            location=self.location,
            state=state_of(facts),
            reason="; ".join([*repository.reasons, *repository.problems[:_SHOWN_PROBLEMS]]),
            revisions=tuple(repository.with_exclusive_bytes(ledger)),
            size_bytes=ledger.size_bytes(owners),
            exclusive_bytes=ledger.freed_bytes(owners),
            kind=repository.kind.removesuffix("s"),
            modified_at=repository.modified_at,
        )

    def _leftovers_of(self, repository: Repository, ledger: Ledger) -> list[Leftover]:
        found = [
            Leftover(what, path, size, self.kind, self.location, repository.name, modified_at)
            for what, path, size, modified_at in repository.leftovers
        ]
        found += [
            Leftover(ORPHAN, path, ledger.freed_bytes([(ORPHAN, path)]), self.kind, self.location, repository.name)
            for path in repository.orphans
        ]
        found += [
            Leftover(
                DETACHED,
                repository.path / "snapshots" / revision.name,
                revision.exclusive_bytes,
                self.kind,
                self.location,
                repository.name,
            )
            for revision in repository.with_exclusive_bytes(ledger)
            if not revision.refs and any(other.refs for other in repository.revisions)
        ]
        return found

    def _unneeded(self, shared: Path, ledger: Ledger, tell: Callable[[str], object]) -> list[Leftover]:
        """Find shared files that no model needs any more."""
        found = []
        for folder in list_folder(shared, tell):
            if not _PREFIX.fullmatch(folder.name):
                continue
            for path in list_folder(folder, tell):
                entry = look(path, follow=False)
                if _XET.fullmatch(path.name) and entry is not None and not ledger.is_needed(inode_of(entry)):
                    if not has_manifest(path):
                        tell(f"shared file {path.name[:12]}... has no list of its users: the library keeps it")
                    found.append(Leftover(ORPHAN, path, entry.st_size, self.kind, self.location, "", entry.st_mtime))
        return found

    def _chunk_cache(self, tell: Callable[[str], object]) -> list[Leftover]:
        if self._chunks is None:
            return []
        sizes = [occupied_bytes(found) for path in walk(self._chunks, tell) if (found := look(path, follow=False))]
        if not sum(sizes):
            return []
        return [Leftover(REBUILT, self._chunks, sum(sizes), self.kind, self.location)]
