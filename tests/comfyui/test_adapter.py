"""The hooks into ComfyUI, on a stand-in with its names: what cannot be brought about with the real program at will."""

from __future__ import annotations

import gc
import importlib
import logging
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from libraries.patches import everything_of
from modeltally.instrument import _late
from modeltally.instrument._guard import problems
from modeltally.instrument.libraries._installed import auto_instrument
from modeltally.instrument.libraries.comfy import ComfyInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.testing import Captured

STAND_IN: Final = Path(__file__).with_name("stand_in")
NAMES: Final = ("execution", "comfyui_version", "comfy")
GRAPH: Final[dict[str, Any]] = {
    "1": {"class_type": "Loader", "inputs": {"ckpt_name": "a.safetensors"}},
    "2": {"class_type": "Sampler", "inputs": {"model": ["1", 0], "latent_image": ["3", 0], "steps": 4, "seed": 1}},
    "3": {"class_type": "Latent", "inputs": {}},
}


class Weights:
    """A module of torch's, without any."""

    def named_modules(self) -> list[Any]:
        """Give its parts."""
        return []

    def parameters(self) -> list[Any]:
        """Give its weights."""
        return []


class Patcher:
    """What ComfyUI holds a model in."""

    load_device = "cuda:0"

    def __init__(self) -> None:
        self.model = Weights()

    def loaded_size(self) -> int:
        """Say what it takes."""
        return 7


class Node:
    """A node that does as it is told."""

    def __init__(self, does: Any) -> None:
        self._does = does

    def run(self, **_: Any) -> Any:
        """Do it."""
        return self._does()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of a stand-in that can be changed, and is gone from memory afterwards."""
    place = tmp_path / "ComfyUI"
    shutil.copytree(STAND_IN, place)
    monkeypatch.syspath_prepend(str(place))
    yield place
    ComfyInstrumentor().uninstrument()
    for name in [each for each in sys.modules if each.partition(".")[0] in NAMES]:
        del sys.modules[name]


def started() -> tuple[Any, Any, Any]:
    """Import it as ComfyUI's start does."""
    names = ("comfy.model_management", "comfy.samplers", "execution")
    modules: list[Any] = [importlib.import_module(name) for name in names]
    management, samplers, execution = modules
    execution.NODES |= {"Latent": Node(lambda: None), "Loader": Node(Patcher), "Sampler": Node(lambda: None)}
    return execution, management, samplers


def execute(execution: Any, prompt_id: str = "p", extra: Any = None) -> Any:
    """Queue a prompt and run it."""
    queue, executor = execution.PromptQueue(), execution.PromptExecutor()
    queue.put((0, prompt_id, GRAPH, extra or {}, ["2"]))
    queue.queue.clear()
    executor.execute(GRAPH, prompt_id, extra or {}, ["2"])
    return executor


def requests(captured: Captured) -> list[dict[str, Any]]:
    """What was recorded of prompts."""
    return [dict(each) for each in captured.all() if "modeltally.correlation_id" in each]


@pytest.mark.usefixtures("folder")
def test_instrumented_before_or_after_its_import(captured: Captured) -> None:
    """By name, among all the libraries; each prompt is one request."""
    assert auto_instrument(["comfy"]) == ("comfy",)
    execution, *_ = started()
    execute(execution)
    ComfyInstrumentor().uninstrument()
    execute(execution)
    ComfyInstrumentor().instrument()
    execute(execution)
    assert [each["modeltally.model.id"] for each in requests(captured)] == ["a.safetensors"] * 2
    assert problems() == {}


@pytest.mark.usefixtures("folder")
def test_everything_is_put_back() -> None:
    """Every attribute of every module and class is the object it was."""
    started()
    before = [everything_of(name) for name in NAMES]
    ComfyInstrumentor().instrument()
    changed = [everything_of(name) for name in NAMES]
    assert sum(one[key] != other[key] for one, other in zip(before, changed, strict=True) for key in one) == 10
    ComfyInstrumentor().uninstrument()
    assert [everything_of(name) for name in NAMES] == before


def test_module_of_the_same_name_is_left_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Anybody may call a module ``execution``: without ComfyUI's version beside it nothing is touched or said."""
    (folder / "comfyui_version.py").unlink()
    ComfyInstrumentor().instrument()
    before = started()[0].PromptQueue.put
    assert before is vars(sys.modules["execution"].PromptQueue)["put"]
    assert not hasattr(before, "__wrapped__")
    assert caplog.records == []


