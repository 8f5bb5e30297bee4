"""The real diffusers with tiny pipelines: what is said of each call, and that the calls stay what they are."""

from __future__ import annotations

import contextlib
import gc
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

diffusers = pytest.importorskip("diffusers", reason="make test-libraries installs it")
torch = pytest.importorskip("torch", reason="make test-libraries installs it")

import modeltally
from libraries import tiny
from libraries.patches import everything_of
from modeltally.instrument.libraries.diffusers import DiffusersInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modeltally.testing import Captured

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries themselves

# What diffusers can know of a request and of a load, beside what changes from run to run.
REQUEST: Final = {
    "gen_ai.operation.name": "generate_content",
    "gen_ai.output.type": "image",
    "gen_ai.request.seed": 7,
    "gen_ai.request.choice.count": 2,
    "modeltally.device": "cpu",
    "modeltally.diffusion.guidance_scale": 5.0,
    "modeltally.diffusion.scheduler": "DDIMScheduler",
    "modeltally.diffusion.steps.completed": 3,
    "modeltally.diffusion.steps.requested": 3,
    "modeltally.framework": "diffusers",
    "modeltally.framework.version": diffusers.__version__,
    "modeltally.image.height": 64,
    "modeltally.image.width": 48,
    "modeltally.model.dtype": "float32",
    "modeltally.negative_prompt.length": 4,
    "modeltally.offload.mode": "none",
    "modeltally.operation": "model.request",
    "modeltally.outcome": "success",
    "modeltally.output.count": 2,
    "modeltally.pipeline.class": "StableDiffusionPipeline",
    "modeltally.prompt.length": 12,
    "modeltally.source": "auto",
    "modeltally.task": "text_to_image",
}
MEASURED: Final = {
    "gen_ai.request.model",
    "modeltally.concurrency",
    "modeltally.host.memory.before",
    "modeltally.host.memory.after",
    "modeltally.host.memory.peak",
    "modeltally.model.id",
    "modeltally.prompt.hash",
    "modeltally.negative_prompt.hash",
}


@pytest.fixture(autouse=True)
def _instrumented() -> Iterator[None]:
    DiffusersInstrumentor().instrument()
    yield
    DiffusersInstrumentor().uninstrument()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a pipeline's files."""
    path = tmp_path_factory.mktemp("models") / "sketch"
    tiny.image_pipeline().save_pretrained(path)
    return path


@pytest.fixture
def pipeline() -> Any:
    """Make a pipeline that shows no progress."""
    made = tiny.image_pipeline()
    made.set_progress_bar_config(disable=True)
    return made


def paint(pipeline: Any, **given: Any) -> Any:
    """Paint something small."""
    asked = {"num_inference_steps": 2, "height": 64, "width": 64, "output_type": "np"}
    return pipeline("a lighthouse", **{**asked, **given})


def of(captured: Captured, operation: str) -> list[Mapping[str, Any]]:
    """What was recorded of one kind of operation."""
    return [each for each in captured.all() if each["modeltally.operation"] == operation]


def test_request_says_what_was_asked_and_what_came(captured: Captured, pipeline: Any) -> None:
    """Every attribute that the library can know is there and right, and no other."""
    pipeline.to("cpu")
    pipeline(
        "a lighthouse",
        negative_prompt="fog.",
        num_inference_steps=3,
        height=64,
        width=48,
        guidance_scale=5.0,
        num_images_per_prompt=2,
        generator=torch.Generator().manual_seed(7),
    )
    (said,) = of(captured, "model.request")
    assert {name: value for name, value in said.items() if name not in MEASURED} == REQUEST


def test_speed_is_steps_over_time(captured: Captured, pipeline: Any) -> None:
    """Of a request whose four steps took half a second each."""
    assert captured.clock is not None
    clock = captured.clock

    def tick(_pipeline: Any, _step: int, _timestep: Any, values: Any) -> Any:
        clock.advance(0.5)
        return values

    paint(pipeline, num_inference_steps=4, callback_on_step_end=tick)
    said = captured.one()
    assert (said["modeltally.generation.speed"], said["modeltally.generation.speed.unit"]) == (2.0, "{step}/s")


