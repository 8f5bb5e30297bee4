"""ComfyUI's graphs: which model a prompt asks for, with what, and for what, read from its nodes and their links.

A graph is what clients send: nodes by their ids, each with a class and inputs, an input either a value or a link to
another node's output. Nodes are known by what goes into them and not by their classes, so that those of other people
are understood as well. What is not understood is left out.
"""

from __future__ import annotations

import re
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument._guard import guarded
from modeltally.instrument.libraries._media import Media

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from modeltally.instrument._values import Values

__all__ = ["Graph", "asked_by", "loaded_by", "media_of_class"]

# who sends a graph waits until it was looked at: one of more nodes is not, and of more samplers only the first are
MAX_NODES: Final = 2048
MAX_SAMPLERS: Final = 32

# inputs that name a model's file, with ComfyUI's name for the folder of such files, and what kind of model it is
_FILES: Final[Mapping[str, tuple[str, str]]] = {
    "ckpt_name": ("checkpoints", "checkpoint"),
    "unet_name": ("diffusion_models", "diffusion_model"),
    "model_name": ("upscale_models", "upscaler"),
    "lora_name": ("loras", "lora"),
    "vae_name": ("vae", "vae"),
    "control_net_name": ("controlnet", "controlnet"),
    "clip_name": ("text_encoders", "text_encoder"),
    "clip_name1": ("text_encoders", "text_encoder"),
    "style_model_name": ("style_models", "style_model"),
}
_LORA: Final = "lora"
_MAIN: Final = ("ckpt_name", "unet_name", "model_name", "model")  # of those, what can paint by itself
_TEXTS: Final = ("text", "text_g", "t5xxl", "clip_l", "prompt", "tags", "value", "string")
_SAMPLES: Final = ("seed", "noise_seed", "positive", "sigmas")  # what a node with steps has that takes them itself
_LARGEST: Final = 2**63 - 1  # of numbers that travel; ComfyUI's seeds may be twice as large
_NONE: Final = ("", "None", "none")
_VIDEO: Final = re.compile(r"video|webm|animated|gif|mp4", re.IGNORECASE)
_AUDIO: Final = re.compile(r"audio|sound", re.IGNORECASE)
_LOADS: Final = re.compile(r"load", re.IGNORECASE)


class Graph:
    """The nodes that what was asked for depends on."""

    def __init__(self, prompt: Mapping[str, Any], outputs: Iterable[str] = ()) -> None:
        """Find those nodes.

        Args:
            prompt: The graph as it was sent.
            outputs: The nodes whose results are wanted; all of them where none is named.
        """
        nodes = {str(name): node for name, node in prompt.items() if isinstance(node, dict)}
        self._nodes = nodes if len(nodes) <= MAX_NODES else {}
        wanted = [name for name in map(str, outputs) if name in self._nodes]
        self.needed = list(self.upstream(wanted or list(self._nodes)))

    def inputs(self, name: str) -> Mapping[str, Any]:
        """Return what goes into a node, by the names of its inputs."""
        inputs = self._nodes[name].get("inputs")
        return inputs if isinstance(inputs, dict) else {}

    def kind(self, name: str) -> str:
        """Return the class of a node."""
        return str(self._nodes[name].get("class_type", ""))

    def link(self, name: str, *inputs: str) -> str | None:
        """Return the node that the first of some inputs comes from which is a link."""
        given = self.inputs(name)
        return next((found for each in inputs if (found := self._target(given.get(each))) is not None), None)

    def value(self, name: str, *inputs: str) -> Any:
        """Return the first of some inputs that has a value; one that comes from a node that only holds it counts."""
        given = self.inputs(name)
        for each in inputs:
            value = given.get(each)
            target = self._target(value)
            if target is not None:
                held = self.inputs(target)
                value = held.get("value", held.get(each))
                value = None if self._target(value) is not None else value
            if value is not None:
                return value
        return None

    def upstream(self, names: Iterable[str], through: Callable[[str], bool] = lambda _: True) -> Iterator[str]:
        """Yield nodes and everything that they depend on, the nearest first.

        Args:
            names: The nodes.
            through: Whether to go through an input, by its name.
        """
        seen: set[str] = set()
        waiting = deque(name for name in names if name in self._nodes)
        while waiting:
            name = waiting.popleft()
            if name in seen:
                continue
            seen.add(name)
            yield name
            for each, value in self.inputs(name).items():
                target = self._target(value) if through(each) else None
                if target is not None:
                    waiting.append(target)

    def from_input(self, name: str, *inputs: str) -> Iterator[str]:
        """Yield everything that the first of some inputs depends on which is a link, the nearest first."""
        target = self.link(name, *inputs)
        return self.upstream([] if target is None else [target])

    def first(self, names: Iterable[str], *inputs: str) -> Any:
        """Return the value of the first of some nodes that has one of some inputs."""
        return next((value for name in names if (value := self.value(name, *inputs)) is not None), None)

    def samplers(self) -> list[str]:
        """Return the nodes that take the steps of diffusion."""
        return list(islice((name for name in self.needed if self._is_sampler(name)), MAX_SAMPLERS))

    def _is_sampler(self, name: str) -> bool:
        given = self.inputs(name)
        if self.link(name, "model", "guider") is None:
            return False
        takes_steps = "steps" in given and any(each in given for each in _SAMPLES)
        return takes_steps or self.link(name, "latent_image") is not None

    def _target(self, value: Any) -> str | None:
        if isinstance(value, list | tuple) and len(value) == 2 and str(value[0]) in self._nodes:  # noqa: PLR2004 - node and output
            return str(value[0])
        return None


