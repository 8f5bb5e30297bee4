"""llama-cpp-python: completions, chats and embeddings are requests, each model that is made a load.

A streamed answer says nothing of its tokens, so they are counted where they are made: every way to ask goes through
the library's own generator of tokens, which also shows when the first one came.
"""

from __future__ import annotations

import os
import re
import sys
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _clock
from modeltally.instrument._guard import guarded
from modeltally.instrument.libraries._calls import Call, request_watched, requested_of
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, library_version
from modeltally.instrument.libraries._loads import load_watched, returning, waited_for
from modeltally.instrument.libraries._memory import Memory, measured
from modeltally.instrument.libraries._models import call_it, called, told_when_closed
from modeltally.instrument.libraries._pieces import tap, tapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.instrument._values import Values

__all__ = ["LlamaCppInstrumentor"]

_MODULE: Final = "llama_cpp.llama"
_GGUF: Final = "gguf"
_EMBEDDINGS: Final = "embeddings"
_OPERATIONS: Final = {
    "__call__": ("text_completion", "text_generation"),
    "create_completion": ("text_completion", "text_generation"),
    "create_chat_completion": ("chat", "text_generation"),
    "create_embedding": (_EMBEDDINGS, "embedding"),
    "embed": (_EMBEDDINGS, "embedding"),
}
_FILE_TYPE: Final = re.compile(r"LLAMA_FTYPE_(?:ALL|MOSTLY)_(\w+)")
_NOT_QUANTIZED: Final = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_SHARD: Final = re.compile(r"(.+)-\d{5}-of-(\d{5})\.gguf")


