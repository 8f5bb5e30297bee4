"""Ollama's models on disk: manifests that name layers, and layers named by their sums."""

from __future__ import annotations

import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.disk import (
    Growth,
    Ledger,
    held_file,
    legible,
    list_folder,
    look,
    occupied_bytes,
    read_small,
    walk,
)
from modeltally.availability.held import (
    GROWING,
    ORPHAN,
    PARTIAL,
    Digest,
    HeldModel,
    Leftover,
    Listing,
    Revision,
)
from modeltally.availability.states import Facts, ModelAvailabilityStatus, state_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modeltally.availability.held import LoadedModel

__all__ = ["OllamaFolder", "name_of"]

_MANIFEST_BYTES: Final = 4 * 1024**2
_DIGEST: Final = re.compile(r"sha256:(?P<sum>[0-9a-f]{64})")
# older versions wrote a colon where a dash stands now
_BLOB: Final = re.compile(r"sha256[-:](?P<sum>[0-9a-f]{64})(?P<rest>-partial(?:-\d+)?)?")
_MEDIA: Final = "application/vnd.ollama.image."
_OWN_HOST, _OWN_SPACE = "registry.ollama.ai", "library"
_MANIFEST_PARTS: Final = 4  # host, namespace, model, tag


@dataclass
class _Look:
    """What one look into the folder gathers."""

    root: Path
    now: float
    problems: list[str] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)
    blobs: dict[str, Path] = field(default_factory=dict)
    partials: dict[str, list[Path]] = field(default_factory=dict)
    growing: set[str] = field(default_factory=set)
    needed: set[str] = field(default_factory=set)


class OllamaFolder:
    """The folder in which Ollama keeps its models."""

    kind: Final = "ollama"

    def __init__(self, root: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Say where it is; nothing is looked at yet.

        Args:
            root: The folder, ``OLLAMA_MODELS``, which holds ``manifests`` and ``blobs``.
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
        """Say nothing: the folder loads nothing, the server does."""
        return ()

    def listing(self) -> Listing:
        """Look what is there; see :class:`modeltally.availability.store.ModelStore`."""
        try:
            names = {path.name for path in self.root.iterdir()}
        except OSError as error:
            why = f"{self.location} cannot be listed: {error.strerror or error}"
            return Listing(self.kind, self.location, is_readable=False, problems=(why,))
        look_ = _Look(self.root, self._clock())
        if names and not names & {"manifests", "blobs"}:
            look_.problems.append(f"{self.location} holds other things, and no models of Ollama")
        self._blobs(look_)
        drafts = [self._draft(path, look_) for path in walk(self.root / "manifests", look_.problems.append)]
        models = tuple(self._model(name, revision, reason, look_) for name, revision, reason in drafts)
        leftovers = tuple(self._leftovers(look_, is_complete=all(not reason for _, _, reason in drafts)))
        self._growth.forget_absent()
        return Listing(self.kind, self.location, problems=tuple(look_.problems), models=models, leftovers=leftovers)

    def _blobs(self, look_: _Look) -> None:
        for path in list_folder(look_.root / "blobs", look_.problems.append):
            matched = _BLOB.fullmatch(path.name)
            if matched is None:
                continue
            if matched["rest"]:
                look_.partials.setdefault(matched["sum"], []).append(path)
                found = look(path, follow=False)
                if found is not None and self._growth.is_growing(path, found, now=look_.now):
                    look_.growing.add(matched["sum"])
            else:
                look_.blobs[matched["sum"]] = path

    def _draft(self, path: Path, look_: _Look) -> tuple[str, Revision | None, str]:
        """Read a manifest: the model's name, its files, or why they are not known."""
        name = name_of(path.relative_to(look_.root / "manifests").parts)
        try:
            content = read_small(path, limit_bytes=_MANIFEST_BYTES)
            manifest = json.loads(content)
            layers = [_layer(each) for each in [manifest.get("config"), *manifest["layers"]] if each is not None]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return name, None, f"its manifest cannot be read: {error}"
        digest = hashlib.sha256(content).hexdigest()
        files = []
        for kind, number, size in layers:
            look_.needed.add(number)
            blob = look_.blobs.get(number, look_.root / "blobs" / f"sha256-{number}")
            file, found = held_file(f"{kind}-{number[:12]}", blob, expected_bytes=size, digest=Digest("sha256", number))
            if found is not None:
                look_.ledger.add(name, blob.resolve(), found, is_kept=blob.is_symlink())
            files.append(file)
        return name, Revision(digest, (name.rpartition(":")[2],), tuple(files), is_listed=True), ""

    def _model(self, name: str, revision: Revision | None, reason: str, look_: _Look) -> HeldModel:
        if revision is None:
            return HeldModel(name, self.kind, self.location, ModelAvailabilityStatus.UNKNOWN, reason)
        freed = look_.ledger.freed_bytes([name])
        revision = Revision(revision.name, revision.refs, revision.files, revision.is_listed, exclusive_bytes=freed)
        facts = Facts(
            is_growing=any(file.digest is not None and file.digest.value in look_.growing for file in revision.missing),
            is_whole=revision.is_whole,
            has_damage=any(file.has_wrong_size for file in revision.files),
            is_readable=not any(file.is_hidden for file in revision.files),
        )
        faults = [f"{file.name} {file.problem}" for file in revision.files if file.problem]
        return HeldModel(
            name,
            self.kind,
            self.location,
            state_of(facts),
            "; ".join(faults[:3]),
            (revision,),
            look_.ledger.size_bytes([name]),
            freed,
            modified_at=max((found.st_mtime for file in revision.files if (found := look(file.path))), default=0.0),
        )

    def _leftovers(self, look_: _Look, *, is_complete: bool) -> list[Leftover]:
        found = []
        for number, paths in look_.partials.items():
            what = GROWING if number in look_.growing else PARTIAL
            for path in paths:
                entry = look(path, follow=False)
                if entry is not None:
                    size = occupied_bytes(entry)
                    found.append(Leftover(what, path, size, self.kind, self.location, "", entry.st_mtime))
        unneeded = {number: path for number, path in look_.blobs.items() if number not in look_.needed}
        if unneeded and not is_complete:
            # what cannot be read may need them
            look_.problems.append(f"{len(unneeded)} layers that no readable manifest names are not called orphans")
            return found
        for path in unneeded.values():
            entry = look(path, follow=False)
            if entry is not None:
                # a pull writes its manifest last: until then its layers are nobody's
                what = GROWING if look_.growing else ORPHAN
                found.append(Leftover(what, path, entry.st_size, self.kind, self.location, "", entry.st_mtime))
        return found


def _layer(entry: Any) -> tuple[str, str, int | None]:
    matched = _DIGEST.fullmatch(str(entry["digest"]).replace("sha256-", "sha256:"))
    if matched is None:
        raise ValueError(f"layer {entry['digest']!r:.80} is not named by its SHA-256")
    size = entry.get("size")
    kind = str(entry.get("mediaType", "")).removeprefix(_MEDIA)
    return kind if kind.isidentifier() else "config", matched["sum"], None if size is None else int(size)


def name_of(parts: tuple[str, ...]) -> str:
    """Write a model's name as Ollama does, from the folders of its manifest: host, namespace, model, tag."""
    *front, tag = parts
    if len(parts) == _MANIFEST_PARTS and front[0] == _OWN_HOST:
        front = front[2:] if front[1] == _OWN_SPACE else front[1:]
    return legible(f"{'/'.join(front)}:{tag}")
