"""Which settings of a query a client of the ClickHouse interface may choose, and within which limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modeltally.clickhouse.errors import Code, RefusedQueryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.settings import Settings

__all__ = ["Clauses", "Limits", "chosen_settings", "is_free", "is_transport", "may_choose", "read_clauses", "refuse"]

# What belongs to the transport of a query: taken, and either used by the interface itself or without meaning to it.
_TRANSPORT: Final = frozenset(
    {
        "add_http_cors_header",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_wait_end_of_query",
        "http_zlib_compression_level",
        "log_comment",
        "log_queries",
        "password",
        "query",
        "query_id",
        "quota_key",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "user",
        "wait_end_of_query",
    }
)
# How an answer is computed and written. None of these names a file or an address, holds an expression, or makes a part
# of an answer look like all of it: that is why they are listed.
_FREE: Final = re.compile(
    r"output_format_(json|csv|tsv|pretty|arrow|parquet|native)_\w+|output_format_(write_statistics|decimal_trailing_zeros)"
    r"|format_csv_(delimiter|null_representation)|date_time_(input|output)_format|cast_string_to_dynamic_use_inference"
    r"|async_insert|wait_for_async_insert"  # of no consequence to who only reads; JDBC says them in every request
    r"|session_timezone|extremes|limit|offset|union_default_mode|(join|group_by)_use_nulls"
    r"|max_(threads|block_size|(rows|bytes)_(to_read|to_group_by|to_sort|in_join|in_set|in_distinct))"
)
_VALUE: Final = r"(?:'(?:[^'\\]|\\.)*'|[\w.+-]+)"
_PAIRS: Final = rf"\w+ = {_VALUE}(?:, \w+ = {_VALUE})*"
# A SETTINGS clause with plain values, and what one may not be looked for in, or which says how deep it is.
_CLAUSE: Final = re.compile(
    rf"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|(?P<bracket>[()])|(?P<clause> SETTINGS (?P<said>{_PAIRS})(?=[ )]|$))"
)
_PAIR: Final = re.compile(r"(\w+) = (?:'((?:[^'\\]|\\.)*)'|([\w.+-]+))")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
_NUMBER: Final = re.compile(r"\d{1,20}(\.\d{1,6})?")


@dataclass(frozen=True)
class Limits:
    """What one query may cost.

    Attributes:
        seconds: Its time.
        memory_bytes: Its memory.
        result_rows: Rows of its answer.
        result_bytes: Bytes of its answer, in the engine's memory.
        queries: How many may run at once.
    """

    seconds: float
    memory_bytes: int
    result_rows: int
    result_bytes: int
    queries: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Read the limits from the settings."""
        return cls(
            seconds=settings.clickhouse_query_seconds,
            memory_bytes=settings.clickhouse_query_memory_bytes,
            result_rows=settings.clickhouse_result_rows,
            result_bytes=settings.clickhouse_result_bytes,
            queries=settings.clickhouse_queries,
        )

    def as_settings(self) -> dict[str, str]:
        """The engine's settings that hold them; each is also the most a client may choose."""
        return {
            "max_execution_time": f"{self.seconds:g}",
            "max_memory_usage": str(self.memory_bytes),
            "max_result_rows": str(self.result_rows),
            "max_result_bytes": str(self.result_bytes),
        }


def is_transport(name: str) -> bool:
    """Tell whether a parameter of a request is no setting of the query."""
    return name in _TRANSPORT or name.startswith("param_")


def chosen_settings(asked: Mapping[str, str], limits: Limits) -> dict[str, str]:
    """Check the settings a client asks for.

    Args:
        asked: Name and value of each.
        limits: What a query may cost.

    Returns:
        Those that change anything; a name the engine does not know is for the engine to refuse.

    Raises:
        RefusedQueryError: One lifts a limit, or may not be chosen.
    """
    most = limits.as_settings()
    chosen = {}
    for name, value in asked.items():
        if name in most:
            _check_limit(name, value, most[name])
        elif name == "readonly":
            if value not in {"1", "2"}:
                raise RefusedQueryError(Code.READONLY, "Cannot modify 'readonly' setting in readonly mode")
            continue
        elif not _NAME.fullmatch(name):
            raise RefusedQueryError(Code.BAD_ARGUMENTS, f"{name[:80]!r} is no name of a setting")
        chosen[name] = value
    return chosen


@dataclass(frozen=True)
class Clauses:
    """The SETTINGS clauses of a statement.

    Attributes:
        text: The statement without those of its own that may be chosen.
        chosen: What those say.
        inner: How many others there are in parts of it, all of which may be chosen too.
    """

    text: str
    chosen: Mapping[str, str]
    inner: int


def read_clauses(text: str, limits: Limits) -> Clauses:
    """Read the SETTINGS clauses of a statement as the engine writes it.

    A clause that may not be chosen is left in the text, for the engine to refuse; it does so for the whole statement.
    In a part of it the engine would pass over the clause in silence, so there it is refused here.

    Args:
        text: The statement.
        limits: What a query may cost.

    Raises:
        RefusedQueryError: A part of the statement says what may not be chosen.
    """
    kept, chosen, inner, depth, position = [], {}, 0, 0, 0
    for token in _CLAUSE.finditer(text):
        depth += {"(": 1, ")": -1}.get(token["bracket"] or "", 0)
        if not token["clause"]:
            continue
        said = {name: quoted or bare for name, quoted, bare in _PAIR.findall(token["said"])}
        may_be_chosen = all(may_choose(name, value, limits) for name, value in said.items())
        if depth and not may_be_chosen:
            raise RefusedQueryError(Code.READONLY, f"Cannot modify {', '.join(said)[:80]} in readonly mode")
        inner += depth > 0
        if not depth and may_be_chosen:
            kept.append(text[position : token.start()])
            position = token.end()
            chosen.update(said)
    return Clauses("".join(kept) + text[position:], chosen, inner)


def may_choose(name: str, value: str, limits: Limits) -> bool:
    """Tell whether a client may choose a setting so."""
    if name not in limits.as_settings():
        return is_free(name)
    try:
        _check_limit(name, value, limits.as_settings()[name])
    except RefusedQueryError:
        return False
    return True


def is_free(name: str) -> bool:
    """Tell whether a client may choose a setting that is no limit."""
    return _FREE.fullmatch(name) is not None


def refuse(name: str) -> RefusedQueryError:
    """Say that a setting may not be chosen, as a server says it."""
    return RefusedQueryError(Code.SETTING_CONSTRAINT_VIOLATION, f"Setting {name} should not be changed")


def _check_limit(name: str, value: str, most: str) -> None:
    if not _NUMBER.fullmatch(value):
        raise RefusedQueryError(Code.BAD_ARGUMENTS, f"{name} = {value[:80]!r} is no number")
    if not 0 < float(value) <= float(most):
        raise RefusedQueryError(
            Code.SETTING_CONSTRAINT_VIOLATION,
            f"Setting {name} shouldn't be greater than {most}, nor 0, which is without limit; it was {value}",
        )
