"""Gives advice: a job writes what it advises and what it refuses, with evidence, and gives those rows back."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from modeltally.errors import ParameterError
from modeltally.recommend.kinds import GUARDED
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.recommend.kinds import Advice, Rule
    from modeltally.settings import Settings
    from modeltally.store import DatabaseStore, Row

__all__ = ["run_advice", "window_of"]


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
    as_of = store.as_of(parameters)
    statement = sql.statement(f"recommend/{rule.statement}")
    values = {name: getattr(store.settings, setting) for name, setting in rule.settings.items()}
    window = window_of(rule, as_of, parameters if advice.has_window else {}, settings=store.settings)
    values |= {name: value for name, value in window.items() if name in statement.parameters}
    count_imports = parameters.get("count_imports", False)
    if not isinstance(count_imports, bool):
        raise ParameterError(f"count_imports = {count_imports!r} is not one of True, False")
    if rule.wants_history:
        values["count_imports"] = int(count_imports)
    store.database.command(statement, {"as_of": as_of, **values})
    made = store.read("recommendations_made", {"kind": advice.name, "policy": policy, "as_of": as_of})
    return [{**row, "evidence": json.loads(str(row["evidence"]))} for row in made]


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
