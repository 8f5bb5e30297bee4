"""The store on one machine: ClickHouse's engine in this process, on a directory of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from modeltally.errors import UnknownNameError
from modeltally.settings import Settings, load_settings
from modeltally.store import sql
from modeltally.store.client import Database, QuarantinedSpan, Row
from modeltally.store.migrate import migrate
from modeltally.store.retention import erase_user, expire
from modeltally.store.roll import Roller

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["EmbeddedStore", "Job", "open_store"]

Job = Callable[["EmbeddedStore", Mapping[str, object]], list[Row]]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class EmbeddedStore:
    """Reads, jobs and inserts on one database. Implements ``Store``."""

    def __init__(
        self,
        database: Database,
        *,
        settings: Settings,
        jobs: Mapping[str, Job],
        clock: Callable[[], dt.datetime] = _now,
    ) -> None:
        self.database = database
        self.settings = settings
        self._jobs = {**STORE_JOBS, **jobs}
        self._clock = clock

    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the files applied now."""
        return migrate(self.database, as_of=self._clock())

    def read(self, name: str, parameters: Mapping[str, object]) -> list[Row]:
        """Rows of a view, by its name.

        Raises:
            UnknownNameError: There is no such view.
            ParameterError: A parameter is missing, unknown or of the wrong type.
        """
        return self.database.query(sql.view(name), parameters)

    def run(self, job: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run a job by its name.

        Raises:
            UnknownNameError: There is no such job.
        """
        if job not in self._jobs:
            raise UnknownNameError("job", job, self._jobs)
        return self._jobs[job](self, parameters)

    def as_of(self, parameters: Mapping[str, object]) -> dt.datetime:
        """The time a job goes by: its parameter, else this store's clock.

        Raises:
            ParameterError: The parameter is no time.
        """
        return sql.time_of(parameters, "as_of") or self._clock()

    def insert_spans(self, path: Path, *, batch_id: str) -> None:
        """Store one batch of received spans, once, however often it is handed over.

        Args:
            path: Length-delimited OTLP messages as the receiver filtered them.
            batch_id: What names this batch for ever.

        Raises:
            StoreError: The engine refused.
        """
        with self.database.insert_gate:
            self.database.command(
                sql.statement("ingest/insert_spans"),
                {"path": str(path)},
                settings={
                    "insert_deduplication_token": batch_id,
                    "format_schema": f"{sql.root() / 'jobs' / 'ingest' / 'spans.proto'}:Batch",
                },
            )

    def quarantine(self, spans: Sequence[QuarantinedSpan]) -> None:
        """Keep what cannot be stored, with its reason.

        Raises:
            StoreError: The engine refused.
        """
        columns = ("received_at", "reason", "trace_id", "span_id", "name", "detail")
        rows = [[getattr(span, column) for column in columns] for span in spans]
        self.database.insert_rows("usage_quarantine", columns, rows)

    def close(self) -> None:
        """Give the directory back."""
        self.database.close()


def _roll(store: EmbeddedStore, parameters: Mapping[str, object]) -> list[Row]:
    del parameters
    return Roller(store.database).run()


def _expire(store: EmbeddedStore, parameters: Mapping[str, object]) -> list[Row]:
    return expire(
        store.database,
        as_of=store.as_of(parameters),
        event_retention_days=store.settings.event_retention_days,
        landing_retention_days=store.settings.landing_retention_days,
    )


def _erase_user(store: EmbeddedStore, parameters: Mapping[str, object]) -> list[Row]:
    return erase_user(store.database, user_hash=str(parameters.get("user_hash", "")), as_of=store.as_of(parameters))


STORE_JOBS: Mapping[str, Job] = {"roll": _roll, "expire": _expire, "erase_user": _erase_user}


def open_store(
    directory: Path, *, settings: Settings | None = None, jobs: Mapping[str, Job] | None = None
) -> EmbeddedStore:
    """Open the store of a data directory; only one process may have it open.

    Args:
        directory: The data directory; the database is in its folder ``chdb``.
        settings: Retention and the like; read from file and environment when not given.
        jobs: Jobs beside those of the store itself, by name.

    Raises:
        StoreInUseError: Another process has it open.
        StoreError: It cannot be opened.
    """
    database = Database.open_directory(directory / "chdb")
    return EmbeddedStore(database, settings=settings or load_settings(), jobs=jobs or {})
