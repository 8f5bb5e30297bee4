"""Random ids from our own generator: Python's global one belongs to the host, which may seed it."""

from __future__ import annotations

import hashlib
import random
import uuid

__all__ = ["after_fork", "derived_ids", "jitter", "new_instance_id", "new_span_id", "new_trace_id"]

# the kit for tests puts another one in its place
generator = random.Random()  # noqa: S311 - ids need to be distinct, not secret; seeded by the operating system


def new_trace_id() -> int:
    """Return a random trace id, never zero."""
    return generator.getrandbits(128) or 1


def new_span_id() -> int:
    """Return a random span id, never zero."""
    return generator.getrandbits(64) or 1


def new_instance_id() -> str:
    """Return a random UUID for this process."""
    return str(uuid.UUID(int=generator.getrandbits(128), version=4))


def jitter() -> float:
    """Return a factor between 0.8 and 1.2, so that many processes do not retry in step."""
    return generator.uniform(0.8, 1.2)


def derived_ids(operation_id: str | bytes) -> tuple[int, int]:
    """Derive trace id and span id from an id of the caller's, the same each time.

    Args:
        operation_id: Anything that names the operation and no other.

    Returns:
        The first 16 and the next 8 bytes of its SHA-256.
    """
    data = operation_id.encode("utf-8", "surrogatepass") if isinstance(operation_id, str) else operation_id
    digest = hashlib.sha256(data).digest()
    return int.from_bytes(digest[:16], "big") or 1, int.from_bytes(digest[16:24], "big") or 1


def after_fork() -> None:
    """Reseed in a forked child, which would otherwise repeat its parent's ids."""
    generator.seed()
