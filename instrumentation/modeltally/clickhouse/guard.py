"""What may be read through the ClickHouse interface, decided on the engine's own reading of a query.

The engine refuses to write and to lift limits by itself (``readonly = 1``). It does not refuse everything that a reader
on this machine must not do: to read a file with the function ``file``, to write one with ``INTO OUTFILE``, to end other
queries, to look into other databases. So a query must be one statement that reads, and everything it names is
held against lists of what is allowed. What is looked at is the output of ``EXPLAIN AST``, one node a line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from modeltally.clickhouse.errors import Code, RefusedQueryError
from modeltally.clickhouse.functions import is_allowed
from modeltally.clickhouse.tree import Node, parse

__all__ = ["NODES", "READS", "SYSTEM_TABLES", "TABLE_FUNCTIONS", "Allowed", "Reading", "check"]

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
# Of what they consist, as far as the engine shows all that is in it. It does not show what APPLY calls.
NODES: Final = READS | {
    "ArrayJoin",
    "Asterisk",
    "ColumnsExceptTransformer",
    "ColumnsListMatcher",
    "ColumnsRegexpMatcher",
    "ColumnsReplaceTransformer",
    "ColumnsReplaceTransformer::Replacement",
    "ColumnsTransformerList",
    "ExpressionList",
    "Function",
    "Identifier",
    "InterpolateElement",
    "Literal",
    "OrderByElement",
    "QualifiedAsterisk",
    "QualifiedColumnsListMatcher",
    "QualifiedColumnsRegexpMatcher",
    "SampleRatio",
    "Set",
    "Subquery",
    "TableExpression",
    "TableIdentifier",
    "TableJoin",
    "TablesInSelectQuery",
    "TablesInSelectQueryElement",
    "WindowDefinition",
    "WindowListElement",
    "WithElement",
}
# Statements named by their table: ``db table`` stands beside the kind.
_NAMING: Final = frozenset(kind for kind in READS if kind.startswith(("Exists", "ShowCreate")))
TABLE_FUNCTIONS: Final = frozenset(
    {"generate_series", "generaterandom", "generateseries", "null", "numbers", "numbers_mt", "primes", "values", "view"}
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
# Take the name of an aggregate function as a text.
_NAMING_FUNCTIONS: Final = frozenset({"arrayreduce", "arrayreduceinranges", "initializeaggregation"})
_NAMED_FUNCTION: Final = re.compile(r"'(\w+)(\([\w., ]*\))?'")
_EXPLAINED: Final = frozenset(
    f"EXPLAIN{kind}" for kind in ("", " AST", " SYNTAX", " QUERY TREE", " PLAN", " PIPELINE", " ESTIMATE")
)
_NAME: Final = r"(?:\w+|`(?:[^`\\]|\\.)+`)"
_PATTERN: Final = r"(?: (?:NOT )?I?LIKE '(?:[^'\\]|\\.)*')?"
# The whole of a statement whose parts the engine does not show: those named here have none that could call anything.
_SHOWN: Final = re.compile(
    rf"SHOW (?:(?:(?:FULL )?(?:TEMPORARY )?(?:TABLES|DICTIONARIES)(?: FROM {_NAME})?"
    rf"|DATABASES|(?:CHANGED )?SETTINGS|CLUSTERS|MERGES|FUNCTIONS){_PATTERN}(?: LIMIT \d+)?"
    rf"|(?:EXTENDED )?(?:FULL )?COLUMNS FROM {_NAME}(?: FROM {_NAME})?{_PATTERN}(?: LIMIT \d+)?"
    rf"|(?:EXTENDED )?INDEXES FROM {_NAME}(?: FROM {_NAME})?"
    rf"|ENGINES|SETTING {_NAME})(?: FORMAT {_NAME})?"
)
_SHOWS: Final = frozenset(kind for kind in READS if kind.startswith("Show")) - _NAMING
_TEXT: Final = re.compile(r"'(?:[^'\\]|\\.)*'")
_WORD: Final = re.compile(r"[^\W\d]\w*")
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
        functions: All functions the engine knows, in lower case.
    """

    database: str
    views: frozenset[str]
    others: frozenset[str]
    functions: frozenset[str]


@dataclass(frozen=True)
class Reading:
    """A query that may run.

    Attributes:
        is_select: It is a SELECT, whose rows come block by block.
        format: The format it names, None where it leaves that open; of ``SHOW TABLES FROM`` it may be a database.
        clauses: How many SETTINGS clauses are in it.
    """

    is_select: bool
    format: str | None
    clauses: int = 0


