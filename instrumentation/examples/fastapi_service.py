"""Watch a whole service: a model that the first request downloads and loads, answers that stream, a user per call.

As a service, beside ``modeltally up``::

    pip install fastapi uvicorn
    uvicorn fastapi_service:app

Run as a script it asks itself a few times, and says whether all of it was delivered.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Annotated

import httpx
from fastapi import FastAPI, Header, HTTPException
from fastapi.responses import StreamingResponse

import modeltally

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MODEL = "northwind/chat-8b"
User = Annotated[str, Header(alias="X-User")]


class Chat:
    """A model that is fetched and loaded when it is first needed."""

    def __init__(self) -> None:
        """Begin without it."""
        self._is_ready = False
        self._lock = asyncio.Lock()

    async def ready(self) -> None:
        """Fetch and load it once; the request that waits for it is a cold start."""
        async with self._lock:
            if self._is_ready:
                return
            with modeltally.download(MODEL, download_source="hub") as download:
                await asyncio.sleep(0.01)
                download.set(download_bytes=8_000_000_000, download_files=5)
            with modeltally.load(MODEL, load_source="disk"):
                await asyncio.sleep(0.02)
            self._is_ready = True

    def close(self) -> None:
        """Take it out of memory."""
        with modeltally.unload(MODEL, unload_reason="shutdown"):
            self._is_ready = False


chat = Chat()


@modeltally.model_request(MODEL, provider="local", stream=True)
async def answer(prompt: str, *, user: str) -> AsyncIterator[str]:
    """Answer word by word; the decorator follows the stream to its end, or to where the client hung up."""
    operation = modeltally.current_operation()
    operation.set(user=user, prompt=prompt)  # of the prompt its length is recorded, of the user a keyed hash
    await chat.ready()
    words = prompt.split()
    for word in words:
        await asyncio.sleep(0.001)
        yield f"{word} "
    operation.set(input_tokens=len(words), output_tokens=len(words))


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Configure before the first request, and leave nothing undelivered."""
    modeltally.configure(service_name="chat")
    yield
    chat.close()
    modeltally.shutdown()


app = FastAPI(lifespan=lifespan)


@app.get("/chat")
async def ask(prompt: str, user: User = "") -> StreamingResponse:
    """Stream an answer."""
    return StreamingResponse(answer(prompt, user=user), media_type="text/plain")


@app.get("/title")
@modeltally.model_request(MODEL, provider="local")
async def title(prompt: str, user: User = "") -> str:
    """Give a text a title, or say that it has none: the request failed, and nothing was raised by mistake."""
    operation = modeltally.current_operation()
    operation.set(user=user)
    await chat.ready()
    if not prompt:
        operation.failed("empty_prompt")
        raise HTTPException(422, "nothing to give a title to")
    return prompt.split(maxsplit=1)[0].title()


async def main() -> None:
    """Ask the service as its users would."""
    async with lifespan(app):
        service = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service")
        async with service:
            for user in ("ann", "ben", "ann"):
                reply = await service.get("/chat", params={"prompt": "tell me a story"}, headers={"X-User": user})
                print(reply.text)
            await service.get("/title", params={"prompt": ""}, headers={"X-User": "ben"})
    counters = modeltally.counters()
    print(f"{counters.finished} operations, {'not all' if counters.lost else 'all'} delivered")


if __name__ == "__main__":
    asyncio.run(main())