@pytest.mark.parametrize("output_type", ["pil", "np", "pt", "latent"])
@pytest.mark.parametrize("is_tuple", [False, True])
def test_size_and_number_are_the_results(
    captured: Captured, pipeline: Any, output_type: str, *, is_tuple: bool
) -> None:
    """Pictures, arrays and tensors are looked at themselves; what is not decoded has the size that was asked for."""
    paint(pipeline, output_type=output_type, height=32, width=64, return_dict=not is_tuple, num_images_per_prompt=3)
    said = captured.one()
    assert said["modeltally.output.count"] == 3
    assert (said["modeltally.image.width"], said["modeltally.image.height"]) == (64, 32)


def test_size_comes_from_the_result_where_nobody_asked(captured: Captured, pipeline: Any) -> None:
    """A pipeline has a size of its own."""
    pipeline("a lighthouse", num_inference_steps=1)
    assert captured.one()["modeltally.image.width"] == 64


def test_steps_are_those_that_ran(captured: Captured, pipeline: Any) -> None:
    """An interrupted request did two of five; a scheduler that goes round four times for three did three."""

    def interrupt(interrupted: Any, step: int, _timestep: Any, values: Any) -> Any:
        interrupted._interrupt = step >= 1
        return values

    paint(pipeline, num_inference_steps=5, callback_on_step_end=interrupt)
    pipeline.scheduler = diffusers.PNDMScheduler(skip_prk_steps=True, steps_offset=1)
    paint(pipeline, num_inference_steps=3)
    said = [
        (each["modeltally.diffusion.steps.completed"], each["modeltally.diffusion.steps.requested"])
        for each in captured.all()
    ]
    assert said == [(2, 5), (3, 3)]


@pytest.mark.parametrize("is_shown", [False, True])
def test_result_is_the_same_to_the_bit(pipeline: Any, *, is_shown: bool) -> None:
    """With us and without, under the same seed, with progress and without."""
    pipeline.set_progress_bar_config(disable=not is_shown)

    def result() -> Any:
        return paint(pipeline, generator=torch.Generator().manual_seed(3)).images

    watched = result()
    DiffusersInstrumentor().uninstrument()
    assert (result() == watched).all()


def test_errors_come_through_and_are_errors(captured: Captured, pipeline: Any) -> None:
    """The library's own exception, and what is known of the request."""
    with pytest.raises(ValueError, match="has to be of type"):
        pipeline(prompt=7, height=64, width=64)
    said = captured.one()
    assert (said["modeltally.outcome"], said["error.type"]) == ("error", "ValueError")
    assert said["modeltally.pipeline.class"] == "StableDiffusionPipeline"


def test_load_says_what_was_loaded(captured: Captured, folder: Path) -> None:
    """Weights, bytes in memory and on disk, format and source; parts of it are no loads of their own."""
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder)
    parts = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    weights = [weight for part in parts for weight in part.parameters()]
    files = list(folder.rglob("*.safetensors"))
    said = captured.one()
    assert {name.removeprefix("modeltally."): value for name, value in said.items()} == {
        "operation": "model.load",
        "outcome": "success",
        "source": "auto",
        "model.id": str(folder),
        "framework": "diffusers",
        "framework.version": diffusers.__version__,
        "pipeline.class": "StableDiffusionPipeline",
        "diffusion.scheduler": "DDIMScheduler",
        "device": "cpu",
        "load.source": "disk",
        "model.dtype": "float32",
        "model.format": "safetensors",
        "model.parameters": sum(weight.numel() for weight in weights),
        "model.memory.size": sum(weight.numel() * weight.element_size() for weight in weights),
        "model.size": sum(file.stat().st_size for file in files),
    }


