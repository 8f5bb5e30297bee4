"""Executions as they are handed in, and as columns: checked, in whole numbers, without a loop a record where it can be.

A million records are read in about a second because each step runs over one column in C: the types of a column are
looked at as a set, and only a column that has something unusual is gone through value by value.
"""

from __future__ import annotations

import contextlib
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain, compress, repeat
from operator import attrgetter
from typing import Any, Final, TypeVar
from uuid import UUID

from modeltally.analytics.reducer.outcomes import FAILURE, OUTCOMES, SUCCESS
from modeltally.errors import InputError

__all__ = ["Columns", "Execution", "columns_of"]

# events outside these years are refused by the store too: a typing error, not an execution
BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
LONGEST_MS: Final = 100 * 365 * 86_400_000  # a hundred years
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution; its fields are the keys of a mapping that says the same. None, or nothing, means not known.

    Attributes:
        timestamp: When it began; aware.
        success: Whether it ended well; or say ``outcome``.
        outcome: ``success``, ``failure``, ``partial_success``, ``error``, ``cancelled``, ``abandoned``, ``in_flight``.
        execution_time_ms: How long it took, milliseconds.
        quality_score: How good the result is, 0 to 1.
        context_type: What sort of work it was part of.
        context_id: Which piece of work.
        agent: What executed it.
        user: For whom.
        project: Of which project.
        file_type: On what sort of file.
        error_type: Why it failed: ``timeout`` and ``quality_gate`` are counted.
        execution_id: Its name; not looked at: each record is an execution.
    """

    timestamp: datetime
    success: bool | None = None
    outcome: str | None = None
    execution_time_ms: float | Decimal | None = None
    quality_score: float | Decimal | None = None
    context_type: str | None = None
    context_id: str | UUID | int | None = None
    agent: str | None = None
    user: str | UUID | int | None = None
    project: str | None = None
    file_type: str | None = None
    error_type: str | None = None
    execution_id: str | UUID | int | None = None


_IGNORED: Final = {"execution_id"}
_KEYS: Final = tuple(field.name for field in fields(Execution) if field.name not in _IGNORED)
_REQUIRED: Final = "timestamp"
_PIECE: Final = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Executions as columns of one length; an empty column means that nobody says it.

    Attributes:
        starts: Starts in seconds since 1970; a microsecond is never rounded away between 2000 and 2100.
        outcomes: Outcomes.
        durations_us: Durations in whole microseconds.
        qualities_ppm: Qualities in whole millionths.
        context_types: Types of context, as texts like all that follow; None where not said.
        context_ids: Contexts.
        agents: Agents.
        users: Users.
        projects: Projects.
        file_types: File types.
        error_types: Error types.
    """

    starts: list[float]
    outcomes: list[str]
    durations_us: list[int | None]
    qualities_ppm: list[int | None]
    context_types: list[str | None]
    context_ids: list[str | None]
    agents: list[str | None]
    users: list[str | None]
    projects: list[str | None]
    file_types: list[str | None]
    error_types: list[str | None]

    def __len__(self) -> int:
        """Say how many executions there are."""
        return len(self.starts)

    def within(self, since: float, until: float) -> Columns:
        """Give those that began in a window.

        Args:
            since: Its begin, seconds since 1970.
            until: Its end, itself not in it.

        Returns:
            Their columns.
        """
        if not self.starts or (since <= min(self.starts) and max(self.starts) < until):
            return self
        kept = [since <= start < until for start in self.starts]
        # an empty column stays empty
        return Columns(**{field.name: list(compress(getattr(self, field.name), kept)) for field in fields(Columns)})


