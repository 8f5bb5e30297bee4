"""The entry points of the library, each as a function that uses one with a case's object."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import types
from typing import TYPE_CHECKING, Any, Final

import modeltally
from chaos.instrument.case import WATCHES, Case, Decorate, Event
from chaos.instrument.more_entries import MORE_ENTRIES
from chaos.instrument.streams import STREAMS, run_coroutine, tick

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__ = ["ENTRIES"]


# -- decorated functions -----------------------------------------------------------------------------------------------


def function(case: Case) -> None:
    """Decorate a function."""

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        @decorate
        def host(*args: Any, **kwargs: Any) -> Any:
            seen.append(("argument", args[0]))
            seen.append(("argument", kwargs["key"]))
            return case.finish()

        case.attempt(seen, lambda: host(case.thing, key=case.thing))

    case.compare(scenario)


def method(case: Case) -> None:
    """Decorate a method."""

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        class Host:
            @decorate
            def method(self, value: Any) -> Any:
                seen.append(("argument", value))
                return case.finish()

        case.attempt(seen, lambda: Host().method(case.thing))

    case.compare(scenario)


def class_method(case: Case) -> None:
    """Decorate a class method, outside or inside."""
    is_outside = case.source.random() < 0.5

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        def method(cls: Any, value: Any) -> Any:
            seen.append(("class name", type.__getattribute__(cls, "__name__")))
            seen.append(("argument", value))
            return case.finish()

        made = decorate(classmethod(method)) if is_outside else classmethod(decorate(method))
        host: Any = type("Host", (), {"method": made})
        case.attempt(seen, lambda: host.method(case.thing))
        case.attempt(seen, lambda: host().method(case.thing))

    case.compare(scenario)


def static_method(case: Case) -> None:
    """Decorate a static method, outside or inside."""
    is_outside = case.source.random() < 0.5

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        def method(value: Any) -> Any:
            seen.append(("argument", value))
            return case.finish()

        made = decorate(staticmethod(method)) if is_outside else staticmethod(decorate(method))
        host: Any = type("Host", (), {"method": made})
        case.attempt(seen, lambda: host.method(case.thing))

    case.compare(scenario)


def anything(case: Case) -> None:
    """Decorate what is no function: a partial one, a class, a built-in one, the object itself."""

    class Callable_:  # noqa: N801 - a class whose instances can be called
        def __call__(self, _value: Any) -> Any:
            return case.finish()

    class Made:
        def __init__(self, _value: Any) -> None:
            case.act()

    def plain(_first: Any, _value: Any) -> Any:
        return case.finish()

    target = case.source.choice([Callable_(), functools.partial(plain, 1), types.MethodType(plain, [case.thing]), Made])

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        host = decorate(target)
        if target is Made:
            case.attempt(seen, lambda: type(host(case.thing)).__name__)
        else:
            case.attempt(seen, lambda: host(case.thing))

    case.compare(scenario)
    case.call(lambda: case.decorate(case.thing))


def twice(case: Case) -> None:
    """Decorate a function twice."""

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        @decorate
        @decorate
        def host(value: Any) -> Any:
            seen.append(("argument", value))
            return case.finish()

        case.attempt(seen, lambda: host(case.thing))

    case.compare(scenario)


def coroutine(case: Case) -> None:
    """Decorate a coroutine function; throw into it, never start it."""
    how = case.source.randrange(3)
    case.avoid_generator_exit()

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        @decorate
        async def host(value: Any) -> Any:
            seen.append(("argument", value))
            await tick()
            return case.finish()

        if how == 0:
            case.attempt(seen, host(case.thing).close)
        else:
            case.attempt(seen, lambda: run_coroutine(host(case.thing), case.error if how == 1 else None))

    case.compare(scenario)


def task(case: Case) -> None:
    """Run a decorated coroutine function in a real event loop; cancel it before or in the middle."""
    cancel_after = case.source.randrange(4)
    if case.error is case.thing and not issubclass(type(case.error), Exception):
        case.does_raise = False  # a loop is stopped by it, with or without us

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        @decorate
        async def host(value: Any) -> Any:
            seen.append(("argument", value))
            await asyncio.sleep(0)
            return case.finish()

        async def main() -> Any:
            task = asyncio.ensure_future(host(case.thing))
            for _ in range(cancel_after):
                await asyncio.sleep(0)
            if cancel_after < 3:
                task.cancel()
            result: Any = (await asyncio.gather(task, return_exceptions=True))[0]
            if issubclass(type(result), BaseException):
                if case.is_interruption(result):  # a task keeps what would have ended a plain call
                    seen.append(("caught", type(result)))
                else:
                    seen.append(("ended by", type(result)) if result is not case.error else ("ended by it", result))
                return None
            return result

        with event_loop() as loop:
            seen.append(("result", loop.run_until_complete(main())))

    if not case.is_at_limit:  # where a loop cannot even be made
        case.compare(scenario)


@contextlib.contextmanager
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Make a loop, and leave no task of it behind when something interrupted it."""
    made = asyncio.new_event_loop()
    try:
        yield made
    finally:
        left = asyncio.all_tasks(made)
        for item in left:
            item.cancel()
        if left:
            made.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        made.close()


