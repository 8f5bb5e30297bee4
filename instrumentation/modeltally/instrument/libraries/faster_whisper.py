"""faster-whisper: a transcription is a request that ends with its last segment; a model that is made is a load.

What is heard is decoded while the segments are asked for: the call itself only reads the sound and finds the language.
Tokens are those of the segments that came, so what the library decodes anew or drops is not among them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded
from modeltally.instrument.libraries._calls import Call, request_watched
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, library_version
from modeltally.instrument.libraries._loads import load_watched, returning, waited_for
from modeltally.instrument.libraries._memory import Memory, measured
from modeltally.instrument.libraries._models import call_it, called
from modeltally.instrument.libraries._pieces import tapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.instrument._values import Values

__all__ = ["FasterWhisperInstrumentor"]

_MODULE: Final = "faster_whisper.transcribe"
_SIZES: Final = "faster_whisper.utils"
_WHISPER: Final = "whisper"
_CTRANSLATE2: Final = "ctranslate2"


class FasterWhisperInstrumentor(Instrumentor):
    """Watches its models and their pipelines."""

    library = "faster_whisper"
    distribution = "faster-whisper"
    versions = ("1.0.3", "2")
    loss = "transcriptions and loads of their models are not counted"
    modules = (_MODULE,)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into the making of models, and into both ways to transcribe; the batched one came later."""
        yield self.patch(module.WhisperModel, "__init__", self._load)
        yield self.patch(module.WhisperModel, "transcribe", self._transcribe)
        batched = getattr(module, "BatchedInferencePipeline", None)
        if batched is not None and "transcribe" in vars(batched):
            yield self.patch(batched, "transcribe", self._transcribe)

    def _load(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        call = Call(function, instance, args, kwargs)
        revision = call.argument("revision")
        name = _repository(call.argument("model_size_or_path"))
        before: Values = {
            "model": name,
            "model_revision": None if revision is None else str(revision),
            "model_type": _WHISPER,
            "framework": self.library,
            "framework_version": library_version(self.distribution),
            "pipeline_class": type(instance).__name__,
        }

        def loaded(model: Any) -> Values:
            call_it(model, name)
            return {**_place(model), "model_format": _CTRANSLATE2}

        load_watched(returning(call, instance), before, modules=lambda _: (), after=loaded)

    def _transcribe(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """Segments come one by one, beside what is known of the whole: the segments are followed to their end."""
        call = Call(function, instance, args, kwargs)
        _ = call.arguments  # while the function's signature can still be read
        beside: list[Any] = []

        def segments(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            if type(result) is not tuple or not result:
                return result
            stream, *beside[:] = result
            _hear(call, beside)
            return tapped(stream, lambda segment: _count(call, segment), at_end=lambda: _ended(call))

        call.function = segments
        stream = request_watched(call, self._asked, lambda *_: None)
        return (stream, *beside) if beside else stream

    def _asked(self, call: Call) -> Values:
        model = getattr(call.instance, "model", None)
        if not hasattr(model, "transcribe"):  # a pipeline has a model, which has one of ctranslate2's
            model = call.instance
        prompt, temperature = call.argument("initial_prompt"), call.argument("temperature")
        if isinstance(temperature, list | tuple):  # the ones after the first are for what the first does not do well
            temperature = temperature[0] if temperature else None
        call.notes.update(memory=Memory("cpu"), tokens=0)
        return {
            "model": called(model),
            "model_type": _WHISPER,
            "framework": self.library,
            "framework_version": library_version(self.distribution),
            "pipeline_class": type(call.instance).__name__,
            "operation_name": names.GENERATE_CONTENT,
            "task": "speech_to_text",
            "output_type": "text",
            "prompt": prompt if isinstance(prompt, str) else None,
            "temperature": temperature if isinstance(temperature, int | float) else None,
            "max_tokens": call.argument("max_new_tokens"),
            **_place(model),
            **waited_for(model),
        }


@guarded(None)
def _hear(call: Call, beside: list[Any]) -> None:
    """Say how much sound there is, before anything of it is decoded."""
    seconds = getattr(beside[0], "duration", None) if beside else None
    if isinstance(seconds, int | float):
        call.operation.set(audio_duration_seconds=float(seconds))


@guarded(None)
def _count(call: Call, segment: Any) -> None:
    if "first" not in call.notes:  # the sound is read in the call: the first step alone would be too short
        call.notes["first"] = call.seconds
        call.operation.set(time_to_first_chunk_seconds=call.notes["first"])
    call.notes["tokens"] += len(getattr(segment, "tokens", None) or ())


@guarded(None)
def _ended(call: Call) -> None:
    values: Values = {**measured(call.notes), "output_tokens": call.notes["tokens"]}
    call.operation.set(**values)


def _repository(named: Any) -> str:
    """Return the name of a model as downloads have it: sizes are short for repositories."""
    repositories = getattr(sys.modules.get(_SIZES), "_MODELS", None)
    if isinstance(named, str) and isinstance(repositories, dict):
        named = repositories.get(named, named)
    return str(named)


def _place(model: Any) -> Values:
    """Say where ctranslate2 has a model, and in which numbers it computes."""
    inner = getattr(model, "model", None)
    device, index, kind = (getattr(inner, name, None) for name in ("device", "device_index", "compute_type"))
    if device == "cuda" and isinstance(index, list) and index:
        device = f"{device}:{index[0]}"
    is_quantized = str(kind).startswith("int")
    return {
        "device": device,
        "model_dtype": None if kind is None else str(kind),
        "model_quantization": str(kind) if is_quantized else None,
    }
