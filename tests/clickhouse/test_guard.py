"""The guard's lists against the engine that is installed: another version of it says here what has to be looked at."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

import chdb
import pytest

from modeltally.clickhouse import functions, guard
from modeltally.clickhouse.errors import RefusedQueryError
from modeltally.clickhouse.guard import Allowed, check
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Rows = Callable[[str], list[str]]

CANARY = "canary-2c81"
# In other builds of the engine.
NOT_IN_THIS_BUILD = {"catboostevaluate", "reversednsquery"}
# Calls that the engine makes of syntax, and knows under no name.
WITHOUT_ENTRY = {"exists", "grouping", "lambda", "untuple"}
NOT_ASKED = {"sleep", "sleepeachrow"}  # they would wait

READING = {
    "DescribeQuery": "DESCRIBE TABLE t",
    "ExistsDatabaseQuery": "EXISTS DATABASE t",
    "ExistsDictionaryQuery": "EXISTS DICTIONARY t",
    "ExistsTableQuery": "EXISTS TABLE t",
    "ExistsViewQuery": "EXISTS VIEW t",
    "Explain": "EXPLAIN SELECT 1",
    "SelectIntersectExceptQuery": "SELECT 1 INTERSECT SELECT 2",
    "SelectQuery": "SELECT 1",
    "SelectWithUnionQuery": "SELECT 1 UNION ALL SELECT 2",
    "ShowColumns": "SHOW COLUMNS FROM t",
    "ShowCreateDatabaseQuery": "SHOW CREATE DATABASE t",
    "ShowCreateDictionaryQuery": "SHOW CREATE DICTIONARY t",
    "ShowCreateTableQuery": "SHOW CREATE TABLE t",
    "ShowCreateViewQuery": "SHOW CREATE VIEW t",
    "ShowEngineQuery": "SHOW ENGINES",
    "ShowFunctions": "SHOW FUNCTIONS",
    "ShowIndexes": "SHOW INDEX FROM t",
    "ShowSetting": "SHOW SETTING max_threads",
    "ShowTables": "SHOW TABLES",
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """Ask an engine without a store, in readonly mode as the interface does; gives lines."""
    connection = chdb.connect(str(tmp_path_factory.mktemp("engine")))
    connection.query("SET readonly = 1", "TSV")
    yield lambda text: str(connection.query(text, "TSVRaw").bytes(), "utf-8", "replace").splitlines()
    connection.close()


def test_each_statement_that_reads_has_the_engines_name(rows: Rows) -> None:
    """The engine calls every statement that reads as the guard does, and the guard knows no other."""
    for kind, text in READING.items():
        assert kind in {line.split()[0] for line in rows(f"EXPLAIN AST {text}")}, text
    assert set(READING) == guard.READS


def test_what_the_guard_names_is_there(rows: Rows) -> None:
    """Tables, table functions and functions of the guard's lists exist: a renamed one is not refused any more."""
    assert set(rows("SELECT name FROM system.tables WHERE database = 'system'")) >= guard.SYSTEM_TABLES
    assert set(rows("SELECT lower(name) FROM system.table_functions")) >= guard.TABLE_FUNCTIONS


def test_every_function_of_the_engine_was_looked_at(rows: Rows) -> None:
    """Each is either allowed or refused, and nothing is on a list that the engine does not have."""
    scalars = set(rows("SELECT lower(name) FROM system.functions WHERE NOT is_aggregate"))
    aggregates = set(rows("SELECT lower(name) FROM system.functions WHERE is_aggregate"))
    assert scalars - functions.SCALARS == functions.REFUSED - aggregates - NOT_IN_THIS_BUILD
    assert aggregates - functions.AGGREGATES == functions.REFUSED - scalars - NOT_IN_THIS_BUILD
    assert functions.SCALARS - scalars == WITHOUT_ENTRY
    assert aggregates >= functions.AGGREGATES
    combinators = rows("SELECT lower(name) FROM system.aggregate_function_combinators")
    assert set(functions.COMBINATORS) == set(combinators)


