"""What ComfyUI says of a prompt: the same messages while it runs, and afterwards in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modeltally.instrument import _names as names
from modeltally.instrument.libraries._comfy_graph import asked_by
from modeltally.instrument.libraries._comfy_run import CACHED, made_by
from modeltally.instrument.libraries.comfy import FRAMEWORK, GRAPH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.instrument._values import Values

__all__ = ["CACHED", "ENDINGS", "START", "Ending", "Entry", "asked", "ending"]

START: Final = "execution_start"
ENDINGS: Final = {
    "execution_success": names.SUCCESS,
    "execution_interrupted": names.CANCELLED,
    "execution_error": names.ERROR,
}
_COMMON_ERRORS: Final = {
    "OutOfMemoryError": names.OUT_OF_MEMORY,
    "MemoryError": names.OUT_OF_MEMORY,
    "TimeoutError": names.TIMEOUT,
}
_NS_PER_MS: Final = 1_000_000


class Ending(NamedTuple):
    """How a prompt ended.

    Attributes:
        outcome: Its outcome.
        error_type: What went wrong, by its class; None where nothing did.
        node: The class of the node in which it ended early.
    """

    outcome: str
    error_type: str | None
    node: str | None


def asked(graph: Any, outputs: Any, version: str | None) -> tuple[str, Values]:
    """Say what a graph asks for: the kind of operation that is, and its values.

    Args:
        graph: The graph.
        outputs: The nodes whose results are wanted; all of them where none is named.
        version: ComfyUI's.
    """
    values: Values = {**asked_by(graph, outputs), "framework": FRAMEWORK, "framework_version": version}
    if "model" not in values:
        return GRAPH, values
    values["operation_name"] = names.GENERATE_CONTENT
    return names.MODEL_REQUEST, values


def ending(kind: str, data: Mapping[str, Any]) -> Ending | None:
    """Read a message that says how a prompt ended; None where it does not say so.

    Args:
        kind: The message's name.
        data: What belongs to it. Its texts quote what was asked for: none of them is read.
    """
    outcome = ENDINGS.get(kind)
    if outcome is None:
        return None
    node, error = data.get("node_type"), str(data.get("exception_type", "")).rpartition(".")[2]
    return Ending(
        outcome,
        _COMMON_ERRORS.get(error, error or "unknown") if outcome == names.ERROR else None,
        str(node) if node is not None else None,
    )


class Entry:
    """A prompt in the history.

    Attributes:
        prompt_id: What ComfyUI calls it.
        operation: What kind of operation it is.
        started_ns: When it began, in nanoseconds since the epoch.
        ended_ns: When it ended.
        ending: How it ended.
        queued_ns: When it was queued, where newer versions say that.
        values: What is known of it.
    """

    def __init__(self, entry: Mapping[str, Any], version: str | None) -> None:
        """Read one.

        Args:
            entry: As the history has it.
            version: ComfyUI's.

        Raises:
            ValueError: It has not been executed, or has another form.
        """
        try:
            _, prompt_id, graph, extra, outputs = entry["prompt"][:5]
            messages = entry["status"]["messages"]
            begun = [data["timestamp"] for kind, data in messages if kind == START]
            ended = [(found, data["timestamp"]) for kind, data in messages if (found := ending(kind, data)) is not None]
            self.started_ns = int(begun[-1]) * _NS_PER_MS
            self.ending, ended_ms = ended[-1]
            self.ended_ns = max(self.started_ns, int(ended_ms) * _NS_PER_MS)
            self.prompt_id = str(prompt_id)
            self.operation, self.values = asked(graph, outputs, version)
            self.values["correlation_id"] = self.prompt_id
            self.values["node_failed"] = self.ending.node
            self.values.update(made_by(messages, entry["outputs"]))
            created = extra.get("create_time")
            self.queued_ns = int(created) * _NS_PER_MS if isinstance(created, int) else None
        except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
            raise ValueError(f"the history's entry has another form: {type(error).__name__}") from error
