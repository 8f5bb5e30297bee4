"""The examples of libraries run as they are, and what they did arrives."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

torch = pytest.importorskip("torch", reason="make test-libraries installs it")
pytest.importorskip("diffusers", reason="make test-libraries installs it")
transformers = pytest.importorskip("transformers", reason="make test-libraries installs it")
pytest.importorskip("sentence_transformers", reason="make test-libraries installs it")
pytest.importorskip("faster_whisper", reason="make test-libraries installs it")

import numpy as np

from libraries import tiny
from libraries.fake_endpoint import running_endpoint
from libraries.fake_hub import running_hub
from support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EXAMPLES: Final = Path(__file__).parents[2] / "instrumentation" / "examples" / "libraries"
pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries themselves


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Listen on a local socket."""
    receiver = Sink()
    yield receiver
    receiver.close()


def run(sink: Sink, folder: Path, script: str, *arguments: str, **variables: str) -> str:
    """Run an example under ``modeltally run``; gives what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "MODELTALLY_"))}
    environment |= {"MODELTALLY_OTLP_ENDPOINT": sink.url, "HF_HOME": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("modeltally")), "run", sys.executable, EXAMPLES / script, *arguments],
        cwd=folder,
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(sink: Sink) -> dict[str, Mapping[str, Any]]:
    """What arrived of each operation."""
    return {str(seen.attributes["modeltally.operation"]): seen.attributes for seen in sink.operations}


def test_a_picture_is_painted(sink: Sink, tmp_path: Path) -> None:
    """A load, its way to the device, and a request with its steps."""
    tiny.image_pipeline().save_pretrained(tmp_path / "sketch")
    run(sink, tmp_path, "paint.py", str(tmp_path / "sketch"), "a sea")
    assert (tmp_path / "picture.png").exists()
    assert {"model.load", "model.request"} <= told(sink).keys()
    assert told(sink)["model.request"]["modeltally.diffusion.steps.completed"] == 2


def test_text_is_written(sink: Sink, tmp_path: Path) -> None:
    """Tokens in and out."""
    tiny.language_model().save_pretrained(tmp_path / "scribe")
    tiny.tokenizer().save_pretrained(tmp_path / "scribe")
    run(sink, tmp_path, "write.py", str(tmp_path / "scribe"), "a b")
    assert told(sink)["model.request"]["gen_ai.usage.input_tokens"] == 2
    assert "model.load" in told(sink)


def test_texts_are_embedded(sink: Sink, tmp_path: Path) -> None:
    """A request for embeddings."""
    config = transformers.BertConfig(
        vocab_size=100, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    transformers.BertModel(config).save_pretrained(tmp_path / "embed")
    tiny.tokenizer().save_pretrained(tmp_path / "embed")
    assert "2 texts of 16 numbers" in run(sink, tmp_path, "embed.py", str(tmp_path / "embed"), "a b", "b")
    assert told(sink)["model.request"]["gen_ai.operation.name"] == "embeddings"


def test_a_model_is_downloaded(sink: Sink, tmp_path: Path) -> None:
    """One download of the whole, with its bytes."""
    with running_hub() as hub:
        hub.files["ada/sketch"] = {"config.json": b"{}", "model.safetensors": bytes(1000)}
        run(sink, tmp_path, "fetch.py", "ada/sketch", HF_ENDPOINT=hub.url)
    assert list(told(sink)) == ["model.download"]
    seen = told(sink)["model.download"]
    assert (seen["modeltally.download.files"], seen["modeltally.download.bytes"]) == (2, 1002)


def test_a_picture_is_ordered(sink: Sink, tmp_path: Path) -> None:
    """A request to a server elsewhere."""
    with running_endpoint() as endpoint:
        endpoint.answers["/v1/images/generations"] = {"created": 1, "data": [{"b64_json": "AA=="}]}
        asked = {"OPENAI_BASE_URL": f"{endpoint.url}/v1", "OPENAI_API_KEY": "none"}
        assert "1 pictures" in run(sink, tmp_path, "order.py", "painter-1", "a sea", **asked)
    assert told(sink)["model.request"]["gen_ai.request.model"] == "painter-1"


def test_a_server_nearby_is_asked(sink: Sink, tmp_path: Path) -> None:
    """A request whose tokens the server tells, and that it had to load the model for it."""
    piece = {"model": "scribe", "created_at": "2026-03-02T10:00:00Z", "message": {"role": "assistant", "content": "x"}}
    last = {"done": True, "done_reason": "stop", "prompt_eval_count": 4, "eval_count": 7, "load_duration": 2 * 10**9}
    with running_endpoint() as endpoint:
        endpoint.answers["/api/chat"] = [{**piece, "done": False}, {**piece, **last}]
        assert run(sink, tmp_path, "chat.py", "scribe", "a b", OLLAMA_HOST=endpoint.url).strip() == "xx"
    seen = told(sink)["model.request"]
    assert (seen["gen_ai.usage.output_tokens"], seen["modeltally.model.cold_start"]) == (7, True)


def test_speech_is_written_down(sink: Sink, tmp_path: Path) -> None:
    """A load, and a request with the seconds heard."""
    model = tiny.converted_hearing_model(tmp_path)
    with wave.open(str(tmp_path / "speech.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.random.default_rng(1).standard_normal(16_000) * 3000).astype("<i2").tobytes())
    run(sink, tmp_path, "transcribe.py", str(model), str(tmp_path / "speech.wav"))
    assert told(sink)["model.request"]["modeltally.audio.duration"] == pytest.approx(1.0, abs=0.1)
    assert "model.load" in told(sink)


def test_every_example_is_run() -> None:
    """Each file of the folder has a test here."""
    text = Path(__file__).read_text()
    assert [file.name for file in EXAMPLES.glob("*.py") if f'"{file.name}"' not in text] == []
