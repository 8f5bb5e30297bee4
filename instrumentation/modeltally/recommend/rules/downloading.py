"""Which models to download: what is corrupted first, then what is missing, then what failed to come.

Among equals goes first what was said to be critical, then what is used more than once a day, more than once in ten
days, and less; then by use.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modeltally.recommend.record import ADVISE, Made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.recommend.record import Occasion

__all__ = ["FILES_DAYS", "PRIORITIES", "download_again", "priority_of"]

FILES_DAYS: Final = 30
PRIORITIES: Final = ("critical", "high", "medium", "low")
_HIGH_USES: Final = 1.0
_MEDIUM_USES: Final = 0.1
_STATES: Final = ("corrupted", "missing", "failing")


class _Wanted(NamedTuple):
    model: str
    state: str
    reason: str
    priority: str
    uses_per_day: float
    row: dict[str, Any]


def priority_of(said: str, uses_per_day: float) -> str:
    """Give the priority of a download.

    Args:
        said: What was said of the model; only that it is critical is taken over, for the rest its use speaks.
        uses_per_day: How often it is used.
    """
    if said.lower() == PRIORITIES[0]:
        return PRIORITIES[0]
    if uses_per_day > _HIGH_USES:
        return "high"
    return "medium" if uses_per_day > _MEDIUM_USES else "low"


def download_again(occasion: Occasion) -> Iterator[Made]:
    """Say what to download, in which order.

    Args:
        occasion: When advice is asked for.

    Yields:
        A row for each model whose files are not all there and right.
    """
    since = occasion.as_of - dt.timedelta(days=FILES_DAYS)
    asked = {
        "since": since,
        "until": occasion.as_of,
        "as_of": occasion.as_of,
        "abandoned_after_seconds": occasion.store.settings.abandoned_after_seconds,
    }
    wanted = [one for row in occasion.store.read("files_of_models", asked) if (one := _wanted(dict(row))) is not None]
    wanted.sort(
        key=lambda one: (_STATES.index(one.state), PRIORITIES.index(one.priority), -one.uses_per_day, one.model)
    )
    for place, one in enumerate(wanted, start=1):
        yield Made(
            subject=one.model,
            verdict=ADVISE,
            action="download again" if one.row["downloads"] else "download",
            reason=one.reason,
            priority=one.priority,
            evidence={
                "place": place,
                "state": one.state,
                "uses_per_day": one.uses_per_day,
                **{name: value for name, value in one.row.items() if name not in {"model", "said_priority"}},
            },
            window_since=since,
            window_until=occasion.as_of,
            expires_at=occasion.as_of + dt.timedelta(days=1),
        )


def _wanted(row: dict[str, Any]) -> _Wanted | None:
    if row["loading_since"] is not None:
        return None  # it is coming
    since_check = row["downloaded_at"] is not None and (
        row["checked_at"] is None or row["downloaded_at"] > row["checked_at"]
    )
    state = reason = ""
    if not since_check and row["files_corrupted"]:
        state = "corrupted"
        reason = f"{row['files_corrupted']:,} of {row['files_checked']:,} files are corrupted by the last check"
    elif not since_check and row["files_missing"]:
        state = "missing"
        reason = f"{row['files_missing']:,} files are missing by the last check"
    elif row["failed_at"] is not None and (row["downloaded_at"] is None or row["failed_at"] > row["downloaded_at"]):
        state = "failing"
        error = f" with {row['last_error']}" if row["last_error"] else ""
        reason = f"the last download failed{error}; {row['download_failures']:,} of {row['downloads']:,} did"
    if not state:
        return None
    uses = row["requests"] / FILES_DAYS
    return _Wanted(row["model"], state, f"{state}: {reason}", priority_of(row["said_priority"], uses), uses, row)
