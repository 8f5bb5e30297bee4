"""sentence-transformers: each ``encode`` is a request for embeddings, each model that is made a load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument.libraries._calls import Call, request_watched, requested
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, library_version
from modeltally.instrument.libraries._loads import load_watched, returning, waited_for
from modeltally.instrument.libraries._memory import Memory, measured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.instrument._values import Values

__all__ = ["SentenceTransformersInstrumentor"]

_EMBEDDINGS: Final = "embeddings"
_WAYS: Final = ("encode", "encode_query", "encode_document")
_CLASSES: Final = ("SentenceTransformer", "SparseEncoder")


class SentenceTransformersInstrumentor(Instrumentor):
    """Watches embedding models."""

    library = "sentence_transformers"
    distribution = "sentence-transformers"
    versions = ("5", "7")
    loss = "embeddings and loads of their models are not counted"

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into the classes of models: their making, their encoding, and the tokens it counts."""
        for name in _CLASSES:
            kind = getattr(module, name, None)
            if kind is None:
                continue
            yield self.patch(kind, "__init__", self._load)
            for way in _WAYS:
                if hasattr(kind, way):
                    yield self.patch(kind, way, self._encode)
            for way in ("preprocess", "tokenize"):
                if hasattr(kind, way):
                    yield self.patch(kind, way, self._tokens)

    def _load(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        call = Call(function, instance, args, kwargs)
        named = call.argument("model_name_or_path")
        if named is None:
            return function(*args, **kwargs)  # put together from modules that are loaded already
        revision = call.argument("revision")
        before: Values = {
            "model": str(named),
            "model_revision": None if revision is None else str(revision),
            "framework": self.library,
            "framework_version": library_version(self.distribution),
            "pipeline_class": type(instance).__name__,
            "model_type": "embedding",
        }
        load_watched(returning(call, instance), before, after=lambda model: {"device": str(model.device)})
        return None

    def _encode(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return request_watched(Call(function, instance, args, kwargs), self._asked, self._answered)

    def _asked(self, call: Call) -> Values:
        model = call.instance
        given = call.argument("sentences", "inputs")
        call.notes.update(memory=Memory(model.device), tokens=0)
        return {
            "model": _name(model),
            "framework": self.library,
            "framework_version": library_version(self.distribution),
            "pipeline_class": type(model).__name__,
            "operation_name": _EMBEDDINGS,
            "task": "embedding",
            "device": str(model.device),
            "prompt": given if isinstance(given, str) else None,
            "output_count": 1 if isinstance(given, str) else len(given) if hasattr(given, "__len__") else None,
            **waited_for(model),
        }

    def _answered(self, call: Call, _result: Any) -> Values:
        values: Values = measured(call.notes)
        values["input_tokens"] = call.notes["tokens"] or None
        return values

    def _tokens(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """Count the tokens that a model is given, batch by batch."""
        features = function(*args, **kwargs)
        call = requested()
        mask: Any = features.get("attention_mask") if hasattr(features, "get") else None
        if call is not None and call.instance is instance and hasattr(mask, "sum"):
            call.notes["tokens"] += int(mask.sum())
        return features


def _name(model: Any) -> str:
    card = getattr(model, "model_card_data", None)
    for named in (getattr(card, "base_model", None), _of_first_module(model)):
        if named:
            return str(named)
    return type(model).__name__


def _of_first_module(model: Any) -> str | None:
    first = next(iter(model.children()), None) if hasattr(model, "children") else None
    inner = getattr(first, "auto_model", None) or getattr(first, "model", None)
    return getattr(inner, "name_or_path", None)
