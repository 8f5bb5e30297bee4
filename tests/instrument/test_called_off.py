"""What is called off is cancelled, not failed; and closing a stream is as without us."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

import pytest
import trio
from starlette.requests import ClientDisconnect
from starlette.websockets import WebSocketDisconnect

import modeltally

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from modeltally.testing import Captured


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (WebSocketDisconnect(1001), "cancelled"),
        (ClientDisconnect(), "cancelled"),
        (BaseExceptionGroup("", [asyncio.CancelledError(), GeneratorExit()]), "cancelled"),
        (BaseExceptionGroup("", [BaseExceptionGroup("", [asyncio.CancelledError()])]), "cancelled"),
        (BaseExceptionGroup("", [asyncio.CancelledError(), ValueError()]), "error"),
        (ExceptionGroup("", [ValueError()]), "error"),
    ],
    ids=["websocket", "client", "group", "group in a group", "group with an error", "group of errors"],
)
def test_client_that_hangs_up_and_group_of_cancellations_are_cancelled(
    seen: Captured, error: BaseException, outcome: str
) -> None:
    """Nobody's model failed."""
    with pytest.raises(type(error)), modeltally.model_request("m"):
        raise error
    assert seen.one()["modeltally.outcome"] == outcome


def test_nursery_that_is_cancelled_from_outside_is_cancelled(seen: Captured) -> None:
    """Trio's nursery raises a group."""

    @modeltally.model_request("m")
    async def work() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.sleep_forever()

    async def main() -> None:
        with trio.move_on_after(0.01):
            await work()

    trio.run(main)
    assert seen.one()["modeltally.outcome"] == "cancelled"


def test_streams_left_to_the_loop_are_cancelled_in_silence(seen: Captured, caplog: pytest.LogCaptureFixture) -> None:
    """A server stops while clients read: every clean-up runs, and the loop has nothing to complain of."""
    cleaned = []

    @modeltally.model_request("m")
    async def stream() -> AsyncGenerator[int, None]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0.001)
            cleaned.append(1)

    held = []

    async def main() -> None:
        for _ in range(16):
            left = stream()
            await anext(left)
            held.append(left)

    with caplog.at_level(logging.INFO, "asyncio"):
        asyncio.run(main())
    assert len(cleaned) == 16
    assert not [record for record in caplog.records if record.name == "asyncio" and record.levelno > logging.INFO]
    assert [attributes["modeltally.outcome"] for attributes in seen.all()] == ["cancelled"] * 16


@modeltally.model_request("m")
def answering() -> Generator[int, None, str]:
    """Answer its closing with what it has."""
    try:
        yield 1
    except GeneratorExit:
        return "part"
    return "all"


def test_value_of_a_closed_stream_is_given_back(seen: Captured) -> None:
    """From Python 3.13 on closing returns what the generator returned."""
    stream = answering()
    next(stream)
    value: object = stream.close()  # type: ignore[func-returns-value]  # on newer versions it does
    assert value == ("part" if sys.version_info >= (3, 13) else None)
    assert seen.one()["modeltally.outcome"] == "cancelled"


def test_exit_thrown_into_a_stream_is_answered(seen: Captured) -> None:
    """The generator's return is the answer, as without us."""
    stream = answering()
    next(stream)
    with pytest.raises(StopIteration) as stop:
        stream.throw(GeneratorExit)
    assert stop.value.value == "part"
    assert seen.one()["modeltally.outcome"] == "cancelled"
