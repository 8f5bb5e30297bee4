"""A look: what is the matter now, how that changes what is known, and what of it is told."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from modeltally.alerts.facts import Facts
from modeltally.alerts.kept import known_alerts, save
from modeltally.alerts.rules import JOB_FAILED, NOT_LOOKED_AT, RULES, SEVERITIES, check_rules_off
from modeltally.alerts.state import Alert, Key, Status, advance, due
from modeltally.alerts.tell import tell
from modeltally.analytics.plain import plain
from modeltally.errors import ParameterError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from modeltally.alerts.rules import Found
    from modeltally.store import DatabaseStore, Row

__all__ = ["RECENT", "alerts_now", "run_alerts"]

# How long what is over is shown.
RECENT: Final = timedelta(days=7)
_ERROR_CHARACTERS: Final = 500
# One look at a time in a process: a second one would tell what the first is telling.
_LOOKING: Final = threading.Lock()


def _no_files() -> Sequence[str]:
    return ()


def alerts_now(
    store: DatabaseStore, parameters: Mapping[str, object], *, damaged_files: Callable[[], Sequence[str]] = _no_files
) -> list[Row]:
    """Say what is the matter at this moment, whether or not it has been for long enough to be told; changes nothing.

    Args:
        store: The store.
        parameters: ``as_of``; ``failed_jobs``: the errors of jobs whose last run failed, by name. Where nobody
            says, what is known of them stays as it was.
        damaged_files: Names files beside the engine that are damaged.

    Returns:
        A row for each rule and subject, the most severe first.

    Raises:
        ParameterError: A parameter is not usable.
        SettingError: A rule that is switched off is none.
        StoreError: The database refused or failed.
    """
    as_of, failed_jobs = store.as_of(parameters), _failed_jobs(parameters)
    known = known_alerts(store, since=as_of)
    found, _ = _found(store, as_of=as_of, failed_jobs=failed_jobs, damaged_files=damaged_files)
    rows = [_row(key, one, known.get(key), as_of=as_of) for key, (one, _) in found.items()]
    # of one severity and rule they come as their view gives them
    order = sorted(RULES, key=lambda name: -SEVERITIES.index(RULES[name].severity))
    return sorted(rows, key=lambda row: order.index(str(row["alert"])))


def run_alerts(
    store: DatabaseStore, parameters: Mapping[str, object], *, damaged_files: Callable[[], Sequence[str]] = _no_files
) -> list[Row]:
    """Look, keep what changed, and tell what is to be told.

    What could not be told waits for the next look; that is no failure of this job. What is told twice, because this
    process ended in between or another one looked at the same moment, has the same id.

    Args:
        store: The store.
        parameters: As :func:`alerts_now` takes them.
        damaged_files: Names files beside the engine that are damaged.

    Returns:
        One row: how many alerts fire and are pending, how many were told now and wait to be told, whether there is a
        webhook, how often in a row it was not reached, and why.

    Raises:
        ParameterError: A parameter is not usable.
        SettingError: A rule that is switched off is none.
        StoreError: The database refused or failed.
    """
    as_of, failed_jobs = store.as_of(parameters), _failed_jobs(parameters)
    settings = store.settings
    with _LOOKING:
        known = known_alerts(store)
        found, blind = _found(store, as_of=as_of, failed_jobs=failed_jobs, damaged_files=damaged_files)
        changed = advance(known, found, as_of=as_of, hold_looks=settings.alerts_hold_looks, blind=blind)
        save(store, changed.values())
        known |= changed
        told = tell(due(known.values(), as_of=as_of, settings=settings), settings=settings)
        after = [alert.changed(told=alert.status, told_at=as_of, failures=0) for alert in told.alerts]
        if told.error is not None:
            after += [alert.changed(failures=alert.failures + 1) for alert in told.untold]
        save(store, after)
        known |= {alert.key: alert for alert in after}
    counts = [alert.status for alert in known.values()]
    return [
        {
            "firing": counts.count(Status.FIRING),
            "pending": counts.count(Status.PENDING),
            "told": len(told.alerts),
            "untold": len(told.untold),
            "has_webhook": bool(settings.alerts_webhook_url.get_secret_value()),
            "delivery_failures": max((alert.failures for alert in known.values()), default=0),
            "delivery_error": told.error,
        }
    ]


def _found(
    store: DatabaseStore,
    *,
    as_of: datetime,
    failed_jobs: Mapping[str, str] | None,
    damaged_files: Callable[[], Sequence[str]],
) -> tuple[dict[Key, tuple[Found, str]], set[str]]:
    """Ask every rule; one that the store cannot answer is named, and does not end the others."""
    check_rules_off(store.settings)
    facts = Facts(store, as_of=as_of, failed_jobs=failed_jobs or {}, damaged_files=damaged_files)
    found: dict[Key, tuple[Found, str]] = {}
    unasked = store.settings.rules_off if failed_jobs is not None else store.settings.rules_off | {JOB_FAILED}
    for rule in sorted(RULES.values(), key=lambda rule: rule.name == NOT_LOOKED_AT):
        if rule.name in unasked:
            continue
        try:
            for one in rule.find(facts):
                evidence = json.dumps({name: plain(value) for name, value in one.evidence.items()}, default=str)
                found[Key(rule.name, one.kind, one.subject)] = (one, evidence)
        except (StoreError, OSError) as error:
            facts.blind[rule.name] = str(error)[:_ERROR_CHARACTERS]
    return found, {*facts.blind, *(unasked - store.settings.rules_off)}


def _failed_jobs(parameters: Mapping[str, object]) -> dict[str, str] | None:
    given = parameters.get("failed_jobs")
    if given is None:
        return None
    if not isinstance(given, dict):
        raise ParameterError("failed_jobs is a mapping: the error of each job whose last run failed, by its name")
    return {str(name): str(error)[:_ERROR_CHARACTERS] for name, error in given.items()}


def _row(key: Key, one: Found, known: Alert | None, *, as_of: datetime) -> Row:
    rule = RULES[key.rule]
    is_known = known is not None and known.status in {Status.PENDING, Status.FIRING}
    return {
        "alert": key.rule,
        "severity": rule.severity.value,
        "status": Status.FIRING.value if known is not None and known.status is Status.FIRING else Status.PENDING.value,
        "kind": key.kind,
        "subject": key.subject,
        "value": one.value,
        "comparison": rule.comparison,
        "threshold": one.threshold,
        "unit": rule.unit,
        "operations": one.operations,
        "window_since": one.window.since,
        "window_until": one.window.until,
        "since_at": known.since_at if known is not None and is_known else as_of,
        "sentence": rule.sentence,
        "todo": rule.todo,
        "evidence": {name: plain(value) for name, value in one.evidence.items()},
    }
