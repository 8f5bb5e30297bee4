"""Fifty graphs through the real ComfyUI, watched from within: rows are what its history and its messages say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from comfyui import graphs
from comfyui.conftest import KEY, RECORDED
from comfyui.conversation import Conversation
from comfyui.program import running
from modeltally.instrument import _names as names
from support.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from comfyui.conftest import Real

pytestmark = pytest.mark.slow(seconds=120, why="the real ComfyUI, twice")

MODELS: Final = {"turned": "", "enlarged": graphs.UPSCALER, "another": graphs.OTHER}
ENDED: Final = {"execution_success": "success", "execution_error": "error", "execution_interrupted": "cancelled"}
OUTCOMES: Final = {"success": 44, "cancelled": 5, "error": 1}
LOADERS: Final = ("CheckpointLoaderSimple", "UpscaleModelLoader", "LoraLoader")


def prompts(real: Real) -> dict[str, dict[str, Any]]:
    """The rows of prompts, by their ids."""
    return {row["correlation_id"]: row for row in real.rows if row["correlation_id"]}


def said(real: Real) -> dict[str, dict[str, str]]:
    """All that was recorded of prompts, by their ids and names without prefix."""
    return {
        each["modeltally.correlation_id"]: {name.removeprefix("modeltally."): value for name, value in each.items()}
        for each in real.spans
        if "modeltally.correlation_id" in each
    }


def test_every_prompt_is_one_row(real: Real) -> None:
    """Fifty prompts, fifty rows, though both doors are open: as many of each outcome as were brought about."""
    conversation = real.conversation
    rows = [row for row in real.rows if row["correlation_id"]]
    assert len(conversation.sent) == len(rows) == 50
    assert {row["correlation_id"] for row in rows} == {prompt_id for prompt_id, _ in conversation.sent}
    assert Counter(row["outcome"] for row in rows) == OUTCOMES


def test_outcomes_are_the_histories(real: Real) -> None:
    """Success, error and interruption, the error's class and its node; what left the queue is in no history."""
    history, rows, told = real.conversation.history, prompts(real), said(real)
    for prompt_id, entry in history.items():
        *_, (kind, data) = entry["status"]["messages"]
        row = rows[prompt_id]
        assert row["outcome"] == ENDED[kind]
        assert (
            (row["outcome"] == "success")
            == entry["status"]["completed"]
            == (entry["status"]["status_str"] == "success")
        )
        assert row["error_type"] == data.get("exception_type", "").rpartition(".")[2]
        assert told[prompt_id].get("node.failed") == data.get("node_type")
        assert not row["is_never_started"]
    taken_out = rows.keys() - history.keys()
    assert {real.conversation.names[each] for each in taken_out} == {"taken out"}
    assert all(rows[each]["is_never_started"] and rows[each]["outcome"] == "cancelled" for each in taken_out)


def test_prompts_ran_in_the_order_of_the_history(real: Real) -> None:
    """By the starts of the rows, and by when it says that each began; each had waited."""
    history, rows = real.conversation.history, prompts(real)
    begun = {each: entry["status"]["messages"][0][1]["timestamp"] for each, entry in history.items()}
    assert sorted(history, key=lambda each: rows[each]["start"]) == sorted(history, key=lambda each: begun[each])
    assert all(row["queue_us"] is not None for row in rows.values())


def test_nodes_are_those_that_it_tells_of(real: Real) -> None:
    """How many ran and how many were cached, of each prompt; of a repeated one none ran."""
    conversation, told = real.conversation, said(real)
    for prompt_id, entry in conversation.history.items():
        cached = next(data["nodes"] for kind, data in entry["status"]["messages"] if kind == "execution_cached")
        ran = conversation.nodes(prompt_id)
        assert int(told[prompt_id]["node.count"]) == len(ran)
        assert int(told[prompt_id]["node.cached"]) == len(cached)
        graph = entry["prompt"][2]
        if ran:
            assert told[prompt_id]["node.slowest"] in {graph[node]["class_type"] for node in ran}
    (repeated,) = [each for each, name in conversation.names.items() if name == "repeated"]
    assert (told[repeated]["node.count"], told[repeated]["node.cached"]) == ("0", str(len(graphs.painted(0))))
    assert prompts(real)[repeated]["outcome"] == "success"


def test_models_steps_and_sizes_are_the_graphs(real: Real) -> None:
    """What was asked for, and of what was done what it tells: steps, files."""
    conversation, rows, history = real.conversation, prompts(real), real.conversation.history
    for prompt_id, graph in conversation.sent:
        row, name = rows[prompt_id], conversation.names[prompt_id]
        assert row["model"] == MODELS.get(name, graphs.CHECKPOINT)
        assert row["operation"] == ("comfyui.graph" if name == "turned" else "model.request")
        if prompt_id in history:
            files = [each for node in history[prompt_id]["outputs"].values() for each in node["images"]]
            assert row["output_count"] == len(files)
            assert (row["steps_completed"] or 0) == conversation.steps(prompt_id)
        if "6" in graph:
            asked = graph.get("13", graph["6"])["inputs"]
            assert row["steps_requested"] == asked["steps"]
            assert (row["image_width"], row["image_height"]) == ((64, 64) if name == "repainted" else (64, 96))
            assert row["task"] == ("image_to_image" if name == "repainted" else "text_to_image")
        if name == "enlarged":
            assert (row["task"], row["image_width"], row["image_height"]) == ("upscale", 48, 32)
        scales = [node["inputs"]["strength_model"] for node in graph.values() if node["class_type"] == "LoraLoader"]
        assert (row["lora_count"], row["loras"]) == (len(scales), graphs.LORA if scales else "")


