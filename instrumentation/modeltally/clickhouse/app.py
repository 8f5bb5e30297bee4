"""ClickHouse's HTTP interface, to read with: for clickhouse-connect, Grafana, curl and whatever else speaks to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from modeltally.asgi import UnreadBodyError, local_hosts_only, read_body
from modeltally.clickhouse.engine import DISPLAY_NAME
from modeltally.clickhouse.errors import Code, RefusedQueryError
from modeltally.clickhouse.request import compress, decompress, read, too_large

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modeltally.clickhouse.engine import Answer, Engine, Query

__all__ = ["clickhouse_app"]

MAX_BODY_BYTES: Final = 4 * 1024**2
BODY_TIMEOUT_SECONDS: Final = 10.0
# Queries that wait in line beside those that run: a dashboard sends those of all its panels at once.
MAX_WAITING: Final = 32
# How often to check whether a client still waits.
LOOK_SECONDS: Final = 0.1
# What a query may take beyond its limit until its client is answered whatever the engine does.
GRACE_SECONDS: Final = 5.0
RETRY_AFTER_SECONDS: Final = 1
USERS: Final = frozenset({"default", "modeltally"})


def clickhouse_app(engine: Engine, *, passwords: Iterable[str], hosts: frozenset[str]) -> Starlette:
    """Build the application.

    Args:
        engine: What answers.
        passwords: Any of them lets a client in.
        hosts: What requests may call the server.
    """
    interface = _Interface(engine, passwords=passwords)
    return Starlette(
        routes=[
            Route("/", interface.query, methods=["GET", "POST"]),
            Route("/ping", interface.ping, methods=["GET"]),
            Route("/replicas_status", interface.ping, methods=["GET"]),
        ],
        middleware=[local_hosts_only(hosts)],
    )


class _Interface:
    def __init__(self, engine: Engine, *, passwords: Iterable[str]) -> None:
        self._engine = engine
        self._passwords = [password.encode() for password in passwords if password]
        self._inside = 0

    async def ping(self, request: Request) -> Response:
        """Say that this is a server."""
        del request
        return PlainTextResponse("Ok.\n")

    async def query(self, request: Request) -> Response:
        """Answer a query."""
        if request.method == "GET" and not request.query_params:
            return PlainTextResponse("Ok.\n")
        query_id = request.query_params.get("query_id") or secrets.token_hex(16)
        headers = {"X-ClickHouse-Server-Display-Name": DISPLAY_NAME, "X-ClickHouse-Query-Id": _header(query_id)}
        try:
            self._check_password(request)
            with self._place():
                body = await self._body(request)
                parsed = await run_in_threadpool(
                    read, request.method, request.query_params.multi_items(), request.headers, body
                )
                answer = await self._answer(request, parsed.query)
                content = answer.body
                if parsed.compression and content:
                    content = await run_in_threadpool(compress, content, parsed.compression)
                    headers["Content-Encoding"] = parsed.compression
                headers |= {
                    "X-ClickHouse-Format": answer.format,
                    "X-ClickHouse-Timezone": answer.timezone,
                    "X-ClickHouse-Summary": json.dumps(dict(answer.summary)),
                }
                return Response(content, media_type=answer.media_type, headers=headers)
        except RefusedQueryError as error:
            return await self._refuse(error, headers)
        except ClientDisconnect:
            return Response(status_code=400)

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        limit = self._engine.limits.queries + MAX_WAITING
        if self._inside >= limit:
            raise RefusedQueryError(
                Code.TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many simultaneous queries. Maximum: {limit}; ask again"
            )
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    def _check_password(self, request: Request) -> None:
        user, password = _credentials(request)
        is_known = False
        for expected in self._passwords:  # each of them, so that the time taken says nothing
            is_known |= hmac.compare_digest(password.encode(errors="replace"), expected)
        if not is_known or user not in USERS:
            raise RefusedQueryError(
                Code.AUTHENTICATION_FAILED,
                f"{user[:80]!r}: Authentication failed: password is incorrect, or there is no user with such name."
                " The user is 'default'; the password is what `modeltally token` prints,"
                " or what MODELTALLY_CLICKHOUSE_PASSWORD was when the server started",
            )

    async def _body(self, request: Request) -> bytes:
        try:
            body = await read_body(request, max_bytes=MAX_BODY_BYTES, timeout_seconds=BODY_TIMEOUT_SECONDS)
        except UnreadBodyError as error:
            if error.reason == "too_large":
                raise too_large(MAX_BODY_BYTES) from None
            raise RefusedQueryError(Code.SOCKET_TIMEOUT, str(error)) from None
        encoding = request.headers.get("content-encoding", "").strip().lower()
        return await run_in_threadpool(decompress, body, encoding, max_bytes=MAX_BODY_BYTES)

    async def _answer(self, request: Request, query: Query) -> Answer:
        """Wait for the answer as long as the client does."""
        running = self._engine.submit(query)
        waiting = asyncio.wrap_future(running.answer)
        waiting.add_done_callback(lambda ended: ended.cancelled() or ended.exception())  # else asyncio logs it
        loop = asyncio.get_running_loop()
        late = loop.time() + self._engine.limits.seconds + GRACE_SECONDS
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=LOOK_SECONDS)
                if not waiting.done() and await request.is_disconnected():
                    raise ClientDisconnect
                if (
                    not waiting.done() and loop.time() > late
                ):  # in a call that the engine cannot interrupt, or behind it
                    raise RefusedQueryError(
                        Code.TIMEOUT_EXCEEDED, f"Timeout exceeded: maximum: {self._engine.limits.seconds:g} seconds"
                    )
            return waiting.result()
        finally:
            if not running.answer.done():
                # the place in line stays taken until the engine has let go
                await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._engine.cancel, running))

    async def _refuse(self, error: RefusedQueryError, headers: dict[str, str]) -> Response:
        version = await run_in_threadpool(lambda: self._engine.version)
        headers |= {"X-ClickHouse-Exception-Code": str(error.code), "X-ClickHouse-Format": "TabSeparated"}
        if error.code == Code.TOO_MANY_SIMULTANEOUS_QUERIES[0]:
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return PlainTextResponse(error.message(version), status_code=error.status, headers=headers)


def _credentials(request: Request) -> tuple[str, str]:
    """User and password, in any of the ways clients show them."""
    kind, _, shown = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return "default", shown.strip()
    if kind.lower() == "basic":
        with contextlib.suppress(ValueError):  # no base64, no ASCII, no UTF-8
            user, _, password = base64.b64decode(shown.strip(), validate=True).decode().partition(":")
            return user, password
        return "", ""
    headers, arguments = request.headers, request.query_params
    user = headers.get("x-clickhouse-user") or arguments.get("user") or "default"
    return user, headers.get("x-clickhouse-key") or arguments.get("password") or ""


def _header(text: str) -> str:
    """What of a client's text may stand in a header."""
    return "".join(character for character in text[:200] if character.isascii() and character.isprintable())
