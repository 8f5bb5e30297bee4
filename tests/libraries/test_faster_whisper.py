"""The real faster-whisper with a tiny model: seconds heard, tokens decoded, and segments that come one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

faster_whisper = pytest.importorskip("faster_whisper", reason="make test-libraries installs it")
ctranslate2 = pytest.importorskip("ctranslate2", reason="make test-libraries installs it")
transformers = pytest.importorskip("transformers", reason="make test-libraries installs it")

import numpy as np

from libraries import tiny
from libraries.patches import everything_of
from libraries.versions import needs
from modeltally.instrument.libraries.faster_whisper import FasterWhisperInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.testing import Captured

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries themselves

SOUND: Final = np.random.default_rng(1).standard_normal(16_000 * 3).astype(np.float32) * 0.1
ASKED: Final = {"language": "en", "max_new_tokens": 10}


@pytest.fixture(autouse=True)
def _instrumented() -> Iterator[None]:
    FasterWhisperInstrumentor().instrument()
    yield
    FasterWhisperInstrumentor().uninstrument()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model's files, as its own converter does."""
    return tiny.converted_hearing_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def ear(folder: Path) -> Any:
    """Load the model."""
    return faster_whisper.WhisperModel(str(folder), device="cpu")


def requests(captured: Captured) -> list[dict[str, Any]]:
    """What was recorded of requests."""
    return [dict(each) for each in captured.all() if each["modeltally.operation"] == "model.request"]


def test_load_says_what_was_loaded(captured: Captured, folder: Path) -> None:
    """One load, with the bytes and the format of its files, and the numbers it computes in."""
    model = faster_whisper.WhisperModel(str(folder), device="cpu", compute_type="int8")
    assert model.model.compute_type == "int8_float32"
    assert {name.removeprefix("modeltally."): value for name, value in captured.one().items()} == {
        "operation": "model.load",
        "outcome": "success",
        "source": "auto",
        "model.id": str(folder),
        "model.type": "whisper",
        "model.format": "ctranslate2",
        "model.size": (folder / "model.bin").stat().st_size,
        "model.dtype": "int8_float32",
        "model.quantization": "int8_float32",
        "framework": "faster_whisper",
        "framework.version": faster_whisper.__version__,
        "pipeline.class": "WhisperModel",
        "device": "cpu",
        "load.source": "disk",
    }


def test_sizes_are_the_names_of_repositories(captured: Captured) -> None:
    """As the downloads of the same model are called; what cannot be had is an error of the library's own."""
    with pytest.raises(FileNotFoundError) as raised:
        faster_whisper.WhisperModel("tiny", local_files_only=True, download_root="/nonexistent")
    said = captured.one()
    assert said["modeltally.model.id"] == "Systran/faster-whisper-tiny"
    assert str(said["error.type"]).rpartition(".")[2] == raised.type.__name__


def test_transcription_says_what_was_heard(captured: Captured, ear: Any, folder: Path) -> None:
    """The request is over when the last segment has come: seconds of sound, and the tokens of all segments."""
    segments, info = ear.transcribe(SOUND, initial_prompt="hello", temperature=[0.5, 0.9], **ASKED)
    assert requests(captured) == []
    heard = list(segments)
    (said,) = requests(captured)
    assert (info.duration, said["modeltally.audio.duration"]) == (3.0, 3.0)
    assert said["gen_ai.usage.output_tokens"] == sum(len(segment.tokens) for segment in heard) > 0
    measured = ("host.memory", "concurrency", "prompt.hash", "output_tokens", "operation")
    assert {name: value for name, value in said.items() if not any(each in name for each in measured)} == {
        "gen_ai.output.type": "text",
        "gen_ai.request.max_tokens": 10,
        "gen_ai.request.model": str(folder),
        "gen_ai.request.temperature": 0.5,
        "gen_ai.response.time_to_first_chunk": 0.0,  # the clock stands still
        "modeltally.audio.duration": 3.0,
        "modeltally.device": "cpu",
        "modeltally.framework": "faster_whisper",
        "modeltally.framework.version": faster_whisper.__version__,
        "modeltally.model.dtype": "float32",
        "modeltally.model.id": str(folder),
        "modeltally.model.type": "whisper",
        "modeltally.outcome": "success",
        "modeltally.pipeline.class": "WhisperModel",
        "modeltally.prompt.length": 5,
        "modeltally.source": "auto",
        "modeltally.task": "speech_to_text",
    }


