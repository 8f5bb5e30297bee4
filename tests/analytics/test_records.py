"""A record that cannot be used is named: which one, its key and value, and what is allowed."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from modeltally.analytics.reducer import Execution, ModelUsageAnalyticsInput, execute_reduction
from modeltally.errors import InputError

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
GOOD = {"timestamp": AT, "success": True}
LONGEST_MS = 100 * 365 * 86_400_000


class Nowhere(tzinfo):
    """A zone that does not know its offset."""

    def utcoffset(self, _moment: datetime | None, /) -> timedelta | None:
        """Say nothing."""
        return None

    dst = utcoffset

    def tzname(self, _moment: datetime | None, /) -> str | None:
        """Say nothing."""
        return None


class Unprintable:
    """A value that cannot be shown."""

    def __repr__(self) -> str:
        """Fail."""
        raise RuntimeError


def reduced(*executions: Any) -> Any:
    """Reduce executions of a day."""
    return execute_reduction(
        ModelUsageAnalyticsInput(
            pattern_id="p",
            time_window_start=AT - timedelta(days=1),
            time_window_end=AT + timedelta(days=1),
            execution_data=executions,
        )
    )


BAD: list[tuple[dict[str, Any], str]] = [
    ({"timestamp": None}, "timestamp is None; allowed: an aware datetime"),
    ({"timestamp": "2026-11-01T12:00:00Z"}, "timestamp is '2026-11-01T12:00:00Z'; allowed: an aware datetime"),
    ({"timestamp": 1_793_534_400}, "timestamp is 1793534400; allowed: an aware datetime"),
    ({"timestamp": AT.replace(tzinfo=None)}, "this one has no time zone"),
    ({"timestamp": AT.replace(tzinfo=Nowhere())}, "this one has no time zone"),
    ({"timestamp": datetime(1970, 1, 1, tzinfo=UTC)}, "from 2000 to 2099"),
    ({"timestamp": datetime(2100, 1, 1, tzinfo=UTC)}, "from 2000 to 2099"),
    ({"timestamp": datetime.max.replace(tzinfo=UTC)}, "from 2000 to 2099"),
    ({"success": None}, "success is None; allowed: True or False in success, or one of success, failure"),
    ({"success": 1}, "success is 1; allowed: True, False or None"),
    ({"success": "yes"}, "success is 'yes'"),
    ({"success": None, "outcome": "done"}, "outcome is 'done'; allowed: one of success, failure"),
    ({"outcome": "failure"}, "success is True; allowed: what agrees with outcome 'failure'"),
    ({"execution_time_ms": -1}, "execution_time_ms is -1; allowed: a number from 0 to 3153600000000, or None"),
    ({"execution_time_ms": -0.0001}, "execution_time_ms is -0.0001"),
    ({"execution_time_ms": math.nan}, "execution_time_ms is nan"),
    ({"execution_time_ms": math.inf}, "execution_time_ms is inf"),
    ({"execution_time_ms": True}, "execution_time_ms is True"),
    ({"execution_time_ms": "12"}, "execution_time_ms is '12'"),
    ({"execution_time_ms": 10**400}, "execution_time_ms is 1000"),
    ({"execution_time_ms": 10**5000}, "execution_time_ms is a int"),
    ({"execution_time_ms": Decimal("NaN")}, "execution_time_ms is Decimal"),
    ({"execution_time_ms": Decimal("sNaN")}, "execution_time_ms is Decimal"),
    ({"execution_time_ms": Fraction(10**400)}, "execution_time_ms is Fraction"),
    ({"quality_score": 1.01}, "quality_score is 1.01; allowed: a number from 0 to 1, or None"),
    ({"quality_score": False}, "quality_score is False"),
    ({"quality_score": math.nan}, "quality_score is nan"),
    ({"agent": 7}, "agent is 7; allowed: text or None"),
    ({"context_type": b"x"}, "context_type is b'x'; allowed: text or None"),
    ({"user": 1.5}, "user is 1.5; allowed: text, UUID, int or None"),
    ({"user": True}, "user is True"),
    ({"user": 10**5000}, "user is a int; allowed: an int of at most"),
    ({"error_type": ValueError}, "error_type is <class 'ValueError'>"),
    ({"project": Unprintable()}, "project is a Unprintable"),
    ({"file_type": ["x" * 500]}, r"file_type is \['xxxx.+\.\.\.; allowed"),
]


@pytest.mark.parametrize(("wrong", "said"), BAD, ids=[f"{next(iter(wrong))}-{at}" for at, (wrong, _) in enumerate(BAD)])
def test_bad_record_is_named(wrong: dict[str, Any], said: str) -> None:
    """The message names the record by its place among good ones, the key, the value and what is allowed."""
    record: dict[str, Any] = GOOD | wrong
    for bad in (record, Execution(**record)):
        with pytest.raises(InputError, match=rf"^execution_data\[2\]: .*{said}"):
            reduced(GOOD, GOOD, bad, GOOD)


@pytest.mark.parametrize("record", [None, 5, "text", ("timestamp", AT), object])
def test_what_is_no_record_is_named(record: Any) -> None:
    """Something that is neither a mapping nor an execution is refused with its place and type."""
    with pytest.raises(InputError, match=r"^execution_data\[1\] is .*; give a mapping or an Execution"):
        reduced(GOOD, record)


def test_missing_keys_are_named() -> None:
    """A record without a time, or without a word of how it ended, is refused."""
    for records in ([{"success": True}], [GOOD, {"success": True}]):
        with pytest.raises(InputError, match=r"timestamp is None; allowed: an aware datetime"):
            reduced(*records)
    with pytest.raises(InputError, match=r"^execution_data\[1\]: success is None"):
        reduced(GOOD, {"timestamp": AT})


def test_keys_that_only_some_records_have_are_read() -> None:
    """Records of the same number of keys may have different ones: none is passed over, unknown ones mean nothing."""
    figures = reduced({**GOOD, "note": 1}, {**GOOD, "agent": "a"}, {**GOOD, 5: "b"})
    assert figures.context_distribution.by_agent == {"a": 1}
    assert figures.total_data_points == 3


def test_numbers_of_other_kinds_are_read() -> None:
    """Decimals, fractions and whole numbers are durations like floats; ids may be UUIDs or numbers."""
    figures = reduced(
        {**GOOD, "execution_time_ms": Decimal("1.5"), "user": UUID(int=1)},
        {**GOOD, "execution_time_ms": Fraction(5, 2), "user": 1},
        {**GOOD, "execution_time_ms": 2, "user": "1"},
        {**GOOD, "execution_time_ms": Decimal("0.25")},
        {**GOOD, "execution_time_ms": Decimal(0)},
        {**GOOD, "execution_time_ms": Decimal(LONGEST_MS)},
    )
    assert figures.performance_metrics.total_execution_time_ms == 6.25 + LONGEST_MS
    assert figures.performance_metrics.min_execution_time_ms == 0.0
    assert figures.usage_metrics.unique_users == 2


def test_microseconds_round_half_to_even() -> None:
    """Durations are whole microseconds; a half goes to the even one."""
    durations = [0.0005, 0.0015, 0.0025]
    figures = reduced(*({**GOOD, "execution_time_ms": duration} for duration in durations))
    assert figures.performance_metrics.total_execution_time_ms == (0 + 2 + 2) / 1000


def test_longest_duration_is_counted_exactly() -> None:
    """A hundred years are a duration, and sums of many are whole numbers that do not overflow."""
    figures = reduced(*({**GOOD, "execution_time_ms": LONGEST_MS} for _ in range(1000)))
    assert figures.performance_metrics.total_execution_time_ms == LONGEST_MS * 1000
    assert figures.performance_metrics.std_dev_ms == 0.0


def test_records_are_left_as_they_are() -> None:
    """A reduction changes nothing of what it was handed."""
    records: list[dict[str, Any]] = [{**GOOD, "agent": ""}, {"timestamp": AT, "outcome": "error", "user": 5}]
    copy = [dict(record) for record in records]
    reduced(*records)
    assert records == copy


def test_names_may_be_anything() -> None:
    """Quotes, tabs, NUL, other scripts and ten kilobytes are names; an empty one says nothing."""
    names = ["'\"", "a\tb", "\0", "数据", "x" * 10_240]
    figures = reduced(*({**GOOD, "agent": name} for name in names), {**GOOD, "agent": ""})
    assert set(figures.context_distribution.by_agent) == set(names)
