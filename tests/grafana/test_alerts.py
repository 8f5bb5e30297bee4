"""Each rule fires on data that is as bad as it says, and not on data that is well: statement, reduction, limit."""

from __future__ import annotations

import datetime as dt
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from grafana.boards import RULES, rule_question
from grafana.macros import Asked, backend
from queries.given import Given, Heartbeat, Operation, give
from support.stores import ask

if TYPE_CHECKING:
    from modeltally.store import EmbeddedStore
    from support.stores import Template

pytestmark = pytest.mark.slow(seconds=30, why="every rule on three states of a store")

NOW = dt.datetime(2026, 3, 10, 12, tzinfo=dt.UTC)
SOON = NOW + dt.timedelta(hours=2)
RECENT = NOW - dt.timedelta(minutes=50)
YESTERDAY = NOW - dt.timedelta(hours=30)


def many(count: int, **said: Any) -> Operation:
    """Give as many operations in the last hour, a second from each to the next."""
    return Operation(**{"at": RECENT, "times": count, "every_seconds": 1, **said})


WELL = Given(
    operations=[
        many(30, model="good", ms=900),
        # few of them say little, however they end
        many(5, model="rare", outcome="error"),
        many(30, operation="pattern.run", pattern="even", ms=300, attributes={"modeltally.quality.score": "0.9"}),
        # above what is excellent, and always the same
        many(30, operation="pattern.run", pattern="steady", ms=800),
        many(1, operation="model.download", model="good"),
        many(1, operation="model.health_check", model="good", attributes={"modeltally.health.status": "healthy"}),
        # damaged once, mended since
        many(1, operation="model.health_check", model="mended", at=YESTERDAY,
             attributes={"modeltally.health.files.corrupted": "3"}),
        many(1, operation="model.health_check", model="mended"),
        many(2, model="good", at=YESTERDAY),
        many(3, model="good", service="done", instance="done"),
        # what went wrong before the window is not told again
        many(30, model="recovered", outcome="error", at=YESTERDAY),
    ],
    heartbeats=[
        Heartbeat(at=NOW - dt.timedelta(minutes=2), instance="alive", started=9, finished=9, received_after_seconds=1),
        Heartbeat(at=RECENT, instance="done", service="done", started=3, finished=3, goodbye=True),
        # lost long ago, and no more since
        Heartbeat(at=YESTERDAY, instance="alive", started=2, finished=2),
    ],
)  # fmt: skip
BADLY = Given(
    operations=[
        many(30, model="wrong", outcome="failure"),
        many(30, model="broken", outcome="error"),
        many(27, operation="pattern.run", pattern="lame", ms=300),
        many(4, operation="pattern.run", pattern="lame", ms=2500, at=RECENT + dt.timedelta(minutes=5)),
        many(12, operation="pattern.run", pattern="poor", outcome="failure", error_type="quality_gate",
             attributes={"modeltally.quality.score": "0.4"}),
        Operation(at=NOW - dt.timedelta(days=10), model="forgotten"),
        many(1, operation="model.download", model="gone", outcome="error"),
        many(1, operation="model.health_check", model="bent", attributes={"modeltally.health.files.corrupted": "2"}),
        many(1, span_id="no hex"),
        many(1, model="good", service="cut", instance="cut"),
    ],
    heartbeats=[
        Heartbeat(at=RECENT, instance="leaky", started=7, finished=2, dropped=5, reasons={"queue_full": 5}),
        Heartbeat(at=RECENT, instance="cut", service="cut", started=4, finished=4, goodbye=True),
    ],
)  # fmt: skip
# Who each rule must be about, by the first column that tells rows apart, once things went badly.
FIRES: dict[str, set[str]] = {
    "success_rate": {"wrong", "broken"},
    "error_rate": {"broken"},
    "uneven_duration": {"lame"},
    "slow": {"lame"},
    "quality": {"poor"},
    "gate_failures": {"poor"},
    "unused": {"forgotten"},
    "loss": {""},
    "missing": {"cut", "painter"},
    "download_failed": {"gone"},
    "damaged_model": {"bent"},
    "roll_behind": {""},
    "refused": {"bad_id"},
}
_LABELS = ("subject", "model", "service", "reason")
_COMPARE = {"gt": operator.gt, "lt": operator.lt}


