"""Graphs of many makers: the model, what it was asked with, and for what."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from comfyui import graphs
from modeltally.instrument._guard import problems
from modeltally.instrument.libraries._comfy_graph import MAX_NODES, asked_by, loaded_by


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    """Make a node."""
    return {"class_type": kind, "inputs": inputs}


FLUX: Final = {
    "1": node("UNETLoader", unet_name="flux.safetensors", weight_dtype="default"),
    "2": node("LoraLoaderModelOnly", model=["1", 0], lora_name="a.safetensors", strength_model=0.4),
    "3": node("LoraLoaderModelOnly", model=["2", 0], lora_name="b.safetensors", strength_model=-1),
    "4": node("ModelSamplingFlux", model=["3", 0], max_shift=1.1, width=1024, height=512),
    "5": node("CLIPTextEncode", text=["6", 0], clip=["7", 0]),
    "6": node("PrimitiveString", value="a hill"),
    "7": node("DualCLIPLoader", clip_name1="t5.safetensors", clip_name2="l.safetensors"),
    "8": node("FluxGuidance", conditioning=["5", 0], guidance=3.5),
    "9": node("BasicGuider", model=["4", 0], conditioning=["8", 0]),
    "10": node("RandomNoise", noise_seed=2**64 - 1),
    "11": node("BasicScheduler", model=["4", 0], scheduler="simple", steps=20, denoise=1.0),
    "12": node("KSamplerSelect", sampler_name="euler"),
    "13": node("EmptySD3LatentImage", width=1024, height=512, batch_size=3),
    "14": node(
        "SamplerCustomAdvanced",
        noise=["10", 0],
        guider=["9", 0],
        sampler=["12", 0],
        sigmas=["11", 0],
        latent_image=["13", 0],
    ),
    "15": node("VAEDecode", samples=["14", 0], vae=["16", 0]),
    "16": node("VAELoader", vae_name="ae.safetensors"),
    "17": node("SaveImage", images=["15", 0], filename_prefix="flux"),
}
SLIDES: Final = {
    **graphs.painted(1, batch=5),
    "8": node("SaveAnimatedWEBP", images=["7", 0], fps=4.0),
}
ASKED: Final = {"seed": 1, "cfg": 6.0, "sampler_name": "uni_pc", "scheduler": "simple", "denoise": 1.0}
FILM: Final = {
    "1": node("UnetLoaderGGUF", unet_name="wan.gguf"),
    "2": node("LoadImage", image="start.png"),
    "3": node(
        "WanImageToVideo", start_image=["2", 0], width=832, height=480, length=81, batch_size=1, positive=["5", 0]
    ),
    "4": node("KSampler", model=["1", 0], positive=["3", 0], latent_image=["3", 2], steps=30, **ASKED),
    "5": node("CLIPTextEncode", text="it moves", clip=["9", 0]),
    "6": node("VAEDecode", samples=["4", 0], vae=["8", 0]),
    "7": node("SaveAnimatedWEBP", images=["6", 0], fps=16.0),
    "8": node("VAELoader", vae_name="wan_vae.safetensors"),
    "9": node("CLIPLoader", clip_name="umt5.safetensors"),
}
REFINED: Final = {
    "1": node("CheckpointLoaderSimple", ckpt_name="base.safetensors"),
    "2": node("CheckpointLoaderSimple", ckpt_name="refiner.safetensors"),
    "3": node("EmptyLatentImage", width=1024, height=1024, batch_size=1),
    "4": node(
        "KSamplerAdvanced",
        model=["1", 0],
        latent_image=["3", 0],
        steps=25,
        end_at_step=20,
        start_at_step=0,
        noise_seed=3,
    ),
    "5": node(
        "KSamplerAdvanced",
        model=["2", 0],
        latent_image=["4", 0],
        steps=25,
        end_at_step=10000,
        start_at_step=20,
        noise_seed=0,
    ),
    "6": node("VAEDecode", samples=["5", 0], vae=["1", 2]),
    "7": node("PreviewImage", images=["6", 0]),
}
SWITCHES: Final = {
    "1": node("CheckpointLoaderSimple", ckpt_name="base.safetensors"),
    "2": node(
        "Power Lora Loader (rgthree)",
        model=["1", 0],
        lora_1={"on": True, "lora": "a.safetensors", "strength": 0.25},
        lora_2={"on": False, "lora": "b.safetensors", "strength": 1},
    ),
    "3": node("KSampler", model=["2", 0], latent_image=["4", 0], steps=["5", 0], **ASKED),
    "4": node("SetLatentNoiseMask", samples=["6", 0], mask=["7", 1]),
    "5": node("PrimitiveInt", value=12),
    "6": node("VAEEncode", pixels=["7", 0], vae=["1", 2]),
    "7": node("LoadImage", image="a.png"),
    "8": node("VAEDecode", samples=["3", 0], vae=["1", 2]),
    "9": node("SaveImage", images=["8", 0]),
}
BUNDLE: Final = {
    "1": node("Everything Loader", ckpt_name="base.safetensors", positive="a cave", seed=4),
    "2": node("Bundle Sampler", model=["1", 0], positive=["1", 1], steps=8, seed=4, cfg=2.0, latent_image=["1", 2]),
    "3": node("SaveImage", images=["2", 0]),
}
SOUND: Final = {
    "1": node("CheckpointLoaderSimple", ckpt_name="audio.safetensors"),
    "2": node("EmptyLatentAudio", seconds=47.6, batch_size=1),
    "3": node("KSampler", model=["1", 0], latent_image=["2", 0], steps=50, **ASKED),
    "4": node("VAEDecodeAudio", samples=["3", 0], vae=["1", 2]),
    "5": node("SaveAudioMP3", audio=["4", 0]),
}
REMOTE: Final = {
    "1": node("FluxProUltraImageNode", model="ultra", prompt="a lake", seed=1),
    "2": node("SaveImage", images=["1", 0]),
}
DECODED: Final = {
    "1": node("LoadImage", image="a.png"),
    "2": node("VAELoader", vae_name="ae.safetensors"),
    "3": node("VAEEncode", pixels=["1", 0], vae=["2", 0]),
    "4": node("VAEDecode", samples=["3", 0], vae=["2", 0]),
    "5": node("SaveImage", images=["4", 0]),
}

CASES: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "the parts of a sampler": (
        FLUX,
        {
            "model": "flux.safetensors",
            "lora_names": ["a.safetensors", "b.safetensors"],
            "lora_scales": [0.4, -1.0],
            "guidance_scale": 3.5,
            "prompt": "a hill",
            "negative_prompt": None,
            "seed": None,  # larger than what travels
            "steps_requested": 20,
            "scheduler": "euler simple",
            "image_width": 1024,
            "image_height": 512,
            "choice_count": 3,
            "task": "text_to_image",
        },
    ),
    "a film": (
        FILM,
        {
            "model": "wan.gguf",
            "task": "image_to_video",
            "model_type": "i2v",
            "output_type": "video",
            "video_frames": 81,
            "video_fps": 16.0,
            "image_width": 832,
            "prompt": "it moves",
            "strength": None,
        },
    ),
    "pictures as a film": (
        SLIDES,
        {"task": "text_to_video", "video_frames": 5, "choice_count": None, "video_fps": 4.0, "image_width": 64},
    ),
    "two samplers, each for a part of the way": (
        REFINED,
        {"model": "base.safetensors", "steps_requested": 25, "seed": 3, "lora_count": None},
    ),
    "switches, numbers from elsewhere, and a mask": (
        SWITCHES,
        {
            "model": "base.safetensors",
            "lora_names": ["a.safetensors"],
            "lora_scales": [0.25],
            "steps_requested": 12,
            "task": "inpaint",
            "strength": 1.0,
        },
    ),
    "bundles": (BUNDLE, {"model": "base.safetensors", "steps_requested": 8, "pipeline_class": "Bundle Sampler"}),
    "sound": (SOUND, {"model": "audio.safetensors", "task": "text_to_audio", "output_type": "speech"}),
    "a model elsewhere": (REMOTE, {"model": "ultra", "prompt": "a lake", "output_type": "image"}),
    "an autoencoder alone": (DECODED, {"model": "ae.safetensors", "task": "image_to_image"}),
    "an upscaler": (graphs.enlarged(1), {"model": graphs.UPSCALER, "task": "upscale"}),
    "half of the way": (graphs.repainted(1), {"task": "image_to_image", "strength": 0.5, "steps_requested": 4}),
    "no model": (graphs.turned(1), {"model": None, "task": None, "output_type": "image"}),
}


@pytest.mark.parametrize("name", CASES)
def test_graph_says_what_is_asked(name: str) -> None:
    """Of each kind of graph, the fields that tell it from the others."""
    graph, expected = CASES[name]
    said = asked_by(json.loads(json.dumps(graph)))
    assert {keyword: said.get(keyword) for keyword in expected} == expected
    assert problems() == {}


def test_only_what_is_wanted_counts() -> None:
    """A branch that nobody asked for this time asks for no model."""
    graph = {**graphs.painted(1), **{f"1{name}": each for name, each in graphs.turned(1).items()}}
    graph["12"]["inputs"]["image"] = ["11", 0]
    graph["13"]["inputs"]["images"] = ["12", 0]
    assert asked_by(graph, ["13"]).get("model") is None
    assert asked_by(graph, ["8"])["model"] == asked_by(graph)["model"] == graphs.CHECKPOINT


@pytest.mark.parametrize(
    "graph",
    [
        {},
        {"1": None, "2": []},
        {"1": {"class_type": None, "inputs": None}},
        {"1": node("KSampler", model=["1", 0], latent_image=["1", 0], steps=["1", 0])},
        {str(each): node("A", x=[str(each + 1), 0]) for each in range(MAX_NODES + 1)},
        {
            "1": node("KSampler", model=["2", 0], latent_image=["2", 0], steps="many", seed=True),
            "2": node("B", model=7),
        },
    ],
)
def test_strange_graph_asks_for_no_model(graph: dict[str, Any]) -> None:
    """Nothing in it, circles, too much of it, other types: none raises and none counts as a problem."""
    assert asked_by(graph).get("model") is None
    assert problems() == {}


@pytest.mark.parametrize("graph", [None, 7, [], "graph"])
def test_what_is_no_graph_is_counted(graph: Any) -> None:
    """As a problem of ours, and nothing is raised."""
    assert asked_by(graph) == {}
    assert sum(problems().values()) == 1


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"ckpt_name": "a.safetensors"}, ("a.safetensors", "checkpoints", "checkpoint")),
        ({"lora_name": "b.safetensors", "model": object()}, ("b.safetensors", "loras", "lora")),
        ({"lora_name": "None"}, None),
        ({"model": "a.safetensors"}, None),
    ],
)
def test_loader_is_known_by_the_file_it_names(inputs: dict[str, Any], expected: object) -> None:
    """By its inputs, whoever wrote it."""
    assert loaded_by(inputs) == expected
