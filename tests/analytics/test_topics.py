"""Topics: each record agrees with its view, and whatever is made from the records has them all."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.readers import read
from modeltally.analytics.rows import Unit, columns_of, unit_of
from modeltally.analytics.topics import TOPICS, topic_named
from modeltally.analytics.topics.over_time import TIME, TRENDS
from modeltally.analytics.topics.usage import ATTRIBUTE, MODELS
from modeltally.analytics.window import Window
from modeltally.errors import InputError, UnknownNameError
from modeltally.recommend.kinds import AdviceRow
from modeltally.settings import Settings
from modeltally.store import sql
from queries.given import EPOCH, Given, Operation, give

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.analytics.rows import Column
    from modeltally.analytics.topic import Topic
    from modeltally.store import EmbeddedStore
    from support.stores import Template

# of the engine's types, without what wraps them
PYTHON_TYPES = {
    "String": str,
    "Bool": bool,
    "Date": dt.date,
    "Map": dict,
    **dict.fromkeys(("Float32", "Float64"), float),
    **{f"{sign}Int{bits}": int for sign in ("", "U") for bits in (8, 16, 32, 64, 128)},
    **dict.fromkeys(("DateTime", "DateTime64"), dt.datetime),
}
VALUES = {"DateTime64(6, 'UTC')": "'2026-03-02'", "String": "'UTC'", "Float64": "1.0", "UInt32": "90", "UInt8": "1"}
# views that others are made of, and the one that advice is read from
# what advice is made from, and what it came to
NO_TOPICS = {
    "busy_hours",
    "decayed_uses",
    "files_of_models",
    "advice_to_judge",
    "alerts_known",
    "days_of_models",
    "days_watched",
    "live_data_received",
    "losses_since",
    "operations_received",
    "recommendations_last",
    "recommendations_made",
    "regret_by_policy",
    "requests_in_order",
    "inventory_last",
    "uses_of_models",
    "verdicts_newest",
}


@pytest.fixture(scope="module")
def store(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open one store with a request in it."""
    with template.opened(tmp_path_factory.mktemp("topics"), clock=lambda: EPOCH) as opened:
        give(opened, Given(operations=[Operation(at=dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC))]))
        yield opened


def described(store: EmbeddedStore, view: str) -> list[tuple[str, type, bool]]:
    """Name, Python type and nullability of a view's columns, as the engine says."""
    parameters = sql.view(view).parameters
    arguments = ", ".join(f"{name} = {VALUES[kind]}" for name, kind in parameters.items())
    text = f"DESCRIBE TABLE (SELECT * FROM {view}({arguments}))"  # noqa: S608 - a test's own text
    rows = store.database.query(sql.Statement("describe", text))
    return [(str(row["name"]), *_python(str(row["type"]))) for row in rows]


def _python(kind: str) -> tuple[type, bool]:
    bare = re.sub(r"^LowCardinality\((.*)\)$", r"\1", kind)
    inner = re.sub(r"^Nullable\((.*)\)$", r"\1", bare)
    return PYTHON_TYPES[inner.partition("(")[0]], inner != bare


def said(columns: list[Column]) -> list[tuple[str, type, bool]]:
    """Name, type and nullability of a record's columns."""
    return [(column.name, column.type, column.is_nullable) for column in columns]


@pytest.mark.slow(seconds=20, why="every topic")
@pytest.mark.parametrize("topic", TOPICS.values(), ids=list(TOPICS))
def test_row_type_is_what_the_view_gives(store: EmbeddedStore, topic: Topic[Any]) -> None:
    """Names, types and order of a topic's columns are those of its view."""
    assert said(topic.columns) == described(store, topic.view)


def test_advice_row_is_what_is_stored(store: EmbeddedStore) -> None:
    """The same holds for advice, whose evidence is text in the view and a record in the answer."""
    columns = said(columns_of(AdviceRow))
    records = {"evidence", "refutation", "verdicts"}
    stored = [(name, str if name in records else kind, nullable) for name, kind, nullable in columns]
    assert stored == described(store, "recommendations_made")


@pytest.mark.parametrize("topic", TOPICS.values(), ids=list(TOPICS))
def test_topic_takes_what_its_view_takes(topic: Topic[Any]) -> None:
    """Window, settings and arguments of a topic are the parameters of its view, no more and no fewer."""
    given = {"since", "until"} | ({"as_of"} if topic.has_as_of else set())
    given |= {*topic.settings, *(argument.parameter for argument in topic.arguments)}
    assert set(sql.view(topic.view).parameters) == given
    assert set(topic.settings) <= set(Settings.model_fields)


@pytest.mark.parametrize("topic", TOPICS.values(), ids=list(TOPICS))
def test_layout_names_columns_that_are_there(topic: Topic[Any]) -> None:
    """Columns that are shown, and those that give way, are columns of the view; what gives way was shown."""
    names = [column.name for column in topic.columns]
    assert set(topic.layout.columns) <= set(names)
    assert set(topic.layout.first_to_give_way) <= set(topic.layout.columns or names)


