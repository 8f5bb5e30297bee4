"""A service as people have it: an application of FastAPI, a worker of celery, a pipeline; nothing in it knows of us."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import diffusers
import torch
from celery import Celery  # type: ignore[import-untyped]  # it ships no types
from fastapi import FastAPI, Request, Response
from kombu.transport import filesystem
from starlette.requests import ClientDisconnect

FOLDER = Path(os.environ["STUDIO_FOLDER"])
for name in ("new", "messages", "control", "results"):
    (FOLDER / name).mkdir(exist_ok=True)


class Channel(filesystem.Channel):
    """A message appears whole: the broker's own reader takes files that are written halfway."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:  # type: ignore[override] # as it is called
        name = f"{time.monotonic_ns():020}_{uuid.uuid4()}.{queue}.msg"
        (FOLDER / "new" / name).write_text(json.dumps(payload))
        (FOLDER / "new" / name).rename(FOLDER / "messages" / name)


filesystem.Transport.Channel = Channel
tasks = Celery("studio", broker="filesystem://", backend=(FOLDER / "results").as_uri())
tasks.conf.update(
    broker_transport_options={
        "data_folder_in": str(FOLDER / "messages"),
        "data_folder_out": str(FOLDER / "messages"),
        "control_folder": str(FOLDER / "control"),
        "polling_interval": 0.02,
    },
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
)
app = FastAPI()
_one = threading.Lock()
_pipeline: Any = None


def paint(prompt: Any, seed: int, *, steps: int = 1, gone: threading.Event | None = None) -> bytes:
    """Paint a small picture, one at a time; the first one loads the model."""
    global _pipeline  # noqa: PLW0603 - as people do

    def step(_pipeline: Any, _step: int, _timestep: Any, values: Any) -> Any:
        if gone is not None and gone.is_set():
            raise ClientDisconnect
        return values

    with _one:
        if _pipeline is None:
            torch.set_num_threads(1)
            _pipeline = diffusers.StableDiffusionPipeline.from_pretrained(FOLDER / "model")
            _pipeline.set_progress_bar_config(disable=True)
        generator = torch.Generator().manual_seed(seed)
        made = _pipeline(
            prompt,
            num_inference_steps=steps,
            height=16,
            width=16,
            generator=generator,
            output_type="np",
            callback_on_step_end=step,
        )
        return bytes(made.images.tobytes())


@app.get("/paint")
def painted(prompt: str, seed: int) -> Response:
    """Paint while the client waits."""
    return Response(paint(7 if prompt == "broken" else prompt, seed))


@app.get("/slowly")
async def slowly(request: Request, seed: int) -> Response:
    """Paint for long, unless the client leaves."""
    gone = threading.Event()
    painting = asyncio.create_task(asyncio.to_thread(paint, "slowly", seed, steps=900, gone=gone))
    while not painting.done():
        if await request.is_disconnected():
            gone.set()
        await asyncio.wait({painting}, timeout=0.01)
    return Response(painting.result())


@tasks.task(name="studio.later")  # type: ignore[untyped-decorator] # untyped
def later(prompt: str, seed: int) -> str:
    """Paint when there is time."""
    return hashlib.sha256(paint(prompt, seed)).hexdigest()


@app.get("/later")
def queued(prompt: str, seed: int) -> str:
    """Have it painted later, and wait for it."""
    asked = later.delay(prompt, seed)
    while not asked.ready():
        time.sleep(0.01)
    return str(asked.get())
