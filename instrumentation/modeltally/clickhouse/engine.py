"""Runs the queries of clients of the ClickHouse interface: read only, within limits, while the client waits.

Every query has a connection to the engine of its own, so that no setting and no parameter of one meets another. The
connection is set to ``readonly = 1`` before it sees any text of the client's; the engine does not let that be undone.
"""

from __future__ import annotations

import contextlib
import json
import logging
import secrets
import struct
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import chdb

from modeltally.clickhouse import settings as client_settings
from modeltally.clickhouse.errors import Code, RefusedQueryError, from_engine
from modeltally.clickhouse.guard import Allowed, Reading, check
from modeltally.store import sql
from modeltally.store.client import READ_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from modeltally.clickhouse.settings import Clauses, Limits

__all__ = ["Answer", "Engine", "Query", "RunningQuery"]

_LOGGER: Final = logging.getLogger(__name__)

DEFAULT_FORMAT: Final = "TabSeparated"
# What takes the place of bytes that are no UTF-8.
NO_TEXT: Final = "\N{REPLACEMENT CHARACTER}"
CANCEL_EVERY_SECONDS: Final = 0.1
# How long a query is told to end before it is left behind: the engine looks between two blocks of rows.
PATIENCE_SECONDS: Final = 5.0
# What the engine in a process allows and a server does not, and what would let a part of an answer pass for all of it.
_AS_A_SERVER: Final = {
    "allow_introspection_functions": "0",
    "implicit_select": "0",
    # else it depends on the terminal the server was started in
    "output_format_pretty_color": "0",
    "result_overflow_mode": "throw",
    "timeout_overflow_mode": "throw",
}
_ALWAYS: Final = {**_AS_A_SERVER, **{name: str(value) for name, value in READ_SETTINGS.items()}}
_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0", "\b": "\\b", "\f": "\\f"}
)

# The clients' native protocol, as far as HTTP has a part in it: from the first revision on a block has a header, from
# the second a mark after each type. The answer to the first query of Go's client is read in the client's revision,
# all others in the one that answer names; of this old one a block has the header, and nothing else is new.
_WITH_HEADER: Final = 51903
_WITH_MARK: Final = 54454
_NAMED_REVISION: Final = 54400
_HEADER: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_HELLO: Final = "SELECT displayName(), version(), revision(), timezone()"
DISPLAY_NAME: Final = "modeltally"


@dataclass(frozen=True)
class Query:
    """What a client asks for.

    Attributes:
        text: The statement.
        parameters: Values of its parameters, as ClickHouse writes them.
        settings: Settings it chooses.
        database: The database it names; empty: ours.
        default_format: How the answer is written where the statement does not say.
        protocol_version: The revision of the native protocol its client reads; 0 for none.
    """

    text: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    database: str = ""
    default_format: str = DEFAULT_FORMAT
    protocol_version: int = 0


@dataclass(frozen=True)
class Answer:
    """What the engine answers.

    Attributes:
        body: The answer, whole.
        format: The format it is written in.
        media_type: That format's media type.
        summary: What it cost, as ClickHouse counts it.
        timezone: The time zone it is written in.
    """

    body: bytes
    format: str
    media_type: str
    summary: Mapping[str, str]
    timezone: str = ""


@dataclass(frozen=True)
class RunningQuery:
    """A query under way.

    Attributes:
        answer: Comes, or raises RefusedQueryError.
        mark: Names the query to the engine.
    """

    answer: Future[Answer]
    mark: str