def test_what_reaches_out_is_refused_by_its_kind(rows: Rows) -> None:
    """Functions of dictionaries, models, the process and the engine's own plans are refused, their aliases too."""
    kinds = "'AI', 'Dictionary', 'Embedded Dictionary', 'Introspection', 'Machine Learning', 'Internal'"
    found = set(
        rows(
            f"SELECT lower(name) FROM system.functions WHERE NOT is_aggregate AND categories IN ({kinds})"  # noqa: S608 - our own text
        )
    )
    assert len(found) > 70
    assert found - functions.REFUSED == {"_cast", "casewithexpression", "nested"}
    aliases = rows("SELECT concat(lower(name), ' ', lower(alias_to)) FROM system.functions WHERE alias_to != ''")
    split = [line.split() for line in aliases]
    assert [pair for pair in split if (pair[0] in functions.REFUSED) != (pair[1] in functions.REFUSED)] == []


def test_a_combinator_lends_its_function_nothing() -> None:
    """An aggregate function may be called with combinators; what is no aggregate one, or is refused, may not."""
    assert all(map(functions.is_allowed, ("sumIf", "quantileTDigestStateOrNull", "uniqArrayIf", "COUNT")))
    refused = ("fileIf", "flameGraphIf", "flameGraphStateMerge", "sumFile", "nosuch", "sum" + 1000 * "If")
    assert not any(map(functions.is_allowed, refused))