def columns_of(records: Sequence[Mapping[str, Any] | Execution]) -> Columns:
    """Read and check executions.

    Args:
        records: Mappings or executions.

    Returns:
        Their columns.

    Raises:
        InputError: A record cannot be used; the message names its index, the key, the value and what is allowed.
    """
    raw = _raw_columns(records)
    return Columns(
        starts=_starts(raw["timestamp"]),
        outcomes=_outcomes(raw["success"], raw["outcome"], len(records)),
        durations_us=_numbers("execution_time_ms", raw["execution_time_ms"], scale=1000, most=LONGEST_MS),
        qualities_ppm=_numbers("quality_score", raw["quality_score"], scale=1_000_000, most=1),
        context_types=_texts("context_type", raw["context_type"]),
        context_ids=_texts("context_id", raw["context_id"], _TEXT_OR_ID),
        agents=_texts("agent", raw["agent"]),
        users=_texts("user", raw["user"], _TEXT_OR_ID),
        projects=_texts("project", raw["project"]),
        file_types=_texts("file_type", raw["file_type"]),
        error_types=_texts("error_type", raw["error_type"]),
    )


def _raw_columns(records: Sequence[Mapping[str, Any] | Execution]) -> dict[str, list[Any]]:
    if not isinstance(records, Sequence) or isinstance(records, str | bytes):
        raise InputError(f"execution_data is a {type(records).__qualname__}; give a list of mappings or executions")
    if not records:
        return {key: [] for key in _KEYS}
    kinds = set(map(type, records))
    if kinds == {Execution}:
        return {key: list(map(attrgetter(key), records)) for key in _KEYS}
    if kinds != {dict}:
        records = [_as_dict(index, record) for index, record in enumerate(records)]
    return _columns(records)


def _as_dict(index: int, record: object) -> dict[str, Any]:
    if isinstance(record, Mapping):
        return dict(record)
    if isinstance(record, Execution):
        return {key: getattr(record, key) for key in _KEYS}
    raise InputError(
        f"execution_data[{index}] is {_shown(record)}, a {type(record).__qualname__}; give a mapping or an Execution"
    )


def _columns(records: Sequence[Any]) -> dict[str, list[Any]]:
    said = {_REQUIRED}.union(chain.from_iterable(records)).intersection(_KEYS)
    columns: dict[str, list[Any]] = {key: [] for key in _KEYS}
    # piece by piece, so that a record is still in the processor's cache when its next key is read
    for begin in range(0, len(records), _PIECE):
        piece = records[begin : begin + _PIECE]
        for key in said:
            columns[key].extend(map(dict.get, piece, repeat(key)))
    return columns


# -- times -------------------------------------------------------------------------------------------------------------

_AWARE: Final = "an aware datetime from 2000 to 2099, such as datetime.now(timezone.utc)"


def _starts(moments: list[Any]) -> list[float]:
    if not all(issubclass(kind, datetime) for kind in set(map(type, moments))):
        return _each("timestamp", moments, _start)
    if None in map(attrgetter("tzinfo"), moments):
        return _each("timestamp", moments, _start)
    try:
        starts = list(map(datetime.timestamp, moments))
    except (TypeError, ValueError, OverflowError):  # a zone that does not know its offset
        return _each("timestamp", moments, _start)
    if starts and not (min(starts) >= BEGINNING and max(starts) < LATEST):
        return _each("timestamp", moments, _start)
    return starts


def _start(moment: object) -> float:
    if not isinstance(moment, datetime):
        raise _RefusedError(_AWARE)
    if moment.tzinfo is None or moment.utcoffset() is None:
        raise _RefusedError(f"{_AWARE}; this one has no time zone")
    start = datetime.timestamp(moment)
    if not BEGINNING <= start < LATEST:
        raise _RefusedError(_AWARE)
    return start


# -- outcomes ----------------------------------------------------------------------------------------------------------

_OF_SUCCESS: Final = {True: SUCCESS, False: FAILURE}
_SUCCESS_ALLOWED: Final = f"True or False in success, or one of {', '.join(OUTCOMES)} in outcome"


def _outcomes(successes: list[Any], outcomes: list[Any], count: int) -> list[str]:
    if not outcomes and successes and set(map(type, successes)) == {bool}:
        return list(map(_OF_SUCCESS.__getitem__, successes))
    if not successes and outcomes and set(map(type, outcomes)) == {str} and set(outcomes) <= set(OUTCOMES):
        return outcomes
    successes = successes or [None] * count
    outcomes = outcomes or [None] * count
    if set(map(type, successes)) <= {bool, type(None)} and set(map(type, outcomes)) <= {str, type(None)}:
        with contextlib.suppress(InputError):  # said of the first record that has it, below
            meant = {pair: _outcome(0, *pair) for pair in set(zip(successes, outcomes, strict=True))}
            return list(map(meant.__getitem__, zip(successes, outcomes, strict=True)))
    return [_outcome(index, *pair) for index, pair in enumerate(zip(successes, outcomes, strict=True))]


