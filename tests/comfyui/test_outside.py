"""ComfyUI watched from outside, by a conversation with the real program: recorded, or held just now."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests

from comfyui import graphs
from libraries.fake_endpoint import FakeEndpoint, running_endpoint
from modeltally.cli import main
from modeltally.comfyui import Prompts
from modeltally.comfyui._watcher import Watcher
from modeltally.errors import ServerError
from modeltally.instrument._guard import problems
from support.environment import clean_environment
from support.sink import Sink
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from comfyui.conversation import Conversation
    from modeltally.testing import Captured

pytestmark = pytest.mark.timeout(900)  # the first of them may have to hold the conversation

ENDED: Final = {"execution_success": "success", "execution_error": "error", "execution_interrupted": "cancelled"}
NS_PER_MS: Final = 1_000_000
EMPTY: Final[dict[str, list[Any]]] = {"queue_running": [], "queue_pending": []}


@pytest.fixture
def endpoint() -> Iterator[FakeEndpoint]:
    """Run a server that answers as ComfyUI did."""
    with running_endpoint() as running:
        yield running


def told_of(captured: Captured) -> dict[str, dict[str, Any]]:
    """What was recorded, by the prompts' ids and names without prefix."""
    return {
        str(each["modeltally.correlation_id"]): {
            name.removeprefix("modeltally."): value for name, value in each.items()
        }
        for each in captured.all()
    }


def retell(conversation: Conversation) -> Prompts:
    """Tell the client all that was said, in its order."""
    prompts = Prompts(version=conversation.head["comfyui"])
    for each in conversation.said:
        body = each.get("body") or {}
        if "frame" in each:
            prompts.told(json.dumps(each["frame"]))
        elif each["path"] == "/prompt":
            who = {"user": "ann"} if "extra_data" in body else {}
            prompts.sent(body["prompt"], each["answer"], **who)  # type: ignore[arg-type] # a keyword of Values
        elif each["path"] == "/queue":
            for prompt_id in body.get("delete", ()):
                prompts.cancelled(prompt_id)
    return prompts


def is_as_the_history_says(conversation: Conversation, told: dict[str, dict[str, Any]]) -> None:
    """Compare what was recorded to the history, prompt by prompt."""
    assert told.keys() == {prompt_id for prompt_id, _ in conversation.sent}
    for prompt_id, entry in conversation.history.items():
        *_, (kind, data) = entry["status"]["messages"]
        cached = next(data["nodes"] for kind, data in entry["status"]["messages"] if kind == "execution_cached")
        files = [each for node in entry["outputs"].values() for each in node["images"]]
        said = told[prompt_id]
        assert said["outcome"] == ENDED[kind]
        assert said.get("error.type") == (data.get("exception_type", "").rpartition(".")[2] or None)
        assert said.get("node.failed") == data.get("node_type")
        assert (said["node.cached"], said["output.count"]) == (len(cached), len(files))
    for prompt_id in told.keys() - conversation.history.keys():
        assert conversation.names[prompt_id] == "taken out"
        assert (told[prompt_id]["outcome"], told[prompt_id]["never_started"]) == ("cancelled", True)


def test_messages_are_recorded_as_the_history_has_them(conversation: Conversation, captured: Captured) -> None:
    """Outcomes, errors, nodes that ran and that were cached, files and steps of fifty prompts."""
    assert retell(conversation).waiting == ()
    told = told_of(captured)
    assert len(told) == 50
    is_as_the_history_says(conversation, told)
    for prompt_id in conversation.history:
        assert told[prompt_id]["node.count"] == len(conversation.nodes(prompt_id))
        assert told[prompt_id].get("diffusion.steps.completed", 0) == conversation.steps(prompt_id)
    assert Counter(said["operation"] for said in told.values()) == {"model.request": 38, "comfyui.graph": 12}
    assert sum("user.hash" in said for said in told.values()) == 1
    assert problems() == {}


def test_texts_of_what_was_asked_stay_where_they_are(conversation: Conversation, captured: Captured) -> None:
    """Neither a prompt's nor an error's."""
    retell(conversation)
    text = json.dumps(captured.all(), default=str)
    assert "TinyBroken" in text
    assert not any(secret in text for secret in ("a sea", "fog", "a message that quotes the prompt"))