@needs("faster-whisper", "1.1", "pipeline of batches")
def test_pipeline_of_batches_is_a_request_too(captured: Captured, ear: Any, folder: Path) -> None:
    """Under the name of the model in it."""
    pipeline = faster_whisper.BatchedInferencePipeline(ear)
    clips = [{"start": 0, "end": 2}, {"start": 2, "end": 3}]
    segments, _ = pipeline.transcribe(SOUND, vad_filter=False, clip_timestamps=clips, batch_size=2, **ASKED)
    heard = list(segments)
    (said,) = requests(captured)
    assert said["gen_ai.usage.output_tokens"] == sum(len(segment.tokens) for segment in heard) > 0
    assert said["modeltally.model.id"] == str(folder)
    assert said["modeltally.pipeline.class"] == "BatchedInferencePipeline"


def test_segments_that_are_given_up_are_cancelled(captured: Captured, ear: Any) -> None:
    """Half way the tokens so far are told."""
    segments, _ = ear.transcribe(np.tile(SOUND, 20), **ASKED)
    first = next(segments)
    segments.close()
    (said,) = requests(captured)
    assert (said["modeltally.outcome"], said["gen_ai.usage.output_tokens"]) == ("cancelled", len(first.tokens))


def test_error_of_the_library_comes_through(captured: Captured, ear: Any) -> None:
    """Its own exception, in the call and among the segments."""
    with pytest.raises(FileNotFoundError):
        ear.transcribe("nowhere.wav", **ASKED)
    segments, _ = ear.transcribe(SOUND, **ASKED)
    next(segments)
    with pytest.raises(KeyError):
        segments.throw(KeyError("the caller's own"))
    assert [each["modeltally.outcome"] for each in requests(captured)] == ["error", "error"]
    assert [str(each["error.type"]).rpartition(".")[2] for each in requests(captured)] == [
        "FileNotFoundError",
        "KeyError",
    ]


def test_result_is_the_same_and_of_the_same_type(ear: Any) -> None:
    """With us and without: a tuple of a generator and what is known of the whole."""
    watched, info = ear.transcribe(SOUND, temperature=0, **ASKED)
    tokens = [segment.tokens for segment in watched]
    FasterWhisperInstrumentor().uninstrument()
    bare, bare_info = ear.transcribe(SOUND, temperature=0, **ASKED)
    assert (type(watched), watched.__name__) == (type(bare), bare.__name__)
    assert [segment.tokens for segment in bare] == tokens
    assert info == bare_info


def test_model_that_nobody_holds_is_unloaded(captured: Captured, folder: Path) -> None:
    """When it is collected, with how long it stayed."""
    model = faster_whisper.WhisperModel(str(folder), device="cpu")
    del model
    faster_whisper.WhisperModel(str(folder), device="cpu")  # when something else is recorded
    unloads = [each for each in captured.all() if each["modeltally.operation"] == "model.unload"]
    assert [each["modeltally.unload.reason"] for each in unloads][:1] == ["gc"]
    assert unloads[0]["modeltally.model.id"] == str(folder)


def test_everything_is_put_back() -> None:
    """Every attribute of every module and class that was patched is the object it was."""
    FasterWhisperInstrumentor().uninstrument()
    before = everything_of("faster_whisper")
    FasterWhisperInstrumentor().instrument()
    assert everything_of("faster_whisper") != before
    FasterWhisperInstrumentor().uninstrument()
    assert everything_of("faster_whisper") == before
