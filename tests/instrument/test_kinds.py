"""Kinds of callables that hosts have: decorated, each answers as without us, and each call of it is recorded."""

from __future__ import annotations

import abc
import copy
import dataclasses
import enum
import functools
import gc
import inspect
import typing
import weakref
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

import modeltally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeltally.testing import Captured

Decorate = typing.Callable[[str], typing.Callable[[Any], Any]]


def bare(_model: str) -> Callable[[Any], Any]:
    """Decorate with nothing, to compare with."""
    return lambda function: function


def getter(decorate: Decorate) -> Any:
    """Decorate the getter of a property that can be set."""

    class Made:
        kept = 1

        @property
        @decorate("m")
        def value(self) -> int:
            return self.kept

        @value.setter
        def value(self, value: int) -> None:
            self.kept = value

    made = Made()
    made.value = 5
    return made.value, type(made.value)


def settable(decorate: Decorate) -> Any:
    """Decorate a property, then give it a setter."""

    class Made:
        kept = 1

        @decorate("m")  # type: ignore[prop-decorator]  # it does not follow them
        @property
        def value(self) -> int:
            return self.kept

        @value.setter
        def value(self, value: int) -> None:
            self.kept = value

    made: Any = Made()
    made.value = 7
    return made.value


def remembered(decorate: Decorate) -> Any:
    """Remember answers outside of the decorator, and inside of it."""
    outside: Any = functools.lru_cache(decorate("m")(lambda number: number * 2))

    @decorate("m")
    @functools.lru_cache
    def inside(number: int) -> int:
        return number * 2

    class Made:
        @decorate("m")
        @functools.lru_cache(maxsize=4)  # noqa: B019 - the point
        def method(self, number: int) -> int:
            return number * 2

    kind: Any = Made
    made, cached = kind(), typing.cast("Any", inside)
    return (
        [outside(2), outside(2), outside.cache_info().hits],
        [cached(2), cached.cache_info().misses, cached.cache_parameters()["maxsize"]],
        [made.method(2), made.method(2), kind.method.cache_info().hits, made.method.cache_info().hits],
    )


def dispatched(decorate: Decorate) -> Any:
    """Choose a function by the type of its argument."""

    @decorate("m")
    @functools.singledispatch
    def function(_value: object) -> str:
        return "object"

    chosen: Any = function

    @chosen.register  # type: ignore[untyped-decorator]  # of anything
    def _(_value: int) -> str:
        return "int"

    @chosen.register(str)  # type: ignore[untyped-decorator]  # of anything
    @decorate("m")
    def _(_value: str) -> str:
        return "str"

    return chosen(1), chosen("a"), chosen(2.0), chosen.dispatch(bool) is not None


def dispatched_methods(decorate: Decorate) -> Any:
    """Choose a method so, with the decorator on either side."""

    class Made:
        @functools.singledispatchmethod
        @decorate("m")
        def below(self, _value: object) -> str:
            return "object"

        @below.register
        @decorate("m")
        def _(self, _value: int) -> str:  # type: ignore[misc]  # mypy takes it for a function
            return "int"

        @decorate("m")
        @functools.singledispatchmethod
        def above(self, _value: object) -> str:
            return "object"

        @above.register  # type: ignore[untyped-decorator]  # of anything
        def _(self, _value: int) -> str:
            return "int"

    made: Any = Made()
    return [made.below(1), made.below("a"), made.above(1), made.above("a")]


def unbound(decorate: Decorate) -> Any:
    """Keep in a class what is not bound to its objects."""

    class Made:
        partial = decorate("m")(functools.partial(lambda *values: values, 1))
        builtin = decorate("m")(len)

    partial = decorate("m")(functools.partial(pow, 2))
    return len(Made().partial(2)), Made().builtin([1, 2]), partial(3), partial.args, str(inspect.signature(partial))


def model_object(decorate: Decorate) -> Any:
    """Decorate an object that can be called, as models can."""

    class Model:
        def __call__(self, number: int) -> int:
            return number + 1

        def reset(self) -> str:
            return "reset"

    watched = decorate("m")(Model())

    class Made:
        model = watched

    return watched(1), watched.reset(), Made().model(3), isinstance(watched, Model)


def special(decorate: Decorate) -> Any:
    """Decorate what Python itself calls."""

    class Made:
        @decorate("m")
        def __new__(cls, _number: int) -> Any:
            return object.__new__(cls)

        @decorate("m")
        def __init__(self, number: int) -> None:
            self.number = number

        @decorate("m")
        def __call__(self, number: int) -> int:
            return self.number + number

        @decorate("m")
        def __len__(self) -> int:
            return 3

        @decorate("m")
        def __iter__(self) -> Iterator[int]:
            yield self.number

        @decorate("m")
        def __enter__(self) -> str:
            return "entered"

        @decorate("m")
        def __exit__(self, *_: object) -> None: ...

    made = Made(4)
    with made as entered:
        pass
    return made(1), len(made), list(made), entered, made.number


def abstract(decorate: Decorate) -> Any:
    """Decorate an abstract method and the one that takes its place."""

    class Base(abc.ABC):
        @decorate("m")
        @abc.abstractmethod
        def method(self) -> str: ...

    class Derived(Base):
        @decorate("m")
        def method(self) -> str:
            return "derived"

    with pytest.raises(TypeError):
        Base()  # type: ignore[abstract]  # the point
    return Derived().method(), sorted(Base.__abstractmethods__)


