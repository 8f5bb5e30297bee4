"""Operations that are noticed where nothing may be done: a finalizer leaves them, the background thread takes them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._record import Record, root_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.instrument._scalars import Stored

__all__ = ["forget", "leave", "take"]


class _Left(NamedTuple):
    operation: str
    values: dict[str, Stored]
    at_ns: int


# appending and popping are one step each, in C; where nobody takes any, the oldest make room
_left: Final[deque[_Left]] = deque(maxlen=1024)


def leave(operation: str, values: dict[str, Stored]) -> None:
    """Leave an operation that has just happened; no lock is taken and nothing is made of it here.

    Args:
        operation: Its kind.
        values: What is known of it, scalars by keyword; kept.
    """
    _left.append(_Left(operation, values, _clock.time_ns()))


def take() -> Iterator[Record]:
    """Yield what was left, each as a record of its own trace."""
    while True:
        try:
            left = _left.popleft()
        except IndexError:
            return
        record = root_record(left.operation, start_ns=left.at_ns)
        record.source = names.SOURCE_AUTO
        record.values = left.values
        yield record


def forget() -> None:
    """Forget what was left: it is the parent's, in a forked child."""
    _left.clear()
