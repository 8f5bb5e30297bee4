"""Decorated callables where hosts hold, bind and send them: as without the decorator, and recorded."""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys
import weakref
from typing import TYPE_CHECKING, Any

import celery.utils.dispatch  # type: ignore[import-untyped]  # it ships no types
import cloudpickle  # type: ignore[import-untyped]  # it ships no types
import pytest

import modeltally

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from modeltally.testing import Captured


def bare(_model: str) -> Callable[[Any], Any]:
    """Decorate with nothing, to compare with."""
    return lambda function: function


def service(decorate: Callable[[str], Callable[[Any], Any]]) -> Any:
    """Return a class with every kind of decorated attribute."""

    class Service:
        """It adds two."""

        added = 2

        @decorate("m")
        def method(self, number: int, **_: object) -> int:
            return number + self.added

        @decorate("m")
        @classmethod
        def above(cls, number: int) -> int:
            return number + cls.added

        @classmethod
        @decorate("m")
        def below(cls, number: int) -> int:
            return number + cls.added

        @decorate("m")
        @staticmethod
        def static(number: int) -> int:
            return number + 2

        @decorate("m")  # type: ignore[prop-decorator]  # it does not follow them
        @property
        def value(self) -> list[int]:
            """The values."""
            return [self.added]

        partial = staticmethod(decorate("m")(functools.partial(lambda number: number + 2)))

    return Service


def remembering(decorate: Callable[[str], Callable[[Any], Any]]) -> Any:
    """Return a class with a value that is computed once; before Python 3.12 its lock cannot be sent."""

    class Remembering:
        @decorate("m")  # type: ignore[prop-decorator]  # it does not follow them
        @functools.cached_property
        def cached(self) -> list[int]:
            return [3]

    return Remembering


class Adder:
    """A callable object."""

    def __call__(self, number: int) -> int:
        """Add two."""
        return number + 2


def weak(made: Any) -> Any:
    """Call a method that is held weakly."""
    held = weakref.WeakMethod(made.method)()
    assert held is not None
    return held(1)


def signal(made: Any) -> Any:
    """Connect a method to a signal, which holds it weakly, and send."""
    sent = celery.utils.dispatch.Signal()
    sent.connect(made.method)
    return [result for _, result in sent.send(sender=None, number=1)]


USES: dict[str, Callable[[Any], Any]] = {
    "weak method": weak,
    "signal": signal,
    "value of a property": lambda made: (type(made.value), made.value, type(made).value.__doc__),
    "type of a method": lambda made: (type(made.method), type(type(made).__dict__["above"]), made.method(1)),
    "equality": lambda made: (made.method == made.method, len({made.method, made.method}), made.method(1)),
    "shown": lambda made: ([repr(one).partition(" at ")[0] for one in (made.static, made.partial)], made.static(1)),
    "kept object": lambda made: made.method.__self__ is made and made.method(1),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_decorated_attribute_is_as_without_us(seen: Captured, use: Callable[[Any], Any]) -> None:
    """The host sees the same, and the call is recorded."""
    assert use(service(modeltally.model_request)()) == use(service(bare)())
    assert seen.all()


def test_cached_property_is_as_without_us(seen: Captured) -> None:
    """Its value is computed once, which is one operation."""
    made = remembering(modeltally.model_request)()
    assert made.cached == [3]
    assert made.cached is made.cached
    assert seen.one()["modeltally.outcome"] == "success"


@pytest.mark.parametrize("name", ["method", "above", "below", "static", "partial"])
def test_class_sent_by_value_works_elsewhere(tmp_path: Path, name: str) -> None:
    """A worker that has never seen the class calls what it got."""
    (tmp_path / "sent").write_bytes(cloudpickle.dumps(getattr(service(modeltally.model_request)(), name)))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))(1))"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "sent")], cwd="/", capture_output=True, text=True, check=False
    )
    assert ended.stdout == "3\n", ended.stderr


def caller() -> Any:
    """Return a bare function that calls a decorated one."""
    decorated: Any = modeltally.model_request("m")(lambda number: number + 1)
    return lambda number: decorated(number) + 1


FUNCTIONS: dict[str, Callable[[], Any]] = {
    "plain": lambda: modeltally.model_request("m")(lambda number: number + 2),
    "partial": lambda: functools.partial(modeltally.model_request("m")(pow), 3),
    "one that calls it": caller,
}


@pytest.mark.parametrize("made", FUNCTIONS.values(), ids=FUNCTIONS)
def test_function_sent_by_value_works_elsewhere(tmp_path: Path, made: Callable[[], Any]) -> None:
    """Whoever sends it takes it for a function of Python's own: it arrives as one, and answers."""
    (tmp_path / "sent").write_bytes(cloudpickle.dumps(made()))
    code = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb'))(1))"
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "sent")], cwd="/", capture_output=True, text=True, check=False
    )
    assert ended.stdout == "3\n", ended.stderr


@pytest.mark.parametrize("callable_", [Adder(), functools.partial(pow, 1)], ids=["object", "partial"])
def test_decorated_object_is_sent_with_its_watch(seen: Captured, callable_: Callable[[int], int]) -> None:
    """It has no name to be found by, so it travels whole."""
    decorated = modeltally.model_request("m", task="text_to_image")(callable_)
    arrived = pickle.loads(pickle.dumps(decorated))  # noqa: S301 - written in this line
    assert arrived(1) == callable_(1)
    assert seen.one()["modeltally.task"] == "text_to_image"


def test_local_functions_are_pickled_no_more_than_without_us() -> None:
    """The error is pickle's own."""

    def local() -> None: ...

    errors = []
    for function in (local, modeltally.model_request("m")(local)):
        with pytest.raises((pickle.PicklingError, AttributeError)) as raised:
            pickle.dumps(function)
        errors.append((type(raised.value), str(raised.value)))
    assert errors[0] == errors[1]


def test_implicit_class_methods_stay_class_methods(seen: Captured) -> None:
    """Python makes them of functions alone, and a stand-in is none."""
    made = []

    class Base:
        @modeltally.model_request("m")
        def __init_subclass__(cls) -> None:
            made.append(cls.__name__)

        @modeltally.model_request("m")
        def __class_getitem__(cls, item: int) -> int:
            return item

    class _Derived(Base): ...

    assert made == ["_Derived"]
    made_by_item: Any = Base
    assert made_by_item[3] == 3
    assert len(seen.all()) == 2


def test_descriptor_that_cannot_be_called_stays_as_it_is() -> None:
    """The decorator says so instead of replacing its value."""

    class Constant:
        def __get__(self, instance: object, owner: object) -> int:
            return 3

    constant = Constant()
    decorate: Any = modeltally.model_request("m")
    assert decorate(constant) is constant
    assert modeltally.counters().problems == {"not_callable": 1}