class Engine:
    """The engine of this process, for readers. It connects when it is first used.

    Attributes:
        limits: What one query may cost.
    """

    def __init__(
        self, directory: Path, *, database: str, limits: Limits, notice: Callable[[Exception], None] = lambda _: None
    ) -> None:
        """Take what it needs.

        Args:
            directory: Where the engine of this process keeps its files; the store has opened it.
            database: The database that may be read.
            limits: What one query may cost.
            notice: Told of each error of the engine.
        """
        self.limits = limits
        self._notice = notice
        self._path = str(directory.resolve())
        self._database = database
        self._threads = ThreadPoolExecutor(limits.queries, "modeltally-query")
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[Answer]] = {}
        self._known: _Known | None = None
        self._is_closed = False

    @property
    def version(self) -> str:
        """The engine's version."""
        return self._describe_engine().version

    @property
    def timezone(self) -> str:
        """The engine's time zone."""
        return self._describe_engine().timezone

    def submit(self, query: Query) -> RunningQuery:
        """Run a query; more than may run at once wait in line.

        Raises:
            RefusedQueryError: The engine is closed.
        """
        mark = secrets.token_hex(16)
        with self._lock:
            if self._is_closed:
                raise RefusedQueryError(Code.QUERY_WAS_CANCELLED, "the server is stopping")
            answer = self._threads.submit(self._answer, query, mark)
            self._under_way[mark] = answer
        answer.add_done_callback(lambda _: self._under_way.pop(mark, None))
        return RunningQuery(answer, mark)

    def cancel(self, running: RunningQuery, *, timeout_seconds: float = PATIENCE_SECONDS) -> bool:
        """End a query nobody waits for; gives whether it has ended. A call of some functions cannot be ended."""
        deadline = time.monotonic() + timeout_seconds
        while not running.answer.cancel() and not running.answer.done():
            if time.monotonic() > deadline:
                return False
            # again and again, because the engine may not have begun it yet
            connection = chdb.connect(self._path)
            try:
                connection.query(
                    sql.statement("clickhouse/cancel").body, DEFAULT_FORMAT, params={"comment": running.mark}
                )
            finally:
                connection.close()
            try:
                running.answer.exception(timeout=CANCEL_EVERY_SECONDS)
            except TimeoutError:
                continue
        return True

    def close(self) -> bool:
        """End every query, and take no more; gives whether all have ended. What cannot be ended is left to run."""
        with self._lock:
            self._is_closed = True
            left = [RunningQuery(answer, mark) for mark, answer in self._under_way.items()]
        deadline = time.monotonic() + PATIENCE_SECONDS
        ended = [self.cancel(running, timeout_seconds=deadline - time.monotonic()) for running in left]
        self._threads.shutdown(wait=all(ended), cancel_futures=True)
        return all(ended)

    # -- in a thread -----------------------------------------------------------------------------------------------

    def _answer(self, query: Query, mark: str) -> Answer:
        try:
            self._check_database(query.database)
            clauses, reading = self._look_at(query)
            chosen = {**self._chosen(query), **clauses.chosen}
            with self._connected({**self.limits.as_settings(), **chosen, "log_comment": mark}) as connection:
                answer = self._run(connection, clauses.text, query, reading)
            return replace(answer, timezone=chosen.get("session_timezone") or self.timezone)
        except RefusedQueryError:
            raise
        except Exception as error:  # the engine raises bare RuntimeErrors
            self._notice(error)
            raise from_engine(error) from error

    def _chosen(self, query: Query) -> dict[str, str]:
        """Give the settings a client chooses with its request; one that has the value already is no choice."""
        chosen = client_settings.chosen_settings(query.settings, self.limits)
        for name, value in list(chosen.items()):
            known = self._describe_engine().settings
            if name in known and not client_settings.may_choose(name, value, self.limits):
                if value != known[name]:
                    raise client_settings.refuse(name)
                del chosen[name]
        return chosen

    @contextlib.contextmanager
    def _connected(self, settings: Mapping[str, str]) -> Iterator[Any]:
        """Connect with settings that hold whatever the client's text says."""
        connection = chdb.connect(self._path)
        try:
            # names are checked, and the engine takes no parameters here
            changes = ", ".join(f"{name} = {_quoted(value)}" for name, value in {**_ALWAYS, **settings}.items())
            connection.query(f"SET {changes}", DEFAULT_FORMAT)
            connection.query(f"USE `{self._database}`", DEFAULT_FORMAT)
            connection.query("SET readonly = 1", DEFAULT_FORMAT)
            yield connection
        finally:
            connection.close()

    def _check_database(self, name: str) -> None:
        if name in {"", "default", self._database}:  # "default" is what clients say that were told nothing
            return
        if name in self._databases():
            raise RefusedQueryError(
                Code.ACCESS_DENIED, f"Not enough privileges: the database {name} is not for readers of {self._database}"
            )
        raise RefusedQueryError(Code.UNKNOWN_DATABASE, f"Database {name[:80]} does not exist")

    def _look_at(self, query: Query) -> tuple[Clauses, Reading]:
        """Let the engine read a query, and check that it may run; gives it as the engine writes it."""
        parse = sql.statement("clickhouse/parse").body
        text = query.text.translate(_ESCAPES)
        # on a connection of its own: what a client chooses for its answer is not for this one
        with self._connected({"max_execution_time": f"{self.limits.seconds:g}"}) as connection:
            # one statement, or an error; what is looked at below is what runs, without data, comments and tricks
            parsed = str(connection.query(parse, "TabSeparatedRaw", params={"query": text}).bytes(), "utf-8").strip()
            clauses = client_settings.read_clauses(parsed, self.limits)
            explained = connection.query(
                f"EXPLAIN AST {clauses.text}", "TabSeparatedRaw", params=dict(query.parameters)
            )
            tree = str(explained.bytes(), "utf-8", "replace")
        others = frozenset(self._databases()) - {self._database}
        allowed = Allowed(
            self._database, frozenset(sql.view_names()), others, functions=self._describe_engine().functions
        )
        reading = check(clauses.text, tree, allowed)
        if reading.clauses != clauses.inner:
            raise RefusedQueryError(
                Code.READONLY, "Cannot modify settings with other than plain values in readonly mode"
            )
        if NO_TEXT in parsed:
            raise RefusedQueryError(Code.BAD_ARGUMENTS, "the query is not UTF-8")
        return clauses, reading

    def _format(self, reading: Reading, query: Query) -> tuple[str, str]:
        """Name and media type of the format that an answer comes in."""
        formats = self._describe_engine().formats
        for name in (reading.format or "", query.default_format):
            if name.lower() in formats:
                return formats[name.lower()]
        raise RefusedQueryError(Code.UNKNOWN_FORMAT, f"Unknown format {query.default_format[:80]}")

    def _run(self, connection: Any, text: str, query: Query, reading: Reading) -> Answer:
        name, media_type = self._format(reading, query)
        parameters = dict(query.parameters)
        has_header = name == "Native" and query.protocol_version >= _WITH_HEADER
        if has_header and query.protocol_version >= _WITH_MARK and text == _HELLO:
            return Answer(self._hello(), name, media_type, {})
        if has_header and reading.is_select:
            blocks = [block.bytes() for block in connection.send_query(text, name, params=parameters)]
            body = b"".join(_HEADER + block for block in blocks)
            self._check_size(body)
            return Answer(body, name, media_type, {})
        result = connection.query(text, name, params=parameters)
        summary = {
            "read_rows": result.storage_rows_read(),
            "read_bytes": result.storage_bytes_read(),
            "written_rows": 0,
            "written_bytes": 0,
            "result_rows": result.rows_read(),
            "result_bytes": result.bytes_read(),
            "elapsed_ns": int(result.elapsed() * 1_000_000_000),
        }
        body = result.bytes()
        self._check_size(body)
        if has_header and body:  # what is no SELECT comes in one block
            body = _HEADER + body
        return Answer(body, name, media_type, {key: str(value) for key, value in summary.items()})

    def _check_size(self, body: bytes) -> None:
        # the engine measures rows before they are written out, and a constant as if it were there once
        if len(body) > self.limits.result_bytes:
            raise RefusedQueryError(
                Code.TOO_MANY_ROWS_OR_BYTES,
                f"Limit for result exceeded, max bytes: {self.limits.result_bytes}, current bytes: {len(body)}",
            )

    # -- what is known of the engine -------------------------------------------------------------------------------

    def _databases(self) -> list[str]:
        return [str(row["name"]) for row in self._rows("clickhouse/databases")]

    def _describe_engine(self) -> _Known:
        if self._known is None:
            (engine,) = self._rows("clickhouse/engine")
            self._known = _Known(
                version=str(engine["version"]),
                timezone=str(engine["timezone"]),
                formats={
                    str(row["name"]).lower(): (str(row["name"]), str(row["content_type"]))
                    for row in self._rows("clickhouse/formats")
                },
                settings={
                    **{str(row["name"]): str(row["value"]) for row in self._rows("clickhouse/settings")},
                    **_ALWAYS,
                },
                functions=frozenset(str(row["name"]) for row in self._rows("clickhouse/functions")),
            )
        return self._known

    def _rows(self, statement: str) -> list[dict[str, object]]:
        connection = chdb.connect(self._path)
        try:
            result = connection.query(sql.statement(statement).body, "JSONEachRow").bytes()
        finally:
            connection.close()
        return [json.loads(line) for line in result.splitlines()]

    def _hello(self) -> bytes:
        columns = [
            ("displayName()", "String", _text(DISPLAY_NAME)),
            ("version()", "String", _text(self.version)),
            ("revision()", "UInt32", struct.pack("<I", _NAMED_REVISION)),
            ("timezone()", "String", _text(self.timezone)),
        ]
        block = _HEADER + bytes([len(columns), 1])
        return block + b"".join(_text(name) + _text(kind) + b"\x00" + value for name, kind, value in columns)


@dataclass(frozen=True)
class _Known:
    version: str
    timezone: str
    formats: Mapping[str, tuple[str, str]]
    settings: Mapping[str, str]
    functions: frozenset[str]


def _text(value: str) -> bytes:
    encoded = value.encode()
    return bytes([len(encoded)]) + encoded  # all of them shorter than 128 bytes


def _quoted(value: str) -> str:
    escaped = value.translate(_ESCAPES).replace("'", "\\'")
    return f"'{escaped}'"
