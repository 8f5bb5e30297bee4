"""What stands for modules that a block imports and that are not ours: names of nobody, a database of nobody."""

from __future__ import annotations

import uuid

__all__ = ["UUID", "create_pool"]


def UUID(text: str) -> uuid.UUID:  # noqa: N802 - stands for a class
    """Make an id of any text, also of one that only says where an id belongs."""
    return uuid.uuid5(uuid.NAMESPACE_OID, text)


async def create_pool(**_connection: object) -> object:
    """Connect to nothing."""
    return object()
