"""Compares what views say with the same figures counted the plain way, from the events alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.store.reads import WINDOWS, last_days, read_view
from bench.store.report import show
from bench.store.stores import open_directory, statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modeltally.analytics.window import Window
    from modeltally.store import EmbeddedStore, Row

__all__ = ["COMPARED", "differences", "verify"]

# Quantiles are read from log buckets: how far from the nearest rank they may be.
_BUCKET = 0.011
_MOST_SHOWN = 20


@dataclass(frozen=True)
class Compared:
    """How a view's rows are found in the plain count.

    Attributes:
        view: The view.
        by: What the plain count groups by.
        key: The column of the view that holds what is grouped by; '' where there is one row.
        operation: The operation that is counted; '' for all.
        columns: Column of the plain count by column of the view; the others have the same name or are not compared.
    """

    view: str
    by: str
    key: str
    operation: str = "model.request"
    columns: tuple[tuple[str, str], ...] = (("requests", "operations"),)


COMPARED = (
    Compared("usage_by_model", "model", "model"),
    Compared("usage_overview", "total", ""),
    Compared("usage_by_hour_of_day", "hour_of_day", "hour_of_day"),
    Compared("failures_by_error_type", "error_type", "error_type", columns=(("failures", "failures"),)),
    Compared("users_by_day", "day", "day"),
    Compared("usage_by_operation", "operation", "operation", operation="", columns=(("operations", "operations"),)),
    Compared("latency_by_model", "model", "model", columns=(("requests", "durations"),)),
)


def differences(store: EmbeddedStore, window: Window) -> Iterator[str]:
    """Say every figure of a window that a view gives otherwise than a plain count."""
    for compared in COMPARED:
        seen = {_key(row, compared): row for row in read_view(store, compared.view, window)}
        asked: dict[str, object] = {"since": window.since, "until": window.until, "as_of": window.as_of}
        asked |= {"abandoned_after_seconds": int(store.settings.abandoned_after_seconds)}
        counted = {
            str(row["key"]): row
            for row in store.database.query(
                statement("plain"), {**asked, "told_by": compared.by, "operation": compared.operation}
            )
        }
        # a view may list what has no request, an hour for example, and leave out what has nothing to show
        for key in sorted(seen.keys() | counted.keys()):
            if key in seen and key in counted:
                yield from _compare(compared, key, seen[key], counted[key])
            elif key in seen and any(seen[key].get(name) for name, _ in compared.columns):
                yield f"{compared.view} {key}: it has {seen[key]}, the events have nothing"
            elif key in counted and any(counted[key][name] for _, name in compared.columns):
                yield f"{compared.view} {key}: it has nothing, the events have {counted[key]}"


def _key(row: Row, compared: Compared) -> str:
    return str(row[compared.key]) if compared.key else "all"


def _compare(compared: Compared, key: str, seen: Row, counted: Row) -> Iterator[str]:
    for name, plain in _pairs(compared, seen, counted).items():
        given, wanted = seen[name], counted[plain]
        within = _BUCKET if name in ("p50_ms", "p95_ms", "p99_ms") else 1e-9
        if not _equal(given, wanted, within):
            yield f"{compared.view} {key}: {name} is {given}, counted plainly {wanted}"


def _pairs(compared: Compared, seen: Mapping[str, object], counted: Mapping[str, object]) -> dict[str, str]:
    same = {name: name for name in seen if name in counted and name != compared.key}
    return {**same, **dict(compared.columns)}


def _equal(given: object, wanted: object, within: float) -> bool:
    if isinstance(given, float) and isinstance(wanted, float | int):
        return math.isclose(given, wanted, rel_tol=within, abs_tol=1e-12)
    return given == wanted


def verify(directory: Path, state: str) -> int:
    """Print what a view says otherwise than a plain count of the events does."""
    store = open_directory(directory)
    wrong = [found for days in WINDOWS for found in differences(store, last_days(days))]
    store.close()
    for difference in wrong[:_MOST_SHOWN]:
        show(f"WRONG: {difference}")
    show(f"\n{state}: every figure compared with a plain count of the events, {len(wrong)} differ")
    return len(wrong)
