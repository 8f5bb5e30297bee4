"""The nine states of a model, and which of them holds: from facts, the first rule that applies."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["Facts", "ModelAvailabilityStatus", "state_of"]


class ModelAvailabilityStatus(enum.StrEnum):
    """What can be said of a model on this machine."""

    AVAILABLE = "available"
    DOWNLOADING = "downloading"
    MISSING = "missing"
    CORRUPTED = "corrupted"
    UPDATING = "updating"
    QUEUED = "queued"
    PAUSED = "paused"
    FAILED = "failed"
    UNKNOWN = "unknown"


_QUEUE_STATES = {
    state.value: state
    for state in (
        ModelAvailabilityStatus.DOWNLOADING,
        ModelAvailabilityStatus.QUEUED,
        ModelAvailabilityStatus.PAUSED,
    )
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a model. Whoever lacks a fact leaves it at its default, which says nothing.

    Attributes:
        queued_as: What a queue of downloads says of it: ``downloading``, ``queued``, ``paused``; empty for nothing.
        is_growing: Bytes are being written that belong to it, by whomever.
        has_whole_revision: A revision of it is complete.
        is_whole: The revision that is wanted is complete.
        has_damage: A sum, a size or a header is not what it has to be.
        has_failed: The last download ended in failure and will not be tried again.
        is_readable: It could be looked at.
    """

    queued_as: str = ""
    is_growing: bool = False
    has_whole_revision: bool = False
    is_whole: bool = False
    has_damage: bool = False
    has_failed: bool = False
    is_readable: bool = True


def state_of(facts: Facts) -> ModelAvailabilityStatus:
    """Say which state holds.

    A download goes first, for it ends every other state; then damage, for what is damaged seems whole; what cannot be
    looked at is unknown rather than missing, since missing means that it may be fetched again.

    Args:
        facts: What is known.

    Returns:
        The state.
    """
    if facts.is_growing or facts.queued_as in _QUEUE_STATES:
        state = _QUEUE_STATES.get(facts.queued_as, ModelAvailabilityStatus.DOWNLOADING)
        is_update = state is ModelAvailabilityStatus.DOWNLOADING and facts.has_whole_revision
        return ModelAvailabilityStatus.UPDATING if is_update else state
    if facts.has_damage:
        return ModelAvailabilityStatus.CORRUPTED
    if facts.has_failed and not facts.is_whole:
        return ModelAvailabilityStatus.FAILED
    if facts.is_whole:
        return ModelAvailabilityStatus.AVAILABLE
    return ModelAvailabilityStatus.MISSING if facts.is_readable else ModelAvailabilityStatus.UNKNOWN