@dataclass(frozen=True)
class Told:
    """What came of a rule: its rows, and those of them that fire.

    Attributes:
        rows: Every row of its statement.
        fired: Whom the rows are about whose value is beyond the limit.
    """

    rows: list[dict[str, Any]]
    fired: set[str]


def look(store: EmbeddedStore, name: str, *, at: dt.datetime) -> Told:
    """Do what Grafana does with a rule at a time: ask, reduce each row to its number, compare with the limit."""
    rule = RULES[name]
    asked = rule_question(rule)
    begins, ends = (dt.timedelta(seconds=asked["relativeTimeRange"][side]) for side in ("from", "to"))
    rows = ask(store, backend(asked["model"]["rawSql"], Asked(at - begins, at - ends)))
    _, reduce, threshold = (one["model"] for one in rule["data"])
    assert reduce["reducer"] == "last"
    (condition,) = threshold["conditions"]
    (limit,) = condition["evaluator"]["params"]
    beyond = _COMPARE[condition["evaluator"]["type"]]
    fired, seen = set(), set()
    for row in rows:
        labels = {column: value for column, value in row.items() if isinstance(value, str)}
        numbers = [value for value in row.values() if not isinstance(value, str)]
        # one number for each set of labels, or Grafana takes the rule for broken
        assert len(numbers) == 1, row
        assert tuple(labels.items()) not in seen
        seen.add(tuple(labels.items()))
        if numbers[0] is not None and beyond(numbers[0], limit):
            fired.add(next((labels[label] for label in _LABELS if label in labels), ""))
    return Told(rows, fired)


@pytest.fixture(scope="module")
def told(template: Template, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Told]]:
    """Look at every rule with nothing stored, when all is well, and when it is not."""
    found = {}
    with template.opened(tmp_path_factory.mktemp("alerts"), clock=lambda: NOW) as store:
        found["empty"] = {name: look(store, name, at=NOW) for name in ("no_data", "loss", "refused")}
        give(store, WELL)
        store.run("roll", {"as_of": NOW})
        found["well"] = {name: look(store, name, at=NOW) for name in RULES}
        give(store, BADLY, first_id=10**6)
        give(store, Given(operations=[Operation(at=YESTERDAY, model="late")]), first_id=10**7)
        found["badly"] = {name: look(store, name, at=NOW) for name in RULES}
        found["later"] = {"no_data": look(store, "no_data", at=SOON)}
    return found


@pytest.mark.parametrize("name", RULES)
def test_rule_is_silent_when_all_is_well(told: dict[str, dict[str, Told]], name: str) -> None:
    """No rule fires on data without anything wrong, little of anything included."""
    assert told["well"][name].fired == set()


@pytest.mark.parametrize("name", FIRES)
def test_rule_fires_when_it_is_not(told: dict[str, dict[str, Told]], name: str) -> None:
    """Each rule fires about those who are as bad as it says, and about nobody else."""
    assert told["badly"][name].fired == FIRES[name]


def test_rules_that_can_be_silent_have_values_to_be_silent_about(told: dict[str, dict[str, Told]]) -> None:
    """That nothing fired while all was well is not for want of rows, but where each row is something wrong."""
    assert {name for name, found in told["well"].items() if not found.rows} == {"missing", "refused"}


def test_silence_is_told_after_half_an_hour(told: dict[str, dict[str, Told]]) -> None:
    """Nothing for two hours fires; where nothing ever came there is no row, which Grafana takes for an alert."""
    assert told["badly"]["no_data"].fired == set()
    assert told["later"]["no_data"].fired == {""}
    assert told["empty"]["no_data"].rows == []
    assert RULES["no_data"]["noDataState"] == "Alerting"


def test_every_rule_is_tried() -> None:
    """A new rule needs data on which it fires."""
    assert set(FIRES) | {"no_data"} == set(RULES)
