"""A call of a view becomes the view's text: the same answers, and a slip in a call is found when it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modeltally.store import sql
from modeltally.store._include import include, without_comments
from store.answers import Asking, asked_views, lived_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.store import EmbeddedStore
    from modeltally.store.client import Database
    from support.stores import Template

VIEWS = {
    "numbers_below": "SELECT number AS n FROM numbers({limit:UInt32})",
    "named": "SELECT {word:String} AS word, {word:String} = 'a' AS is_a, {at:DateTime64(6, 'UTC')} AS at",
    "evens": (
        "WITH {step:UInt8} AS by SELECT n FROM (\nSELECT number AS n FROM numbers({limit:UInt32})\n) WHERE n % by = 0"
    ),
    "from_users": "WITH found AS (SELECT user_hash FROM users) SELECT count() AS n FROM found WHERE 1 = {one:UInt8}",
}


def included(body: str) -> str:
    """A statement that calls some of the views above."""
    return include("caller", body, VIEWS.get)


def test_call_becomes_the_text_of_the_view() -> None:
    """What passes a parameter on keeps it, and everything around the call stays."""
    body = "SELECT n FROM numbers_below(limit = {limit:UInt32}) AS x WHERE n > {limit:UInt32}"
    text = "SELECT n FROM (\nSELECT number AS n FROM numbers({limit:UInt32})\n) AS x WHERE n > {limit:UInt32}"
    assert included(body) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("3", "3::UInt32"),
        ("-3", "(-3)::UInt32"),
        ("{n:UInt32}", "{n:UInt32}"),
        ("{n:UInt8}", "{n:UInt8}::UInt32"),
        ("1 + (2 * {n:UInt32})", "(1 + (2 * {n:UInt32}))::UInt32"),
        ("length([1, 2, 3])", "(length([1, 2, 3]))::UInt32"),
        ("length('),(')", "(length('),('))::UInt32"),
    ],
)
def test_value_has_the_type_of_the_parameter(value: str, expected: str) -> None:
    """A value is of the view's type, as if it had been passed to the view."""
    assert f"numbers({expected})" in included(f"SELECT n FROM numbers_below(limit = {value})")  # noqa: S608 - a test's own text


@pytest.mark.parametrize(
    ("word", "is_a"),
    [
        ("'a'", 1),
        ("'), at = (, '", 0),
        (r"'it\'s (not) FROM named('", 0),
        ("'it''s'", 0),
        ("concat('', 'a')", 1),
        ("'-- no comment'", 0),
    ],
)
def test_texts_with_anything_in_them_are_values(database: Database, word: str, is_a: int) -> None:
    """Parentheses, commas, quotes and what looks like a call or a comment mean nothing inside a text."""
    body = without_comments(f"SELECT *, {word} AS meant FROM named(word = {word}, at = '2026-03-02 10:00:00') -- (")  # noqa: S608 - a test's own text
    (row,) = database.query(sql.Statement("named", included(body)))
    assert (row["word"], row["is_a"]) == (row["meant"], is_a)
    assert str(row["at"]) == "2026-03-02 10:00:00+00:00"


def test_comments_are_no_part_of_a_statement() -> None:
    """A comment goes to the end of its line, and one inside a text is none."""
    assert (
        without_comments("-- a 'b\nSELECT '--' AS a, -- FROM named(\n    'x' AS b")
        == "SELECT '--' AS a, \n    'x' AS b"
    )


def test_calls_stand_anywhere_and_more_than_once(database: Database) -> None:
    """In a subquery, in a CTE, in a join, and beside functions and names that are no calls of ours."""
    body = (
        "WITH few AS (SELECT n FROM numbers_below(limit = 3)) "
        "SELECT (SELECT max(n) FROM evens(limit = 8, step = 3)) AS most, few.n AS n, e.n AS even "
        "FROM few INNER JOIN evens(limit = 5, step = 2) AS e ON e.n = few.n "
        "WHERE few.n IN (SELECT number FROM numbers(9)) "
        "ORDER BY n"
    )
    rows = database.query(sql.Statement("all", included(body)))
    assert [tuple(row.values()) for row in rows] == [(6, 0, 0), (6, 2, 2)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("numbers_below(limit = 3, other = 4)", "numbers_below takes no parameter 'other'; it takes limit"),
        ("numbers_below()", "the call of numbers_below does not give the parameter 'limit'"),
        ("evens(limit = 3)", "the call of evens does not give the parameter 'step'"),
        ("numbers_below(limit = (3)", "the call of numbers_below is not closed"),
        ("numbers_below(limit = '3)", "the call of numbers_below is not closed"),
        ("numbers_below(3)", "'3' in the call of numbers_below is not parameter = value"),
        ("numbers_below(limit = )", "in the call of numbers_below is not parameter = value"),
        ("numbers_below(limit = 3, , )", "'' in the call of numbers_below is not parameter = value"),
        ("numbers_below(limit = 3, limit = 4)", "the call of numbers_below gives limit twice"),
    ],
)
def test_slip_in_a_call_is_named(call: str, message: str) -> None:
    """The file, the view and the parameter are named when the file is loaded."""
    with pytest.raises(RuntimeError) as caught:
        included(f"SELECT n FROM {call}")  # noqa: S608 - a test's own text
    assert str(caught.value) == f"caller: {message}" or message in str(caught.value)
    assert str(caught.value).startswith("caller: ")


