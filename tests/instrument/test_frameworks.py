"""Streams as frameworks step them: in thread pools, across tasks, given up by clients that go away."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
import uvicorn
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import get_current_span
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

import modeltally
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from modeltally.testing import Captured

CHUNKS = 3
MANY = 2000  # more than any client here reads; the loop ends all the same
TRACER = TracerProvider().get_tracer("host")
KINDS = ["sync", "async"]


class Host:
    """A web application that streams, under a span of its own; what the streams saw is kept."""

    def __init__(self) -> None:
        """Make the application."""
        self.spans: set[int] = set()  # ids of the spans that were current in the request and in each step
        self.closed: list[str] = []
        self.app: ASGIApp = self._traced(
            Starlette(
                routes=[
                    Route("/sync", self._sync),
                    Route("/async", self._async),
                    Route("/plain", self._plain),
                    Route("/broken", self._broken),
                ]
            )
        )

    def _traced(self, app: ASGIApp) -> ASGIApp:
        """Make a span current for each request, as instrumentations of frameworks do."""

        async def traced(scope: Scope, receive: Receive, send: Send) -> None:
            with TRACER.start_as_current_span("request") as span:
                self.spans.add(span.get_span_context().span_id)
                await app(scope, receive, send)
                assert get_current_span() is span

        return traced

    def note(self) -> None:
        """Keep which span is current."""
        self.spans.add(get_current_span().get_span_context().span_id)

    def clean_up(self, kind: str) -> None:
        """Tell the operation something at the stream's end, whoever ends it; the span may be another one there."""
        modeltally.current_operation().set(output_tokens=7)
        self.closed.append(kind)

    @modeltally.model_request("m")
    def chunks(self, count: int) -> Generator[str, None, None]:
        """Stream text."""
        try:
            for index in range(count):
                self.note()
                yield f"{index}\n"
                time.sleep(0.001)
        finally:
            self.clean_up("sync")

    @modeltally.model_request("m")
    async def async_chunks(self, count: int) -> AsyncGenerator[str, None]:
        """Stream text."""
        try:
            for index in range(count):
                self.note()
                yield f"{index}\n"
                await asyncio.sleep(0.001)
        finally:
            self.clean_up("async")

    @modeltally.model_request("m")
    async def failing_chunks(self) -> AsyncGenerator[str, None]:
        """Stream text, then fail."""
        yield "0\n"
        raise LookupError("no more text")

    @modeltally.model_request("m")
    def answer(self) -> str:
        """Answer at once."""
        self.note()
        return "done"

    async def _sync(self, request: Request) -> StreamingResponse:
        return StreamingResponse(self.chunks(int(request.query_params.get("count", CHUNKS))))

    async def _async(self, request: Request) -> StreamingResponse:
        return StreamingResponse(self.async_chunks(int(request.query_params.get("count", CHUNKS))))

    async def _broken(self, _request: Request) -> StreamingResponse:
        return StreamingResponse(self.failing_chunks())

    def _plain(self, _request: Request) -> JSONResponse:  # a plain function: Starlette runs it in its thread pool
        return JSONResponse(self.answer())


@pytest.fixture
def host(seen: Captured, caplog: pytest.LogCaptureFixture) -> Iterator[Host]:
    """Make the application; afterwards nobody may have complained about contexts."""
    del seen
    made = Host()
    yield made
    assert "different Context" not in caplog.text
    assert "Failed to detach" not in caplog.text