def test_load_inside_a_request_is_its_cold_start(captured: Captured, folder: Path) -> None:
    """The request that waited says so, and for how long."""
    with modeltally.model_request("studio"):
        paint(diffusers.StableDiffusionPipeline.from_pretrained(folder))
    (_load,), (_inner, outer) = of(captured, "model.load"), of(captured, "model.request")
    assert outer["modeltally.model.cold_start"] is True
    assert "modeltally.model.load.duration" in outer


def test_load_before_the_first_request_of_a_message_is_its_cold_start(captured: Captured, folder: Path) -> None:
    """A service that loads when it is first asked: the request that follows waited, the next one and others did not."""
    early = diffusers.StableDiffusionPipeline.from_pretrained(folder)
    with modeltally.extract({}, attempt=1):
        pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder)
        for each in (early, pipeline, pipeline):
            paint(each)
    assert [each.get("modeltally.model.cold_start") for each in of(captured, "model.request")] == [None, True, None]


def test_pipeline_from_anothers_parts_loads_no_weights_again(captured: Captured, folder: Path) -> None:
    """It is a load of the same model, whose weights are counted with the first."""
    first = diffusers.StableDiffusionPipeline.from_pretrained(folder)
    second = diffusers.AutoPipelineForImage2Image.from_pipe(first)
    third = diffusers.StableDiffusionInpaintPipeline.from_pipe(second)
    loads = of(captured, "model.load")
    assert [each["modeltally.model.id"] for each in loads] == [str(folder)] * 3
    assert ["modeltally.model.memory.size" in each for each in loads] == [True, False, False]
    assert loads[1]["modeltally.pipeline.class"] == "StableDiffusionImg2ImgPipeline"
    assert third is not None


def test_one_part_alone_is_a_load(captured: Captured, folder: Path) -> None:
    """A model that is loaded outside of a pipeline."""
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder, subfolder="unet")
    said = captured.one()
    assert (said["modeltally.operation"], said["modeltally.pipeline.class"]) == ("model.load", "UNet2DConditionModel")
    assert said["modeltally.model.parameters"] == unet.num_parameters()


def test_unload_is_noticed_when_nobody_holds_it(captured: Captured, folder: Path) -> None:
    """By garbage collection, with the model, its size and how long it stayed; nothing is done in the finalizer."""
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder)
    load = captured.one()
    del pipeline
    gc.collect()
    said: list[Mapping[str, Any]] = []
    while not said:
        with modeltally.model_request("another"):
            pass
        said = of(captured, "model.unload")
    assert said[0]["modeltally.unload.reason"] == "gc"
    assert said[0]["modeltally.model.id"] == load["modeltally.model.id"]
    assert said[0]["modeltally.model.memory.size"] == load["modeltally.model.memory.size"]
    assert "modeltally.model.resident.duration" in said[0]


def test_moves_are_offloads_and_requests_say_the_mode(captured: Captured, pipeline: Any) -> None:
    """What a pipeline moves itself while it works is no offload of its own."""
    pipeline.to("cpu")
    pipeline.to(torch.float64)
    pipeline.to(torch.float32)
    pipeline.enable_model_cpu_offload(device="cpu")
    paint(pipeline)
    moves = of(captured, "model.offload")
    assert [(each["modeltally.offload.mode"], each["modeltally.device"]) for each in moves] == [
        ("none", "cpu"),
        ("model", "cpu"),
    ]
    assert of(captured, "model.request")[0]["modeltally.offload.mode"] == "model"


