"""Where reports go: files that are whole as soon as they have their names."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from modeltally.errors import InputError
from modeltally.show.report.formats import FORMATS
from modeltally.show.report.kinds import REPORTS, make_report
from modeltally.show.report.pdf import can_set

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from modeltally.show.report.parts import Asked

__all__ = ["write_all", "write_file"]


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


def write_all(asked: Asked, folder: Path, *, generated_at: datetime) -> list[Path]:
    """Write every report in every format that can be written here.

    Args:
        asked: Who answers, and about what.
        folder: Where to; made where it is missing.
        generated_at: The time to put on them.

    Returns:
        The files.

    Raises:
        InputError: The folder cannot be used.
    """
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {str(folder)!r}: {error}") from error
    for kind in REPORTS.values():
        report = make_report(kind, asked, generated_at=generated_at)
        for chosen in FORMATS.values():
            if chosen.name == "pdf" and not can_set():
                continue
            path = folder / f"{kind.name}.{chosen.name}"
            write_file(path, chosen.write(report))
            written.append(path)
    return written
