"""SQL files: where they are found, which parameters they take, which values are let through."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from modeltally.errors import ParameterError, UnknownNameError
from modeltally.store import sql
from modeltally.store.allowed import WORDS

INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))


def bound(kind: str, value: object) -> object:
    """Bind one value to a parameter of a type."""
    return sql.Statement("statement", f"SELECT {{value:{kind}}}").bind({"value": value})["value"]


def test_sql_is_found_in_a_checkout() -> None:
    """Without a folder in the package the SQL of the checkout is used."""
    assert sql.root() == Path(__file__).parents[2] / "queries"
    assert "usage_by_model" in sql.view_names()


def test_schema_comes_in_the_order_of_its_numbers() -> None:
    """The ledger of what was applied is the first file."""
    numbers = [file.name[:4] for file in sql.schema()]
    assert numbers == sorted(numbers)
    assert sql.schema()[0].name == "0000_create_schema_migrations"


def test_column_is_added_to_every_table_made_like_its_table() -> None:
    """One file adds it to all, what keeps rows before what they pass through; another change is of its table alone."""
    like = [
        sql.Statement("0001_create_a", "CREATE TABLE IF NOT EXISTS a (x UInt8)\nENGINE = Null"),
        sql.Statement("0002_create_b", "CREATE TABLE IF NOT EXISTS b AS a\nENGINE = Null"),
        sql.Statement("0003_create_c", "CREATE TABLE IF NOT EXISTS c AS b\nENGINE = Null"),
    ]
    column = sql.Statement("0004_add_y_to_a", "-- A column.\nALTER TABLE a ADD COLUMN IF NOT EXISTS y UInt8")
    index = sql.Statement("0005_add_i_to_a", "ALTER TABLE a ADD INDEX IF NOT EXISTS i x TYPE minmax")
    whole = {file.name: file.body for file in sql.with_tables_alike([*like, column, index])}
    assert list(whole)[3:] == ["0004_add_y_to_a", "0004_add_y_to_c", "0004_add_y_to_b", "0005_add_i_to_a"]
    assert whole["0004_add_y_to_c"] == "ALTER TABLE c ADD COLUMN IF NOT EXISTS y UInt8"


def test_views_come_after_the_views_they_read() -> None:
    """A view is installed when those it reads are there."""
    names = [view.name for view in sql.views_in_order()]
    assert sorted(names) == sorted(sql.view_names())
    assert names.index("usage_cover") < names.index("usage_figures") < names.index("usage_summary")
    assert names.index("usage_summary") < names.index("usage_by_model")


def test_view_names_its_nearest_when_unknown() -> None:
    """A slip in a view's name is answered with the name that was meant."""
    with pytest.raises(UnknownNameError, match="did you mean 'usage_by_model'") as caught:
        sql.view("usage_by_modle")
    assert caught.value.nearest == "usage_by_model"


def test_parameters_are_found_with_their_types() -> None:
    """Types with parentheses are parameters like any other; comments have none."""
    text = "-- {comment:String}\nSELECT {since:DateTime64(6, 'UTC')}, {name:String}, {name:String}"
    assert sql.Statement("statement", text).parameters == {"since": "DateTime64(6, 'UTC')", "name": "String"}


def test_bind_refuses_what_is_missing() -> None:
    """The message names the parameter and its type."""
    with pytest.raises(ParameterError, match=r"needs the parameter 'number' \(UInt32\)"):
        sql.Statement("statement", "SELECT {number:UInt32}").bind({})


