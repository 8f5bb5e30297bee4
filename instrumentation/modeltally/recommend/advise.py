"""The advice jobs: each writes what it advises and what it refuses, with evidence, and gives those rows back."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

from modeltally.errors import ParameterError
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.store import DatabaseStore, Row, StoreJob

__all__ = ["ADVICE_JOBS"]

_TREND_DAYS = 28
_SEED_DAYS = 30
_POLICIES = ("guarded", "seed")


def _cleanup(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    policy = str(parameters.get("policy", "guarded"))
    as_of = store.as_of(parameters)
    settings = store.settings
    if policy == "seed":
        values: dict[str, object] = {
            "since": as_of - dt.timedelta(days=_SEED_DAYS),
            "min_uses_per_day": settings.cleanup_seed_uses_per_day,
            "min_success_rate": settings.cleanup_seed_success_rate,
            "abandoned_after_seconds": settings.abandoned_after_seconds,
        }
        return _advise(store, "cleanup_seed", kind="cleanup", policy=policy, as_of=as_of, values=values)
    if policy != "guarded":
        raise ParameterError(f"policy = {policy!r} is not one of {', '.join(_POLICIES)}")
    values = {
        "history_days": settings.cleanup_history_days,
        "age_days": settings.cleanup_age_days,
        "never_used_days": settings.cleanup_never_used_days,
        "idle_days": settings.cleanup_threshold_days,
        "few_uses": settings.cleanup_few_uses,
        "few_uses_idle_days": settings.cleanup_few_uses_idle_days,
        "evidence_idle_days": settings.cleanup_evidence_idle_days,
    }
    return _advise(store, "cleanup", kind="cleanup", policy=policy, as_of=as_of, values=values)


def _preload(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    as_of = store.as_of(parameters)
    settings = store.settings
    today = as_of.replace(hour=0, minute=0, second=0, microsecond=0)
    values = {
        "since": today - dt.timedelta(days=_TREND_DAYS),
        "until": today,
        "history_days": settings.preload_history_days,
        "min_uses_per_day": settings.preload_threshold_frequency,
        "min_success_rate": settings.preload_success_rate,
        "min_probability": settings.preload_probability,
        "unknown_load_seconds": settings.preload_unknown_load_seconds,
        "abandoned_after_seconds": settings.abandoned_after_seconds,
    }
    return _advise(store, "preload", kind="preload", policy="guarded", as_of=as_of, values=values)


def _performance(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    as_of = store.as_of(parameters)
    settings = store.settings
    until = sql.time_of(parameters, "until") or as_of
    since = sql.time_of(parameters, "since") or until - dt.timedelta(days=settings.performance_tracking_window_days)
    values = {
        "since": since,
        "until": until,
        "slow_seconds": settings.performance_slow_seconds,
        "min_success_rate": settings.performance_success_rate,
        "abandoned_after_seconds": settings.abandoned_after_seconds,
    }
    return _advise(store, "performance", kind="performance", policy="guarded", as_of=as_of, values=values)


def _advise(
    store: DatabaseStore, file: str, *, kind: str, policy: str, as_of: dt.datetime, values: Mapping[str, object]
) -> list[Row]:
    store.database.command(sql.statement(f"recommend/{file}"), {"as_of": as_of, **values})
    made = store.read("recommendations_made", {"kind": kind, "policy": policy, "as_of": as_of})
    return [{**row, "evidence": json.loads(str(row["evidence"]))} for row in made]


ADVICE_JOBS: Mapping[str, StoreJob] = {
    "recommend_cleanup": _cleanup,
    "recommend_preload": _preload,
    "recommend_performance": _performance,
}
