"""``docs/libraries.md``: which library gives which field on which call, seen by calling: ``make docs-libraries``."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import sys
import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import diffusers
import faster_whisper
import numpy as np
import ollama
import openai
import peft
import sentence_transformers
import torch
import transformers
from google import genai
from google.oauth2.credentials import Credentials
from huggingface_hub import snapshot_download

import modeltally
from libraries import tiny
from libraries.fake_endpoint import running_endpoint
from libraries.fake_hub import running_hub
from libraries.scripted import answering, scripted_llama_cpp, scripted_vllm
from modeltally.instrument import _late
from modeltally.instrument import _names as names
from modeltally.testing import capture

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from modeltally.testing import Captured

PAGE: Final = Path(__file__).parents[2] / "docs" / "libraries.md"
# what every operation has, or what depends on the machine and the moment
COMMON: Final = frozenset(
    {
        "modeltally.operation",
        "modeltally.outcome",
        "modeltally.source",
        "modeltally.concurrency",
        "gen_ai.request.model",
        "modeltally.host.memory.peak",
        "modeltally.nested",
    }
)
_KEYWORDS: Final = {
    **{attribute.name: keyword for keyword, attribute in names.ATTRIBUTES.items()},
    **{hashed: keyword for keyword, (hashed, _) in names.PROMPT_KEYWORDS.items()},
    names.LORA_COUNT: "lora_count",
}
HEAD: Final = """# What each library tells

Made by calling each library with everything it takes and writing down what was recorded: `make docs-libraries`. The
keywords are those of [SERVICES.md](../instrumentation/SERVICES.md); what a call does not know is left out of its span.
On a GPU the fields of `gpu_memory_` and `hardware_id` take the place of `host_memory_`. vllm and llama_cpp are called
as their releases declare them, with answers of ours. A field that is in a table and is not told any more fails a test.

"""


def diffusion(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of diffusers."""
    tiny.image_pipeline().save_pretrained(folder / "sketch")
    held: list[Any] = []

    def load() -> None:
        held[:] = [diffusers.StableDiffusionPipeline.from_pretrained(folder / "sketch")]

    def lora() -> None:
        unet = held[0].unet
        unet.add_adapter(peft.LoraConfig(r=2, target_modules=["to_q"]))
        state = peft.utils.get_peft_model_state_dict(unet)
        diffusers.StableDiffusionPipeline.save_lora_weights(folder / "ink", unet_lora_layers=state)
        unet.delete_adapters(["default"])
        held[0].load_lora_weights(str(folder / "ink"), adapter_name="ink")

    def ask() -> None:
        asked = {"num_inference_steps": 2, "height": 64, "width": 64, "num_images_per_prompt": 1, "guidance_scale": 5.0}
        generator = torch.Generator().manual_seed(1)
        held[0]("a sea", negative_prompt="fog", generator=generator, output_type="np", **asked)

    def film() -> None:
        tiny.video_pipeline()("a b", height=16, width=16, num_frames=9, num_inference_steps=1, max_sequence_length=16)

    def drop() -> None:
        held.clear()
        gc.collect()

    yield "a pipeline's `from_pretrained`", load
    yield "`load_lora_weights`", lora
    yield "a pipeline's `.to()`, offload modes", lambda: held[0].to("cpu")
    yield "a call of a pipeline that paints", ask
    yield "a call of a pipeline that films", film
    yield "`unload_lora_weights`", lambda: held[0].unload_lora_weights()  # noqa: PLW0108 - it is loaded by then
    yield "a pipeline that nobody holds any more", drop


