"""The database behind everything: one client interface for ClickHouse's engine in process and, later, a cluster."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING, Any, Protocol

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError

from modeltally.errors import ServerError, StoreError
from modeltally.store import sql
from modeltally.store._address import StoreAddress
from modeltally.store._barrier import InsertBarrier, OwnBarrier, ServerBarrier
from modeltally.store.lock import check_unused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

__all__ = ["DATABASE_NAME", "READ_SETTINGS", "Database", "Row", "Store"]

Row = dict[str, object]

# a roll of years takes minutes
_SERVER_TIMEOUT_SECONDS = 3600

_OWNER_ALONE = 0o077
# A table, or a whole database, that is not there.
_MISSING_CODES = (60, 81)

# What every read needs to be right.
READ_SETTINGS = {
    # counts and the rows they count must come from one state, or a read during a roll mixes two
    "enable_shared_storage_snapshot_in_query": 1,
}
# What the engine in this process is told besides, and servers in deploy/: answers are the same without it.
_READ_FAST = {
    # a cheap condition spares the costly one beside it: few operations have a copy that takes them out of the count
    "short_circuit_function_evaluation": "force_enable",
}
DATABASE_NAME = "modeltally"
# What every statement that changes something needs.
_WRITE_SETTINGS = {
    # a replay of years touches more months than the default allows in one insert
    "max_partitions_per_insert_block": 0,
    # an erasure is done when it returns
    "mutations_sync": 2,
    # and takes its values from a table, which every replica holds whole
    "allow_nondeterministic_mutations": 1,
}


class Store(Protocol):
    """What every command needs of a store, whether it is in this process or behind a server."""

    def read(self, name: str, parameters: Mapping[str, object]) -> list[Row]:
        """Rows of a view, by its name."""
        ...

    def run(self, job: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run a job by its name and give the rows it reports."""
        ...


