"""The real sentence-transformers with a tiny model: what is encoded, and in how many tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

sentence_transformers = pytest.importorskip("sentence_transformers", reason="make test-libraries installs it")
transformers = pytest.importorskip("transformers", reason="make test-libraries installs it")

from libraries import tiny
from modeltally.instrument.libraries.sentence_transformers import SentenceTransformersInstrumentor
from modeltally.instrument.libraries.transformers import TransformersInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.testing import Captured

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries themselves


@pytest.fixture(autouse=True)
def _instrumented() -> Iterator[None]:
    for instrumentor in (SentenceTransformersInstrumentor(), TransformersInstrumentor()):
        instrumentor.instrument()
    yield
    for instrumentor in (SentenceTransformersInstrumentor(), TransformersInstrumentor()):
        instrumentor.uninstrument()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model's files."""
    path = tmp_path_factory.mktemp("models") / "embed"
    config = transformers.BertConfig(
        vocab_size=100, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    transformers.BertModel(config).save_pretrained(path)
    tiny.tokenizer().save_pretrained(path)
    return path


@pytest.fixture
def embed(folder: Path) -> Any:
    """Load the model."""
    return sentence_transformers.SentenceTransformer(str(folder), device="cpu")


def requests(captured: Captured) -> list[dict[str, Any]]:
    """What was recorded of requests."""
    return [dict(each) for each in captured.all() if each["modeltally.operation"] == "model.request"]


def test_model_is_loaded_once(captured: Captured, folder: Path) -> None:
    """With its weights; the parts that transformers loads for it are no loads of their own."""
    model = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    said = captured.one()
    assert (said["modeltally.operation"], said["modeltally.model.id"]) == ("model.load", str(folder))
    assert said["modeltally.model.parameters"] == sum(weight.numel() for weight in model.parameters())
    assert (said["modeltally.model.type"], said["modeltally.load.source"]) == ("embedding", "disk")
    assert said["modeltally.framework"] == "sentence_transformers"


@pytest.mark.parametrize("way", ["encode", "encode_query", "encode_document"])
def test_request_says_what_was_encoded(captured: Captured, embed: Any, folder: Path, way: str) -> None:
    """Texts and tokens, however many batches they are encoded in; the padding of short ones does not count."""
    texts = ["a b c", "d", "e f"]
    result = getattr(embed, way)(texts, batch_size=2)
    assert len(result) == 3
    (said,) = requests(captured)
    assert (said["gen_ai.operation.name"], said["modeltally.task"]) == ("embeddings", "embedding")
    assert (said["modeltally.output.count"], said["gen_ai.usage.input_tokens"]) == (3, 6)
    assert said["modeltally.model.id"] == str(folder)
    assert said["modeltally.device"] == "cpu"


def test_one_text_is_one(captured: Captured, embed: Any) -> None:
    """With its length."""
    embed.encode("a b c")
    (said,) = requests(captured)
    assert (said["modeltally.output.count"], said["modeltally.prompt.length"]) == (1, 5)


def test_result_is_the_same_to_the_bit(embed: Any) -> None:
    """With us and without."""
    watched = embed.encode(["a b", "c"])
    SentenceTransformersInstrumentor().uninstrument()
    assert (embed.encode(["a b", "c"]) == watched).all()