def test_what_was_not_told_is_settled_by_the_history(conversation: Conversation, captured: Captured) -> None:
    """After a connection that was lost at the beginning."""
    prompts = Prompts()
    for prompt_id, graph in conversation.sent:
        if prompt_id in conversation.history:
            prompts.sent(graph, {"prompt_id": prompt_id})
    prompts.settle(conversation.history)
    assert prompts.waiting == ()
    history = conversation.history
    outcomes = Counter(ENDED[entry["status"]["messages"][-1][0]] for entry in history.values())
    assert Counter(said["modeltally.outcome"] for said in captured.all()) == outcomes


def test_message_that_nobody_understands_is_passed_over(captured: Captured) -> None:
    """Previews, broken text, prompts of others, another form."""
    prompts = Prompts()
    prompts.sent(graphs.painted(1), {"prompt_id": "1"})
    others = {"type": "execution_success", "data": {"prompt_id": "2"}}
    for message in (b"\x00\x01", "{", "[]", {"type": "status", "data": None}, {"type": "progress"}, others):
        prompts.told(message)
    prompts.settle({"1": {"prompt": "of another form"}})
    assert prompts.waiting == ("1",)
    prompts.told({"type": "execution_success", "data": {"prompt_id": "1"}})
    assert captured.one()["modeltally.outcome"] == "success"


def test_graph_that_is_refused_is_no_prompt(captured: Captured) -> None:
    """The server's answer has no id."""
    prompts = Prompts()
    prompts.sent(graphs.painted(1), {"error": {"type": "prompt_no_outputs"}, "node_errors": {}})
    assert prompts.waiting == ()
    assert captured.all() == []


def answers(conversation: Conversation, path: str) -> list[Any]:
    """What was answered to a question."""
    return [each["answer"] for each in conversation.said if each.get("path") == path and each["body"] is None]


def test_watched_server_is_recorded_as_its_history_has_it(
    conversation: Conversation, captured: Captured, endpoint: FakeEndpoint
) -> None:
    """Looked at while prompts wait and when all is over: fifty rows, with the history's own times."""
    waiting, *_ = answers(conversation, "/queue")
    endpoint.answers["/system_stats"], *_ = answers(conversation, "/system_stats")
    endpoint.answers |= {"/queue": waiting, "/history": {}}
    with requests.Session() as session:
        first = min(entry["status"]["messages"][0][1]["timestamp"] for entry in conversation.history.values())
        watcher = Watcher(endpoint.url, session, now_ns=lambda: (first - 1000) * NS_PER_MS)
        assert watcher.look() == 0
        endpoint.answers |= {"/queue": EMPTY, "/history": conversation.history}
        endpoint.answers |= {f"/history/{each}": {} for each in conversation.names}
        assert watcher.look() == 50
        assert watcher.look() == 0
    is_as_the_history_says(conversation, told_of(captured))
    for span in captured.spans():
        entry = conversation.history.get(str((span.attributes or {})["modeltally.correlation_id"]))
        if entry is None:
            continue
        begun, *_, ended = [data["timestamp"] * NS_PER_MS for _, data in entry["status"]["messages"]]
        assert (span.start_time, span.end_time) == (begun, ended)
    assert sum("modeltally.queue.duration" in each for each in captured.all()) == len(waiting["queue_pending"])


def test_server_that_is_watched_twice_counts_once(
    conversation: Conversation, captured: Captured, endpoint: FakeEndpoint
) -> None:
    """Two watchers, one after the other, give the same operations the same ids."""
    endpoint.answers |= {"/system_stats": {}, "/queue": EMPTY, "/history": conversation.history}
    with requests.Session() as session:
        for _ in range(2):
            assert Watcher(endpoint.url, session).look() == len(conversation.history)
    ids = Counter((span.context.trace_id, span.context.span_id, span.start_time) for span in captured.spans())
    assert set(ids.values()) == {2}
    assert len(ids) == len(conversation.history)


