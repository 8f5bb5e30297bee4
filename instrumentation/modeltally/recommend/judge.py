"""Judges advice: once a horizon of it has passed, it compares what was said with what happened.

Of advice alike - one kind, rule, subject and action - the next that is judged was given after the horizon of the one
before: advice that is given anew each day is one advice, not many right ones. A chance that was said is judged the
same way, whether anything was advised by it or not.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modeltally.errors import ParameterError
from modeltally.recommend.advise import coverage_of, occasion_of, said_by
from modeltally.recommend.kinds import GUARDED, PERFORMANCE
from modeltally.recommend.record import Refutation
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from modeltally.store import DatabaseStore, Row

__all__ = ["FIGURES", "JUDGE_VERSION", "Figure", "Span", "run_judge"]

JUDGE_VERSION: Final = 1
RIGHT, WRONG, MOOT = "right", "wrong", "moot"
# Where nothing was watching on so much of the time, nobody knows that something did not happen.
_LEAST_COVERAGE: Final = 0.95
# A week of fewer requests does not say whether a model is still slow.
_LEAST_REQUESTS: Final = 5
# So many windows are looked into by one run; the rest waits for the next.
_MOST_WINDOWS: Final = 500


@dataclass(frozen=True, slots=True)
class Span:
    """The time that a figure is measured over.

    Attributes:
        since: When the advice was given.
        until: When its horizon had passed.
        count_imports: The days of an import are days on which something was watching.
    """

    since: dt.datetime
    until: dt.datetime
    count_imports: bool


class Figure(NamedTuple):
    """Something that can be measured of every subject after an advice.

    Attributes:
        measure: Gives it for each subject of which there is anything; None for one of which it cannot be told.
        of_others: What it is for all other subjects; None where it cannot be told of them.
        needs_watching: It says that something did not happen, which is known only where it would have been seen.
    """

    measure: Callable[[DatabaseStore, Span], Mapping[str, float | None]]
    of_others: float | None = 0.0
    needs_watching: bool = True


def _used(column: str) -> Callable[[DatabaseStore, Span], Mapping[str, float | None]]:
    def measure(store: DatabaseStore, span: Span) -> Mapping[str, float | None]:
        rows = store.read("uses_of_models", {"since": span.since, "until": span.until})
        return {str(row["model"]): float(str(row[column])) for row in rows}

    return measure


def _findings(store: DatabaseStore, span: Span) -> Mapping[str, float | None]:
    """Ask the rule again about the time after: 1 where it still finds something, 0 where it does not."""
    asked = {"as_of": span.until, "since": span.since, "until": span.until}
    rule = PERFORMANCE.rules[GUARDED]
    found = {made.subject for made in said_by(rule, occasion_of(PERFORMANCE, rule, store, asked))}
    rows = store.read("uses_of_models", {"since": span.since, "until": span.until})
    requests = {str(row["model"]): int(str(row["requests"])) for row in rows}
    return {model: None if count < _LEAST_REQUESTS else float(model in found) for model, count in requests.items()}


FIGURES: Final[dict[str, Figure]] = {
    "uses": Figure(_used("uses")),
    "requests": Figure(_used("requests")),
    "findings": Figure(_findings, of_others=None, needs_watching=False),
}
"""What advice can be refuted by, by the name that a ``Refutation`` gives."""


class _Due(NamedTuple):
    """One advice at one of its horizons, which has passed."""

    row: Mapping[str, Any]
    refutation: Refutation
    horizon_seconds: float
    span: Span


def run_judge(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Judge every advice of which a horizon has passed since the last time; safe to repeat and to interrupt.

    Args:
        store: Where the advice is.
        parameters: ``as_of``; ``count_imports`` where the days of an import count as watched.

    Returns:
        A row for each new verdict.

    Raises:
        ParameterError: The time is none.
        StoreError: The database refused or failed.
    """
    as_of = store.as_of(parameters)
    count_imports = parameters.get("count_imports", False)
    if not isinstance(count_imports, bool):
        raise ParameterError(f"count_imports = {count_imports!r} is not one of True, False")
    rows = store.read("advice_to_judge", {"as_of": as_of, "judge_version": JUDGE_VERSION})
    windows: dict[tuple[str, Span], list[_Due]] = defaultdict(list)
    for due in _due(rows, as_of, count_imports=count_imports):
        windows[due.refutation.figure, due.span].append(due)
    if not windows:
        return []
    (watched,) = store.read("days_watched", {"as_of": as_of, "count_imports": int(count_imports)})
    days: Sequence[dt.date] = watched["days"]  # type: ignore[assignment] # an array of dates
    verdicts: list[Row] = []
    for (figure, span), several in sorted(windows.items(), key=lambda item: (item[0][1].until, item[0]))[
        :_MOST_WINDOWS
    ]:
        measured = FIGURES[figure].measure(store, span)
        coverage = coverage_of(days, span.since, span.until) or 0.0
        verdicts += [_verdict(due, measured, coverage, as_of) for due in several]
    columns = list(verdicts[0])
    store.database.insert_rows("verdicts", columns, [list(row.values()) for row in verdicts])
    return verdicts


