"""llama-cpp-python as its release declares it, with answers of ours; ``make test-llama`` asks the library itself."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from typing import TYPE_CHECKING, Any

import pytest

if importlib.util.find_spec("llama_cpp") is not None:
    pytest.skip("llama-cpp-python itself is here: this is about its stand-in", allow_module_level=True)

from libraries.scripted import scripted_llama_cpp
from modeltally.instrument.libraries.llama_cpp import LlamaCppInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.testing import Captured


@pytest.fixture
def scribe() -> Iterator[Any]:
    """Import the stand-in, with models that answer, and watch it."""
    with scripted_llama_cpp() as kind:
        yield kind


def told(captured: Captured, operation: str = "model.request") -> list[dict[str, Any]]:
    """What was recorded of operations of a kind."""
    return [dict(each) for each in captured.all() if each["modeltally.operation"] == operation]


def test_quantized_model_in_several_files(captured: Captured, scribe: Any, tmp_path: Path) -> None:
    """Named in the library's own words, and as large as all its files."""
    (tmp_path / "scribe-Q4_K_M-00001-of-00002.gguf").write_bytes(bytes(300))
    (tmp_path / "scribe-Q4_K_M-00002-of-00002.gguf").write_bytes(bytes(400))
    model = scribe(str(tmp_path / "scribe-Q4_K_M-00001-of-00002.gguf"))
    (said,) = told(captured, "model.load")
    assert (said["modeltally.model.quantization"], said["modeltally.model.dtype"]) == ("Q4_K_M", "Q4_K_M")
    assert (said["modeltally.model.size"], said["modeltally.model.memory.size"]) == (700, 600)
    assert (said["modeltally.model.parameters"], said["modeltally.device"]) == (1000, "cpu")
    assert said["modeltally.framework.version"] == importlib.metadata.version("llama-cpp-python")
    assert model.model_path


def test_model_of_a_repository_is_called_so(captured: Captured, scribe: Any) -> None:
    """One load, and the requests to it under the same name."""
    LlamaCppInstrumentor().uninstrument()
    scribe.from_pretrained = classmethod(lambda cls, repo_id, filename: cls(f"/cache/{repo_id}/{filename}"))
    LlamaCppInstrumentor().instrument()
    model = scribe.from_pretrained("northwind/chat-8b-gguf", "x.gguf")
    model("a b")
    (load,), (request,) = told(captured, "model.load"), told(captured)
    assert load["modeltally.model.id"] == request["modeltally.model.id"] == "northwind/chat-8b-gguf"
    assert load["modeltally.load.source"] == "cache"


@pytest.mark.parametrize("way", ["__call__", "create_completion", "create_chat_completion"])
@pytest.mark.parametrize("is_stream", [False, True])
def test_tokens_are_told_of_answers_and_of_streams(
    captured: Captured, scribe: Any, way: str, *, is_stream: bool
) -> None:
    """Three in and three out, without the mark of the end; one request by whatever name."""
    given = [{"role": "user", "content": "a b c"}] if way == "create_chat_completion" else "a b c"
    answer = getattr(scribe("x.gguf"), way)(given, stream=is_stream)
    if is_stream:
        assert len(list(answer)) == 4
    (said,) = told(captured)
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (3, 3)
    assert said["gen_ai.response.finish_reasons"] == "stop"
    assert said["gen_ai.operation.name"] == ("chat" if way == "create_chat_completion" else "text_completion")
    assert said["gen_ai.response.time_to_first_chunk"] == 0.0  # the clock stands still


def test_adapter_is_named_by_its_file(captured: Captured, scribe: Any) -> None:
    """With its scale; the folder it is in stays here."""
    scribe("x.gguf", lora_path="/secret/ink.gguf", lora_scale=0.5)("a")
    (said,) = told(captured)
    assert (said["modeltally.lora.names"], said["modeltally.lora.scales"]) == ("ink.gguf", "0.5")


@pytest.mark.parametrize("way", ["create_embedding", "embed"])
def test_embeddings_are_one_request(captured: Captured, scribe: Any, way: str) -> None:
    """By whichever name; tokens where they are told."""
    getattr(scribe("x.gguf"), way)(["a"])
    (said,) = told(captured)
    assert (said["gen_ai.operation.name"], said["modeltally.output.count"]) == ("embeddings", 1)
    assert said.get("gen_ai.usage.input_tokens") == (3 if way == "create_embedding" else None)
