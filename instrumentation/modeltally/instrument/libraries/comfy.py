"""ComfyUI, from within: each prompt is a request, from the queue to its end, with its nodes, steps, loads and unloads.

Its package is imported as ``comfy``. Under ``modeltally run python main.py`` it is hooked into as it is imported; the
file ``deploy/comfyui/modeltally_node.py`` does the same as a custom node, where the command that starts it cannot be
changed. Both come to the class below, and together they are still one.

A prompt that no model is asked in, pictures that are cut and turned, is no request of a model: it is recorded as an
operation of its own kind, ``comfyui.graph``.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded, problem
from modeltally.instrument.carrier import extract
from modeltally.instrument.libraries._calls import Call
from modeltally.instrument.libraries._comfy_graph import asked_by
from modeltally.instrument.libraries._comfy_models import MANAGEMENT, Models, device_of, unload_all
from modeltally.instrument.libraries._comfy_run import Run, is_interruption
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor
from modeltally.instrument.libraries._memory import Memory
from modeltally.instrument.manual import begin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modeltally.instrument._values import Values
    from modeltally.instrument.manual import ManualOperation

__all__ = ["ComfyInstrumentor"]

FRAMEWORK: Final = "comfyui"
GRAPH: Final = "comfyui.graph"
_EXECUTION: Final = "execution"
_SAMPLERS: Final = "comfy.samplers"
_VERSION: Final = "comfyui_version"
_SAID: Final = re.compile(r"""^__version__ *= *["']([^"']+)["']""", re.MULTILINE)
_CALLBACK: Final = 5  # its place among the arguments of a sampler, the sampler itself not counted
_running: ContextVar[Run | None] = ContextVar("modeltally_comfy", default=None)


class ComfyInstrumentor(Instrumentor):
    """Watches ComfyUI's queue, its executor and its models."""

    library = "comfy"
    versions = ("0.3.64", "1")
    loss = "prompts of ComfyUI are not counted"
    modules = (_EXECUTION, MANAGEMENT, _SAMPLERS)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into a module of ComfyUI's; one of the same name that is somebody else's is left alone."""
        if not _is_comfyui(module):
            return
        if not hasattr(self, "_models"):
            self._waiting: dict[str, list[Run]] = {}
            self._under_way = 0
            self._told: Values = {"framework": FRAMEWORK, "framework_version": _version()}
            self._models = Models(self._told)
        if module.__name__ == _EXECUTION:
            yield from self._execution(module)
        elif module.__name__ == MANAGEMENT:
            yield from self._optional(getattr(module, "LoadedModel", None), "model_load", self._models.placed)
            yield from self._optional(getattr(module, "LoadedModel", None), "model_unload", self._models.removed)
            yield from self._optional(module, "unload_all_models", unload_all)
        else:
            yield from self._optional(getattr(module, "CFGGuider", None), "sample", self._sample)

    def _execution(self, module: Any) -> Iterator[Hook]:
        queue, executor = module.PromptQueue, module.PromptExecutor
        yield self.patch(queue, "put", self._put)
        yield self.patch(executor, "execute", self._execute)
        yield self.patch(executor, "handle_execution_error", self._failed)
        yield from self._optional(queue, "wipe_queue", self._taken_out)
        yield from self._optional(queue, "delete_queue_item", self._taken_out)
        yield from self._optional(module, "get_output_data", self._node)

    def _optional(self, owner: Any, name: str, around: Any) -> Iterator[Hook]:
        """Hook into something that requests are counted without, too."""
        if hasattr(owner, name):
            yield self.patch(owner, name, around)
        else:
            problem("comfy", "this version of ComfyUI has no %s: what is seen there is missing", name)

    def uninstrument(self, **kwargs: Any) -> None:
        """End, and forget the prompts that wait; arguments as in the base."""
        super().uninstrument(**kwargs)
        vars(self).pop("_models", None)

    def unknown_version(self) -> str | None:
        """Return ComfyUI's version if it is outside the known range; it is no package that is installed."""
        version = _version()
        return None if version is None or self.is_known(version) else version

    # the queue

    def _put(self, function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        """A prompt enters the queue."""
        run = self._queued(*args, **kwargs)
        try:
            return function(*args, **kwargs)
        except BaseException as error:
            if run is not None:
                self._remove(run)
                run.operation.fail(error)
            raise

    @guarded(None)
    def _queued(self, item: Any) -> Run | None:
        run = self._begin(item[1], item[2], item[3], item[4], is_queued=True)
        self._waiting.setdefault(run.prompt_id, []).append(run)
        return run

    def _taken_out(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """Prompts are taken out of the queue before they began."""
        result = function(*args, **kwargs)
        self._cancel_missing(instance)
        return result

    @guarded(None)
    def _cancel_missing(self, queue: Any) -> None:
        with queue.mutex:
            left = {str(item[1]) for item in [*queue.queue, *queue.currently_running.values()]}
        for run in [run for runs in list(self._waiting.values()) for run in runs]:
            if run.prompt_id not in left:
                self._remove(run)
                run.operation.cancel()

    def _remove(self, run: Run) -> None:
        runs = self._waiting.get(run.prompt_id, [])
        if run in runs:
            runs.remove(run)
        if not runs:
            self._waiting.pop(run.prompt_id, None)

    def _begin(self, prompt_id: Any, prompt: Any, extra: Any, outputs: Any, *, is_queued: bool) -> Run:
        values: Values = {**asked_by(prompt, outputs), **self._told, "correlation_id": str(prompt_id)}
        context = extract(extra)
        context.once.pop("queue_seconds", None)  # it goes on to wait here
        with context:
            operation = _begun(values, is_queued=is_queued)
        return Run(str(prompt_id), prompt, operation)

    # the executor

    def _execute(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A prompt is executed, or found to be in the cache."""
        run = self._started(*args, **kwargs)
        if run is None:
            return function(*args, **kwargs)
        token = _running.set(run)
        self._under_way += 1
        try:
            with run.operation.inside():
                result = function(*args, **kwargs)
        except BaseException as error:
            run.end(instance, error)
            raise
        finally:
            self._under_way -= 1
            _running.reset(token)
        run.end(instance, None)
        return result

    @guarded(None)
    def _started(
        self, prompt: Any, prompt_id: Any, extra_data: Any = None, execute_outputs: Any = (), *_: Any, **__: Any
    ) -> Run:
        runs = self._waiting.get(str(prompt_id))
        if runs:
            run = runs[0]
            self._remove(run)
            run.operation.start()
        else:  # it was queued before this was watched, or not at all
            run = self._begin(prompt_id, prompt, extra_data, execute_outputs, is_queued=False)
        device = device_of(sys.modules.get(MANAGEMENT))
        run.memory = Memory(device)
        # those that still waited were counted as it was queued
        run.operation.set(device=None if device is None else str(device), concurrency=self._under_way + 1)
        return run

    def _failed(self, function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        """A node failed, or was interrupted."""
        run = _running.get()
        if run is not None:
            self._keep_error(run, *args, **kwargs)
        return function(*args, **kwargs)

    @guarded(None)
    def _keep_error(
        self, run: Run, prompt_id: Any, prompt: Any, current_outputs: Any, executed: Any, error: Any, ex: Any
    ) -> None:
        del prompt_id, current_outputs, executed
        run.error = ex
        run.is_interrupted = is_interruption(ex)
        run.operation.set(node_failed=str(prompt[error["node_id"]]["class_type"]))

    # nodes

    def _node(self, function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        """A node runs; one whose result is known does not come here."""
        run = _running.get()
        return function(*args, **kwargs) if run is None else self._watched(run, function, args, kwargs)

    async def _watched(self, run: Run, function: Any, args: Any, kwargs: Any) -> Any:
        node = run.node(*args, **kwargs)
        if node is None:
            return await function(*args, **kwargs)
        try:
            call = Call(function, None, args, kwargs)
            result = await self._models.load(call, node.object, node.inputs, run.model)
        finally:
            node.end()
        node.follow(result)
        return result

    def _sample(self, function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        """A sampler takes its steps."""
        run = _running.get()
        if run is None:
            return function(*args, **kwargs)
        args, kwargs = _counted(run, args, kwargs) or (args, kwargs)
        began_ns = _clock.perf_counter_ns()
        try:
            return function(*args, **kwargs)
        finally:
            run.sampling_ns = (run.sampling_ns or 0) + _clock.perf_counter_ns() - began_ns


def _begun(values: Values, *, is_queued: bool) -> ManualOperation:
    model = values.pop("model", None)
    if model is not None:
        values["operation_name"] = names.GENERATE_CONTENT
    operation = begin(GRAPH if model is None else names.MODEL_REQUEST, model, queued=is_queued, **values)
    if operation.is_running:
        operation.source = names.SOURCE_AUTO
    return operation


@guarded(None)
def _counted(run: Run, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Put a callback that counts steps before the one that is called after each of them."""
    given = args[_CALLBACK] if len(args) > _CALLBACK else kwargs.get("callback")

    def callback(*args: Any, **kwargs: Any) -> Any:
        run.steps += 1
        return None if given is None else given(*args, **kwargs)

    if len(args) > _CALLBACK:
        return (*args[:_CALLBACK], callback, *args[_CALLBACK + 1 :]), dict(kwargs)
    return args, {**kwargs, "callback": callback}


def _is_comfyui(module: Any) -> bool:
    """Return whether a module is ComfyUI's: its names are those of anybody."""
    folder = os.path.dirname(os.path.abspath(module.__file__))  # noqa: PTH100, PTH120 - pathlib takes longer to load
    for _ in range(module.__name__.count(".")):
        folder = os.path.dirname(folder)  # noqa: PTH120 - as above
    return os.path.exists(os.path.join(folder, f"{_VERSION}.py"))  # noqa: PTH110, PTH118 - as above


@guarded(None)
def _version() -> str | None:
    """Read ComfyUI's version from the file that has nothing else; it is not imported for that."""
    spec = importlib.util.find_spec(_VERSION)
    if spec is None or spec.origin is None:
        return None
    with open(spec.origin, encoding="utf-8") as file:  # noqa: PTH123 - as above
        said = _SAID.search(file.read(1 << 16))
    return None if said is None else said[1]
