"""The real clients of remote models against a server on this machine: what they ask for, and what the server says."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any, Final

import ollama
import openai
import pytest
from google import genai
from google.oauth2.credentials import Credentials

from libraries.fake_endpoint import FakeEndpoint, running_endpoint
from libraries.versions import needs
from modeltally.instrument.libraries.google__genai import GoogleGenaiInstrumentor
from modeltally.instrument.libraries.ollama import OllamaInstrumentor
from modeltally.instrument.libraries.openai import OpenaiInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.testing import Captured

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries themselves

PUBLISHED: Final = "/v1/projects/p/locations/l/publishers/google/models"
IMAGES: Final = {
    "created": 1,
    "data": [{"b64_json": "aa"}, {"b64_json": "bb"}],
    "size": "1024x1536",
    "usage": {
        "input_tokens": 11,
        "output_tokens": 400,
        "total_tokens": 411,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 11},
    },
}
VIDEO: Final = {
    "id": "video_1",
    "object": "video",
    "created_at": 1,
    "model": "reel-2",
    "progress": 100,
    "seconds": "8",
    "size": "1280x720",
    "status": "completed",
}
SAID: Final = {
    "model": "northwind",
    "created_at": "2026-01-01T00:00:00Z",
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 5,
    "eval_count": 20,
    "eval_duration": 2_000_000_000,
}


@pytest.fixture(autouse=True)
def _instrumented() -> Iterator[None]:
    for kind in (GoogleGenaiInstrumentor, OllamaInstrumentor, OpenaiInstrumentor):
        kind().instrument()
    yield
    for kind in (GoogleGenaiInstrumentor, OllamaInstrumentor, OpenaiInstrumentor):
        kind().uninstrument()


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    """Run a server."""
    with running_endpoint() as running:
        yield running


@pytest.fixture
def client(endpoint: FakeEndpoint) -> Iterator[openai.OpenAI]:
    """A client of it."""
    with openai.OpenAI(api_key="none", base_url=f"{endpoint.url}/v1", max_retries=0) as made:
        yield made


@pytest.fixture
def local(endpoint: FakeEndpoint) -> Iterator[ollama.Client]:
    """Another one."""
    made = ollama.Client(host=endpoint.url)
    yield made
    made._client.close()  # old versions have no way of their own


def told(captured: Captured) -> dict[str, Any]:
    """What was recorded of the only operation, without prefixes."""
    return {name.removeprefix("modeltally.").removeprefix("gen_ai."): value for name, value in captured.one().items()}


def test_images_say_what_was_asked_and_came(captured: Captured, endpoint: FakeEndpoint, client: openai.OpenAI) -> None:
    """Model, number, size and tokens; of the prompt its hash and length."""
    endpoint.answers["/v1/images/generations"] = IMAGES
    answer = client.images.generate(model="sketch-1", prompt="a lighthouse", n=2, size="1024x1536")
    assert answer.data is not None
    said = told(captured)
    assert said.pop("prompt.hash")
    assert said.pop("concurrency") == 1
    assert said == {
        "operation": "model.request",
        "operation.name": "generate_content",
        "outcome": "success",
        "source": "auto",
        "provider.name": "openai",
        "framework": "openai",
        "framework.version": openai.__version__,
        "model.id": "sketch-1",
        "request.model": "sketch-1",
        "request.choice.count": 2,
        "request.stream": False,
        "task": "text_to_image",
        "output.type": "image",
        "output.count": 2,
        "image.width": 1024,
        "image.height": 1536,
        "prompt.length": 12,
        "usage.input_tokens": 11,
        "usage.output_tokens": 400,
    }


def test_edited_images_are_made_of_images(captured: Captured, endpoint: FakeEndpoint, client: openai.OpenAI) -> None:
    """By the task."""
    endpoint.answers["/v1/images/edits"] = IMAGES
    client.images.edit(model="sketch-1", image=io.BytesIO(b"png"), prompt="fog")
    assert told(captured)["task"] == "image_to_image"


def test_asynchronous_calls_end_when_they_have_come(captured: Captured, endpoint: FakeEndpoint) -> None:
    """The operation is awaited with the call, and says the same."""
    endpoint.answers["/v1/images/generations"] = IMAGES

    async def ask() -> Any:
        async with openai.AsyncOpenAI(api_key="none", base_url=f"{endpoint.url}/v1", max_retries=0) as asked:
            return await asked.images.generate(model="sketch-1", prompt="a")

    asyncio.run(ask())
    said = told(captured)
    assert (said["outcome"], said["output.count"], said["usage.output_tokens"]) == ("success", 2, 400)


def test_answers_that_are_not_parsed_are_requests_too(
    captured: Captured, endpoint: FakeEndpoint, client: openai.OpenAI
) -> None:
    """A raw response says nothing of itself."""
    endpoint.answers["/v1/images/generations"] = IMAGES
    raw = client.images.with_raw_response.generate(model="sketch-1", prompt="a")
    assert raw.parse().data is not None
    assert told(captured)["outcome"] == "success"


def test_refusals_are_errors(captured: Captured, endpoint: FakeEndpoint, client: openai.OpenAI) -> None:
    """The client's own exception, and its class."""
    endpoint.answers["/v1/images/generations"] = {"error": {"message": "slowly", "type": "rate", "code": "rate"}}
    endpoint.statuses["/v1/images/generations"] = 429
    with pytest.raises(openai.RateLimitError):
        client.images.generate(model="sketch-1", prompt="a")
    said = captured.one()
    assert (said["modeltally.outcome"], str(said["error.type"]).rpartition(".")[2]) == ("error", "RateLimitError")


