"""The store on one machine: ClickHouse's engine in this process, on a directory of its own."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from modeltally.settings import Settings, load_settings
from modeltally.store import sql
from modeltally.store._database_store import DatabaseStore
from modeltally.store.client import Database
from modeltally.store.erasure import finish_erasures
from modeltally.store.migrate import check_schema
from modeltally.store.parts import FILE_NAME, Parts
from modeltally.store.received import METRIC_KINDS
from modeltally.store.transfer_jobs import finish_import

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from modeltally.store._database_store import StoreJob
    from modeltally.store.client import Row
    from modeltally.store.received import QuarantinedSpan, RefusedMetrics

__all__ = ["EmbeddedStore", "database_directory", "open_store"]


class EmbeddedStore(DatabaseStore):
    """The store of a data directory: beside reads and jobs it takes what was received, from files on this machine."""

    parts: Parts | None = None

    def run(self, job: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run a job by its name, and take the record of parts anew.

        Raises:
            UnknownNameError: There is no such job.
        """
        with self._changing():
            return super().run(job, parameters)

    def _changing(self) -> contextlib.AbstractContextManager[None]:
        return self.parts.changing() if self.parts else contextlib.nullcontext()

    def damage(self) -> str | None:
        """Say what of the engine's files is known to be damaged; None when nothing is."""
        return self.parts.damage() if self.parts else None

    def notice(self, error: Exception) -> None:
        """Look at an error of the engine: where it says that a file is damaged, that is known from now on."""
        if self.parts is not None:
            self.parts.notice(error)

    def lost_parts(self) -> list[Row]:
        """Give the parts of tables that are not there any more, a row each."""
        return self.parts.lost() if self.parts else []

    def verify(self) -> list[Row]:
        """Read every file of the engine against its checksum; gives the tables of which one is missing or damaged.

        Raises:
            StoreError: The engine refused.
        """
        return self.parts.verify() if self.parts else []

    def close(self) -> None:
        """Take the record of parts, and let go of the database."""
        if self.parts is not None:
            self.parts.look()
        super().close()

    def migrate(self) -> list[str]:
        """Finish an import or erasure that was stopped, bring the schema up to date; returns the files applied now.

        Raises:
            StoreError: Another version made the store, or the engine refused.
        """
        check_schema(self.database)
        finish_import(self.database, as_of=self._clock())
        applied = super().migrate()
        if applied:
            self.database.reopen()
        with self._changing():
            finish_erasures(self.database, as_of=self._clock())
        return applied

    def load_file(self, path: Path, *, database_name: str, table: str) -> None:
        """Have the engine read the file itself; otherwise as in ``DatabaseStore``.

        Raises:
            StoreError: The engine refused.
        """
        names = {"database_name": database_name, "table_name": table}
        structure = self.database.query(sql.statement("transfer/structure"), names)
        statement = sql.statement("transfer/read_piece").with_names({"scratch": database_name, "table": table})
        self.database.command(statement, {"path": str(path), "structure": structure[0]["structure"]})

    def insert_spans(self, path: Path, *, batch_id: str) -> None:
        """Store one batch of received spans, once, however often it is shipped.

        Args:
            path: Length-delimited OTLP messages as the receiver filtered them.
            batch_id: What names this batch for ever.

        Raises:
            StoreError: The engine refused.
        """
        with self.database.insert_barrier:
            self._insert("ingest/insert_spans", path, batch_id=batch_id, schema="spans.proto:Batch")

    def insert_metrics(self, path: Path, *, batch_id: str, kinds: Sequence[str] = METRIC_KINDS) -> None:
        """Store the points of a batch of received metrics, once for each kind, however often it is shipped.

        Args:
            path: Length-delimited OTLP messages as the receiver filtered them.
            batch_id: What names this batch for ever.
            kinds: Which of its points are stored.

        Raises:
            StoreError: The engine refused.
        """
        schema = "metrics.proto:MetricsBatch"
        self._insert("ingest/insert_metrics", path, batch_id=batch_id, schema=schema, kinds=list(kinds))

    def _insert(self, statement: str, path: Path, *, batch_id: str, schema: str, **values: object) -> None:
        self.database.command(
            sql.statement(statement),
            {"path": str(path), **values},
            settings={
                "insert_deduplication_token": batch_id,
                "format_schema": str(sql.root() / "jobs" / "ingest" / schema),
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

    def quarantine_metrics(self, refused: Sequence[RefusedMetrics]) -> None:
        """Keep what is known of points that cannot be stored.

        Raises:
            StoreError: The engine refused.
        """
        columns = ("received_at", "reason", "kind", "points", "names", "detail")
        rows = [[getattr(item, column) for column in columns] for item in refused]
        self.database.insert_rows("metrics_quarantine", columns, rows)


def database_directory(directory: Path) -> Path:
    """Where the engine keeps its files in a data directory."""
    return directory / "chdb"


def open_store(
    directory: Path, *, settings: Settings | None = None, jobs: Mapping[str, StoreJob] | None = None
) -> EmbeddedStore:
    """Open the store of a data directory; only one process may have it open.

    Args:
        directory: The data directory; the database is in its folder ``chdb``.
        settings: Retention and the like; read from file and environment when not given.
        jobs: What it can run, by name.

    Raises:
        StoreInUseError: Another process has it open.
        StoreError: It cannot be opened.
    """
    database = Database.open_directory(database_directory(directory))
    try:
        store = EmbeddedStore(database, settings=settings or load_settings(), jobs=jobs or {})
        store.parts = Parts(database, directory / FILE_NAME)
        database.notice = store.notice
    except BaseException:
        database.close()
        raise
    return store
