"""What every store of models can be asked, whoever filled it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from modeltally.availability.held import Listing, LoadedModel

__all__ = ["ModelStore", "StoreUnreadableError"]


class StoreUnreadableError(Exception):
    """A store cannot be looked into; only used between a store's parts, no listing raises it."""


class ModelStore(Protocol):
    """A place that holds models: a folder of a disk, a server."""

    @property
    def kind(self) -> str:
        """Which kind of store it is, as in ``--store KIND=WHERE``."""

    @property
    def location(self) -> str:
        """Where it is."""

    def listing(self) -> Listing:
        """Look what is there. Reads names, inodes and small lists, never a model's content; never raises."""

    def loaded(self) -> tuple[LoadedModel, ...]:
        """Ask what is in memory, where the store is a server; never raises, and is no use of a model."""
