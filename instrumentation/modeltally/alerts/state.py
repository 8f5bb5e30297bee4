"""How an alert goes on from one look to the next: pending, firing, resolved; and what of it is to be told now.

Nothing here reads a clock or a store: states and what was found go in, states come out.
"""

from __future__ import annotations

import enum
import hashlib
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from modeltally.alerts.rules import RULES, SEVERITIES, Severity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from collections.abc import Set as AbstractSet
    from datetime import datetime, time
    from zoneinfo import ZoneInfo

    from modeltally.alerts.rules import Found
    from modeltally.settings import Settings

__all__ = ["Alert", "Key", "Status", "advance", "due", "event_id", "is_quiet", "severity_of"]

_ID_CHARACTERS: Final = 32


class Status(enum.StrEnum):
    """How an alert stands."""

    GONE = ""
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Key(NamedTuple):
    """What an alert is about."""

    rule: str
    kind: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What is known of one rule and one subject.

    Attributes:
        key: Which.
        status: How it stands.
        since_at: When a look first found it.
        resolved_at: When it ended; None while it has not.
        looks: Looks in a row that found it while it is pending, or that did not while it fires.
        value: What was measured last.
        threshold: What it was above, or below.
        operations: How many operations the value is of.
        window_since: Where the window of that begins.
        window_until: Where it ends.
        evidence: Figures beside it, as JSON.
        told: How it stands as far as its receiver knows.
        told_at: When that was told.
        failures: Attempts to tell it that failed since the last one that did not.
        revision: Grows with each change.
    """

    key: Key
    status: Status
    since_at: datetime
    resolved_at: datetime | None = None
    looks: int = 0
    value: float
    threshold: float
    operations: int | None
    window_since: datetime
    window_until: datetime
    evidence: str
    told: Status = Status.GONE
    told_at: datetime | None = None
    failures: int = 0
    revision: int = 0

    def changed(self, **values: object) -> Alert:
        """Give it with other values, as a new revision."""
        return replace(self, revision=self.revision + 1, **values)  # type: ignore[arg-type] # its own fields


def advance(
    known: Mapping[Key, Alert],
    found: Mapping[Key, tuple[Found, str]],
    *,
    as_of: datetime,
    hold_looks: int,
    blind: AbstractSet[str] = frozenset(),
) -> dict[Key, Alert]:
    """Go on by one look.

    Args:
        known: What was known.
        found: What the look found, with its evidence as JSON.
        as_of: The time of the look.
        hold_looks: Looks in a row that it takes to fire, and to resolve.
        blind: Rules that could not be looked at: nothing of theirs changes.

    Returns:
        The alerts that changed.
    """
    changed: dict[Key, Alert] = {}
    for key, (one, evidence) in found.items():
        measured = {
            "value": one.value,
            "threshold": one.threshold,
            "operations": one.operations,
            "window_since": one.window.since,
            "window_until": one.window.until,
            "evidence": evidence,
        }
        changed[key] = _seen(known.get(key), key, measured, as_of=as_of, hold_looks=hold_looks)
    for key, alert in known.items():
        if key in found or key.rule in blind:
            continue
        if alert.status is Status.PENDING:
            changed[key] = alert.changed(status=Status.GONE, looks=0)
        elif alert.status is Status.FIRING and alert.looks + 1 >= hold_looks:
            changed[key] = alert.changed(status=Status.RESOLVED, resolved_at=as_of, looks=0)
        elif alert.status is Status.FIRING:
            changed[key] = alert.changed(looks=alert.looks + 1)
    return changed


def _seen(alert: Alert | None, key: Key, measured: Mapping[str, object], *, as_of: datetime, hold_looks: int) -> Alert:
    if alert is not None and alert.status is Status.FIRING:
        return alert.changed(looks=0, **measured)
    if alert is not None and alert.status is Status.RESOLVED and alert.told is Status.FIRING:
        # its receiver never heard that it was gone
        return alert.changed(status=Status.FIRING, resolved_at=None, looks=0, **measured)
    looks = alert.looks + 1 if alert is not None and alert.status is Status.PENDING else 1
    since_at = alert.since_at if alert is not None and alert.status is Status.PENDING else as_of
    return Alert(
        key=key,
        status=Status.FIRING if looks >= hold_looks else Status.PENDING,
        since_at=since_at,
        looks=0 if looks >= hold_looks else looks,
        revision=alert.revision + 1 if alert is not None else 1,
        **measured,  # type: ignore[arg-type] # its own fields
    )


def due(alerts: Iterable[Alert], *, as_of: datetime, settings: Settings) -> list[Alert]:
    """Give the alerts of which something is to be told now, the most severe first.

    A firing one is told once, and again as a reminder; a resolved one where it was told that it fires. In quiet hours
    only what is critical is told; the rest waits, and what is over by then was never told.

    Args:
        alerts: How all stand.
        as_of: The time.
        settings: Severity, reminders, quiet hours.
    """
    quiet = is_quiet(as_of, settings.quiet_hours)
    least = SEVERITIES.index(Severity(settings.alerts_severity))
    chosen = []
    for alert in alerts:
        severity = severity_of(alert.key.rule)
        if quiet and severity is not Severity.CRITICAL:
            continue
        is_over = alert.status is Status.RESOLVED and alert.told is Status.FIRING
        is_new = alert.status is Status.FIRING and alert.told is not Status.FIRING
        is_wanted = is_new or _wants_reminder(alert, severity, as_of=as_of, hours=settings.alerts_reminder_hours)
        if is_over or (is_wanted and SEVERITIES.index(severity) >= least):
            chosen.append(alert)
    return sorted(chosen, key=lambda alert: (-SEVERITIES.index(severity_of(alert.key.rule)), alert.since_at, alert.key))


def _wants_reminder(alert: Alert, severity: Severity, *, as_of: datetime, hours: float) -> bool:
    return (
        hours > 0
        and severity is not Severity.NOTICE
        and alert.status is alert.told is Status.FIRING
        and alert.told_at is not None
        and alert.told_at + timedelta(hours=hours) <= as_of
    )


def severity_of(rule: str) -> Severity:
    """How severe a rule is; one of an earlier version that is no more is a notice."""
    return RULES[rule].severity if rule in RULES else Severity.NOTICE


def is_quiet(at: datetime, hours: tuple[time, time, ZoneInfo] | None) -> bool:
    """Tell whether a moment lies in the quiet hours, by the clocks of their zone.

    Args:
        at: The moment, aware.
        hours: Their begin, which is quiet, their end, which is not, and the zone; None: there are none.
    """
    if hours is None:
        return False
    begin, end, zone = hours
    there = at.astimezone(zone).time()
    return begin <= there < end if begin < end else there >= begin or there < end


def event_id(alert: Alert) -> str:
    """Name what is to be told of an alert: the same for each attempt, and for whichever process attempts it."""
    parts: Collection[object] = (*alert.key, alert.status, alert.since_at, alert.told_at or "")
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:_ID_CHARACTERS]
