"""What came with the message that is being worked on: every operation begun inside takes it over."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modeltally.instrument._record import Record
    from modeltally.instrument._scalars import Stored

__all__ = ["Message", "message"]


class Message:
    """One delivery of a message, as the worker sees it.

    Attributes:
        values: Who asked and for what, by keyword: session, project, attempt and the like.
        once: What only the first operation says, such as the wait in the queue: it waited for all of them.
        trace_id: The sender's trace, 0 for none.
        span_id: The sender's operation or span, 0 for none.
        sampled: The sender's sampled flag.
    """

    __slots__ = ("once", "sampled", "span_id", "trace_id", "values")

    def __init__(
        self,
        values: dict[str, Stored],
        *,
        once: dict[str, Stored],
        trace_id: int,
        span_id: int,
        sampled: bool,
    ) -> None:
        """Take what the carrier said."""
        self.values = values
        self.once = once
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled

    def hand_to(self, record: Record) -> None:
        """Give an operation what it does not say itself."""
        once, self.once = self.once, {}
        record.values = {**self.values, **once, **record.values}


message: ContextVar[Message | None] = ContextVar("modeltally_message", default=None)
