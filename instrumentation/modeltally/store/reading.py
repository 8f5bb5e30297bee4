"""Answers a view from rolls, and from events where there is no roll yet.

Every figure comes from ``usage_figures``, which asks what serves the window and reads that, in one statement. Asking
first and then reading just what is there takes a third of the time: most windows need no events, and what a statement
does not mention is not analysed. The text stays the view's own; only the call of ``usage_figures`` in it becomes one
of the views below it, which take the buckets as parameters.

The two statements see two moments, and no answer is wrong for that: each bucket is served by one source, so nothing is
counted twice, and what was stored before the first is in both. Rolls only gain rows. What goes away between the two is
asked for in one statement: hours of events so old that they may be dropped. Slices stay for minutes after their hour is
rolled. On a cluster every shard has a cover of its own: there it is one statement always.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modeltally.errors import ParameterError
from modeltally.store import sql

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from modeltally.store.client import Database, Row

__all__ = ["WITH_STATES", "read"]

# More hours of events than this are not worth a statement of their own, nor a list in a request.
_MAX_RAW_HOURS: Final = 400
# Their columns are states of aggregates.
WITH_STATES: Final = frozenset({"usage_figures", "usage_named_figures"})


def read(database: Database, name: str, values: Mapping[str, object], *, events_since: dt.datetime) -> list[Row]:
    """Rows of a view, by its name.

    Args:
        database: Where.
        name: The view.
        values: A value for each of its parameters.
        events_since: Events that began before may be dropped at any moment.

    Raises:
        UnknownNameError: There is no such view.
        ParameterError: A parameter is missing, unknown or of the wrong type, the window ends before it begins, or
            the view is one for other views.
        StoreError: The engine refused.
    """
    view = sql.view(name)
    view.bind(values)
    _check(name, values)
    asked = sql.cover_asked(name)
    if asked is None or database.is_over_shards:
        return database.query(view, values)
    (cover,) = database.query(asked, {parameter: values[parameter] for parameter in asked.parameters})
    window = {"since": cover.pop("since"), "until": cover.pop("until")}
    buckets = {**cover, "slices": [], "raw_hours": [], "raw_slices": []}
    raw: list[dt.datetime] = cover["raw"]  # type: ignore[assignment] # an array of times
    if len(raw) > _MAX_RAW_HOURS or any(sql.as_utc(hour) < events_since for hour in raw):
        return database.query(view, values)
    if raw:
        buckets |= database.query(sql.view("usage_slices"), {**window, "hours": raw})[0]
    is_rolled = not buckets["raw_hours"] and not buckets["raw_slices"]
    statement = sql.over_given_buckets(name, is_rolled=is_rolled)
    known = {**values, **buckets}
    return database.query(statement, {taken: known[taken] for taken in statement.parameters})


def _check(name: str, values: Mapping[str, object]) -> None:
    if name in WITH_STATES:
        raise ParameterError(
            f"view {name} has states instead of figures, for other views; usage_summary has the figures"
        )
    since, until = sql.time_of(values, "since"), sql.time_of(values, "until")
    if since is not None and until is not None and since > until:
        raise ParameterError(f"{name}: since = {since.isoformat()} is after until = {until.isoformat()}")
