"""The stand-in for a decorated function: only calling it differs from the function itself.

wrapt keeps signature, names and ``isinstance``. Methods are bound and handed to other processes as Python does it.
"""

from __future__ import annotations

import copy
import functools
import sys
from operator import attrgetter
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Final

import wrapt

from modeltally.instrument._guard import problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["WatchedFunction", "watched"]

if TYPE_CHECKING:  # generic for the type checker only
    BoundBase = wrapt.BoundFunctionWrapper[..., Any]
    FunctionBase = wrapt.FunctionWrapper[..., Any]
else:
    BoundBase = wrapt.BoundFunctionWrapper
    FunctionBase = wrapt.FunctionWrapper

# Before Python 3.14 whoever asks a class for its annotations leaves an empty dictionary in it, which would hide the
# function's own from then on: a class that has an entry of its own is left alone.
_annotations: Final[Any] = property(
    attrgetter("__wrapped__.__annotations__"), lambda self, given: setattr(self.__wrapped__, "__annotations__", given)
)

# of these Python makes class methods where they are functions
IMPLICIT_CLASS_METHODS: Final = ("__init_subclass__", "__class_getitem__")
# no callables themselves, but what they bind to is one
BINDING: Final = (functools.singledispatchmethod, functools.partialmethod)


class _BoundFunction(BoundBase):
    """A decorated callable bound to its object or class by a descriptor other than a function."""

    __annotations__ = _annotations

    def __repr__(self) -> str:
        return repr(self.__wrapped__)

    def __copy__(self) -> _BoundFunction:
        """Return itself, as bound methods do."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """Bind to a copy of the object, as bound methods do."""
        function = self.__wrapped__
        if not hasattr(function, "__self__"):
            return self
        return getattr(copy.deepcopy(function.__self__, memo), function.__name__)

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as methods are: the object, and the name of the method."""
        function = self.__wrapped__
        if hasattr(function, "__self__"):
            return getattr, (function.__self__, function.__name__)
        return function.__reduce_ex__(protocol)


class WatchedFunction(FunctionBase):
    """A decorated function."""

    __annotations__ = _annotations
    __bound_function_wrapper__ = _BoundFunction

    def __repr__(self) -> str:
        return repr(self.__wrapped__)  # joblib's cache goes by it where there is no source

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind: a function becomes a method of Python's own."""
        function = self.__wrapped__
        if type(function) is FunctionType:
            return self if instance is None else MethodType(self, instance)
        bind = getattr(type(function), "__get__", None)
        if bind is not None:
            bound = bind(function, instance, owner)
            if type(bound) is MethodType and bound.__func__ is function:
                return MethodType(self, bound.__self__)
        return super().__get__(instance, owner)

    def __set_name__(self, owner: Any, name: str) -> None:
        """Become a class method where Python would make one of the function."""
        function: Any = self.__wrapped__
        if type(function) is FunctionType:
            if name in IMPLICIT_CLASS_METHODS:
                setattr(owner, name, classmethod(self))
        elif hasattr(type(function), "__set_name__"):
            function.__set_name__(owner, name)

    def __copy__(self) -> WatchedFunction:
        """Return itself, as functions do."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> WatchedFunction:
        """Return itself, as functions do."""
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as functions are, by module and name; where these lead elsewhere, what is watched and how."""
        function = self.__wrapped__
        module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
        if isinstance(module, str) and isinstance(name, str) and _is_found(self, module, name):
            caller = sys._getframe(1)  # noqa: SLF001 - nothing else tells who is pickling
            if not (module == "__main__" and _is_dill(caller)):
                return _find, (module, name)
        call: Any = self._self_wrapper  # a method of the watch
        return _rebuild, (call.__self__, function)


def watched(function: Any, watch: Callable[[Any], Any], call: Callable[..., Any]) -> Any:
    """Return the stand-in for a callable, or a descriptor around one.

    Args:
        function: What was decorated.
        watch: Decorates what is inside.
        call: Runs in place of a callable.
    """
    kind = type(function)
    if kind is classmethod or kind is staticmethod:
        return kind(watch(function.__func__))
    if kind is property:
        getter = function.fget if function.fget is None else watch(function.fget)
        return property(getter, function.fset, function.fdel, function.__doc__)
    if kind is functools.cached_property:
        made: Any = functools.cached_property(watch(function.func))
        made.__doc__ = function.__doc__
        return made
    if not callable(function) and not isinstance(function, BINDING):
        problem(
            "not_callable",
            "a decorator was put on a %.64r, which cannot be called: it stays as it is and nothing is recorded",
            kind.__qualname__,
        )
        return function
    return WatchedFunction(function, call)


def _is_dill(caller: FrameType) -> bool:
    """Tell whether dill is pickling: what a script defines it sends whole, where everybody else sends its name."""
    pickler = getattr(sys.modules.get("dill"), "Pickler", None)
    return isinstance(pickler, type) and isinstance(caller.f_locals.get("self"), pickler)


def _is_found(function: WatchedFunction, module: str, qualified_name: str) -> bool:
    try:
        return attrgetter(qualified_name)(sys.modules[module]) is function
    except (AttributeError, KeyError):  # a local function or a lambda
        return False


def _find(module: str, qualified_name: str) -> Any:
    __import__(module)
    return attrgetter(qualified_name)(sys.modules[module])


def _rebuild(watch: Any, function: Any) -> Any:
    return watch(function)
