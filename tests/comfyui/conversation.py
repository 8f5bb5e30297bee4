"""A conversation with ComfyUI: fifty graphs and what came of them, held with the real program or read from a file.

The file has one JSON object a line: first which ComfyUI said it and when, then every request with its answer and every
message of the web socket, in their order. Paths of the machine are not in it, and of the reports of progress, which are
most of what is said, only those that a client needs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from comfyui import graphs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from comfyui.program import Client

__all__ = ["Conversation", "hold"]

SLOW: Final = "9"  # the node of an endless graph that waits
_LEFT_OUT: Final = frozenset({"status", "progress_state"})


@dataclass
class Conversation:
    """What was said.

    Attributes:
        head: Which ComfyUI said it, and when.
        said: Requests with their answers, and messages.
        names: What each prompt is, by its id.
    """

    head: dict[str, Any]
    said: list[dict[str, Any]]
    names: dict[str, str] = field(default_factory=dict)

    @property
    def sent(self) -> list[tuple[str, dict[str, Any]]]:
        """The prompts that were taken, with their graphs."""
        asked = [each for each in self.said if each.get("path") == "/prompt" and each["status"] == 200]
        return [(each["answer"]["prompt_id"], each["body"]["prompt"]) for each in asked]

    @property
    def history(self) -> dict[str, Any]:
        """What the history had at the end."""
        answers: list[dict[str, Any]] = [each["answer"] for each in self.said if each.get("path") == "/history"]
        return answers[-1]

    def frames(self, prompt_id: str, kind: str) -> list[dict[str, Any]]:
        """Return what was told of a prompt by messages of one kind."""
        frames = [each["frame"] for each in self.said if "frame" in each]
        return [each["data"] for each in frames if each["type"] == kind and each["data"].get("prompt_id") == prompt_id]

    def nodes(self, prompt_id: str) -> set[str]:
        """Return the nodes of a prompt that ran, as it was told."""
        told = self.frames(prompt_id, "executing")
        return {each["node"] for each in told if each["node"] is not None}

    def steps(self, prompt_id: str) -> int:
        """Return how many steps a sampler did, as it was told."""
        kinds = {name: node["class_type"] for name, node in dict(self.sent)[prompt_id].items()}
        told = self.frames(prompt_id, "progress")
        return max((each["value"] for each in told if "Sampler" in kinds[each["node"]]), default=0)

    def write(self, path: Path, *, without: Mapping[str, str]) -> None:
        """Write it to a file.

        Args:
            path: The file.
            without: What is to be written instead of some texts, such as this machine's folders.
        """
        lines = [self.head, *self.kept(), {"names": self.names}]
        text = "".join(f"{json.dumps(line, separators=(',', ':'))}\n" for line in lines)
        for old, new in without.items():
            text = text.replace(json.dumps(old)[1:-1], new)
        path.write_text(text)

    def kept(self) -> list[dict[str, Any]]:
        """Return what is written of what was said."""
        return [each for each in self.said if each.get("frame", {}).get("type") not in _LEFT_OUT]

    @classmethod
    def read(cls, path: Path) -> Conversation:
        """Read it from a file."""
        head, *said, names = (json.loads(line) for line in path.read_text().splitlines())
        return cls(head, said, names["names"])


def hold(client: Client, extra: Mapping[str, Any], unloads: Callable[[], int]) -> Conversation:
    """Send fifty graphs, and one that is refused.

    Args:
        client: The client.
        extra: What one of them has beside its graph: who asks.
        unloads: Counts the models that had to leave so far.
    """
    names: dict[str, str] = {}

    def send(name: str, graph: Mapping[str, Any], **more: Any) -> str:
        prompt_id = client.send(graph, **more)
        names[prompt_id] = name
        return prompt_id

    system = client.ask("/system_stats")["system"]
    # all at once: they wait for each other
    for number in range(12):
        send("turned", graphs.turned(number))
    for number in range(8):
        send("enlarged", graphs.enlarged(number))
    for number in range(10):
        send("painted", graphs.painted(number, batch=1 + number % 2))
    for number in range(4):
        send("with a LoRA", graphs.painted(number, lora=0.5 + number / 10))
    for number in range(3):
        send("repainted", graphs.repainted(number))
    for number in range(2):
        send("custom", graphs.custom(number))
    send("broken", graphs.broken(1))
    send("painted", graphs.painted(1000))
    send("repeated", graphs.painted(1000))
    send("for somebody", graphs.painted(2000), extra_data=dict(extra))
    assert client.ask("/prompt", {"prompt": {"1": {"class_type": "NoSuchNode", "inputs": {}}}})["error"]
    # some that are never done, and some that wait for them
    endless = [send("interrupted", graphs.endless(number)) for number in range(3)]
    waiting = [send("taken out", graphs.painted(3000 + number)) for number in range(2)]
    for number, prompt_id in enumerate(endless):
        client.wait_for(lambda told=prompt_id: client.has_told(told, "executing", node=SLOW))  # type: ignore[misc]
        if number == 0:
            client.ask("/queue")
            client.ask("/queue", {"delete": waiting})
        client.ask("/interrupt", {})
        client.wait_for(lambda told=prompt_id: client.has_told(told, "execution_interrupted"))  # type: ignore[misc]
    # another model; it has to leave, and is needed again
    send("another", graphs.painted(1, model=graphs.OTHER))
    client.wait_until_idle()
    before = unloads()
    client.ask("/free", {"unload_models": True})
    client.wait_for(lambda: unloads() > before)
    send("another", graphs.painted(2, model=graphs.OTHER))
    client.wait_until_idle()
    client.ask("/queue")
    client.ask("/history")
    head = {"comfyui": system["comfyui_version"], "python": system["python_version"].split()[0]}
    return Conversation(head, client.said, names)
