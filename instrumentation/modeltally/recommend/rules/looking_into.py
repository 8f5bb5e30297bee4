"""Which models are slow, unreliable or unsteady, and what their worst requests share. Never a reason to delete."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modeltally.recommend.constants import CAUSE_MOST_MODELS, CAUSE_MOST_REQUESTS
from modeltally.recommend.record import Made
from modeltally.recommend.rules.causes import Group, causes
from modeltally.store import sql

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from modeltally.recommend.record import Occasion
    from modeltally.recommend.rules.causes import Cause

__all__ = ["look_into"]


def look_into(occasion: Occasion) -> Iterator[Made]:
    """Say which models to look into, and where to begin.

    Args:
        occasion: When advice is asked for, and the window it is about.

    Yields:
        A row for each model with a finding.
    """
    settings = occasion.store.settings
    window = {
        "since": occasion.since,
        "until": occasion.until,
        "as_of": occasion.as_of,
        "abandoned_after_seconds": settings.abandoned_after_seconds,
    }
    limits = {
        "slow_seconds": settings.performance_slow_seconds,
        "min_success_rate": settings.performance_success_rate,
    }
    told = occasion.store.database.query(sql.statement("recommend/performance"), {**window, **limits})
    found = [Made(**{**row, "evidence": json.loads(str(row["evidence"]))}) for row in told]
    if not found:
        return
    asked_most = sorted(found, key=lambda made: (-int(made.evidence["requests"]), made.subject))
    models = [made.subject for made in asked_most[: int(CAUSE_MOST_MODELS)]]
    since = _newest(occasion, window)
    rows = occasion.store.database.query(
        sql.statement("recommend/causes"), {**window, "since": since, "models": models}
    )
    likely = causes(_group(row) for row in rows)
    for made in found:
        yield _with(made, likely.get(made.subject, ()), since)


def _newest(occasion: Occasion, window: Mapping[str, object]) -> dt.datetime:
    """Give from when on requests are looked at one by one: the last part of the window, with the newest of many."""
    since = occasion.since or occasion.until
    requests = sum(int(str(row["requests"])) for row in occasion.store.read("usage_by_model", window))
    part = min(1.0, CAUSE_MOST_REQUESTS / requests) if requests else 1.0
    return occasion.until - (occasion.until - since) * part


def _with(made: Made, likely: Sequence[Cause], since: dt.datetime) -> Made:
    names = "; likely cause: " + "; ".join(cause.sentence for cause in likely) if likely else ""
    evidence = {**made.evidence, "likely_causes": [cause.sentence for cause in likely]}
    evidence |= {"causes": [cause._asdict() for cause in likely], "causes_since": since}
    return replace(made, reason=made.reason + names, evidence=evidence)


def _group(row: Any) -> Group:
    return Group(
        model=row["model"],
        dimension=row["dimension"],
        value=row["value"],
        requests=int(row["requests"]),
        failures=int(row["failures"]),
        durations=dict(zip(row["buckets"], row["counts"], strict=True)),
    )
