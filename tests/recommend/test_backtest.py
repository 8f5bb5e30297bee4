"""Replays by hand: what is cold, late, loaded for nothing and warm; and what the published trace comes to."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.errors import InputError, UnknownNameError
from modeltally.recommend.backtest.chances import judge, replay_chance
from modeltally.recommend.backtest.errors import PolicyError
from modeltally.recommend.backtest.keeping import Kept, replay_keep
from modeltally.recommend.backtest.keeping_alive import KeptAlive, at_hours_of_fixed, replay_keep_alive
from modeltally.recommend.backtest.run import Asked, choose, run_chance, run_keep, run_keep_alive
from modeltally.recommend.policies.chance import LevelTable
from modeltally.recommend.policies.contract import DAY_SECONDS, HOUR_SECONDS, Policy, Request, Setting, Window
from modeltally.recommend.policies.keep_alive import BusyHours, LogTtl, break_even_seconds
from modeltally.recommend.policies.known import BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Collection

BEGIN = 20_000 * DAY_SECONDS
EVER = Window(BEGIN, BEGIN + DAY_SECONDS)
BY_NAME = {policy.name: policy for policy in BUILT_IN}


def spelled(models: str, *, seconds: float = 60.0) -> list[Request]:
    """Read requests from letters, one a minute; a dot is a minute without one."""
    return [Request(BEGIN + place * seconds, model) for place, model in enumerate(models) if model != "."]


@pytest.mark.parametrize(
    ("name", "models", "expected"),
    [
        # a and b fit; c pushes out whoever the policy names
        ("lru", "abcab", 5),
        ("belady", "abcab", 4),
        ("lfu", "aabcbab", 4),
        ("gdsf", "aaabcda", 4),
        ("s3fifo", "aabacada", 4),
        ("two_half_lives", "aaabcaca", 3),
        ("pair_table", "aaabcaca", 4),
    ],
)
def test_cold_starts_by_hand(name: str, models: str, expected: int) -> None:
    """Each policy evicts as its definition says, worked out by hand for two slots."""
    kept = replay_keep(BY_NAME[name], spelled(models), EVER, slots=2, load_seconds=0)
    assert (kept.cold_starts, kept.loads, kept.late, kept.useless_loads) == (expected, expected, 0, 0)
    assert kept.requests == len(models)


def test_no_policy_beats_belady() -> None:
    """Belady's cold starts are the fewest of all policies, for any number of slots."""
    requests = spelled("abcadbeacdbaefabcdaebcabdcaefbacd" * 5)
    for slots in range(1, 6):
        cold = {
            policy.name: replay_keep(policy, requests, EVER, slots=slots, load_seconds=0).cold_starts
            for policy in BUILT_IN
            if policy.kind == "keep"
        }
        assert min(cold.values()) == cold["belady"]


def test_requests_before_the_window_only_warm_the_state() -> None:
    """Cold starts, loads and warm hours before the window are not counted, and what was loaded then is loaded."""
    window = Window(BEGIN + 120, BEGIN + 360)
    kept = replay_keep(BY_NAME["lru"], spelled("abab.bccc"), window, slots=2, load_seconds=0)
    assert kept == Kept("lru", 2, users=False, is_oracle=False, requests=3, cold_starts=0, late=0, loads=0,
                        useless_loads=0, warm_hours=2 * 240 / HOUR_SECONDS)  # fmt: skip


class _Ahead:
    """Wants one model loaded each minute, by turns."""

    def __init__(self, setting: Setting) -> None:
        del setting
        self._turn = 0

    def wanted(self, at: float) -> list[str]:
        del at
        self._turn += 1
        return ["x"] if self._turn == 1 else ["y"] if self._turn == 2 else []

    def victim(self, loaded: Collection[str], at: float) -> str:
        del at
        return min(loaded)

    def used(self, request: Request) -> None:
        pass


