"""What ``modeltally agent`` does: looks at disks and model servers, checks files, and records what it sees."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import modeltally
from modeltally.availability.inventory import take_inventory
from modeltally.availability.residents import Residents
from modeltally.availability.servers import ModelServer
from modeltally.availability.told import items_of
from modeltally.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.availability.checkup import Checkup
    from modeltally.availability.declared import DeclaredModels
    from modeltally.availability.found import Places
    from modeltally.availability.inventory import Inventory

__all__ = ["DiskWatch", "record_check", "record_items"]

_LOGGER: Final = logging.getLogger(__name__)
_PAUSE_SECONDS: Final = 1.0


def record_items(items: list[dict[str, Any]], *, at: datetime) -> int:
    """Record what a host tells of its disks, all as of one time.

    Args:
        items: The values of each operation.
        at: When it was so, aware.

    Returns:
        How many were taken.
    """
    taken = [
        modeltally.record("inventory", started_at=at, ended_at=at, source="agent", wait=True, **item) for item in items
    ]
    return sum(ref is not None for ref in taken)


@dataclass
class DiskWatch:
    """One machine's disks and model servers.

    Attributes:
        find: Finds where to look; asked anew before each look, since programs come and go.
        declared: What should be there.
        every_seconds: Seconds between two looks at the disks.
        poll_seconds: Seconds between two questions to model servers.
        checkup: Checks files; None where none are to be read.
    """

    find: Callable[[], Places]
    declared: DeclaredModels | None
    every_seconds: float
    poll_seconds: float
    checkup: Checkup | None = None
    _places: Places | None = None
    _residents: Residents | None = None
    _inventory: Inventory | None = None
    _names: dict[str, str] = field(default_factory=dict)

    def look(self) -> int:
        """Look at the disks once and record what is there.

        Returns:
            How many items were recorded.
        """
        places = self.find()
        if self._places is None or _shape(places) != _shape(self._places):
            self._places = places  # else the stores that were looked into before: they remember what grows
            servers = [each for each in (*places.stores, *places.servers) if isinstance(each, ModelServer)]
            self._residents = Residents(servers)
        at = datetime.now(UTC)
        self._inventory = inventory = take_inventory(self._places, self.declared)
        for problem in inventory.problems:
            _LOGGER.warning("%s", problem)
        # what services call a model is what statistics know it by
        self._names = {
            entry.model.name: entry.declared.model for entry in inventory.entries if entry.declared is not None
        }
        return record_items([self._named(item) for item in items_of(inventory)], at=at)

    def poll(self) -> int:
        """Ask the model servers, and record what was loaded and unloaded since.

        Returns:
            How many models moved.
        """
        moved = self._residents.look() if self._residents is not None else []
        now = datetime.now(UTC)
        for each in moved:
            known = {"framework": each.server, "model_memory_bytes": each.memory_bytes}
            if not each.is_loaded:
                known |= {"unload_reason": each.reason or None, "memory_freed_bytes": each.memory_bytes}
            modeltally.record(
                "model.load" if each.is_loaded else "model.unload",
                started_at=now,
                ended_at=now,
                source="agent",
                model=self._names.get(each.model, each.model),
                **known,  # type: ignore[arg-type]  # a dict of them, by their keywords
            )
        return len(moved)

    def check_one(self, is_over: Callable[[], bool]) -> bool:
        """Check the model that is most due.

        Args:
            is_over: Asked between pieces whether to stop.

        Returns:
            Whether one was checked to its end.
        """
        if self.checkup is None or self._inventory is None or not self.checkup.may_read:
            return False
        due = self.checkup.due(entry.model for entry in self._inventory.entries)
        if not due:
            return False
        try:
            verdict = self.checkup.check(due[0], is_over=is_over)
        except StoreError as error:
            _LOGGER.warning("%s", error)
            return False
        if verdict is None:
            return False
        record_check(self._names.get(due[0].name, due[0].name), due[0].size_bytes, verdict)
        return True

    def run(self, wait: Callable[[float], bool]) -> None:
        """Look, ask and check until it is told to stop.

        Args:
            wait: Waits for seconds; gives whether to stop.
        """
        next_look = next_poll = 0.0
        while True:
            if time.monotonic() >= next_look:
                self.look()
                next_look = time.monotonic() + self.every_seconds
            if time.monotonic() >= next_poll:
                self.poll()
                next_poll = time.monotonic() + self.poll_seconds
            due_at = min(next_look, next_poll)
            self._check_until(due_at, wait)
            if wait(max(_PAUSE_SECONDS, due_at - time.monotonic())):
                return

    def _check_until(self, due_at: float, wait: Callable[[float], bool]) -> None:
        """Read files between looks, which do not wait for them."""

        def is_over() -> bool:
            return time.monotonic() >= due_at or wait(0.0)

        while not is_over() and self.check_one(is_over):
            pass

    def _named(self, item: dict[str, Any]) -> dict[str, Any]:
        name = item.get("model")
        return {**item, "model": self._names[name]} if name in self._names else item


def record_check(name: str, size_bytes: int, verdict: Any) -> None:
    """Record a check of a model's files.

    Args:
        name: What services call the model.
        size_bytes: What it takes on disk.
        verdict: What the check found.
    """
    from modeltally.cli._models_shown import health_of

    with modeltally.health_check(name, check_kind=verdict.level.value, model_size_bytes=size_bytes) as operation:
        operation.set(
            model_commit=verdict.revision or None,
            health_status=health_of(verdict),
            integrity_score=verdict.integrity_score,
            files_checked=len(verdict.files),
            files_missing=verdict.missing,
            files_corrupted=verdict.corrupted,
        )


def _shape(places: Places) -> tuple[tuple[str, str], ...]:
    return tuple((store.kind, store.location) for store in (*places.stores, *places.servers))