# Every place in a statement where an expression, or the name of a function, can stand; F is a call, N a bare name.
PLACES = [
    "SELECT F",
    "SELECT 1 + F AS a",
    "SELECT [1, (2, F)]",
    "SELECT CASE WHEN F = '' THEN 1 ELSE F END",
    "SELECT CASE 1 WHEN F THEN 1 END",
    "SELECT F::String, CAST(F, 'String')",
    "SELECT F[1], F.1",
    "SELECT x -> F",
    "SELECT {'a': F}",
    "SELECT map('a', F)",
    "WITH F AS a SELECT a",
    "WITH (x -> F) AS a SELECT a(1)",
    "WITH N AS a SELECT arrayMap(a, ['x'])",
    "WITH a AS (SELECT F) SELECT * FROM a",
    "WITH RECURSIVE a AS (SELECT F UNION ALL SELECT * FROM a) SELECT * FROM a",
    "SELECT arrayMap(x -> F, [1])",
    "SELECT arrayMap(N, ['x'])",
    "SELECT arrayMap(`N`, ['x'])",
    "SELECT arrayMap(\"N\", ['x'])",
    "SELECT `N`('x')",
    "SELECT arrayFold(N, ['x'], '')",
    "SELECT arrayFilter({name:Identifier}, ['x'])",
    "SELECT mapApply(N, map(1, 2))",
    "SELECT arraySort((x, y) -> F, [1], [2])",
    "SELECT maxIf(1, F = '') FROM t",
    "SELECT max(1) FILTER (WHERE F = '') FROM t",
    "SELECT quantile(F)(1) FROM t",
    "SELECT quantileIf(0.5)(1, F) FROM t",
    "SELECT NIf('x')",
    "SELECT NOrNull('x')",
    "SELECT arrayReduce('N', ['x'])",
    "SELECT arrayReduce('NIf', ['x'])",
    "SELECT arrayReduce(concat('N', ''), ['x'])",
    "SELECT arrayReduceInRanges('N', [(1, 1)], ['x'])",
    "SELECT initializeAggregation('NState', 'x')",
    "SELECT * APPLY(N) FROM (SELECT 'x' AS a)",
    "SELECT * APPLY N FROM (SELECT 'x' AS a)",
    "SELECT * APPLY(x -> F) FROM (SELECT 'x' AS a)",
    "SELECT * APPLY(N(1)) FROM (SELECT 'x' AS a)",
    "SELECT t.* APPLY(N) FROM t",
    "SELECT COLUMNS('a') APPLY(N) FROM t",
    "SELECT COLUMNS(a, b) APPLY(N) FROM t",
    "SELECT t.COLUMNS('a') APPLY(N) FROM t",
    "SELECT * EXCEPT (a) APPLY(N) FROM t",
    "SELECT * REPLACE (F AS a) FROM t",
    "SELECT (SELECT * APPLY(N) FROM (SELECT 'x'))",
    "SELECT DISTINCT F",
    "SELECT DISTINCT ON (F) 1",
    "SELECT 1 FROM t PREWHERE F = ''",
    "SELECT 1 WHERE F = ''",
    "SELECT 1 WHERE 1 IN F",
    "SELECT 1 WHERE 1 IN (1, F)",
    "SELECT 1 WHERE 1 IN (SELECT F)",
    "SELECT 1 WHERE 1 NOT IN (SELECT F)",
    "SELECT 1 WHERE EXISTS (SELECT F)",
    "SELECT 1 WHERE 1 = ANY (SELECT F)",
    "SELECT a FROM t GROUP BY F",
    "SELECT a FROM t GROUP BY GROUPING SETS ((a), (F))",
    "SELECT a FROM t GROUP BY CUBE(F)",
    "SELECT a FROM t GROUP BY a WITH ROLLUP HAVING F = ''",
    "SELECT a FROM t QUALIFY F = ''",
    "SELECT a FROM t ORDER BY F",
    "SELECT a FROM t ORDER BY a COLLATE 'en', F DESC NULLS LAST",
    "SELECT a FROM t ORDER BY a WITH FILL FROM F TO 1 STEP 1",
    "SELECT a FROM t ORDER BY a WITH FILL FROM 1 TO F STEP F STALENESS F",
    "SELECT a FROM t ORDER BY a WITH FILL INTERPOLATE (a AS F)",
    "SELECT a FROM t LIMIT F",
    "SELECT a FROM t LIMIT 1 OFFSET F",
    "SELECT a FROM t LIMIT F BY a",
    "SELECT a FROM t LIMIT 1 BY F",
    "SELECT sum(a) OVER (PARTITION BY F) FROM t",
    "SELECT sum(a) OVER (ORDER BY F) FROM t",
    "SELECT sum(a) OVER (ROWS BETWEEN F PRECEDING AND F FOLLOWING) FROM t",
    "SELECT sum(a) OVER w FROM t WINDOW w AS (PARTITION BY F)",
    "SELECT N('x') OVER () FROM t",
    "SELECT 1 FROM t ARRAY JOIN F AS b",
    "SELECT 1 FROM t LEFT ARRAY JOIN [F] AS b",
    "SELECT 1 FROM t JOIN u ON F = ''",
    "SELECT 1 FROM t ASOF JOIN u ON t.a = u.a AND F < u.b",
    "SELECT 1 FROM t JOIN (SELECT F) AS u USING (a)",
    "SELECT 1 FROM (SELECT F)",
    "SELECT 1 FROM numbers(F)",
    "SELECT 1 FROM view(SELECT F)",
    "SELECT 1 FROM values('a String', (F))",
    "SELECT 1 FROM usage_summary(since = F)",
    "SELECT 1 FROM usage_summary(since = (SELECT F))",
    "SELECT 1 FROM N('x')",
    "SELECT 1 UNION ALL SELECT F",
    "SELECT 1 INTERSECT SELECT F",
    "(SELECT 1) EXCEPT (SELECT F)",
    "DESCRIBE TABLE (SELECT F)",
    "DESCRIBE TABLE N('x')",
    "EXPLAIN SELECT F",
    "EXPLAIN SYNTAX SELECT F",
    "EXPLAIN PLAN actions = 1 SELECT * APPLY(N) FROM t",
    "SELECT * FROM (EXPLAIN SELECT F)",
    "EXPLAIN TABLE OVERRIDE N('x') PARTITION BY F",
    "SHOW TABLES WHERE F = ''",
    "SHOW TABLES WHERE throwIf(1, F)",
    "SHOW TABLES FROM t LIKE 'a' LIMIT F",
    "SHOW FULL TABLES WHERE F = ''",
    "SHOW DATABASES LIKE 'a' LIMIT F",
    "SHOW DICTIONARIES WHERE F = ''",
    "SHOW COLUMNS FROM t WHERE F = ''",
    "SHOW EXTENDED FULL COLUMNS FROM t FROM t WHERE F = ''",
    "SHOW COLUMNS FROM t LIKE 'a' LIMIT F",
    "SHOW INDEX FROM t WHERE F = ''",
    "SHOW CLUSTERS LIKE 'a' LIMIT F",
    "SHOW MERGES LIKE 'a' LIMIT F",
    "SELECT 1 FORMAT CSV SETTINGS additional_result_filter = F",
    "VALUES (F)",
    "FROM t SELECT F",
    "SELECT a FROM t SAMPLE F",
]


