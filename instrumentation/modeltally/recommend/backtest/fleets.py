"""Fleets for replays of cleanup: days of use from a CSV file, or from requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modeltally.errors import InputError
from modeltally.recommend.backtest.cleaning import Fleet
from modeltally.recommend.backtest.history import rows_of
from modeltally.recommend.policies.contract import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modeltally.recommend.policies.contract import Request

__all__ = ["COLUMNS", "is_fleet", "of_requests", "read_fleet"]

COLUMNS: Final = ("model", "arrived_day", "size_bytes", "day", "uses")
_MOST_DAYS: Final = 36_600


def is_fleet(path: Path) -> bool:
    """Tell by its header whether a file holds days of use.

    Args:
        path: The file.

    Returns:
        Whether it has every column of ``COLUMNS``.

    Raises:
        InputError: The file cannot be read or is empty.
    """
    header, _ = rows_of(path)
    return set(COLUMNS) <= set(header)


def read_fleet(path: Path) -> Fleet:
    """Read days of use: a row for each model and day with a use; a model never used has one row without a day.

    Args:
        path: The file, with the columns ``model, arrived_day, size_bytes, day, uses``.

    Returns:
        The fleet; its last day is the last one of any use.

    Raises:
        InputError: The file cannot be read, or a row is not as it must be.
    """
    arrived: dict[str, int] = {}
    sizes: dict[str, int] = {}
    uses: dict[str, dict[int, int]] = {}
    for line, row in rows_of(path)[1]:
        if isinstance(row, str):
            raise InputError(f"{path}:{line}: {row}")
        model = row["model"].strip()
        if not model:
            raise InputError(f"{path}:{line}: column 'model' has the value ''; allowed: the name of a model")
        day_of_arrival = _number(path, line, row, "arrived_day", most=_MOST_DAYS)
        if arrived.setdefault(model, day_of_arrival) != day_of_arrival:
            raise InputError(
                f"{path}:{line}: column 'arrived_day' has the value {day_of_arrival}; of {model!r} there stood"
                f" {arrived[model]} before"
            )
        if row["size_bytes"].strip():
            sizes[model] = _number(path, line, row, "size_bytes", most=2**60)
        if not row["day"].strip():
            continue
        day = _number(path, line, row, "day", most=_MOST_DAYS)
        if day < day_of_arrival:
            raise InputError(
                f"{path}:{line}: column 'day' has the value {day}; allowed: {day_of_arrival} or later, when it arrived"
            )
        if day in uses.setdefault(model, {}):
            raise InputError(f"{path}:{line}: column 'day' has the value {day}, which stood there of {model!r} before")
        uses[model][day] = _number(path, line, row, "uses", most=2**53, least=1)
    if not arrived:
        raise InputError(f"{path} has no model")
    last = max((day for days in uses.values() for day in days), default=0)
    return Fleet(max(last, *arrived.values()) + 1, arrived, sizes, uses)


def _number(path: Path, line: int, row: Mapping[str, str], column: str, *, most: int, least: int = 0) -> int:
    text = row[column].strip()
    if not (text.isascii() and text.isdigit() and len(text) < len(str(most)) + 1 and least <= int(text) <= most):
        raise InputError(
            f"{path}:{line}: column {column!r} has the value {text!r}; allowed: whole numbers from {least} on"
        )
    return int(text)


def of_requests(requests: Sequence[Request]) -> tuple[Fleet, float]:
    """Make a fleet of requests: a model is there from its first use on, and its size is not known.

    Args:
        requests: The requests in the order of time.

    Returns:
        The fleet, and the midnight at which its day 0 begins.
    """
    first = requests[0].at // DAY_SECONDS
    arrived: dict[str, int] = {}
    uses: dict[str, dict[int, int]] = {}
    for request in requests:
        day = int(request.at // DAY_SECONDS - first)
        arrived.setdefault(request.model, day)
        days = uses.setdefault(request.model, {})
        days[day] = days.get(day, 0) + 1
    last = int(requests[-1].at // DAY_SECONDS - first)
    return Fleet(last + 1, arrived, {}, uses), first * DAY_SECONDS
