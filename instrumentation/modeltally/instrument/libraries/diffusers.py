"""diffusers: a call of a pipeline is a request, with what was asked and what came out; loads, LoRAs and offloads too.

Pipelines have no common ``__call__``, and all of them register their parts as they are made: there the classes of the
new pipeline are hooked into, once each, whoever wrote them. What was done is read from the result and from the progress
that the pipeline reports, not from what was asked for.
"""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded, swallow
from modeltally.instrument.libraries._calls import Call, call_watched, request_watched, requested
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, library_version
from modeltally.instrument.libraries._loads import is_loading, load_watched, returning, waited_for
from modeltally.instrument.libraries._media import Media, media_of
from modeltally.instrument.libraries._memory import Memory, measured
from modeltally.instrument.libraries._models import quantization_of
from modeltally.instrument.recording import record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from modeltally.instrument._values import Values

__all__ = ["DiffusersInstrumentor"]

_PIPELINES: Final = "diffusers.pipelines.pipeline_utils"
_AUTO: Final = "diffusers.pipelines.auto_pipeline"
_SINGLE_FILE: Final = "diffusers.loaders.single_file"
_SINGLE_FILE_MODEL: Final = "diffusers.loaders.single_file_model"
_MODELS: Final = "diffusers.models.modeling_utils"
_LORA: Final = "diffusers.loaders.lora_base"
_MODULAR: Final = "diffusers.modular_pipelines.modular_pipeline"
_OFFLOADS: Final = {
    "enable_model_cpu_offload": "model",
    "enable_sequential_cpu_offload": "sequential",
    "enable_group_offload": "group",
}
_LORA_TYPE: Final = "lora"
_VIDEO: Final = "num_frames"


class _Known:
    """What is remembered of a pipeline.

    Attributes:
        model: What it was loaded as.
        offload_mode: How its parts are moved; empty where that was not seen.
        loras: Where each of its LoRAs came from, by the adapter's name.
        scales: Of the LoRAs that were chosen, by the adapter's name.
    """

    def __init__(self) -> None:
        self.model = ""
        self.offload_mode = ""
        self.loras: dict[str, str] = {}
        self.scales: dict[str, float] = {}


_moving: ContextVar[bool] = ContextVar("modeltally_moving", default=False)