def _due(rows: Sequence[Mapping[str, Any]], as_of: dt.datetime, *, count_imports: bool) -> Iterator[_Due]:
    """Choose what is to be judged: rows come in the order of time for each subject and action."""
    last: dict[tuple[object, ...], dt.datetime] = {}
    for row in rows:
        refutation = Refutation.of_json(row["refutation"])
        if refutation.figure not in FIGURES:
            continue  # a rule of a plugin that is not here any more
        advised_at = sql.as_utc(row["advised_at"])
        known = {seconds: sql.as_utc(at) for seconds, at in row["judged"]}
        for seconds in _horizons(row, refutation, advised_at):
            key = (row["kind"], row["policy"], row["subject"], row["action"], seconds)
            before = last.get(key) or known.get(seconds)
            horizon = dt.timedelta(seconds=seconds)
            if advised_at + horizon > as_of or (before is not None and advised_at < before + horizon):
                continue
            last[key] = advised_at
            begins_at = advised_at + dt.timedelta(seconds=refutation.from_seconds)
            yield _Due(row, refutation, seconds, Span(begins_at, advised_at + horizon, count_imports))


def _horizons(row: Mapping[str, Any], refutation: Refutation, advised_at: dt.datetime) -> Sequence[float]:
    every = refutation.after_seconds or ((sql.as_utc(row["expires_at"]) - advised_at).total_seconds(),)
    if row["is_advised"]:
        return every
    # nothing was advised: the chance alone is judged, for the time it was said for
    return [seconds for seconds in every if seconds == (row["horizon_seconds"] or every[0])]


def _verdict(due: _Due, measured: Mapping[str, float | None], coverage: float, as_of: dt.datetime) -> Row:
    row, refutation = due.row, due.refutation
    figure = FIGURES[refutation.figure]
    value = measured.get(row["name"], figure.of_others)
    verdict, reason = _outcome(refutation, value, coverage)
    is_for_chance = due.horizon_seconds == (row["horizon_seconds"] or due.horizon_seconds)
    return {
        "kind": row["kind"],
        "policy": row["policy"],
        "policy_version": row["policy_version"],
        "as_of": row["advised_at"],
        "subject": row["subject"],
        "action": row["action"],
        "is_advised": bool(row["is_advised"]),
        "class": row["class"],
        "confidence": row["confidence"] if is_for_chance else None,
        "horizon_seconds": due.horizon_seconds,
        "verdict": verdict,
        "figure": refutation.figure,
        "measured": value,
        "reason": f"{reason} within {_told(due.horizon_seconds)}",
        "judged_at": as_of,
        "judge_version": JUDGE_VERSION,
    }


def _outcome(refutation: Refutation, value: float | None, coverage: float) -> tuple[str, str]:
    """Compare a figure with its limit."""
    if value is None:
        return MOOT, f"too little to tell: {refutation.figure}"
    said = f"{refutation.figure}: {value:g}"
    more, less = refutation.more_than, refutation.less_than
    is_over = more is not None and value > more
    is_under = less is not None and value < less
    rests_on_absence = is_under or (more is not None and not is_over)
    if rests_on_absence and FIGURES[refutation.figure].needs_watching and coverage < _LEAST_COVERAGE:
        return MOOT, f"{said}, but something was watching on {coverage:.0%} of the days only,"
    return (WRONG if is_over or is_under else RIGHT), said


def _told(seconds: float) -> str:
    days = seconds / 86_400
    return f"{days:.0f} days" if days >= 2 else f"{seconds / 3600:.1f} hours"  # noqa: PLR2004 - a day is told in hours
