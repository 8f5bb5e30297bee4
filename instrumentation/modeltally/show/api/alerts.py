"""``/v1/alerts``: what fires, what was over lately, and by which rules."""

from __future__ import annotations

import json
from datetime import datetime  # noqa: TC003 - read at run time, for the answer's form
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from modeltally.alerts.kept import known_alerts
from modeltally.alerts.look import RECENT
from modeltally.alerts.rules import RULES
from modeltally.alerts.state import Status, severity_of
from modeltally.show.api.problems import documented

if TYPE_CHECKING:
    from modeltally.alerts.state import Alert
    from modeltally.settings import Settings
    from modeltally.show.api.answering import Answering

__all__ = ["alerts_router"]

Level = Literal["notice", "warning", "critical"]


class AlertAnswer(BaseModel):
    """One alert, as the last look left it."""

    alert: str = Field(description="The rule.")
    severity: Level
    status: Literal["firing", "pending", "resolved"] = Field(
        description="pending: found, and not yet for as many looks as it takes."
    )
    kind: str = Field(description="Of its subject: model, pattern, job, rule; empty for the store as a whole.")
    subject: str
    sentence: str
    value: float
    comparison: str
    threshold: float
    unit: str
    operations: int | None = Field(description="How many operations the value is of; null where it is of none.")
    window_since: datetime
    window_until: datetime
    since_at: datetime
    resolved_at: datetime | None
    told_at: datetime | None = Field(description="When the receiver was last told of it; null: not yet.")
    failures: int = Field(description="Attempts to tell it that failed since the last one that did not.")
    evidence: dict[str, Any]
    todo: str


class RuleAnswer(BaseModel):
    """One rule."""

    alert: str
    severity: Level
    sentence: str
    comparison: str
    unit: str
    looks_at: str
    settings: dict[str, float] = Field(description="The settings that hold its thresholds.")
    is_on: bool
    todo: str


class AlertsAnswer(BaseModel):
    """What fires, and what was over lately."""

    as_of: datetime
    firing: list[AlertAnswer]
    pending: list[AlertAnswer]
    resolved: list[AlertAnswer] = Field(description="What was over within the last seven days.")
    rules: list[RuleAnswer]


def alerts_router(answering: Answering) -> APIRouter:
    """Build the part of the interface that tells of alerts.

    Args:
        answering: What answers.
    """
    router = APIRouter(prefix="/v1", tags=["alerts"])
    backend = answering.backend

    @router.get("/alerts", summary="What fires", responses=documented(401, 422, 500, 502, 503))
    async def list_alerts(request: Request) -> AlertsAnswer:
        """Say what the matter is as the last look found it; looks are made at intervals, not by asking."""

        def content() -> AlertsAnswer:
            as_of = backend.now()
            known = list(known_alerts(backend.store, since=as_of - RECENT).values())

            def of(status: Status) -> list[AlertAnswer]:
                return [_answer(alert) for alert in known if alert.status is status]

            return AlertsAnswer(
                as_of=as_of,
                firing=of(Status.FIRING),
                pending=of(Status.PENDING),
                resolved=of(Status.RESOLVED),
                rules=_rules(backend.settings),
            )

        return await answering.work.run(request, content)

    return router


def _answer(alert: Alert) -> AlertAnswer:
    rule = RULES.get(alert.key.rule)
    return AlertAnswer(
        alert=alert.key.rule,
        severity=severity_of(alert.key.rule).value,
        status=alert.status.value,  # type: ignore[arg-type] # what is gone is not asked for
        kind=alert.key.kind,
        subject=alert.key.subject,
        sentence=rule.sentence if rule else "",
        value=alert.value,
        comparison=rule.comparison if rule else "",
        threshold=alert.threshold,
        unit=rule.unit if rule else "",
        operations=alert.operations,
        window_since=alert.window_since,
        window_until=alert.window_until,
        since_at=alert.since_at,
        resolved_at=alert.resolved_at,
        told_at=alert.told_at,
        failures=alert.failures,
        evidence=json.loads(alert.evidence),
        todo=rule.todo if rule else "",
    )


def _rules(settings: Settings) -> list[RuleAnswer]:
    return [
        RuleAnswer(
            alert=rule.name,
            severity=rule.severity.value,
            sentence=rule.sentence,
            comparison=rule.comparison,
            unit=rule.unit,
            looks_at=rule.looks_at,
            settings={name: getattr(settings, name) for name in rule.threshold},
            is_on=rule.name not in settings.rules_off,
            todo=rule.todo,
        )
        for rule in RULES.values()
    ]