def test_prompt_that_is_far_back_in_the_history_was_not_taken_out(
    conversation: Conversation, captured: Captured, endpoint: FakeEndpoint
) -> None:
    """It left the queue, and so much happened since that it is not among the newest: it is asked for by itself."""
    prompt_id, entry = next(iter(conversation.history.items()))
    waiting = {**EMPTY, "queue_pending": [entry["prompt"]]}
    endpoint.answers |= {
        "/system_stats": {},
        "/queue": waiting,
        "/history": {},
        f"/history/{prompt_id}": {prompt_id: entry},
    }
    with requests.Session() as session:
        watcher = Watcher(endpoint.url, session)
        assert watcher.look() == 0
        endpoint.answers["/queue"] = EMPTY
        assert [watcher.look(), watcher.look()] == [1, 0]
    assert captured.one()["modeltally.outcome"] == "success"


def test_server_that_is_none_is_told(endpoint: FakeEndpoint) -> None:
    """Another program, or none at all."""
    endpoint.answers["/system_stats"] = ["another program"]
    with requests.Session() as session:
        with pytest.raises(ServerError, match="/system_stats"):
            Watcher(endpoint.url, session).look()
        with pytest.raises(ServerError, match="gives no answer"):
            Watcher("http://127.0.0.1:1", session).look()


def test_command_records_a_history(
    conversation: Conversation,
    endpoint: FakeEndpoint,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """``modeltally comfyui URL --once`` says how many, and they arrive under a name with the server's."""
    monkeypatch.setenv("MODELTALLY_DIR", str(tmp_path))
    endpoint.answers |= {"/system_stats": {}, "/queue": EMPTY, "/history": conversation.history}
    sink = Sink()
    try:
        with pytest.raises(SystemExit) as ended:
            main(["comfyui", endpoint.url, "--once", "--endpoint", sink.url])
        assert ended.value.code == 0
        assert f"{len(conversation.history)} prompts recorded" in capsys.readouterr().out
        assert sink.wait_for(lambda: len(sink.operations) == len(conversation.history))
        services = {each.resource["service.name"] for each in sink.operations}
    finally:
        sink.close()
    assert services == {f"comfyui {endpoint.url.removeprefix('http://')}"}


def test_command_goes_on_until_it_is_stopped(conversation: Conversation, tmp_path: Path) -> None:
    """A server that is away for a while is asked again; SIGTERM ends it, and what it recorded arrives once."""
    sink, log = Sink(), tmp_path / "log"
    command = [str(Path(sys.executable).parent / "modeltally"), "comfyui"]
    environment = {**clean_environment(), "MODELTALLY_DIR": str(tmp_path)}
    with contextlib.ExitStack() as stack:
        stack.callback(sink.close)
        endpoint = stack.enter_context(running_endpoint())
        output = stack.enter_context(log.open("wb"))
        process = stack.enter_context(
            subprocess.Popen(
                [*command, endpoint.url, "--every", "0.1", "--endpoint", sink.url],
                env=environment,
                stdout=output,
                stderr=output,
            )
        )
        stack.callback(process.kill)
        assert wait_until(lambda: "trying again" in log.read_text())
        endpoint.answers |= {"/system_stats": {}, "/queue": EMPTY, "/history": conversation.history}
        assert sink.wait_for(lambda: len(sink.operations) == len(conversation.history))
        seen = len(endpoint.asked)
        assert wait_until(lambda: len(endpoint.asked) > seen + 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert len(sink.operations) == len(conversation.history)
    assert log.read_text().count("trying again") == 1


@pytest.mark.parametrize(("address", "code"), [("localhost:8188", 2), ("ftp://here", 2), ("http://127.0.0.1:1", 4)])
def test_command_refuses_what_is_no_server(
    address: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code of bad input, or of a server that cannot be reached."""
    monkeypatch.setenv("MODELTALLY_DIR", str(tmp_path))
    with pytest.raises(SystemExit) as ended:
        main(["comfyui", address, "--once", "--endpoint", "http://127.0.0.1:1"])
    assert ended.value.code == code
    assert address in capsys.readouterr().err
