"""The schema for a cluster: understood by the engine, complete, and right in what can be tried without a cluster."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import clickhouse_connect
import pytest

from modeltally.errors import ParameterError, StoreError
from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, sql
from modeltally.store.client import READ_SETTINGS, Database
from modeltally.store.cluster import EARLIER, EVERYWHERE, PASSED_THROUGH, SHARDED, check_statements, render
from modeltally.store.rollup import Roller
from queries.given import give
from store.answers import (
    AS_OF,
    ERASED,
    EVERY_VIEW_SECONDS,
    GIVEN,
    LATER,
    answers,
    fewer_questions,
    knows_where_to_read,
    lived_in,
    named,
)
from support.part import some

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from modeltally.store import Row
    from support.stores import Template

ONE_SHARD = """<clickhouse>
    <tcp_port>9000</tcp_port>
    <remote_servers>
        <tally><shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard></tally>
    </remote_servers>
</clickhouse>"""
MERGED = re.compile(r"ENGINE = Distributed\(.*\)\Z", re.DOTALL)
ASKED_OF_EACH = re.compile(r"cluster\(tally, view\((.*)\)\)\Z", re.DOTALL)
REPLICATED = re.compile(r"Replicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?")
JANUARY_FIRST = "2026-01-01"
# Answers of one shard each, and a count of the hours of each shard.
PER_SHARD = {"usage_cover", "cover_of_window", "usage_figures", "usage_named_figures", "usage_coverage"}
COUNTED_PER_SHARD = "dirty_hours"


def test_engine_understands_every_statement(database: Database) -> None:
    """The engine's parser reads the whole schema for a cluster."""
    statements = render("tally")
    check_statements(database, statements)
    assert len({statement.name for statement in statements}) == len(statements)


@pytest.mark.parametrize(("old", "new"), [("ON CLUSTER", "ON CLUSTERS"), ("PARTITION BY", "PARTITION"), (")\n", "\n")])
def test_statement_that_is_broken_is_named(database: Database, old: str, new: str) -> None:
    """A statement the engine does not understand is an error that names it; nothing is run."""
    statements = render("tally")
    broken = [
        sql.Statement(found.name, found.text.replace(old, new, 1))
        if found.name == "0002_create_usage_events"
        else found
        for found in statements
    ]
    with pytest.raises(StoreError, match="the statement 0002_create_usage_events is not understood"):
        check_statements(database, broken)
    assert database.query(sql.Statement("tables", "SHOW TABLES")) == []


def test_statements_name_the_cluster_and_the_database_of_everything() -> None:
    """Every table is replicated on the cluster, and no table or view is named without its database."""
    known = "|".join([*SHARDED, *EVERYWHERE, *EARLIER, *PASSED_THROUGH, *sql.view_names()])
    for statement in render("tally"):
        # rows that are written once are on every node
        is_everywhere = statement.body.startswith("INSERT INTO modeltally.")
        assert is_everywhere or " ON CLUSTER tally" in statement.body, statement.name
        assert not re.search(rf"\b(FROM|JOIN|INTO|EXISTS|TABLE|VIEW) ({known})\b", statement.body), statement.name
        engines = re.findall(r"ENGINE = (\w+)", statement.body)
        assert all(engine.startswith("Replicated") or engine in {"Null", "Distributed"} for engine in engines)


def test_every_table_has_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table of the schema is placed once, and a new one is an error until somebody says where its rows belong."""
    made = {
        found[1]
        for file in sql.schema()
        if (found := re.match(r"CREATE TABLE IF NOT EXISTS (\w+)", file.body)) is not None
    }
    assert made == {*SHARDED, *EVERYWHERE, *EARLIER, *PASSED_THROUGH}
    assert len(made) == len(SHARDED) + len(EVERYWHERE) + len(EARLIER) + len(PASSED_THROUGH)
    dropped = {
        found[1]
        for statement in render("tally")
        if (found := re.match(r"DROP TABLE IF EXISTS modeltally\.(\w+) ON CLUSTER tally SYNC", statement.body))
    }
    assert dropped == EARLIER
    new = sql.Statement("9000_create_extra", "CREATE TABLE IF NOT EXISTS extra (a UInt8) ENGINE = MergeTree ORDER BY a")
    monkeypatch.setattr(sql, "schema", lambda: [new])
    with pytest.raises(StoreError, match="nothing says where the rows of extra"):
        render("tally")


def test_what_is_made_from_spans_stays_with_them() -> None:
    """What a materialised view fills is on the shard of what it reads: no row changes its shard on the way."""
    for view in sql.ingest():
        assert view.target in {*SHARDED, *PASSED_THROUGH}, view.name


@pytest.mark.parametrize("name", ["", "a b", "a;DROP TABLE x", "1a", "tälly"])
def test_name_that_is_no_name_is_refused(name: str) -> None:
    """The name of a cluster goes into statements as it stands, so it must be a plain name."""
    with pytest.raises(ParameterError, match="is no name of a table or database"):
        render(name)


class _Spread(Database):
    """The database that everybody uses, over shards that are databases of the same engine."""

    shards: Sequence[Database]

    def insert_rows(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Insert through the table over all shards; where there is none, to the shard of each trace id."""
        if len(self.shards) == 1 or table in EVERYWHERE:
            super().insert_rows(table, columns, rows)
            return
        for number, shard in enumerate(self.shards):
            own = [row for row in rows if int(str(row[1]), 16) % len(self.shards) == number]
            shard.insert_rows(table, columns, own)


class _ShardRoller(Roller):
    """Rolls one shard; users get their numbers where all users are known."""

    front: Database

    def number_users(self, asked: dict[str, object]) -> None:
        """Number the users of all shards."""
        self.front.command(sql.statement("roll/number_users"), asked)


