"""The OTLP endpoint: a body is acknowledged once it is parsed, filtered and on disk."""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from modeltally.local._record import body_digest
from modeltally.local.otlp import (
    Encoding,
    RefusedBodyError,
    accept,
    answer_accepted,
    answer_refused,
    decompress,
    encoding_of,
)
from modeltally.local.spool import SpoolFullError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from modeltally.instrument._privacy import Hasher
    from modeltally.local._filter import Filtered, RejectedSpan
    from modeltally.local._stats import Stats
    from modeltally.local.spool import Spool
    from modeltally.settings import Settings

__all__ = ["Ingest"]

BODY_TIMEOUT_SECONDS: Final = 30.0
# Bodies in memory at once, as they came; one at a time is unpacked.
MAX_BYTES_IN_FLIGHT: Final = 64 * 1024**2
RETRY_AFTER_SECONDS: Final = 2
# A client that sends too much gets its answer only if somebody reads on; this long, and this much.
DRAIN_SECONDS: Final = 2.0
DRAIN_BODIES: Final = 4


class Ingest:
    """Receives traces."""

    def __init__(
        self,
        spool: Spool,
        *,
        settings: Settings,
        hasher: Hasher,
        stats: Stats,
        quarantine: Callable[[Sequence[RejectedSpan], int], None],
    ) -> None:
        """Take what it works with.

        Args:
            spool: Where accepted requests go.
            settings: Limits.
            hasher: Turns user ids into pseudonyms.
            stats: Counts.
            quarantine: Told of spans that were not accepted, and when they came (ms since the epoch).
        """
        self._spool = spool
        self._settings = settings
        self._hasher = hasher
        self._stats = stats
        self._quarantine = quarantine
        self._bytes_in_flight = 0
        # One thread each: parsing holds the interpreter anyway, and slow JSON must not hold up protobuf.
        self._parsers = {
            encoding: ThreadPoolExecutor(1, f"modeltally-{encoding.name.lower()}") for encoding in Encoding
        }

    def app(self) -> Starlette:
        """Build the application."""
        return Starlette(routes=[Route("/v1/traces", self._export, methods=["POST"])])

    def close(self) -> None:
        """End the parsers."""
        for parser in self._parsers.values():
            parser.shutdown()

    async def _export(self, request: Request) -> Response:
        self._stats.add("requests")
        encoding = Encoding.PROTOBUF
        try:
            encoding = encoding_of(request.headers.get("content-type", ""))
            self._spool.check_room()
            filtered = await self._receive(request, encoding)
        except RefusedBodyError as error:
            return self._refuse(encoding, error.status, error.reason, str(error))
        except SpoolFullError as error:
            return self._refuse(encoding, 503, "spool_full", str(error))
        except ClientDisconnect:
            self._stats.refuse("disconnected")
            return Response(status_code=400)
        message = filtered.rejected[0].detail if filtered.rejected else ""
        content = answer_accepted(encoding, rejected_spans=len(filtered.rejected), message=message)
        return Response(content, media_type=encoding.value)

    async def _receive(self, request: Request, encoding: Encoding) -> Filtered:
        body = await self._read(request)
        self._bytes_in_flight += len(body)
        try:
            received_ms = time.time_ns() // 1_000_000
            content_encoding = request.headers.get("content-encoding", "")
            filtered, digest = await asyncio.get_running_loop().run_in_executor(
                self._parsers[encoding], self._parse, body, encoding, content_encoding
            )
            if filtered.rejected:
                self._quarantine(filtered.rejected, received_ms)
            if filtered.spans:
                await self._write(filtered, received_ms, digest)
            return filtered
        finally:
            self._bytes_in_flight -= len(body)

    async def _read(self, request: Request) -> bytes:
        limit = self._settings.max_body_bytes
        chunks: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
                async for chunk in request.stream():
                    size += len(chunk)
                    self._bytes_in_flight += len(chunk)
                    if size > limit or self._bytes_in_flight > MAX_BYTES_IN_FLIGHT:
                        break
                    chunks.append(chunk)
            if size <= limit and self._bytes_in_flight <= MAX_BYTES_IN_FLIGHT:
                return b"".join(chunks)
        except TimeoutError:
            message = f"the body did not come within {BODY_TIMEOUT_SECONDS} seconds"
            raise RefusedBodyError(408, "timeout", message) from None
        finally:
            self._bytes_in_flight -= size
        chunks.clear()
        await _drain(request, DRAIN_BODIES * limit)
        if size > limit:
            raise RefusedBodyError(413, "too_large", f"the body is larger than {limit} bytes; send smaller batches")
        raise RefusedBodyError(503, "busy", "too many bodies at once; try again")

    def _parse(self, body: bytes, encoding: Encoding, content_encoding: str) -> tuple[Filtered, bytes]:
        body = decompress(body, content_encoding, max_bytes=self._settings.max_body_bytes)
        filtered = accept(body, encoding, max_spans=self._settings.max_body_spans, hasher=self._hasher)
        return filtered, body_digest(body)

    async def _write(self, filtered: Filtered, received_ms: int, digest: bytes) -> None:
        loop = asyncio.get_running_loop()
        written: asyncio.Future[None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            if written.done():  # the request was given up
                return
            if error is None:
                written.set_result(None)
            else:
                written.set_exception(error)

        def done(error: Exception | None) -> None:
            with contextlib.suppress(RuntimeError):  # the server's loop has ended
                loop.call_soon_threadsafe(settle, error)

        is_new = self._spool.append(
            filtered.payload, spans=filtered.spans, received_ms=received_ms, digest=digest, done=done
        )
        await written
        if is_new:
            self._stats.add("spans", filtered.spans)
            self._stats.add("filtered_attributes", filtered.dropped_attributes)
        else:
            self._stats.add("repeated_requests")

    def _refuse(self, encoding: Encoding, status: int, reason: str, message: str) -> Response:
        self._stats.refuse(reason)
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if status == 503 else None  # noqa: PLR2004 - as sent
        content = answer_refused(encoding, status=status, message=message)
        return Response(content, status_code=status, media_type=encoding.value, headers=headers)


async def _drain(request: Request, max_bytes: int) -> None:
    """Read on for a while, or the connection breaks before the client has seen its answer."""
    size = 0
    with contextlib.suppress(TimeoutError, ClientDisconnect, RuntimeError):
        async with asyncio.timeout(DRAIN_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > max_bytes:
                    return
