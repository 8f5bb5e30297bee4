"""The context of the message being processed: operations begun inside inherit it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Self

from modeltally.instrument import _names as names
from modeltally.instrument._block import Block, BlockExit, enter, leave

if TYPE_CHECKING:
    from types import TracebackType

    from modeltally.instrument._record import Record
    from modeltally.instrument._scalars import Stored

__all__ = ["NOTHING", "InboundContext", "inbound"]

# what is done so that something else can be
_FOR_ANOTHER: Final = names.MODEL_OPERATIONS - {names.MODEL_REQUEST}


class _InboundBlock(Block):
    """A block in which a message is processed."""

    __slots__ = ()

    def leave(self, error: BaseException | None) -> None:  # noqa: ARG002 - whatever it raised
        """Bring back what was in effect before."""
        try:
            self.drop()
        except BaseException:  # a signal handler's
            self.drop()
            raise

    def drop(self) -> None:
        """Bring back what was in effect before."""
        if self.is_current():  # a framework may leave in another context than it entered in
            inbound.set(self.former)

    def is_current(self) -> bool:
        """Return whether the context is the one in effect."""
        return inbound.get() is self.entered


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
        loaded: How long each model took that was loaded meanwhile, by the identity of its object, until it is used.
    """

    __slots__ = ("by_hand", "loaded", "once", "sampled", "span_id", "trace_id", "values")

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
        self.by_hand: list[Any] = []
        self.loaded: dict[int, float] = {}

    def __enter__(self) -> Self:
        """Begin the block."""
        outer = inbound.get()
        try:
            inbound.set(self)
            enter(self, _InboundBlock, self, outer)
        except BaseException:  # a signal handler's
            inbound.set(outer)
            raise
        return self

    if TYPE_CHECKING:

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None:
            """End the block."""
    else:
        __exit__ = BlockExit(_InboundBlock, leave)

    def apply_to(self, record: Record) -> None:
        """Fill in what an operation does not say itself; what is loaded for a request leaves the wait to it, too."""
        once = self.once
        if record.operation not in _FOR_ANOTHER:
            self.once = {}
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