def test_every_view_for_people_has_a_topic() -> None:
    """A view that is no part of others has its record; without one no command and no page would show it."""
    views = {path.stem for path in (sql.root() / "views").glob("*/*.sql") if path.parent.name != "figures"}
    assert views - NO_TOPICS == {topic.view for topic in TOPICS.values()}


def test_every_column_has_a_sentence() -> None:
    """A sentence begins with a capital and ends with a full stop."""
    columns = [column for topic in TOPICS.values() for column in topic.columns] + columns_of(AdviceRow)
    assert [column.name for column in columns if not re.fullmatch(r"[A-Z].*\.", column.sentence)] == []


@pytest.mark.parametrize(
    ("name", "kind", "unit"),
    [
        ("p50_ms", float, Unit.MILLISECONDS),
        ("success_rate", float, Unit.SHARE),
        ("share", float, Unit.SHARE),
        ("size_bytes", int, Unit.BYTES),
        ("last_used_at", dt.datetime, Unit.TIME),
        ("day", dt.date, Unit.DAY),
        ("requests", int, Unit.COUNT),
        ("is_unsafe", bool, Unit.FLAG),
        ("model", str, Unit.TEXT),
        ("dropped_by_reason", dict, Unit.COUNTS),
    ],
)
def test_unit_follows_from_name_and_type(name: str, kind: type, unit: Unit) -> None:
    """The ending of a name says the unit; where it says none, the type does."""
    assert unit_of(name, kind) is unit


def test_reader_gives_the_rows_of_a_topic(store: EmbeddedStore) -> None:
    """Settings and window are handed on, and the rows are the view's."""
    day = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
    window = Window(day, until=day + dt.timedelta(days=1), as_of=day + dt.timedelta(days=1))
    (row,) = read(store, MODELS, window, settings=Settings())
    assert row["requests"] == 1
    assert list(row) == [column.name for column in MODELS.columns]


def test_unknown_topic_is_answered_with_the_nearest() -> None:
    """A misspelt name gets the one that was meant."""
    with pytest.raises(UnknownNameError, match="no topic of stats is named 'modles'; did you mean 'models'"):
        topic_named("modles")


def test_arguments_are_those_the_topic_wants() -> None:
    """A topic gets what it wants, with defaults; what it does not take, or lacks, is refused."""
    topics = TOPICS.values()
    given = {"attribute": "acme.team", "operation": None}
    assert arguments_of(ATTRIBUTE, given, topics=topics) == {"attribute": "acme.team", "operation": ""}
    assert arguments_of(MODELS, {"attribute": None, "operation": None}, topics=topics) == {}
    with pytest.raises(InputError, match=r"needs the name of an attribute of your own, for example --name acme\.team"):
        arguments_of(ATTRIBUTE, {"attribute": None, "operation": None}, topics=topics)
    with pytest.raises(InputError, match="'models' takes no --name; only attribute does"):
        arguments_of(MODELS, given, topics=topics)


def test_operation_is_the_one_of_the_kind() -> None:
    """Patterns are counted by their runs, everything else by requests, unless another operation is named."""
    topics = TOPICS.values()
    assert arguments_of(TRENDS, {}, topics=topics) == {"kind": "model", "operation": "model.request"}
    assert arguments_of(TRENDS, {"kind": "pattern"}, topics=topics)["operation"] == "pattern.run"
    chosen = arguments_of(TRENDS, {"kind": "pattern", "operation": "model.load"}, topics=topics)
    assert chosen["operation"] == "model.load"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "modle"}, "no value of --by is named 'modle'; did you mean 'model'"),
        ({"bucket": "fortnight"}, "no value of --bucket is named 'fortnight'"),
        ({"zone": "Mars/Olympus"}, "--tz 'Mars/Olympus' is no time zone"),
        ({"zone": "../../etc/passwd"}, "is no time zone"),
        ({"zone": "\0"}, "is no time zone"),
    ],
)
def test_value_that_is_not_allowed_is_named(given: dict[str, str], message: str) -> None:
    """The message names the flag and the value, and says what is allowed."""
    with pytest.raises((InputError, UnknownNameError), match=re.escape(message)):
        arguments_of(TIME, given, topics=TOPICS.values())


def test_window_of_too_many_stretches_is_refused(store: EmbeddedStore) -> None:
    """A century by the hour is no answer anybody reads; the message says which length would do."""
    window = Window(dt.datetime(2000, 1, 1, tzinfo=dt.UTC), until=dt.datetime(2100, 1, 1, tzinfo=dt.UTC), as_of=EPOCH)
    arguments = arguments_of(TIME, {"bucket": "hour"}, topics=TOPICS.values())
    with pytest.raises(InputError, match="at most 20,000 are answered: choose a shorter window, or --bucket week"):
        read(store, TIME, window, settings=Settings(), arguments=arguments)