@pytest.fixture
def address(host: Host) -> Iterator[tuple[str, int]]:
    """Serve the application with a real server on a local socket."""
    config = uvicorn.Config(host.app, port=0, ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert wait_until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()
    server.should_exit = True
    thread.join(60)
    assert not thread.is_alive()


def outcome_of_the_only_one(seen: Captured, host: Host, *, may_be_collected: bool = False) -> object:
    """Return the only operation's outcome, and see that it belongs to the host's request.

    Args:
        seen: What was exported.
        host: The application.
        may_be_collected: The stream may have been garbage in a cycle: then the collector chooses whether it or what we
            put around it is closed first, and what its clean-up tells may come after the operation.
    """
    (span,) = seen.spans()
    assert span.parent is not None
    assert host.spans == {span.parent.span_id}  # one span for all steps, and ours inside of it
    assert span.attributes is not None
    told = span.attributes.get("gen_ai.usage.output_tokens")
    assert told == (7 if host.closed else None) or (may_be_collected and told is None)
    return span.attributes["modeltally.outcome"]


def has_ended() -> bool:
    """Tell whether the operation has ended; what nobody holds any more is collected."""
    gc.collect()
    counters = modeltally.counters()
    return counters.started == counters.finished == 1


@pytest.mark.parametrize("kind", [*KINDS, "plain"])
def test_stream_is_success_when_a_client_reads_all_of_it(seen: Captured, host: Host, kind: str) -> None:
    """Through Starlette, in its thread pool and in its loop: the text arrives, the operation ends once."""

    async def main() -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(host.app), base_url="http://host") as client:
            return (await client.get(f"/{kind}")).text

    assert asyncio.run(main()) == ('"done"' if kind == "plain" else "0\n1\n2\n")
    assert outcome_of_the_only_one(seen, host) == "success"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("version", ["2.3", "2.4"])
def test_stream_is_cancelled_when_the_server_says_that_the_client_left(
    seen: Captured, host: Host, kind: str, version: str
) -> None:
    """Both ways in which servers tell it: as a message to receive, and as an error of sending."""
    sent: list[Message] = []
    left = asyncio.Event()

    async def receive() -> Message:
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if len(sent) == 3 and version == "2.3":
            left.set()
        elif len(sent) > 3 and version == "2.4":
            raise OSError("the client went away")

    async def main() -> None:
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": version},
            "method": "GET",
            "path": f"/{kind}",
            "query_string": f"count={MANY}".encode(),
            "headers": [],
        }
        with contextlib.suppress(Exception):  # Starlette raises its own for a client that left
            await host.app(scope, receive, send)

    asyncio.run(main())
    assert wait_until(has_ended)
    assert outcome_of_the_only_one(seen, host, may_be_collected=True) == "cancelled"
    assert host.closed == [kind]
    assert len(sent) < MANY


@pytest.mark.parametrize("kind", KINDS)
def test_stream_is_cancelled_when_the_client_of_a_real_server_goes_away(
    seen: Captured, host: Host, address: tuple[str, int], kind: str
) -> None:
    """The socket is closed after the first chunk: the stream ends once, and its clean-up ran."""
    with socket.create_connection(address[:2], timeout=60) as client:
        client.sendall(f"GET /{kind}?count={MANY} HTTP/1.1\r\nHost: host\r\n\r\n".encode())
        received = b""
        while b"0\n" not in received.partition(b"\r\n\r\n")[2]:
            received += client.recv(4096)
    assert wait_until(has_ended)
    assert outcome_of_the_only_one(seen, host, may_be_collected=True) == "cancelled"
    assert host.closed == [kind]


@pytest.mark.parametrize("kind", KINDS)
def test_stream_is_success_when_served_by_a_real_server(
    seen: Captured, host: Host, address: tuple[str, int], kind: str
) -> None:
    """The whole text arrives over the socket."""
    assert httpx.get(f"http://{address[0]}:{address[1]}/{kind}").text == "0\n1\n2\n"
    assert wait_until(has_ended)
    assert outcome_of_the_only_one(seen, host) == "success"


def test_stream_is_error_when_it_fails_in_a_framework(seen: Captured, host: Host) -> None:
    """The error reaches the framework as it was raised."""

    async def main() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(host.app), base_url="http://host") as client:
            await client.get("/broken")

    with pytest.raises(LookupError, match="no more text"):
        asyncio.run(main())
    assert outcome_of_the_only_one(seen, host) == "error"


