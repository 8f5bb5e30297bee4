"""vLLM as its release declares it, with answers of ours: batches, streams, adapters, loads."""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import importlib.util
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import pytest

if importlib.util.find_spec("vllm") is not None:
    pytest.skip("vllm itself is here: this is about its stand-in", allow_module_level=True)

from libraries.scripted import Vllm, answering, scripted_vllm
from modeltally.instrument.libraries.vllm import VllmInstrumentor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from modeltally.testing import Captured

MODEL: Final = "northwind/chat-8b"


@pytest.fixture
def vllm() -> Iterator[Vllm]:
    """Import the stand-in and watch it."""
    with scripted_vllm() as modules:
        yield modules


def told(captured: Captured) -> dict[str, Any]:
    """What was recorded of the only request, without prefixes."""
    (said,) = [each for each in captured.all() if each["modeltally.operation"] == "model.request"]
    return {name.removeprefix("modeltally.").removeprefix("gen_ai."): value for name, value in said.items()}


def test_load_says_what_the_configuration_knows(captured: Captured, vllm: Vllm) -> None:
    """One load, with its numbers and its device; where the weights came from is not seen from here."""
    engine = vllm.llm.LLM(MODEL, revision="v2")
    assert {name.removeprefix("modeltally."): value for name, value in captured.one().items()} == {
        "operation": "model.load",
        "outcome": "success",
        "source": "auto",
        "model.id": MODEL,
        "model.revision": "v2",
        "model.dtype": "bfloat16",
        "model.quantization": "fp8",
        "framework": "vllm",
        "framework.version": importlib.metadata.version("vllm"),
        "pipeline.class": "LLM",
        "device": "cuda",
        "load.source": "cache",
    }
    assert engine.model_config.model == MODEL


def test_engine_for_serving_is_loaded_from_its_configuration(captured: Captured, vllm: Vllm, tmp_path: Path) -> None:
    """A folder has a size; a snapshot in the hub's cache is called by its repository."""
    (tmp_path / "model.safetensors").write_bytes(bytes(1000))
    snapshot = "/cache/hub/models--northwind--chat-8b/snapshots/0123456789abcdef"
    held = [
        vllm.serving.AsyncLLM(vllm.configured(str(tmp_path)), object, log_stats=False),
        vllm.serving.AsyncLLM(vllm.configured(snapshot), object, log_stats=False),
    ]
    folder, cached = captured.all()
    assert (folder["modeltally.model.id"], folder["modeltally.model.size"]) == (str(tmp_path), 1000)
    assert (folder["modeltally.load.source"], folder["modeltally.model.format"]) == ("disk", "safetensors")
    assert (cached["modeltally.model.id"], len(held)) == (MODEL, 2)


def test_engine_that_is_shut_down_is_unloaded(captured: Captured, vllm: Vllm) -> None:
    """By its owner, once; one that is collected shuts itself down, and is not."""
    for is_shut_down in (True, False):
        engine = vllm.serving.AsyncLLM(vllm.configured(MODEL), object, log_stats=False)
        if is_shut_down:
            engine.shutdown()
        del engine
        gc.collect()
    vllm.llm.LLM(MODEL)  # when something else is recorded
    unloads = [each for each in captured.all() if each["modeltally.operation"] == "model.unload"]
    assert [each["modeltally.unload.reason"] for each in unloads][:2] == ["manual", "gc"]