def check(text: str, tree: str, allowed: Allowed) -> Reading:
    """Tell whether a query may run.

    Args:
        text: The query as the engine writes it.
        tree: What the engine's ``EXPLAIN AST`` says of it, unescaped.
        allowed: What may be read.

    Raises:
        RefusedQueryError: It may not.
    """
    root = parse(tree)
    if root.kind not in READS:
        raise _not_reading(root)
    if any(child.kind == "Literal" for child in root.children):  # no other part of a statement that reads is one
        raise RefusedQueryError(Code.ACCESS_DENIED, "INTO OUTFILE is not allowed here")
    named = [child.name for child in root.children if child.kind == "Identifier"]
    if root.kind in _NAMING:
        _check_named(root, allowed)
        named = named[len(root.name.split()) :]
    if root.kind in _SHOWS and not _SHOWN.fullmatch(text):
        raise RefusedQueryError(
            Code.ACCESS_DENIED, f"SHOW is answered with LIKE alone; ask the table in system: {_short(text)}"
        )
    # functions of the query's own, whose content is looked at like everything else
    own = frozenset(node.alias for node in root.walk() if (node.kind, node.name) == ("Function", "lambda"))
    for node in root.walk():
        _check_node(node, allowed, own)
    _check_words(text, allowed)
    clauses = sum(child.kind == "Set" for node in root.walk() if node.kind != "Explain" for child in node.children)
    return Reading(root.kind == "SelectWithUnionQuery", named[-1] if named else None, clauses)


def _check_node(node: Node, allowed: Allowed, own: frozenset[str]) -> None:
    if node.kind not in NODES:
        if node.kind.endswith("Query"):
            raise _not_reading(node)
        what = "APPLY" if node.kind == "ColumnsApplyTransformer" else _short(node.kind)
        raise RefusedQueryError(Code.ACCESS_DENIED, f"{what} is not allowed here")
    tables = [child for child in node.children if node.kind == "TableExpression" and child.kind == "Function"]
    for child in tables:
        _check_table_function(child.name, allowed)
    for child in node.children:
        if child.kind == "Function" and child not in tables:
            _check_function(child, allowed, own)
    if node.kind == "TableIdentifier":
        _check_table(node.name, allowed)
    elif node.kind == "Identifier":
        _check_identifier(node.name, allowed)
    elif node.kind == "Explain" and node.name not in _EXPLAINED:
        raise _not_reading(node)


def _check_function(node: Node, allowed: Allowed, own: frozenset[str]) -> None:
    if not is_allowed(node.name) and (node.name.lower() in allowed.functions or node.name not in own):
        if node.name.lower() in allowed.functions:
            raise _function_refused(node.name)
        raise RefusedQueryError(Code.UNKNOWN_FUNCTION, f"Function with name {_short(node.name)} is not known here")
    arguments = node.children[0].children if node.children else []
    if node.name.lower() in _NAMING_FUNCTIONS:
        named = _NAMED_FUNCTION.fullmatch(arguments[0].name) if arguments else None
        if named is None or not is_allowed(named[1]):
            raise _function_refused(arguments[0].name if arguments else node.name)
    if _IN.fullmatch(node.name):  # what stands after IN may be a table, or a function that gives one
        for argument in arguments[1:]:
            if argument.kind == "Identifier":
                _check_table(argument.name, allowed)


def _check_identifier(name: str, allowed: Allowed) -> None:
    """Refuse a function that is given as a value, and a table that is named where a column could be."""
    if name.lower() in allowed.functions and not is_allowed(name):
        raise _function_refused(name)
    database, _, rest = name.partition(".")
    if rest and (database == _SYSTEM or database in allowed.others):
        _check_table(f"{database}.{rest.partition('.')[0]}", allowed)


def _check_words(text: str, allowed: Allowed) -> None:
    """Refuse a function that stands anywhere at all, in case the engine does not show the place in its tree."""
    for word in _WORD.findall(_TEXT.sub("''", text)):
        if word.lower() in allowed.functions and not is_allowed(word):
            raise _function_refused(word)


def _function_refused(name: str) -> RefusedQueryError:
    return RefusedQueryError(Code.ACCESS_DENIED, f"the function {_short(name)} is not allowed here")


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


def _check_named(root: Node, allowed: Allowed) -> None:
    parts = root.name.split(" ")
    if len(parts) > 2:  # noqa: PLR2004 - a database and a table
        raise RefusedQueryError(Code.ACCESS_DENIED, f"names with spaces are not read here: {_short(root.name)}")
    if len(parts) == 2 and parts[0]:  # noqa: PLR2004 - as above
        _check_table(f"{parts[0]}.{parts[1]}" if parts[1] else parts[0], allowed)


def _not_reading(node: Node) -> RefusedQueryError:
    kind = _short(node.kind.removeprefix("AST").removesuffix("Query"))
    return RefusedQueryError(
        Code.READONLY,
        f"Cannot execute query in readonly mode: {kind} is none of SELECT, SHOW, DESCRIBE, EXISTS, EXPLAIN",
    )


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "..."