@needs("openai", "2.2", "videos")
@pytest.mark.parametrize(("status", "outcome"), [("completed", "success"), ("failed", "failure")])
def test_video_that_is_waited_for_is_one_request(
    captured: Captured, endpoint: FakeEndpoint, client: openai.OpenAI, status: str, outcome: str
) -> None:
    """With the request that began it nested in it; length and size are the film's."""
    endpoint.answers["/v1/videos"] = {**VIDEO, "status": "queued"}
    error = {"error": {"code": "moderation_blocked", "message": "no"}} if status == "failed" else {}
    endpoint.answers["/v1/videos/video_1"] = {**VIDEO, "status": status, **error}
    client.videos.create_and_poll(model="reel-2", prompt="a storm", poll_interval_ms=1)
    begun, whole = captured.all()
    assert begun["modeltally.nested"] is True
    assert (whole["modeltally.outcome"], whole["modeltally.task"]) == (outcome, "text_to_video")
    assert (whole["modeltally.video.duration"], whole["modeltally.image.width"]) == (8.0, 1280)
    assert whole.get("error.type") == ("moderation_blocked" if error else None)


def test_sound_made_and_heard(captured: Captured, endpoint: FakeEndpoint, client: openai.OpenAI) -> None:
    """Speech by its words, a transcription by the seconds it heard."""
    endpoint.answers["/v1/audio/speech"] = b"mp3"
    endpoint.answers["/v1/audio/transcriptions"] = {"text": "hello", "usage": {"type": "duration", "seconds": 9}}
    client.audio.speech.create(model="voice-1", voice="alloy", input="hello there")
    client.audio.transcriptions.create(model="ear-1", file=io.BytesIO(b"mp3"))
    speech, heard = captured.all()
    assert (speech["gen_ai.output.type"], speech["modeltally.prompt.length"]) == ("speech", 11)
    assert (heard["modeltally.task"], heard["modeltally.audio.duration"]) == ("speech_to_text", 9.0)


@pytest.fixture
def painter(endpoint: FakeEndpoint) -> Iterator[genai.Client]:
    """A client of images and videos."""
    made = genai.Client(
        vertexai=True,
        project="p",
        location="l",
        credentials=Credentials(token="none"),  # type: ignore[no-untyped-call]  # noqa: S106 - of nobody
        http_options={"base_url": endpoint.url, "api_version": "v1"},
    )
    yield made
    made.close()


def test_images_of_genai_say_what_was_asked_and_came(
    captured: Captured, endpoint: FakeEndpoint, painter: genai.Client
) -> None:
    """Settings given as an object or as a dictionary; what is filtered out is not counted."""
    image = {"mimeType": "image/png", "bytesBase64Encoded": "aaaa"}
    endpoint.answers[f"{PUBLISHED}/sketch-1:predict"] = {"predictions": [image, image]}
    settings = {"number_of_images": 3, "aspect_ratio": "1:1"}
    for config in (settings, genai.types.GenerateImagesConfig(**settings)):  # type: ignore[arg-type] # as written
        painter.models.generate_images(model="sketch-1", prompt="a lighthouse", config=config)
    for said in captured.all():
        assert (said["modeltally.task"], said["gen_ai.output.type"]) == ("text_to_image", "image")
        assert (said["gen_ai.request.choice.count"], said["modeltally.output.count"]) == (3, 2)
        assert (said["gen_ai.provider.name"], said["gen_ai.request.model"]) == ("gcp.gen_ai", "sketch-1")
        assert said["modeltally.prompt.length"] == 12


