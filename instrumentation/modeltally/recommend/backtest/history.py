"""What was used, as a replay takes it: from a log in CSV, or from the events of a store."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Protocol

from modeltally.errors import InputError
from modeltally.recommend.policies.contract import HOUR_SECONDS, Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from modeltally.store import Store

__all__ = ["History", "read_csv", "read_store", "rows_of"]

# what columns may be called, the first that is there counts
_TIMES: Final = ("gmt_create", "start", "started_at", "at", "time", "timestamp")
_MODELS: Final = ("checkpoint_model_version_id", "model", "model_id", "model_name")
_USERS: Final = ("groupId", "user", "user_id", "user_hash")
_STATUSES: Final = ("predict_status", "status", "outcome")
# words for what has not ended: nobody knows whether it was served
_UNFINISHED: Final = frozenset({"pending", "processing", "unfinished"})
_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
_TIME_ALLOWED: Final = "a time as 2024-11-15 08:30:00 (UTC without an offset) or seconds since 1970, of 2000 to 2100"
_SHOWN_CHARS: Final = 80
_GAP_HOURS: Final = 24


class _Reader(Protocol):
    """What ``csv.reader`` gives."""

    line_num: int

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True, slots=True)
class History:
    """Requests in the order of time, those of one moment in the order of their models.

    Attributes:
        source: What it was read from, for messages.
        requests: The requests.
        has_users: Some of them say who asked.
        notes: What was left out, and holes: a sentence each.
    """

    source: str
    requests: list[Request]
    has_users: bool
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, source: str, requests: Iterable[Request], notes: Iterable[str] = ()) -> History:
        """Put requests in order, and look for holes.

        Args:
            source: What they were read from.
            requests: The requests, in any order.
            notes: What there is to say already.

        Returns:
            The history.
        """
        ordered = sorted(requests)
        found = [*notes, *_holes(ordered)]
        return cls(source, ordered, has_users=any(request.user for request in ordered), notes=found)


def _holes(requests: list[Request]) -> Iterator[str]:
    pauses = [(later.at - one.at, one.at) for one, later in pairwise(requests)]
    long = [pause for pause in pauses if pause[0] >= _GAP_HOURS * HOUR_SECONDS]
    if long:
        longest, begin = max(long)
        yield (
            f"holes in the history: {len(long)} of {_GAP_HOURS} h and more without a request, the longest"
            f" {longest / HOUR_SECONDS:.0f} h from {_moment(begin)} on; if nobody recorded then, these days mislead"
        )


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M}"


def read_csv(path: Path, *, skips_bad: bool = False) -> History:
    """Read a log with a header: a time, a model, and where there are such columns the user and the status.

    Args:
        path: The file.
        skips_bad: Leave out rows that cannot be read, and say how many.

    Returns:
        What was asked; requests that have not ended are left out.

    Raises:
        InputError: The file cannot be read, its header has no time or no model, or a row is not as it must be.
    """
    header, rows = rows_of(path)
    time = _column(path, header, _TIMES, "a time")
    model = _column(path, header, _MODELS, "a model")
    user = next((name for name in _USERS if name in header), None)
    status = next((name for name in _STATUSES if name in header), None)
    requests: list[Request] = []
    left_out: Counter[str] = Counter()
    bad: list[str] = []
    for line, row in rows:
        word = row[status].strip() if status and not isinstance(row, str) else ""
        if word.lower() in _UNFINISHED:
            left_out[word] += 1
            continue
        told = row if isinstance(row, str) else _request(row, time, model, user)
        if not isinstance(told, str):
            requests.append(told)
        elif skips_bad:
            bad.append(f"{path}:{line}: {told}")
        else:
            raise InputError(f"{path}:{line}: {told}")
    notes = [
        f"{count:,} rows with the status {word} are left out: they have not ended" for word, count in left_out.items()
    ]
    if bad:
        notes.append(f"{len(bad):,} bad rows are left out; the first: {bad[0]}")
    if not requests:
        raise InputError(f"{path} has no request that ended")
    return History.of(path.name, requests, notes)


def rows_of(path: Path) -> tuple[list[str], Iterator[tuple[int, dict[str, str] | str]]]:
    """Open a CSV file with a header.

    Args:
        path: The file.

    Returns:
        The names of its columns, and its rows with the numbers of their lines: values by column, or what is wrong.

    Raises:
        InputError: The file cannot be read or is empty.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise InputError(f"{path}:{line}: not UTF-8 text: {error.reason}") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise InputError(f"{path}:1: not a CSV header: {error}") from error
    if not any(header):
        raise InputError(f"{path} is empty; the first line names the columns")
    if twice := next((name for name, count in Counter(header).items() if count > 1), None):
        raise InputError(f"{path}:1: two columns are named {twice!r}")
    return header, _rows(reader, header)


def _rows(reader: _Reader, header: list[str]) -> Iterator[tuple[int, dict[str, str] | str]]:
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"not a row of CSV: {error}"
            continue
        if not row:
            continue
        if len(row) == len(header):
            yield line, dict(zip(header, row, strict=True))
        elif len(row) < len(header):
            yield line, f"column {header[len(row)]!r} is missing: {len(row)} values, {len(header)} columns"
        else:
            yield line, f"{_shown(row[len(header)])} is beyond the last column {header[-1]!r}"


def _column(path: Path, header: list[str], names: tuple[str, ...], what: str) -> str:
    found = next((name for name in names if name in header), None)
    if found is None:
        shown = ", ".join(header)
        raise InputError(
            f"{path}:1: no column is {what}; allowed: {', '.join(names)}; there are: {_shown(shown, 2 * _SHOWN_CHARS)}"
        )
    return found


def _request(row: Mapping[str, str], time: str, model: str, user: str | None) -> Request | str:
    """Read a row, or say what is wrong with it."""
    at = _time(row[time])
    if at is None:
        return f"column {time!r} has the value {_shown(row[time])}; allowed: {_TIME_ALLOWED}"
    name = row[model].strip()
    if not name:
        return f"column {model!r} has the value {_shown(row[model])}; allowed: the name of a model"
    return Request(at, name, row[user].strip() if user else "")


def _time(text: str) -> float | None:
    try:
        at = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text.strip())
            at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return at if _EARLIEST <= at < _LATEST else None


def _shown(text: str, most: int = _SHOWN_CHARS) -> str:
    return repr(text) if len(text) <= most else f"{text[:most]!r}..."


def read_store(store: Store, parameters: Mapping[str, object]) -> History:
    """Read the requests of a store that have ended, from its events: what is older than they are kept is not there.

    Args:
        store: The store.
        parameters: ``since``, ``until``, ``as_of`` and ``abandoned_after_seconds``.

    Returns:
        What was asked.

    Raises:
        InputError: There is none.
        StoreError: The database refused or failed.
        ServerError: The server could not be asked, or failed.
    """
    requests, unfinished = [], 0
    for row in store.read("requests_in_order", parameters):
        if row["is_unfinished"]:
            unfinished += 1
            continue
        at = row["start"]
        moment = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        requests.append(Request(moment.timestamp(), str(row["model"]), str(row["user"])))
    notes = [f"{unfinished:,} requests are left out: they have not ended"] if unfinished else []
    if not requests:
        raise InputError(
            "the store has no request that ended in this time; give a FILE.csv, or import a log: modeltally replay"
        )
    return History.of("the store", requests, notes)
