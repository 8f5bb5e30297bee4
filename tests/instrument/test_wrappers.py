"""Every kind of wrapper around every kind of callable."""

from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import threading
import types
from typing import TYPE_CHECKING, Any

import pytest

import modeltally

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from modeltally.instrument.wrap import Watch
    from modeltally.testing import Captured

WATCHES: dict[str, Callable[..., Watch]] = {
    "model.request": modeltally.model_request,
    "model.download": modeltally.download,
    "model.load": modeltally.load,
    "model.unload": modeltally.unload,
    "model.health_check": modeltally.health_check,
    "pattern.run": modeltally.pattern_run,
}


@pytest.mark.parametrize("operation", WATCHES)
def test_every_watch_records_its_operation_when_used_as_context_manager(seen: Captured, operation: str) -> None:
    """Each public wrapper names its operation and its subject."""
    with WATCHES[operation]("thing", project="posters"):
        pass
    attributes = seen.one()
    subject = "modeltally.pattern.name" if operation == "pattern.run" else "modeltally.model.id"
    assert attributes["modeltally.operation"] == operation
    assert attributes[subject] == "thing"
    assert attributes["modeltally.project"] == "posters"
    assert attributes["modeltally.outcome"] == "success"
    assert attributes["modeltally.source"] == "wrapper"


@pytest.mark.parametrize(
    ("operation", "name"),
    [
        ("model.request", "generate_content thing"),
        ("model.download", "download thing"),
        ("model.load", "load thing"),
        ("model.unload", "unload thing"),
        ("model.health_check", "health_check thing"),
        ("pattern.run", "pattern thing"),
    ],
)
def test_span_name_when_subject_is_known(seen: Captured, operation: str, name: str) -> None:
    """Spans are named as the conventions say."""
    with WATCHES[operation]("thing"):
        pass
    assert seen.spans()[0].name == name


def test_result_is_same_object_when_function_is_decorated(seen: Captured) -> None:
    """What the function returns is what the caller gets."""
    result = object()

    @modeltally.model_request("m")
    def generate() -> object:
        return result

    assert generate() is result
    assert seen.one()["modeltally.model.id"] == "m"


def test_exception_is_same_object_when_function_raises(seen: Captured) -> None:
    """What the function raises is what the caller catches."""
    error = LookupError("the secret prompt")

    @modeltally.model_request("m")
    def generate() -> None:
        raise error

    with pytest.raises(LookupError) as caught:
        generate()
    assert caught.value is error
    attributes = seen.one()
    assert attributes["modeltally.outcome"] == "error"
    assert "secret" not in str(attributes)


def test_signature_and_names_stay_when_function_is_decorated() -> None:
    """Introspection sees the function itself."""

    def generate(prompt: str, *, steps: int = 3) -> str:
        """Make a picture."""
        return prompt * steps

    wrapped = modeltally.model_request("m")(generate)
    assert inspect.signature(wrapped) == inspect.signature(generate)
    assert wrapped.__name__ == "generate"
    assert wrapped.__doc__ == "Make a picture."
    assert inspect.unwrap(wrapped) is generate
    assert inspect.isfunction(wrapped)


def test_kind_of_function_stays_when_decorated() -> None:
    """Frameworks that ask whether a function is asynchronous or a generator get the true answer."""

    async def coroutine() -> None: ...

    def generator() -> object:
        yield 1

    async def asynchronous_generator() -> object:
        yield 1

    watch = modeltally.model_request("m")
    assert inspect.iscoroutinefunction(watch(coroutine))
    assert inspect.isgeneratorfunction(watch(generator))
    assert inspect.isasyncgenfunction(watch(asynchronous_generator))


class Service:
    """A service with every kind of method."""

    color = "blue"

    @modeltally.model_request("method")
    def method(self, value: int) -> tuple[object, int]:
        """Return what it was bound to."""
        return self, value

    @modeltally.model_request("class")
    @classmethod
    def class_outside(cls, value: int) -> tuple[object, int]:
        """Return what it was bound to."""
        return cls, value

    @classmethod
    @modeltally.model_request("class")
    def class_inside(cls, value: int) -> tuple[object, int]:
        """Return what it was bound to."""
        return cls, value

    @modeltally.model_request("static")
    @staticmethod
    def static_outside(value: int) -> int:
        """Return its argument."""
        return value

    @staticmethod
    @modeltally.model_request("static")
    def static_inside(value: int) -> int:
        """Return its argument."""
        return value


