"""ollama: requests by its client, with what the server says of them: tokens, and how long it loaded the model for one.

A server that has the model in memory says a few hundredths of a second at most; from half a second on the request
waited for a load, which is its cold start.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded
from modeltally.instrument.libraries._calls import Call, call_watched
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, library_version
from modeltally.instrument.libraries._pieces import tap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.instrument._values import Values

__all__ = ["OllamaInstrumentor"]

COLD_SECONDS: Final = 0.5
_CLIENT: Final = "ollama._client"
_OPERATIONS: Final = {
    "generate": ("text_completion", "text_generation"),
    "chat": ("chat", "text_generation"),
    "embed": ("embeddings", "embedding"),
    "embeddings": ("embeddings", "embedding"),
}


class OllamaInstrumentor(Instrumentor):
    """Watches its clients."""

    library = "ollama"
    versions = ("0.5", "1")
    loss = "requests to ollama are not counted"
    modules = (_CLIENT,)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into the client, and into its asynchronous twin; the functions of the package are methods of one."""
        for kind in (module.Client, module.AsyncClient):
            for method in _OPERATIONS:
                if method in vars(kind):
                    around = partial(self._request, method)
                    yield self.patch(kind, method, around)

    def _request(self, method: str, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        call = Call(function, instance, args, kwargs)
        operation_name, task = _OPERATIONS[method]

        def before(call: Call) -> Values:
            options = call.argument("options")
            setting = options.get if hasattr(options, "get") else lambda _: None
            prompt = call.argument("prompt")
            return {
                "model": call.argument("model"),
                "provider": self.library,
                "framework": self.library,
                "framework_version": library_version(self.library),
                "operation_name": operation_name,
                "task": task,
                "output_type": None if operation_name == "embeddings" else "text",
                "prompt": prompt if isinstance(prompt, str) else None,
                "temperature": setting("temperature"),
                "top_p": setting("top_p"),
                "top_k": setting("top_k"),
                "seed": setting("seed"),
                "max_tokens": setting("num_predict"),
                "stream": call.argument("stream") is True,
            }

        tap(call, partial(_tell, call))
        return call_watched(names.MODEL_REQUEST, call, before, lambda _, result: _said(result))


@guarded(None)
def _tell(call: Call, piece: Any) -> None:
    if getattr(piece, "done", None):
        call.operation.set(**_said(piece))


def _said(result: Any) -> Values:
    """Say what an answer says of itself; durations are in nanoseconds there."""
    told: Values = {
        "response_model": getattr(result, "model", None),
        "input_tokens": getattr(result, "prompt_eval_count", None),
        "output_tokens": getattr(result, "eval_count", None),
        "finish_reasons": getattr(result, "done_reason", None),
    }
    embedded = getattr(result, "embeddings", None)
    if embedded is not None:
        told["output_count"] = len(embedded)
    loaded, took = getattr(result, "load_duration", None), getattr(result, "eval_duration", None)
    if isinstance(loaded, int):
        told["cold_start"] = loaded / 1e9 >= COLD_SECONDS
        if told["cold_start"]:
            told["load_duration_seconds"] = loaded / 1e9
    if told["output_tokens"] and took:
        told["generation_speed"] = told["output_tokens"] / (took / 1e9)
        told["generation_speed_unit"] = "{token}/s"
    return told
