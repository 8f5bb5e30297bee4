"""Answers: rows, what they rest on, why there are none, and what a change in the store does to one that is kept."""

from __future__ import annotations

import builtins
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.statistics import Statistics
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.topics.cost import COST
from modeltally.analytics.topics.over_time import TIME
from modeltally.analytics.topics.quality import COMPLETENESS
from modeltally.analytics.topics.subjects import SUCCESS
from modeltally.analytics.topics.usage import MODELS, OVERVIEW
from modeltally.analytics.window import Window
from modeltally.errors import ParameterError, SettingError, UnknownNameError
from modeltally.settings import Settings
from modeltally.store import sql
from modeltally.store.rollup import Roller
from queries.given import Alias, Evaluation, Given, Heartbeat, Operation, empty, give

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modeltally.store import EmbeddedStore, Row
    from support.stores import Template

NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
DAY = Window(NOON - dt.timedelta(hours=12), NOON + dt.timedelta(hours=12), NOON + dt.timedelta(hours=12))
GIVEN = Given(
    operations=[
        Operation(at=NOON, times=3, user=7, received_after_seconds=60),
        Operation(at=NOON, model="sdxl", received_after_seconds=90),
    ],
    heartbeats=[Heartbeat(at=NOON, started=5, finished=5, dropped=2)],
)
SETTINGS = Settings()


class Counted:
    """A store that counts what is read from it."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store
        self.reads = 0

    def read(self, name: str, parameters: Mapping[str, object]) -> list[Row]:
        """Rows of a view."""
        self.reads += 1
        return self.store.read(name, parameters)

    def run(self, job: str, parameters: Mapping[str, object]) -> list[Row]:
        """Run a job."""
        return self.store.run(job, parameters)

    def states(self, views: tuple[str, ...]) -> list[str] | None:
        """Name the states."""
        return self.store.states(views)


@pytest.fixture(scope="module")
def opened(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open one store for a module."""
    with template.opened(tmp_path_factory.mktemp("answers"), clock=lambda: DAY.as_of) as store:
        yield store


@pytest.fixture
def store(opened: EmbeddedStore) -> EmbeddedStore:
    """Fill the store."""
    empty(opened)
    give(opened, GIVEN)
    return opened


def test_answer_says_what_it_rests_on(store: EmbeddedStore) -> None:
    """Window, zone, number of operations, coverage, loss and the age of the data stand beside the rows."""
    answer = Statistics(store, settings=SETTINGS).ask(MODELS, DAY)
    assert [row["model"] for row in answer.rows] == ["flux", "sdxl"]
    assert answer.empty is None
    trust = answer.trust
    assert (trust.window_since, trust.window_until, trust.as_of, trust.zone) == (DAY.since, DAY.until, DAY.as_of, "UTC")
    assert (trust.n, trust.coverage, trust.known_loss) == (4, "exact", 2)
    assert trust.newest_at == NOON + dt.timedelta(minutes=3)
    assert trust.data_age_seconds == 12 * 3600 - 180
    assert (trust.dirty_hours, trust.quarantined, trust.late, trust.answer_age_seconds) == (1, 0, 0, 0.0)


def test_answer_is_null_where_there_is_nothing_to_say(store: EmbeddedStore) -> None:
    """Of a window without operations and without processes nothing is claimed, and the answer says why."""
    before = Window(DAY.since - dt.timedelta(days=9), DAY.until - dt.timedelta(days=9), DAY.as_of)
    answer = Statistics(store, settings=SETTINGS).ask(MODELS, before)
    assert answer.rows == []
    trust = answer.trust
    assert (trust.n, trust.coverage, trust.known_loss, trust.newest_at) == (0, None, None, None)
    assert trust.data_age_seconds is None
    assert answer.empty is not None
    assert answer.empty.startswith("nothing began between 2026-02-21 00:00")