def test_unknown_version_is_left_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With one warning that says which."""
    (folder / "comfyui_version.py").write_text('__version__ = "3.0.1"\n')
    with caplog.at_level(logging.WARNING):
        ComfyInstrumentor().instrument()
        ComfyInstrumentor().instrument()
    assert not ComfyInstrumentor().is_instrumented
    (record,) = caplog.records
    assert "3.0.1" in record.getMessage()


def test_version_without_the_executor_is_left_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What requests cannot be counted without is gone: nothing stays hooked in, and one warning says so."""
    text = (folder / "execution.py").read_text().replace("handle_execution_error", "on_error")
    (folder / "execution.py").write_text(text)
    ComfyInstrumentor().instrument()
    _, management, _ = started()
    assert not ComfyInstrumentor().is_instrumented
    assert not hasattr(management.LoadedModel.model_load, "__wrapped__")
    assert len(caplog.records) == 1


def test_version_without_nodes_counts_requests(
    folder: Path, captured: Captured, caplog: pytest.LogCaptureFixture
) -> None:
    """What only tells more is gone: it is missing, and the log says what."""
    text = (folder / "execution.py").read_text().replace("get_output_data", "run_node")
    (folder / "execution.py").write_text(text)
    ComfyInstrumentor().instrument()
    execute(started()[0])
    (said,) = requests(captured)
    assert (said["modeltally.outcome"], said["modeltally.node.count"]) == ("success", 0)
    assert "get_output_data" in caplog.text


@pytest.mark.usefixtures("folder")
def test_prompt_waits_until_it_is_executed(captured: Captured) -> None:
    """The wait is the queue's; the duration begins afterwards; a second one with the same id is another one."""
    ComfyInstrumentor().instrument()
    execution, *_ = started()
    queue, executor = execution.PromptQueue(), execution.PromptExecutor()
    assert captured.clock is not None
    clock = captured.clock
    execution.NODES["Sampler"] = Node(lambda: clock.advance(2.0))
    for _ in range(2):
        queue.put((0, "p", GRAPH, {}, ["2"]))
    clock.advance(5.0)
    for _ in range(2):
        executor.execute(GRAPH, "p", {}, ["2"])
    assert [each["modeltally.queue.duration"] for each in requests(captured)] == [5.0, 7.0]
    assert [each["modeltally.concurrency"] for each in requests(captured)] == [1, 1]
    spans = [span for span in captured.spans() if "modeltally.correlation_id" in (span.attributes or {})]
    assert [(span.end_time or 0) - (span.start_time or 0) for span in spans] == [2 * 10**9] * 2
    said = requests(captured)[0]
    assert (said["modeltally.node.slowest"], said["modeltally.node.slowest.duration"]) == ("Sampler", 2.0)


@pytest.mark.usefixtures("folder")
def test_prompts_that_leave_the_queue_are_cancelled(captured: Captured) -> None:
    """One by one, or all at once; those that stay wait on."""
    ComfyInstrumentor().instrument()
    queue = started()[0].PromptQueue()
    for name in "abc":
        queue.put((0, name, GRAPH, {}, ["2"]))
    assert queue.delete_queue_item(lambda item: item[1] == "b")
    assert [each["modeltally.correlation_id"] for each in requests(captured)] == ["b"]
    queue.wipe_queue()
    assert [each["modeltally.correlation_id"] for each in requests(captured)] == ["b", "a", "c"]
    assert {each["modeltally.outcome"] for each in requests(captured)} == {"cancelled"}
    assert all(each["modeltally.never_started"] for each in requests(captured))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("raised", "outcome", "kind"),
    [
        (KeyError("a sea"), "error", "KeyError"),
        (MemoryError(), "error", "out_of_memory"),
        ("interruption", "cancelled", None),
    ],
)
def test_node_that_raises_ends_the_request(
    captured: Captured, raised: Exception | str, outcome: str, kind: str | None
) -> None:
    """With the error's class and the node's, or as cancelled; the executor goes on as ever."""
    ComfyInstrumentor().instrument()
    execution, management, _ = started()
    error = management.InterruptProcessingException() if isinstance(raised, str) else raised

    def fail() -> None:
        raise error

    execution.NODES["Sampler"] = Node(fail)
    assert not execute(execution).success
    (said,) = requests(captured)
    assert (said["modeltally.outcome"], said.get("error.type")) == (outcome, kind)
    assert said["modeltally.node.failed"] == "Sampler"
    assert "a sea" not in str(said)


