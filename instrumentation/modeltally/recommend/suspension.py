"""A rule that was wrong too often suspends itself: what it would advise is refused, and its evidence still shown."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from modeltally.recommend.record import ADVISE, EVERY_MODEL, REFUSED, Made
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.recommend.kinds import Rule
    from modeltally.recommend.record import Occasion

__all__ = ["suspended"]

_SUSPENDED = "suspended"


def suspended(rows: Sequence[Made], *, kind: str, policy: str, rule: Rule, occasion: Occasion) -> list[Made]:
    """Refuse what a rule would advise, where its verdicts have passed its limit.

    Args:
        rows: What it would say.
        kind: The kind of advice.
        policy: The name of the rule.
        rule: The rule, which has a limit.
        occasion: When it is asked.

    Returns:
        The rows; of a suspended rule one more first, about the run, and no advice.
    """
    why = _why(kind, policy, rule, occasion)
    if why is None:
        return list(rows)
    stopped = [
        replace(row, verdict=REFUSED, reason=f"{why}; without that: {row.reason}", action="", priority="")
        if row.verdict == ADVISE
        else row
        for row in rows
        if row.subject != EVERY_MODEL
    ]
    of_run = Made(
        subject=EVERY_MODEL,
        verdict=REFUSED,
        reason=why,
        window_since=occasion.since or occasion.as_of - dt.timedelta(days=rule.limit.days if rule.limit else 0),
        window_until=occasion.until,
        expires_at=occasion.as_of + dt.timedelta(days=1),
    )
    return [of_run, *stopped]


def _why(kind: str, policy: str, rule: Rule, occasion: Occasion) -> str | None:
    limit = rule.limit
    if limit is None:
        return None
    asked = {"as_of": occasion.as_of, "since": occasion.as_of - dt.timedelta(days=limit.days)}
    found = [
        row
        for row in occasion.store.read("regret_by_policy", asked)
        if (row["kind"], row["policy"], row["policy_version"]) == (kind, policy, rule.version)
    ]
    if not found:
        return None
    judged, wrong = int(str(found[0]["judged"])), int(str(found[0]["wrong"]))
    if judged < limit.least_judged or wrong <= limit.regret * judged:
        return None
    since = sql.as_utc(found[0]["last_wrong_at"])
    return (
        f"{_SUSPENDED}: since {since:%Y-%m-%d}, because {wrong:,} of {judged:,} judged pieces of advice of the last"
        f" {limit.days} days were wrong, more than {limit.regret:.0%}"
    )