class LlamaCppInstrumentor(Instrumentor):
    """Watches its models."""

    library = "llama_cpp"
    distribution = "llama-cpp-python"
    versions = ("0.3", "1")
    loss = "requests to its models and their loads are not counted"
    modules = (_MODULE,)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into the making of models, every way to ask one, and the generator of tokens."""
        model = module.Llama
        yield self.patch(model, "__init__", self._load)
        yield self.patch(model, "from_pretrained", self._load_from_hub)
        yield self.patch(model, "close", self._close)
        yield self.patch(model, "generate", self._tokens)
        for way in _OPERATIONS:
            yield self.patch(model, way, partial(self._request, way))

    # loads

    def _load(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        call = Call(function, instance, args, kwargs)
        path = str(call.argument("model_path"))
        call_it(instance, path)
        before: Values = {**self._described(), "model": path}
        load_watched(returning(call, instance), before, modules=lambda _: (), after=lambda model: _loaded(model) or {})

    def _load_from_hub(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A model of a repository: it is called so, whatever its file is."""
        call = Call(function, instance, args, kwargs)
        name = str(call.argument("repo_id"))

        def after(model: Any) -> Values:
            call_it(model, name)
            return _loaded(model) or {}

        return load_watched(call, {**self._described(), "model": name}, modules=lambda _: (), after=after)

    def _close(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        told_when_closed(instance)
        return result

    def _described(self) -> Values:
        return {"framework": self.library, "framework_version": library_version(self.distribution)}

    # requests

    def _request(self, way: str, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if requested_of(instance) is not None:
            return function(*args, **kwargs)
        call = Call(function, instance, args, kwargs)
        tap(call, partial(_tell, call), at_end=partial(_ended, call))
        return request_watched(call, partial(self._asked, way), partial(_came, way))

    def _asked(self, way: str, call: Call) -> Values:
        operation_name, task = _OPERATIONS[way]
        prompt, most = call.argument("prompt", "input"), call.argument("max_tokens")
        values: Values = {
            **self._described(),
            "model": called(call.instance),
            "operation_name": operation_name,
            "task": task,
            "prompt": prompt if isinstance(prompt, str) else None,
            "device": _device(call.instance),
            **waited_for(call.instance),
        }
        if operation_name != _EMBEDDINGS:
            values.update(
                {
                    "output_type": "text",
                    "temperature": call.argument("temperature"),
                    "top_p": call.argument("top_p"),
                    "top_k": call.argument("top_k"),
                    "seed": call.argument("seed"),
                    "frequency_penalty": call.argument("frequency_penalty"),
                    "presence_penalty": call.argument("presence_penalty"),
                    "max_tokens": most if isinstance(most, int) and most > 0 else None,
                    "stream": call.argument("stream") is True,
                }
            )
        lora = getattr(call.instance, "lora_path", None)
        if isinstance(lora, str):
            values["lora_names"] = [os.path.basename(lora)]  # noqa: PTH119 - pathlib loads long
            values["lora_scales"] = [float(getattr(call.instance, "lora_scale", 1.0))]
        call.notes["memory"] = Memory("cpu")
        _under_way[call.instance] = _Made()
        return values

    def _tokens(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """The tokens of a request, each as it is made."""
        prompt = Call(function, instance, args, kwargs).argument("tokens")
        stream = function(*args, **kwargs)
        made = _under_way.get(instance)
        if made is None or not hasattr(prompt, "__len__"):
            return stream
        made.asked += len(prompt)
        made.generations += 1
        return tapped(stream, made.look)


class _Made:
    """The tokens of one request, of all that is generated for it."""

    def __init__(self) -> None:
        self.asked = 0
        self.generations = 0
        self.tokens = 0
        self.first_ns: int | None = None
        self.last: Any = None

    def look(self, token: Any) -> None:
        """Count a token."""
        if self.first_ns is None:
            self.first_ns = _now_ns()
        self.tokens += 1
        self.last = token


# a model answers one request at a time; what is kept of it holds neither the model nor the request
_under_way: Final[weakref.WeakKeyDictionary[Any, _Made]] = weakref.WeakKeyDictionary()


@guarded(None)
def _now_ns() -> int:
    return _clock.perf_counter_ns()


@guarded(None)
def _tell(call: Call, piece: Any) -> None:
    """Look at a piece of a stream: the last one says how it ended."""
    reasons = _reasons(piece)
    if reasons:
        call.operation.set(finish_reasons=reasons)


@guarded(None)
def _ended(call: Call) -> None:
    """Say what a stream has made; its last token is none of the answer where it is the model's mark of an end."""
    made = _under_way.pop(call.instance, None)
    values: Values = measured(call.notes)
    if made is not None and made.generations:
        is_end = made.last is not None and _is_end(call.instance, made.last)
        values.update({"input_tokens": made.asked, "output_tokens": made.tokens - is_end})
        values.update(_first(call, made))
    call.operation.set(**values)


def _came(way: str, call: Call, result: Any) -> Values | None:
    """Say what an answer says of itself, and when its first token was made; a stream says it later."""
    if result is not None and hasattr(result, "__next__"):
        return None
    made = _under_way.pop(call.instance, None)
    values: Values = measured(call.notes)
    if made is not None:
        values.update(_first(call, made))
    if way == "embed":
        rows, tokens = result if call.argument("return_count") and isinstance(result, tuple) else (result, None)
        is_one = isinstance(call.argument("input"), str)
        values.update({"output_count": 1 if is_one else len(rows), "input_tokens": tokens} if rows is not None else {})
    if not isinstance(result, dict):
        return values
    usage = result.get("usage") or {}
    rows = result.get("data") if way == "create_embedding" else result.get("choices")
    values.update({"input_tokens": usage.get("prompt_tokens"), "output_tokens": usage.get("completion_tokens")})
    values.update({"finish_reasons": _reasons(result), "output_count": len(rows) if rows is not None else None})
    tokens = usage.get("completion_tokens")
    if tokens and call.seconds > 0:
        values.update({"generation_speed": tokens / call.seconds, "generation_speed_unit": "{token}/s"})
    return values


def _first(call: Call, made: _Made) -> Values:
    """Say how long the first token took, from the call on."""
    if made.first_ns is None:
        return {}
    return {"time_to_first_chunk_seconds": call.seconds - (_clock.perf_counter_ns() - made.first_ns) / 1e9}


def _reasons(answer: Any) -> list[str] | None:
    """Return why the texts of an answer end; None while they go on."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    return [str(each["finish_reason"]) for each in choices or () if each.get("finish_reason")] or None


def _is_end(model: Any, token: int) -> bool:
    """Ask the model whether a token is one of those that end an answer: chats have others than texts."""
    ask = getattr(sys.modules.get("llama_cpp"), "llama_token_is_eog", None)
    vocabulary = getattr(getattr(model, "_model", None), "vocab", None)
    if ask is None or vocabulary is None:
        return bool(token == model.token_eos())
    return bool(ask(vocabulary, token))


@guarded(None)
def _loaded(model: Any) -> Values:
    """Say what the weights of a model are, as its file describes them."""
    inner, described = getattr(model, "_model", None), getattr(model, "metadata", None) or {}
    kind = _file_type(described.get("general.file_type"))
    size = getattr(inner, "size", None)
    parameters = getattr(inner, "n_params", None)
    return {
        "model_type": described.get("general.architecture"),
        "model_format": _GGUF,
        "model_dtype": _NOT_QUANTIZED.get(kind or "", kind),
        "model_quantization": None if kind in _NOT_QUANTIZED else kind,
        "model_parameters": parameters() if callable(parameters) else None,
        "model_memory_bytes": size() if callable(size) else None,
        "model_size_bytes": _size_of(str(model.model_path)),
        "device": _device(model),
    }


def _file_type(number: Any) -> str | None:
    """Name how most of a model's weights are stored, in the library's own words: Q4_K_M for 15."""
    for name, value in list(vars(sys.modules.get("llama_cpp.llama_cpp", object())).items()):
        matched = _FILE_TYPE.fullmatch(name)
        if matched and str(value) == str(number):
            return matched[1]
    return None


def _size_of(path: str) -> int | None:
    """Return the size of a model's file, or of all of them where it is one of several."""
    folder, name = os.path.split(path)
    shard = _SHARD.fullmatch(name)
    names = [name]
    if shard is not None:
        names = [f"{shard[1]}-{number:05}-of-{shard[2]}.gguf" for number in range(1, int(shard[2]) + 1)]
    try:
        return sum(os.stat(os.path.join(folder, each)).st_size for each in names)  # noqa: PTH116, PTH118 - pathlib loads long
    except OSError:
        return None


@guarded(None)
def _device(model: Any) -> str:
    """Say where a model computes: layers are on the graphics card where the library can do that and was asked to."""
    can = getattr(sys.modules.get("llama_cpp"), "llama_supports_gpu_offload", None)
    layers = getattr(getattr(model, "model_params", None), "n_gpu_layers", 0)
    return "gpu" if layers and callable(can) and can() else "cpu"