def test_methods_are_bound_when_decorated(seen: Captured) -> None:
    """Methods, class methods and static methods get what they would get without us."""
    service = Service()
    assert service.method(1) == (service, 1)
    assert service.class_outside(2) == (Service, 2)
    assert Service.class_inside(3) == (Service, 3)
    assert service.static_outside(4) == 4
    assert Service.static_inside(5) == 5
    assert [attributes["modeltally.model.id"] for attributes in seen.all()] == [
        "method",
        "class",
        "class",
        "static",
        "static",
    ]


@modeltally.model_request("m")
def module_function() -> int:
    """Return a number."""
    return 7


def round_trip(function: Any) -> Any:
    """Pickle and unpickle."""
    return pickle.loads(pickle.dumps(function))  # noqa: S301 - made in the same expression


def test_decorated_functions_are_pickled_by_name() -> None:
    """Hosts hand functions and methods to worker processes."""
    assert round_trip(module_function) is module_function
    assert copy.deepcopy(module_function) is module_function
    service = Service()
    service.color = "red"
    assert copy.deepcopy(service.method)(1)[0] is not service
    assert copy.copy(service.method)(1)[0] is service
    bound = round_trip(service.method)
    assert isinstance(bound(1)[0], Service)
    assert round_trip(service.class_outside)(2) == (Service, 2)
    assert round_trip(Service.class_inside)(3) == (Service, 3)
    assert round_trip(Service.static_outside)(4) == 4
    assert round_trip(Service.static_inside)(5) == 5


def test_coroutine_function_is_watched_until_it_returns(seen: Captured) -> None:
    """The operation ends with the coroutine, and what is set inside arrives."""

    @modeltally.model_request("m")
    async def generate() -> int:
        await asyncio.sleep(0)
        modeltally.current_operation().set(output_tokens=7)
        return 5

    assert asyncio.run(generate()) == 5
    assert seen.one()["gen_ai.usage.output_tokens"] == 7


def test_nothing_is_recorded_when_coroutine_is_never_awaited(seen: Captured) -> None:
    """A coroutine that never ran made no request."""

    @modeltally.model_request("m")
    async def generate() -> None: ...

    generate().close()
    assert seen.spans() == []


def test_no_warning_when_task_is_cancelled_before_its_first_step(seen: Captured) -> None:
    """The coroutine inside ours does not complain that nobody awaited it."""

    @modeltally.model_request("m")
    async def generate() -> None: ...

    async def main() -> None:
        task = asyncio.ensure_future(generate())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen.spans() == []


def test_coroutine_of_plain_function_is_watched(seen: Captured) -> None:
    """A plain function that hands out a coroutine is over when the coroutine is."""

    async def inner() -> int:
        modeltally.current_operation().set(output_tokens=3)
        return 1

    @modeltally.model_request("m")
    def generate() -> object:
        return inner()

    async def main() -> object:
        return await generate()  # type: ignore[misc]  # the point: the annotation does not say it is awaitable

    assert asyncio.run(main()) == 1
    assert seen.one()["gen_ai.usage.output_tokens"] == 3


def test_asynchronous_context_manager_records(seen: Captured) -> None:
    """`async with` works as `with`."""

    async def main() -> None:
        async with modeltally.download("m") as operation:
            operation.set(download_bytes=10)

    asyncio.run(main())
    assert seen.one()["modeltally.download.bytes"] == 10


def test_tasks_do_not_mix_when_they_share_one_watch(seen: Captured) -> None:
    """One object entered by many tasks at once ends the right operation in each."""
    watch = modeltally.model_request("m")

    async def one(index: int) -> None:
        with watch as operation:
            operation.set(output_tokens=index)
            await asyncio.sleep(0.001 * (index % 3))
            assert modeltally.current_operation() is operation
            if index % 2:
                operation.failed("odd")

    async def main() -> None:
        await asyncio.gather(*(one(index) for index in range(20)))

    asyncio.run(main())
    for attributes in seen.all():
        index = attributes["gen_ai.usage.output_tokens"]
        assert isinstance(index, int)
        assert attributes["modeltally.outcome"] == ("failure" if index % 2 else "success")
        assert "modeltally.nested" not in attributes


