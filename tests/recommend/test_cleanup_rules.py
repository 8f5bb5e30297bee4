"""Rules of cleanup: the guards, that more use never raises the wish to delete, and how they are judged."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modeltally.recommend.backtest.cleaning import Fleet, asked_days_of, replay_cleanup
from modeltally.recommend.backtest.errors import PolicyError
from modeltally.recommend.policies.cleanup import Idle, Life, RuleR, may_go
from modeltally.recommend.policies.contract import DayOfFleet, Policy, Setting
from modeltally.recommend.policies.hazard import CarriedHazard
from modeltally.recommend.policies.known import BUILT_IN

BY_NAME = {policy.name: policy for policy in BUILT_IN}


@pytest.mark.parametrize(
    ("idle", "watched_days", "expected"),
    [
        (Idle(300, 121, 40, 50, 200), 300, True),
        (Idle(300, 120, 40, 50, 200), 300, False),  # not longer than 120 days
        (Idle(300, 130, 44, 50, 200), 300, False),  # not three times the longest pause
        (Idle(300, 149, 0, 1, 149), 300, False),  # few uses
        (Idle(300, 151, 0, 1, 151), 300, True),
        (Idle(151, 151, 0, 0, 151), 180, True),  # never used
        (Idle(151, 151, 0, 0, 151), 179, False),  # not watched for long enough
        (Idle(44, 44, 0, 0, 400), 300, False),  # new
    ],
)
def test_guards(idle: Idle, watched_days: int, *, expected: bool) -> None:
    """Each guard stops by itself, at its day."""
    assert may_go(idle, watched_days=watched_days) is expected


def _life(arrived: int, days: list[int]) -> Life:
    life = Life.beginning(arrived)
    for day in sorted(set(days)):
        life.use(day)
    return life


@given(
    arrived=st.integers(0, 50),
    days=st.lists(st.integers(0, 400), max_size=8),
    later=st.lists(st.integers(0, 400), min_size=1, max_size=8),
    asked=st.integers(150, 500),
)
@settings(max_examples=500, deadline=None)
def test_use_on_a_later_day_never_raises_the_wish_to_delete(
    arrived: int, days: list[int], later: list[int], asked: int
) -> None:
    """Whatever was used before, and whatever is used after, rule A names no model that it would not name without."""
    before = [arrived + day for day in days if arrived + day <= asked]
    last = max(before, default=arrived - 1)
    more = before + [day for day in later if last < day <= asked]
    if may_go(_life(arrived, more).idle(asked), watched_days=asked + 1):
        assert may_go(_life(arrived, before).idle(asked), watched_days=asked + 1)


def _fleet(seed: int, *, models: int = 60, days: int = 420) -> Fleet:
    """Draw a fleet: some in daily use, some by the month, some that were used for a while, some never."""
    drawn = random.Random(seed)
    arrived, uses, sizes = {}, {}, {}
    for number in range(models):
        model = f"m{number:02d}"
        arrived[model] = drawn.randrange(0, 120)
        sizes[model] = drawn.randrange(1, 30) * 2**30
        kind = drawn.randrange(4)
        if kind == 0:
            used = [day for day in range(arrived[model], days) if drawn.random() < 0.4]
        elif kind == 1:
            used = list(range(arrived[model] + drawn.randrange(30), days, drawn.randrange(20, 45)))
        elif kind == 2:
            stop = arrived[model] + drawn.randrange(5, 60)
            used = [day for day in range(arrived[model], stop) if drawn.random() < 0.5]
        else:
            used = []
        uses[model] = dict.fromkeys(used, 1)
    return Fleet(days, arrived, sizes, uses)


def _passed(fleet: Fleet, days: int, *, times: int = 1) -> RuleR:
    rule = RuleR(Setting())
    for day in range(days):
        uses = {model: times for model, used in fleet.uses.items() if day in used}
        rule.passed(DayOfFleet(day, [model for model, first in fleet.arrived.items() if first == day], uses))
    return rule


def test_more_use_on_a_day_changes_nothing() -> None:
    """Uses are counted by days: a hundred on a day leave chances and names as one does."""
    fleet = _fleet(1)
    once, often = _passed(fleet, 300), _passed(fleet, 300, times=100)
    assert once.chances(30) == often.chances(30)
    assert once.named() == often.named() != []


def test_use_today_spares_a_model_for_months() -> None:
    """A model that was named and is used is named again after more than 120 days at the earliest."""
    fleet = _fleet(2)
    rule = _passed(fleet, 300)
    spared = min(rule.named())
    rule.passed(DayOfFleet(300, (), {spared: 1}))
    for day in range(301, 421):
        assert spared not in rule.named()
        rule.passed(DayOfFleet(day, (), {}))


@pytest.mark.parametrize("seed", range(3))
def test_rule_r_is_right_and_silent_before_its_time(seed: int) -> None:
    """Nothing is named before 180 watched days; after, what is named stays unused, and chances beat the base rate."""
    fleet = _fleet(seed)
    rows = replay_cleanup(BY_NAME["rule_r"], fleet, asked_days=asked_days_of(fleet))
    assert [row.watched_days for row in rows] == [120, 149, 180, 210, 240, 270, 300, 330]
    assert [row.named for row in rows[:2]] == [0, 0]
    late = [row for row in rows if row.watched_days >= 240]
    assert sum(row.named for row in late) > 20
    assert sum(row.regrets for row in late) == 0
    assert all(row.brier is not None and row.brier < (row.brier_of_base or 0) for row in late)
    assert all(row.unused_30 == row.unused_90 == 1 for row in late)
    assert (late[-1].oracle_share or 0) > 0.5
    plain = replay_cleanup(BY_NAME["idle_30"], fleet, asked_days=asked_days_of(fleet))
    assert sum(row.regrets for row in plain) > 3  # the control: the plain rule is wrong here


def test_silence_of_the_collector_is_use_of_nothing() -> None:
    """Days on which nothing at all was recorded name no model that was not about to be named anyway."""
    fleet = _fleet(5)
    hole = range(290, 297)
    holed = Fleet(fleet.days, fleet.arrived, fleet.sizes, {
        model: {day: count for day, count in used.items() if day not in hole} for model, used in fleet.uses.items()
    })  # fmt: skip
    assert set(_passed(holed, 297).named()) == set(_passed(fleet, 297).named())


def test_hazard_by_hand() -> None:
    """Steps, the half of an open pause, and the hazard carried where nothing was seen."""
    hazard = CarriedHazard()
    for _ in range(10):
        hazard.ended(7, days_used=9, longest_days=1)  # over in the second step
    table = hazard.table([(2, 9, 1)])
    first = (0 + 20 * 0.06) / (10 + 0.5 + 20)
    second = (10 + 20 * first) / (10 + 20)
    lowest, highest = (0 + 8 * first) / (10.5 + 8), (10 + 8 * second) / (10 + 8)
    # idle / longest is 0 in the first step and 5 in the second
    of_class = (0 + 8 * first) / (10.5 + 8)
    assert table.unused(0, 5, days_used=9, longest_days=1) == pytest.approx(1 - of_class)
    assert table.unused(5, 5, days_used=9, longest_days=1) == pytest.approx(1 - highest)
    assert table.unused(0, 2, days_used=9, longest_days=1) == pytest.approx(1 - lowest * 2 / 5)
    assert table.unused(100, 5, days_used=9, longest_days=1) == pytest.approx(1 - second)
    assert table.unused(0, 5, days_used=0, longest_days=0) == pytest.approx(1 - first)


class _Wrong:
    """Names what is not there, or says what is no chance."""

    def __init__(self, named: list[str], chances: dict[str, float]) -> None:
        self._named, self._chances = named, chances

    def passed(self, day: DayOfFleet) -> None:
        del day

    def named(self) -> list[str]:
        return self._named

    def chances(self, days: int) -> dict[str, float]:
        del days
        return self._chances


@pytest.mark.parametrize(
    ("named", "chances", "message"),
    [(["nobody"], {}, "named 'nobody'"), ([], {"m00": -0.1}, "said -0.1 of 'm00'")],
)
def test_rule_that_names_nonsense_is_told_so(named: list[str], chances: dict[str, float], message: str) -> None:
    """A model that is not there, and a chance that is none, are mistakes of the rule."""
    policy = Policy("cleanup", "wrong", "", lambda _: _Wrong(named, chances))
    with pytest.raises(PolicyError, match=message):
        replay_cleanup(policy, _fleet(1), asked_days=[200])
