"""The judge: verdicts on advice of every kind, once each, and rules that suspend themselves."""

from __future__ import annotations

import datetime as dt
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.errors import ParameterError
from modeltally.recommend.constants import CLEANUP_REGRET
from modeltally.recommend.judge import FIGURES
from modeltally.recommend.kinds import ADVICE
from modeltally.recommend.record import Refutation
from modeltally.settings import Settings
from queries.given import EPOCH, Given, empty, give
from recommend.fleets import drawn, end_of, fill, used_on
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import EmbeddedStore
    from support.stores import Template

FLEET = drawn(7, models=40)
DAYS = 330
ADVISED = 189


@pytest.fixture(scope="module")
def store(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open a store with a fleet: what was advised on day 189 is judged on day 225, one of it wrong."""
    ticks = count()
    with template.opened(
        tmp_path_factory.mktemp("judge"), clock=lambda: EPOCH + dt.timedelta(seconds=next(ticks))
    ) as opened:
        opened.settings = Settings(cleanup_run_models=6, cleanup_run_bytes_share=1)
        fill(opened, FLEET, watched=range(DAYS))
        first = opened.run("recommend_cleanup", {"as_of": end_of(ADVISED)})
        opened.run("recommend_cleanup", {"as_of": end_of(ADVISED + 1)})
        named = [str(row["subject"]) for row in first if row["verdict"] == "advise"]
        assert len(named) == 6
        give(opened, Given(operations=used_on(min(named), [ADVISED + 20])), first_id=500_000)
        yield opened
        empty(opened)


def judged(store: EmbeddedStore, day: int) -> list[dict[str, Any]]:
    """Judge at the end of a day; gives the verdicts on what was advised."""
    return [row for row in store.run("judge", {"as_of": end_of(day)}) if row["is_advised"]]


def test_advice_of_a_fleet_gets_its_verdicts_and_a_rule_that_was_wrong_stops(store: EmbeddedStore) -> None:
    """Nothing is judged early; then each advice once at each horizon; then the rule is silent, and its evidence not."""
    assert judged(store, ADVISED + 29) == []
    verdicts = judged(store, ADVISED + 31)
    assert [row["verdict"] for row in verdicts].count("wrong") == 1
    assert [row["verdict"] for row in verdicts].count("right") == 5
    assert judged(store, ADVISED + 31) == judged(store, ADVISED + 32) == []

    rows = store.run("recommend_cleanup", {"as_of": end_of(ADVISED + 33)})
    why = "suspended: since 2026-08-09, because 1 of 6 judged pieces of advice of the last 180 days were wrong"
    assert rows[0]["subject"] == "*"
    assert str(rows[0]["reason"]).startswith(f"{why}, more than {CLEANUP_REGRET:.0%}")
    assert {row["verdict"] for row in rows} <= {"refused", "candidate"}
    stopped = [row for row in rows[1:] if str(row["reason"]).startswith(why)]
    assert stopped
    assert all(row["evidence"] and row["action"] == "" for row in stopped)
    told = [row["verdicts"] for row in rows if row["verdicts"]]
    assert len(told) >= 5
    assert all(one["verdict"] in {"right", "wrong"} for each in told for one in each)  # type: ignore[attr-defined] # a list of records

    window = {"since": end_of(0), "until": end_of(ADVISED + 34), "as_of": end_of(ADVISED + 34)}
    lines = store.read("advice_accuracy", window)
    (line,) = [row for row in lines if row["subjects"] == "all"]
    assert (line["judged"], line["right"], line["wrong"]) == (6, 5, 1)
    assert str(line["suspended"]).startswith("since 2026-08-09, because 1 of 6")
    assert {"never used", "several uses"} <= {row["subjects"] for row in lines}
    assert sum(int(str(row["chances"])) for row in store.read("advice_calibration", window)) == line["chances"]
    later = judged(store, ADVISED + 95)
    assert sorted({row["horizon_seconds"] for row in later}) == [60 * 86_400, 90 * 86_400]
    # a regret that is long past counts no more
    assert not str(store.run("recommend_cleanup", {"as_of": end_of(DAYS - 1)})[0]["reason"]).startswith("history")


def test_every_rule_can_be_judged_or_says_that_it_cannot() -> None:
    """A refutation names a figure that can be measured and one limit, and reads back what it wrote."""
    for advice in ADVICE.values():
        for name, rule in advice.rules.items():
            told = rule.refutation
            if told is None:  # each row of a function may bring its own
                assert rule.make is not None or rule.limit is None, f"{advice.name} {name}"
                continue
            assert told.figure in FIGURES
            assert (told.more_than is None) != (told.less_than is None)
            assert Refutation.of_json(told.as_json(), words=told.words) == told


def test_nonsense_is_refused(store: EmbeddedStore) -> None:
    """A time that is none, and a flag that is none, are told and judge nothing."""
    with pytest.raises(ParameterError, match="as_of = 'soon' is no time"):
        store.run("judge", {"as_of": "soon"})
    with pytest.raises(ParameterError, match="count_imports = 3 is not one of True, False"):
        store.run("judge", {"as_of": end_of(1), "count_imports": 3})


def test_advice_by_a_figure_that_nobody_knows_waits(store: EmbeddedStore) -> None:
    """What a rule left that is not here any more is no reason to fail."""
    columns = ["kind", "policy", "as_of", "subject", "verdict", "refutation", "expires_at", "evidence"]
    row = ["gone", "own", end_of(10), "m00", "advise", '{"figure": "tides", "more_than": 1}', end_of(11), "{}"]
    store.database.insert_rows("recommendations", columns, [row])
    assert all(verdict["kind"] != "gone" for verdict in store.run("judge", {"as_of": end_of(DAYS)}))
    assert ask(store, "SELECT count() AS n FROM verdicts WHERE kind = 'gone'") == [{"n": 0}]
