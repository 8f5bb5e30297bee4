"""Loads: a model that is brought into memory is one load, whatever else is loaded and fetched for it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from modeltally.instrument import _names as names
from modeltally.instrument._inbound import inbound
from modeltally.instrument.libraries._calls import Call, call_watched
from modeltally.instrument.libraries._models import files_of, source_of, told_when_gone, weights_of
from modeltally.instrument.libraries.huggingface_hub import gathered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from modeltally.instrument._values import Values

__all__ = ["is_loading", "load_watched", "loading", "returning", "waited_for"]

_loading: ContextVar[bool] = ContextVar("modeltally_loading", default=False)


def is_loading() -> bool:
    """Whether a load is under way here: what is loaded for it is a part of it."""
    return _loading.get()


@contextmanager
def loading() -> Iterator[None]:
    """Take everything that is loaded in a block for a part of the load that the block is."""
    token = _loading.set(True)
    try:
        yield
    finally:
        _loading.reset(token)


def load_watched(
    call: Call,
    before: Values,
    *,
    modules: Callable[[Any], Iterable[Any]] = lambda model: [model],
    after: Callable[[Any], Values] = lambda _: {},
    is_new: bool = True,
) -> Any:
    """Make a call that loads a model as a load; within another load, as a part of that.

    Args:
        call: The call; it returns the model.
        before: What is known beforehand, ``model`` among it.
        modules: Gives torch's modules of the model.
        after: Says what else the model tells; it has the last word.
        is_new: Whether weights are brought into memory; else they are another's, and are not counted again.
    """
    if _loading.get():
        return call.function(*call.args, **call.kwargs)
    token = _loading.set(True)
    try:
        with gathered() as downloads:

            def told(_: Call, model: Any) -> Values:
                named = before.get("model")
                values: Values = {**before, "model_commit": downloads.commit or before.get("model_commit")}
                if is_new:
                    values["load_source"] = source_of(named, moved_bytes=downloads.bytes)
                if model is None:
                    return values
                delivered = inbound.get()
                if delivered is not None:
                    delivered.loaded[id(model)] = call.seconds
                if is_new:
                    values.update(weights_of(modules(model)))
                    values.update(files_of(downloads.folder or named))
                values.update(after(model))
                if is_new:
                    told_when_gone(model, values)
                return values

            return call_watched(names.MODEL_LOAD, call, lambda _: before, told)
    finally:
        _loading.reset(token)


def waited_for(*models: Any) -> Values:
    """Say that a request is the first use of a model that was loaded in the work on the same message.

    A service that loads its model when it is first asked for it makes that request wait, outside of any operation.

    Args:
        *models: The objects that it may have been loaded as.
    """
    delivered = inbound.get()
    if delivered is None or not delivered.loaded:
        return {}
    seconds = [delivered.loaded.pop(id(model)) for model in models if id(model) in delivered.loaded]
    return {"cold_start": True, "load_duration_seconds": sum(seconds)} if seconds else {}


def returning(call: Call, result: Any) -> Call:
    """Give a call that returns something, where the library's returns nothing."""

    def function(*args: Any, **kwargs: Any) -> Any:
        call.function(*args, **kwargs)
        return result

    return Call(function, call.instance, call.args, call.kwargs)
