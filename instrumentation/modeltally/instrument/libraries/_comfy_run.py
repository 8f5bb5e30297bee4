"""One prompt of ComfyUI on its way: which of its nodes ran and for how long, what came out, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _clock
from modeltally.instrument._guard import guarded
from modeltally.instrument.libraries._comfy_graph import media_of_class
from modeltally.instrument.libraries._media import Media, media_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modeltally.instrument._values import Values
    from modeltally.instrument.libraries._memory import Memory
    from modeltally.instrument.manual import ManualOperation

__all__ = ["CACHED", "Run", "is_interruption", "made_by"]

CACHED: Final = "execution_cached"
_INTERRUPTION: Final = "InterruptProcessingException"
_SAVED: Final = "output"  # what ComfyUI calls the folder of what is kept
_FRAMES_OF_A_VIDEO: Final = 4  # dimensions


class Run:
    """A prompt from the queue to its end.

    Attributes:
        prompt_id: What ComfyUI calls it.
        operation: What it is recorded as.
        memory: Measures from its beginning; None before.
        error: What a node raised, if one did.
        is_interrupted: Whether that was raised because somebody asked for it.
        steps: Steps of samplers that were done.
        sampling_ns: How long the samplers took; None where none ran.
    """

    def __init__(self, prompt_id: str, prompt: Any, operation: ManualOperation) -> None:
        """Begin it.

        Args:
            prompt_id: What ComfyUI calls it.
            prompt: Its graph.
            operation: What it is recorded as.
        """
        self.prompt_id = prompt_id
        self.operation = operation
        self.memory: Memory | None = None
        self.error: Any = None
        self.is_interrupted = False
        self.steps = 0
        self.sampling_ns: int | None = None
        self._prompt = prompt
        self._seconds: dict[str, tuple[str, float]] = {}
        self._shown: Values = {}

    @property
    def model(self) -> str | None:
        """The model that it asks for."""
        model = self.operation.values.get("model")
        return model if isinstance(model, str) else None

    @guarded(None)
    def node(self, _prompt_id: Any, unique_id: Any, obj: Any, input_data_all: Any, *_: Any, **__: Any) -> _Node:
        """Note that a node runs.

        Args:
            unique_id: Its id.
            obj: Its object.
            input_data_all: Lists of values by the names of its inputs.
        """
        name = str(unique_id)
        own = self._prompt.get(name)  # one that another node has put there is not in it
        kind = own["class_type"] if isinstance(own, dict) else getattr(obj, "__name__", type(obj).__name__)
        inputs = {each: values[0] for each, values in input_data_all.items() if isinstance(values, list) and values}
        node = _Node(self, name, str(kind), obj, inputs)
        self._seconds[name] = node.kind, 0.0
        return node

    def ran(self, name: str, kind: str, seconds: float) -> None:
        """Note how long a node took, all in all.

        Args:
            name: Its id.
            kind: Its class.
            seconds: For how long it ran this time.
        """
        self._seconds[name] = kind, self._seconds.get(name, (kind, 0.0))[1] + seconds

    def shows(self, values: Values, *, is_kept: bool) -> None:
        """Note what a node saves, which is what counts, or shows.

        Args:
            values: Size and length of it.
            is_kept: Whether it is saved.
        """
        self._shown = {**self._shown, **values} if is_kept else {**values, **self._shown}

    def end(self, executor: Any, error: BaseException | None) -> None:
        """End its operation.

        Args:
            executor: ComfyUI's, which has the results.
            error: What it raised itself; a node that failed does not make it do so.
        """
        values = self._values(executor, has_results=error is None)
        if values:
            self.operation.set(**values)
        if error is not None:
            self.operation.end(error)
        elif self.is_interrupted:
            self.operation.cancel()
        elif isinstance(self.error, BaseException):
            self.operation.end(self.error)
        elif not getattr(executor, "success", True):
            self.operation.fail("execution_failed")
        else:
            self.operation.finish()

    @guarded(None)
    def _values(self, executor: Any, *, has_results: bool) -> Values:
        values: Values = {"node_count": len(self._seconds), **self._shown}
        if self.memory is not None:
            values.update(self.memory.values())
        if self._seconds:
            kind, seconds = max(self._seconds.values(), key=lambda ran: ran[1])
            values["node_slowest"], values["node_slowest_seconds"] = kind, seconds
        if self.sampling_ns is not None:
            values["steps_completed"] = self.steps
        if self.sampling_ns and self.steps:
            values["generation_speed"] = self.steps / (self.sampling_ns / 1e9)
            values["generation_speed_unit"] = "{step}/s"
        if has_results:
            values.update(made_by(executor.status_messages, executor.history_result["outputs"]))
        return values


class _Node:
    """A node that runs.

    Attributes:
        kind: Its class, as graphs name it.
        object: Its object.
        inputs: What goes into it.
    """

    def __init__(self, run: Run, name: str, kind: str, own: Any, inputs: Mapping[str, Any]) -> None:
        self.kind = kind
        self.object = own
        self.inputs = inputs
        self._run = run
        self._name = name
        self._began_ns = _clock.perf_counter_ns()

    @guarded(None)
    def end(self) -> None:
        """Note that it has returned."""
        self._run.ran(self._name, self.kind, (_clock.perf_counter_ns() - self._began_ns) / 1e9)
        self._began_ns = _clock.perf_counter_ns()

    @guarded(None)
    def follow(self, result: Any) -> None:
        """Look at what it shows or saves; where it goes on by itself, note when it ends.

        Args:
            result: What came back: its outputs or tasks, and as the last of four whether these are still to be done.
        """
        if getattr(self.object, "OUTPUT_NODE", False):
            self._run.shows(_shown(self.kind, self.inputs), is_kept=self.kind.startswith("Save"))
        if isinstance(result, tuple) and len(result) == 4 and result[3] is True:  # noqa: PLR2004 - as above
            for task in result[0]:
                if hasattr(task, "add_done_callback"):
                    task.add_done_callback(lambda _: self.end())


def made_by(messages: Sequence[Any], outputs: Mapping[str, Any]) -> Values:
    """Say what ComfyUI itself says of a prompt that is over.

    Args:
        messages: What it told, pairs of a name and what belongs to it.
        outputs: What its nodes showed and saved, by their ids.
    """
    cached = [data.get("nodes") for name, data in messages if name == CACHED]
    files = list(_files(outputs))
    kept = [each for each in files if each.get("type") == _SAVED]
    return {"node_cached_count": len(cached[-1] or ()) if cached else 0, "output_count": len(kept or files)}


def is_interruption(error: Any) -> bool:
    """Return whether an exception means that somebody has interrupted a prompt."""
    return any(base.__name__ == _INTERRUPTION for base in type(error).__mro__)


def _files(outputs: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for shown in outputs.values():
        for values in shown.values() if isinstance(shown, dict) else ():
            for value in values if isinstance(values, list | tuple) else ():
                if isinstance(value, dict) and "filename" in value:
                    yield value


def _shown(kind: str, inputs: Mapping[str, Any]) -> Values:
    """Say how large what a node is given to show is, and how long."""
    media = media_of_class(kind)
    sound = inputs.get("audio")
    told: Values = {}
    if isinstance(sound, dict) and media is not Media.IMAGE:
        rate = sound.get("sample_rate")
        found = media_of({"audio": sound.get("waveform")}, is_video=False, is_latent=False, sampling_rate=rate)[1]
        told["audio_duration_seconds"] = found.get("audio_duration_seconds")
    pictures = inputs.get("images")
    shape = getattr(pictures, "shape", None)
    if shape is not None and len(shape) == _FRAMES_OF_A_VIDEO:
        told["image_height"], told["image_width"] = int(shape[1]), int(shape[2])
        if media is Media.VIDEO:
            fps = inputs.get("fps", inputs.get("frame_rate"))
            told["video_frames"] = int(shape[0])
            told["video_fps"] = float(fps) if isinstance(fps, int | float) else None
            told["video_duration_seconds"] = int(shape[0]) / fps if isinstance(fps, int | float) and fps > 0 else None
    return {**told}
