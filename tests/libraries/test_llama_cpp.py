"""The real llama-cpp-python with a tiny model: tokens of answers and of streams, embeddings, loads."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Final

import pytest

llama_cpp = pytest.importorskip("llama_cpp", reason="make test-llama builds it from source, which takes ten minutes")
pytest.importorskip("gguf", reason="make test-llama installs it")

from libraries import tiny_llama
from libraries.patches import everything_of
from modeltally.instrument.libraries.llama_cpp import LlamaCppInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.testing import Captured

pytestmark = pytest.mark.filterwarnings("ignore")  # of the library itself

MESSAGES: Final = [{"role": "user", "content": "a b"}]


@pytest.fixture(autouse=True)
def _instrumented() -> Iterator[None]:
    LlamaCppInstrumentor().instrument()
    yield
    LlamaCppInstrumentor().uninstrument()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model's file."""
    path = tmp_path_factory.mktemp("models") / "scribe.gguf"
    tiny_llama.write_model(path)
    return path


@pytest.fixture
def scribe(file: Path) -> Any:
    """Load the model."""
    return llama_cpp.Llama(str(file), n_ctx=128, verbose=False, seed=1)


def requests(captured: Captured) -> list[dict[str, Any]]:
    """What was recorded of requests."""
    return [dict(each) for each in captured.all() if each["modeltally.operation"] == "model.request"]


def tokens(said: dict[str, Any]) -> tuple[Any, Any]:
    """Those in and those out."""
    return said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]


def test_load_says_what_was_loaded(captured: Captured, file: Path) -> None:
    """One load, with what the file says of itself."""
    model = llama_cpp.Llama(str(file), n_ctx=128, verbose=False)
    assert model.n_ctx()
    assert {name.removeprefix("modeltally."): value for name, value in captured.one().items()} == {
        "operation": "model.load",
        "outcome": "success",
        "source": "auto",
        "model.id": str(file),
        "model.type": "llama",
        "model.format": "gguf",
        "model.dtype": "float32",
        "model.parameters": tiny_llama.PARAMETERS,
        "model.memory.size": 4 * tiny_llama.PARAMETERS,
        "model.size": file.stat().st_size,
        "framework": "llama_cpp",
        "framework.version": llama_cpp.__version__,
        "device": "cpu",
        "load.source": "disk",
    }


def test_model_that_is_closed_is_unloaded(captured: Captured, file: Path) -> None:
    """By its owner, once, with how long it stayed; one that is collected closes itself, and is not."""
    closed = llama_cpp.Llama(str(file), n_ctx=128, verbose=False)
    closed.close()
    closed.close()
    del closed
    collected = llama_cpp.Llama(str(file), n_ctx=128, verbose=False)
    del collected
    gc.collect()
    llama_cpp.Llama(str(file), n_ctx=128, verbose=False)
    unloads = [each for each in captured.all() if each["modeltally.operation"] == "model.unload"]
    assert [each["modeltally.unload.reason"] for each in unloads][:2] == ["manual", "gc"]
    assert unloads[0]["modeltally.model.memory.size"] == 4 * tiny_llama.PARAMETERS


def test_model_that_is_not_there_is_an_error(captured: Captured) -> None:
    """The library's own."""
    with pytest.raises(ValueError, match="nowhere"):
        llama_cpp.Llama("nowhere.gguf", verbose=False)
    assert (captured.one()["modeltally.outcome"], captured.one()["error.type"]) == ("error", "ValueError")


@pytest.mark.parametrize("way", ["__call__", "create_completion"])
def test_completion_says_what_was_asked_and_came(captured: Captured, scribe: Any, file: Path, way: str) -> None:
    """One request whichever name it is asked by, with the library's own count of tokens."""
    answer = getattr(scribe, way)("a b c", max_tokens=5, temperature=0.5, top_k=9, seed=3)
    (said,) = requests(captured)
    assert tokens(said) == (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"])
    measured = ("host.memory", "concurrency", "prompt.hash", "usage", "finish", "modeltally.operation")
    assert {name: value for name, value in said.items() if not any(each in name for each in measured)} == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.output.type": "text",
        "gen_ai.request.frequency_penalty": 0.0,
        "gen_ai.request.max_tokens": 5,
        "gen_ai.request.model": str(file),
        "gen_ai.request.presence_penalty": 0.0,
        "gen_ai.request.seed": 3,
        "gen_ai.request.stream": False,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_k": 9,
        "gen_ai.request.top_p": 0.95,
        "gen_ai.response.time_to_first_chunk": 0.0,  # the clock stands still
        "modeltally.device": "cpu",
        "modeltally.framework": "llama_cpp",
        "modeltally.framework.version": llama_cpp.__version__,
        "modeltally.model.id": str(file),
        "modeltally.outcome": "success",
        "modeltally.output.count": 1,
        "modeltally.prompt.length": 5,
        "modeltally.source": "auto",
        "modeltally.task": "text_generation",
    }


