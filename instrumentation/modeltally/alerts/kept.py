"""Where alerts are between two looks: in the table ``alerts`` of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.alerts.state import Alert, Key, Status
from modeltally.analytics.window import BEGINNING, LATEST

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from modeltally.store import DatabaseStore, Store

__all__ = ["known_alerts", "save"]

_VIEW: Final = "alerts_known"
_STATED: Final = (
    "since_at",
    "resolved_at",
    "looks",
    "value",
    "threshold",
    "operations",
    "window_since",
    "window_until",
    "evidence",
    "told_at",
    "failures",
    "revision",
)
_COLUMNS: Final = (*Key._fields, "status", "told", *_STATED)


def known_alerts(store: Store, *, since: dt.datetime = BEGINNING) -> dict[Key, Alert]:
    """Read what is known of alerts.

    Args:
        store: The store, or the server that has it.
        since: Those that were over before are left out.

    Returns:
        An alert for each rule and subject; those that fire come first.

    Raises:
        StoreError: The database refused or failed.
        ServerError: The server could not be asked, or failed.
    """
    alerts = (_alert(row) for row in store.read(_VIEW, {"since": since, "until": LATEST}))
    return {alert.key: alert for alert in alerts}


def save(store: DatabaseStore, alerts: Iterable[Alert]) -> None:
    """Keep alerts, each in the place of its earlier revisions.

    Args:
        store: The store.
        alerts: Those that changed.

    Raises:
        StoreError: The database refused or failed.
    """
    rows = [
        [*alert.key, alert.status.value, alert.told.value, *(getattr(alert, column) for column in _STATED)]
        for alert in alerts
    ]
    if rows:
        store.database.insert_rows("alerts", _COLUMNS, rows)


def _alert(row: dict[str, Any]) -> Alert:
    return Alert(
        key=Key(*(str(row[name]) for name in Key._fields)),
        status=Status(row["status"]),
        told=Status(row["told"]),
        **{name: row[name] for name in _STATED},
    )