def language(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of transformers and sentence-transformers."""
    tiny.language_model().save_pretrained(folder / "scribe")
    tiny.tokenizer().save_pretrained(folder / "scribe")
    held: list[Any] = []

    def load() -> None:
        held[:] = [transformers.AutoModelForCausalLM.from_pretrained(folder / "scribe")]

    def ask() -> None:
        held[0].generate(torch.tensor([[1, 5]]), max_new_tokens=2, do_sample=True, temperature=0.5, top_p=0.5, top_k=5)

    def pipe() -> None:
        transformers.pipeline("text-generation", model=held[0], tokenizer=tiny.tokenizer())("a b", max_new_tokens=2)

    yield "`from_pretrained`, `pipeline()`", load
    yield "`generate`", ask
    yield "a call of a pipeline", pipe


def embeddings(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of sentence-transformers."""
    config = transformers.BertConfig(
        vocab_size=100, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    transformers.BertModel(config).save_pretrained(folder / "embed")
    tiny.tokenizer().save_pretrained(folder / "embed")
    held: list[Any] = []

    def load() -> None:
        held[:] = [sentence_transformers.SentenceTransformer(str(folder / "embed"), device="cpu")]

    yield "`SentenceTransformer(name)`", load
    yield "`encode`, `encode_query`, `encode_document`", lambda: held[0].encode("a b")


def heard(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of faster-whisper."""
    path = str(tiny.converted_hearing_model(folder))
    sound = np.random.default_rng(1).standard_normal(16_000).astype(np.float32)
    held: list[Any] = []

    def load() -> None:
        held[:] = [faster_whisper.WhisperModel(path, device="cpu", compute_type="int8")]

    def ask() -> None:
        asked = {"language": "en", "initial_prompt": "a", "max_new_tokens": 9}
        list(held[0].transcribe(sound, temperature=0.0, **asked)[0])

    yield "`WhisperModel(name)`", load
    yield "`transcribe`, `BatchedInferencePipeline.transcribe`", ask


def in_process(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of llama-cpp-python, as its release declares them."""
    file = folder / "scribe.gguf"
    file.write_bytes(bytes(100))
    with scripted_llama_cpp() as kind:
        held: list[Any] = []

        def load() -> None:
            held[:] = [kind(str(file), lora_path="ink.gguf")]

        asked = {"max_tokens": 9, "seed": 1}
        yield "`Llama(path)`, `Llama.from_pretrained`", load
        yield "a call, `create_completion`, `create_chat_completion`", lambda: held[0]("a b", **asked)
        yield "the same, streamed", lambda: list(held[0]("a b", stream=True, **asked))
        yield "`create_embedding`, `embed`", lambda: held[0].create_embedding("a")


def engines(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of vLLM, as its release declares them."""
    (folder / "model.safetensors").write_bytes(bytes(100))
    with scripted_vllm() as vllm:
        held: list[Any] = []

        def answer(**_: Any) -> list[Any]:
            seconds = vllm.stats.RequestStateStats(first_token_latency=0.5)
            return [
                vllm.answer(1, [vllm.text(0, 2)], num_cached_tokens=1, num_cache_creation_tokens=1, metrics=seconds)
            ]

        async def stream(**_: Any) -> AsyncIterator[Any]:
            for each in answer():
                yield each

        answering(vllm.llm.LLM, "generate", answer)
        answering(vllm.serving.AsyncLLM, "generate", stream)
        embedded = vllm.outputs.PoolingRequestOutput("1", object(), [1], 1, finished=True)
        answering(vllm.pooling.PoolingOfflineMixin, "embed", [embedded])
        sampling = vllm.sampling.SamplingParams(seed=1, top_k=5)
        asked = {"sampling_params": sampling, "lora_request": vllm.lora.LoRARequest("ink", 1, "/ink")}

        def load() -> None:
            held[:] = [vllm.llm.LLM(str(folder), revision="main")]

        async def serve() -> None:
            held.append(vllm.serving.AsyncLLM(vllm.configured(str(folder)), object, log_stats=False))
            assert [each async for each in held[-1].generate("a", request_id="1", **asked)]

        yield "`LLM(name)`, `AsyncLLM`", load
        yield "`LLM.generate`, `LLM.chat`, `LLM.wait_for_completion`", lambda: held[0].generate("a", **asked)
        yield "`AsyncLLM.generate`", lambda: asyncio.run(serve())
        yield "`LLM.embed`, `LLM.encode`, `LLM.classify`, `LLM.score`", lambda: held[0].embed("a")


def downloads(folder: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of huggingface_hub."""
    with running_hub() as hub:
        hub.files["a/b"] = {"weights.bin": bytes(40 << 20)}
        hub.cuts["weights.bin"] = [25 << 20]
        yield (
            "`snapshot_download`, `hf_hub_download`",
            lambda: snapshot_download("a/b", revision="main", cache_dir=folder / "cache", endpoint=hub.url),
        )


def remote(_: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of openai's client."""
    with running_endpoint() as endpoint:
        image = {"data": [{"b64_json": "a"}], "size": "1024x1024", "created": 1}
        usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "input_tokens_details": {}}
        endpoint.answers["/v1/images/generations"] = {**image, "usage": usage}
        video = {"id": "v", "object": "video", "created_at": 1, "model": "reel", "progress": 0, "status": "queued"}
        endpoint.answers["/v1/videos"] = {**video, "seconds": "8", "size": "1280x720"}
        endpoint.answers["/v1/audio/speech"] = b"mp3"
        endpoint.answers["/v1/audio/transcriptions"] = {"text": "a", "usage": {"type": "duration", "seconds": 9}}
        with openai.OpenAI(api_key="none", base_url=f"{endpoint.url}/v1", max_retries=0) as client:
            yield "`images`", lambda: client.images.generate(model="m", prompt="a", n=1, size="1024x1024")
            yield "`videos`", lambda: client.videos.create(model="m", prompt="a")
            yield "`audio.speech`", lambda: client.audio.speech.create(model="m", voice="alloy", input="a")
            yield (
                "`audio.transcriptions`, `audio.translations`",
                lambda: client.audio.transcriptions.create(model="m", file=io.BytesIO(b"mp3")),
            )


def painted(_: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of google.genai's client."""
    published = "/v1/projects/p/locations/l/publishers/google/models/m"
    with running_endpoint() as endpoint:
        endpoint.answers[f"{published}:predict"] = {"predictions": [{"bytesBase64Encoded": "aaaa"}]}
        endpoint.answers[f"{published}:predictLongRunning"] = {"name": "models/m/operations/1"}
        client = genai.Client(
            vertexai=True,
            project="p",
            location="l",
            credentials=Credentials(token="none"),  # type: ignore[no-untyped-call]  # noqa: S106 - of nobody
            http_options={"base_url": endpoint.url, "api_version": "v1"},
        )
        images = genai.types.GenerateImagesConfig(number_of_images=1, seed=1, guidance_scale=2.0, negative_prompt="fog")
        videos = genai.types.GenerateVideosConfig(number_of_videos=1, seed=1, duration_seconds=8, fps=24)
        yield "images", lambda: client.models.generate_images(model="m", prompt="a", config=images)
        yield "videos", lambda: client.models.generate_videos(model="m", prompt="a", config=videos)
        client.close()


def local(_: Path) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Calls of ollama's client."""
    said = {"model": "m", "done": True, "done_reason": "stop", "prompt_eval_count": 1, "eval_count": 2}
    with running_endpoint() as endpoint, ollama.Client(host=endpoint.url) as client:
        answer = {**said, "response": "a", "eval_duration": 10**9, "load_duration": 10**9}
        endpoint.answers["/api/generate"] = answer
        endpoint.answers["/api/embed"] = {"model": "m", "embeddings": [[0.1]], "prompt_eval_count": 1}
        options = {"temperature": 0.5, "top_p": 0.5, "top_k": 5, "seed": 1, "num_predict": 9}
        yield "`generate`, `chat`", lambda: client.generate(model="m", prompt="a", options=options)
        yield "`embed`, `embeddings`", lambda: client.embed(model="m", input="a")


LIBRARIES: Final[dict[str, Callable[[Path], Iterator[tuple[str, Callable[[], Any]]]]]] = {
    "diffusers": diffusion,
    "transformers": language,
    "sentence_transformers": embeddings,
    "vllm": engines,
    "llama_cpp": in_process,
    "faster_whisper": heard,
    "huggingface_hub": downloads,
    "openai": remote,
    "google.genai": painted,
    "ollama": local,
}


def fields(captured: Captured, call: Callable[[], Any]) -> tuple[str, list[str]]:
    """Make a call; gives the kind of operation that it is recorded as, and the keywords of what was said."""
    gc.collect()
    _late.forget()  # the unloads of what was called before
    before = len(captured.all())
    call()
    while len(captured.all()) == before:
        with contextlib.suppress(IndexError):  # an unload is noticed when something else is recorded
            captured.deliver()
    said = [each for each in captured.all()[before:] if not each.get("modeltally.nested")][-1]
    known = {_KEYWORDS.get(name, name) for name in said if name not in COMMON}
    lengths = {"prompt_length", "negative_prompt_length"}  # go without saying
    return str(said["modeltally.operation"]), sorted(known - lengths)


def page() -> str:
    """Make every call and write the page."""
    warnings.simplefilter("ignore")
    modeltally.auto_instrument()
    parts = [HEAD]
    with tempfile.TemporaryDirectory() as folder, capture(is_fixed=False, user_key="a key") as captured:
        for library, calls in LIBRARIES.items():
            where = Path(folder) / library
            where.mkdir()
            parts.append(f"## {library}\n\n| call | operation | fields |\n|---|---|---|\n")
            for name, call in calls(where):
                operation, known = fields(captured, call)
                parts.append(f"| {name} | {operation} | {', '.join(f'`{each}`' for each in known)} |\n")
            parts.append("\n")
    return "".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page())
    else:
        sys.stdout.write(page())