class DiffusersInstrumentor(Instrumentor):
    """Watches pipelines."""

    library = "diffusers"
    versions = ("0.35.2", "1")
    loss = "requests, loads and offloads of pipelines are not counted"
    modules = (_PIPELINES, _AUTO, _SINGLE_FILE, _SINGLE_FILE_MODEL, _MODELS, _LORA, _MODULAR)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into a module: the base of all pipelines, the loaders, the LoRAs, the modular pipelines."""
        return {
            _PIPELINES: self._pipelines,
            _AUTO: self._auto,
            _LORA: self._loras,
            _MODULAR: self._modular,
        }.get(module.__name__, self._loaders)(module)

    def _pipelines(self, module: Any) -> Iterator[Hook]:
        self._known: weakref.WeakKeyDictionary[Any, _Known] = weakref.WeakKeyDictionary()
        base = module.DiffusionPipeline
        yield self.patch(base, "register_modules", self._made)
        yield self.patch(base, "progress_bar", self._progress)
        yield self.patch(base, "from_pretrained", self._load)
        yield self.patch(base, "from_pipe", self._from_pipe)
        for name in [*(name for name in _OFFLOADS if hasattr(base, name)), "to"]:
            yield self.patch(base, name, self._offload)

    def _auto(self, module: Any) -> Iterator[Hook]:
        for name, kind in vars(module).items():
            if name.startswith("AutoPipelineFor") and "from_pipe" in vars(kind):
                yield self.patch(kind, "from_pipe", self._from_pipe)

    def _loaders(self, module: Any) -> Iterator[Hook]:
        owners = {
            _SINGLE_FILE: ("FromSingleFileMixin", "from_single_file", self._load),
            _SINGLE_FILE_MODEL: ("FromOriginalModelMixin", "from_single_file", self._load_part),
            _MODELS: ("ModelMixin", "from_pretrained", self._load_part),
        }
        owner, name, around = owners[module.__name__]
        yield self.patch(getattr(module, owner), name, around)

    def _loras(self, module: Any) -> Iterator[Hook]:
        base = module.LoraBaseMixin
        yield self.patch(base, "set_adapters", self._choose_loras)
        yield self.patch(base, "delete_adapters", self._unload_loras)
        yield self.patch(base, "unload_lora_weights", self._unload_loras)

    def _modular(self, module: Any) -> Iterator[Hook]:
        base = module.ModularPipeline
        yield self.patch(base, "__call__", self._request)
        yield self.patch(base, "load_components", self._load_components)
        if hasattr(base, "unload_components"):  # came after the pipelines themselves
            yield self.patch(base, "unload_components", self._unload_components)
        for kind in (base, getattr(module, "LoopSequentialPipelineBlocks", None)):
            if kind is not None and hasattr(kind, "progress_bar"):
                yield self.patch(kind, "progress_bar", self._progress)

    # classes

    def _made(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A pipeline is being made: hook into its classes."""
        arounds = {
            "__call__": self._request,
            "load_lora_weights": self._load_lora,
            "unload_lora_weights": self._unload_loras,
        }
        self.hook_into(type(instance), arounds, but="LoraBaseMixin")
        return function(*args, **kwargs)

    def _of(self, pipeline: Any) -> _Known:
        return self._known.setdefault(pipeline, _Known())

    @guarded("unknown")
    def _model(self, pipeline: Any) -> str:
        config = getattr(pipeline, "config", None)
        named = self._of(pipeline).model or getattr(config, "_name_or_path", None)
        return str(named or type(pipeline).__name__)

    # requests

    def _request(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A call of a pipeline; what its class calls of its own bases is the same request."""
        return request_watched(Call(function, instance, args, kwargs), self._asked, self._done)

    def _asked(self, call: Call) -> Values:
        pipeline, argument = call.instance, call.argument
        device = _device(pipeline)
        timesteps = argument("timesteps", "sigmas")
        values: Values = {
            "model": self._model(pipeline),
            "framework": self.library,
            "framework_version": library_version(self.library),
            "pipeline_class": type(pipeline).__name__,
            "operation_name": names.GENERATE_CONTENT,
            "prompt": _text(argument("prompt")),
            "negative_prompt": _text(argument("negative_prompt")),
            "image_width": _whole(argument("width")),
            "image_height": _whole(argument("height")),
            "video_frames": _whole(argument(_VIDEO)),
            "video_fps": _number(argument("fps", "frame_rate")),
            "choice_count": _whole(argument("num_images_per_prompt", "num_videos_per_prompt")),
            "steps_requested": _length(timesteps) or _whole(argument("num_inference_steps")),
            "guidance_scale": _number(argument("guidance_scale")),
            "strength": _number(argument("strength")) if argument("image", "video") is not None else None,
            "seed": _seed(argument("generator")),
            "scheduler": _class_name(getattr(pipeline, "scheduler", None)),
            "device": None if device is None else str(device),
            "model_dtype": str(pipeline.dtype).removeprefix("torch.") if hasattr(pipeline, "dtype") else None,
            "offload_mode": self._offload_mode(pipeline),
        }
        values.update(_task(call, Media.VIDEO if _VIDEO in call.arguments else Media.IMAGE))
        values.update(self._active_loras(pipeline))
        values.update(waited_for(pipeline))
        call.notes["memory"] = Memory(device)
        return values

    def _done(self, call: Call, result: Any) -> Values:
        values: Values = measured(call.notes)
        bars: list[int] = call.notes.get("steps", [])
        if bars:
            steps = sum(bars)
            values["steps_completed"] = steps
            if steps and call.seconds > 0:
                values["generation_speed"] = steps / call.seconds
                values["generation_speed_unit"] = "{step}/s"
        if result is not None:
            is_video = _VIDEO in call.arguments
            is_latent = call.argument("output_type") == "latent"
            media, seen = media_of(result, is_video=is_video, is_latent=is_latent, sampling_rate=_rate(call.instance))
            values.update(seen)
            values.update(_task(call, media))
            frames, fps = values.get("video_frames"), _number(call.argument("fps", "frame_rate"))
            if media is Media.VIDEO and frames and fps:
                values["video_duration_seconds"] = frames / fps
        return values

    def _progress(self, function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        """Count the steps that a pipeline reports: those asked for, or held by its scheduler, are not those it did."""
        bar = function(*args, **kwargs)
        call = requested()
        if call is not None:
            _count_steps(bar, call)
        return bar

    # loads

    def _load(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A pipeline from files."""
        call = Call(function, instance, args, kwargs)
        return load_watched(
            call, self._loaded_as(call), modules=_parts, after=lambda pipeline: self._loaded(call, pipeline)
        )

    def _from_pipe(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A pipeline from another one's parts, which are in memory already."""
        call = Call(function, instance, args, kwargs)
        before = self._loaded_as(call)
        other = args[0] if args else kwargs.get("pipeline")
        before["model"] = self._model(other)
        return load_watched(call, before, after=lambda pipeline: self._loaded(call, pipeline), is_new=False)

    def _load_part(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A part of a pipeline by itself."""
        call = Call(function, instance, args, kwargs)
        return load_watched(call, self._loaded_as(call))

    def _load_components(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """The parts of a modular pipeline, into it."""
        call = Call(function, instance, args, kwargs)
        before = self._loaded_as(call)
        before["model"] = self._model(instance)
        return load_watched(call, before, modules=lambda _: _parts(instance))

    def _loaded_as(self, call: Call) -> Values:
        """Say what is asked to be loaded."""
        return self._asked_to_load(call) or {}

    @guarded(None)
    def _asked_to_load(self, call: Call) -> Values:
        named = call.argument("pretrained_model_name_or_path", "pretrained_model_link_or_path_or_dict")
        named = named or call.argument("pretrained_model_link_or_path", "pretrained_model_path_or_dict")
        revision = call.argument("revision")
        quantization = call.argument("quantization_config")
        device_map = call.argument("device_map")
        return {
            "model": str(named) if named is not None and not isinstance(named, dict) else None,
            "model_revision": None if revision is None else str(revision),
            "model_quantization": quantization_of(quantization),
            "framework": self.library,
            "framework_version": library_version(self.library),
            "pipeline_class": getattr(call.instance, "__name__", type(call.instance).__name__),
            "offload_mode": None if device_map is None else "device_map",
        }

    def _loaded(self, call: Call, pipeline: Any) -> Values:
        known, named = self._of(pipeline), self._loaded_as(call).get("model")
        known.model = known.model or named or ""
        if call.argument("device_map") is not None:
            known.offload_mode = "device_map"
        device = _device(pipeline)
        return {
            "pipeline_class": type(pipeline).__name__,
            "device": None if device is None else str(device),
            "scheduler": _class_name(getattr(pipeline, "scheduler", None)),
        }

    def _unload_components(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """Parts of a modular pipeline, out of memory."""
        started_ns = _now()
        result = function(*args, **kwargs)
        self._unloaded(started_ns, [self._model(instance)], model_type=None, base=None)
        return result

    # LoRAs

    def _load_lora(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        if is_loading():
            return function(*args, **kwargs)
        call = Call(function, instance, args, kwargs)
        known, before = _adapters(instance), self._loaded_as(call)
        given = (
            args[0] if args else next((kwargs[name] for name in kwargs if name.startswith("pretrained_model")), None)
        )
        source = kwargs.get("adapter_name") if given is None or isinstance(given, dict) else str(given)
        before.update({"model": source, "model_type": _LORA_TYPE, "model_base": self._model(instance)})
        before["pipeline_class"] = type(instance).__name__

        def after(_: Any) -> Values:
            for adapter in _adapters(instance) - known:
                self._of(instance).loras[adapter] = source or adapter
            return {"model": source or next(iter(_adapters(instance) - known), None)}

        return load_watched(returning(call, instance), before, modules=lambda _: (), after=after, is_new=False)

    def _choose_loras(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        self._remember_scales(instance, *args, **kwargs)
        return result

    @guarded(None)
    def _remember_scales(self, pipeline: Any, adapter_names: Any, adapter_weights: Any = None) -> None:
        adapters = [adapter_names] if isinstance(adapter_names, str) else list(adapter_names)
        weights = adapter_weights if isinstance(adapter_weights, list | tuple) else [adapter_weights] * len(adapters)
        scales = {name: 1.0 if weight is None else weight for name, weight in zip(adapters, weights, strict=False)}
        self._of(pipeline).scales = {
            name: float(scale) for name, scale in scales.items() if not isinstance(scale, dict)
        }

    def _unload_loras(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        started_ns, before = _now(), _adapters(instance)
        result = function(*args, **kwargs)
        gone = self._sources(instance, before - _adapters(instance))
        self._unloaded(started_ns, gone, model_type=_LORA_TYPE, base=self._model(instance))
        return result

    @guarded(())
    def _sources(self, pipeline: Any, adapters: set[str]) -> Iterable[str]:
        """Say where LoRAs that are there no more came from, and forget it."""
        loras = self._of(pipeline).loras
        return [loras.pop(adapter, adapter) for adapter in sorted(adapters)]

    @guarded(None)
    def _unloaded(self, started_ns: int, models: Iterable[str], *, model_type: str | None, base: str | None) -> None:
        for model in models:
            record(
                names.MODEL_UNLOAD,
                started_at=started_ns,
                ended_at=max(started_ns, _clock.time_ns()),
                source=names.SOURCE_AUTO,
                model=model,
                model_type=model_type,
                model_base=base,
                unload_reason="manual",
                framework=self.library,
            )

    def _active_loras(self, pipeline: Any) -> Values:
        """Name the LoRAs in effect; without any, nothing is walked through."""
        if not _adapters(pipeline):
            return {}
        known, active = self._of(pipeline), list(pipeline.get_active_adapters())
        if not active:
            return {}
        return {
            "lora_names": [known.loras.get(adapter, adapter) for adapter in active],
            "lora_scales": [known.scales.get(adapter, 1.0) for adapter in active],
            "lora_count": len(active),
        }

    # offloads

    def _offload(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A move of a pipeline; those that it makes itself in a request or a load are a part of it."""
        outer = requested()
        if _moving.get() or is_loading() or (outer is not None and outer.instance is instance):
            return function(*args, **kwargs)
        call = Call(function, instance, args, kwargs)

        def before(call: Call) -> Values | None:
            mode = _OFFLOADS.get(function.__name__, "none")
            device = _target(call) if mode == "none" else call.argument("device", "gpu_id", "onload_device")
            if mode == "none" and device is None:
                return None  # only another type of numbers
            return {
                "model": self._model(instance),
                "offload_mode": mode,
                "device": None if device is None else str(device),
                "framework": self.library,
                "pipeline_class": type(instance).__name__,
            }

        def after(_: Call, result: Any) -> Values:
            if result is not None or function.__name__ in _OFFLOADS:  # else it failed
                self._of(instance).offload_mode = _OFFLOADS.get(function.__name__, "none")
            return {}

        token = _moving.set(True)
        try:
            return call_watched(names.MODEL_OFFLOAD, call, before, after)
        finally:
            _moving.reset(token)

    def _offload_mode(self, pipeline: Any) -> str | None:
        device_map = getattr(pipeline, "hf_device_map", None)
        if isinstance(device_map, dict) and len(device_map) > 1:
            return "device_map"
        return self._of(pipeline).offload_mode or None


@guarded(None)
def _count_steps(bar: Any, call: Call) -> None:
    """Count what a progress bar is told, whether it is shown or not."""
    counts: list[int] = call.notes.setdefault("steps", [])
    at = len(counts)
    counts.append(0)
    iterable, update = getattr(bar, "iterable", None), bar.update
    if iterable is None:

        def counted(n: float | None = 1) -> Any:
            counts[at] += int(n or 0)
            return update(n)

        bar.update = counted
        return

    def steps() -> Iterator[Any]:
        for step in iterable:
            yield step
            counts[at] += 1

    bar.iterable = steps()


def _task(call: Call, media: Media) -> Values:
    """Name what was asked for by what was given: a mask, an image, a video, a text."""
    if media is Media.AUDIO:
        return {"output_type": media.value, "task": "text_to_audio"}
    given = call.argument
    if media is Media.VIDEO:
        start = "video" if given("video") is not None else "image" if given("image", "images") is not None else "text"
        return {"output_type": media.value, "task": f"{start}_to_video", "model_type": f"{start[0]}2v"}
    if given("mask_image") is not None:
        task = "inpaint"
    elif given("image", "images", "control_image") is not None:
        task = "upscale" if "upscale" in type(call.instance).__name__.lower() else "image_to_image"
    else:
        task = "text_to_image"
    return {"output_type": media.value, "task": task}


@guarded(0)
def _now() -> int:
    return _clock.time_ns()


def _parts(pipeline: Any) -> list[Any]:
    components = getattr(pipeline, "components", {})
    return list(components.values())


def _adapters(pipeline: Any) -> set[str]:
    """Name the LoRAs of a pipeline, in effect or not; cheap where it has none."""
    try:
        listed = pipeline.get_list_adapters() if hasattr(pipeline, "get_list_adapters") else {}
        return {adapter for adapters in listed.values() for adapter in adapters}
    except Exception as error:  # noqa: BLE001 - raises without peft: then there are none
        if "peft" not in str(error).lower():
            swallow("adapters", error)
        return set()


def _device(pipeline: Any) -> Any:
    try:
        return pipeline._execution_device  # noqa: SLF001 - the public one says where the weights rest, not where they run
    except Exception:  # noqa: BLE001 - not every pipeline has parts, and modular ones may have none yet
        return getattr(pipeline, "device", None)


def _target(call: Call) -> Any:
    """The device that a pipeline is moved to, of the forms that torch allows."""
    given = [*call.args, call.kwargs.get("torch_device"), call.kwargs.get("device")]
    for value in given:
        if isinstance(value, str | int) or type(value).__name__ == "device":
            return value
    return None


def _rate(pipeline: Any) -> float | None:
    for part in ("vae", "vocoder"):
        config = getattr(getattr(pipeline, part, None), "config", None)
        rate = getattr(config, "sampling_rate", None) or getattr(config, "sample_rate", None)
        if rate:
            return float(rate)
    return None


def _class_name(value: Any) -> str | None:
    return None if value is None else type(value).__name__


def _seed(generator: Any) -> int | None:
    first = generator[0] if isinstance(generator, list | tuple) and generator else generator
    seed = getattr(first, "initial_seed", None)
    return int(seed()) if callable(seed) else None


def _text(value: Any) -> str | None:
    if isinstance(value, list | tuple) and value and all(isinstance(each, str) for each in value):
        return "\n".join(value)
    return value if isinstance(value, str) else None


def _length(value: Any) -> int | None:
    try:
        return None if value is None else len(value)
    except TypeError:
        return None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