@pytest.mark.parametrize("name", ["completeness", "users", "distribution", "failures"])
def test_every_topic_is_answered_whole(store: EmbeddedStore, name: str) -> None:
    """Each says what it rests on, in the same words, and can be written as JSON and as a table of any type."""
    topic = TOPICS[name]
    arguments = arguments_of(topic, {}, topics=[topic])
    answer = Statistics(store, settings=SETTINGS).ask(topic, DAY, arguments=arguments)
    told = json.loads(json.dumps(answer.to_dict()))
    assert list(told) == ["topic", "rows", "trust", "empty"]
    assert set(told["trust"]) == {
        *("window_since", "window_until", "as_of", "zone", "n", "coverage", "known_loss", "newest_at"),
        *("data_age_seconds", "dirty_hours", "quarantined", "late", "answer_age_seconds"),
    }
    assert (told["trust"]["window_since"], told["trust"]["known_loss"]) == ("2026-03-02T00:00:00Z", 2)
    assert bool(answer.rows) == (answer.empty is None)
    table = answer.to_arrow()
    assert table.column_names == [column.name for column in topic.columns]
    assert table.num_rows == len(answer.rows)


def test_what_is_counted_is_a_column() -> None:
    """What adds up to the number of operations is a column of counts."""
    counted = {(topic.name, topic.counted) for topic in TOPICS.values() if topic.counted}
    assert len(counted) > 20
    columns = {(topic.name, column.name) for topic in TOPICS.values() for column in topic.columns if column.type is int}
    assert counted <= columns


def test_zone_is_that_of_the_answer(store: EmbeddedStore) -> None:
    """Where days begin elsewhere, the answer says so."""
    arguments = arguments_of(TIME, {"zone": "Asia/Tokyo"}, topics=[TIME])
    assert Statistics(store, settings=SETTINGS).ask(TIME, DAY, arguments=arguments).trust.zone == "Asia/Tokyo"


def test_frames_have_the_types_of_the_columns(store: EmbeddedStore) -> None:
    """Counts stay whole numbers where some are missing, times are in UTC, and the trust goes along."""
    answer = Statistics(store, settings=SETTINGS).ask(MODELS, DAY)
    table = answer.to_arrow()
    assert table.to_pylist()[0] == answer.rows[0]
    assert [str(table.schema.field(name).type) for name in ("model", "requests", "p50_ms", "last_used_at")] == [
        *("string", "int64", "double", "timestamp[us, tz=UTC]"),
    ]
    assert json.loads(table.schema.metadata[b"modeltally"])["trust"]["n"] == 4
    frame = answer.to_pandas()
    assert list(frame["requests"]) == [3, 1]
    assert [str(frame[name].dtype) for name in ("requests", "success_rate")] == ["Int64", "Float64"]
    assert frame.attrs["modeltally"]["trust"]["known_loss"] == 2


@pytest.mark.parametrize(("missing", "call"), [("pandas", "to_pandas"), ("pyarrow", "to_arrow")])
def test_missing_package_is_named_with_its_extra(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, missing: str, call: str
) -> None:
    """Who has no pandas or pyarrow is told what to install, and what works without."""
    answer = Statistics(store, settings=SETTINGS).ask(MODELS, DAY)
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == missing:
            raise ModuleNotFoundError(f"No module named {name!r}")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingError, match=rf"{call}\(\) needs .*{missing}.*pip install 'modeltally\[frames\]'"):
        getattr(answer, call)()


# -- answers that are kept ---------------------------------------------------------------------------------------------


def test_kept_answer_is_given_again(store: EmbeddedStore) -> None:
    """A window up to now is asked once while nothing comes; the age says how long ago, the window is that answer's."""
    asked = Counted(store)
    statistics = Statistics(asked, settings=SETTINGS)
    length = dt.datetime.now(dt.UTC) - NOON + dt.timedelta(days=1)
    first = statistics.ask(MODELS, Window.last(length))
    reads = asked.reads
    first.rows[0]["model"] = "changed by its reader"
    second = statistics.ask(MODELS, Window.last(length))
    assert asked.reads == reads
    assert second.rows[0]["model"] == "flux"
    assert second.trust.window_until == first.trust.window_until
    assert second.trust.answer_age_seconds > first.trust.answer_age_seconds == 0.0
    statistics.ask(MODELS, Window.last(length + dt.timedelta(days=1)))
    statistics.ask(MODELS, DAY)
    statistics.ask(OVERVIEW, DAY)
    status = statistics.cache_status()
    assert status is not None
    assert (status["hits"], status["misses"], status["hit_rate"]) == (1, 4, 0.2)
    # the last two asked of the same day, which is looked at once
    assert asked.reads == reads + 5


