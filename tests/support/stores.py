"""Stores to test with: one is migrated, every other is its copy."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from typing import TYPE_CHECKING, Any

from modeltally.errors import StoreError
from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, open_store, sql
from modeltally.store.client import Database

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from modeltally.store import DatabaseStore

# A folder of rows: the engine writes such files once and replaces them, it never changes one.
_PART = re.compile(r".*_\d+_\d+_\d+(_\d+)?")


def ask(store: DatabaseStore, text: str, values: Mapping[str, object] | None = None) -> list[dict[str, Any]]:
    """Ask a question no view answers."""
    return store.database.query(sql.Statement("question", text), values)


def stored(directory: Path, text: str) -> list[dict[str, Any]]:
    """Ask the store of a data directory that nobody has open."""
    store = open_store(directory, settings=Settings(dir=directory))
    try:
        return ask(store, text)
    finally:
        store.close()


class FailingDatabase(Database):
    """A database that fails before one statement, once.

    Attributes:
        fail_at: The name of the statement.
    """

    fail_at = ""

    def command(self, statement: sql.Statement, *args: object, **kwargs: object) -> None:
        """Run a statement, or fail before it."""
        if statement.name == self.fail_at:
            self.fail_at = ""
            raise StoreError(f"stopped before {statement.name}")
        super().command(statement, *args, **kwargs)  # type: ignore[arg-type] # passed through


class Template:
    """A migrated store that nobody opens: a copy takes a tenth of the time that the schema takes.

    Attributes:
        directory: The data directory.
    """

    def __init__(self, directory: Path) -> None:
        """Migrate a new data directory."""
        self.directory = directory
        store = open_store(directory, settings=Settings(dir=directory))
        store.migrate()
        store.close()

    def copy(self, directory: Path) -> Path:
        """Make a data directory with the migrated store in it, and give it back."""
        return copy_store(self.directory, directory)

    def open(
        self,
        directory: Path,
        *,
        clock: Callable[[], dt.datetime] | None = None,
        database: type[Database] = Database,
    ) -> EmbeddedStore:
        """Open a copy; a process can have one directory open at a time.

        Args:
            directory: The data directory to make.
            clock: The store's time; the machine's when not given.
            database: The kind of database, where a test has one of its own.
        """
        opened = database.open_directory(self.copy(directory) / "chdb")
        timed = {} if clock is None else {"clock": clock}
        return EmbeddedStore(opened, settings=Settings(dir=directory), jobs=runners(), **timed)

    @contextlib.contextmanager
    def opened(
        self,
        directory: Path,
        *,
        clock: Callable[[], dt.datetime] | None = None,
        database: type[Database] = Database,
    ) -> Iterator[EmbeddedStore]:
        """Open a copy as :meth:`open` does, and close it at the end of the block."""
        store = self.open(directory, clock=clock, database=database)
        try:
            yield store
        finally:
            store.close()


def copy_store(source: Path, target: Path) -> Path:
    """Copy the store of a data directory that nobody has open, and give back where the copy is."""
    shutil.copytree(source / "chdb", target / "chdb", symlinks=True, copy_function=_copy, dirs_exist_ok=True)
    return target


def _copy(source: str, target: str) -> None:
    """Copy a file, or link it where it is never written again."""
    if _PART.fullmatch(os.path.basename(os.path.dirname(source))):  # noqa: PTH119, PTH120 - copytree gives texts
        os.link(source, target)
    else:
        shutil.copyfile(source, target)