@pytest.mark.parametrize("is_chat", [False, True])
@pytest.mark.parametrize("end", [None, 4])
def test_stream_has_the_tokens_of_the_same_answer(
    captured: Captured, scribe: Any, end: int | None, *, is_chat: bool
) -> None:
    """Which it does not say itself; the mark of the end is none of them."""
    made = 0

    def ending(_ids: Any, scores: Any) -> Any:
        nonlocal made
        made += 1
        scores[:] = -1e9
        scores[scribe.token_eos() if made == end else 262] = 0
        return scores

    def ask(*, stream: bool) -> Any:
        nonlocal made
        made = 0
        asked = {"max_tokens": 6, "seed": 1, "stream": stream, "logits_processor": [ending]}
        asked["logits_processor"] = llama_cpp.LogitsProcessorList([ending])
        if is_chat:
            return scribe.create_chat_completion(MESSAGES, **asked)
        return scribe("a b c", **asked)

    whole = ask(stream=False)
    pieces = list(ask(stream=True))
    assert len(pieces) > 1
    answered, streamed = requests(captured)
    assert tokens(answered) == tokens(streamed)
    assert tokens(streamed)[1] == whole["usage"]["completion_tokens"] == (6 if end is None else end - 1)
    reason = "length" if end is None else "stop"
    assert answered["gen_ai.response.finish_reasons"] == streamed["gen_ai.response.finish_reasons"] == reason
    assert (answered["gen_ai.request.stream"], streamed["gen_ai.request.stream"]) == (False, True)
    assert "gen_ai.response.time_to_first_chunk" in streamed
    assert streamed["gen_ai.operation.name"] == ("chat" if is_chat else "text_completion")


def test_stream_that_is_given_up_is_cancelled(captured: Captured, scribe: Any) -> None:
    """With the tokens so far."""
    stream = scribe("a b c", max_tokens=20, stream=True)
    next(stream)
    del stream
    (said,) = requests(captured)
    assert said["modeltally.outcome"] == "cancelled"
    assert 0 < said["gen_ai.usage.output_tokens"] < 20


def test_refused_request_is_an_error(captured: Captured, scribe: Any) -> None:
    """The library's own exception, of an answer and of a stream."""
    for stream in (False, True):
        with pytest.raises(ValueError, match="exceed context window"):
            list(scribe("a" * 500, stream=stream))
    assert [each["error.type"] for each in requests(captured)] == ["ValueError"] * 2


@pytest.mark.parametrize("way", ["create_embedding", "embed"])
def test_embeddings_are_counted(captured: Captured, file: Path, way: str) -> None:
    """How many there are, and their tokens where the library says them."""
    model = llama_cpp.Llama(str(file), n_ctx=128, verbose=False, embedding=True)
    asked = {"return_count": True} if way == "embed" else {}
    answer = getattr(model, way)(["a", "b c"], **asked)
    (said,) = requests(captured)
    given = answer[1] if way == "embed" else answer["usage"]["prompt_tokens"]
    assert (said["gen_ai.operation.name"], said["modeltally.task"]) == ("embeddings", "embedding")
    assert (said["modeltally.output.count"], said["gen_ai.usage.input_tokens"]) == (2, given)


def test_answer_is_the_same_and_of_the_same_type(scribe: Any) -> None:
    """With us and without, under the same seed; of the generator of tokens too."""

    def ask() -> Any:
        generated = scribe.generate([1, 70, 71], temp=0.0)
        first = [next(generated), next(generated)]
        generated.close()
        return first, [each["choices"] for each in scribe("a b", max_tokens=5, seed=4, stream=True)]

    watched, kind = ask(), type(scribe("a", stream=True))
    LlamaCppInstrumentor().uninstrument()
    assert ask() == watched
    assert type(scribe("a", stream=True)) is kind


def test_everything_is_put_back() -> None:
    """Every attribute of every module and class that was patched is the object it was."""
    LlamaCppInstrumentor().uninstrument()
    before = everything_of("llama_cpp")
    LlamaCppInstrumentor().instrument()
    assert everything_of("llama_cpp") != before
    LlamaCppInstrumentor().uninstrument()
    assert everything_of("llama_cpp") == before