def test_cache_can_be_switched_off(store: EmbeddedStore) -> None:
    """With a lifetime of 0 every question is asked anew."""
    asked = Counted(store)
    statistics = Statistics(asked, settings=Settings(cache_ttl_minutes=0))
    for _ in range(2):
        assert statistics.ask(MODELS, DAY).trust.answer_age_seconds == 0.0
    assert asked.reads == 4
    assert statistics.cache_status() is None


def test_answer_about_nothing_is_never_kept(store: EmbeddedStore) -> None:
    """Spans of others change no figure, and end the sentence that says why there are none."""
    statistics = Statistics(store, settings=SETTINGS)
    before = Window(DAY.since - dt.timedelta(days=9), DAY.until - dt.timedelta(days=9), DAY.as_of)
    first = statistics.ask(MODELS, before)
    other = Operation(
        at=before.since + dt.timedelta(hours=1), operation="", attributes={"gen_ai.operation.name": "chat"}
    )
    give(store, Given(operations=[other]), first_id=77)
    second = statistics.ask(MODELS, before)
    assert first.empty is not None
    assert "1 spans of other instrumentations came" not in first.empty
    assert "1 spans of other instrumentations came" in str(second.empty)


def test_what_changes_by_silence_is_never_kept(store: EmbeddedStore) -> None:
    """A process that falls silent sends nothing that could end a kept answer, so there is none."""
    asked = Counted(store)
    statistics = Statistics(asked, settings=SETTINGS)
    for _ in range(2):
        statistics.ask(COMPLETENESS, DAY, arguments={})
    assert asked.reads == 4


def _erase(store: EmbeddedStore) -> None:
    store.run("erase_user", {"user_hash": f"{7:016x}", "as_of": DAY.as_of})


CHANGES: dict[str, tuple[Callable[[EmbeddedStore], object], Callable[[Any], object], object]] = {
    "an event": (
        lambda store: give(store, Given(operations=[Operation(at=NOON, id=99)]), first_id=99),
        lambda answer: answer.rows[0]["requests"],
        4,
    ),
    "an alias": (
        lambda store: give(store, Given(aliases=[Alias(alias="sdxl", name="flux")])),
        lambda answer: [row["model"] for row in answer.rows],
        ["flux"],
    ),
    "a roll": (lambda store: Roller(store.database).run(as_of=DAY.as_of), lambda answer: answer.trust.dirty_hours, 0),
    "an erasure": (_erase, lambda answer: answer.trust.answer_age_seconds, 0.0),
    "a loss": (
        lambda store: give(store, Given(heartbeats=[Heartbeat(at=NOON, instance="p2", dropped=9)])),
        lambda answer: answer.trust.known_loss,
        11,
    ),
    "a month that goes": (
        lambda store: store.database.command(sql.Statement("drop", "TRUNCATE TABLE usage_events")),
        lambda answer: answer.rows,
        [],
    ),
}


@pytest.mark.slow(seconds=6, why="a store for each change")
@pytest.mark.parametrize("change", CHANGES)
def test_change_is_in_the_next_answer(store: EmbeddedStore, change: str) -> None:
    """Whatever an answer was read from changes, the next one is another, kept or not; without a change it is kept."""
    asked = Counted(store)
    statistics = Statistics(asked, settings=SETTINGS)
    do, figure, wanted = CHANGES[change]
    before = statistics.ask(MODELS, DAY)
    reads = asked.reads
    statistics.ask(MODELS, DAY)
    assert asked.reads == reads
    do(store)
    after = statistics.ask(MODELS, DAY)
    assert asked.reads > reads
    assert figure(after) == wanted
    assert change == "an erasure" or figure(before) != wanted


