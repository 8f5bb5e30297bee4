"""A stand-in for ComfyUI's module of this name: a queue, and an executor that runs nodes of the tests' own."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

NODES: dict[str, Any] = {}


class PromptQueue:
    """Keeps prompts."""

    def __init__(self) -> None:
        self.mutex = threading.RLock()
        self.queue: list[Any] = []
        self.currently_running: dict[int, Any] = {}

    def put(self, item: Any) -> None:
        """Take one."""
        self.queue.append(item)

    def wipe_queue(self) -> None:
        """Take out all."""
        self.queue = []

    def delete_queue_item(self, function: Callable[[Any], bool]) -> bool:
        """Take out one."""
        for item in self.queue:
            if function(item):
                self.queue.remove(item)
                return True
        return False


async def get_output_data(prompt_id: str, unique_id: str, obj: Any, input_data_all: Any, **_: Any) -> Any:
    """Run a node."""
    del prompt_id, unique_id
    return [[obj.run(**{name: values[0] for name, values in input_data_all.items()})]], {}, False, False


class PromptExecutor:
    """Runs prompts."""

    def __init__(self) -> None:
        self.success = True
        self.status_messages: list[Any] = []
        self.history_result: dict[str, Any] = {"outputs": {}}

    def handle_execution_error(
        self, prompt_id: str, prompt: Any, current_outputs: Any, executed: Any, error: Any, ex: Any
    ) -> None:
        """Note what a node raised."""
        del current_outputs, executed
        told = {"prompt_id": prompt_id, "node_type": prompt[error["node_id"]]["class_type"]}
        self.status_messages.append(("execution_error", {**told, "exception_type": type(ex).__name__}))

    def execute(self, prompt: Any, prompt_id: str, extra_data: Any = None, execute_outputs: Any = ()) -> None:
        """Run one."""
        asyncio.run(self.execute_async(prompt, prompt_id, extra_data, execute_outputs))

    async def execute_async(self, prompt: Any, prompt_id: str, extra_data: Any, execute_outputs: Any) -> None:
        """Run its nodes in their order, up to the first that fails."""
        del extra_data, execute_outputs
        self.success, self.status_messages = True, []
        for name, node in prompt.items():
            inputs = {each: [value] for each, value in node["inputs"].items() if not isinstance(value, list)}
            try:
                await get_output_data(prompt_id, name, NODES[node["class_type"]], inputs)
            except Exception as error:  # noqa: BLE001 - as ComfyUI does
                self.success = False
                self.handle_execution_error(prompt_id, prompt, [], [], {"node_id": name}, error)
                return