def _outcome(index: int, success: object, outcome: object) -> str:
    if success is not None and not isinstance(success, bool):
        raise _bad(index, "success", success, "True, False or None")
    if outcome is None and success is None:
        raise _bad(index, "success", success, _SUCCESS_ALLOWED)
    if outcome is None:
        return _OF_SUCCESS[success is True]
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        raise _bad(index, "outcome", outcome, f"one of {', '.join(OUTCOMES)}")
    if success is not None and success != (outcome == SUCCESS):
        raise _bad(index, "success", success, f"what agrees with outcome {str(outcome)!r}")
    return str(outcome)


# -- numbers -----------------------------------------------------------------------------------------------------------


def _numbers(key: str, values: list[Any], *, scale: int, most: int) -> list[int | None]:
    """Give numbers from 0 to ``most`` as whole numbers of a smaller unit, halves to the even one."""
    if not values:
        return []
    kinds = set(map(type, values))
    said = values if type(None) not in kinds else [value for value in values if value is not None]
    if kinds <= {int, float, type(None)} and (not said or (min(said) >= 0 and max(said) <= most)):
        try:
            if said is values:
                return [round(value * scale) for value in values]
            return [None if value is None else round(value * scale) for value in values]
        except (ValueError, OverflowError):  # not a number: min and max may pass it over
            pass

    def clean(value: object) -> int | None:
        return None if value is None else _number(value, scale=scale, most=most)

    return _each(key, values, clean)


def _number(value: object, *, scale: int, most: int) -> int:
    allowed = f"a number from 0 to {most}, or None"
    if isinstance(value, bool) or not isinstance(value, numbers.Real | Decimal):
        raise _RefusedError(allowed)
    try:
        number = int(value) if isinstance(value, numbers.Integral) else float(value)
    except (OverflowError, ValueError):  # too large; no number at all
        raise _RefusedError(allowed) from None
    if not 0 <= number <= most:  # nor is what is no number
        raise _RefusedError(allowed)
    return round(number * scale)


# -- texts -------------------------------------------------------------------------------------------------------------

_TEXT: Final = (str,)
_TEXT_OR_ID: Final = (str, UUID, int)


def _texts(key: str, values: list[Any], allowed: tuple[type, ...] = _TEXT) -> list[str | None]:
    with contextlib.suppress(TypeError):  # a value without a hash is no text
        different = set(values)
        if set(map(type, different)) <= {str, type(None)}:
            # equal texts become one object, so that counting them is several times as fast; empty ones say nothing
            meant = {value: value or None for value in different}
            return list(map(meant.__getitem__, values))

    def clean(value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, allowed) or isinstance(value, bool):
            raise _RefusedError(f"{', '.join('text' if kind is str else kind.__name__ for kind in allowed)} or None")
        try:
            return str(value) or None
        except ValueError:  # Python writes no number of thousands of digits
            raise _RefusedError("an int of at most 4,300 digits") from None

    return _each(key, values, clean)


# -- what is said of a bad one -----------------------------------------------------------------------------------------


class _RefusedError(ValueError):
    """A value is not usable; its text says what is allowed. Never leaves this module."""


def _each(key: str, values: Iterable[Any], clean: Callable[[object], T]) -> list[T]:
    cleaned = []
    for index, value in enumerate(values):
        try:
            cleaned.append(clean(value))
        except _RefusedError as refusal:
            raise _bad(index, key, value, str(refusal)) from None
    return cleaned


def _bad(index: int, key: str, value: object, allowed: str) -> InputError:
    return InputError(f"execution_data[{index}]: {key} is {_shown(value)}; allowed: {allowed}")


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - a caller's value may do anything, and Python writes no number of 5,000 digits
        return f"a {type(value).__qualname__}"
    return text if len(text) <= 80 else f"{text[:80]}..."  # noqa: PLR2004 - a line
