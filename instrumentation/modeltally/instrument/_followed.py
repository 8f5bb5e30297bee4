"""The stand-in for a stream object: an SDK's, whose class has ``__next__`` or ``__anext__``.

Attributes, ``isinstance`` and what the object can do stay; ``type()`` differs. It has exactly those methods of the
protocols that the object's class has.
"""

from __future__ import annotations

import copy
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import wrapt

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._context import attach, current, detach
from modeltally.instrument._guard import guarded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from modeltally.instrument._operation import Operation

__all__ = ["followed"]

if TYPE_CHECKING:  # generic for the type checker only
    ProxyBase = wrapt.ObjectProxy[Any]
else:
    ProxyBase = wrapt.ObjectProxy


class _Stream(ProxyBase):
    """A stream with its operation, which ends as the stream does."""

    def __init__(self, stream: Any, operation: Operation) -> None:
        # first what its end needs, which comes however far this got
        self._self_operation = operation
        self._self_is_stepped = False
        super().__init__(stream)
        self._self_since_ns: int | None = _clock.perf_counter_ns()  # until the first chunk

    def __del__(self) -> None:
        """End the operation: a stream that was read by other ways than its protocol has done what it should."""
        self._self_leave(None)

    def __copy__(self) -> Any:
        return copy.copy(self.__wrapped__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self.__wrapped__, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.__wrapped__.__reduce_ex__(protocol)

    def _self_leave(self, error: BaseException | None) -> None:
        """End the operation of a stream that is read no further."""
        operation = self._self_operation
        if error is None and self._self_is_stepped:
            operation.end_cancelled()
        else:
            operation.end(error)

    def _self_step(self, step: Callable[[], Any]) -> Any:
        operation, former = self._self_operation, current()
        self._self_is_stepped = True
        try:
            try:
                attach(operation)
                item = step()
            finally:
                detach(operation, former)
        except StopIteration:
            operation.end()
            raise
        except BaseException as error:
            detach(operation, former)
            operation.end(error)
            raise
        self._self_chunk()
        return item

    async def _self_step_async(self, step: Callable[[], Awaitable[Any]]) -> Any:
        operation, former = self._self_operation, current()
        self._self_is_stepped = True
        try:
            try:
                attach(operation)
                item = await step()
            finally:
                detach(operation, former)
        except StopAsyncIteration:
            operation.end()
            raise
        except BaseException as error:
            detach(operation, former)
            operation.end(error)
            raise
        self._self_chunk()
        return item

    @guarded(None)
    def _self_chunk(self) -> None:
        since_ns, self._self_since_ns = self._self_since_ns, None
        operation = self._self_operation
        if (
            since_ns is not None
            and operation.operation == names.MODEL_REQUEST
            and "time_to_first_chunk_seconds" not in operation.values
        ):
            operation.set(time_to_first_chunk_seconds=(_clock.perf_counter_ns() - since_ns) / 1e9)

    def _self_through(self, iterator: Iterator[Any]) -> Iterator[Any]:
        while True:
            try:
                item = self._self_step(iterator.__next__)
            except StopIteration:
                return
            yield item

    async def _self_through_async(self, iterator: Any) -> Any:
        while True:
            try:
                item = await self._self_step_async(iterator.__anext__)
            except StopAsyncIteration:
                return
            yield item


def _iter(self: _Stream) -> Iterator[Any]:
    iterator = iter(self.__wrapped__)
    return self if iterator is self.__wrapped__ else self._self_through(iterator)


def _next(self: _Stream) -> Any:
    return self._self_step(self.__wrapped__.__next__)


def _aiter(self: _Stream) -> Any:
    iterator = aiter(self.__wrapped__)
    return self if iterator is self.__wrapped__ else self._self_through_async(iterator)


def _anext(self: _Stream) -> Any:
    return self._self_step_async(self.__wrapped__.__anext__)


def _enter(self: _Stream) -> Any:
    entered = self.__wrapped__.__enter__()
    return self if entered is self.__wrapped__ else entered


async def _aenter(self: _Stream) -> Any:
    entered = await self.__wrapped__.__aenter__()
    return self if entered is self.__wrapped__ else entered


def _exit(self: _Stream, kind: Any, error: BaseException | None, trace: Any) -> Any:
    try:
        return self.__wrapped__.__exit__(kind, error, trace)
    finally:
        self._self_leave(error)


async def _aexit(self: _Stream, kind: Any, error: BaseException | None, trace: Any) -> Any:
    try:
        return await self.__wrapped__.__aexit__(kind, error, trace)
    finally:
        self._self_leave(error)


def _close(self: _Stream, *args: Any, **kwargs: Any) -> Any:
    try:
        return self.__wrapped__.close(*args, **kwargs)
    finally:
        self._self_leave(None)


def _aclose(self: _Stream, *args: Any, **kwargs: Any) -> Any:
    try:
        return self.__wrapped__.aclose(*args, **kwargs)
    finally:
        self._self_leave(None)


METHODS: Final[dict[str, Callable[..., Any]]] = {
    "__iter__": _iter,
    "__next__": _next,
    "__aiter__": _aiter,
    "__anext__": _anext,
    "__enter__": _enter,
    "__exit__": _exit,
    "__aenter__": _aenter,
    "__aexit__": _aexit,
    "close": _close,
    "aclose": _aclose,
}
_kinds: WeakKeyDictionary[type, type[_Stream]] = WeakKeyDictionary()


def followed(operation: Operation, stream: Any) -> Any:
    """Return a stand-in for a stream, which ends the operation as the stream ends."""
    kind = type(stream)
    made = _kinds.get(kind)
    if made is None:
        has = {name: method for name, method in METHODS.items() if getattr_static(kind, name, None) is not None}
        made = _kinds[kind] = type(kind.__name__, (_Stream,), has)
    return made(stream, operation)
