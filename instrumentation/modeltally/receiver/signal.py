"""What differs from signal to signal: the interface that each signal's folder implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from modeltally.settings import Settings

__all__ = ["Filtered", "FilteredT", "Signal"]


@dataclass
class Filtered(ABC):
    """What may be kept of a body.

    Attributes:
        payload: The encoded request; requests encoded one after the other are one request.
        items: How many items it holds.
        dropped_attributes: How many attributes were taken out.
        rejected: How many items were taken out, by reason.
    """

    payload: bytes = b""
    items: int = 0
    dropped_attributes: int = 0
    rejected: Counter[str] = field(default_factory=Counter)

    @property
    @abstractmethod
    def message(self) -> str:
        """Why items were taken out, for the sender; empty when none were."""


FilteredT = TypeVar("FilteredT", bound=Filtered)


class Signal(ABC, Generic[FilteredT]):
    """Takes the bodies of one signal apart.

    Attributes:
        name: The last part of its path in OTLP over HTTP.
        service: Its service in OTLP over gRPC.
        items: What it consists of.
        rejected: What ``/status`` calls the items that were not stored.
        request: What a body is.
        response: What the answer to one is.
        rejected_field: Where the answer says how many items were not accepted.
        spool: The folder of its spool in the data directory.
    """

    name: ClassVar[str]
    service: ClassVar[str]
    items: ClassVar[str]
    rejected: ClassVar[str] = "rejected"
    request: ClassVar[type[Message]]
    response: ClassVar[type[Message]]
    rejected_field: ClassVar[str]
    spool: ClassVar[str]

    @staticmethod
    @abstractmethod
    def spool_max_bytes(settings: Settings) -> int:
        """Give the most bytes its spool may hold."""

    def restore(self, request: Any) -> None:
        """Correct in place what a JSON parser for protobuf reads differently from OTLP; nothing unless overridden."""

    @abstractmethod
    def split(self, body: bytes, *, max_items: int, received_ms: int) -> tuple[list[bytes], FilteredT]:
        """Split an encoded request into requests that are cheap to parse.

        Args:
            body: The encoded request.
            max_items: The most items allowed.
            received_ms: When it came, in milliseconds since the epoch.

        Returns:
            The pieces, and what is known before any is filtered.

        Raises:
            DecodeError: It is not protobuf.
            TooManyItemsError: It holds more items, or more of something else, than allowed.
        """

    @abstractmethod
    def filter(self, piece: bytes, result: FilteredT) -> None:
        """Add to a result what may be kept of a piece.

        Raises:
            DecodeError: It is not protobuf; nothing is added then.
        """

    def report(self, result: FilteredT) -> None:
        """Keep what is known of the items that were taken out; nothing unless overridden."""