# -- without a framework: the ways in which its parts end a stream -----------------------------------------------------


async def read_some(chunks: AsyncGenerator[str, None]) -> None:
    """Leave a block that closes the stream."""
    async with contextlib.aclosing(chunks):
        async for _ in chunks:
            break


async def read_for_a_moment(chunks: AsyncGenerator[str, None]) -> None:
    """Read until a time limit cancels the reader."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(read_all(chunks), 0.02)


async def read_all(chunks: AsyncIterator[str]) -> None:
    """Read to the end."""
    async for _ in chunks:
        pass


async def read_beside_a_failing_task(chunks: AsyncGenerator[str, None]) -> None:
    """Read in a group of tasks that one of them breaks up."""

    async def fail() -> None:
        await asyncio.sleep(0.01)
        raise LookupError("the sibling")

    async def read_beside() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(read_all(chunks))
            group.create_task(fail())

    with pytest.raises(ExceptionGroup):
        await read_beside()


async def read_in_a_scope(chunks: AsyncGenerator[str, None]) -> None:
    """Read in a scope of anyio's that is cancelled after a moment."""
    with anyio.move_on_after(0.02):
        await read_all(chunks)


async def read_in_a_group(chunks: AsyncGenerator[str, None]) -> None:
    """Read in a group of anyio's, which is cancelled once the first chunk has arrived elsewhere."""
    send, receive = anyio.create_memory_object_stream[str]()

    async def forward() -> None:
        async with send:
            async for chunk in chunks:
                await send.send(chunk)

    async with anyio.create_task_group() as group, receive:
        group.start_soon(forward)
        await receive.receive()
        group.cancel_scope.cancel()


async def step_in_tasks(chunks: AsyncGenerator[str, None]) -> None:
    """Step it in a task of its own each time, and close it in another."""
    for _ in range(3):
        await asyncio.create_task(anext(chunks))
    await asyncio.create_task(chunks.aclose())


async def lose(chunks: AsyncGenerator[str, None]) -> None:
    """Read a part, hold it in a cycle, and lose it: the loop closes it when it is collected."""
    await anext(chunks)
    cycle: list[Any] = [chunks]
    cycle.append(cycle)
    del chunks, cycle
    gc.collect()
    await asyncio.sleep(0.01)


ENDINGS = [
    read_some,
    read_for_a_moment,
    read_beside_a_failing_task,
    read_in_a_scope,
    read_in_a_group,
    step_in_tasks,
    lose,
]


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
def test_stream_is_cancelled_once_however_it_is_given_up(
    seen: Captured, host: Host, ending: Callable[[AsyncGenerator[str, None]], Any]
) -> None:
    """The host's span stays current, before, inside and after; the clean-up ran."""

    async def main() -> None:
        with TRACER.start_as_current_span("request") as span:
            host.note()
            made = [host.async_chunks(MANY)]
            await ending(made.pop())
            assert get_current_span() is span
            await asyncio.sleep(0)

    asyncio.run(main())
    assert wait_until(has_ended)
    assert outcome_of_the_only_one(seen, host, may_be_collected=ending is lose) == "cancelled"
    assert host.closed == ["async"]
    assert modeltally.current_operation().is_running is False


def test_sync_stream_is_cancelled_when_a_thread_pool_loses_it(seen: Captured, host: Host) -> None:
    """Stepped in worker threads, each time in a copy of the caller's context, and lost half read."""

    async def main() -> None:
        with TRACER.start_as_current_span("request"):
            host.note()
            chunks = host.chunks(MANY)
            for _ in range(3):
                await anyio.to_thread.run_sync(next, chunks)
            await anyio.to_thread.run_sync(chunks.close)

    asyncio.run(main())
    assert outcome_of_the_only_one(seen, host) == "cancelled"
    assert host.closed == ["sync"]
