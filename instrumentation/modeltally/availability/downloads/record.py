"""One download: what is wanted, how far it has come, what is the matter with it."""

from __future__ import annotations

import dataclasses
import enum
from dataclasses import dataclass
from typing import Any, Final, Self

from modeltally.availability.declared import ModelPriority

__all__ = ["OPEN", "RANKS", "Download", "DownloadReason", "DownloadState", "Lane"]

RANKS: Final = {priority: rank for rank, priority in enumerate(ModelPriority)}


class DownloadState(enum.StrEnum):
    """How far a download is."""

    QUEUED = "queued"
    DOWNLOADING = "downloading"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


OPEN: Final = frozenset({DownloadState.QUEUED, DownloadState.DOWNLOADING, DownloadState.PAUSED})


class DownloadReason(enum.StrEnum):
    """Why a model is fetched."""

    CORRUPTED = "corrupted"
    MISSING = "missing"
    UPDATE = "update"
    ASKED = "asked"


class Lane(enum.StrEnum):
    """How bytes come.

    ``resumable`` is plain HTTP, which goes on from the byte and keeps to a limit; ``fast`` is the hub's own protocol,
    which does neither; ``auto`` takes the fast one for files that have it, where no limit is set.
    """

    AUTO = "auto"
    RESUMABLE = "resumable"
    FAST = "fast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """A download. Times are seconds since 1970; what is not known yet is None, or empty.

    Attributes:
        id: Names it, and no other.
        number: Counts downloads in the order in which they were asked for.
        model: What the hub calls the model.
        cache: The folder of the cache, without links.
        revision: A branch, tag or commit; empty for the main branch.
        files: Patterns of the files that are wanted; none for all.
        endpoint: The hub's address; empty for the one that huggingface_hub is set up for.
        priority: How soon.
        reason: Why.
        lane: How.
        limit_bytes_per_second: At most so fast; None: as the times of the day have it.
        uses_per_day: How often the model is asked for.
        state: How far it is.
        wanted: What it was told while it ran: ``pause``, ``cancel``; empty for nothing.
        why: What it waits for, or why it ended.
        error_type: What ended it, in a word.
        action_required: What somebody has to do before it can go on.
        attempts: How often in a row it ended without a byte more.
        not_before: It waits until then.
        queued_at: When it was asked for.
        started_at: When its first byte was asked for.
        ended_at: When it was over.
        paused_at: Since when it is paused.
        paused_seconds: How long it was paused before that.
        updated_at: When anything of this last changed.
        commit: The commit that is fetched.
        total_bytes: All files together.
        done_bytes: How much of that is here.
        moved_bytes: How much came over the network, also what had to be fetched again.
        resumed_bytes: How much of unfinished files was here when it went on.
        retries: How often something was tried again.
        files_total: Files together.
        files_done: Files that are here.
        file: The file that is being fetched.
        bytes_per_second: How fast it goes.
        protocol: ``http``, ``xet``, ``local`` where nothing had to be moved.
        pid: The process that fetches.
        is_told: That it is over was recorded.
    """

    id: str
    number: int
    model: str
    cache: str
    revision: str = ""
    files: tuple[str, ...] = ()
    endpoint: str = ""
    priority: ModelPriority = ModelPriority.MEDIUM
    reason: DownloadReason = DownloadReason.ASKED
    lane: Lane = Lane.AUTO
    limit_bytes_per_second: float | None = None
    uses_per_day: float = 0.0
    state: DownloadState = DownloadState.QUEUED
    wanted: str = ""
    why: str = ""
    error_type: str = ""
    action_required: str = ""
    attempts: int = 0
    not_before: float = 0.0
    queued_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    paused_at: float | None = None
    paused_seconds: float = 0.0
    updated_at: float = 0.0
    commit: str = ""
    total_bytes: int | None = None
    done_bytes: int | None = None
    moved_bytes: int = 0
    resumed_bytes: int = 0
    retries: int = 0
    files_total: int = 0
    files_done: int = 0
    file: str = ""
    bytes_per_second: float | None = None
    protocol: str = ""
    pid: int | None = None
    is_told: bool = False

    @property
    def is_open(self) -> bool:
        """It is not over."""
        return self.state in OPEN

    @property
    def share(self) -> float | None:
        """How much of it is here, from 0 to 1; None where nobody knows how much it is."""
        if self.total_bytes is None or self.done_bytes is None:
            return None
        return min(1.0, self.done_bytes / self.total_bytes) if self.total_bytes else 1.0

    @property
    def left_bytes(self) -> int | None:
        """What is still to come; None where nobody knows."""
        if self.total_bytes is None:
            return None
        return max(0, self.total_bytes - (self.done_bytes or 0))

    @property
    def eta_seconds(self) -> float | None:
        """How long it will take from now on at its last speed, once it runs; None where nobody knows."""
        if self.left_bytes is None or not self.bytes_per_second:
            return None
        return self.left_bytes / self.bytes_per_second

    @property
    def place(self) -> tuple[bool, bool, bool, int, float, int]:
        """What it is put in order by: critical ones, then damaged, then missing ones; by priority, use, and age."""
        return (
            self.priority is not ModelPriority.CRITICAL,
            self.reason is not DownloadReason.CORRUPTED,
            self.reason is not DownloadReason.MISSING,
            RANKS[self.priority],
            -self.uses_per_day,
            self.number,
        )

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Read it again.

        Args:
            values: What :meth:`to_dict` gave; what a newer version added is left out.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        given = {name: value for name, value in values.items() if name in known}
        given["files"] = tuple(map(str, given.get("files", ())))
        for name, kind in (
            ("priority", ModelPriority),
            ("reason", DownloadReason),
            ("lane", Lane),
            ("state", DownloadState),
        ):
            if name in given:
                given[name] = kind(given[name])
        return cls(**given)