def returns_awaitable(case: Case) -> None:
    """Decorate a plain function that hands out a coroutine, or something else that can be awaited."""
    is_kept = case.source.random() < 0.3

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        async def inner() -> Any:
            await tick()
            return case.finish()

        kept: list[Any] = []

        @decorate
        def host() -> Any:
            if is_kept:
                kept.append(inner())
                return kept[0]
            return inner()

        async def main() -> Any:
            made = host()
            seen.append(("is kept", is_kept and made is kept[0]))
            return await made

        case.attempt(seen, lambda: run_coroutine(main()))

    case.compare(scenario)


def returns_stream(case: Case) -> None:
    """Decorate a plain function that hands out a generator."""

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        def chunks() -> Generator[Any, Any, Any]:
            yield case.thing
            return case.finish()

        @decorate
        def host() -> Any:
            return chunks()

        made = host()
        case.attempt(seen, lambda: next(made))
        case.attempt(seen, lambda: next(made))

    case.compare(scenario)


# -- context managers --------------------------------------------------------------------------------------------------


def with_block(case: Case) -> None:
    """Use a watch as a context manager."""

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        def host() -> Any:
            with manager(case, decorate) as operation:
                if decorate == case.decorate:
                    operation.set(**case.values())
                return case.finish()

        case.attempt(seen, host)

    case.compare(scenario)


def async_with_block(case: Case) -> None:
    """Use a watch as an asynchronous context manager."""

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        async def host() -> Any:
            async with manager(case, decorate):
                await tick()
                return case.finish()

        case.attempt(seen, lambda: run_coroutine(host()))

    case.compare(scenario)


def nested(case: Case) -> None:
    """Nest operations of several kinds, and leave them in order, by an exception, or out of order."""
    is_ordered = case.source.random() < 0.7
    kinds = [case.source.choice(WATCHES) for _ in range(3)]

    def scenario(decorate: Decorate, seen: list[Event]) -> None:
        def host() -> Any:
            if is_ordered:
                with manager(case, decorate), manager(case, decorate), manager(case, decorate):
                    return case.finish()
            opened = [contextlib.nullcontext() if decorate != case.decorate else kind("m") for kind in kinds]
            for item in opened:
                item.__enter__()
            try:
                case.act()
            finally:
                for item in opened:
                    item.__exit__(None, None, None)
            return case.thing

        case.attempt(seen, host)

    case.compare(scenario)


def manager(case: Case, decorate: Any) -> Any:
    """Make a context manager: a watch, or nothing where the scenario runs without the library."""
    return case.watch() if decorate == case.decorate else contextlib.nullcontext(modeltally.current_operation())


ENTRIES: Final[dict[str, Callable[[Case], None]]] = {
    "function": function,
    "method": method,
    "class method": class_method,
    "static method": static_method,
    "anything": anything,
    "twice": twice,
    "coroutine": coroutine,
    "task": task,
    "gives awaitable": returns_awaitable,
    "gives stream": returns_stream,
    **STREAMS,
    "with": with_block,
    "async with": async_with_block,
    "nested": nested,
    **MORE_ENTRIES,
}