def test_loads_ahead_of_use_are_counted() -> None:
    """A request during such a load is late and cold, one after it warm; a load that nobody used is useless."""
    policy = Policy("keep", "ahead", "", _Ahead, renewed_seconds=60.0)
    requests = [Request(BEGIN + at, model) for at, model in ((1, "a"), (70, "x"), (85, "x"), (130, "z"))]
    kept = replay_keep(policy, requests, EVER, slots=2, load_seconds=20)
    # a; x ahead at 60 (late at 70, warm at 85); y ahead at 120 takes the place of a; z takes that of x
    assert (kept.cold_starts, kept.late, kept.loads, kept.useless_loads) == (3, 1, 4, 0)
    none_asked = [request for request in requests if request.model != "x"]
    assert replay_keep(policy, none_asked, EVER, slots=2, load_seconds=20).useless_loads == 1


class _Scheduled:
    """Keeps models for no time after a use, and one hour of the day warm."""

    def __init__(self, setting: Setting) -> None:
        del setting

    def used(self, request: Request) -> float:
        del request
        return 0.0

    def scheduled(self, day: float) -> list[tuple[str, int]]:
        return [("a", 5), ("a", 6), ("b", 7)] if day == BEGIN + DAY_SECONDS else []


def test_hours_of_a_schedule_are_warm_once() -> None:
    """Neighbouring hours are one load; late, useless and warm hours are told apart."""
    policy = Policy("keepalive", "scheduled", "", _Scheduled)
    day = BEGIN + DAY_SECONDS
    times = (BEGIN + 60, day + 5 * HOUR_SECONDS + 10, day + 6.5 * HOUR_SECONDS, day + 9 * HOUR_SECONDS)
    requests = [Request(at, "a") for at in times]
    kept = replay_keep_alive(policy, requests, Window(BEGIN, BEGIN + 3 * DAY_SECONDS), load_seconds=22)
    assert (kept.requests, kept.cold_starts, kept.late) == (4, 3, 1)
    # by requests at 0:01 and 9:00, and for 5:00; for 7:00 of a model that nobody asked for
    assert (kept.loads, kept.useless_loads) == (4, 1)
    assert kept.warm_hours == pytest.approx(3)


@pytest.mark.parametrize(("minutes", "cold", "warm"), [(1, 4, 4 / 60), (12, 2, (5 + 12 + 10 + 12) / 60)])
def test_fixed_times_by_hand(minutes: int, cold: int, warm: float) -> None:
    """A pause longer than the time is a cold start; warm hours end with the time or the next use."""
    requests = [Request(BEGIN + 60 * at, "a") for at in (0, 5, 60, 70)]
    kept = replay_keep_alive(BY_NAME[f"fixed_{minutes}"], requests, EVER, load_seconds=22)
    assert kept.cold_starts == cold
    assert kept.warm_hours == pytest.approx(warm)


def test_time_grows_with_the_uses() -> None:
    """A (1 + ln n): a lone use keeps for a, each further one of the same half hour for longer."""
    ttl = LogTtl(10)
    told = [ttl.used(Request(BEGIN, "a")) for _ in range(3)]
    assert told == pytest.approx([600 * (1 + math.log(n)) for n in (1, 2, 3)])
    assert ttl.used(Request(BEGIN + 86_400, "a")) == pytest.approx(600)


def test_busy_hours_need_enough_of_the_last_days() -> None:
    """An hour counts on the fourth day of seven on which it was used, and no longer once these are too long ago."""
    hours = BusyHours()
    for day in (0, 1, 3):
        hours.used("a", BEGIN + day * DAY_SECONDS + 5 * HOUR_SECONDS)
        hours.used("a", BEGIN + day * DAY_SECONDS + 5.5 * HOUR_SECONDS)
    assert hours.of_day(BEGIN + 4 * DAY_SECONDS) == []
    hours.used("a", BEGIN + 5 * DAY_SECONDS + 5 * HOUR_SECONDS)
    assert hours.of_day(BEGIN + 5 * DAY_SECONDS) == []
    assert hours.of_day(BEGIN + 6 * DAY_SECONDS) == [("a", 5, 4)]
    assert hours.of_day(BEGIN + 8 * DAY_SECONDS) == []