def test_batch_is_one_request_with_the_tokens_of_all(captured: Captured, vllm: Vllm) -> None:
    """Two prompts with two texts each; the earliest first token, where the engine keeps such figures."""
    firsts = [vllm.stats.RequestStateStats(first_token_latency=seconds) for seconds in (0.5, 0.25)]
    answers = [
        vllm.answer(7, [vllm.text(0, 3), vllm.text(1, 4, "length")], num_cached_tokens=5, metrics=firsts[0]),
        vllm.answer(2, [vllm.text(0, 1), vllm.text(1, 2)], num_cached_tokens=0, metrics=firsts[1]),
    ]
    answering(vllm.llm.LLM, "generate", answers)
    engine = vllm.llm.LLM(MODEL)
    sampling = vllm.sampling.SamplingParams(n=2, temperature=0.5, top_p=0.9, top_k=5, max_tokens=9, seed=3)
    assert engine.generate(["a", "b"], sampling) is answers
    said = told(captured)
    assert said.pop("concurrency") == 1
    assert said == {
        "operation": "model.request",
        "operation.name": "text_completion",
        "outcome": "success",
        "source": "auto",
        "framework": "vllm",
        "framework.version": importlib.metadata.version("vllm"),
        "pipeline.class": "LLM",
        "model.id": MODEL,
        "request.model": MODEL,
        "model.dtype": "bfloat16",
        "model.quantization": "fp8",
        "device": "cuda",
        "task": "text_generation",
        "output.type": "text",
        "output.count": 4,
        "request.choice.count": 2,
        "request.temperature": 0.5,
        "request.top_p": 0.9,
        "request.top_k": 5,
        "request.max_tokens": 9,
        "request.seed": 3,
        "request.frequency_penalty": 0.0,
        "request.presence_penalty": 0.0,
        "usage.input_tokens": 9,
        "usage.output_tokens": 10,
        "usage.cache_read.input_tokens": 5,
        "response.finish_reasons": "stop,length,stop,stop",
        "response.time_to_first_chunk": 0.25,
    }


def test_prompts_that_are_sampled_each_their_own_way(captured: Captured, vllm: Vllm) -> None:
    """What they have in common is told; what turns a limit off is none."""
    answering(vllm.llm.LLM, "generate", [])
    kind = vllm.sampling.SamplingParams
    vllm.llm.LLM(MODEL).generate(["a", "b"], [kind(temperature=0.1, max_tokens=5), kind(temperature=0.9, max_tokens=5)])
    said = told(captured)
    assert said["request.max_tokens"] == 5
    assert not {"request.temperature", "request.top_k", "usage.output_tokens"} & set(said)


def test_chat_names_its_adapters(captured: Captured, vllm: Vllm) -> None:
    """By the names of the requests for them, each once; a text stays here, its length does not."""
    answering(vllm.llm.LLM, "chat", [vllm.answer(3, [vllm.text(0, 2)])])
    adapters = [vllm.lora.LoRARequest(name, number, "/x") for number, name in enumerate(("ink", "fog", "ink"), 1)]
    vllm.llm.LLM(MODEL).chat([{"role": "user", "content": "a"}], lora_request=adapters)
    said = told(captured)
    assert (said["operation.name"], said["lora.names"], said["lora.count"]) == ("chat", "ink,fog", 2)
    assert (said["usage.input_tokens"], said["usage.output_tokens"]) == (3, 2)


def test_chat_that_generates_is_one_request(captured: Captured, vllm: Vllm) -> None:
    """As older versions do it: what an engine calls of itself is the same request."""
    answering(vllm.llm.LLM, "generate", [vllm.answer(3, [vllm.text(0, 2)])])
    answering(vllm.llm.LLM, "chat", lambda self, messages, **_: self.generate([str(messages)]))
    vllm.llm.LLM(MODEL).chat([{"role": "user", "content": "a"}])
    assert told(captured)["operation.name"] == "chat"


def test_results_that_are_waited_for_are_a_request(captured: Captured, vllm: Vllm) -> None:
    """What was put into the engine's queue before is answered then."""
    answering(vllm.llm.LLM, "wait_for_completion", [vllm.answer(3, [vllm.text(0, 2)])])
    vllm.llm.LLM(MODEL).wait_for_completion()
    assert told(captured)["usage.output_tokens"] == 2


@pytest.mark.parametrize(
    ("way", "operation", "task"),
    [
        ("encode", "embeddings", "embedding"),
        ("embed", "embeddings", "embedding"),
        ("classify", "generate_content", "text_classification"),
        ("score", "generate_content", "text_ranking"),
    ],
)
def test_embeddings_and_scores(captured: Captured, vllm: Vllm, way: str, operation: str, task: str) -> None:
    """Tokens in, and how many came back; there are none out."""
    kind = vllm.outputs.PoolingRequestOutput
    answers = [kind(str(number), object(), [1, 2, 3], 0, finished=True) for number in range(2)]
    answering(vllm.pooling.PoolingOfflineMixin, way, answers)
    arguments = ("a", ["b", "c"]) if way == "score" else (["a", "b"],)
    getattr(vllm.llm.LLM(MODEL), way)(*arguments)
    said = told(captured)
    assert (said["operation.name"], said["task"], said["output.count"]) == (operation, task, 2)
    assert said["usage.input_tokens"] == 6
    assert not {"usage.output_tokens", "output.type"} & set(said)