def asked_by(prompt: Any, outputs: Any = ()) -> Values:
    """Say what a graph asks for; ``model`` is not among it where no model is asked.

    Args:
        prompt: The graph as it was sent.
        outputs: The nodes whose results are wanted.
    """
    return _asked_by(prompt, outputs) or {}


@guarded(None)
def _asked_by(prompt: Any, outputs: Any) -> Values:
    graph = Graph(prompt, outputs)
    media = next(
        (media for name in graph.needed if (media := media_of_class(graph.kind(name))) is not Media.IMAGE), Media.IMAGE
    )
    samplers = graph.samplers()
    if not samplers:
        return _unsampled(graph, media)
    first = _first(graph, samplers)
    values = _model(graph, first)
    values.update(_sampling(graph, first))
    values["steps_requested"] = sum(_steps(graph, name) for name in samplers) or None
    values.update(_size(graph, first))
    values.update(_task(graph, first, media))
    if media is Media.VIDEO and not values.get("video_frames"):  # many pictures, one after the other
        values["video_frames"], values["choice_count"] = values.get("choice_count"), None
    if values.get("task") not in ("image_to_image", "inpaint"):
        values["strength"] = None  # of the noise it begins with all is changed
    return values


def loaded_by(inputs: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """Say which model a node loads: its name, ComfyUI's name for the folder it is in, and what kind it is.

    Args:
        inputs: What goes into the node; None where it names no file of a model.
    """
    for name, (folder, kind) in _FILES.items():
        value = inputs.get(name)
        if isinstance(value, str) and value not in _NONE:
            return value, folder, kind
    return None


def media_of_class(kind: str) -> Media:
    """Say what a node that shows or saves something makes, by its class; a picture where that does not say."""
    if kind.startswith(("Save", "Preview")) or "Combine" in kind:
        if _AUDIO.search(kind):
            return Media.AUDIO
        if _VIDEO.search(kind):
            return Media.VIDEO
    return Media.IMAGE


def _first(graph: Graph, samplers: list[str]) -> str:
    """Return the sampler that begins: no other one is upstream of it."""
    for name in samplers:
        if not any(other in samplers for other in graph.upstream([name]) if other != name):
            return name
    return samplers[0]


def _model(graph: Graph, sampler: str) -> Values:
    """Say which model a sampler uses, and with which LoRAs."""
    loras: list[tuple[str, float]] = []
    values: Values = {"pipeline_class": graph.kind(sampler)}
    way = graph.upstream([sampler], lambda each: each.startswith("model") or each in ("guider", "pipe", "basic_pipe"))
    for name in way:
        loras[:0] = _loras(graph.inputs(name))
        model = None if name == sampler else _text(graph.inputs(name), *_MAIN)
        if model is not None:
            values["model"] = model
            break
    else:  # by another way, as packs of nodes with bundles of everything have
        files = (_text(graph.inputs(name), "ckpt_name", "unet_name") for name in graph.upstream([sampler]))
        model = next((model for model in files if model is not None), None)
        if model is not None:
            values["model"] = model
    if loras:
        values["lora_names"] = [name for name, _ in loras]
        values["lora_scales"] = [scale for _, scale in loras]
        values["lora_count"] = len(loras)
    return values


def _loras(inputs: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Name the LoRAs of a node: one, or several in a list of switches."""
    name = _text(inputs, "lora_name")
    if name is not None:
        scale = next((inputs[each] for each in ("strength_model", "strength") if each in inputs), 1.0)
        return [(name, _number(scale) or 0.0)]
    switches = [value for value in inputs.values() if isinstance(value, dict) and isinstance(value.get("lora"), str)]
    return [
        (each["lora"], _number(each.get("strength")) or 0.0)
        for each in switches
        if each.get("on", True) and each["lora"] not in _NONE
    ]


def _sampling(graph: Graph, name: str) -> Values:
    """Say with what a sampler was asked."""
    guider = graph.link(name, "guider")
    guided = name if guider is None else guider
    sampler = graph.value(name, "sampler_name") or graph.first(graph.from_input(name, "sampler"), "sampler_name")
    schedule = graph.value(name, "scheduler") or graph.first(graph.from_input(name, "sigmas"), "scheduler")
    noise, positive = list(graph.from_input(name, "noise")), ("positive", "conditioning", "conditioning_1")
    guidance = graph.value(guided, "cfg")
    if guidance is None or guider is not None:
        guidance = graph.first(graph.from_input(guided, *positive), "guidance") or guidance
    denoise = graph.value(name, "denoise")
    if denoise is None:
        denoise = graph.first(graph.from_input(name, "sigmas"), "denoise")
    seed = graph.value(name, "seed", "noise_seed")
    if seed is None:
        seed = graph.first(noise, "noise_seed", "seed")
    return {
        "prompt": _prompt(graph, guided, *positive),
        "negative_prompt": _prompt(graph, guided, "negative"),
        "seed": _whole(seed),
        "guidance_scale": _number(guidance),
        "strength": _number(denoise),
        "scheduler": " ".join(str(each) for each in (sampler, schedule) if isinstance(each, str)) or None,
    }


def _prompt(graph: Graph, name: str, *inputs: str) -> str | None:
    for node in graph.from_input(name, *inputs):
        text = next((text for each in _TEXTS if isinstance(text := graph.value(node, each), str)), None)
        if text is not None:
            return text
    text = graph.value(name, *inputs)
    return text if isinstance(text, str) else None


def _steps(graph: Graph, name: str) -> int:
    """Count the steps that a sampler was asked for; some do only a part of them."""
    asked = graph.value(name, "steps")
    if asked is None:
        asked = graph.first(graph.from_input(name, "sigmas"), "steps")
    steps = _whole(asked) or 0
    end, start = _whole(graph.value(name, "end_at_step")), _whole(graph.value(name, "start_at_step"))
    return max(0, min(steps, steps if end is None else end) - (start or 0))


def _size(graph: Graph, sampler: str) -> Values:
    """Say how large the pictures are to be, how many, and of how many frames."""
    near = [*graph.from_input(sampler, "latent_image"), *graph.upstream([sampler])]
    for name in near:
        width, height = _whole(graph.value(name, "width")), _whole(graph.value(name, "height"))
        if width and height:
            return {
                "image_width": width,
                "image_height": height,
                "choice_count": _whole(graph.value(name, "batch_size")),
                "video_frames": _whole(graph.value(name, "length", "num_frames")),
            }
    return {}


def _task(graph: Graph, name: str, media: Media) -> Values:
    """Name what was asked for by what was given: a mask, an image, a video, a text."""
    told: Values = {"output_type": media.value}
    before = [graph.kind(each) for each in graph.upstream([name])]
    loaded = [kind for kind in before if _LOADS.search(kind)]
    has_video = any("Video" in kind for kind in loaded)
    has_image = any("Image" in kind for kind in loaded)
    if media is Media.AUDIO:
        told["task"] = "text_to_audio"
    elif media is Media.VIDEO:
        start = "video" if has_video else "image" if has_image else "text"
        told["task"], told["model_type"] = f"{start}_to_video", f"{start[0]}2v"
        told["video_fps"] = _number(graph.first(graph.needed, "fps", "frame_rate"))
    elif any("Inpaint" in kind or kind == "SetLatentNoiseMask" for kind in before):
        told["task"] = "inpaint"
    elif has_image or any(kind.startswith("VAEEncode") for kind in before):
        told["task"] = "image_to_image"
    else:
        told["task"] = "text_to_image"
    return told


def _unsampled(graph: Graph, media: Media) -> Values:
    """Say what a graph without a sampler asks for: an upscaler, or any other model by itself."""
    for name in graph.needed:
        loader = graph.link(name, "upscale_model")
        model = None if loader is None else _text(graph.inputs(loader), *_MAIN)
        if model is not None:
            return {"model": model, "pipeline_class": graph.kind(name), "output_type": media.value, "task": "upscale"}
    for name in graph.needed:
        model = _text(graph.inputs(name), *_MAIN, *_FILES)
        if model is not None:
            return {"model": model, "pipeline_class": graph.kind(name), **_made_of(graph, name, media)}
    return {"output_type": media.value}


def _made_of(graph: Graph, name: str, media: Media) -> Values:
    told: Values = {"output_type": media.value}
    if media is Media.IMAGE and any("Load" in kind and "Image" in kind for kind in map(graph.kind, graph.needed)):
        told["task"] = "image_to_image"
    prompt = graph.value(name, "prompt")
    told["prompt"] = prompt if isinstance(prompt, str) else None
    return told


def _text(inputs: Mapping[str, Any], *names: str) -> str | None:
    values = (inputs.get(name) for name in names)
    return next((value for value in values if isinstance(value, str) and value not in _NONE), None)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