def test_name_that_would_hide_a_table_is_refused() -> None:
    """A part of the calling statement must not be read where the view means a table; a part of the view's own may."""
    with pytest.raises(RuntimeError, match="caller: users hides from from_users the table of that name"):
        included("WITH users AS (SELECT 1 AS user_hash) SELECT n FROM from_users(one = 1)")
    assert "users" in included("WITH found AS (SELECT 1 AS one) SELECT n FROM from_users(one = 1), found")


def test_part_of_a_view_is_read_by_the_view_alone(database: Database) -> None:
    """Where a view and its caller name parts alike, each reads its own."""
    views = {"inner": "WITH part AS (SELECT 1 AS n) SELECT n + {more:UInt8} AS n FROM part"}
    body = "WITH part AS (SELECT 10 AS n) SELECT i.n AS i, part.n AS n FROM inner(more = 1) AS i CROSS JOIN part"
    assert database.query(sql.Statement("both", include("outer", body, views.get))) == [{"i": 2, "n": 10}]


def test_views_in_a_circle_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two views that read each other can never be put in."""
    (tmp_path / "views").mkdir()
    for one, other in (("a", "b"), ("b", "a")):
        (tmp_path / "views" / f"{one}.sql").write_text(f"SELECT n FROM {other}()")  # noqa: S608 - a test's own text
    monkeypatch.setattr(sql, "root", lambda: tmp_path)
    with pytest.raises(RuntimeError, match="views read each other in a circle: "):
        sql._views.__wrapped__()["a"]


def test_calls_are_left_where_each_shard_answers() -> None:
    """No statement has a call of a view left, but for those of shards, where the tables are over all of them."""
    jobs = [
        sql.statement(str(path.relative_to(sql.root() / "jobs").with_suffix("")))
        for path in sorted((sql.root() / "jobs").rglob("*.sql"))
    ]
    statements = [*sql.views_in_order(), *jobs]
    assert any(statement.calls_shards for statement in statements)
    for statement in statements:
        assert not any(f"FROM {name}(" in statement.body for name in sql.view_names()), statement.name
        left = [name for name in sql.view_names() if f"FROM {name}(" in statement.over_shards]
        assert set(left) <= set(sql.ON_EACH_SHARD), statement.name
        assert statement.calls_shards == bool(left), statement.name


@pytest.fixture(scope="module")
def called(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open a store that has been lived in; each view is installed there with its calls too, as ``called_`` it."""
    with template.opened(tmp_path_factory.mktemp("called")) as store:
        lived_in(store)
        for view in sql.views_in_order():
            text = without_comments(next((sql.root() / "views").rglob(f"{view.name}.sql")).read_text())
            for name in sql.view_names():
                text = text.replace(f"FROM {name}(", f"FROM called_{name}(")
            store.database.install_view(sql.Statement(f"called_{view.name}", text))
        yield store


@pytest.mark.slow(seconds=20, why="every view, put in and called")
@pytest.mark.parametrize(("name", "asking"), asked_views())
def test_text_answers_as_the_call(called: EmbeddedStore, name: str, asking: Asking) -> None:
    """Every view answers every question the same whether its views are put in or called."""
    view = sql.view(name)
    values = ", ".join(f"{parameter} = {{{parameter}:{kind}}}" for parameter, kind in view.parameters.items())
    columns = "* EXCEPT (users), bitmapToArray(users)" if name in {"usage_figures", "usage_named_figures"} else "*"
    called_as = f"called_{name}({values})" if values else f"called_{name}"
    for asked in asking(view):
        by_call, put_in = (
            called.database.query(sql.Statement(name, f"SELECT {columns} FROM {source} ORDER BY ALL"), asked)  # noqa: S608 - a view of ours
            for source in (called_as, f"({view.body})")
        )
        assert put_in == by_call
