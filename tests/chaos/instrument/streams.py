"""Streams as entry points: read to the end, closed, thrown into, sent into, lost, stepped in other contexts."""

from __future__ import annotations

import contextvars
import functools
import gc
import types
from typing import TYPE_CHECKING, Any, Final

from chaos.instrument.case import MAX_STEPS, Case, Decorate, Event

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Generator

__all__ = ["STREAMS", "run_coroutine", "tick"]


@types.coroutine
def tick() -> Generator[None, Any, Any]:
    """Give way to the event loop once."""
    return (yield None)


def run_coroutine(coroutine: Coroutine[Any, Any, Any], error: BaseException | None = None) -> Any:
    """Step a coroutine to its end, as an event loop does; throw an error in at its second step."""
    step: Callable[[], Any] = functools.partial(coroutine.send, None)
    for _ in range(MAX_STEPS):
        try:
            step()
        except StopIteration as stop:
            return stop.value
        thrown, error = error, None
        step = functools.partial(coroutine.send, None) if thrown is None else functools.partial(coroutine.throw, thrown)
    raise AssertionError("the coroutine does not end")


def stream_scenario(case: Case, use: Callable[[Any, list[Event]], None]) -> None:
    """Decorate a generator function, and use what it makes."""

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        @decorate
        def host(value: Any) -> Generator[Any, Any, Any]:
            seen.append(("argument", value))
            try:
                for _ in range(3):
                    seen.append(("sent", (yield case.thing)))
                    case.act()
            except BaseException as error:
                seen.append(("caught", error if error is case.error else type(error)))
                if case.does_raise:
                    raise
                yield case.thing
            finally:
                case.act()
            return case.finish()

        use(host(case.thing), seen)

    case.compare(scenario)


def generator(case: Case) -> None:
    """Read a stream to its end."""

    def use(chunks: Any, seen: list[Event]) -> None:
        for _ in range(5):
            case.attempt(seen, lambda: next(chunks))

    stream_scenario(case, use)


def stream_collected(case: Case) -> None:
    """Read a part of a stream and lose it; or never start it."""
    steps = case.source.randrange(3)
    case.does_raise = True  # what goes on after its end makes the interpreter complain, with or without us

    def use(chunks: Any, seen: list[Event]) -> None:
        for _ in range(steps):
            case.attempt(seen, functools.partial(next, chunks))
        del chunks
        if case.source.random() < 0.02:
            gc.collect()

    stream_scenario(case, use)


def stream_closed(case: Case) -> None:
    """Close a stream before, in the middle and after."""
    steps = case.source.randrange(4)

    def use(chunks: Any, seen: list[Event]) -> None:
        for _ in range(steps):
            case.attempt(seen, lambda: next(chunks))
        case.attempt(seen, chunks.close)
        case.attempt(seen, chunks.close)
        case.attempt(seen, lambda: next(chunks))

    stream_scenario(case, use)


def stream_thrown(case: Case) -> None:
    """Throw the object into a stream."""
    steps = case.source.randrange(3)
    case.are_lines_compared &= steps > 0  # thrown in before the first step, it passes nothing of the host's
    case.avoid_generator_exit()

    def use(chunks: Any, seen: list[Event]) -> None:
        for _ in range(steps):
            case.attempt(seen, lambda: next(chunks))
        case.attempt(seen, lambda: chunks.throw(case.error))
        case.attempt(seen, lambda: next(chunks))

    stream_scenario(case, use)


def stream_sent(case: Case) -> None:
    """Send the object into a stream; delegate to it."""

    def use(chunks: Any, seen: list[Event]) -> None:
        def outer() -> Generator[Any, Any, Any]:
            return (yield from chunks)

        made = outer()
        case.attempt(seen, lambda: made.send(case.thing))
        case.attempt(seen, lambda: made.send(None))
        for _ in range(4):
            case.attempt(seen, lambda: made.send(case.thing))

    stream_scenario(case, use)


def stream_elsewhere(case: Case) -> None:
    """Step a stream in another context each time, and end it in yet another."""
    steps = case.source.randrange(5)

    def use(chunks: Any, seen: list[Event]) -> None:
        for _ in range(steps):
            case.attempt(seen, lambda: contextvars.copy_context().run(next, chunks))
        case.attempt(seen, lambda: contextvars.copy_context().run(chunks.close))

    stream_scenario(case, use)


def async_stream_scenario(case: Case, use: Callable[[Any, list[Event]], None]) -> None:
    """Decorate an asynchronous generator function, and use what it makes."""

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        @decorate
        async def host(value: Any) -> AsyncGenerator[Any, Any]:
            seen.append(("argument", value))
            try:
                for _ in range(3):
                    seen.append(("sent", (yield case.thing)))
                    await tick()
                    case.act()
            except BaseException as error:
                seen.append(("caught", error if error is case.error else type(error)))
                raise
            finally:
                case.act()
            if case.does_raise:
                raise case.error

        use(host(case.thing), seen)

    case.compare(scenario)


def async_generator(case: Case) -> None:
    """Read an asynchronous stream to its end."""

    def use(chunks: Any, seen: list[Event]) -> None:
        for _ in range(5):
            case.attempt(seen, lambda: run_coroutine(chunks.__anext__()))

    async_stream_scenario(case, use)


def async_stream_closed(case: Case) -> None:
    """Close an asynchronous stream before, in the middle and after; or lose it."""
    steps, is_lost = case.source.randrange(4), case.source.random() < 0.3

    def use(chunks: Any, seen: list[Event]) -> None:
        for _ in range(steps):
            case.attempt(seen, lambda: run_coroutine(chunks.__anext__()))
        if not is_lost:
            case.attempt(seen, lambda: run_coroutine(chunks.aclose()))
            case.attempt(seen, lambda: run_coroutine(chunks.__anext__()))

    async_stream_scenario(case, use)


def async_stream_thrown(case: Case) -> None:
    """Throw the object into an asynchronous stream, between two steps and in the middle of one."""
    steps, is_inside = case.source.randrange(3), case.source.random() < 0.5
    case.are_lines_compared &= steps > 0  # as above
    case.avoid_generator_exit()

    def use(chunks: Any, seen: list[Event]) -> None:
        for _ in range(steps):
            case.attempt(seen, lambda: run_coroutine(chunks.__anext__()))
        if is_inside:
            case.attempt(seen, lambda: run_coroutine(chunks.__anext__(), case.error))
        else:
            case.attempt(seen, lambda: run_coroutine(chunks.athrow(case.error)))
        case.attempt(seen, lambda: run_coroutine(chunks.asend(None)))

    async_stream_scenario(case, use)


STREAMS: Final[dict[str, Callable[[Case], None]]] = {
    "stream": generator,
    "stream lost": stream_collected,
    "stream closed": stream_closed,
    "stream thrown": stream_thrown,
    "stream sent": stream_sent,
    "stream elsewhere": stream_elsewhere,
    "async stream": async_generator,
    "async closed": async_stream_closed,
    "async thrown": async_stream_thrown,
}
