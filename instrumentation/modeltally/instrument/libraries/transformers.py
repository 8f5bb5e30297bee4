"""transformers: pipelines and ``generate`` are requests, with tokens counted by content; ``from_pretrained`` loads.

A shape tells too much: it holds the prompt, a start token, and padding up to the longest row. Tokens in are those that
the mask lets through; tokens out are those after the prompt, in each row up to its end.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded
from modeltally.instrument.libraries._calls import Call, request_watched, requested_of
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, library_version
from modeltally.instrument.libraries._loads import load_watched, waited_for
from modeltally.instrument.libraries._memory import Memory, measured
from modeltally.instrument.libraries._models import place_of, quantization_of
from modeltally.instrument.libraries._tokens import Counted, is_floating, tokens_in, tokens_out
from modeltally.instrument.libraries.huggingface_hub import gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeltally.instrument._values import Values

__all__ = ["TransformersInstrumentor"]

_MODELS: Final = "transformers.modeling_utils"
_GENERATION: Final = "transformers.generation.utils"
_PIPELINE: Final = "transformers.pipelines.base"
_FACTORY: Final = "transformers.pipelines"
_AUTO: Final = "transformers.models.auto.auto_factory"
_HUB: Final = "transformers.utils.hub"
_TEXT, _SPEECH = "text", "speech"
# What is asked of a pipeline, in OpenTelemetry's words; all others generate content.
_OPERATIONS: Final = {
    "text-generation": "text_completion",
    "text2text-generation": "text_completion",
    "summarization": "text_completion",
    "translation": "text_completion",
    "feature-extraction": "embeddings",
    "image-feature-extraction": "embeddings",
}
_SPOKEN: Final = ("text-to-audio", "text-to-speech")


class TransformersInstrumentor(Instrumentor):
    """Watches pipelines, generation and loads."""

    library = "transformers"
    versions = ("4.57", "6")
    loss = "requests to its models and their loads are not counted"
    modules = (_MODELS, _GENERATION, _PIPELINE, _FACTORY, _AUTO, _HUB)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into a module: models, generation, pipelines, their factories, and the look for files."""
        if module.__name__ == _MODELS:
            yield self.patch(module.PreTrainedModel, "from_pretrained", self._load)
            yield self.patch(module.PreTrainedModel, "__init__", self._made)
        elif module.__name__ == _GENERATION:
            yield self.patch(module.GenerationMixin, "generate", self._generate)
        elif module.__name__ == _PIPELINE:
            yield self.patch(module.Pipeline, "__call__", self._run)
        elif module.__name__ == _FACTORY:
            yield self.patch(module, "pipeline", self._load_pipeline, everywhere=True)
        elif module.__name__ == _AUTO:
            yield self.patch(module._BaseAutoModelClass, "from_pretrained", self._load)  # noqa: SLF001 - all are it
        elif hasattr(module, "cached_files"):
            yield self.patch(module, "cached_files", self._look_for_files, everywhere=True)

    def _made(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A model is being made: its classes may generate in ways of their own."""
        self.hook_into(type(instance), {"generate": self._generate}, but="GenerationMixin")
        return function(*args, **kwargs)

    # loads

    def _load(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        call = Call(function, instance, args, kwargs)
        named = args[0] if args else kwargs.get("pretrained_model_name_or_path")
        return load_watched(call, self._asked_to_load(named, kwargs) or {}, after=_loaded)

    def _load_pipeline(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A pipeline with its model, where that is not there already."""
        call = Call(function, instance, args, kwargs)
        named = call.argument("model")
        if named is not None and not isinstance(named, str):
            return function(*args, **kwargs)
        return load_watched(
            call,
            self._asked_to_load(named, call.arguments) or {},
            modules=lambda pipeline: [pipeline.model],
            after=lambda pipeline: {
                **_loaded(pipeline.model),
                "model": named or _name(pipeline.model),
                "pipeline_class": type(pipeline).__name__,
            },
        )

    @guarded(None)
    def _asked_to_load(self, named: Any, given: Any) -> Values:
        revision, quantization = given.get("revision"), given.get("quantization_config")
        return {
            "model": None if named is None else str(named),
            "model_revision": None if revision is None else str(revision),
            "model_quantization": quantization_of(quantization),
            "framework": self.library,
            "framework_version": library_version(self.library),
        }

    def _look_for_files(self, function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        """Files of tokenizers and configurations: what moves no bytes, or need not be there, is no download."""
        with gathered():
            return function(*args, **kwargs)

    # requests

    def _generate(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """Generation; what a model's own way of it calls of the common one is the same request."""
        call = Call(function, instance, args, kwargs)
        outer = requested_of(instance)
        if outer is not None:
            result = function(*args, **kwargs)
            _count_within(outer, call, result)
            return result
        try:
            return request_watched(call, self._asked, self._generated)
        finally:
            remove = call.notes.pop("unhook", None)
            if remove is not None:
                remove()

    def _run(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A call of a pipeline; the generation in it is a part of it, and tells it its tokens."""
        return request_watched(Call(function, instance, args, kwargs), self._asked_pipeline, self._answered)

    def _of_model(self, model: Any) -> Values:
        return {
            "model": _name(model),
            "framework": self.library,
            "framework_version": library_version(self.library),
            **place_of(model),
        }

    def _asked(self, call: Call) -> Values:
        model, setting = call.instance, _settings(call)
        inputs = call.argument("inputs", "input_ids", "input_features", "input_values", "inputs_embeds")
        is_sound = inputs is not None and is_floating(inputs) and call.argument("inputs_embeds") is None
        values = self._of_model(model)
        values.update(
            {
                "operation_name": "text_completion",
                "task": "speech_to_text" if is_sound else "text_generation",
                "output_type": _TEXT,
                "input_tokens": tokens_in(call.arguments, pad=setting("pad_token_id"), end=setting("eos_token_id")),
                "max_tokens": setting("max_new_tokens"),
                "temperature": setting("temperature") if setting("do_sample") else None,
                "top_p": setting("top_p") if setting("do_sample") else None,
                "top_k": setting("top_k") if setting("do_sample") else None,
                "choice_count": setting("num_return_sequences"),
                "stream": call.argument("streamer") is not None,
                "pipeline_class": type(model).__name__,
            }
        )
        values.update(waited_for(model))
        call.notes["memory"] = Memory(values.get("device"))
        call.notes["unhook"] = _time_first(call)
        return values

    def _generated(self, call: Call, result: Any) -> Values:
        values: Values = measured(call.notes)
        first = call.notes.get("first")
        sequences = getattr(result, "sequences", result)
        if sequences is None or not hasattr(sequences, "shape"):
            return values
        if is_floating(sequences):  # a forecast, or sound
            rate = _rate(call.instance)
            if rate:
                values.update(
                    {"output_type": _SPEECH, "task": "text_to_audio", "operation_name": names.GENERATE_CONTENT}
                )
                values["audio_duration_seconds"] = int(sequences.shape[-1]) / rate
            else:
                values.update({"task": "forecasting", "operation_name": names.GENERATE_CONTENT})
            values["output_count"] = int(sequences.shape[0]) if len(sequences.shape) > 1 else 1
            return values
        inner: list[Counted] = call.notes.get("inner", [])
        counted = inner[0] if len(inner) == 1 else _counted(call, sequences)
        values.update(
            {
                "output_tokens": sum(each.tokens for each in inner) if inner else counted.tokens,
                "output_count": int(sequences.shape[0]) if len(sequences.shape) > 1 else 1,
                # of sound that is heard in pieces it is not known which of them ended what
                "finish_reasons": None
                if len(inner) > 1
                else ["stop" if each else "length" for each in counted.are_ended],
            }
        )
        if first is not None:
            values["time_to_first_chunk_seconds"] = first
        tokens = values["output_tokens"]
        if tokens and call.seconds > 0:
            values["generation_speed"], values["generation_speed_unit"] = tokens / call.seconds, "{token}/s"
        return values

    def _asked_pipeline(self, call: Call) -> Values:
        pipeline = call.instance
        task = str(getattr(pipeline, "task", "") or "")
        values = self._of_model(pipeline.model)
        inputs = call.args[0] if call.args else call.kwargs.get("inputs", call.kwargs.get("text_inputs"))
        values.update(
            {
                "pipeline_class": type(pipeline).__name__,
                "task": task.replace("-", "_") or None,
                "operation_name": next(
                    (name for known, name in _OPERATIONS.items() if task.startswith(known)), names.GENERATE_CONTENT
                ),
                "output_type": _SPEECH if task in _SPOKEN else _TEXT if task.startswith("text-gen") else None,
                "prompt": inputs if isinstance(inputs, str) else None,
            }
        )
        values.update(waited_for(pipeline, pipeline.model))
        call.notes["memory"] = Memory(values.get("device"))
        return values

    def _answered(self, call: Call, result: Any) -> Values:
        values: Values = measured(call.notes)
        if isinstance(result, list):
            values["output_count"] = len(result)
        return values


@guarded(None)
def _time_first(call: Call) -> Callable[[], None] | None:
    """Note how long the first step of a generation takes, by a hook that is gone after it."""
    thread = threading.get_ident()
    handle: Any = None

    def stepped(*_: Any) -> None:
        if threading.get_ident() == thread and "first" not in call.notes:
            call.notes["first"] = call.seconds
            handle.remove()

    handle = call.instance.register_forward_hook(stepped)
    remove: Callable[[], None] = handle.remove
    return remove


@guarded(None)
def _count_within(outer: Call, inner: Call, result: Any) -> None:
    """Count what the common way of generation has made for a model's own, which may hand out less of it.

    Whisper takes the start and the end off, pads with the end, and hears long sound in pieces.
    """
    sequences = getattr(result, "sequences", result)
    if hasattr(sequences, "shape") and not is_floating(sequences):
        outer.notes.setdefault("inner", []).append(_counted(inner, sequences))


def _counted(call: Call, sequences: Any) -> Counted:
    setting = _settings(call)
    return tokens_out(
        sequences,
        call.arguments,
        is_encoder_decoder=bool(getattr(call.instance.config, "is_encoder_decoder", False)),
        start=setting("decoder_start_token_id"),
        pad=setting("pad_token_id"),
        end=setting("eos_token_id"),
    )


def _settings(call: Call) -> Callable[[str], Any]:
    """Look a setting of generation up where the library does: the call, the configuration given, the model's own."""
    given = call.argument("generation_config")
    own = getattr(call.instance, "generation_config", None)

    def setting(name: str) -> Any:
        for source in (call.arguments.get(name), getattr(given, name, None), getattr(own, name, None)):
            if source is not None:
                return source
        return getattr(getattr(call.instance, "config", None), name, None)

    return setting


def _loaded(model: Any) -> Values:
    return {
        "pipeline_class": type(model).__name__,
        "device": place_of(model).get("device"),
        "model_type": str(getattr(getattr(model, "config", None), "model_type", "")) or None,
        "offload_mode": "device_map" if getattr(model, "hf_device_map", None) else None,
    }


def _name(model: Any) -> str:
    return str(getattr(model, "name_or_path", None) or type(model).__name__)


def _rate(model: Any) -> float | None:
    """The samples a second of a model that makes sound."""
    config = getattr(model, "config", None)
    for source in (config, getattr(config, "audio_encoder", None), getattr(model, "generation_config", None)):
        rate = getattr(source, "sampling_rate", None) or getattr(source, "sample_rate", None)
        if rate:
            return float(rate)
    return None