def test_break_even_goes_by_prices() -> None:
    """T* = L (1 + w / G); prices of nothing or less are refused by name."""
    assert break_even_seconds(22, waiting_price=32, idle_price=1) == 726
    assert break_even_seconds(22, waiting_price=0, idle_price=1) == 22
    for wrong in ({"idle_price": 0}, {"idle_price": -1}, {"waiting_price": -1}, {"waiting_price": math.nan}):
        [name] = wrong
        with pytest.raises(InputError, match=name):
            break_even_seconds(22, **{"waiting_price": 1.0, "idle_price": 1.0} | wrong)
    with pytest.raises(InputError, match="load_seconds"):
        break_even_seconds(0, waiting_price=1, idle_price=1)


def test_fixed_time_of_the_same_hours_is_read_off_between() -> None:
    """Between two fixed times a line through the logarithms counts; outside of all there is none."""
    fixed = [
        KeptAlive("", None, *(False, False), 1, cold, 0, cold, 0, hours) for cold, hours in ((400, 10.0), (100, 40.0))
    ]
    assert at_hours_of_fixed(20.0, fixed) == pytest.approx(200)
    assert at_hours_of_fixed(10.0, fixed) == 400
    assert at_hours_of_fixed(9.0, fixed) is None


def test_chance_is_the_share_of_the_same_cell() -> None:
    """A model used each hour is said to be used within the next one, one used once a day at other hours is not."""
    requests = [Request(BEGIN + hour * HOUR_SECONDS + 600, "hourly") for hour in range(24 * 9)]
    requests += [Request(BEGIN + day * DAY_SECONDS + 3_000, "daily") for day in range(9)]
    table = LevelTable(Setting(hours=1))
    told = {}
    for hour in range(1, 24 * 9):
        at = BEGIN + hour * HOUR_SECONDS
        for request in sorted(request for request in requests if at - HOUR_SECONDS <= request.at < at):
            table.used(request)
        told = {one.model: one for one in table.told(at)}
    assert told["hourly"].chance > 0.9
    assert told["daily"].chance < 0.1
    assert told["hourly"].questions > 100
    assert told["hourly"].uses == told["hourly"].questions
    assert told["hourly"].level == pytest.approx(1, abs=0.1)
    judged = replay_chance(
        BY_NAME["level_table"], sorted(requests), Window(BEGIN + 8 * DAY_SECONDS, BEGIN + 9 * DAY_SECONDS), hours=1
    )
    assert judged.questions == 2 * 24
    assert judged.base_rate == pytest.approx(25 / 48)


def test_answers_are_judged_by_hand() -> None:
    """Brier, skill, calibration and the reliability table of four answers, worked out by hand."""
    judged = judge(BY_NAME["base_rate"], 1, [(0.9, True), (0.7, False), (0.1, False), (0.1, True)])
    assert judged.brier is not None
    assert judged.brier == pytest.approx((0.01 + 0.49 + 0.01 + 0.81) / 4)
    assert judged.base_rate == 0.5
    assert judged.skill == pytest.approx(1 - judged.brier / 0.25)
    assert judged.calibration_error == pytest.approx((0.1 + 0.7 + 0.8) / 4)
    assert (judged.likely, judged.likely_came) == (2, 0.5)
    assert judged.likely_said == pytest.approx(0.8)
    assert [(one.least, one.questions, one.came) for one in judged.bins] == [(0.1, 2, 0.5), (0.7, 1, 0), (0.9, 1, 1)]
    assert judge(BY_NAME["base_rate"], 1, []).brier is None


