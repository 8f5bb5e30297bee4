"""The prompts that a program of one's own sends to ComfyUI, from what it is told of them."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from modeltally.comfyui._said import CACHED, START, Ending, Entry, asked, ending
from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded
from modeltally.instrument.libraries._comfy_graph import Graph
from modeltally.instrument.libraries._comfy_run import made_by
from modeltally.instrument.manual import begin

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from modeltally.instrument._values import Values
    from modeltally.instrument.manual import ManualOperation

__all__ = ["Prompts"]

EARLY: Final = 4096  # messages of prompts that are not known yet, or not ours


class Prompts:
    """Records the prompts that a program sends to ComfyUI; each is a request of the model that its graph asks for.

    ::

        prompts = Prompts()
        answer = requests.post(f"{url}/prompt", json={"prompt": graph, "client_id": client_id}).json()
        prompts.sent(graph, answer, user="u1")
        for message in websocket:                                      # of /ws?clientId=...
            prompts.told(message)

    Nothing is sent or read by it, so that it fits every client, and nothing is raised by it. It is not for several
    threads at once.
    """

    def __init__(self, *, version: str | None = None) -> None:
        """Begin.

        Args:
            version: ComfyUI's version, as ``/system_stats`` says it.
        """
        self._version = version
        self._open: dict[str, _Prompt] = {}
        self._early: deque[tuple[str, str, Mapping[str, Any]]] = deque(maxlen=EARLY)

    @property
    def waiting(self) -> tuple[str, ...]:
        """The ids of the prompts that have not ended, as far as it was told."""
        return tuple(self._open)

    @guarded(None)
    def sent(self, graph: Mapping[str, Any], answer: Mapping[str, Any], **values: Unpack[Values]) -> None:
        """Note that a prompt was sent.

        Args:
            graph: The graph.
            answer: What the server answered; one that refuses the graph is no prompt.
            **values: Who asked, for what; see :class:`modeltally.Values`.
        """
        prompt_id = answer.get("prompt_id")
        if prompt_id is None:
            return
        self._open[str(prompt_id)] = _Prompt(str(prompt_id), graph, self._version, values)
        # the first messages may come before the answer
        early = [each for each in self._early if each[0] == str(prompt_id)]
        for each in early:
            self._early.remove(each)
            self._told(*each)

    @guarded(None)
    def told(self, message: str | bytes | Mapping[str, Any]) -> None:
        """Take note of a message that came by the web socket; those of other people's prompts are passed over.

        Args:
            message: As it came, or read as JSON already.
        """
        if isinstance(message, bytes):  # a preview
            return
        content = json.loads(message) if isinstance(message, str) else message
        data = content.get("data")
        if not isinstance(data, dict):
            return
        prompt_id = data.get("prompt_id")
        if prompt_id is not None:
            self._told(str(prompt_id), str(content.get("type")), data)

    def _told(self, prompt_id: str, kind: str, data: Mapping[str, Any]) -> None:
        prompt = self._open.get(prompt_id)
        if prompt is None:
            self._early.append((prompt_id, kind, data))
        elif prompt.told(kind, data):
            del self._open[prompt_id]

    @guarded(None)
    def settle(self, history: Mapping[str, Any]) -> None:
        """End what was not told to have ended, by the server's history: after a lost connection, for example.

        Args:
            history: What ``/history`` or ``/history/{prompt_id}`` answered.
        """
        for prompt_id, entry in history.items():
            prompt = self._open.get(prompt_id)
            if prompt is not None:
                prompt.settle(Entry(entry, self._version))
                del self._open[prompt_id]

    @guarded(None)
    def cancelled(self, prompt_id: str) -> None:
        """Note that a prompt was taken out of the queue: the server says nothing more of it.

        Args:
            prompt_id: Its id.
        """
        prompt = self._open.pop(prompt_id, None)
        if prompt is not None:
            prompt.operation.cancel()


class _Prompt:
    """A prompt that was sent and has not ended.

    Attributes:
        prompt_id: What ComfyUI calls it.
        operation: What it is recorded as.
    """

    def __init__(self, prompt_id: str, graph: Mapping[str, Any], version: str | None, given: Values) -> None:
        self.prompt_id = prompt_id
        kind, values = asked(graph, (), version)
        model = values.pop("model", None)
        told: Values = {**values, "correlation_id": prompt_id, **given}
        self.operation: ManualOperation = begin(kind, model, queued=True, **told)
        self._graph = Graph(graph)
        self._samplers = set(self._graph.samplers())
        self._messages: list[tuple[str, Mapping[str, Any]]] = []
        self._outputs: dict[str, Any] = {}
        self._steps: dict[str, int] = {}
        self._seconds: dict[str, float] = {}
        self._node: str | None = None
        self._since_ns = 0

    def told(self, kind: str, data: Mapping[str, Any]) -> bool:
        """Take note of a message; return whether the prompt has ended."""
        node = data.get("node")
        if kind == START:
            self.operation.start()
        elif kind == CACHED:
            self._messages.append((kind, data))
        elif kind == "executing":
            self._runs(None if node is None else str(node))
        elif kind == "progress" and str(node) in self._samplers:
            self._steps[str(node)] = max(int(data["value"]), self._steps.get(str(node), 0))
        elif kind == "executed":
            self._outputs[str(node)] = data.get("output")
        found = ending(kind, data)
        if found is None and kind == "executing" and node is None:  # older versions say no more
            found = Ending(names.SUCCESS, None, None)
        if found is None:
            return False
        self._runs(None)
        self._end(found, {**made_by(self._messages, self._outputs), "node_count": len(self._seconds)})
        return True

    def settle(self, entry: Entry) -> None:
        """End it as the history says."""
        self._end(entry.ending, entry.values)

    def _runs(self, node: str | None) -> None:
        """Note which node runs now."""
        now_ns = _clock.perf_counter_ns()
        if self._node is not None:
            self._seconds[self._node] = self._seconds.get(self._node, 0.0) + (now_ns - self._since_ns) / 1e9
        self._node, self._since_ns = node, now_ns

    def _end(self, found: Ending, values: Values) -> None:
        operation = self.operation
        operation.start()  # where it was not told that it did
        values["node_failed"] = found.node
        slowest = max(self._seconds, key=lambda name: self._seconds[name], default=None)
        if slowest is not None and slowest in self._graph.needed:
            values["node_slowest"] = self._graph.kind(slowest)
            values["node_slowest_seconds"] = self._seconds[slowest]
        if self._steps:
            values["steps_completed"] = sum(self._steps.values())
        operation.set(**values)
        operation.outcome, operation.error_type = found.outcome, found.error_type
        operation.end()