class Database:
    """Runs the project's statements in one ClickHouse database; safe to use from several threads."""

    def __init__(self, client: Client, *, write_settings: Mapping[str, object] | None = None) -> None:
        """Take what it works with.

        Args:
            client: The client of one database.
            write_settings: Sent with every statement that changes something, where the client does not have them.
        """
        self._client = client
        self._connect: Callable[[], Client] | None = None
        self._umask: int | None = None
        self.notice: Callable[[Exception], None] | None = None
        self._write_settings = dict(write_settings or {})
        self._over_shards: bool | None = False
        # Held by what must see no insert of spans under way: freezing a month, erasing a user.
        self.insert_barrier: InsertBarrier = OwnBarrier()

    @classmethod
    def open_directory(cls, directory: Path, *, name: str = DATABASE_NAME) -> Database:
        """Open ClickHouse's engine in this process on a directory, which no other process may have open.

        Args:
            directory: Where the engine keeps its files; made when missing.
            name: The database inside it.

        Raises:
            StoreInUseError: Another process has it open.
            StoreError: It cannot be opened.
        """
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot make the database directory {directory}: {error}") from None
        check_unused(directory)
        # the engine makes files for as long as it runs, and asks nobody whose they are
        umask = os.umask(_OWNER_ALONE)

        def connect() -> Client:
            try:
                bare = clickhouse_connect.get_client(dsn=f"chdb:///{directory.resolve()}")
                bare.command("CREATE DATABASE IF NOT EXISTS {name:Identifier}", parameters={"name": name})
                client = clickhouse_connect.get_client(
                    dsn=f"chdb:///{directory.resolve()}",
                    database=name,
                    settings={**READ_SETTINGS, **_READ_FAST, **_WRITE_SETTINGS},
                )
                bare.close()  # the engine ends with its last client
            except Exception as error:  # the engine raises bare RuntimeErrors when it cannot start
                raise StoreError(f"cannot open the database in {directory}: {str(error)[:500]}") from error
            return client

        try:
            database = cls(connect())
        except BaseException:
            os.umask(umask)
            raise
        database._connect = connect
        database._umask = umask
        return database

    @classmethod
    def open_url(cls, url: str, *, password: str = "", ca_file: Path | None = None) -> Database:
        """Open a database on a ClickHouse server.

        Args:
            url: Where, as whom, and which database: ``https://user@host:8443/modeltally``.
            password: That user's.
            ca_file: Certificates to trust the server by, where the usual ones do not.

        Raises:
            SettingError: The address cannot be used.
            ServerError: The server cannot be reached, or does not let this user in.
        """
        address = StoreAddress.parse(url)
        trust: dict[str, Any] = {"ca_cert": str(ca_file)} if ca_file else {}
        try:
            client = clickhouse_connect.get_client(
                interface=address.interface,
                host=address.host,
                port=address.port,
                username=address.user,
                password=password,
                settings=dict(READ_SETTINGS),
                # several threads ask at once, which a session does not allow
                autogenerate_session_id=False,
                send_receive_timeout=_SERVER_TIMEOUT_SECONDS,
                **trust,
            )
        except Exception as error:  # whatever the transport raises: there is no server to ask
            raise ServerError(f"the store {address} cannot be opened: {str(error)[:1000]}") from error
        # named from now on: the first of all commands makes it
        client.database = address.database
        # a user who may only read may not choose the others
        database = cls(client, write_settings=_WRITE_SETTINGS)
        database.insert_barrier = ServerBarrier(database._inserts_under_way)
        database._over_shards = None  # asked when first needed: there may be no database yet
        return database

    def create(self) -> None:
        """Make the database where there is none.

        Raises:
            StoreError: The engine refused.
        """
        try:
            self._client.command(
                "CREATE DATABASE IF NOT EXISTS {name:Identifier}",
                parameters={"name": self._client.database},
                use_database=False,
            )
        except ClickHouseError as error:
            raise self._failed("the database cannot be made", error) from error

    def reopen(self) -> None:
        """Start the engine anew, if it runs in this process: it then knows of its tables what every later start will.

        A materialised view whose query was modified gives its inserts, until the engine is started again, another
        name than ever after; and by that name a batch that comes twice is known.

        Raises:
            StoreError: It cannot be opened.
        """
        if self._connect is not None:
            self._client.close()
            self._client = self._connect()

    @property
    def is_over_shards(self) -> bool:
        """Whether the tables here are those over all shards of a cluster, each of which answers for its own rows.

        Raises:
            StoreError: The engine refused.
        """
        if self._over_shards is None:
            self._over_shards = bool(self.query(sql.statement("read/over_shards"))[0]["is_over_shards"])
        return self._over_shards

    def _body(self, statement: sql.Statement) -> str:
        return statement.over_shards if statement.calls_shards and self.is_over_shards else statement.body

    def _inserts_under_way(self) -> set[str]:
        return {str(row["query_id"]) for row in self.query(sql.statement("expire/inserts_under_way"))}

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
            result = self._client.query(self._body(statement), parameters=bound, settings=settings)
        except ClickHouseError as error:
            raise self._failed(f"{statement.name} failed", error) from error
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
            self._client.command(
                self._body(statement), parameters=bound, settings={**self._write_settings, **(settings or {})}
            )
        except ClickHouseError as error:
            raise self._failed(f"{statement.name} failed", error) from error

    @property
    def is_embedded(self) -> bool:
        """Whether the engine runs in this process."""
        return self._connect is not None

    def is_whole(self, statement: sql.Statement) -> bool:
        """Tell whether a table's files are as they were written, by a statement that checks them.

        Raises:
            StoreError: The engine refused.
        """
        try:
            return str(self._client.command(statement.body)) == "1"
        except ClickHouseError as error:
            raise self._failed(f"{statement.name} failed", error) from error

    def install_view(self, view: sql.Statement) -> None:
        """Install a view's statement under its name, for Grafana and people.

        Raises:
            StoreError: The engine refused.
        """
        try:
            self._client.command(f"CREATE OR REPLACE VIEW {view.name} AS\n{view.body}")
        except ClickHouseError as error:
            raise self._failed(f"view {view.name} cannot be installed", error) from error

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert rows as they are.

        Raises:
            StoreError: The engine refused.
        """
        try:
            self._client.insert(table, rows, column_names=columns, settings=self._write_settings)
        except ClickHouseError as error:
            raise self._failed(f"inserting into {table} failed", error) from error

    def insert_file(self, table: str, path: Path) -> None:
        """Insert a file in the engine's own format, packed with zstd; columns go by name.

        Raises:
            StoreError: The engine refused.
        """
        try:
            with path.open("rb") as file:
                self._client.raw_insert(table, insert_block=file, fmt="Native", compression="zstd")
        except ClickHouseError as error:
            raise StoreError(f"inserting {path} into {table} failed: {str(error)[:2000]}") from error

    def close(self) -> None:
        """Close the engine; the directory may be opened by others then."""
        self._client.close()
        if self._umask is not None:
            os.umask(self._umask)
            self._umask = None

    def _failed(self, what: str, error: ClickHouseError) -> StoreError:
        if self.notice is not None:
            self.notice(error)
        message = f"{what}: {str(error)[:2000]}"
        if getattr(error, "code", None) in _MISSING_CODES:
            message += "; is the schema up to date? `modeltally migrate` makes it so"
        return StoreError(message)


def _aware(value: object) -> object:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)
    return value
