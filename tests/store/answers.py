"""A store that has been lived in, and every answer it gives: what must be the same after it moved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from modeltally.store import sql
from queries.given import Alias, Evaluation, Given, Heartbeat, Item, Operation, Run, give
from support.part import some

if TYPE_CHECKING:
    from modeltally.store import DatabaseStore, Row

UTC = dt.UTC
# What a test takes that asks every view, before and after what it is about.
EVERY_VIEW_SECONDS = 400
JANUARY = dt.datetime(2026, 1, 5, 9, tzinfo=UTC)
MARCH = dt.datetime(2026, 3, 2, 10, tzinfo=UTC)
AS_OF = dt.datetime(2026, 5, 10, tzinfo=UTC)
ERASED = 0xFEEDFACECAFEBEEF
DEVICE = {"modeltally.device": "cuda:0", "modeltally.gpu.memory.peak": "6000"}
PARAMETERS = {"modeltally.diffusion.steps.requested": "30", "modeltally.context.type": "review"}
PRICE = {
    "model": "all",
    "unit": "request",
    "amount": "0.5",
    "currency": "EUR",
    "valid_from": "2026-03-01",
    "as_of": "2026-03-01",
}
GIVEN = Given(
    operations=[
        Operation(at=JANUARY, user=1, times=30, every_seconds=1801, model="old/one"),
        Operation(at=JANUARY, user=ERASED, times=4, outcome="error", error_type="timeout"),
        Operation(at=MARCH, user=2, times=25, every_seconds=700, attributes={"acme.team": "red"}),
        Operation(at=MARCH, user=3, pattern="outline", operation="pattern.run", ms=0.5),
        Operation(at=MARCH, unfinished=True, id=7001),
        Operation(at=MARCH, id=7002, nested=True, model="inner"),
        Operation(at=MARCH, id=7002),
        Operation(at=MARCH, span_id="no hex"),
        Operation(at=MARCH, operation="evaluation", id=7003),
        Operation(at=MARCH, user=2, outcome="error", error_type="timeout"),
        Operation(at=MARCH, operation="model.load", ms=20_000, instance="p1", attributes=DEVICE),
        Operation(at=MARCH, operation="model.request", instance="p1", times=3, attributes={**DEVICE, **PARAMETERS}),
        Operation(at=MARCH, operation="model.download", attributes={"modeltally.download.bytes": "4096"}),
        *(
            Operation(at=MARCH, operation="pattern.run", pattern=pattern, times=2, attributes={"session.id": session})
            for pattern in ("outline", "sketch")
            for session in ("s1", "s2")
        ),
    ],
    heartbeats=[Heartbeat(at=MARCH, instance="p1", started=30, finished=29, dropped=1, reasons={"queue_full": 1})],
    aliases=[Alias(alias="old/one", name="flux")],
    evaluations=[
        Evaluation(at=MARCH, of=7002, of_at=MARCH),
        Evaluation(at=MARCH, of=7001, of_at=MARCH, score=0.25),
        Evaluation(at=MARCH, of=7999, of_at=MARCH, score=0.5),
    ],
    runs=[Run(job="set_price", ask=PRICE)],
    inventory=[
        Item(at=MARCH, item="store", items=3, times=2),
        Item(at=MARCH, item="model", model="inner", files=2, size=9000, freed=7000, times=2),
        Item(at=MARCH, item="model", model="old/one", files=1, size=500, freed=500, times=2),
        Item(at=MARCH, item="leftover", leftover="partial", files=1, size=70, freed=70, times=2),
        Item(at=MARCH, item="volume", volume="/models", volume_size=100_000, free=40_000, times=2),
        Item(at=AS_OF - dt.timedelta(days=2), item="store", items=1),
        Item(at=AS_OF - dt.timedelta(days=2), item="model", model="inner", files=2, size=9000, freed=7000),
        Item(at=MARCH + dt.timedelta(hours=1), item="removed", cleanup="c1", model="gone", size=500, freed=500),
    ],
)
# After the January events are rolled and dropped, and a user is erased, more comes: late, dirty, from a new user, and
# once more what was there.
LATER = Given(
    operations=[
        Operation(at=JANUARY, user=1),
        Operation(at=MARCH, user=9, times=3),
        Operation(at=AS_OF, user=4),
        Operation(at=MARCH, id=7002),
    ]
)
WINDOWS = (
    (dt.datetime(2025, 12, 1, tzinfo=UTC), AS_OF),
    (JANUARY + dt.timedelta(minutes=7), MARCH + dt.timedelta(hours=3, minutes=1)),
)
VALUES: dict[str, list[object]] = {
    "began_since": ["2026-01-01", "2026-03-01"],
    "received_since": ["2026-01-01", "2026-03-10"],
    "as_of": [AS_OF],
    "abandoned_after_seconds": [3600.0],
    "half_life_seconds": [86_400.0],
    "event_retention_days": [90],
    "kind": ["model", "pattern", "error_type", "service", "cleanup", "all", "instance"],
    "subject": ["flux", "", "outline", "timeout", "painter"],
    "operation": ["model.request", ""],
    "by": ["subject", "operation", ""],
    "per": ["", "day", "hour_of_day", "week", "month", "day_of_week", "hour_of_week", "hour"],
    "silent_after_seconds": [180.0],
    "waiting_weight": [10.0],
    "anomaly_min_score": [2.0],
    "performance_slow_seconds": [300.0],
    "excellent_ms": [500.0],
    "only": ["", "evaluated"],
    "user": ["", f"{2:016x}"],
    "bucket": ["day", "week", "month", "hour"],
    "width": [86400, 3600],
    "within_hours": [1, 24, 4],
    "zone": ["UTC", "Asia/Tokyo"],
    "finest": ["day", "hour", "week"],
    "attribute": ["acme.team"],
    "policy": ["guarded"],
    "count_imports": [0, 1],
    "judge_version": [1],
    "made_at": [AS_OF],
}

Asking = Callable[[sql.Statement], list[dict[str, object]]]

# what each stretch of time needs where days begin at midnight in UTC
FINEST = {"": "week", "week": "week", "month": "day", "day": "day", "day_of_week": "day"}


def lived_in(store: DatabaseStore) -> None:
    """Bring a store through what happens in months: use, rolls, expiry, erasure, advice, late rows."""
    give(store, GIVEN)
    store.run("roll", {})
    store.run("expire", {"as_of": AS_OF})
    store.run("erase_user", {"user_hash": f"{ERASED:016x}", "as_of": AS_OF})
    store.run("recommend_cleanup", {"as_of": AS_OF})
    give(store, LATER, first_id=9000)


def questions(view: sql.Statement) -> list[dict[str, object]]:
    """Values for a view's parameters: each value occurs in each window, not each with each other."""
    free = sorted(name for name in view.parameters if name not in {"since", "until"})
    rounds = max([len(VALUES[name]) for name in free], default=1)
    found: list[dict[str, object]] = []
    for shift, window in enumerate(WINDOWS if "since" in view.parameters else WINDOWS[:1]):
        ends = {name: end for name, end in zip(("since", "until"), window, strict=True) if name in view.parameters}
        for number in range(rounds):
            values = {
                name: VALUES[name][(number + shift * position) % len(VALUES[name])]
                for position, name in enumerate(free)
            }
            if "per" in values and "finest" in values:  # a coarser roll does not know its hours or days
                values["finest"] = FINEST.get(str(values["per"]), "hour") if values["zone"] == "UTC" else "hour"
            found.append({**values, **ends})
    return found


