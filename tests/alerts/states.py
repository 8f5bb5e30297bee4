"""Alerts and findings for tests, by hand."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from modeltally.alerts.rules import Found
from modeltally.alerts.state import Alert, Key, Status
from modeltally.analytics.window import Window

__all__ = ["KEY", "NOW", "after", "alert", "found"]

NOW = dt.datetime(2026, 3, 2, 11, tzinfo=dt.UTC)
KEY = Key("low_success_rate", "model", "flux")


def after(minutes: float) -> dt.datetime:
    """Give a time some minutes later than the first look."""
    return NOW + dt.timedelta(minutes=minutes)


def found(*keys: Key, as_of: dt.datetime = NOW, value: float = 0.5) -> dict[Key, tuple[Found, str]]:
    """What a look finds of these."""
    window = Window(as_of - dt.timedelta(hours=1), as_of, as_of)
    return {
        key: (Found(kind=key.kind, subject=key.subject, value=value, threshold=0.8, operations=40, window=window), "{}")
        for key in keys
    }


def alert(key: Key = KEY, **values: Any) -> Alert:
    """Make an alert that fires and that nobody was told of."""
    given: dict[str, Any] = {
        "status": Status.FIRING,
        "since_at": NOW,
        "value": 0.5,
        "threshold": 0.8,
        "operations": 40,
        "window_since": after(-60),
        "window_until": NOW,
        "evidence": json.dumps({"failures": 20}),
    }
    return Alert(key=key, **given | values)
