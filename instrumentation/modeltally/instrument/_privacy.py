"""Users and prompts leave the process only as keyed hashes.

One deployment has one key, so that a person counts once whatever process served them. Without a key nobody is
recorded: a key made up per process would count every person several times.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
from pathlib import Path
from typing import Final, NamedTuple

from modeltally.instrument._checks import is_unreplaced
from modeltally.instrument._guard import problem

__all__ = ["Fingerprint", "Hashed", "Hasher", "data_directory", "find_user_key", "fingerprint"]

KEY_FILE_NAME: Final = "user.key"
HASH_DIGITS: Final = 16
KEY_ID_DIGITS: Final = 8
MAX_KEY_BYTES: Final = 4096
MAX_HASHED_CHARACTERS: Final = 1024 * 1024  # a prompt's hash covers this much of it, so that a call stays fast


class Fingerprint(NamedTuple):
    """The digest of a long text, to be keyed later, and its length in characters."""

    digest: bytes
    length: int


class Hashed(NamedTuple):
    """A user known by pseudonym only, as received from another process."""

    digits: str
    key_id: str


def fingerprint(text: str) -> Fingerprint:
    """Reduce a text to the digest of its first 1 MiB characters and its full length."""
    return Fingerprint(hashlib.sha256(_encoded(text[:MAX_HASHED_CHARACTERS])).digest(), len(text))


class Hasher:
    """Keyed hashes under one deployment key."""

    def __init__(self, key: str | None) -> None:
        """Take the key.

        Args:
            key: The deployment's key; None means that nothing can be hashed.
        """
        self._key = _encoded(key) if key else None
        self.key_id = self._digits(b"modeltally key id", KEY_ID_DIGITS)

    def user(self, user: str) -> str | None:
        """Return the pseudonym of a user id, 16 hexadecimal digits; None without a key."""
        hashed = self._digits(_encoded(user), HASH_DIGITS)
        if hashed is None:
            problem(
                "no_user_key",
                "no user key: users and prompts are not recorded; set MODELTALLY_USER_KEY or configure(user_key=...)",
            )
        return hashed

    def prompt(self, prompt: Fingerprint) -> str | None:
        """Return the keyed hash of a prompt, 16 hexadecimal digits; None without a key."""
        return self._digits(prompt.digest, HASH_DIGITS)

    def _digits(self, message: bytes, digits: int) -> str | None:
        if self._key is None:
            return None
        return hmac.digest(self._key, message, "sha256").hex()[:digits]


def find_user_key(given: str | None) -> str | None:
    """Find the deployment key: the argument, else ``MODELTALLY_USER_KEY``, else the data directory's key file.

    One that cannot be the deployment's is none, and the log says which and why, but never what it is.
    """
    for where, key in (
        ("configure(user_key=...)", given),
        ("MODELTALLY_USER_KEY", os.environ.get("MODELTALLY_USER_KEY")),
    ):
        if key:
            return _checked(key, where)
    try:
        path = data_directory() / KEY_FILE_NAME
        return _checked(_read_key(path), str(path)) if path.exists() else None
    except (OSError, ValueError, RuntimeError) as error:  # unreadable, not text, no home directory
        problem("user_key", "the user key file cannot be used (%s); give one line of text", type(error).__name__)
        return None


def _read_key(path: Path) -> str:
    if not path.is_file():  # to read a pipe may take for ever
        raise ValueError
    with path.open("rb") as file:
        if os.name == "posix" and os.fstat(file.fileno()).st_mode & 0o077:
            problem("user_key_readable", "others than its owner can read the user key %s; chmod 600 it", str(path))
        content = file.read(MAX_KEY_BYTES + 1)
    if len(content) > MAX_KEY_BYTES:
        raise ValueError
    return content.decode("utf-8-sig")


def _checked(key: str, where: str) -> str | None:
    """Return a usable key; None for one that is an unreplaced placeholder or not text."""
    stripped = str.__str__(key).strip("\ufeff \t\r\n")
    is_text = stripped.isprintable()  # bytes that are no UTF-8 arrive as what is not
    if stripped and (is_unreplaced(stripped) or not is_text):
        problem(
            "user_key",
            "the user key in %s %s: users and prompts are not recorded; give one line of text",
            where,
            "was never replaced (${...})" if is_text else "is not one line of UTF-8",
        )
        return None
    return stripped or None


def data_directory() -> Path:
    """Return the data directory: ``MODELTALLY_DIR``, else the operating system's place for a user's data."""
    given = os.environ.get("MODELTALLY_DIR")
    if given:
        return Path(given).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "modeltally"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "modeltally"
    shared = os.environ.get("XDG_DATA_HOME", "").strip()
    return (Path(shared) if shared else Path.home() / ".local" / "share") / "modeltally"


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