# Places where every refused function is tried; the others differ in the place alone.
WHOLE_SWEEP = [
    "SELECT F",
    "SELECT arrayMap(N, ['x'])",
    "SELECT * APPLY(N) FROM (SELECT 'x' AS a)",
    "SELECT 1 FROM t JOIN u ON F = ''",
]
# Forms that are closed to every function, since the engine does not show what they call, or opens tables by them.
CLOSED = {place for place in PLACES if "APPLY" in place or place.startswith("SHOW")} | {
    "SELECT arrayReduce(concat('N', ''), ['x'])",
    "SELECT 1 FROM N('x')",
    "DESCRIBE TABLE N('x')",
    "SELECT * FROM (EXPLAIN SELECT F)",
    "EXPLAIN TABLE OVERRIDE N('x') PARTITION BY F",
    "VALUES (F)",
}
NOT_READ = {
    "SELECT {'a': F}",
    "SELECT 1 FORMAT CSV SETTINGS additional_result_filter = F",
    "SELECT a FROM t SAMPLE F",
}
AGGREGATE_PLACES = ("NIf", "NOrNull", "'N", "OVER ()")


@pytest.fixture(scope="module")
def allowed(rows: Rows) -> Allowed:
    """What a reader of an engine without a store may read."""
    known = frozenset(rows("SELECT lower(name) FROM system.functions"))
    return Allowed("modeltally", frozenset(sql.view_names()), frozenset({"default"}), functions=known)


def passes(rows: Rows, allowed: Allowed, place: str, function: str) -> bool | None:
    """Tell whether a function passes in a place; None where the engine itself cannot read it."""
    try:
        text, tree = read(rows, written(place, function), function)
    except RuntimeError:
        return None
    try:
        check(text, tree, allowed)
    except RefusedQueryError:
        return False
    return True


def test_no_file_is_reached_from_any_place(rows: Rows, allowed: Allowed) -> None:
    """The function that reads files is refused in each place of a statement, in other letters too."""
    tried = {(place, name): passes(rows, allowed, place, name) for place in PLACES for name in ("file", "FiLe")}
    assert [case for case, answer in tried.items() if answer] == []
    assert {place for (place, _), answer in tried.items() if answer is None} == NOT_READ


@pytest.mark.slow(seconds=20, why="two thousand statements")
def test_no_refused_function_is_reached_from_any_place(rows: Rows, allowed: Allowed) -> None:
    """Each function that is refused is so in some places, and some are in all."""
    known = [name for name in rows("SELECT name FROM system.functions") if name.lower() in functions.REFUSED]
    some = ["dictGet", "flameGraph", "sleep", "aiGenerate", "joinGet", "addressToLine"]
    tried = {
        (place, name): passes(rows, allowed, place, name)
        for place in PLACES
        for name in (known if place in WHOLE_SWEEP else some)
    }
    assert [case for case, answer in tried.items() if answer] == []
    assert sum(answer is False for answer in tried.values()) > 900


def test_an_allowed_function_passes_where_a_refused_one_does_not(rows: Rows, allowed: Allowed) -> None:
    """What closes a place is what stands in it, but for the few forms that are closed to every function."""
    names = {place: "max" if any(part in place for part in AGGREGATE_PLACES) else "upper" for place in PLACES}
    assert {place for place in PLACES if passes(rows, allowed, place, names[place]) is False} == CLOSED


def test_no_other_function_reads_a_file_or_connects(rows: Rows, tmp_path: Path) -> None:
    """Every function is asked with a path and with an address: only what the guard refuses reaches either."""
    secret = tmp_path / "secret.txt"
    secret.write_text(CANARY)
    reaching = set()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(0)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        for name in rows("SELECT name FROM system.functions WHERE NOT is_aggregate"):
            if name.lower() not in NOT_ASKED and reaches(rows, listening, name, [str(secret), address]):
                reaching.add(name.lower())
    assert reaching == {"file"}
    assert reaching <= functions.REFUSED


def reaches(rows: Rows, listening: socket.socket, function: str, places: list[str]) -> bool:
    """Tell whether a function gives a file's content, in an answer or in an error, or connects."""
    said = ""
    for place in places:
        try:
            said += "".join(rows(f"SELECT toString(`{function}`('{place}'))"))
        except RuntimeError as error:
            said += str(error)
    try:
        listening.accept()[0].close()
    except BlockingIOError:
        return CANARY in said
    return True


def written(place: str, name: str) -> str:
    """Put a function into a place."""
    return re.sub(r"\bF\b", f"{name}('x')", re.sub(r"\bN(?=\b|If|OrNull|State)", name, place))


def read(rows: Rows, text: str, name: str) -> tuple[str, str]:
    """Have the engine read a statement as the interface does; gives its own text of it, and the tree."""
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    (parsed,) = rows(f"SELECT formatQuerySingleLine('{quoted}')")
    explained = parsed.replace("{name:Identifier}", name)
    return parsed, "\n".join(rows(f"EXPLAIN AST {explained}")) + "\n"