def test_who_asks_comes_with_the_prompt(real: Real) -> None:
    """By what a client injected into its extra data, and in no other row."""
    named = [row for row in real.rows if row["project"] == "posters" and row["user_hash"]]
    assert {real.conversation.names[row["correlation_id"]] for row in named if row["correlation_id"]} == {
        "for somebody"
    }


def test_loads_are_the_loaders_that_ran(real: Real) -> None:
    """Each from the disk, a LoRA's file only once; requests that waited for one are cold starts, and no others."""
    conversation = real.conversation
    ran: Counter[str] = Counter()
    for prompt_id, graph in conversation.sent:
        ran.update(graph[node]["class_type"] for node in conversation.nodes(prompt_id))
    loads = [row for row in real.rows if row["operation"] == "model.load" and row["load_source"] == "disk"]
    kinds = Counter(row["model_type"] for row in loads)
    assert kinds["checkpoint"] == ran["CheckpointLoaderSimple"] > 1
    assert kinds["upscaler"] == ran["UpscaleModelLoader"] == 1
    assert 1 <= kinds["lora"] <= ran["LoraLoader"]
    assert {row["size_bytes"] > 0 for row in loads} == {True}
    cold = {each for each, row in prompts(real).items() if row["is_cold_start"]}
    placed = {each for each, name in conversation.names.items() if name == "another"}
    loading = {
        prompt_id
        for prompt_id, graph in conversation.sent
        if any(graph[node]["class_type"] in LOADERS for node in conversation.nodes(prompt_id))
    }
    assert placed <= cold
    assert cold <= loading | placed


def test_model_that_had_to_leave_is_loaded_again(real: Real) -> None:
    """Told to unload, it is unloaded by hand, and loaded from memory by the next prompt; others are let go unasked."""
    told = [
        (row["operation"], row["unload_reason"] or row["load_source"])
        for row in real.rows
        if row["model"] == graphs.OTHER and row["operation"] in ("model.load", "model.unload")
    ]
    assert told[:3] == [("model.load", "disk"), ("model.unload", "manual"), ("model.load", "cache")]
    gone = {row["model"] for row in real.rows if row["unload_reason"] == "gc"}
    assert graphs.UPSCALER in gone


def test_nothing_that_was_asked_leaves(real: Real) -> None:
    """No prompt and no error's message is in what was recorded; their hash and length are."""
    texts = [value for each in real.spans for value in each.values()]
    for secret in ("a sea", "fog", "a message that quotes the prompt", "Traceback"):
        assert not any(secret in text for text in texts)
    assert Counter(each.get("modeltally.prompt.length") for each in real.spans)["5"] == 30
    (site,) = {row["error_site"] for row in real.rows} - {""}
    assert site == "tiny_nodes:TinyBroken.run"


def test_nothing_went_wrong_inside(real: Real) -> None:
    """The process counted no problem, up to its last word."""
    assert any(each.get(names.HEARTBEAT_GOODBYE) == "true" for each in real.heartbeats)
    assert not [name for each in real.heartbeats for name in each if name.startswith(names.HEARTBEAT_PROBLEMS)]


def test_custom_node_alone_does_it(comfyui: Path, models: Path, tmp_path: Path) -> None:
    """ComfyUI started as ever, with the file among its custom nodes."""
    (tmp_path / "models").symlink_to(models)
    sink = Sink()
    variables = {"MODELTALLY_OTLP_ENDPOINT": sink.url, "MODELTALLY_USER_KEY": KEY}
    try:
        with running(comfyui, tmp_path, variables=variables, has_node=True) as client:
            prompt_id = client.send(graphs.painted(1))
            client.wait_until_idle()
        assert sink.wait_for(lambda: any(each["goodbye"] for each in sink.heartbeats if "goodbye" in each))
    finally:
        sink.close()
    told = [(each.name, each.attributes.get("modeltally.correlation_id")) for each in sink.operations]
    assert told == [
        (f"load {graphs.CHECKPOINT}", None),
        (f"generate_content {graphs.CHECKPOINT}", prompt_id),
    ]


def shapes(things: Iterable[Mapping[str, Any]]) -> set[str]:
    """Say of which forms the things are that were said, without their values."""
    return {
        f"{each.get('path', each.get('frame', {}).get('type'))} {form(each.get('frame', each), set())}"
        for each in things
    }


def form(value: Any, ids: set[str]) -> Any:
    """Give the form of a value: the names in objects, but for ids, and the types of the rest."""
    if isinstance(value, dict):
        if value and all(name.isdigit() or len(name) == len("b78aabc5-45d1-4499-b02b-74d223b92622") for name in value):
            return {"id": sorted({str(form(each, ids)) for each in value.values()})}
        return {name: form(each, ids) for name, each in sorted(value.items()) if name not in ("argv", "current_inputs")}
    if isinstance(value, list):
        return sorted({str(form(each, ids)) for each in value})
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def test_recorded_conversation_has_the_form_of_this_one(real: Real) -> None:
    """Every kind of answer and message has the same names and types; where that differs, record anew."""
    recorded = Conversation.read(RECORDED)
    remedy = "COMFYUI_RECORD=1 COMFYUI_DIR=... make test-comfyui records anew"
    assert shapes(recorded.said) == shapes(real.conversation.kept()), remedy
