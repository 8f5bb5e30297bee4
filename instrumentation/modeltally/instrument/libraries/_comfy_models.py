"""ComfyUI's models: a node that names a file and brings it into memory is a load; who makes room for another unloads.

ComfyUI keeps what its loader nodes return as long as its cache of nodes does, and brings it to the device for each
prompt, from where it goes when room is needed. So a model is loaded from the disk by a node, unloaded when it has to
leave the device or nobody holds it any more, and loaded again, from memory, when it is needed once more.
"""

from __future__ import annotations

import sys
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._context import current_operation
from modeltally.instrument._errors import error_type
from modeltally.instrument._guard import guarded
from modeltally.instrument._record import enclosing_of_kind
from modeltally.instrument.libraries._calls import Call, call_watched
from modeltally.instrument.libraries._comfy_graph import loaded_by
from modeltally.instrument.libraries._loads import loading
from modeltally.instrument.libraries._models import call_off, files_of, told_when_gone, weights_of
from modeltally.instrument.recording import record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modeltally.instrument._values import Values

__all__ = ["Models", "device_of", "unload_all"]

MANAGEMENT: Final = "comfy.model_management"
_FOLDERS: Final = "folder_paths"
_LORA: Final = "lora"
_MAX_PARTS: Final = 64
# where ComfyUI's objects have torch's module; the first one that is there is the model
_HOLDERS: Final = ("model", "cond_stage_model", "first_stage_model", "control_model")
_EVICT, _MANUAL, _OOM = "evict", "manual", "oom"
_reason: ContextVar[str] = ContextVar("modeltally_comfy_unload", default=_EVICT)


class _Resident:
    """A model in memory.

    Attributes:
        values: What it was loaded as.
        finalizer: Tells when nobody holds it any more; None while it is not on the device.
        loaded_ns: When it was loaded, by the clock of durations.
        was_placed: Whether it has been brought to the device since it was read.
    """

    def __init__(self, module: Any, values: Values) -> None:
        self.values = values
        self.was_placed = False
        self.stays(module)

    def stays(self, module: Any) -> None:
        """Note that its stay begins."""
        self.loaded_ns = _clock.perf_counter_ns()
        self.finalizer = told_when_gone(module, self.values)

    def leaves(self) -> None:
        """Note that its stay ended."""
        if self.finalizer is not None:
            call_off(self.finalizer)
        self.finalizer = None