async def _asked(
    vllm: Vllm, pieces: list[Any], *, kind: str = "CUMULATIVE", stop_after: int | None = None
) -> list[Any]:
    """Ask an engine for serving, and read so many pieces."""

    async def stream(**_: Any) -> AsyncIterator[Any]:
        for piece in pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    answering(vllm.serving.AsyncLLM, "generate", stream)
    engine = vllm.serving.AsyncLLM(vllm.configured(MODEL), object, log_stats=False)
    sampling = vllm.sampling.SamplingParams(output_kind=vllm.sampling.RequestOutputKind[kind])
    read: list[Any] = []
    answer = engine.generate("a b", sampling, "1")
    async for piece in answer:
        read.append(piece)
        if len(read) == stop_after:
            await answer.aclose()
            break
    return read


@pytest.mark.parametrize(("kind", "lengths"), [("CUMULATIVE", (1, 2, 3)), ("DELTA", (1, 1, 1)), ("FINAL_ONLY", (3,))])
def test_stream_is_counted_as_it_comes(captured: Captured, vllm: Vllm, kind: str, lengths: tuple[int, ...]) -> None:
    """Three tokens and four of two texts, whether a piece holds all of a text or what is new of it."""
    four = {"CUMULATIVE": (2, 4), "DELTA": (2, 2), "FINAL_ONLY": (4,)}[kind]
    pieces = [
        vllm.answer(5, [vllm.text(index, number, "stop" if at == len(numbers) - 1 else None)], num_cached_tokens=4)
        for index, numbers in enumerate((lengths, four))
        for at, number in enumerate(numbers)
    ]
    assert asyncio.run(_asked(vllm, pieces, kind=kind)) == pieces
    said = told(captured)
    assert (said["usage.input_tokens"], said["usage.output_tokens"]) == (5, 7)
    assert (said["output.count"], said["response.finish_reasons"]) == (2, "stop,stop")
    assert (said["usage.cache_read.input_tokens"], said["prompt.length"]) == (4, 3)
    assert "response.time_to_first_chunk" in said


def test_stream_that_is_given_up_is_cancelled(captured: Captured, vllm: Vllm) -> None:
    """With the tokens so far."""
    pieces = [vllm.answer(5, [vllm.text(0, number, None)]) for number in (1, 2, 3)]
    asyncio.run(_asked(vllm, pieces, stop_after=2))
    said = told(captured)
    assert (said["outcome"], said["usage.output_tokens"]) == ("cancelled", 2)
    assert "response.finish_reasons" not in said


def test_stream_that_fails_is_an_error(captured: Captured, vllm: Vllm) -> None:
    """The engine's own exception, and what came before it."""
    with pytest.raises(RuntimeError, match="dead"):
        asyncio.run(_asked(vllm, [vllm.answer(5, [vllm.text(0, 1, None)]), RuntimeError("dead")]))
    said = told(captured)
    assert (said["outcome"], said["error.type"], said["usage.output_tokens"]) == ("error", "RuntimeError", 1)


def test_call_that_fails_is_an_error(captured: Captured, vllm: Vllm) -> None:
    """What is not implemented in a stand-in raises."""
    with pytest.raises(NotImplementedError):
        vllm.llm.LLM(MODEL).generate("a")
    assert (told(captured)["outcome"], told(captured)["error.type"]) == ("error", "NotImplementedError")


def test_answers_that_are_strange_change_nothing(captured: Captured, vllm: Vllm) -> None:
    """An answer without anything of an answer is given back, and is a request all the same."""
    strange = [object(), None, vllm.answer(1, [SimpleNamespace(token_ids=None)])]
    answering(vllm.llm.LLM, "generate", strange)
    assert vllm.llm.LLM(MODEL).generate("a") is strange
    assert told(captured)["outcome"] == "success"


def test_everything_is_put_back(vllm: Vllm) -> None:
    """Every attribute of every class that was patched is the object it was, inherited ones too."""
    kinds = (vllm.llm.LLM, vllm.pooling.PoolingOfflineMixin, vllm.serving.AsyncLLM)

    def held() -> list[dict[str, Any]]:
        return [dict(vars(kind)) for kind in kinds]

    VllmInstrumentor().uninstrument()
    before = held()
    VllmInstrumentor().instrument()
    assert held() != before
    VllmInstrumentor().uninstrument()
    assert held() == before
