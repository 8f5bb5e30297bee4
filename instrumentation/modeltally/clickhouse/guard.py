"""What may be read through the ClickHouse interface, decided on the engine's own reading of a query.

The engine refuses to write and to lift limits by itself (``readonly = 1``). It does not refuse everything that a reader
on this machine must not do: to read a file with the function ``file``, to write one with ``INTO OUTFILE``, to end other
queries, to look into other databases. So a query must be one statement that reads, and everything it names is
held against lists of what is allowed. What is looked at is the output of ``EXPLAIN AST``, one node a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modeltally.clickhouse.errors import Code, RefusedQueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FUNCTIONS", "READS", "SYSTEM_TABLES", "TABLE_FUNCTIONS", "Allowed", "Reading", "check"]

_SHOWN_CHARACTERS: Final = 80

# Statements that read. What they read is looked at as well.
READS: Final = frozenset(
    {
        "DescribeQuery",
        "ExistsDatabaseQuery",
        "ExistsDictionaryQuery",
        "ExistsTableQuery",
        "ExistsViewQuery",
        "Explain",
        "SelectIntersectExceptQuery",
        "SelectQuery",
        "SelectWithUnionQuery",
        "ShowColumns",
        "ShowCreateDatabaseQuery",
        "ShowCreateDictionaryQuery",
        "ShowCreateTableQuery",
        "ShowCreateViewQuery",
        "ShowEngineQuery",
        "ShowFunctions",
        "ShowIndexes",
        "ShowSetting",
        "ShowTables",
    }
)
# Not a statement, for all its name.
_PARTS: Final = frozenset({"TablesInSelectQuery"})
# Statements named by their table: ``db table`` stands beside the kind.
_NAMING: Final = frozenset(kind for kind in READS if kind.startswith(("Exists", "ShowCreate")))
TABLE_FUNCTIONS: Final = frozenset(
    {"generate_series", "generaterandom", "generateseries", "null", "numbers", "numbers_mt", "primes", "values", "view"}
)
# Functions that reach beyond the database: files, other machines, models. (A test asks the engine for others.)
FUNCTIONS: Final = frozenset(
    {
        "aiclassify",
        "aiembed",
        "aiextract",
        "aifilter",
        "aigenerate",
        "airedact",
        "aisimilarity",
        "aitranslate",
        "catboostevaluate",
        "evalmlmethod",
        "file",
        "joinget",
        "joingetornull",
        "naivebayesclassifier",
        "naivebayesclassifierwithallprobs",
        "naivebayesclassifierwithprob",
        "reversednsquery",
    }
)
# What clients ask about the server, and people about their own tables.
SYSTEM_TABLES: Final = frozenset(
    {
        "aggregate_function_combinators",
        "build_options",
        "clusters",
        "codecs",
        "collations",
        "columns",
        "contributors",
        "data_skipping_indices",
        "data_type_families",
        "database_engines",
        "databases",
        "dictionaries",
        "documentation",
        "events",
        "formats",
        "functions",
        "keywords",
        "licenses",
        "merge_tree_settings",
        "merges",
        "metrics",
        "mutations",
        "numbers",
        "numbers_mt",
        "one",
        "parts",
        "parts_columns",
        "projections",
        "settings",
        "table_engines",
        "table_functions",
        "tables",
        "time_zones",
        "zeros",
        "zeros_mt",
    }
)
_SYSTEM: Final = "system"
_SCHEMATA: Final = frozenset({"information_schema", "INFORMATION_SCHEMA"})
_IN: Final = re.compile(r"(global)?(not)?(null)?in(ignoreset)?", re.IGNORECASE)


@dataclass(frozen=True)
class Allowed:
    """What may be read.

    Attributes:
        database: The database whose tables may be read.
        views: Its views that take parameters.
        others: Databases that exist and may not be read.
    """

    database: str
    views: frozenset[str]
    others: frozenset[str]


@dataclass
class _Node:
    kind: str
    name: str
    children: list[_Node] = field(default_factory=list)

    def walk(self) -> Iterator[_Node]:
        """This node and all below it."""
        left = [self]
        while left:
            node = left.pop()
            yield node
            left.extend(node.children)


@dataclass(frozen=True)
class Reading:
    """A query that may run.

    Attributes:
        is_select: It is a SELECT, whose rows come block by block.
        format: The format it names, None where it leaves that open; of ``SHOW TABLES FROM`` it may be a database.
    """

    is_select: bool
    format: str | None


def check(tree: str, allowed: Allowed) -> Reading:
    """Tell whether a query may run.

    Args:
        tree: What the engine's ``EXPLAIN AST`` says of it, unescaped.
        allowed: What may be read.

    Raises:
        RefusedQueryError: It may not.
    """
    root = _parse(tree)
    if root.kind not in READS:
        raise _not_reading(root)
    if any(child.kind == "Literal" for child in root.children):  # no other part of a statement that reads is one
        raise RefusedQueryError(Code.ACCESS_DENIED, "INTO OUTFILE is not allowed here")
    named = [child.name for child in root.children if child.kind == "Identifier"]
    if root.kind in _NAMING:
        _check_named(root, allowed)
        named = named[len(root.name.split()) :]
    for node in root.walk():
        _check_node(node, allowed)
    return Reading(is_select=root.kind == "SelectWithUnionQuery", format=named[-1] if named else None)


def _check_node(node: _Node, allowed: Allowed) -> None:
    if node.kind not in READS | _PARTS and node.kind.endswith("Query"):
        raise _not_reading(node)
    if node.kind == "TableExpression":
        for child in node.children:
            if child.kind == "Function":
                _check_table_function(child.name, allowed)
    elif node.kind == "TableIdentifier":
        _check_table(node.name, allowed)
    elif node.kind == "Function":
        _check_function(node, allowed)


def _check_function(node: _Node, allowed: Allowed) -> None:
    if node.name.lower() in FUNCTIONS:
        raise RefusedQueryError(Code.ACCESS_DENIED, f"the function {_short(node.name)} is not allowed here")
    if _IN.fullmatch(node.name) and node.children:  # what stands after IN may be a table
        for argument in node.children[0].children[1:]:
            if argument.kind == "Identifier":
                _check_table(argument.name, allowed)


def _check_table_function(name: str, allowed: Allowed) -> None:
    database, _, view = name.rpartition(".")
    if (database in {"", allowed.database} and view in allowed.views) or name.lower() in TABLE_FUNCTIONS:
        return
    raise RefusedQueryError(Code.ACCESS_DENIED, f"the table function {_short(name)} is not allowed here")


def _check_table(name: str, allowed: Allowed) -> None:
    database, dot, table = name.partition(".")
    is_open = not dot or database == allowed.database or database in _SCHEMATA
    if is_open or (database == _SYSTEM and table in SYSTEM_TABLES):
        return
    if database == _SYSTEM or database in allowed.others:
        raise RefusedQueryError(
            Code.ACCESS_DENIED, f"Not enough privileges: {_short(name)} is not for readers of {allowed.database}"
        )


def _check_named(root: _Node, allowed: Allowed) -> None:
    parts = root.name.split(" ")
    if len(parts) > 2:  # noqa: PLR2004 - a database and a table
        raise RefusedQueryError(Code.ACCESS_DENIED, f"names with spaces are not read here: {_short(root.name)}")
    if len(parts) == 2 and parts[0]:  # noqa: PLR2004 - as above
        _check_table(f"{parts[0]}.{parts[1]}" if parts[1] else parts[0], allowed)


def _parse(tree: str) -> _Node:
    """Read the lines as a tree; a name that breaks a line makes them none.

    Raises:
        RefusedQueryError: They are none.
    """
    open_nodes: list[tuple[_Node, int]] = []
    root: _Node | None = None
    for line in tree.rstrip("\n").split("\n"):
        text = line.lstrip(" ")
        depth = len(line) - len(text)
        if not text or depth > len(open_nodes) or (depth == 0 and root is not None):
            raise _unreadable()
        _close(open_nodes, depth)
        node, size = _read(text)
        if open_nodes:
            open_nodes[-1][0].children.append(node)
        else:
            root = node
        open_nodes.append((node, size))
    _close(open_nodes, 0)
    if root is None:
        raise _unreadable()
    return root


def _read(line: str) -> tuple[_Node, int]:
    """Read one line: the node, and how many children it has."""
    said, _, tail = line.rpartition(" (children ")
    size = tail.removesuffix(")")
    has_children = bool(said) and tail.endswith(")") and size.isdecimal()
    kind, _, name = (said if has_children else line).partition(" ")
    return _Node(kind, name.partition(" (alias ")[0]), int(size) if has_children else 0


def _close(open_nodes: list[tuple[_Node, int]], depth: int) -> None:
    while len(open_nodes) > depth:
        node, size = open_nodes.pop()
        if len(node.children) != size:
            raise _unreadable()


def _not_reading(node: _Node) -> RefusedQueryError:
    kind = _short(node.kind.removeprefix("AST").removesuffix("Query"))
    return RefusedQueryError(
        Code.READONLY,
        f"Cannot execute query in readonly mode: {kind} is none of SELECT, SHOW, DESCRIBE, EXISTS, EXPLAIN",
    )


def _unreadable() -> RefusedQueryError:
    return RefusedQueryError(Code.SYNTAX_ERROR, "names with line breaks are not read here")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