@contextlib.contextmanager
def _set_up(directory: Path, shard_names: Sequence[str]) -> Iterator[_Spread]:
    """Make the schema for a cluster in one engine: everything but the replication, and but the network for two."""
    config = directory / "cluster.xml"
    config.write_text(ONE_SHARD)
    path = f"{directory / 'db'}?config-file={config}"
    settings = {
        **READ_SETTINGS,
        "max_partitions_per_insert_block": 0,
        "mutations_sync": 2,
        "distributed_foreground_insert": 1,
        "distributed_product_mode": "global",
    }
    with contextlib.ExitStack() as cleanup:

        def client(database: str) -> Any:
            made = clickhouse_connect.get_client(interface="chdb", path=path, database=database, settings=settings)
            cleanup.callback(made.close)
            return made

        bare = client("default")
        for shard_name in shard_names:
            for statement in render("tally", shard_database=shard_name):
                bare.command(_without_a_cluster(statement, shards=len(shard_names)))
        front = _Spread(client("modeltally"))
        front._over_shards = True
        front.shards = [Database(client(shard_name)) for shard_name in shard_names]
        yield front


def _without_a_cluster(statement: sql.Statement, *, shards: int) -> str:
    text = REPLICATED.sub(r"\1(", statement.body.replace(" ON CLUSTER tally", ""))
    if shards > 1:
        table = statement.name.split()[-1]
        text = MERGED.sub(f"ENGINE = Merge(REGEXP('^shard[12]$'), '^{table}$')", text)
        if statement.name.startswith("fan_out"):
            each = text.replace("shard2", "shard1")
            text = ASKED_OF_EACH.sub(
                lambda found: f"({found[1]} UNION ALL {found[1].replace('shard1', 'shard2')})", each
            )
    return text


def _roll(front: _Spread) -> None:
    for shard in front.shards:
        roller = _ShardRoller(shard)
        roller.front = front
        roller.run(as_of=AS_OF)


def _lived_in_on(front: _Spread) -> EmbeddedStore:
    """Bring shards through the same months as one store, with each statement where deploy/OUTGROWING.md says."""
    store = EmbeddedStore(front, settings=Settings(), jobs=runners(), clock=lambda: AS_OF)
    give(store, GIVEN)
    _roll(front)
    front.command(sql.statement("expire/freeze_month"), {"month": JANUARY_FIRST, "as_of": AS_OF})
    _roll(front)
    for shard in front.shards:
        shard.command(sql.statement("expire/drop_month"), {"month": JANUARY_FIRST})
        for row in shard.query(sql.statement("expire/landing_days"), {"as_of": AS_OF, "retention_days": 7}):
            shard.command(sql.statement("expire/drop_landing_day"), {"day": row["day"]})
    Database.insert_rows(front, "erasing", ("user_hash", "substitute"), [[ERASED, 12345]])
    front.command(sql.statement("erase/tombstone"), {"as_of": AS_OF})
    front.command(sql.statement("erase/substitute").with_names({"table": "users"}))
    for shard in front.shards:
        for table in ("usage_events", "usage_late"):
            shard.command(sql.statement("erase/substitute").with_names({"table": table}))
        shard.command(sql.statement("erase/forget_in_landing"))
    front.command(sql.statement("erase/done"))
    store.run("recommend_cleanup", {"as_of": AS_OF})
    give(store, LATER, first_id=9000)
    return store


def _installed_answers(front: Database) -> dict[str, list[Row]]:
    """Every row of every installed view that answers for all shards."""
    found = {}
    for view in some(sql.views_in_order(), seconds=EVERY_VIEW_SECONDS):
        if view.name not in PER_SHARD and knows_where_to_read(view):
            values = ", ".join(f"{name} = {{{name}:{kind}}}" for name, kind in view.parameters.items())
            installed = sql.Statement(view.name, f"SELECT * FROM {view.name}{f'({values})' * bool(values)}")  # noqa: S608 - a view of ours
            for asked in fewer_questions(view):
                found[named(view, asked)] = _comparable(front.query(installed, asked))
    return found


def _comparable(rows: list[Row]) -> list[Row]:
    return sorted(({name: row[name] for name in row if name != COUNTED_PER_SHARD} for row in rows), key=str)


@pytest.fixture(scope="module")
def of_one_store(template: Template, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Row]]:
    """Answers of one store that was lived in."""
    with template.opened(tmp_path_factory.mktemp("one"), clock=lambda: AS_OF) as store:
        lived_in(store)
        return {
            name: _comparable(rows)
            for name, rows in answers(store, asking=fewer_questions).items()
            if name.split()[0] not in PER_SHARD
        }


@pytest.mark.timeout(1200)  # every view of three stores, on a machine that may be busy
@pytest.mark.slow(seconds=300, why="every view of a cluster and of one store")
@pytest.mark.parametrize("shard_names", [["modeltally_shard"], ["shard1", "shard2"]], ids=["one shard", "two shards"])
def test_shards_answer_as_one_store(of_one_store: dict[str, list[Row]], tmp_path: Path, shard_names: list[str]) -> None:
    """Each shard rolled by itself, every view over all of them answers as one store with all the rows does.

    One shard is asked through Distributed tables and cluster(); two are databases of one engine, merged and asked one
    after the other. Neither replicates.
    """
    with _set_up(tmp_path, shard_names) as front:
        _lived_in_on(front)
        if len(shard_names) > 1:
            count = sql.Statement("held", "SELECT count() AS events FROM usage_events")
            assert all(shard.query(count)[0]["events"] for shard in front.shards), "a shard without rows shows nothing"
        found = _installed_answers(front)
        assert any("flux" in str(rows) for rows in found.values())
        assert found == of_one_store
        _roll(front)
        assert _installed_answers(front) == of_one_store