def inherited(decorate: Decorate) -> Any:
    """Call the decorated methods of a base class."""

    class Base:
        @decorate("m")
        @staticmethod
        def static(number: int) -> int:
            return number

        @decorate("m")
        @classmethod
        def of_class(cls) -> str:
            return cls.__name__

        @decorate("m")
        def method(self) -> str:
            return "base"

    class Derived(Base):
        @staticmethod
        def static(number: int) -> int:
            return int(super(Derived, Derived).static(number)) + 1

        @classmethod
        def of_class(cls) -> str:
            return f"{super().of_class()}!"

        def method(self) -> str:
            return f"{super().method()}, derived"

    derived = Derived()
    return Derived.static(1), derived.static(1), Derived.of_class(), derived.method(), Base.method(derived)


def whole_class(decorate: Decorate) -> Any:
    """Decorate a class: to make an object is the operation."""

    @decorate("m")
    class Made:
        def __init__(self, number: int = 1) -> None:
            self.number = number

    return Made(2).number, isinstance(Made(), Made), Made.__name__, inspect.isclass(Made)


class Colour(enum.Enum):
    """An enumeration, to be given a method."""

    RED = 1


def in_special_classes(decorate: Decorate) -> Any:
    """Decorate methods of classes that Python makes in ways of their own."""

    @dataclasses.dataclass
    class Data:
        number: int = 1
        function: Any = decorate("m")(lambda: 7)  # noqa: RUF009 - the point

        @decorate("m")
        def method(self) -> int:
            return self.number

    class Named(typing.NamedTuple):
        number: int

        @decorate("m")
        def method(self) -> int:
            return self.number

    class Choice(enum.Enum):
        ONE = 1

        @decorate("m")
        def method(self) -> int:
            return int(self.value)

    kind = typing.TypeVar("kind")

    class Generic(typing.Generic[kind]):
        @decorate("m")
        def method(self, value: Any) -> Any:
            return value

    return (
        [Data().method(), Data().function(), [field.name for field in dataclasses.fields(Data)]],
        [Named(3).method(), Choice.ONE.method(), [each.name for each in Choice], Generic[int]().method(3)],
    )


@typing.runtime_checkable
class Answers(typing.Protocol):
    """Has a method."""

    def answer(self) -> int:
        """Answer."""


def checked(decorate: Decorate) -> Any:
    """Ask whether an object without a dictionary has the method."""

    class Made:
        __slots__ = ("__weakref__",)

        @decorate("m")
        def answer(self) -> int:
            return 1

    return isinstance(Made(), Answers), Made().answer()


def replaced(decorate: Decorate) -> Any:
    """Put a mock that has its signature in its place, in a test of the host's."""

    class Made:
        @decorate("m")
        def method(self, number: int, *, exact: bool = False) -> int:
            return -number if exact else number

    with mock.patch.object(Made, "method", autospec=True) as stand_in:
        Made().method(1, exact=True)
        with pytest.raises(TypeError):
            Made().method(1, 2, 3)
    function = mock.create_autospec(decorate("m")(lambda number: number))
    function(1)
    return stand_in.call_count, function.call_count, Made().method(9)


def described(decorate: Decorate) -> Any:
    """Ask what it takes and returns, set attributes, and wrap it."""

    @decorate("m")
    def function(number: int, text: str | None = None) -> list[int]:
        return [number, len(text or "")]

    watched: Any = function
    getattr(type(watched), "__annotations__", None)  # a tool looks at the class first
    watched.tag = 3
    watched.__doc__ = "Answer."

    @functools.wraps(watched)
    def outer() -> Any:
        return watched(1)

    del watched.tag
    return (
        [typing.get_type_hints(watched), str(inspect.signature(watched)), watched.__defaults__],
        [outer(), outer.tag, outer.__doc__, hasattr(watched, "tag"), copy.copy(watched) is watched],  # type: ignore[attr-defined]
    )


def released(decorate: Decorate) -> Any:
    """Hold a method, which holds its object, and let go of it."""

    class Made:
        @decorate("m")
        def method(self) -> int:
            return 1

    made = Made()
    held, method = weakref.ref(made), made.method
    del made
    answer = method(), held() is not None
    del method
    gc.collect()
    return answer, held() is None


def iterated(decorate: Decorate) -> Any:
    """Decorate the step of an iterator."""

    class Steps:
        number = 0

        def __iter__(self) -> Any:
            return self

        @decorate("m")
        def __next__(self) -> int:
            self.number += 1
            if self.number > 2:
                raise StopIteration
            return self.number

    return list(Steps())


OPERATIONS: dict[Callable[[Decorate], Any], int] = {
    getter: 2,
    settable: 1,
    remembered: 4,
    dispatched: 3,
    dispatched_methods: 4,
    unbound: 3,
    model_object: 2,
    special: 8,  # a list asks for the length as well
    abstract: 1,
    inherited: 5,
    whole_class: 2,
    in_special_classes: 5,
    checked: 1,
    replaced: 1,
    described: 1,
    released: 1,
    iterated: 3,
}


# said on 3.13 of what changed with 3.14, without us as well
@pytest.mark.filterwarnings("ignore:functools.partial will be a method descriptor:FutureWarning")
@pytest.mark.parametrize(("kind", "operations"), OPERATIONS.items(), ids=[kind.__name__ for kind in OPERATIONS])
def test_each_kind_answers_as_without_us(seen: Captured, kind: Callable[[Decorate], Any], operations: int) -> None:
    """The host sees the same, and each call that reached us is a success."""
    assert kind(modeltally.model_request) == kind(bare)
    outcomes = [one["modeltally.outcome"] for one in seen.all() if "modeltally.nested" not in one]
    assert outcomes == ["success"] * operations


def test_decorated_twice_is_counted_once(seen: Captured) -> None:
    """The inner one is nested in the outer."""

    @modeltally.model_request("m")
    @modeltally.model_request("m")
    def function() -> int:
        return 1

    assert function() == 1
    assert [one.get("modeltally.nested") for one in seen.all()] == [True, None]
