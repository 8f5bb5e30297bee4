"""The stand-in for a decorated function: only calling it differs from the function itself.

wrapt keeps signature, names, binding and ``isinstance``; pickling it leaves to us. Hosts hand functions to other
processes, which works by name, decorated or not.
"""

from __future__ import annotations

import copy
import pickle
import sys
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import wrapt

__all__ = ["WatchedFunction"]

if TYPE_CHECKING:  # generic for the type checker only
    BoundBase = wrapt.BoundFunctionWrapper[..., Any]
    FunctionBase = wrapt.FunctionWrapper[..., Any]
else:
    BoundBase = wrapt.BoundFunctionWrapper
    FunctionBase = wrapt.FunctionWrapper


class _BoundFunction(BoundBase):
    """A decorated method bound to its object or class."""

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
        _check_name(function)
        return _find, (function.__module__, function.__qualname__)  # a static method


class WatchedFunction(FunctionBase):
    """A decorated function."""

    __bound_function_wrapper__ = _BoundFunction

    def __copy__(self) -> WatchedFunction:
        """Return itself, as functions do."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> WatchedFunction:
        """Return itself, as functions do."""
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle as functions are: module and name."""
        _check_name(self.__wrapped__)
        return _find, (self.__wrapped__.__module__, self.__wrapped__.__qualname__)


def _check_name(function: Any) -> None:
    if "<" in function.__qualname__:  # a local function or a lambda
        raise pickle.PicklingError(f"Can't pickle {function.__qualname__}: it's not found by name")


def _find(module: str, qualified_name: str) -> Any:
    __import__(module)
    return attrgetter(qualified_name)(sys.modules[module])
