"""What policies come to on 25 to 30 November of the published trace."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.recommend.backtest.history import History, read_csv
from modeltally.recommend.backtest.run import Asked, run_chance, run_keep, run_keep_alive
from modeltally.recommend.policies.contract import Window
from modeltally.recommend.policies.known import BUILT_IN

if TYPE_CHECKING:
    from pathlib import Path


WINDOW = Window(datetime(2024, 11, 25, tzinfo=UTC).timestamp(), datetime(2024, 12, 1, tzinfo=UTC).timestamp())


@pytest.fixture(scope="module")
def history(gentd26: Path) -> History:
    """Read the trace."""
    return read_csv(gentd26)


def rows_of(results: Any) -> dict[tuple[str, int | None], Any]:
    """Give the rows by policy and slots."""
    assert not results.problems
    return {(row.policy, getattr(row, "slots", None)): row for row in results.rows}


def test_trace_is_read_whole(history: History) -> None:
    """Every row but the unfinished ones is there, in order, and what is left out is said."""
    assert len(history.requests) == 14_266
    assert history.requests == sorted(history.requests)
    assert history.has_users
    assert "13 rows with the status PENDING are left out: they have not ended" in history.notes


def test_slots(history: History) -> None:
    """The keeper closes a quarter of the gap and more, users help at 8 slots, pins a person can set half of it."""
    policies = [policy for policy in BUILT_IN if policy.kind == "keep"]
    rows = rows_of(run_keep(policies, history.requests, WINDOW, Asked()))
    cold = {key: row.cold_starts for key, row in rows.items()}
    assert {row.requests for row in rows.values()} == {7_596}
    assert (cold["belady", 4], cold["belady", 8]) == (1_646, 621)
    assert (cold["lru", 4], cold["lru", 8]) == (pytest.approx(2_567, abs=5), pytest.approx(1_107, abs=5))
    assert cold["two_half_lives", 4] <= 2_260
    assert cold["two_half_lives", 8] <= 1_005
    assert cold["pair_table", 4] <= 2_260
    assert cold["pair_table", 8] <= 945
    assert cold["pins", 4] <= 2_500
    assert cold["pins", 8] <= 1_020
    assert all(row.loads - row.cold_starts <= 5 * (row.policy == "pins") for row in rows.values())
    assert all(row.warm_hours == pytest.approx(144 * row.slots) for row in rows.values())


def test_keep_alive(history: History) -> None:
    """The schedule has a tenth fewer cold starts than a fixed time with as many warm hours, growing times a bit."""
    policies = [policy for policy in BUILT_IN if policy.kind == "keepalive"]
    rows = rows_of(run_keep_alive(policies, history.requests, WINDOW, Asked()))
    assert rows["schedule_log_12", None].versus_fixed <= -0.10
    assert rows["log_12", None].versus_fixed <= -0.05
    assert rows["oracle_12", None].versus_fixed <= -0.45
    fixed = [rows[f"fixed_{minutes}", None] for minutes in (1, 2, 5, 12, 20, 30, 60, 120, 240)]
    assert sorted(fixed, key=lambda row: row.warm_hours) == sorted(fixed, key=lambda row: -row.cold_starts)
    assert rows["fixed_12", None].versus_fixed == 0


def test_chances(history: History) -> None:
    """The chance within an hour is calibrated, and better than one without the fleet's level."""
    policies = [policy for policy in BUILT_IN if policy.kind == "chance"]
    rows = rows_of(run_chance(policies, history.requests, WINDOW, Asked()))
    judged = rows["level_table", None]
    assert judged.brier <= 0.0465
    assert judged.brier < rows["hour_table", None].brier < rows["base_rate", None].brier
    assert judged.calibration_error <= 0.02
    assert abs(judged.likely_said - judged.likely_came) <= 0.05
