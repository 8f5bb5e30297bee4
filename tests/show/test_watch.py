"""What a watcher tells of a store: what came, what was advised, what was rolled, what is wrong; nothing twice."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.show.events import Broker
from modeltally.show.watch import MOST_LINES, Watcher
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modeltally.store import EmbeddedStore
    from support.stores import Template

NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)


class Recorder(Broker):
    """Keeps what is published."""

    def __init__(self) -> None:
        super().__init__(now=lambda: NOW)
        self.told: list[tuple[str, Mapping[str, object]]] = []
        self.is_listening = True

    @property
    def is_watched(self) -> bool:
        """Whether a test listens."""
        return self.is_listening

    def publish(self, kind: str, data: Mapping[str, object]) -> None:
        """Keep it."""
        self.told.append((kind, data))
        super().publish(kind, data)

    def take(self) -> list[tuple[str, Mapping[str, object]]]:
        """Give what was told since the last time."""
        told, self.told = self.told, []
        return told


@pytest.fixture(scope="module")
def store(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open one store for all."""
    with template.opened(tmp_path_factory.mktemp("watched"), clock=lambda: NOW) as opened:
        yield opened


def watcher(store: Any, broker: Broker, **given: Any) -> Watcher:
    """Make a watcher that looks when it is told to."""
    return Watcher(store, broker, **{"problem": lambda: None, "now": lambda: NOW, **given})


def some(model: str, **given: Any) -> Given:
    """Give operations that came just now."""
    return Given(operations=[Operation(at=NOW - dt.timedelta(minutes=1), model=model, received_at=NOW, **given)])


def test_what_came_is_told_once_by_model_and_outcome(store: EmbeddedStore) -> None:
    """What was there is known; what comes is told summed up; a look at nothing new tells nothing."""
    give(store, some("before", times=3))
    broker = Recorder()
    watching = watcher(store, broker)
    watching.look()
    assert broker.take() == [("state", {"status": "ok", "problem": None})]
    give(store, some("flux", times=2))
    give(store, some("flux", outcome="error"))
    watching.look()
    ((kind, data),) = broker.take()
    line = {"operation": "model.request", "model": "flux", "pattern": ""}
    assert (kind, data) == (
        "operations",
        {
            "count": 3,
            "lines": [{**line, "outcome": "success", "count": 2}, {**line, "outcome": "error", "count": 1}],
            "not_listed": 0,
        },
    )
    watching.look()
    assert broker.take() == []


def test_what_is_told_is_bounded(store: EmbeddedStore) -> None:
    """Of very many models the most frequent are named, and how many operations are not."""
    broker = Recorder()
    watching = watcher(store, broker)
    watching.look()
    operations = [
        Operation(at=NOW - dt.timedelta(minutes=1), model=f"m-{number}", received_at=NOW)
        for number in range(MOST_LINES + 7)
    ]
    give(store, Given(operations=operations))
    watching.look()
    (_, (_, data)) = broker.take()
    assert len(data["lines"]) == MOST_LINES  # type: ignore[arg-type] # a list
    assert (data["count"], data["not_listed"]) == (MOST_LINES + 7, 7)


def test_advice_and_rolls_are_told(store: EmbeddedStore) -> None:
    """A run of advice is told by what it says; a roll is told when it has changed anything."""
    broker = Recorder()
    watching = watcher(store, broker)
    watching.look()
    broker.take()
    store.run("recommend_cleanup", {"policy": "seed", "as_of": NOW})
    store.run("roll", {"as_of": NOW})
    watching.look()
    told = dict(broker.take())
    assert {"advice", "roll"} <= told.keys()
    made: Any = told["advice"]["made"]
    assert {(line["kind"], line["policy"]) for line in made} == {("cleanup", "seed")}
    watching.look()
    assert broker.take() == []


def test_roll_of_this_process_is_told_by_its_end(store: EmbeddedStore) -> None:
    """Where the process makes the rolls, each is told with how it went, once."""
    broker, last = Recorder(), [{}, {}, {"at": "10:00", "error": None}, {"at": "10:00", "error": None}]
    watching = watcher(store, broker, last_roll=lambda: last.pop(0))
    for _ in range(4):
        watching.look()
    assert [data for kind, data in broker.take() if kind == "roll"] == [{"last_roll": {"at": "10:00", "error": None}}]


def test_problem_is_told_when_it_changes() -> None:
    """What is wrong is told also while nobody listens, and that it is over."""
    problems = [None, "the disk is full", "the disk is full", None]
    broker = Recorder()
    broker.is_listening = False
    watching = watcher(object(), broker, problem=lambda: problems.pop(0))
    for _ in range(4):
        watching.look()
    assert [data["status"] for _, data in broker.take()] == ["ok", "failing", "ok"]


def test_store_is_not_asked_while_nobody_listens(store: EmbeddedStore) -> None:
    """What came meanwhile is not told afterwards, and who comes back begins anew."""

    class Asked:
        """Counts questions."""

        def __init__(self) -> None:
            self.count = 0

        def read(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
            """Pass it on."""
            self.count += 1
            return store.read(name, parameters)

    asked, broker = Asked(), Recorder()
    watching = watcher(asked, broker)
    broker.is_listening = False
    watching.look()
    assert asked.count == 0
    give(store, some("unseen"))
    broker.is_listening = True
    watching.look()
    assert asked.count > 0
    assert [kind for kind, _ in broker.take()] == ["state"]


def test_loss_is_told_when_it_grows() -> None:
    """What processes say they lost is told when it changes, not before."""
    losses = iter([0, 0, 3])
    row = {"known_loss": 0, "quarantined": 0, "late": 0}

    class Losing:
        """Loses more and more."""

        def read(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
            """Give losses, and nothing that came."""
            del parameters
            return [{**row, "known_loss": next(losses)}] if name == "answer_context" else []

    broker = Recorder()
    watching = watcher(Losing(), broker, loss_seconds=0.0)
    for _ in range(3):
        watching.look()
    assert [data for kind, data in broker.take() if kind == "loss"] == [{**row, "known_loss": 3, "hours": 24}]


def test_store_that_is_away_does_not_end_the_watcher() -> None:
    """A store that cannot be asked for a while is asked again, and the listener hears of what comes after."""

    async def listen() -> None:
        failures = [OSError("away")]

        class Away:
            """Cannot be asked the first time."""

            def read(self, name: str, parameters: Mapping[str, object]) -> list[dict[str, Any]]:
                """Fail once."""
                del parameters
                if failures:
                    raise failures.pop()
                return [{"known_loss": 0, "quarantined": 0, "late": 0}] if name == "answer_context" else []

        broker = Broker(now=lambda: NOW)
        watching = watcher(Away(), broker, poll_seconds=0.01, pause_seconds=0.01)
        watching.start()
        subscription = broker.subscribe()
        kinds = [event.kind for event in [await subscription.next(timeout_seconds=20) for _ in range(2)] if event]
        assert kinds[0] == "snapshot"
        while failures:  # noqa: ASYNC110 - a list of another thread
            await asyncio.sleep(0.01)
        assert watching.stop(timeout_seconds=20)
        assert watching.problem is None

    asyncio.run(listen())