class _Wrong:
    """Answers with whatever it was made with."""

    def __init__(self, answer: Any, setting: Setting) -> None:
        del setting
        self._answer = answer

    def _told(self, *_: object) -> Any:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    used = scheduled = chances = _told

    def victim(self, loaded: Collection[str], at: float) -> Any:
        return self._told(loaded, at)


@pytest.mark.parametrize(
    ("kind", "answer", "message"),
    [
        ("keep", "nobody", "named 'nobody' to unload; what is loaded is"),
        ("keep", None, "named None to unload"),
        ("keep", OSError("no such file"), "raised OSError: no such file"),
        ("keepalive", -1.0, "for -1.0 seconds; allowed: 0 or more"),
        ("keepalive", math.nan, "for nan seconds"),
        ("keepalive", "long", "raised TypeError"),
        ("chance", {"a": 1.5}, "said 1.5 of 'a'; allowed: a chance from 0 to 1"),
        ("chance", {"a": math.nan}, "said nan of 'a'"),
        ("chance", None, "raised AttributeError"),
    ],
)
def test_policy_that_fails_is_named_and_the_others_go_on(kind: str, answer: Any, message: str) -> None:
    """A policy that raises or answers nonsense is left out with what it did; the other has its figures."""
    wrong = Policy(kind, "wrong", "", partial(_Wrong, answer))
    other = next(policy for policy in BUILT_IN if policy.kind == kind and not policy.is_oracle)
    run = {"keep": run_keep, "keepalive": run_keep_alive, "chance": run_chance}[kind]
    results = run([wrong, other], spelled("abcabc", seconds=900), EVER, Asked(slots=(2,)))
    assert [row.policy for row in results.rows] == [other.name]
    [problem] = results.problems
    assert problem.startswith("policy 'wrong' is left out: it ")
    assert message in problem


def test_mistake_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a policy of ours raises is a bug, and is told as one."""
    broken = Policy("keep", "broken", "", partial(_Wrong, ZeroDivisionError()))
    monkeypatch.setattr("modeltally.recommend.backtest.run.BUILT_IN", (*BUILT_IN, broken))
    with pytest.raises(ZeroDivisionError):
        run_keep([broken], spelled("abc"), EVER, Asked(slots=(1,)))


def test_policy_that_wants_too_much_is_told_so() -> None:
    """More models wanted than there are slots is nonsense."""
    policy = Policy("keep", "greedy", "", _Ahead, renewed_seconds=60.0)
    _Ahead.wanted, wanted = (lambda *_: ["x", "y", "z"]), _Ahead.wanted  # type: ignore[method-assign]
    try:
        with pytest.raises(PolicyError, match="wants 3 models loaded, and there are 2 slots"):
            replay_keep(policy, spelled("abc"), EVER, slots=2, load_seconds=0)
    finally:
        _Ahead.wanted = wanted  # type: ignore[method-assign]


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan])
def test_policy_that_is_renewed_all_the_time_is_told_so(seconds: float) -> None:
    """A policy that would be renewed without end is nonsense, not a command that never ends."""
    policy = Policy("keep", "restless", "", _Ahead, renewed_seconds=seconds)
    with pytest.raises(PolicyError, match="is to be renewed each"):
        replay_keep(policy, spelled("abc"), EVER, slots=2, load_seconds=0)


def test_policies_are_chosen_by_name() -> None:
    """All, one, several once each; one that goes by users needs users, and a mistyped name is met with the nearest."""
    kept = {policy.name: policy for policy in BUILT_IN if policy.kind == "keep"}
    assert [policy.name for policy in choose(kept, "all", has_users=True)] == list(kept)
    assert "pair_table" not in [policy.name for policy in choose(kept, "all", has_users=False)]
    assert [policy.name for policy in choose(kept, "lru, belady,lru", has_users=False)] == ["lru", "belady"]
    with pytest.raises(InputError, match="pair_table"):
        choose(kept, "pair_table", has_users=False)
    with pytest.raises(UnknownNameError, match="did you mean 'gdsf'"):
        choose(kept, "gdfs", has_users=True)
