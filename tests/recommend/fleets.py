"""A small fleet in a store, through the path that spans take, and the same for the policies of a backtest."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING

from modeltally.recommend.policies.cleanup import RuleR
from modeltally.recommend.policies.contract import DayOfFleet, Setting
from queries.given import Given, Heartbeat, Operation, give

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.store import EmbeddedStore

FIRST = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
GIB = 2**30


def end_of(day: int) -> dt.datetime:
    """The last moment of a day of the fleet, by its number."""
    return FIRST.replace(hour=0) + dt.timedelta(days=day + 1) - dt.timedelta(microseconds=1)


def drawn(seed: int, *, models: int = 60, days: int = 400) -> dict[str, list[int]]:
    """Draw on which days each model is used: daily ones, monthly ones, some for a while, some never."""
    random_numbers = random.Random(seed)
    found = {}
    for number in range(models):
        kind = number % 4
        if kind == 0:
            used = [day for day in range(days) if random_numbers.random() < 0.4]
        elif kind == 1:
            used = list(range(random_numbers.randrange(30), days, random_numbers.randrange(20, 45)))
        elif kind == 2:
            stop = random_numbers.randrange(5, 60)
            used = [day for day in range(stop) if random_numbers.random() < 0.5]
        else:
            used = []
        found[f"m{number:02d}"] = used
    return found


def download(model: str, *, size_bytes: int = GIB, day: int = 0) -> Operation:
    """A model comes, with its size."""
    attributes = {"modeltally.download.size": str(size_bytes)} if size_bytes else {}
    at = FIRST - dt.timedelta(hours=6) + dt.timedelta(days=day)
    return Operation(at=at, model=model, operation="model.download", attributes=attributes)


def used_on(model: str, days: Sequence[int]) -> list[Operation]:
    """A model is used on some days."""
    return [Operation(at=FIRST + dt.timedelta(days=day), model=model) for day in days]


def fill(store: EmbeddedStore, fleet: Mapping[str, Sequence[int]], *, watched: range, first_id: int = 1) -> None:
    """Bring a fleet into a store, with a process that lived on the watched days."""
    operations = [
        operation
        for number, (model, days) in enumerate(fleet.items())
        for operation in (download(model, size_bytes=(1 + number % 30) * GIB), *used_on(model, days))
    ]
    alive = Heartbeat(at=FIRST + dt.timedelta(days=watched.start), times=len(watched))
    give(store, Given(operations=operations, heartbeats=[alive]), first_id=first_id)


def named_by_rule_r(fleet: Mapping[str, Sequence[int]], days: int) -> set[str]:
    """What the policy of the backtest names after so many days."""
    rule = RuleR(Setting())
    used = {model: set(on) for model, on in fleet.items()}
    for day in range(days):
        rule.passed(DayOfFleet(day, list(fleet) if day == 0 else [], {m: 1 for m, on in used.items() if day in on}))
    return set(rule.named())
