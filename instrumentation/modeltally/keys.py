"""The deployment's user key: the secret that turns user ids into pseudonyms.

One file in the data directory, readable by its owner alone. Every process that hashes users must use the same
key, or one person counts as several.
"""

from __future__ import annotations

import os
import re
import secrets
import tempfile
from pathlib import Path

from modeltally.errors import InputError, SettingError
from modeltally.instrument._privacy import KEY_FILE_NAME, Hasher

__all__ = ["ensure_user_key", "read_user_key", "user_hash"]

_KEY_BYTES = 32
_KEY_PATTERN = re.compile(r"[0-9a-f]{64}")
_HASH_PATTERN = re.compile(r"[0-9a-fA-F]{16}")


def ensure_user_key(directory: Path) -> str:
    """Read the data directory's user key; make the directory and the key when there are none.

    Two processes that start at the same moment end up with one key: the file appears whole or not at all.

    Args:
        directory: The data directory.

    Returns:
        The key, 64 hexadecimal digits.

    Raises:
        SettingError: The directory cannot be written, or the file holds something else than a key.
    """
    path = directory / KEY_FILE_NAME
    try:
        if not path.exists():
            _create(path)
    except OSError as error:
        raise SettingError(f"cannot use the user key {path}: {error}; choose another --dir") from error
    return _read(path)


def read_user_key(directory: Path) -> str | None:
    """Read the data directory's user key; None where it has none.

    Args:
        directory: The data directory.

    Raises:
        SettingError: The file cannot be read, or holds something else than a key.
    """
    path = directory / KEY_FILE_NAME
    return _read(path) if path.exists() else None


def user_hash(user: str, directory: Path) -> str:
    """Give the stored hash of a user.

    Args:
        user: The id as the service says it, or the hash itself, 16 hex digits.
        directory: Where the key is that hashes ids, unless ``MODELTALLY_USER_KEY`` has it.

    Returns:
        16 hex digits, in lower case.

    Raises:
        InputError: It is an id, and there is no key to hash it with.
    """
    if _HASH_PATTERN.fullmatch(user):
        return user.lower()
    hashed = Hasher(os.environ.get("MODELTALLY_USER_KEY") or read_user_key(directory)).user(user)
    if hashed is None:
        raise InputError(
            f"user {user!r} is no hash of 16 hex digits, and there is no key to hash an id with: set"
            f" MODELTALLY_USER_KEY, or give with --dir the directory whose user.key services use (now {directory})"
        )
    return hashed


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"cannot use the user key {path}: {error}; choose another --dir") from error
    if not _KEY_PATTERN.fullmatch(text):
        raise SettingError(
            f"the user key {path} does not hold 64 hexadecimal digits; restore it from a backup, or remove it"
            " to start a new one (users counted before will then count again)"
        )
    return text


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary_name = tempfile.mkstemp(dir=path.parent, prefix=".user-key-")  # mode 0600
    temporary = Path(temporary_name)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            return  # another process was first: its key is the key
    finally:
        temporary.unlink()
