"""What a store holds, in the words all stores share: files, revisions, models, what is left over, what is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.availability.states import ModelAvailabilityStatus

__all__ = [
    "DETACHED",
    "GROWING",
    "ORPHAN",
    "PARTIAL",
    "REBUILT",
    "Digest",
    "HeldFile",
    "HeldModel",
    "Inode",
    "Leftover",
    "Listing",
    "LoadedModel",
    "Revision",
]

Inode = tuple[int, int]  # device and number: two names of one file on disk have the same

PARTIAL: Final = "partial"  # a download that ended before the file was whole
GROWING: Final = "downloading"  # the same, while bytes still come
ORPHAN: Final = "orphan"  # whole, and no model needs it
DETACHED: Final = "detached revision"  # of a model that has a newer one, and no name points at this one
REBUILT: Final = "cache"  # a program makes it again by itself


@dataclass(frozen=True, slots=True)
class Digest:
    """The sum that the content of a file has to have.

    Attributes:
        algorithm: ``sha256``, or ``git-sha1``: of git's header of a blob and the content.
        value: Hexadecimal digits, in lower case.
    """

    algorithm: str
    value: str


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file of a model, as far as its names and its inode tell; nothing is read of it.

    Attributes:
        name: Its path within the model, with ``/``.
        path: Where it is looked for.
        size_bytes: Its length; None where it is not there or cannot be looked at.
        expected_bytes: The length it has to have; None where nobody says.
        digest: The sum it has to have; None where nobody says.
        inode: Which file on disk it is; None where it is not there.
        problem: What is wrong with it, as far as that is seen without reading; empty where nothing is.
        is_hidden: This user may not look whether it is there.
    """

    name: str
    path: Path
    size_bytes: int | None
    expected_bytes: int | None = None
    digest: Digest | None = None
    inode: Inode | None = None
    problem: str = ""
    is_hidden: bool = False

    @property
    def is_missing(self) -> bool:
        """It belongs to the model, and is not there."""
        return self.size_bytes is None and not self.is_hidden

    @property
    def has_wrong_size(self) -> bool:
        """It is there, and of another length than it has to be."""
        return self.size_bytes is not None and self.expected_bytes not in (None, self.size_bytes)


@dataclass(frozen=True, slots=True)
class Revision:
    """One state of a model's files.

    Attributes:
        name: A commit, a digest; empty where a store has no revisions.
        refs: The names that point at it: branches, tags.
        files: What belongs to it and is wanted, there or not.
        is_listed: Something on this machine says which files belong to it.
        not_fetched: How many of those were never asked for.
        exclusive_bytes: What would become free if this revision alone went.
    """

    name: str
    refs: tuple[str, ...] = ()
    files: tuple[HeldFile, ...] = ()
    is_listed: bool = False
    not_fetched: int = 0
    exclusive_bytes: int = 0

    @property
    def missing(self) -> tuple[HeldFile, ...]:
        """The files that should be there and are not."""
        return tuple(file for file in self.files if file.is_missing)

    @property
    def is_whole(self) -> bool:
        """Every wanted file is there in the right size."""
        return bool(self.files) and not any(file.size_bytes is None or file.has_wrong_size for file in self.files)


@dataclass(frozen=True, slots=True)
class HeldModel:
    """A model in a store.

    Attributes:
        name: What it is called there.
        store: The kind of store.
        location: Which one: a folder, an address.
        state: What can be said of it.
        reason: Why, where that is not obvious.
        revisions: Newest first, as far as that is known.
        size_bytes: Bytes of its files, each file on disk once.
        exclusive_bytes: What would become free if it went: files that nothing else has a name for.
        kind: Which sort of model, where the store says: ``loras``, ``dataset``; empty elsewhere.
        modified_at: When a file of it last changed, seconds since 1970; 0 where unknown.
        shared_with: Other models, ``store:name``, that need some of the same files.
    """

    name: str
    store: str
    location: str
    state: ModelAvailabilityStatus
    reason: str = ""
    revisions: tuple[Revision, ...] = ()
    size_bytes: int = 0
    exclusive_bytes: int = 0
    kind: str = ""
    modified_at: float = 0.0
    shared_with: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[HeldFile, ...]:
        """The files of all its revisions, each path once."""
        return tuple({file.path: file for revision in self.revisions for file in revision.files}.values())


@dataclass(frozen=True, slots=True)
class Leftover:
    """Bytes in a store that no model needs.

    Attributes:
        what: One of ``PARTIAL``, ``GROWING``, ``ORPHAN``, ``DETACHED``, ``REBUILT``.
        path: Where.
        size_bytes: What would become free if it went.
        store: The kind of store.
        location: Which one.
        model: The model it was meant for; empty where that cannot be told.
        modified_at: When it last changed, seconds since 1970.
    """

    what: str
    path: Path
    size_bytes: int
    store: str
    location: str
    model: str = ""
    modified_at: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model that a server holds in memory, or could.

    Attributes:
        name: What it is called there.
        server: The kind of server.
        location: Its address.
        state: ``loaded``, ``loading``, ``unloading``, ``sleeping``, ``unloaded`` or ``unknown``.
        memory_bytes: Memory it takes; None where the server does not say.
        gpu_memory_bytes: How much of that is the GPU's; None where the server does not say.
        expires_at: When it will go by itself, as the server writes it; empty where it does not say.
    """

    name: str
    server: str
    location: str
    state: str
    memory_bytes: int | None = None
    gpu_memory_bytes: int | None = None
    expires_at: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What a look into a store found. A look never raises: what could not be seen is told in ``problems``.

    Attributes:
        store: The kind of store.
        location: Which one.
        is_readable: It could be looked into; where not, nothing is known of its models.
        problems: What could not be seen, and why.
        models: What it holds.
        leftovers: What no model needs.
    """

    store: str
    location: str
    is_readable: bool = True
    problems: tuple[str, ...] = ()
    models: tuple[HeldModel, ...] = field(default=())
    leftovers: tuple[Leftover, ...] = field(default=())