def test_loras_are_loaded_named_and_unloaded(captured: Captured, pipeline: Any, tmp_path: Path) -> None:
    """With where they came from and their scales, on every request while they are in effect."""
    peft = pytest.importorskip("peft", reason="make test-libraries installs it")
    config = peft.LoraConfig(r=2, target_modules=["to_q", "to_k"])
    pipeline.unet.add_adapter(config)
    state = peft.utils.get_peft_model_state_dict(pipeline.unet)
    diffusers.StableDiffusionPipeline.save_lora_weights(tmp_path, unet_lora_layers=state)
    pipeline.unet.delete_adapters(["default"])
    pipeline.load_lora_weights(str(tmp_path), adapter_name="ink")
    pipeline.set_adapters(["ink"], adapter_weights=[0.25])
    paint(pipeline)
    pipeline.unload_lora_weights()
    paint(pipeline)
    (load,), (unload,) = of(captured, "model.load"), of(captured, "model.unload")
    assert (load["modeltally.model.id"], load["modeltally.model.type"]) == (str(tmp_path), "lora")
    assert (unload["modeltally.model.id"], unload["modeltally.unload.reason"]) == (str(tmp_path), "manual")
    first, second = of(captured, "model.request")
    assert (first["modeltally.lora.names"], first["modeltally.lora.scales"]) == (str(tmp_path), "0.25")
    assert first["modeltally.lora.count"] == 1
    assert "modeltally.lora.count" not in second


def test_video_says_its_frames(captured: Captured) -> None:
    """Frames and size are those of the film."""
    pipeline = tiny.video_pipeline()
    pipeline(prompt="a b", height=16, width=16, num_frames=9, num_inference_steps=2, max_sequence_length=16)
    said = captured.one()
    assert said["gen_ai.output.type"] == "video"
    assert (said["modeltally.task"], said["modeltally.model.type"]) == ("text_to_video", "t2v")
    assert (said["modeltally.video.frames"], said["modeltally.output.count"]) == (9, 1)
    assert (said["modeltally.image.width"], said["modeltally.image.height"]) == (16, 16)


def test_pipelines_of_others_are_seen(captured: Captured) -> None:
    """A subclass with a signature of its own, and one that calls its base: each call is one request."""

    class Odd(diffusers.DiffusionPipeline):  # type: ignore[name-defined,misc] # no types
        def __init__(self) -> None:
            super().__init__()
            self.register_modules()

        def __call__(self, *words: str, **more: Any) -> object:
            return [words, more]

    class Odder(Odd):
        def __call__(self, /, what: str, *, loudly: bool = False) -> object:  # type: ignore[override] # on purpose
            return super().__call__(what, loudly=loudly)

    assert Odd()("a", "b", height="tall") == [("a", "b"), {"height": "tall"}]
    assert Odder()("c") == [("c",), {"loudly": False}]
    assert [each["modeltally.pipeline.class"] for each in captured.all()] == ["Odd", "Odder"]


def test_every_pipeline_is_reached(captured: Captured) -> None:
    """Each class with a ``__call__`` of its own, by a call of an instance that has nothing."""
    reached: set[str] = set()
    missed: set[str] = set()
    for name in sorted(dir(diffusers)):
        kind = getattr(diffusers, name, None)  # an old version lists one that it does not have
        if not isinstance(kind, type) or not issubclass(kind, diffusers.DiffusionPipeline) or "Pipeline" not in name:
            continue
        if not any("__call__" in vars(base) for base in kind.__mro__ if base is not object):
            continue
        stub: Any = object.__new__(kind)
        stub._internal_dict = {}
        diffusers.DiffusionPipeline.register_modules(stub)
        before = len(captured.exporter.get_finished_spans())
        with contextlib.suppress(BaseException):  # it has nothing: it cannot do anything
            stub()
        captured.deliver()
        spans = captured.exporter.get_finished_spans()[before:]
        is_seen = any((span.attributes or {}).get("modeltally.pipeline.class") == name for span in spans)
        (reached if is_seen else missed).add(name)
    sys.stdout.write(f"pipelines reached: {len(reached)} of {len(reached | missed)}\n")
    assert missed == set()
    assert len(reached) >= 200


def test_everything_is_put_back(pipeline: Any) -> None:
    """Every attribute of every module and class that was patched is the object it was."""
    paint(pipeline)
    DiffusersInstrumentor().uninstrument()
    before = everything_of("diffusers")
    DiffusersInstrumentor().instrument()
    tiny.image_pipeline()
    assert everything_of("diffusers") != before
    DiffusersInstrumentor().uninstrument()
    assert everything_of("diffusers") == before
