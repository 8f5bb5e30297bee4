"""One import: rows in, operations out, with an account of every row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.errors import InputError
from modeltally.replay._formats import format_named
from modeltally.replay._mapping import read_mapping
from modeltally.replay._rows import BadRow, LogRows

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.replay._feed import Feed

__all__ = ["MAPPING", "Account", "replay_file"]

SHOWN_BAD_ROWS = 20
MAPPING: Final = ".toml"


@dataclass(slots=True)
class Account:
    """What happened to the rows of a file; ``rows = recorded + skipped``.

    Attributes:
        format_name: The format of the file.
        rows: Rows read.
        recorded: Rows handed over as operations.
        skipped: Bad rows left out.
        reasons: Why, for the first twenty of them.
        unknown_words: How often each word of the status stood there that the format does not know.
        first_at: When the first recorded operation began.
        last_at: When the last began.
    """

    format_name: str
    rows: int = 0
    recorded: int = 0
    skipped: int = 0
    reasons: list[str] = field(default_factory=list)
    unknown_words: Counter[str] = field(default_factory=Counter)
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
        format_name: The format, or a mapping file (``.toml``); None finds the format by the header.
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
    log_format = None
    if format_name is not None:
        is_mapping = format_name.endswith(MAPPING)
        log_format = read_mapping(Path(format_name)) if is_mapping else format_named(format_name)
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    with file:
        rows = LogRows(path, file, log_format=log_format, now=datetime.now(UTC))
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
        finally:
            account.unknown_words = rows.unknown_words
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
