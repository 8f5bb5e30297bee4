"""Where reports go: files that are whole as soon as they have their names."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from modeltally.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_file"]


def write_file(path: Path, content: bytes) -> None:
    """Write a file, so that whoever looks sees the one before or the whole new one, also after a crash.

    Args:
        path: Where to; a file that is there is replaced. Anything else that is there, such as /dev/stdout, is written
            to.
        content: What.

    Raises:
        InputError: It cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        target = path.resolve()  # where it is a link, what it leads to is replaced
        temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.new")
        try:
            with temporary.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write {str(path)!r}: {error}") from error
