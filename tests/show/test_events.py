"""Events: in order, from any thread, to each listener in its own time; who comes back misses nothing it can be told."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from typing import Any

import pytest

from modeltally.show.events import CLOSED, KEPT_EVENTS, KINDS, SNAPSHOT, Broker, Event, TooManyListenersError

NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)


def broker(**given: Any) -> Broker:
    """Make one whose time stands still."""
    return Broker(now=lambda: NOW, **given)


async def taken(subscription: Any, count: int) -> list[Event]:
    """Take so many events."""
    found = []
    for _ in range(count):
        event = await subscription.next(timeout_seconds=20)
        assert event is not None
        found.append(event)
    return found


def test_new_listener_gets_a_snapshot_first() -> None:
    """The newest event of each kind comes first, then what happens."""

    async def listen() -> None:
        told = broker()
        told.publish("roll", {"n": 1})
        told.publish("roll", {"n": 2})
        told.publish("state", {"status": "ok"})
        subscription = told.subscribe()
        told.publish("advice", {"made": []})
        snapshot, advice = await taken(subscription, 2)
        assert (snapshot.kind, advice.kind) == (SNAPSHOT, "advice")
        assert {kind: event["data"] for kind, event in snapshot.data.items()} == {  # type: ignore[index] # a dict each
            "roll": {"n": 2},
            "state": {"status": "ok"},
        }
        assert snapshot.to_dict()["at"] == "2026-03-10T12:30:00.000Z"
        assert {snapshot.kind, advice.kind} <= KINDS.keys()

    asyncio.run(listen())


def test_who_comes_back_gets_what_it_missed() -> None:
    """From the last event that was seen on, each comes once, in order; a snapshot's id counts as well."""

    async def listen() -> None:
        told = broker()
        told.publish("roll", {"n": 0})
        (snapshot,) = await taken(told.subscribe(), 1)
        for number in range(1, 5):
            told.publish("roll", {"n": number})
        first, *_ = events = await taken(told.subscribe(snapshot.id), 4)
        assert [event.data["n"] for event in events] == [1, 2, 3, 4]
        assert [event.data["n"] for event in await taken(told.subscribe(first.id), 3)] == [2, 3, 4]
        assert await told.subscribe(events[-1].id).next(timeout_seconds=0.01) is None

    asyncio.run(listen())


@pytest.mark.parametrize(
    "last_id",
    [
        "",
        "nonsense",
        "00000000-1",
        "{run}-99",
        "{run}-0",
        "{run}-99999999999999999999",
        "x" * 100_000,
        "{run}--1",
        "{run}-1\n",
    ],
)
def test_who_names_an_event_that_is_not_known_gets_a_snapshot(last_id: str) -> None:
    """Ids of another run, of what was forgotten, of what never was: all begin anew."""

    async def listen() -> None:
        told = broker()
        for number in range(KEPT_EVENTS + 5):
            told.publish("roll", {"n": number})
        (snapshot,) = await taken(told.subscribe(), 1)
        run = snapshot.id.partition("-")[0]
        (event,) = await taken(told.subscribe(last_id.replace("{run}", run)), 1)
        assert event.kind == SNAPSHOT

    asyncio.run(listen())


def test_what_was_forgotten_is_not_resumed() -> None:
    """When events were missed by the server itself, who comes back begins anew."""

    async def listen() -> None:
        told = broker()
        told.publish("roll", {})
        (snapshot,) = await taken(told.subscribe(), 1)
        told.forget()
        (event,) = await taken(told.subscribe(snapshot.id), 1)
        assert event.kind == SNAPSHOT

    asyncio.run(listen())


def test_slow_listener_is_let_go_and_holds_up_nobody() -> None:
    """Who takes nothing is closed when too much waits; another listener gets all."""

    async def listen() -> None:
        told = broker(waiting_events=10)
        slow, quick = told.subscribe(), told.subscribe()
        got = await taken(quick, 1)
        for number in range(20):
            told.publish("roll", {"n": number})
            got += await taken(quick, 1)
        assert len(got) == 21
        assert told.listeners == 1
        (last,) = await taken(slow, 1)
        assert (last.kind, dict(last.data)) == (CLOSED, {"reason": "too slow"})
        assert slow.is_over
        assert await slow.next(timeout_seconds=0.01) is None

    asyncio.run(listen())


def test_listeners_are_bounded_and_places_are_given_back() -> None:
    """There is room for so many; who leaves makes room, twice or not."""

    async def listen() -> None:
        told = broker(max_listeners=2)
        first, _ = told.subscribe(), told.subscribe()
        with pytest.raises(TooManyListenersError, match="try again later"):
            told.subscribe()
        first.close()
        first.close()
        told.subscribe()

    asyncio.run(listen())


def test_end_of_the_server_is_told() -> None:
    """Everybody is told that it ends, and nobody may listen any more."""

    async def listen() -> None:
        told = broker()
        subscription = told.subscribe()
        told.close()
        (last,) = await taken(subscription, 1)
        assert (last.kind, dict(last.data)) == (CLOSED, {"reason": "the server ends"})
        with pytest.raises(TooManyListenersError):
            told.subscribe()

    asyncio.run(listen())


def test_events_come_from_any_thread_in_order() -> None:
    """Four threads publish at once: every event arrives, each thread's in its order."""

    async def listen() -> None:
        told = broker(waiting_events=1000)
        subscription = told.subscribe()
        await taken(subscription, 1)

        def publish(thread: int) -> None:
            for number in range(100):
                told.publish("roll", {"thread": thread, "n": number})

        threads = [threading.Thread(target=publish, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        events = await taken(subscription, 400)
        for number in range(4):
            assert [event.data["n"] for event in events if event.data["thread"] == number] == list(range(100))
        numbers = [int(event.id.partition("-")[2]) for event in events]
        assert numbers == list(range(1, 401))

    asyncio.run(listen())


def test_nobody_watches_a_while_after_the_last_one_left() -> None:
    """A page that is opened again is no new watch; after a minute it is."""
    seconds = [0.0]

    async def listen() -> None:
        told = broker(clock=lambda: seconds[0])
        assert not told.is_watched
        subscription = told.subscribe()
        seconds[0] = 1000.0
        assert told.is_watched
        subscription.close()
        seconds[0] = 1059.0
        assert told.is_watched
        seconds[0] = 1061.0
        assert not told.is_watched

    asyncio.run(listen())
