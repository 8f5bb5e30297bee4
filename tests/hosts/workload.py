"""The service: blocks of operations in every form, with spans of the host's around and inside them."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry import context as otel_context
from opentelemetry import trace

from hosts import keywords

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractContextManager

    from hosts.standins import Wrappers

__all__ = ["CUSTOM", "Host", "Workload"]

CUSTOM: Final = "acme.index"


class Host(Protocol):
    """How the host traces."""

    keeps_context: bool
    """Whether its current context is one object until it is changed."""

    def span(self, name: str, index: int) -> AbstractContextManager[object]:
        """Open a span and make it the current one."""
        ...

    def surroundings(self, index: int) -> AbstractContextManager[object]:
        """Enter what is around an operation before the host opens a span of its own."""
        ...


class Refused(Exception):  # noqa: N818 - a name of the host's
    """What the host raises and handles."""


class Workload:
    """Runs blocks; keeps what the host got back, and what its current span was when each operation began."""

    def __init__(self, wrappers: Wrappers, host: Host) -> None:
        """Decorate the service's functions.

        Args:
            wrappers: The public face, or what takes its place.
            host: How the host traces.
        """
        self._wrappers = wrappers
        self._host = host
        self.results: list[object] = []
        self.parents: dict[int, tuple[str, str]] = {}
        self.context_changes = 0
        request = wrappers.model_request
        self._generate: Any = request(keywords.REQUEST_MODEL, framework="diffusers")(self._generate_body)
        self._generate_async: Any = request(keywords.REQUEST_MODEL)(self._generate_async_body)
        self._stream: Any = request(keywords.STREAM_MODEL)(self._stream_body)
        self._stream_async: Any = request(keywords.STREAM_MODEL)(self._stream_async_body)
        self._load: Any = wrappers.load(keywords.REQUEST_MODEL)(self._load_body)

    def run(self, block: int) -> None:
        """Run the operations of a block."""
        first = block * keywords.BLOCK
        for place in keywords.DECORATED:
            with self._around(first + place), contextlib.suppress(Refused):
                self.results.append(self._generate(first + place))
        for place in range(4, 8):
            self._in_context(first + place)
        asyncio.run(self._run_async(first + 8))
        for place in (12, 13):
            with self._around(first + place):
                self.results.append(list(self._stream(first + place)))
        with self._around(first + keywords.CANCELLED):
            stream = self._stream(first + keywords.CANCELLED)
            self.results.append(next(stream))
            stream.close()
        with self._around(first + keywords.LOAD):
            self.results.append(self._load(first + keywords.LOAD))
        self._watch(self._wrappers.download, first + keywords.DOWNLOAD)
        self._watch(self._wrappers.health_check, first + keywords.HEALTH_CHECK)
        self._pattern(first + keywords.PATTERN)

    # functions of the service, decorated above

    def _generate_body(self, index: int) -> str:
        self._tell(self._wrappers.current_operation(), index)
        with self._host.span("step", index):
            if index % keywords.BLOCK in keywords.RAISING:
                raise Refused(index)
            return f"picture {index}"

    async def _generate_async_body(self, index: int) -> str:
        self._tell(self._wrappers.current_operation(), index)
        with self._host.span("step", index):
            await asyncio.sleep(0)
        return f"picture {index}"

    def _stream_body(self, index: int) -> Iterator[str]:
        self._tell(self._wrappers.current_operation(), index)
        with self._host.span("step", index):
            pass
        yield f"once {index}"
        yield "upon"

    async def _stream_async_body(self, index: int) -> AsyncIterator[str]:
        self._tell(self._wrappers.current_operation(), index)
        with self._host.span("step", index):
            await asyncio.sleep(0)
        yield f"once {index}"
        yield "upon"

    def _load_body(self, index: int) -> dict[str, int]:
        self._tell(self._wrappers.current_operation(), index)
        return {"weights": index}

    # their callers

    def _in_context(self, index: int) -> None:
        with (
            contextlib.suppress(Refused),
            self._around(index),
            self._wrappers.model_request(keywords.REQUEST_MODEL) as operation,
        ):
            self._tell(operation, index)
            with self._host.span("step", index):
                pass
            if index % keywords.BLOCK in keywords.RAISING:
                raise Refused(index)
            self.results.append(index)

    def _watch(self, wrapper: Any, index: int) -> None:
        with self._around(index), wrapper(keywords.REQUEST_MODEL) as operation:
            self._tell(operation, index)
            with self._host.span("step", index):
                self.results.append(index)

    def _pattern(self, index: int) -> None:
        with self._around(index), self._wrappers.pattern_run("storyboard", pattern_kind="workflow") as run:
            self._tell(run, index)
            with self._wrappers.model_request(keywords.REQUEST_MODEL) as operation:
                self._tell(operation, index + 1)
                with self._host.span("step", index):
                    self.results.append(index)

    async def _run_async(self, first: int) -> None:
        self.results.extend(
            await asyncio.gather(
                self._call_async(first),
                self._call_async(first + 1),
                self._consume_async(first + 2),
                self._in_context_async(first + 3),
            )
        )

    async def _call_async(self, index: int) -> object:
        with self._around(index):
            return await self._generate_async(index)

    async def _consume_async(self, index: int) -> object:
        with self._around(index):
            return [item async for item in self._stream_async(index)]

    async def _in_context_async(self, index: int) -> object:
        with self._around(index):
            async with self._wrappers.model_request(keywords.REQUEST_MODEL) as operation:
                self._tell(operation, index)
                await asyncio.sleep(0)
            return index

    @contextlib.contextmanager
    def _around(self, index: int) -> Iterator[None]:
        """Open the host's span, and see that its context is the same after the operation as before."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._host.surroundings(index))
            if keywords.is_inside(index):
                stack.enter_context(self._host.span("request", index))
            context, self.parents[index] = otel_context.get_current(), _current_ids()
            try:
                yield
            finally:
                is_same = otel_context.get_current() is context or not self._host.keeps_context
                self.context_changes += not is_same or _current_ids() != self.parents[index]

    def _tell(self, operation: Any, index: int) -> None:
        """Say everything; an operation of ours is not the host's current span meanwhile."""
        operation.set(**keywords.values_of(index))
        operation.set_attribute(CUSTOM, index)
        if index in self.parents:
            self.context_changes += _current_ids() != self.parents[index]


def _current_ids() -> tuple[str, str]:
    """Return trace id and span id of the host's current span, empty without one."""
    current = trace.get_current_span().get_span_context()
    return (f"{current.trace_id:032x}", f"{current.span_id:016x}") if current.is_valid else ("", "")
