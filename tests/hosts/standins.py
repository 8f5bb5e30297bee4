"""What takes the wrappers' place: nothing at all, or plain spans of the host's provider.

The second is the control: it is what an instrumentation does that records through the host, and the matrix must see
that such a one loses operations and changes the host's traces.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry import trace

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import TracebackType

__all__ = ["Control", "Nothing", "Wrappers"]


class Wrappers(Protocol):
    """The part of the public face that the workload uses."""

    model_request: Any
    download: Any
    load: Any
    health_check: Any
    pattern_run: Any
    current_operation: Any


class _Ignoring:
    """An operation that nobody listens to."""

    def set(self, **values: object) -> None:
        """Ignore it."""

    def set_attribute(self, name: str, value: object) -> None:
        """Ignore it."""


_IGNORING = _Ignoring()


class _NoWatch:
    """Watches nothing."""

    def __enter__(self) -> _Ignoring:
        return _IGNORING

    def __exit__(self, *_: object) -> None:
        pass

    async def __aenter__(self) -> _Ignoring:
        return _IGNORING

    async def __aexit__(self, *_: object) -> None:
        pass

    def __call__(self, function: Any) -> Any:
        """Leave the function as it is."""
        return function


def _no_watch(_subject: str | None = None, /, **_values: object) -> _NoWatch:
    return _NoWatch()


class Nothing:
    """A service without us."""

    model_request = download = load = health_check = pattern_run = staticmethod(_no_watch)

    @staticmethod
    def current_operation() -> _Ignoring:
        """Return an operation that ignores everything."""
        return _IGNORING


class _Span:
    """Says everything on the current span of the host's."""

    def set(self, **values: Any) -> None:
        """Set attributes."""
        span = trace.get_current_span()
        for keyword, value in values.items():
            span.set_attribute("modeltally.correlation_id" if keyword == "correlation_id" else keyword, value)

    def set_attribute(self, name: str, value: Any) -> None:
        """Set an attribute."""
        trace.get_current_span().set_attribute(name, value)


class _SpanWatch:
    """Makes a plain span of the host's, which is the current one meanwhile."""

    def __init__(self, name: str) -> None:
        """Take its name."""
        self._name = name
        self._open: list[Any] = []

    def _span(self) -> Any:
        return trace.get_tracer("control").start_as_current_span(self._name, record_exception=False)

    def __enter__(self) -> _Span:
        context = self._span()
        context.__enter__()
        self._open.append(context)
        return _Span()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.pop().__exit__(kind, error, trace)

    async def __aenter__(self) -> _Span:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make a span of each call."""
        if inspect.isasyncgenfunction(function):

            async def stream_async(*arguments: Any) -> AsyncIterator[Any]:
                with self._span():
                    async for item in function(*arguments):
                        yield item

            return stream_async
        if inspect.isgeneratorfunction(function):

            def stream(*arguments: Any) -> Iterator[Any]:
                with self._span():
                    yield from function(*arguments)

            return stream
        if inspect.iscoroutinefunction(function):

            async def call_async(*arguments: Any) -> Any:
                with self._span():
                    return await function(*arguments)

            return call_async

        @functools.wraps(function)
        def call(*arguments: Any) -> Any:
            with self._span(), contextlib.nullcontext():
                return function(*arguments)

        return call


def _span_watch(subject: str | None = None, /, **_values: object) -> _SpanWatch:
    return _SpanWatch(subject or "operation")


class Control:
    """A service whose operations are spans of its own provider."""

    model_request = download = load = health_check = pattern_run = staticmethod(_span_watch)

    @staticmethod
    def current_operation() -> _Span:
        """Return what speaks to the current span."""
        return _Span()
