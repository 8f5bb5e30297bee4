"""The database behind everything: one client interface for ClickHouse's engine in process and, later, a cluster."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from modeltally.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from modeltally.store import sql
from modeltally.store.lock import check_unused

__all__ = ["Database", "QuarantinedSpan", "Row", "Store"]

Row = dict[str, object]

_SETTINGS = {
    # counts and the rows they count must come from one state, or a read during a roll mixes two
    "enable_shared_storage_snapshot_in_query": 1,
    # a replay of years touches more months than the default allows in one insert
    "max_partitions_per_insert_block": 0,
    # an erasure is done when it returns
    "mutations_sync": 2,
}


class Store(Protocol):
    """What every command needs of a store, whether it is in this process or behind a server."""

    def read(self, name: str, parameters: Mapping[str, object]) -> list[Row]:
        """Rows of a view, by its name."""
        ...

    def run(self, job: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run a job by its name and give the rows it reports."""
        ...


@dataclass(frozen=True)
class QuarantinedSpan:
    """A span that was received and cannot be stored.

    Attributes:
        received_at: When it came.
        reason: Why it cannot be stored, one word.
        trace_id: In hex, as far as known.
        span_id: In hex, as far as known.
        name: The span's name.
        detail: What a person needs to find the sender.
    """

    received_at: dt.datetime
    reason: str
    trace_id: str
    span_id: str
    name: str
    detail: str


class Database:
    """Runs the project's statements in one ClickHouse database; safe to use from several threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        # Held by every insert of spans, and by what must see none under way: freezing a month, erasing a user.
        self.insert_gate = threading.Lock()

    @classmethod
    def open_directory(cls, directory: Path, *, name: str = "modeltally") -> Database:
        """Open ClickHouse's engine in this process on a directory, which no other process may have open.

        Args:
            directory: Where the engine keeps its files; made when missing.
            name: The database inside it.

        Raises:
            StoreInUseError: Another process has it open.
            StoreError: It cannot be opened.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the database directory {directory}: {error}") from None
        check_unused(directory)
        try:
            bare = clickhouse_connect.get_client(dsn=f"chdb:///{directory.resolve()}")
            bare.command("CREATE DATABASE IF NOT EXISTS {name:Identifier}", parameters={"name": name})
            client = clickhouse_connect.get_client(
                dsn=f"chdb:///{directory.resolve()}", database=name, settings=dict(_SETTINGS)
            )
        except Exception as error:  # the engine raises bare RuntimeErrors when it cannot start
            raise StoreError(f"cannot open the database in {directory}: {str(error)[:500]}") from error
        return cls(client)

    def query(
        self,
        statement: sql.Statement,
        values: Mapping[str, object] | None = None,
        *,
        limit_rows: int | None = None,
    ) -> list[Row]:
        """Rows of a SELECT; times come back aware, in UTC.

        Raises:
            ParameterError: A value is missing, unknown or of the wrong type.
            StoreError: The engine refused.
        """
        bound = statement.bind(values or {})
        settings = {"max_result_rows": limit_rows} if limit_rows else None
        try:
            result = self._client.query(statement.body, parameters=bound, settings=settings)
        except ClickHouseError as error:
            raise StoreError(f"{statement.name} failed: {str(error)[:2000]}") from error
        return [dict(zip(result.column_names, map(_aware, row), strict=True)) for row in map(list, result.result_rows)]

    def command(
        self,
        statement: sql.Statement,
        values: Mapping[str, object] | None = None,
        *,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        """Run a statement that returns nothing.

        Raises:
            ParameterError: A value is missing, unknown or of the wrong type.
            StoreError: The engine refused.
        """
        bound = statement.bind(values or {})
        try:
            self._client.command(statement.body, parameters=bound, settings=dict(settings or {}))
        except ClickHouseError as error:
            raise StoreError(f"{statement.name} failed: {str(error)[:2000]}") from error

    def install_view(self, view: sql.Statement) -> None:
        """Install a view's statement under its name, for Grafana and people.

        Raises:
            StoreError: The engine refused.
        """
        try:
            self._client.command(f"CREATE OR REPLACE VIEW {view.name} AS\n{view.body}")
        except ClickHouseError as error:
            raise StoreError(f"view {view.name} cannot be installed: {str(error)[:2000]}") from error

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows as they are.

        Raises:
            StoreError: The engine refused.
        """
        try:
            self._client.insert(table, rows, column_names=columns)
        except ClickHouseError as error:
            raise StoreError(f"inserting into {table} failed: {str(error)[:2000]}") from error

    def close(self) -> None:
        """Close the engine; the directory may be opened by others then."""
        self._client.close()


def _aware(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    return value
