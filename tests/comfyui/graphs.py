"""Graphs as clients send them: pictures painted, made larger, only turned about, broken, and never done."""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "CHECKPOINT",
    "LORA",
    "OTHER",
    "UPSCALER",
    "broken",
    "custom",
    "endless",
    "enlarged",
    "painted",
    "repainted",
    "turned",
]

CHECKPOINT: Final = "sketch.safetensors"
OTHER: Final = "more/photo.safetensors"
UPSCALER: Final = "twice.safetensors"
LORA: Final = "ink.safetensors"

Graph = dict[str, dict[str, Any]]


def _node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def painted(
    seed: int,
    *,
    model: str = CHECKPOINT,
    steps: int = 2,
    batch: int = 1,
    lora: float | None = None,
    prompt: str = "a sea",
) -> Graph:
    """Paint pictures of 64 by 96, perhaps with a LoRA."""
    model_from, text_from = ["1", 0], ["1", 1]
    graph = {"1": _node("CheckpointLoaderSimple", ckpt_name=model)}
    if lora is not None:
        strengths = {"strength_model": lora, "strength_clip": 1.0}
        graph["2"] = _node("LoraLoader", model=model_from, clip=text_from, lora_name=LORA, **strengths)
        model_from, text_from = ["2", 0], ["2", 1]
    asked = {"seed": seed, "steps": steps, "cfg": 5.0, "sampler_name": "euler", "scheduler": "normal", "denoise": 1.0}
    links = {"model": model_from, "positive": ["3", 0], "negative": ["4", 0], "latent_image": ["5", 0]}
    return graph | {
        "3": _node("CLIPTextEncode", text=prompt, clip=text_from),
        "4": _node("CLIPTextEncode", text="fog", clip=text_from),
        "5": _node("EmptyLatentImage", width=64, height=96, batch_size=batch),
        "6": _node("KSampler", **asked, **links),
        "7": _node("VAEDecode", samples=["6", 0], vae=["1", 2]),
        "8": _node("SaveImage", images=["7", 0], filename_prefix="painted"),
    }


def repainted(seed: int) -> Graph:
    """Paint over a picture that is there, for half of the way."""
    graph = painted(seed, steps=4)
    graph["5"] = _node("VAEEncode", pixels=["9", 0], vae=["1", 2])
    graph["9"] = _node("EmptyImage", width=64, height=64, batch_size=1, color=seed)
    graph["6"]["inputs"]["denoise"] = 0.5
    return graph


def custom(seed: int) -> Graph:
    """Paint with the parts of a sampler in nodes of their own."""
    graph = painted(seed)
    graph["6"] = _node(
        "SamplerCustomAdvanced",
        noise=["10", 0],
        guider=["11", 0],
        sampler=["12", 0],
        sigmas=["13", 0],
        latent_image=["5", 0],
    )
    graph["10"] = _node("RandomNoise", noise_seed=seed)
    graph["11"] = _node("CFGGuider", model=["1", 0], positive=["3", 0], negative=["4", 0], cfg=3.0)
    graph["12"] = _node("KSamplerSelect", sampler_name="heun")
    graph["13"] = _node("BasicScheduler", model=["1", 0], scheduler="karras", steps=3, denoise=1.0)
    return graph


def turned(color: int) -> Graph:
    """Make a picture and turn its colours about: no model takes part."""
    return {
        "1": _node("EmptyImage", width=32, height=16, batch_size=2, color=color),
        "2": _node("ImageInvert", image=["1", 0]),
        "3": _node("SaveImage", images=["2", 0], filename_prefix="turned"),
    }


def enlarged(color: int) -> Graph:
    """Make a picture twice as large."""
    return {
        "1": _node("EmptyImage", width=24, height=16, batch_size=1, color=color),
        "2": _node("UpscaleModelLoader", model_name=UPSCALER),
        "3": _node("ImageUpscaleWithModel", upscale_model=["2", 0], image=["1", 0]),
        "4": _node("SaveImage", images=["3", 0], filename_prefix="enlarged"),
    }


def broken(seed: int) -> Graph:
    """Paint, and fail afterwards."""
    graph = painted(seed)
    graph["9"] = _node("TinyBroken", image=["7", 0])
    graph["8"]["inputs"]["images"] = ["9", 0]
    return graph


def endless(seed: int) -> Graph:
    """Paint, and never get done."""
    graph = painted(seed)
    graph["9"] = _node("TinySlow", image=["7", 0], number=seed)
    graph["8"]["inputs"]["images"] = ["9", 0]
    return graph