@pytest.mark.usefixtures("folder")
def test_error_of_the_executor_comes_through(captured: Captured) -> None:
    """It raises by itself, as for a node of no known class."""
    ComfyInstrumentor().instrument()
    execution, *_ = started()
    del execution.PromptExecutor.__init__
    with pytest.raises(AttributeError):
        execution.PromptExecutor.execute(object(), GRAPH, "p", {}, [])
    (said,) = requests(captured)
    assert (said["modeltally.outcome"], said["error.type"]) == ("error", "AttributeError")


@pytest.mark.usefixtures("folder")
def test_item_of_another_form_goes_through(captured: Captured) -> None:
    """It is counted as a problem, and is in the queue."""
    ComfyInstrumentor().instrument()
    queue = started()[0].PromptQueue()
    queue.put(("of", "another", "form"))
    assert queue.queue == [("of", "another", "form")]
    assert sum(problems().values()) == 1
    assert captured.all() == []


@pytest.mark.usefixtures("folder")
def test_steps_are_those_that_the_sampler_took(captured: Captured) -> None:
    """Counted before the callback that was given, by name, by place, or not at all."""
    ComfyInstrumentor().instrument()
    execution, _, samplers = started()
    seen: list[int] = []

    def callback(step: int, *_: Any) -> None:
        seen.append(step)

    def sample() -> None:
        guider = samplers.CFGGuider()
        assert guider.sample(0, "latent", 0, [3.0, 2.0, 0.0], None, callback) == "latent"
        guider.sample(0, 0, 0, [3.0, 2.0, 0.0], callback=callback)
        guider.sample(0, 0, 0, [3.0, 0.0])

    execution.NODES["Sampler"] = Node(sample)
    execute(execution)
    assert seen == [0, 1, 0, 1]
    (said,) = requests(captured)
    assert (said["modeltally.diffusion.steps.completed"], said["modeltally.diffusion.steps.requested"]) == (5, 4)


@pytest.mark.usefixtures("folder")
def test_model_comes_and_goes(captured: Captured) -> None:
    """From the disk; away to make room, by hand, for want of memory; back from memory; unasked in the end."""
    ComfyInstrumentor().instrument()
    execution, management, _ = started()
    assert captured.clock is not None
    clock, held = captured.clock, [Patcher()]
    loaded = management.LoadedModel(held[0])
    execution.NODES["Loader"] = Node(lambda: held[0])
    execution.NODES["Sampler"] = Node(loaded.model_load)
    execute(execution)
    clock.advance(3.0)
    assert not loaded.model_unload(5)  # a part stays
    assert loaded.model_unload()
    assert loaded.model_unload()  # it is gone already
    management.LOADED.append(loaded)
    loaded.model_load()
    management.unload_all_models()
    loaded.model_load()
    try:
        bytearray(sys.maxsize)
    except MemoryError:
        management.unload_all_models()
    loaded.model_load()
    management.LOADED.clear()
    execution.NODES.clear()
    held.clear()
    del loaded
    gc.collect()
    left = [dict(record.values) for record in _late.take()]
    told = [
        (each["modeltally.operation"], each.get("modeltally.unload.reason") or each["modeltally.load.source"])
        for each in captured.all()
        if each["modeltally.operation"] != "model.request"
    ]
    told += [("model.unload", each["unload_reason"]) for each in left]
    assert told == [
        ("model.load", "disk"),
        ("model.unload", "evict"),
        ("model.load", "cache"),
        ("model.unload", "manual"),
        ("model.load", "cache"),
        ("model.unload", "oom"),
        ("model.load", "cache"),
        ("model.unload", "gc"),
    ]
    first = next(each for each in captured.all() if each.get("modeltally.unload.reason") == "evict")
    assert (first["modeltally.memory.freed"], first["modeltally.model.resident.duration"]) == (7, 3.0)
    assert {each["modeltally.device"] for each in captured.all()} == {"cuda:0"}
