"""Gives advice: a job writes what it advises and what it refuses, with evidence, and gives those rows back."""

from __future__ import annotations

import datetime as dt
import json
from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final

from modeltally.errors import ParameterError
from modeltally.recommend.kinds import GUARDED, asked_of
from modeltally.recommend.record import ADVISE, EVERY_MODEL, Made, Occasion
from modeltally.recommend.suspension import suspended
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from modeltally.recommend.kinds import Advice, Rule
    from modeltally.settings import Settings
    from modeltally.store import DatabaseStore, Row

__all__ = ["advice_made", "coverage_of", "occasion_of", "run_advice", "said_by", "window_of"]

# what is JSON in the table
_RECORDS: Final = ("evidence", "refutation", "verdicts")


def run_advice(advice: Advice, store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Make one kind of advice in a database, and give what was made.

    Args:
        advice: The kind of advice.
        store: The store to advise about.
        parameters: ``policy``; ``since`` and ``until`` where the advice takes a window; ``as_of``; ``count_imports``
            where the days of an import count as watched.

    Returns:
        Every advice and every refusal.

    Raises:
        ParameterError: There is no such policy, or a time is none.
        StoreError: The database refused or failed.
    """
    policy = str(parameters.get("policy", GUARDED))
    if policy not in advice.rules:
        raise ParameterError(f"policy = {policy!r} is not one of {', '.join(advice.rules)}")
    rule = advice.rules[policy]
    occasion = occasion_of(advice, rule, store, parameters)
    rows = list(said_by(rule, occasion))
    if rule.limit is not None:
        rows = suspended(rows, kind=advice.name, policy=policy, rule=rule, occasion=occasion)
    run = {"kind": advice.name, "policy": policy, "as_of": occasion.as_of, "made_at": store.as_of({})}
    _append(run, rule, occasion, rows)
    return advice_made(store.read("recommendations_made", run))


def advice_made(rows: Iterable[Row]) -> list[Row]:
    """Give rows of stored advice with what is JSON in the table as records.

    Args:
        rows: Rows of ``recommendations_made`` or ``recommendations_last``.
    """
    return [{**row, **{name: json.loads(str(row[name]) or "{}") for name in _RECORDS}} for row in rows]


def occasion_of(advice: Advice, rule: Rule, store: DatabaseStore, parameters: Mapping[str, object]) -> Occasion:
    """Say when a rule is asked, and what it may look at.

    Args:
        advice: The kind of advice.
        rule: One of its rules.
        store: The store to advise about.
        parameters: As ``run_advice`` takes them.

    Raises:
        ParameterError: A value is not allowed.
        StoreError: The database refused or failed.
    """
    count_imports = parameters.get("count_imports", False)
    if not isinstance(count_imports, bool):
        raise ParameterError(f"count_imports = {count_imports!r} is not one of True, False")
    count_imports = count_imports and rule.wants_history
    as_of = store.as_of(parameters)
    window = window_of(rule, as_of, parameters if advice.has_window else {}, settings=store.settings)
    (watched,) = store.read("days_watched", {"as_of": as_of, "count_imports": int(count_imports)})
    days: list[dt.date] = watched["days"]  # type: ignore[assignment] # an array of dates
    seen_at = watched["seen_at"]
    return Occasion(
        store=store,
        as_of=as_of,
        since=window.get("since"),
        until=window.get("until", as_of),
        count_imports=count_imports,
        watched=tuple(days),
        seen_at=None if seen_at is None else sql.as_utc(seen_at),
        is_silent=bool(watched["is_silent"]),
        asked=asked_of(advice, parameters),
    )


def said_by(rule: Rule, occasion: Occasion) -> Iterator[Made]:
    """Give what a rule says, without storing it.

    Args:
        rule: The rule.
        occasion: When it is asked.

    Raises:
        StoreError: The database refused or failed.
    """
    if rule.make is not None:
        yield from rule.make(occasion)
        return
    store = occasion.store
    statement = sql.statement(f"recommend/{rule.statement}")
    values: dict[str, object] = {name: getattr(store.settings, setting) for name, setting in rule.settings.items()}
    known = {
        "as_of": occasion.as_of,
        "since": occasion.since,
        "until": occasion.until,
        "count_imports": int(occasion.count_imports),
    }
    values |= {name: value for name, value in known.items() if name in statement.parameters}
    for row in store.database.query(statement, values):
        yield Made(**{**row, "evidence": json.loads(str(row["evidence"]))})


def _append(run: Mapping[str, object], rule: Rule, occasion: Occasion, rows: Sequence[Made]) -> None:
    values = [{**run, **_stored(rule, occasion, row)} for row in rows]
    if values:
        columns = list(values[0])
        occasion.store.database.insert_rows("recommendations", columns, [list(row.values()) for row in values])


def _stored(rule: Rule, occasion: Occasion, row: Made) -> dict[str, object]:
    is_advised = row.verdict == ADVISE
    refutation = None if row.subject == EVERY_MODEL else row.refutation or rule.refutation
    return {
        "subject": row.subject,
        "action": row.action or (rule.action if is_advised else ""),
        "verdict": row.verdict,
        "reason": row.reason,
        "confidence": row.confidence,
        "horizon_seconds": None if row.confidence is None else row.horizon_seconds or rule.horizon_seconds,
        "priority": row.priority,
        "evidence": json.dumps(row.evidence, default=str, ensure_ascii=False),
        "window_since": row.window_since,
        "window_until": row.window_until,
        "expires_at": row.expires_at,
        "coverage": coverage_of(occasion.watched, row.window_since, row.window_until),
        "policy_version": rule.version,
        "refuted_by": refutation.words if refutation is not None and is_advised else "",
        "refutation": "" if refutation is None else refutation.as_json(),
        "is_unsafe": rule.is_unsafe,
    }


def coverage_of(watched: Sequence[dt.date], since: dt.datetime, until: dt.datetime) -> float | None:
    """Give the part of a window's days on which something was watching.

    Args:
        watched: The watched days (UTC), in order.
        since: Where the window begins.
        until: Where it ends, itself not in it.

    Returns:
        The part; None of a window without a day.
    """
    first = since.astimezone(dt.UTC).date()
    last = (until.astimezone(dt.UTC) - dt.timedelta(microseconds=1)).date()
    days = (last - first).days + 1
    if days <= 0:
        return None
    return (bisect_right(watched, last) - bisect_left(watched, first)) / days


def window_of(
    rule: Rule, as_of: dt.datetime, parameters: Mapping[str, object], *, settings: Settings
) -> dict[str, dt.datetime]:
    """Give the window that a rule looks at.

    Args:
        rule: The rule.
        as_of: The time of the answer.
        parameters: ``since`` and ``until`` where they were given.
        settings: Hold the days of rules that go by a setting.

    Returns:
        ``since`` and ``until``; nothing for a rule that looks at the whole history.

    Raises:
        ParameterError: A time is none.
    """
    if rule.days_back is None:
        return {}
    end = as_of.replace(hour=0, minute=0, second=0, microsecond=0) if rule.is_whole_days else as_of
    until = sql.time_of(parameters, "until") or end
    days = getattr(settings, rule.days_back) if isinstance(rule.days_back, str) else rule.days_back
    return {"since": sql.time_of(parameters, "since") or until - dt.timedelta(days=days), "until": until}
