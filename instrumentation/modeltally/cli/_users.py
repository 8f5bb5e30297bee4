"""Users on the command line: by the id that the service knows, or by the hash that is stored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from modeltally.errors import InputError

if TYPE_CHECKING:
    from modeltally.settings import Settings

__all__ = ["user_hash"]

_HASH = re.compile(r"[0-9a-fA-F]{16}")


def user_hash(user: str, settings: Settings) -> str:
    """Give the stored hash of a user.

    Args:
        user: The id as the service says it, or the hash itself, 16 hex digits.
        settings: Where the key is that hashes ids, unless ``MODELTALLY_USER_KEY`` has it.

    Returns:
        16 hex digits, in lower case.

    Raises:
        InputError: It is an id, and there is no key to hash it with.
    """
    if _HASH.fullmatch(user):
        return user.lower()
    import os

    from modeltally.instrument._privacy import Hasher
    from modeltally.keys import read_user_key

    hashed = Hasher(os.environ.get("MODELTALLY_USER_KEY") or read_user_key(settings.dir)).user(user)
    if hashed is None:
        raise InputError(
            f"user {user!r} is no hash of 16 hex digits, and there is no key to hash an id with: set"
            f" MODELTALLY_USER_KEY, or give with --dir the directory whose user.key services use (now {settings.dir})"
        )
    return hashed
