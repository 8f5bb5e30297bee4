"""A store made by an earlier version keeps its data and its figures when the schema grows, and grows like a new one."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, sql
from modeltally.store.client import Database
from queries.given import Given, Heartbeat, Operation, give
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SCHEMA, INGEST = sql.schema(), sql.ingest()
# What a later version might bring: a column, and queries that fill it and another one otherwise.
COLUMN = sql.Statement(
    "9001_add_team_to_usage_events",
    "ALTER TABLE usage_events ADD COLUMN IF NOT EXISTS team LowCardinality(String) CODEC(ZSTD(1))",
)
ADDED = sql.with_tables_alike([*SCHEMA, COLUMN])[-3:]  # for the late rows and the input too
EDITS = {
    "usage_input_from_spans": (" AS custom\n", " AS custom,\n    a['acme.team'] AS team\n"),
    "usage_quarantine_from_input": ("operation) AS name", "upper(operation)) AS name"),
}
GROWN = [
    sql.IngestView(view.name, view.text.replace(*EDITS[view.name])) if view.name in EDITS else view for view in INGEST
]
STEPS = [*ADDED, *(view.redefinition for view in GROWN if view.name in EDITS)]
AS_OF = dt.datetime(2026, 3, 4, tzinfo=dt.UTC)
MARCH = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
JANUARY = dt.datetime(2026, 1, 2, 10, tzinfo=dt.UTC)
WINDOW = {"since": MARCH - dt.timedelta(days=90), "until": AS_OF, "as_of": AS_OF}
CUSTOM = {"acme.team": "red", "session.id": "s"}
BEFORE = Given(
    operations=[
        Operation(at=MARCH, instance="p1", user=1, attributes=CUSTOM, times=3),
        Operation(at=MARCH, instance="p1", outcome="error", error_type="timeout"),
        Operation(at=MARCH, instance="p1", span_id="no hex"),
        Operation(at=JANUARY, instance="p1", user=2, times=2),
    ],
    heartbeats=[Heartbeat(at=MARCH, instance="p1", started=4, dropped=1, reasons={"queue_full": 1})],
)
AFTER = Given(
    operations=[
        Operation(at=MARCH, instance="p2", attributes=CUSTOM),
        Operation(at=JANUARY, instance="p2", attributes=CUSTOM),
        Operation(at=MARCH, instance="p2", span_id="no hex", attributes=CUSTOM),
        Operation(at=MARCH, instance="p2", operation="evaluation"),
    ],
    heartbeats=[
        Heartbeat(at=MARCH, instance="p2", started=4, problems={"unknown_name": 2, "no_user_key": 1}, goodbye=True)
    ],
)
# The columns that a materialised view with a star had when it was made: rows do not go by them.
COLUMNS = re.compile(r"(?<=_from_input TO )(\w+) \(.*\)(?= AS SELECT )")
OBJECTS = "SELECT create_table_query AS made FROM system.tables WHERE database = currentDatabase() ORDER BY name"


@contextlib.contextmanager
def opened(directory: Path, name: str) -> Iterator[EmbeddedStore]:
    """Open one of several databases of a directory."""
    store = EmbeddedStore(Database.open_directory(directory, name=name), settings=Settings(), jobs=runners())
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def grow(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on the schema is that of the later version."""

    def grown() -> None:
        monkeypatch.setattr(sql, "schema", lambda: [*SCHEMA, *ADDED])
        monkeypatch.setattr(sql, "ingest", lambda: GROWN)

    return grown


def figures(store: EmbeddedStore) -> list[dict[str, Any]]:
    """What the store answers about all of its data."""
    asked = WINDOW | {"abandoned_after_seconds": 3600.0}
    rows = store.read("usage_by_model", asked) + store.read("failures_by_error_type", asked)
    return rows + store.read("answer_context", {"since": WINDOW["since"], "until": WINDOW["until"]})


