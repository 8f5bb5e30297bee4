"""However spans are delivered, every view for people gives the same figures."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.analytics.topics import TOPICS
from modeltally.store import sql
from modeltally.store.rollup import Roller
from queries.given import Alias, Given, Operation, give, give_rows, rows_of
from store.answers import AS_OF, GIVEN, few_questions
from support.part import some

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from modeltally.store import DatabaseStore, Row
    from support.stores import Template

UTC = dt.UTC
EVERY_TOPIC_SECONDS = 240
MICROSECOND = dt.timedelta(microseconds=1)
MIDNIGHT = dt.datetime(2026, 3, 3, tzinfo=UTC)
# the last and the first moment of an hour, a day, a leap day, the 53rd week of a year, a year
BORDERS = (
    MIDNIGHT + dt.timedelta(hours=5),
    MIDNIGHT,
    dt.datetime(2024, 2, 29, tzinfo=UTC),
    dt.datetime(2024, 3, 1, tzinfo=UTC),
    dt.datetime(2026, 12, 28, tzinfo=UTC),
    dt.datetime(2027, 1, 4, tzinfo=UTC),
    dt.datetime(2027, 1, 1, tzinfo=UTC),
)
WINDOWS = ((dt.datetime(2024, 1, 1, tzinfo=UTC), dt.datetime(2027, 2, 1, tzinfo=UTC)), (BORDERS[1], BORDERS[0]))
JUDGED = {"modeltally.quality.score": "0.7"}
LATER = dt.datetime(2029, 1, 1, tzinfo=UTC)
AT_BORDERS = Given(
    operations=[
        operation
        for border in BORDERS
        for at in (border - MICROSECOND, border)
        for operation in (
            Operation(at=at, user=3, model="edge", ms=0.001),
            Operation(at=at, user=4, outcome="error", error_type="timeout", attributes={"modeltally.context.id": "c1"}),
            Operation(
                at=at, operation="pattern.run", pattern="outline", attributes={"modeltally.quality.score": "0.7"}
            ),
        )
    ],
    aliases=[Alias(alias="old/one", name="flux")],
)


def _deliver(store: DatabaseStore, rows: Sequence[Sequence[object]], rng: random.Random) -> None:
    """Hand rows over out of order, in parts that overlap and come again, some after their hour was rolled."""
    waiting = rng.sample(list(rows), len(rows))
    sent: list[Sequence[object]] = []
    while waiting:
        size = rng.choice((1, 3, 20, 60))
        part, waiting = waiting[:size], waiting[size:]
        part += rng.sample(sent, min(len(sent), rng.randrange(10)))
        for _ in range(rng.choice((1, 1, 2))):
            give_rows(store, rng.sample(part, len(part)))
        sent += part
        if rng.random() < 0.4:
            Roller(store.database).run(as_of=rng.choice((MIDNIGHT + dt.timedelta(minutes=20), AS_OF, LATER)))


def _figures(store: DatabaseStore) -> dict[tuple[str, str], list[Row]]:
    found = {}
    for topic in some(TOPICS.values(), seconds=EVERY_TOPIC_SECONDS):
        view = sql.view(topic.view)
        for asked in few_questions(view):
            for since, until in WINDOWS if "since" in view.parameters else WINDOWS[:1]:
                values: dict[str, Any] = asked
                if "since" in view.parameters:
                    values = {**asked, "since": since, "until": until}
                found[topic.name, str(sorted(values.items(), key=str))] = [
                    {name: value for name, value in row.items() if name not in _says_how(topic.name)}
                    for row in store.read(topic.view, values)
                ]
    return found


def _says_how(topic: str) -> frozenset[str]:
    """Columns that say how an answer was read, which is another thing before and after a roll."""
    return frozenset({"dirty_hours"}) if topic == "context" else frozenset()


@pytest.fixture(scope="module")
def expected(template: Template, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[Row]]:
    """Give what is answered when all came once and in order, and nothing was rolled."""
    with template.opened(tmp_path_factory.mktemp("once"), clock=lambda: LATER) as store:
        give(store, GIVEN)
        give(store, AT_BORDERS, first_id=5000)
        return _figures(store)


@pytest.mark.slow(seconds=EVERY_TOPIC_SECONDS, why="every view of three stores")
@pytest.mark.parametrize("seed", [1, 2])
def test_delivery_changes_no_figure(
    template: Template, tmp_path: Path, expected: dict[tuple[str, str], list[Row]], seed: int
) -> None:
    """Any split, order, overlap, repetition and delay gives the same, with some hours rolled and with all."""
    rng = random.Random(seed)
    with template.opened(tmp_path, clock=lambda: LATER) as store:
        give(store, Given(aliases=[*GIVEN.aliases, *AT_BORDERS.aliases], runs=GIVEN.runs))
        _deliver(store, [*rows_of(GIVEN), *rows_of(AT_BORDERS, first_id=5000)], rng)
        for state in ("as it came", "rolled"):
            if state == "rolled":
                Roller(store.database).run(as_of=LATER)
            given = _figures(store)
            different = [question for question, rows in expected.items() if given[question] != rows]
            assert different == [], (state, [(expected[one][:2], given[one][:2]) for one in different[:1]])


@pytest.mark.slow(seconds=50, why="every view of a store")
def test_figures_are_asked_of_rows(expected: dict[tuple[str, str], list[Row]]) -> None:
    """Most topics have rows to compare, so that the same is not the same nothing."""
    with_rows = {topic for (topic, _), rows in expected.items() if rows}
    asked = {topic for topic, _ in expected}
    assert len(with_rows) >= 0.7 * len(asked), asked - with_rows