def test_bind_refuses_what_is_not_taken() -> None:
    """The message names what is taken."""
    with pytest.raises(ParameterError, match=r"takes no parameter 'nmber'; it takes number"):
        sql.Statement("statement", "SELECT {number:UInt32}").bind({"nmber": 1, "number": 1})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-02T10:00:00Z", "2026-03-02 10:00:00.000000"),
        ("2026-03-02 10:00:00.000001", "2026-03-02 10:00:00.000001"),
        ("2026-03-02", "2026-03-02 00:00:00.000000"),
        (dt.datetime(2026, 3, 2, 10, tzinfo=INDIA), "2026-03-02 04:30:00.000000"),
        (dt.datetime(2026, 3, 2, 10), "2026-03-02 10:00:00.000000"),  # noqa: DTZ001 - naive on purpose
        ("2026-03-02T10:00:00+05:30", "2026-03-02 04:30:00.000000"),
    ],
)
def test_time_is_bound_in_utc(value: object, expected: str) -> None:
    """Times are converted to UTC; where no zone is given they are in it."""
    assert bound("DateTime64(6, 'UTC')", value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("Date", "2026-03-02", "2026-03-02"),
        ("Date", dt.date(2026, 3, 2), "2026-03-02"),
        ("String", "flux-dev", "flux-dev"),
        ("String", "", ""),
        ("String", "'; DROP TABLE users --", "'; DROP TABLE users --"),
        ("String", "模型\u3000\u202e\u200d", "模型\u3000\u202e\u200d"),
        ("Float64", "0.5", 0.5),
        ("Float64", 3, 3.0),
        ("UInt8", 255, 255),
        ("UInt64", 2**64 - 1, 2**64 - 1),
        ("UInt32", "7", 7),
        ("DateTime('UTC')", "2026-03-02T10:00:00Z", 1772445600),
        (
            "Array(DateTime('UTC'))",
            [dt.datetime(2026, 3, 2, 15, 30, tzinfo=INDIA), "2026-03-03"],
            [1772445600, 1772496000],
        ),
        ("Array(UInt32)", (1, "2"), [1, 2]),
        ("Array(String)", [], []),
    ],
)
def test_value_that_fits_is_bound(kind: str, value: object, expected: object) -> None:
    """A value of the parameter's type goes through as it is."""
    assert bound(kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("DateTime64(6, 'UTC')", "yesterday"),
        ("DateTime64(6, 'UTC')", 17),
        ("DateTime64(6, 'UTC')", None),
        ("DateTime64(6, 'UTC')", "0001-01-01"),
        ("DateTime64(6, 'UTC')", "2262-05-01"),
        ("Date", "2026-02-30"),
        ("Date", "2026-03-02 10:00"),
        ("String", "line\nbreak"),
        ("String", "null\0byte"),
        ("String", "\x1b[31m"),
        ("String", "half a character \udcff"),
        ("String", "x" * 70_000),
        ("Float64", "many"),
        ("Float64", None),
        ("Float64", "nan"),
        ("Float64", "-inf"),
        ("UInt8", 256),
        ("UInt32", -1),
        ("UInt32", 1.5),
        ("UInt32", "1; DROP TABLE users"),
        ("UInt64", 2**64),
        ("DateTime('UTC')", "2026-03-02T10:00:00.5"),
        ("DateTime('UTC')", "1969-12-31T23:59:59"),
        ("DateTime('UTC')", "2106-02-07T06:28:16"),
        ("DateTime('UTC')", 1772445600),
        ("Array(UInt32)", [1, -1]),
        ("Array(UInt32)", 1),
        ("Array(String)", "abc"),
        ("Array(String)", {"a": 1}),
        ("Array(String)", ["a", "line\nbreak"]),
        ("Array(UInt8)", [0] * 100_001),
        ("Array(DateTime('UTC'))", ["2026-03-02", None]),
    ],
)
def test_value_that_does_not_fit_is_refused(kind: str, value: object) -> None:
    """The message names statement, parameter and type."""
    with pytest.raises(ParameterError, match=r"statement: value = .* is no "):
        bound(kind, value)


@pytest.mark.parametrize(
    ("name", "kind", "value", "message"),
    [
        (
            "per",
            "String",
            "fortnight",
            "is none of: '', hour, day, week, month, hour_of_day, day_of_week, hour_of_week",
        ),
        ("bucket", "String", "", "is none of: hour, day, week, month"),
        ("width", "UInt32", 0, "is none of: 3600, 86400"),
        ("zone", "String", "Europe/Berln", "is no time zone; did you mean 'Europe/Berlin'?"),
        ("zone", "String", "../../etc/passwd", "is no time zone; "),
        ("abandoned_after_seconds", "Float64", -1, "is not in 0..1000000000"),
        ("abandoned_after_seconds", "Float64", 2**63, "is not in 0..1000000000"),
    ],
)
def test_value_that_its_parameter_does_not_take_is_refused(name: str, kind: str, value: object, message: str) -> None:
    """It is of the right type, and would be answered with something else."""
    with pytest.raises(ParameterError, match=re.escape(message)):
        sql.Statement("statement", f"SELECT {{{name}:{kind}}}").bind({name: value})


def test_type_no_caller_can_pass_is_refused() -> None:
    """Maps and identifiers never come from outside."""
    with pytest.raises(ParameterError, match="which no caller can pass"):
        bound("Map(String, String)", {"a": "b"})
    with pytest.raises(ParameterError, match="which no caller can pass"):
        bound("Array(Map(String, String))", [{}])


def test_every_statement_takes_types_callers_can_pass() -> None:
    """No file has a parameter that could not be bound."""
    examples: dict[str, object] = {
        "Date": "2026-01-01",
        "String": "a",
        "Float64": 1,
        "DateTime64(6, 'UTC')": "2026-01-01",
        "DateTime('UTC')": "2026-01-01",
        "Array(DateTime('UTC'))": ["2026-01-01"],
        "Array(String)": ["a"],
        "Array(UInt64)": [1],
        "Array(Array(UInt64))": [[1]],
    }
    for path in sql.root().rglob("*.sql"):
        if path.is_relative_to(sql.root() / "grafana"):
            continue  # Grafana puts its own values in
        found = sql.Statement(path.stem, path.read_text())
        words = {"zone": "UTC"} | {name: allowed[0] for name, allowed in WORDS.items()}
        found.bind({name: words.get(name, examples.get(kind, 1)) for name, kind in found.parameters.items()})
