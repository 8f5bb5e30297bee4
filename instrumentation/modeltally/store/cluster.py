"""The schema for a cluster: the files of ``schema``, ``ingest`` and ``views``, with other engines and names.

Two databases. In ``modeltally_shard`` every shard keeps its own part: spans arrive by their trace id, and everything
made from a span - event, roll - stays on its shard, so that what must come from one state of the data comes from one
node. In ``modeltally``, the database that everybody names, are the same tables over all shards, the tables that every
node holds whole, and the views. What runs where is in ``deploy/OUTGROWING.md``. None of this has run on a cluster.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from modeltally.errors import StoreError
from modeltally.store import sql

if TYPE_CHECKING:
    from modeltally.store.client import Database

__all__ = ["EARLIER", "EVERYWHERE", "SHARDED", "check_statements", "render"]

# Tables whose rows belong to one shard; how they come there through the table over all shards, and by which column.
SHARDED: Final = {
    "otel_traces": ("by_text", "TraceId"),
    "usage_events": ("by_id", "trace_id"),
    "usage_late": ("by_id", "trace_id"),
    "usage_quarantine": ("by_text", "trace_id"),
    "heartbeats": ("by_text", "instance"),
    "evaluations": ("by_id", "trace_id"),
    "other_spans": ("by_id", "trace_id"),
    "inventory_items": ("by_text", "host"),
    "usage_rolls": ("by_text", "bucket"),
    "layer_days": ("by_text", "layer"),
    "otel_metrics_gauge": ("by_text", "MetricName"),
    "otel_metrics_sum": ("by_text", "MetricName"),
    "otel_metrics_histogram": ("by_text", "MetricName"),
    "otel_metrics_exponential_histogram": ("by_text", "MetricName"),
    "otel_metrics_summary": ("by_text", "MetricName"),
    "metrics_quarantine": ("by_text", "names"),
}
# On each shard too, but nobody reads it: it keeps nothing.
PASSED_THROUGH: Final = frozenset({"usage_input", "metrics_input"})
# Small tables that every node holds whole: what every shard must know of, and what is written once for all of them.
EVERYWHERE: Final = frozenset(
    {
        "schema_migrations",
        "frozen_months",
        "tombstones",
        "erasing",
        "users",
        "aliases",
        "layers",
        "prices",
        "recommendations",
        "verdicts",
        "alerts",
        "imports",
    }
)
# Tables of earlier versions, which every node held whole: made, read once more, and taken away.
EARLIER: Final = frozenset({"erased_users"})

_ENGINE: Final = re.compile(r"\bENGINE = ((?:\w+)?MergeTree)(?:\(([^()]*)\))?")
_SHARD_PATH: Final = "'/clickhouse/tables/{shard}/{database}/{table}', '{replica}'"
_EVERYWHERE_PATH: Final = "'/clickhouse/tables/everywhere/{database}/{table}', '{shard}-{replica}'"
_MADE: Final = re.compile(
    r"^(?P<what>CREATE (?:TABLE|MATERIALIZED VIEW) IF NOT EXISTS|DROP (?:TABLE|VIEW) IF EXISTS|ALTER TABLE|INSERT INTO)"
    r" (?P<name>\w+)"
)
# Where a statement names another object: what it reads, and at its head what it fills or is made like.
_READ: Final = re.compile(r"\b(?P<how>FROM|JOIN) (?P<name>\w+)\b")
_FILLED: Final = re.compile(r"\A(?P<how> TO| AS) (?P<name>\w+)\b")


def render(
    cluster: str, *, database: str = "modeltally", shard_database: str = "modeltally_shard"
) -> list[sql.Statement]:
    """Write the whole schema for a cluster; each statement can be repeated.

    Args:
        cluster: Its name in the servers' ``remote_servers``.
        database: The database that everybody uses.
        shard_database: The database with each shard's own part.

    Returns:
        The statements in the order in which they must run, on any one node.

    Raises:
        ParameterError: A name is no plain name.
        StoreError: A schema file makes a table of which nothing says where its rows belong.
    """
    names = {"cluster": cluster, "database": database, "shard_database": shard_database}
    statements = [
        _template("create_database", "database", names),
        _template("create_database", "shard database", names | {"database": shard_database}),
    ]
    places = dict.fromkeys([*SHARDED, *PASSED_THROUGH], shard_database)
    places |= dict.fromkeys([*EVERYWHERE, *EARLIER], database)
    files = sql.schema()
    statements += [_local(file, places, names) for file in files if not file.is_removal]
    for filling in sql.ingest():  # made where it is missing, then given its query where it was there
        statements.append(_local(filling, places, names))
        changed = _local(filling.redefinition, places, names)
        statements.append(sql.Statement(f"{changed.name} changed", changed.text))
    for file in files:
        if file.is_removal:  # on a shard it is a view, and goes first
            own = sql.Statement(f"{file.name} of the shards", file.body.replace("DROP TABLE", "DROP VIEW"))
            statements.append(_local(own, dict.fromkeys(EARLIER, shard_database), names))
            statements.append(_local(file, places, names))
    statements += [_template("read_everywhere", table, names | {"table": table}) for table in sorted(EVERYWHERE)]
    places |= dict.fromkeys(sql.ON_EACH_SHARD, shard_database)
    views = [view for view in sql.views_in_order() if view.name in sql.ON_EACH_SHARD]
    statements += [_view(view.name, view.text, places, names | {"database": shard_database}) for view in views]
    for table, (how, column) in SHARDED.items():
        statements.append(_template(f"spread_{how}", table, names | {"table": table, "shard_by": column}))
    front = dict.fromkeys([*SHARDED, *EVERYWHERE, *sql.view_names()], database)
    for view in sql.views_in_order():
        if view.name in sql.ON_EACH_SHARD:
            statements.append(_template(f"fan_out_{view.name}", view.name, names | {"view": view.name}))
        else:
            statements.append(_view(view.name, view.over_shards, front, names))
    return statements


def check_statements(database: Database, statements: list[sql.Statement]) -> None:
    """Have the engine's own parser read every statement; nothing is run.

    Args:
        database: Any database of the engine.
        statements: What to read.

    Raises:
        StoreError: One is not understood; the message names it.
    """
    for statement in statements:
        try:
            database.query(sql.statement("migrate/parse"), {"statement": " ".join(statement.body.split())})
        except StoreError as error:
            raise StoreError(f"the statement {statement.name} is not understood: {error}") from None


def _template(file: str, what: str, names: dict[str, str]) -> sql.Statement:
    text = (sql.root() / "cluster" / f"{file}.sql").read_text()
    return sql.Statement(f"{file} {what}", sql.Statement(file, text).body).with_names(names)


def _local(file: sql.Statement, places: dict[str, str], names: dict[str, str]) -> sql.Statement:
    """A schema file for the node it runs on: its object in its database, replicated."""
    made = _MADE.match(file.body)
    if made is None:
        raise StoreError(f"schema file {file.name} neither makes nor changes a table or view")
    place = places.get(made["name"])
    if place is None:
        if made["what"].startswith("CREATE TABLE"):
            raise StoreError(
                f"nothing says where the rows of {made['name']} ({file.name}) belong on a cluster;"
                " add it to SHARDED or EVERYWHERE in modeltally/store/cluster.py"
            )
        place = names["shard_database"]  # what turns spans into rows runs where they arrive
    rest = _qualified(file.body[made.end() :], places)
    path = _SHARD_PATH if place == names["shard_database"] else _EVERYWHERE_PATH
    rest = _ENGINE.sub(
        lambda found: f"ENGINE = Replicated{found[1]}({', '.join(filter(None, (path, found[2])))})", rest
    )
    # a row that is written once is on every node
    where = "" if made["what"] == "INSERT INTO" else " ON CLUSTER {cluster:Identifier}"
    head = sql.Statement(file.name, f"{{place:Identifier}}.{{name:Identifier}}{where}")
    head = head.with_names(names | {"place": place, "name": made["name"]})
    return sql.Statement(file.name, f"{made['what']} {head.text}{rest}")


def _view(name: str, text: str, places: dict[str, str], names: dict[str, str]) -> sql.Statement:
    head = sql.Statement(
        name, "CREATE OR REPLACE VIEW {database:Identifier}.{view:Identifier} ON CLUSTER {cluster:Identifier} AS"
    ).with_names(names | {"view": name})
    return sql.Statement(name, f"{head.text}\n{_qualified(text, places)}")


def _qualified(text: str, places: dict[str, str]) -> str:
    """Put the database before every table and view that a statement names."""

    def qualify(found: re.Match[str]) -> str:
        place = places.get(found["name"])
        return f"{found['how']} {place}.{found['name']}" if place else found[0]

    return _READ.sub(qualify, _FILLED.sub(qualify, text))
