"""What a receiver is told of alerts: one POST a look, of at most a hundred alerts, signed and tried again.

``text`` is what a chat shows: Slack and what reads its webhooks needs nothing else.
"""

from __future__ import annotations

import hashlib
import json
import logging
import socket
import time
import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from modeltally.alerts.rules import RULES
from modeltally.alerts.state import Status, event_id, severity_of
from modeltally.analytics.plain import plain
from modeltally.analytics.window import format_moment
from modeltally.errors import DeliveryError
from modeltally.webhook import deliver

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeltally.alerts.state import Alert
    from modeltally.settings import Settings

__all__ = ["PAYLOAD_VERSION", "Told", "payload", "payload_of", "tell", "text_of"]

_LOGGER: Final = logging.getLogger(__name__)

PAYLOAD_VERSION: Final = 1
_AT_ONCE: Final = 100
_LINES: Final = 20
_NAME_CHARACTERS: Final = 200
_ATTEMPTS: Final = 3
# With the longest an attempt may take this is less than a stop of the server waits for a job.
BEGIN_WITHIN_SECONDS: Final = 3.0
# A chat takes these for markup: a model's name must not call a whole channel.
_ESCAPED: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class Told(NamedTuple):
    """What became of an attempt to tell.

    Attributes:
        alerts: Those that were told.
        untold: Those that were to be told, and are not yet.
        error: Why; None where nothing is.
    """

    alerts: list[Alert]
    untold: list[Alert]
    error: str | None


def tell(
    alerts: Sequence[Alert],
    *,
    settings: Settings,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Told:
    """Send alerts to the webhook; what is not taken stays to be told by the next look.

    Args:
        alerts: What is to be told.
        settings: Name the webhook, its secret and the page.
        clock: Counts seconds.
        sleep: Waits between two attempts.
    """
    url = settings.alerts_webhook_url.get_secret_value()
    if not url:
        return Told([], list(alerts), None)
    deadline = clock() + BEGIN_WITHIN_SECONDS
    done = 0
    while done < len(alerts):
        piece = alerts[done : done + _AT_ONCE]
        error = _send(url, piece, settings=settings, deadline=deadline, clock=clock, sleep=sleep)
        if error is not None:
            _LOGGER.warning("%d alerts wait to be told: %s", len(alerts) - done, error)
            return Told(list(alerts[:done]), list(alerts[done:]), error)
        done += len(piece)
    return Told(list(alerts), [], None)


def _send(
    url: str,
    alerts: Sequence[Alert],
    *,
    settings: Settings,
    deadline: float,
    clock: Callable[[], float],
    sleep: Callable[[float], object],
) -> str | None:
    content = payload(alerts, settings=settings)
    error = f"the receiver is too slow: after {BEGIN_WITHIN_SECONDS:.0f} s the rest waits"
    for attempt in range(_ATTEMPTS):
        if clock() >= deadline:
            break
        if attempt:
            sleep(0.5)
        try:
            deliver(
                url,
                json.dumps(content).encode(),
                content_type="application/json",
                secret=settings.alerts_webhook_secret.get_secret_value() or None,
                event_id=str(content["event_id"]),
                attempts=1,
            )
        except DeliveryError as problem:
            error = str(problem)
        else:
            return None
    return error


def payload(alerts: Sequence[Alert], *, settings: Settings) -> dict[str, object]:
    """Write what is sent.

    Args:
        alerts: What is told.
        settings: Name the page.
    """
    ids = [event_id(alert) for alert in alerts]
    lines = [text_of(alert) for alert in alerts[:_LINES]]
    if len(alerts) > _LINES:
        lines.append(f"and {len(alerts) - _LINES} more")
    return {
        "version": PAYLOAD_VERSION,
        "event_id": hashlib.sha256("\n".join(ids).encode()).hexdigest()[:32],
        "source": settings.store.rpartition("@")[2] or f"{socket.gethostname()}:{settings.dir}",
        "text": "\n".join(lines),
        "alerts": [payload_of(alert, settings=settings) for alert in alerts],
    }


def payload_of(alert: Alert, *, settings: Settings) -> dict[str, object]:
    """Write what is sent of one alert.

    Args:
        alert: The alert.
        settings: Name the page.
    """
    rule = RULES.get(alert.key.rule)
    is_reminder = alert.status is alert.told is Status.FIRING
    return {
        "event_id": event_id(alert),
        "alert": alert.key.rule,
        "severity": severity_of(alert.key.rule).value,
        "status": alert.status.value,
        "is_reminder": is_reminder,
        "kind": alert.key.kind,
        "subject": alert.key.subject,
        "sentence": rule.sentence if rule else "",
        "value": alert.value,
        "comparison": rule.comparison if rule else "",
        "threshold": alert.threshold,
        "unit": rule.unit if rule else "",
        "operations": alert.operations,
        "window_since": format_moment(alert.window_since),
        "window_until": format_moment(alert.window_until),
        "since_at": format_moment(alert.since_at),
        "resolved_at": format_moment(alert.resolved_at) if alert.resolved_at else None,
        "evidence": json.loads(alert.evidence),
        "todo": rule.todo if rule else "",
        "link": link_of(alert, settings=settings),
        "text": text_of(alert),
    }


def link_of(alert: Alert, *, settings: Settings) -> str | None:
    """Where the page shows it; None where nobody said where that is."""
    if not settings.page_url:
        return None
    if alert.key.kind == "model":
        return f"{settings.page_url}/models/{quote(alert.key.subject, safe='')}"
    return f"{settings.page_url}/{'patterns' if alert.key.kind == 'pattern' else ''}"


def text_of(alert: Alert) -> str:
    """Say it in a line, as a chat shows it."""
    rule = RULES.get(alert.key.rule)
    name = "".join(one if _is_plain(one) else " " for one in alert.key.subject)[:_NAME_CHARACTERS]
    about = f"{alert.key.kind} {name}: ".lstrip() if name else ""
    when = f"{alert.since_at:%Y-%m-%d %H:%M} UTC"
    if alert.status is Status.RESOLVED:
        said = f"resolved: {about}{alert.key.rule}, which began {when}"
    else:
        again = "still " if alert.told is Status.FIRING else ""
        measured = f" {_figure(alert.value)} {rule.comparison} {_figure(alert.threshold)} {rule.unit}" if rule else ""
        sentence = f" {rule.sentence}" if rule else ""
        said = f"{severity_of(alert.key.rule)}: {about}{again}{alert.key.rule}{measured} since {when}.{sentence}"
    return said.translate(_ESCAPED)


def _figure(value: float) -> str:
    return str(plain(round(value, 4))).removesuffix(".0")


def _is_plain(character: str) -> bool:
    """Tell whether a character shows as itself: neither control, nor one that turns what follows around."""
    return not unicodedata.category(character).startswith(("C", "Z")) or character == " "
