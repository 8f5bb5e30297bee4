"""What tables take on disk, for each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.store.report import Size
from bench.store.stores import merge, open_directory, statement

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.store import EmbeddedStore

__all__ = ["measure_sizes"]

_TABLES = ("usage_events", "usage_rolls", "heartbeats")


def measure_sizes(directory: Path) -> list[Size]:
    """Say what each table takes, as the engine packed it and with one codec for all."""
    store = open_directory(directory)
    found = _stored(store, is_chosen=False)
    for table in _TABLES:
        store.database.command(statement("pack").with_names({"table": table}))
        merge(store, table)
    found += _stored(store, is_chosen=True)
    store.close()
    return found


def _stored(store: EmbeddedStore, *, is_chosen: bool) -> list[Size]:
    return [
        Size(str(row["table_name"]), str(row["codec"]), int(str(row["stored_bytes"])), is_chosen)
        for row in store.database.query(statement("sizes"))
        if row["table_name"] in _TABLES
    ]