class Models:
    """The models that were loaded by nodes, by torch's modules."""

    def __init__(self, told: Values) -> None:
        """Begin with none.

        Args:
            told: What is said of every load: the framework and its version.
        """
        self._told = told
        self._residents: weakref.WeakKeyDictionary[Any, _Resident] = weakref.WeakKeyDictionary()

    def load(self, call: Call, node: Any, inputs: Mapping[str, Any], base: str | None) -> Any:
        """Run a node, as a load where it loads a model.

        Args:
            call: Runs it; returns an awaitable of its results and more.
            node: The node's object.
            inputs: What goes into it.
            base: The model that the prompt asks for; what a LoRA belongs to.
        """
        before = self._asked(node, inputs, base)
        if before is None:
            return call.function(*call.args, **call.kwargs)
        function = call.function

        async def load(*args: Any, **kwargs: Any) -> Any:
            with loading():
                return await function(*args, **kwargs)

        call.function = load
        return call_watched(names.MODEL_LOAD, call, lambda _: before, lambda _, result: self._loaded(before, result))

    @guarded(None)
    def _asked(self, node: Any, inputs: Mapping[str, Any], base: str | None) -> Values | None:
        found = loaded_by(inputs)
        if found is None:
            return None
        name, folder, kind = found
        strengths = [value for key, value in inputs.items() if key.startswith("strength")]
        held = getattr(node, "loaded_lora", None)  # the file that it read last
        if kind == _LORA and (
            (strengths and not any(strengths)) or (isinstance(held, tuple) and str(held[0]) == _path(folder, name))
        ):
            return None
        values: Values = {"model": name, "model_type": kind, "load_source": "disk", **self._told}
        values.update(files_of(_path(folder, name)))
        if kind == _LORA:
            values["model_base"] = base
        return values

    def _loaded(self, before: Values, result: Any) -> Values:
        """Look at what a node returned, and remember the model."""
        values: Values = {}
        if result is None or before.get("model_type") == _LORA:
            return values
        parts = [(holder, module) for holder in _results(result) if (module := _module(holder)) is not None]
        if not parts:
            return values
        holder, module = parts[0]
        device = getattr(holder, "load_device", None) or getattr(getattr(holder, "patcher", None), "load_device", None)
        values["device"] = str(device or device_of(sys.modules.get(MANAGEMENT)))
        values.update(weights_of(module for _, module in parts))
        values["pipeline_class"] = type(module).__name__
        if module not in self._residents:
            self._residents[module] = _Resident(module, {**before, **values})
        return values

    def placed(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A model is brought to the device: a load again where it had to leave, else the end of its load."""
        module = _module_of(instance)
        resident = None if module is None else self._residents.get(module)
        if resident is None or (resident.was_placed and resident.finalizer is not None):
            return function(*args, **kwargs)
        if resident.finalizer is not None:
            return _first_placed(resident, function, args, kwargs)
        before: Values = {**resident.values, "load_source": "cache", "device": str(getattr(instance, "device", "cpu"))}

        def after(_: Call, result: Any) -> Values:
            if result is not None:
                resident.was_placed = True
                resident.stays(module)
            return {}

        return call_watched(names.MODEL_LOAD, Call(function, instance, args, kwargs), lambda _: before, after)

    def removed(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A model has to leave the device; a part of it may stay, which is no unload."""
        module, freed, started_ns = _module_of(instance), _size(instance), _now()
        result = function(*args, **kwargs)
        if result is not False and module is not None:
            self._unloaded(module, freed, started_ns)
        return result

    @guarded(None)
    def _unloaded(self, module: Any, freed: int | None, started_ns: int) -> None:
        resident = self._residents.get(module)
        if resident is None or resident.finalizer is None:
            return
        resident.leaves()
        values: Values = {**resident.values}
        values["unload_reason"] = _reason.get()
        values["memory_freed_bytes"] = freed
        values["resident_seconds"] = (_clock.perf_counter_ns() - resident.loaded_ns) / 1e9
        ended_ns = max(started_ns, _clock.time_ns())
        record(names.MODEL_UNLOAD, started_at=started_ns, ended_at=ended_ns, source=names.SOURCE_AUTO, **values)


def unload_all(function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
    """All models have to leave: because somebody says so, or because there was no memory left."""
    token = _reason.set(_why() or _MANUAL)
    try:
        return function(*args, **kwargs)
    finally:
        _reason.reset(token)


@guarded(None)
def device_of(management: Any) -> Any:
    """Return the device that ComfyUI computes on.

    Args:
        management: Its module that knows.
    """
    return management.get_torch_device()


@guarded(_MANUAL)
def _why() -> str:
    error = sys.exc_info()[1]
    if error is not None and error_type(type(error)) == names.OUT_OF_MEMORY:
        return _OOM
    # within a prompt it is done by ComfyUI itself
    return _MANUAL if enclosing_of_kind(names.MODEL_REQUEST, current_operation()) is None else _EVICT


def _first_placed(resident: _Resident, function: Any, args: Any, kwargs: Any) -> Any:
    """Bring a model to the device after it was read; who asked for it waits for that as well."""
    began_ns = _clock.perf_counter_ns()
    result = function(*args, **kwargs)
    _tell_who_waited(resident, began_ns)
    return result


@guarded(None)
def _tell_who_waited(resident: _Resident, began_ns: int) -> None:
    resident.was_placed = True
    request = enclosing_of_kind(names.MODEL_REQUEST, current_operation())
    if request is not None:
        request.add_load((_clock.perf_counter_ns() - began_ns) / 1e9)


def _results(result: Any) -> Iterator[Any]:
    """Yield what came out of a node: lists of values, one list for each of its outputs."""
    outputs = result[0] if isinstance(result, tuple) and result else ()
    count = 0
    for values in outputs if isinstance(outputs, list | tuple) else ():
        for value in values if isinstance(values, list | tuple) else (values,):
            count += 1
            if count > _MAX_PARTS:
                return
            yield value


def _module(holder: Any) -> Any:
    for value in (holder, *(getattr(holder, name, None) for name in _HOLDERS)):
        if callable(getattr(value, "named_modules", None)):
            return value
    return None


@guarded(None)
def _module_of(loaded: Any) -> Any:
    """Return torch's module of an entry in the list of what is on the device."""
    return getattr(loaded.model, "model", None)


@guarded(None)
def _size(loaded: Any) -> int | None:
    return int(loaded.model.loaded_size())


@guarded(None)
def _path(folder: str, name: str) -> str | None:
    """Return where a model's file is, as ComfyUI finds it."""
    folders = sys.modules.get(_FOLDERS)
    if folders is None:
        return None
    path = folders.get_full_path(folder, name)
    return None if path is None else str(path)


@guarded(0)
def _now() -> int:
    return _clock.time_ns()
