"""The context of the message being processed: operations begun inside inherit it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from types import TracebackType

    from modeltally.instrument._record import Record
    from modeltally.instrument._scalars import Stored

__all__ = ["NOTHING", "InboundContext", "inbound"]


class InboundContext:
    """The context that a message carried, in effect for a ``with`` block.

    Every operation begun inside inherits user, session, project and attempt unless it has its own; the first one also
    records how long the message waited. Without a host's span they continue the sender's trace.

    Attributes:
        values: Who asked and for what, by keyword: session, project, attempt and the like.
        once: What only the first operation says, such as the wait in the queue: it waited for all of them.
        trace_id: The sender's trace, 0 for none.
        span_id: The sender's operation or span, 0 for none.
        sampled: The sender's sampled flag.
    """

    __slots__ = ("_outer", "once", "sampled", "span_id", "trace_id", "values")

    def __init__(
        self,
        values: dict[str, Stored],
        *,
        once: dict[str, Stored],
        trace_id: int,
        span_id: int,
        sampled: bool,
    ) -> None:
        """Keep what the carrier said; create one with :func:`modeltally.extract`."""
        self.values = values
        self.once = once
        self.trace_id = trace_id
        self.span_id = span_id
        self.sampled = sampled
        self._outer: list[InboundContext | None] = []

    def __enter__(self) -> Self:
        """Begin the block."""
        outer = inbound.get()
        try:
            self._outer += (outer,)  # as the next: a signal handler may raise where a call returns
            inbound.set(self)
        except BaseException:
            inbound.set(outer)
            self._outer.pop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the block."""
        outer = self._outer[-1] if self._outer else None
        try:
            if inbound.get() is self:  # a framework may leave in another context than it entered in
                inbound.set(outer)
        except BaseException:
            if inbound.get() is self:
                inbound.set(outer)
            raise
        finally:
            del self._outer[-1:]

    def apply_to(self, record: Record) -> None:
        """Fill in what an operation does not say itself."""
        once, self.once = self.once, {}
        record.values = {**self.values, **once, **record.values}


class _Nothing(InboundContext):
    """The context of headers without an entry of ours; it changes nothing."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


NOTHING: Final = _Nothing({}, once={}, trace_id=0, span_id=0, sampled=True)

inbound: ContextVar[InboundContext | None] = ContextVar("modeltally_inbound", default=None)
