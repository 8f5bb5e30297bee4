"""Reading the files of models on a schedule: the longest unread first, slowly, in the hours allowed, and resumable.

What was found damaged is marked for repair in a small file beside the store, until a later check finds it whole.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.verify import Level, Verdict, checks_of
from modeltally.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import time
    from pathlib import Path
    from zoneinfo import ZoneInfo

    from modeltally.availability.held import HeldFile, HeldModel
    from modeltally.availability.reading import Throttle
    from modeltally.availability.verify import CheckedFile

__all__ = ["Checkup", "marked_for_repair", "within"]

_FILE: Final = "checked-models.json"
_SHOWN_FAULTS: Final = 5


class _OverError(Exception):
    """There is no more time; never leaves this module."""


def within(now: datetime, hours: tuple[time, time, ZoneInfo] | None) -> bool:
    """Tell whether a time lies in the hours of a day.

    Args:
        now: An aware time.
        hours: Begin, end and zone, over midnight where the end is before the begin; None for the whole day.
    """
    if hours is None:
        return True
    begin, end, zone = hours
    at = now.astimezone(zone).time()
    return begin <= at < end if begin < end else at >= begin or at < end


def marked_for_repair(directory: Path) -> dict[str, dict[str, Any]]:
    """Give what checks found damaged: by ``store:name``, where it is, when that was found, and what is wrong."""
    found = _read(directory / _FILE).get("repair")
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}  # never written, or written by no one of ours: everything is due
    return found if isinstance(found, dict) else {}


@dataclass
class Checkup:
    """Checks one model after the other.

    Attributes:
        directory: Where it keeps what it has checked: the data directory.
        every_days: After how many days a model is due again.
        hours: When it may read.
        throttle: How fast.
        clock: Tells the time, aware.
    """

    directory: Path
    every_days: float
    hours: tuple[time, time, ZoneInfo] | None
    throttle: Throttle | None
    clock: Callable[[], datetime]
    _state: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Take up what was checked before."""
        found = _read(self.directory / _FILE)
        self._state = {key: found[key] if isinstance(found.get(key), dict) else {} for key in _KEYS}

    @property
    def may_read(self) -> bool:
        """It is one of the hours in which it may read."""
        return within(self.clock(), self.hours)

    def due(self, models: Iterable[HeldModel]) -> list[HeldModel]:
        """Give the models that are due, what was begun first, then those unread for longest.

        A check that lies in the future, by a clock that was set back since, says nothing.
        """
        now = self.clock()
        limit = timedelta(days=self.every_days)
        found = []
        for model in models:
            at = _time_of(self._state["checked"].get(_key(model)))
            if model.files and (at is None or at > now or now - at >= limit):
                begun = _key(model) in self._state["begun"]
                found.append((not begun, at.timestamp() if at is not None and at <= now else 0.0, _key(model), model))
        return [model for *_, model in sorted(found, key=lambda each: each[:3])]

    def check(self, model: HeldModel, *, is_over: Callable[[], bool] = lambda: False) -> Verdict | None:
        """Read every file of a model's revision in use, and mark it for repair where one is bad.

        Args:
            model: The model.
            is_over: Asked between pieces whether to stop; so are the hours.

        Returns:
            What was found; None where it was stopped: the files read so far are not read again next time.

        Raises:
            StoreError: What was found cannot be kept.
        """
        if not model.revisions:
            return None
        revision = model.revisions[0]
        begun: dict[str, Any] = self._state["begun"].get(_key(model), {})

        def advance(_: int) -> None:
            if is_over() or not within(self.clock(), self.hours):
                raise _OverError

        checked: list[CheckedFile] = []
        try:
            for file in revision.files:
                if begun.get(file.name) == _state_of(file):
                    checked += checks_of([file], Level.SIZES)
                    continue
                advance(0)
                found = next(iter(checks_of([file], Level.SUMS, throttle=self.throttle, advance=advance)))
                checked.append(found)
                if found.is_good:
                    begun[file.name] = _state_of(file)
        except _OverError:
            self._state["begun"][_key(model)] = begun
            self._keep()
            return None
        verdict = Verdict(model.name, revision.name, Level.SUMS, tuple(checked))
        self._note(model, verdict)
        return verdict

    def _note(self, model: HeldModel, verdict: Verdict) -> None:
        now = self.clock().isoformat()
        self._state["begun"].pop(_key(model), None)
        self._state["checked"][_key(model)] = now
        if verdict.is_healthy is False:
            faults = [f"{each.file.name} {each.found}" for each in verdict.files if each.is_good is False]
            self._state["repair"][f"{model.store}:{model.name}"] = {
                "location": model.location,
                "found_at": now,
                "faults": faults[:_SHOWN_FAULTS],
            }
        elif verdict.is_healthy:
            self._state["repair"].pop(f"{model.store}:{model.name}", None)
        self._keep()

    def _keep(self) -> None:
        path = self.directory / _FILE
        new = path.with_suffix(".new")
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                json.dump(self._state, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
        except OSError as error:
            raise StoreError(f"what was checked cannot be kept in {path}: {error.strerror or error}") from error


_KEYS: Final = ("checked", "begun", "repair")


def _key(model: HeldModel) -> str:
    return f"{model.store}:{model.location}:{model.name}"


def _state_of(file: HeldFile) -> list[int]:
    try:
        found = file.path.stat()
    except OSError:
        return []
    return [found.st_ino, found.st_size, found.st_mtime_ns]


def _time_of(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