def test_threads_do_not_mix_when_they_share_one_watch(seen: Captured) -> None:
    """One object entered by many threads at once ends the right operation in each."""
    watch = modeltally.model_request("m")
    barrier = threading.Barrier(8)

    def one(index: int) -> None:
        with watch as operation:
            barrier.wait()
            operation.set(output_tokens=index)
            barrier.wait()

    threads = [threading.Thread(target=one, args=(index,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(str(attributes["gen_ai.usage.output_tokens"]) for attributes in seen.all()) == list("01234567")


def test_current_operation_ignores_everything_outside_of_any(seen: Captured) -> None:
    """Code that tells the current operation more may run without one."""
    modeltally.current_operation().set(output_tokens=1)
    modeltally.current_operation().failed("x")
    assert seen.spans() == []


def test_times_are_those_of_the_call(seen: Captured) -> None:
    """A span starts when the call does and ends after it, by a clock that never steps back."""
    with modeltally.model_request("m"):
        pass
    (span,) = seen.spans()
    assert span.start_time is not None
    assert span.end_time is not None
    assert span.start_time < span.end_time


def test_nothing_changes_when_operation_was_ended_already(seen: Captured) -> None:
    """What is told after the end is ignored, and a second end is no second span."""
    with modeltally.model_request("m") as operation:
        pass
    operation.set(output_tokens=1)
    operation.set_attribute("acme.team", "x")
    operation.failed("late")
    operation.end()
    attributes = seen.one()
    assert attributes["modeltally.outcome"] == "success"
    assert "gen_ai.usage.output_tokens" not in attributes
    assert "acme.team" not in attributes


class Unhashable(type):
    """A metaclass whose classes compare, so that they have no hash."""

    def __eq__(cls, other: object) -> bool:
        return cls is other

    __hash__ = None  # type: ignore[assignment]


class Odd(metaclass=Unhashable):
    """A class that is no key."""


def test_result_is_same_object_when_its_class_is_not_hashable(seen: Captured) -> None:
    """Nothing is asked of a result's class; as a value it is left out and takes no other with it."""
    result = Odd()

    @modeltally.model_request("m")
    def generate() -> Odd:
        values: Any = {"output_tokens": result, "image_width": 8}
        modeltally.current_operation().set(**values)
        return result

    assert generate() is result
    attributes = seen.one()
    assert attributes["modeltally.outcome"] == "success"
    assert attributes["modeltally.image.width"] == 8


def test_generator_based_coroutine_stays_awaitable(seen: Captured) -> None:
    """What `types.coroutine` made can be awaited."""

    @modeltally.model_request("m")
    @types.coroutine
    def inside() -> Generator[Any, Any, int]:
        yield from asyncio.sleep(0).__await__()
        return 7

    async def main() -> int:
        return await inside()

    assert asyncio.run(main()) == 7
    assert seen.one()["modeltally.outcome"] == "success"


async def coroutine_function() -> None:
    """Do nothing."""


class Marked:
    """Has the flags of a coroutine function, and returns something else that can be awaited."""

    __class__ = types.FunctionType  # type: ignore[assignment]

    def __init__(self, result: object) -> None:
        """Take the result."""
        self.result = result
        self.__code__ = coroutine_function.__code__

    def __call__(self) -> object:
        """Return it."""
        return self.result


def test_call_goes_on_when_a_function_is_only_marked_as_coroutine_function(seen: Captured) -> None:
    """The call is counted, the awaitable is the same object."""
    result = object()
    function: Any = modeltally.model_request("m")(Marked(result))
    assert inspect.iscoroutinefunction(function)
    assert function() is result
    assert seen.one()["modeltally.outcome"] == "success"


def test_function_works_when_parentheses_were_forgotten(seen: Captured, caplog: pytest.LogCaptureFixture) -> None:
    """The function is watched without a name, and the log says what to write."""
    decorate: Any = modeltally.model_request

    def upper(prompt: str) -> str:
        return prompt.upper()

    generate = decorate(upper)
    assert generate("fox") == "FOX"
    assert seen.one()["modeltally.model.id"] == "unknown"
    assert "without parentheses" in caplog.text