def test_price_and_evaluation_are_in_the_next_answer(store: EmbeddedStore) -> None:
    """What is told of operations that are long over changes what was kept of them."""
    statistics = Statistics(store, settings=SETTINGS)
    arguments = {"kind": "all", "operation": "model.request"}
    (cost,) = statistics.ask(COST, DAY, arguments=arguments).rows
    assert cost["cost_by_price"] is None
    told = {"model": "all", "unit": "request", "amount": "0.5", "currency": "USD", "valid_from": "2026-01-01"}
    store.run("set_price", told)
    (cost,) = statistics.ask(COST, DAY, arguments=arguments).rows
    assert cost["cost_by_price"] == 2
    (success,) = statistics.ask(SUCCESS, DAY, arguments=arguments).rows
    assert success["mean_quality"] is None
    give(store, Given(evaluations=[Evaluation(at=NOON, of=1, of_at=NOON, score=0.25)]), first_id=900)
    (success,) = statistics.ask(SUCCESS, DAY, arguments=arguments).rows
    assert (success["judged"], success["evaluated"], success["mean_quality"]) == (1, 1, 0.25)


def test_heartbeat_without_a_loss_leaves_answers(store: EmbeddedStore) -> None:
    """Processes that only say that they live end no answer."""
    statistics = Statistics(store, settings=SETTINGS)
    statistics.ask(MODELS, DAY)
    give(store, Given(heartbeats=[Heartbeat(at=NOON, instance="p9", started=1, finished=1)]))
    assert statistics.ask(MODELS, DAY).trust.answer_age_seconds > 0


def test_nothing_is_kept_where_the_state_is_unknown(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the shards of a cluster, and where tables are hidden or empty, each question is asked anew."""
    asked = Counted(store)
    statistics = Statistics(asked, settings=SETTINGS)
    monkeypatch.setattr(store.database, "_over_shards", True)
    assert store.states((MODELS.view,)) is None
    monkeypatch.undo()
    monkeypatch.setattr(sql, "relations", lambda _: frozenset({"hidden"}))
    assert store.states((MODELS.view,)) is None
    for _ in range(2):
        statistics.ask(MODELS, DAY)
    assert asked.reads == 4


def test_state_is_of_every_table_that_a_view_reads(store: EmbeddedStore) -> None:
    """A table that a view reads, directly or through others, is in the state of its answers, and no other is."""
    views = ("usage_by_model", "usage_stored")
    assert {"usage_events", "usage_rolls", "aliases"} <= sql.relations(views[0])
    before = store.states(views)
    assert before == store.states(views)
    give(store, Given(aliases=[Alias(alias="a", name="b")]))
    after = store.states(views)
    assert before is not None
    assert after is not None
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, True]


# -- questions from another process ------------------------------------------------------------------------------------


def test_question_from_elsewhere_is_answered_the_same(store: EmbeddedStore) -> None:
    """Rows and trust go through a server as they are."""

    class Elsewhere:
        def __init__(self, statistics: Statistics) -> None:
            self.answer = statistics.answer

    here = Statistics(store, settings=SETTINGS)
    there: Any = Elsewhere(Statistics(store, settings=SETTINGS))
    assert Statistics(there, settings=SETTINGS).ask(MODELS, DAY) == here.ask(MODELS, DAY)


@pytest.mark.parametrize(
    ("topic", "question", "error"),
    [
        ("modles", {"since": DAY.since, "until": DAY.until, "as_of": DAY.as_of, "parameters": {}}, UnknownNameError),
        ("models", {}, ParameterError),
        ("models", {"since": "then", "until": DAY.until, "as_of": DAY.as_of, "parameters": {}}, ParameterError),
        ("models", {"since": DAY.since, "until": DAY.until, "as_of": DAY.as_of}, ParameterError),
        ("models", {"since": DAY.since, "until": DAY.until, "as_of": DAY.as_of, "parameters": {}}, ParameterError),
        (
            "models",
            {"since": DAY.since, "until": DAY.until, "as_of": DAY.as_of, "parameters": {"x": 1}, "moving": 3},
            ParameterError,
        ),
    ],
)
def test_question_that_is_not_understood_is_refused(
    store: EmbeddedStore, topic: str, question: dict[str, object], error: type[Exception]
) -> None:
    """What comes from outside is an answer or a clear error."""
    with pytest.raises(error):
        Statistics(store, settings=SETTINGS).answer(topic, question)
