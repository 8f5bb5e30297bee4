"""What a store is wherever its database is: reads by view, jobs by name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from modeltally.errors import UnknownNameError
from modeltally.store import sql
from modeltally.store.client import Database, Row
from modeltally.store.migrate import migrate
from modeltally.store.reading import read

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.settings import Settings

__all__ = ["DatabaseStore", "StoreJob"]

_HEARTBEATS: Final = "heartbeats"

StoreJob = Callable[["DatabaseStore", Mapping[str, object]], list[Row]]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class DatabaseStore:
    """Reads and jobs on one database. Implements ``Store``.

    Attributes:
        database: The database.
        settings: What jobs go by.
    """

    def __init__(
        self,
        database: Database,
        *,
        settings: Settings,
        jobs: Mapping[str, StoreJob],
        clock: Callable[[], dt.datetime] = _now,
    ) -> None:
        """Take what it is made of.

        Args:
            database: The database.
            settings: Retention and the like.
            jobs: What it can run, by name.
            clock: The time that jobs go by which are given none.
        """
        self.database = database
        self.settings = settings
        self._jobs = jobs
        self._clock = clock

    def migrate(self) -> list[str]:
        """Bring the schema up to date; returns the files applied now.

        Raises:
            StoreError: The engine refused.
        """
        return migrate(self.database, as_of=self._clock())

    def read(self, name: str, parameters: Mapping[str, object]) -> list[Row]:
        """Rows of a view, by its name.

        Raises:
            UnknownNameError: There is no such view.
            ParameterError: A parameter is missing, unknown or of the wrong type.
        """
        # an event's month goes by its receipt, which a clock that is ahead may be a day before its start
        kept = dt.timedelta(days=self.settings.event_retention_days - 1)
        return read(self.database, name, parameters, events_since=self._clock() - kept)

    def states(self, views: Sequence[str]) -> list[str] | None:
        """Name the state of what each of some views reads: while it is the same, so are its answers.

        Args:
            views: The views.

        Returns:
            A state for each; None where they cannot be told: over the shards of a cluster, and where no table can be
            seen.

        Raises:
            UnknownNameError: There is no such view.
            StoreError: The engine refused.
        """
        if self.database.is_over_shards:
            return None
        read = [sql.relations(view) for view in views]
        tables = sorted(frozenset[str]().union(*read) - {_HEARTBEATS})
        rows = self.database.query(sql.statement("read/state"), {"tables": tables})
        states = {str(row["table"]): str(row["state"]) for row in rows}
        if states.keys() <= {_HEARTBEATS}:  # they hold nothing, or this user may not see them
            return None
        return [",".join(f"{name} {states[name]}" for name in sorted(names & states.keys())) for names in read]

    def run(self, job: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run a job by its name.

        Raises:
            UnknownNameError: There is no such job.
        """
        if job not in self._jobs:
            raise UnknownNameError("job", job, self._jobs)
        return self._jobs[job](self, parameters)

    def lost_parts(self) -> list[Row]:
        """Give the parts of tables that are not there any more; a server looks after its own."""
        return []

    def as_of(self, parameters: Mapping[str, object]) -> dt.datetime:
        """The time a job goes by: its parameter, else this store's clock.

        Raises:
            ParameterError: The parameter is no time.
        """
        return sql.time_of(parameters, "as_of") or self._clock()

    def load_file(self, path: Path, *, database_name: str, table: str) -> None:
        """Read a file in the engine's own format, packed with zstd, into a table; columns go by name.

        Args:
            path: The file, on this machine.
            database_name: Where the table is.
            table: The table, which is like the one of that name in this database.

        Raises:
            StoreError: The engine refused.
        """
        self.database.insert_file(f"{database_name}.{table}", path)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()