def rows_of(store: EmbeddedStore, *tables: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of some tables."""
    return {table: ask(store, f"SELECT * FROM {table} ORDER BY ALL") for table in tables}  # noqa: S608 - a test's own text


def expire_january(store: EmbeddedStore) -> None:
    """Freeze, roll and drop a month."""
    store.database.command(
        sql.statement("expire/freeze_month"), {"month": JANUARY.date().replace(day=1), "as_of": AS_OF}
    )
    store.run("roll", {})
    store.database.command(sql.statement("expire/drop_month"), {"month": JANUARY.date().replace(day=1)})


@pytest.mark.slow(seconds=6, why="a store of before, migrated")
def test_store_of_before_keeps_its_data_and_figures(tmp_path: Path, grow: Callable[[], None]) -> None:
    """Events, rolls, late rows and heartbeats of an earlier version answer as before, also when reopened."""
    with opened(tmp_path, "before") as store:
        store.migrate()
        give(store, BEFORE)
        expire_january(store)
        give(store, Given(operations=[Operation(at=JANUARY, instance="p1")]), first_id=500)
        rows, before = rows_of(store, "usage_events", "usage_late"), figures(store)
        assert rows["usage_late"]
        grow()
        assert store.migrate() == [*(file.name for file in ADDED), *(view.name for view in GROWN if view.name in EDITS)]
    with opened(tmp_path, "before") as store:
        assert store.migrate() == []
        assert figures(store) == before
        now = rows_of(store, *rows)
        assert now == {table: [row | {"team": ""} for row in kept] for table, kept in rows.items()}
        (beat,) = ask(store, "SELECT dropped_by_reason, problems_by_kind FROM heartbeats")
        assert beat == {"dropped_by_reason": {"queue_full": 1}, "problems_by_kind": {}}


@pytest.mark.slow(seconds=5, why="a store of before beside a new one")
def test_store_of_before_takes_new_rows_like_a_new_one(tmp_path: Path, grow: Callable[[], None]) -> None:
    """After an upgrade and in a new store the same spans become the same rows, in every table they reach."""
    made, kept = {}, {}
    for name in ("upgraded", "fresh"):
        with opened(tmp_path, name) as store:
            if name == "upgraded":
                store.migrate()
                grow()
            store.migrate()
        with opened(tmp_path, name) as store:  # what the engine reads back from disk is what counts
            month = {"month": JANUARY.date().replace(day=1), "as_of": AS_OF}
            store.database.command(sql.statement("expire/freeze_month"), month)
            give(store, AFTER)
            kept[name] = rows_of(store, "usage_events", "usage_late", "usage_quarantine", "heartbeats", "other_spans")
            made[name] = [COLUMNS.sub("", str(row["made"]).replace(f"{name}.", "")) for row in ask(store, OBJECTS)]
    assert kept["upgraded"] == kept["fresh"]
    assert made["upgraded"] == made["fresh"]
    rows = kept["fresh"]
    assert [row["custom"] for row in (*rows["usage_events"], *rows["usage_late"])] == [{"acme.team": "red"}] * 2
    assert [row["team"] for row in (*rows["usage_events"], *rows["usage_late"])] == ["red"] * 2
    assert [(row["instance"], row["name"]) for row in rows["usage_quarantine"]] == [("p2", "MODEL.REQUEST")]
    assert rows["heartbeats"][0]["problems_by_kind"] == {"unknown_name": 2, "no_user_key": 1}
    assert [row["operation"] for row in rows["other_spans"]] == ["evaluation"]


@pytest.mark.slow(seconds=8, why="a store of before for each step")
@pytest.mark.parametrize("done", range(1, len(STEPS)))
def test_spans_that_come_between_two_steps_are_kept(done: int, tmp_path: Path, grow: Callable[[], None]) -> None:
    """Whatever step an upgrade was stopped after, an insert made then loses no row, and the rest applies on top."""
    with opened(tmp_path, "stopped") as store:
        store.migrate()
        grow()
        for file in STEPS[:done]:
            store.database.command(file)  # and killed before it was noted
        give(store, AFTER)
        store.migrate()
        give(store, AFTER, first_id=500)
        counts = (
            "SELECT (SELECT count() FROM usage_events) AS events, (SELECT count() FROM usage_quarantine) AS refused"
        )
        assert ask(store, counts) == [{"events": 4, "refused": 2}]
        assert ask(store, "SELECT count() AS beats FROM heartbeats") == [{"beats": 2}]


def test_figure_that_is_added_is_zero_in_rolls_that_are_there(tmp_path: Path) -> None:
    """The sums of a roll take one more: what was rolled keeps its figures, and is rolled anew and up as before."""
    rolls = next(file.body for file in SCHEMA if file.name.endswith("_create_usage_rolls"))
    sums = re.search(r"sums Array\(Tuple\(.+?\)\) CODEC\(\w+\(1\)\)", rolls, re.DOTALL)
    assert sums
    grown = sums[0].replace("\n    ))", ",\n        added UInt64\n    ))")
    rolled = sql.Statement(
        "rolled",
        "SELECT grain, sum(arraySum(sums.operations)) AS operations FROM usage_rolls FINAL WHERE kind = 'all'"
        " GROUP BY grain ORDER BY grain",
    )
    with opened(tmp_path, "before") as store:
        store.migrate()
        give(store, BEFORE)
        store.run("roll", {})
        grains = ("hour", "day", "week")
        assert store.database.query(rolled) == [{"grain": grain, "operations": 6} for grain in grains]
        for _ in range(2):  # killed before it was noted, it is applied again
            store.database.command(sql.Statement("grow", f"ALTER TABLE usage_rolls MODIFY COLUMN {grown}"))
        assert store.database.query(rolled) == [{"grain": grain, "operations": 6} for grain in grains]
        give(store, Given(operations=[Operation(at=MARCH, instance="p1")]), first_id=500)
        store.run("roll", {})
        assert store.database.query(rolled) == [{"grain": grain, "operations": 7} for grain in grains]
        assert ask(store, "SELECT sum(arraySum(sums.added)) AS added FROM usage_rolls FINAL") == [{"added": 0}]