def test_video_of_genai_is_asked_for(captured: Captured, endpoint: FakeEndpoint, painter: genai.Client) -> None:
    """From an image, by the asynchronous client too; the answer names what is waited for."""
    name = "models/reel/operations/7"
    endpoint.answers[f"{PUBLISHED}/reel:predictLongRunning"] = {"name": name}
    image = genai.types.Image(image_bytes=b"png", mime_type="image/png")
    config = genai.types.GenerateVideosConfig(duration_seconds=8)
    painter.models.generate_videos(model="reel", prompt="a storm", config=config)

    async def ask() -> None:
        await painter.aio.models.generate_videos(model="reel", prompt="a storm", image=image)
        await painter.aio.aclose()

    asyncio.run(ask())
    first, second = captured.all()
    assert [each["modeltally.task"] for each in (first, second)] == ["text_to_video", "image_to_video"]
    assert first["modeltally.video.duration"] == 8.0
    assert [each["gen_ai.response.id"] for each in (first, second)] == [name] * 2


@pytest.mark.parametrize(
    ("loaded_ns", "is_cold", "seconds"), [(40_000_000, False, None), (3_500_000_000, True, 3.5), (None, None, None)]
)
def test_ollama_says_what_its_server_says(
    captured: Captured,
    endpoint: FakeEndpoint,
    local: ollama.Client,
    loaded_ns: int | None,
    *,
    is_cold: bool | None,
    seconds: float | None,
) -> None:
    """Tokens and speed, and whether the request waited for the model to be loaded."""
    endpoint.answers["/api/generate"] = {**SAID, "response": "x", "load_duration": loaded_ns}
    local.generate(model="northwind", prompt="hello", options={"temperature": 0.5, "seed": 3})
    said = told(captured)
    assert (said["usage.input_tokens"], said["usage.output_tokens"]) == (5, 20)
    assert (said["generation.speed"], said["generation.speed.unit"]) == (10.0, "{token}/s")
    assert (said.get("model.cold_start"), said.get("model.load.duration")) == (is_cold, seconds)
    assert (said["request.temperature"], said["request.seed"], said["response.finish_reasons"]) == (0.5, 3, "stop")


def test_streams_of_ollama_say_it_at_their_end(
    captured: Captured, endpoint: FakeEndpoint, local: ollama.Client
) -> None:
    """Pieces come as they do without us; left half way, a stream is cancelled."""
    piece = {"model": "northwind", "done": False, "message": {"role": "assistant", "content": "a"}}
    endpoint.answers["/api/chat"] = [piece, piece, {**SAID, "message": {"role": "assistant", "content": ""}}]
    messages = [{"role": "user", "content": "hello"}]
    assert len(list(local.chat(model="northwind", messages=messages, stream=True))) == 3
    half = local.chat(model="northwind", messages=messages, stream=True)
    next(half)
    del half
    whole, left = captured.all()
    assert (whole["modeltally.outcome"], whole["gen_ai.usage.output_tokens"]) == ("success", 20)
    assert "gen_ai.response.time_to_first_chunk" in whole
    assert left["modeltally.outcome"] == "cancelled"


@pytest.mark.parametrize("is_stream", [False, True])
def test_asynchronous_client_of_ollama(captured: Captured, endpoint: FakeEndpoint, *, is_stream: bool) -> None:
    """Awaited answers and asynchronous streams."""
    last = {**SAID, "message": {"role": "assistant", "content": ""}}
    endpoint.answers["/api/chat"] = [last] if is_stream else last

    async def ask() -> None:
        asked = ollama.AsyncClient(host=endpoint.url)
        answer = await asked.chat(model="northwind", messages=[{"role": "user", "content": "a"}], stream=is_stream)  # type: ignore[call-overload]
        if is_stream:
            assert [piece async for piece in answer]
        await asked._client.aclose()

    asyncio.run(ask())
    said = told(captured)
    assert (said["outcome"], said["operation.name"], said["usage.output_tokens"]) == ("success", "chat", 20)


def test_embeddings_of_ollama_are_counted(captured: Captured, endpoint: FakeEndpoint, local: ollama.Client) -> None:
    """How many there are."""
    endpoint.answers["/api/embed"] = {"model": "northwind", "embeddings": [[0.1], [0.2]], "prompt_eval_count": 4}
    local.embed(model="northwind", input=["a", "b"])
    said = told(captured)
    assert (said["operation.name"], said["output.count"], said["usage.input_tokens"]) == ("embeddings", 2, 4)
