"""How far an answer can be trusted: the same words in every answer, on the screen, in JSON and in Python."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self

from modeltally.analytics.plain import plain

if TYPE_CHECKING:
    from datetime import datetime

    from modeltally.analytics.topics.quality import ContextRow

__all__ = ["Trust"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What an answer rests on; None where there is nothing to say.

    Attributes:
        window_since: Where the window as it was served begins: a part of an hour whose events are gone counts whole.
        window_until: Where it ends.
        as_of: The time the answer goes by.
        zone: The time zone in which its days and hours begin.
        n: How many operations its figures are of; None where they are of no single number of them.
        coverage: How much of what happened is counted; ``exact`` where no sampler had a hand in it.
        known_loss: Operations that processes say they lost in the window; None where no process said anything.
        newest_at: When the newest of the window's events was received.
        data_age_seconds: How long that was before ``as_of``.
        dirty_hours: Hours that were counted from their events, since no rollup of them is current.
        quarantined: Spans received in the window that cannot be counted.
        late: Events of the window that came after their month was closed.
        answer_age_seconds: How long ago the answer was computed; 0 unless it was kept.
    """

    window_since: datetime
    window_until: datetime
    as_of: datetime
    zone: str
    n: int | None
    coverage: str | None
    known_loss: int | None
    newest_at: datetime | None
    data_age_seconds: float | None
    dirty_hours: int
    quarantined: int
    late: int
    answer_age_seconds: float = 0.0

    @classmethod
    def of(cls, context: ContextRow, *, as_of: datetime, zone: str, n: int | None) -> Self:
        """Make it of what the store says of the window.

        Args:
            context: The row of the topic ``context``.
            as_of: The time the answer goes by.
            zone: The time zone in which its days begin.
            n: How many operations its figures are of.

        Returns:
            The record.
        """
        newest_at = context["newest_at"]
        age = None if newest_at is None else max((as_of - newest_at).total_seconds(), 0.0)
        return cls(as_of=as_of, zone=zone, n=n, data_age_seconds=age, **context)

    def aged(self, seconds: float) -> Self:
        """Give the same of an answer that was computed some seconds ago."""
        return replace(self, answer_age_seconds=seconds)

    def to_dict(self) -> dict[str, object]:
        """Give it as what JSON can hold: times as ISO 8601 in UTC."""
        return {field.name: plain(getattr(self, field.name)) for field in fields(self)}
