"""What a look reads: each figure once, by the topics that people read."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from modeltally.analytics.arguments import BY, OPERATION, OPERATION_OF
from modeltally.analytics.readers import read
from modeltally.analytics.topics.quality import CONTEXT
from modeltally.analytics.topics.subjects import FREQUENCY, SPEED, SUCCESS
from modeltally.analytics.window import BEGINNING, Window
from modeltally.store import EmbeddedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from modeltally.analytics.topic import Topic
    from modeltally.analytics.topics.quality import ContextRow
    from modeltally.settings import Settings
    from modeltally.store import DatabaseStore

__all__ = ["Disk", "Facts"]

# Whose figures are looked at, and what of theirs.
_KINDS: Final = {"model": OPERATION_OF[""], "pattern": OPERATION_OF["pattern"]}
_REMEMBERED: Final = timedelta(days=7)
# An hour is settled two hours after its end; a rollup has two more.
_SETTLED: Final = timedelta(hours=4)
_SHOWN_CHARACTERS: Final = 300


class Disk(NamedTuple):
    """How full a disk is, in bytes."""

    total: int
    free: int


class Facts:
    """The figures at one moment; each is read when a rule first asks for it.

    Attributes:
        settings: Thresholds.
        as_of: The time of the look.
        window: Over which rates and durations are looked at.
        history: All there is up to that time.
        failed_jobs: The errors of jobs whose last run failed, by the job's name.
        blind: The errors of rules that could not be looked at, by the rule's name; filled by who asks the rules.
    """

    def __init__(
        self,
        store: DatabaseStore,
        *,
        as_of: datetime,
        failed_jobs: Mapping[str, str],
        damaged_files: Callable[[], Sequence[str]],
    ) -> None:
        """Take where to read.

        Args:
            store: The store.
            as_of: The time of the look.
            failed_jobs: The errors of jobs whose last run failed, by name.
            damaged_files: Names files beside the engine that are damaged.
        """
        self.settings: Settings = store.settings
        self.as_of = as_of.astimezone(UTC)
        self.window = Window(as_of - timedelta(hours=self.settings.alerts_window_hours), as_of, as_of)
        self.history = Window(BEGINNING, as_of, as_of)
        self.failed_jobs = failed_jobs
        self.blind: dict[str, str] = {}
        self._store = store
        self._damaged_files = damaged_files
        self._read: dict[tuple[str, str, Window], list[Any]] = {}

    def success(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """How well each model and pattern does, with its kind."""
        return self._by_kind(SUCCESS, self.window)

    def speed(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """How fast each model and pattern is, with its kind."""
        return self._by_kind(SPEED, self.window)

    def last_uses(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """When each model and pattern was last used, with its kind."""
        return self._by_kind(FREQUENCY, self.history)

    def context(self) -> ContextRow:
        """What answers about the window rest on: losses, quarantine."""
        return self._context(self.window)

    def settled(self) -> ContextRow:
        """What answers about hours rest on that must be rolled by now."""
        until = (self.as_of - _SETTLED).replace(minute=0, second=0, microsecond=0)
        return self._context(Window(until - _REMEMBERED, until, self.as_of))

    def live_data_received_at(self) -> datetime | None:
        """When something that no import brought was last received; None where nothing was for seven days."""
        window = Window(self.as_of - _REMEMBERED, self.as_of, self.as_of)
        (row,) = self._store.read("live_data_received", window.bounds())
        return cast("datetime | None", row["received_at"])

    def disk(self) -> Disk | None:
        """How full the disk of the data directory is; None where a server has its own."""
        if not self._store.database.is_embedded or not self.settings.dir.exists():
            return None
        usage = shutil.disk_usage(self.settings.dir)
        # what only root may fill is not free
        return Disk(total=usage.used + usage.free, free=usage.free)

    def damages(self) -> list[str]:
        """What of the store's files is damaged or gone, a sentence or a name each."""
        damage = self._store.damage() if isinstance(self._store, EmbeddedStore) else None
        return [*([damage[:_SHOWN_CHARACTERS]] if damage else []), *self._damaged_files()]

    def _by_kind(self, topic: Topic[Any], window: Window) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for kind, operation in _KINDS.items():
            if topic is not FREQUENCY and not self._is_used(kind):  # nothing that a longer question would tell more of
                continue
            asked = (topic.name, kind, window)
            if asked not in self._read:
                arguments = {BY.parameter: kind, OPERATION.parameter: operation}
                self._read[asked] = read(self._store, topic, window, settings=self.settings, arguments=arguments)
            yield from ((kind, row) for row in self._read[asked])

    def _is_used(self, kind: str) -> bool:
        return any(row["last_used_at"] >= self.window.since for its, row in self.last_uses() if its == kind)

    def _context(self, window: Window) -> ContextRow:
        asked = (CONTEXT.name, "", window)
        if asked not in self._read:
            self._read[asked] = self._store.read(CONTEXT.view, window.bounds())
        return cast("ContextRow", self._read[asked][0])
