"""What to say of a window in which nothing began: what there is instead, and what to ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from modeltally.analytics.readers import read
from modeltally.analytics.topics.quality import FOREIGN
from modeltally.analytics.topics.usage import STORED
from modeltally.analytics.window import BEGINNING, Window

if TYPE_CHECKING:
    from modeltally.settings import Settings
    from modeltally.store import Store

__all__ = ["why_empty"]

_NOTHING_STORED: Final = (
    "nothing is stored yet: start `modeltally up`, then a service that calls modeltally.configure();"
    " `modeltally demo` shows what you will see"
)


def why_empty(store: Store, window: Window, *, settings: Settings) -> str | None:
    """Say that nothing began in a window, and what to ask for instead.

    Every sentence that praises, or says that there is nothing to do, asks this first: of no data nothing is true.

    Args:
        store: What answers.
        window: The window of the query.
        settings: The settings of the reader.

    Returns:
        A sentence; None where something began in the window.

    Raises:
        StoreError: The database refused or failed.
        ServerError: The server could not be asked, or failed.
    """
    (inside,) = read(store, STORED, window, settings=settings)
    if inside["operations"]:
        return None
    (ever,) = read(store, STORED, Window(BEGINNING, window.as_of, window.as_of), settings=settings)
    foreign = sum(row["spans"] for row in read(store, FOREIGN, window, settings=settings))
    if foreign:
        return (
            f"nothing of ours began between {_moment(window.since)} and {_moment(window.until)} UTC; {foreign:,} spans"
            " of other instrumentations came (`modeltally stats foreign`), none of which is a request to a model: wrap"
            " the calls, see SERVICES.md"
        )
    if ever["first_used_at"] is None or ever["last_used_at"] is None:
        return _NOTHING_STORED
    first, last = _aware(ever["first_used_at"]), _aware(ever["last_used_at"])
    return (
        f"nothing began between {_moment(window.since)} and {_moment(window.until)} UTC; what is stored began between"
        f" {_moment(first)} and {_moment(last)}: try --since {_date(first)} --until {_date(last + timedelta(days=1))}"
    )


def _aware(moment: datetime | str) -> datetime:
    # a server's answer travels as JSON
    at = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"


def _date(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
