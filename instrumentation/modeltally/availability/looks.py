"""One look at everything: the stores, the queue, how models are used, what checks found."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modeltally.availability.disk import look
from modeltally.availability.inventory import take_inventory
from modeltally.availability.status import ModelUsage
from modeltally.availability.statuses import name_of, status_of, usage_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeltally.availability.declared import DeclaredModels
    from modeltally.availability.downloads.record import Download
    from modeltally.availability.found import Places
    from modeltally.availability.inventory import Entry, Inventory
    from modeltally.availability.status import DetailedModelStatus
    from modeltally.availability.statuses import Check
    from modeltally.availability.uses import Uses

__all__ = ["Looker", "Seen", "fingerprint"]

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Seen:
    """What was found.

    Attributes:
        inventory: What the stores hold.
        downloads: All downloads, in order.
        entries: What lies on disk of each model, by the name it goes by.
        usages: How each is used, as far as that is known.
        statuses: What is known of each.
    """

    inventory: Inventory
    downloads: list[Download]
    entries: dict[str, Entry] = field(default_factory=dict)
    usages: dict[str, ModelUsage] = field(default_factory=dict)
    statuses: dict[str, DetailedModelStatus] = field(default_factory=dict)

    def find(self, name: str) -> str:
        """Return the name that a model goes by.

        Args:
            name: That name, one in its store, ``STORE:NAME``, or a declared name or alias.

        Raises:
            UnknownNameError: There is no such model.
            InputError: There are several.
        """
        if name in self.entries:
            return name
        entry = self.inventory.find(name)
        return next(key for key, each in self.entries.items() if each is entry)


class Looker:
    """Looks."""

    def __init__(
        self,
        places: Places,
        declared: DeclaredModels | None,
        *,
        uses: Uses,
        usage: Callable[[], Mapping[str, ModelUsage]] | None,
        checks: Mapping[str, Check],
    ) -> None:
        """Take what it looks at.

        Args:
            places: Where models are.
            declared: The models that should be there.
            uses: What was counted here.
            usage: Tells how models are used; None for nobody.
            checks: What checks found, by the name a model goes by.
        """
        self._places = places
        self._declared = declared
        self._uses = uses
        self._usage = usage
        self._checks = checks

    def look(self, downloads: list[Download]) -> Seen:
        """Look.

        Args:
            downloads: All downloads, in order.
        """
        seen = Seen(take_inventory(self._places, self._declared), downloads)
        usages = self._usages()
        for entry in seen.inventory.entries:
            name = self._free_name(entry, seen)
            usage = usage_of(entry, usages)
            if usage is not None:
                seen.usages[name] = usage
            seen.entries[name] = entry
            seen.statuses[name] = self.status(seen, name)
        return seen

    def status(self, seen: Seen, name: str, *, from_host: object = None) -> DetailedModelStatus:
        """Put together what is known of a model.

        Args:
            seen: What was found.
            name: The model.
            from_host: What a host's own manager says of it.
        """
        entry, known = seen.entries[name], self._checks.get(name)
        if known is not None and known.of is not None and known.of != fingerprint(entry):
            known = None  # of files that were others
        return status_of(
            entry,
            seen.inventory,
            downloads=seen.downloads,
            usage=seen.usages.get(name),
            check=known,
            from_host=from_host,
        )

    @staticmethod
    def _free_name(entry: Entry, seen: Seen) -> str:
        """Give a model a name that no other has: its own, with its store where several have that, and its place."""
        model = entry.model
        names = (name_of(entry), f"{model.store}:{model.name}", f"{model.store}:{model.location}:{model.name}")
        return next((name for name in names if name not in seen.entries), names[-1])

    def _usages(self) -> dict[str, ModelUsage]:
        """Say how models are used: as counted here, and as whoever watches them says."""
        found = self._uses.all()
        if self._usage is None:
            return found
        try:
            watched = self._usage()
        except Exception as error:  # noqa: BLE001 - a store that is away leaves out what it would have told
            _LOGGER.warning("how models are used is not known: %s", error)
            return found
        for name, each in watched.items():
            own = found.get(name, each)
            times = [at for at in (own.last_used_at, each.last_used_at) if at is not None]
            found[name] = ModelUsage(
                max(own.uses_per_day, each.uses_per_day),
                max(times, default=None),
                each.mean_seconds,
                max(own.watched_days, each.watched_days),
            )
        return found


def fingerprint(entry: Entry) -> tuple[tuple[str, int | None, int], ...]:
    """Say which files were looked at, as far as names, lengths and times of change tell."""
    found = []
    for file in (file for each in entry.model.revisions[:1] for file in each.files):
        there = look(file.path)
        found.append((file.name, file.size_bytes, 0 if there is None else there.st_mtime_ns))
    return tuple(found)