def few_questions(view: sql.Statement) -> list[dict[str, object]]:
    """One question of each window, another in each; all where each window has no more."""
    windows: dict[object, list[dict[str, object]]] = {}
    for values in questions(view):
        windows.setdefault(values.get("since"), []).append(values)
    return [asked[number % len(asked)] for number, asked in enumerate(windows.values())]


def fewer_questions(view: sql.Statement) -> list[dict[str, object]]:
    """All questions of a view that is about one thing, a few of one that is told whose figures it is to give."""
    return few_questions(view) if "kind" in view.parameters else questions(view)


def knows_where_to_read(view: sql.Statement) -> bool:
    """Whether a view asks itself what serves a window; one that is told has no questions of its own."""
    return not any(kind.startswith("Array") for kind in view.parameters.values())


def answers(
    store: DatabaseStore,
    *,
    only: str | None = None,
    asking: Asking = questions,
) -> dict[str, list[Row]]:
    """Every row of every view, or of one, for every question; bitmaps of users as lists of numbers."""
    found = {}
    for view in [sql.view(only)] if only else some(sql.views_in_order(), seconds=EVERY_VIEW_SECONDS):
        if not knows_where_to_read(view):
            continue
        text = view.text
        if view.name in {"usage_figures", "usage_named_figures"}:
            columns = "* EXCEPT (users, unnumbered_users), bitmapToArray(users), arraySort(unnumbered_users)"
            text = f"SELECT {columns} FROM ({view.body})"  # noqa: S608 - a view of ours
        for values in asking(view):
            rows = store.database.query(sql.Statement(view.name, text), values)
            found[named(view, values)] = sorted(rows, key=str)
    return found


def has_rows(found: dict[str, list[Row]]) -> bool:
    """Whether there is something to compare: a few rows for each view that was asked."""
    return sum(len(rows) for rows in found.values()) > 3 * len({question.split()[0] for question in found})


# Views that call others in every way there is: what is asked of them stands for the rest until everything is run.
_TELLING = frozenset(
    {
        "usage_cover",
        "usage_figures",
        "usage_summary",
        "usage_by_model",
        "users_by_day",
        "usage_operations",
        "usage_trends",
    }
)


def asked_views(*, but: frozenset[str] = frozenset()) -> list[object]:
    """Parameters for a test of every view: a few questions to the telling ones, for ``test-all`` everything."""
    names = [name for name in sql.view_names() if name not in but and knows_where_to_read(sql.view(name))]
    slow = pytest.mark.slow(seconds=60, why="every question to every view")
    return [
        *(pytest.param(name, few_questions, id=f"{name}, in short") for name in names if name in _TELLING),
        *(pytest.param(name, questions, id=name, marks=slow) for name in names),
    ]


def named(view: sql.Statement, values: dict[str, object]) -> str:
    """A question in words, the same for the same question."""
    return f"{view.name} {sorted((name, str(value)) for name, value in values.items())}"
