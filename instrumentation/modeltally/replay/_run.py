"""One import: rows in, operations out, with an account of every row."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from modeltally.errors import InputError
from modeltally.replay._rows import BadRow, CsvRows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modeltally.replay._feed import Feed

__all__ = ["Account", "replay_file"]

SHOWN_BAD_ROWS = 20


@dataclass(slots=True)
class Account:
    """What happened to the rows of a file; ``rows = recorded + skipped``.

    Attributes:
        format_name: The format of the file.
        rows: Rows read.
        recorded: Rows handed over as operations.
        skipped: Bad rows left out.
        reasons: Why, for the first twenty of them.
        first_at: When the first recorded operation began.
        last_at: When the last began.
    """

    format_name: str
    rows: int = 0
    recorded: int = 0
    skipped: int = 0
    reasons: list[str] = field(default_factory=list)
    first_at: datetime | None = None
    last_at: datetime | None = None


def replay_file(
    path: Path,
    feed: Feed,
    *,
    format_name: str | None = None,
    skip_bad: bool = False,
    on_progress: Callable[[int], None] = lambda _bytes: None,
) -> Account:
    """Import a CSV file.

    Args:
        path: The file.
        feed: Where its operations go.
        format_name: The format; None finds it by the header.
        skip_bad: Count and list bad rows instead of stopping at the first.
        on_progress: Called with the bytes read so far, now and then.

    Returns:
        The account of all rows; every recorded one is delivered.

    Raises:
        InputError: The file or a row of it cannot be read. The rows before it are delivered first.
        UnknownNameError: No format has that name.
        SettingError: Telemetry is switched off.
        ServerError: The server took nothing for too long.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    with file:
        rows = CsvRows(path, file, format_name=format_name, now=datetime.now(UTC))
        account = Account(rows.format.name)
        try:
            for row in rows:
                account.rows += 1
                if isinstance(row, BadRow):
                    _skip(row, account, skip_bad=skip_bad)
                    continue
                feed.add(row)
                account.recorded += 1
                account.first_at = min(account.first_at or row.started_at, row.started_at)
                account.last_at = max(account.last_at or row.started_at, row.started_at)
                on_progress(file.tell())
        except InputError:
            feed.flush()
            raise
        except OSError as error:
            feed.flush()
            raise InputError(f"cannot read {path} after row {account.rows:,}: {error.strerror}") from error
        feed.flush()
        on_progress(file.tell())
    return account


def _skip(row: BadRow, account: Account, *, skip_bad: bool) -> None:
    if not skip_bad:
        raise InputError(
            f"{row.reason} ({account.recorded:,} rows before it are recorded; mend the file and run it again,"
            " no row counts twice; or leave bad rows out with --skip-bad)"
        )
    account.skipped += 1
    if len(account.reasons) < SHOWN_BAD_ROWS:
        account.reasons.append(row.reason)
