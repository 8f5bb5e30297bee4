"""vLLM in process: what is asked of an engine is a request, whole batches too; an engine that is made is a load.

The weights are in the engine's own processes: of them is said what the configuration and the hub's cache know.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded
from modeltally.instrument.libraries._calls import Call, request_watched, requested_of
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, library_version
from modeltally.instrument.libraries._loads import load_watched, returning, waited_for
from modeltally.instrument.libraries._models import cached_folder, files_of, repository_of, told_when_closed
from modeltally.instrument.libraries._pieces import tap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modeltally.instrument._values import Values

__all__ = ["VllmInstrumentor"]

_LLM: Final = "vllm.entrypoints.llm"
_ASYNC: Final = "vllm.v1.engine.async_llm"
_EMBEDDINGS: Final = "embeddings"
# of each method what is asked, in OpenTelemetry's words and in ours
_OPERATIONS: Final = {
    "generate": ("text_completion", "text_generation"),
    "chat": ("chat", "text_generation"),
    "wait_for_completion": ("text_completion", "text_generation"),
    "encode": (_EMBEDDINGS, "embedding"),
    "embed": (_EMBEDDINGS, "embedding"),
    "classify": (names.GENERATE_CONTENT, "text_classification"),
    "score": (names.GENERATE_CONTENT, "text_ranking"),
}
_TEXTS: Final = ("text_completion", "chat")
_SAMPLING: Final = {
    "temperature": "temperature",
    "top_p": "top_p",
    "max_tokens": "max_tokens",
    "seed": "seed",
    "choice_count": "n",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "top_k": "top_k",
}
_DELTA: Final = "DELTA"


class VllmInstrumentor(Instrumentor):
    """Watches its engines, the one for batches and the one for servers."""

    library = "vllm"
    versions = ("0.11", "1")
    loss = "requests to its engines and their loads are not counted"
    modules = (_LLM, _ASYNC)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into an engine: its making, and every way to ask it that this version has."""
        kind = module.LLM if module.__name__ == _LLM else module.AsyncLLM
        yield self.patch(kind, "__init__", self._load)
        if hasattr(kind, "shutdown"):  # the one for batches has none
            yield self.patch(kind, "shutdown", self._shut_down)
        yield self.patch(kind, "generate", partial(self._request, "generate"))
        for way in _OPERATIONS:
            if way != "generate" and hasattr(kind, way):
                yield self.patch(kind, way, partial(self._request, way))

    # loads

    def _load(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        call = Call(function, instance, args, kwargs)
        before: Values = self._asked_to_load(call) or {}
        was_there = _folder(before) is not None
        load_watched(
            returning(call, instance),
            before,
            modules=lambda _: (),
            after=lambda engine: self._loaded(engine, before, was_there=was_there) or {},
        )

    def _shut_down(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        told_when_closed(instance)
        return result

    @guarded(None)
    def _asked_to_load(self, call: Call) -> Values:
        """Say what is known before: an engine for servers is given a configuration, the other one makes its own."""
        configuration = getattr(call.argument("vllm_config"), "model_config", None)
        named = getattr(configuration, "model", None) or call.argument("model")
        revision = getattr(configuration, "revision", None) or call.argument("revision")
        return {
            "model": None if named is None else repository_of(str(named)),
            "model_revision": None if revision is None else str(revision),
            "framework": self.library,
            "framework_version": library_version(self.library),
            "pipeline_class": type(call.instance).__name__,
        }

    @guarded(None)
    def _loaded(self, engine: Any, before: Values, *, was_there: bool) -> Values:
        folder = _folder(before)
        values: Values = {**_described(engine), **files_of(folder or before.get("model"))}
        if folder is not None and not was_there:
            values["load_source"] = "download"  # by a process of the engine's
        return values

    # requests

    def _request(self, way: str, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if requested_of(instance) is not None:
            return function(*args, **kwargs)
        call = Call(function, instance, args, kwargs)
        seen = _Seen(is_delta=_is_delta(call.argument("sampling_params")))
        tap(call, seen.look, at_end=lambda: _ended(call, seen))
        return request_watched(call, partial(self._asked, way), _came)

    def _asked(self, way: str, call: Call) -> Values:
        operation_name, task = _OPERATIONS[way]
        engine, prompt = call.instance, call.argument("prompts", "prompt")
        values: Values = {
            **_described(engine),
            "framework": self.library,
            "framework_version": library_version(self.library),
            "pipeline_class": type(engine).__name__,
            "operation_name": operation_name,
            "task": task,
            "output_type": "text" if operation_name in _TEXTS else None,
            "prompt": prompt if isinstance(prompt, str) else None,
            "lora_names": _loras(call.argument("lora_request")),
            **waited_for(engine),
        }
        if operation_name in _TEXTS:
            values.update(_sampling(call.argument("sampling_params")))
        return values


class _Seen:
    """What has come of a request that is streamed, each of its texts by itself."""

    def __init__(self, *, is_delta: bool) -> None:
        self.is_delta = is_delta
        self.input_tokens: int | None = None
        self.cached_tokens: int | None = None
        self.written_tokens: int | None = None
        self.tokens: dict[int, int] = {}
        self.reasons: dict[int, str] = {}

    @guarded(None)
    def look(self, piece: Any) -> None:
        """Look at a piece: it holds what is new of some of the texts, or all there is of them by now."""
        given = _given(piece)
        if given is not None:
            self.input_tokens = given
        cached, written = getattr(piece, "num_cached_tokens", None), getattr(piece, "num_cache_creation_tokens", None)
        self.cached_tokens = self.cached_tokens if cached is None else cached
        self.written_tokens = self.written_tokens if written is None else written
        for text in _texts(piece):
            number = len(text.token_ids)
            self.tokens[text.index] = number + (self.tokens.get(text.index, 0) if self.is_delta else 0)
            if text.finish_reason is not None:
                self.reasons[text.index] = str(text.finish_reason)


@guarded(None)
def _ended(call: Call, seen: _Seen) -> None:
    """Say what a stream has brought."""
    call.operation.set(
        input_tokens=seen.input_tokens,
        cache_read_tokens=seen.cached_tokens,
        cache_write_tokens=seen.written_tokens,
        output_tokens=sum(seen.tokens.values()) if seen.tokens else None,
        output_count=len(seen.tokens) or None,
        finish_reasons=[seen.reasons[index] for index in sorted(seen.reasons)] or None,
    )


def _came(call: Call, result: Any) -> Values | None:
    """Say what a batch has brought: an answer for each prompt, each of one or several texts."""
    if not isinstance(result, list):
        return None
    texts = [text for answer in result for text in _texts(answer)]
    values: Values = {
        "input_tokens": _sum(map(_given, result)),
        "cache_read_tokens": _sum(getattr(answer, "num_cached_tokens", None) for answer in result),
        "cache_write_tokens": _sum(getattr(answer, "num_cache_creation_tokens", None) for answer in result),
        "output_count": len(texts) or len(result),
    }
    if texts:
        tokens = sum(len(text.token_ids) for text in texts)
        values["output_tokens"] = tokens
        values["finish_reasons"] = [str(text.finish_reason) for text in texts if text.finish_reason is not None] or None
        if tokens and call.seconds > 0:
            values.update({"generation_speed": tokens / call.seconds, "generation_speed_unit": "{token}/s"})
    firsts = [getattr(getattr(answer, "metrics", None), "first_token_latency", None) for answer in result]
    values["time_to_first_chunk_seconds"] = min((each for each in firsts if each), default=None)
    return values


def _given(answer: Any) -> int | None:
    """Count the tokens of the prompt of an answer; a model with an encoder has two of them."""
    prompts = [getattr(answer, name, None) for name in ("prompt_token_ids", "encoder_prompt_token_ids")]
    return _sum(None if ids is None else len(ids) for ids in prompts)


def _texts(answer: Any) -> list[Any]:
    """Return the texts of an answer; embeddings and scores are none."""
    made = getattr(answer, "outputs", None)
    return [each for each in made if hasattr(each, "token_ids")] if isinstance(made, list) else []


def _sum(numbers: Iterable[int | None]) -> int | None:
    """Add what is known; None where nothing is."""
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _described(engine: Any) -> Values:
    """Say what model an engine has, as its configuration names it."""
    configuration = getattr(engine, "vllm_config", None) or getattr(
        getattr(engine, "llm_engine", None), "vllm_config", None
    )
    model = getattr(engine, "model_config", None) or getattr(configuration, "model_config", None)
    named, dtype = getattr(model, "model", None), getattr(model, "dtype", None)
    device = getattr(getattr(configuration, "device_config", None), "device_type", None)
    quantization = getattr(model, "quantization", None)
    values: Values = {
        "device": None if device is None else str(device),
        "model_dtype": None if dtype is None else str(dtype).removeprefix("torch."),
        "model_quantization": None if quantization is None else str(quantization),
    }
    if named is not None:
        values["model"] = repository_of(str(named))
    return values


def _folder(values: Values) -> str | None:
    """Return the folder of the hub's cache that a model is in."""
    named = values.get("model")
    return None if named is None else cached_folder(named, values.get("model_revision"))


def _sampling(given: Any) -> Values:
    """Say how is sampled; of several parameters, one for each prompt, what they have in common."""
    every = list(given) if isinstance(given, list | tuple) else [given]
    told: Values = {}
    for keyword, name in _SAMPLING.items():
        first, *others = (getattr(each, name, None) for each in every) if every else (None,)
        if all(other == first for other in others) and not (keyword == "top_k" and (first or 0) <= 0):
            told[keyword] = first  # type: ignore[literal-required] # eight of them
    return told


def _is_delta(given: Any) -> bool:
    """Tell whether each piece of a stream holds what is new alone."""
    return getattr(getattr(given, "output_kind", None), "name", None) == _DELTA


def _loras(given: Any) -> list[str] | None:
    """Name the adapters of a request, or of a batch."""
    every = given if isinstance(given, list | tuple) else [given]
    return list(dict.fromkeys(str(each.lora_name) for each in every if hasattr(each, "lora_name"))) or None
