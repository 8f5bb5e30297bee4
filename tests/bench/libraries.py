"""What watching adds to one call of a library, beside the same call bare, in turns: ``make bench-libraries``.

The calls do as little as the libraries let them: a pipeline of diffusers that returns at once, one token of a tiny
model of transformers. Prints CPU microseconds of the calling thread, the median of the rounds, and the difference.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import diffusers
import torch

from libraries import tiny
from modeltally.instrument.libraries.diffusers import DiffusersInstrumentor
from modeltally.instrument.libraries.transformers import TransformersInstrumentor
from modeltally.testing import capture

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS: Final = 15


class Nothing(diffusers.DiffusionPipeline):  # type: ignore[misc] # no types
    """A pipeline that does nothing."""

    def __init__(self) -> None:
        """Register no parts."""
        super().__init__()
        self.register_modules()

    def __call__(self, prompt: str = "", *, num_inference_steps: int = 50) -> tuple[list[Any]]:
        """Return at once."""
        del prompt, num_inference_steps
        return ([],)


def measure(call: Callable[[], Any], *, times: int) -> float:
    """CPU microseconds of one call."""
    begun = time.thread_time_ns()
    for _ in range(times):
        call()
    return (time.thread_time_ns() - begun) / times / 1000


def main() -> None:
    """Measure and print."""
    torch.set_num_threads(1)
    pipeline, model, ids = Nothing(), tiny.language_model(), torch.tensor([[1, 5]])
    calls: dict[str, tuple[Any, Callable[[], Any], int]] = {
        "diffusers, a pipeline that does nothing": (DiffusersInstrumentor(), lambda: pipeline("a lighthouse"), 300),
        "transformers, one token": (TransformersInstrumentor(), lambda: model.generate(ids, max_new_tokens=1), 10),
    }
    for name, (instrumentor, call, times) in calls.items():
        taken: dict[bool, list[float]] = {False: [], True: []}
        with capture(is_fixed=False, user_key="a key"):
            for _ in range(ROUNDS):
                for is_watched in (False, True):
                    (instrumentor.instrument if is_watched else instrumentor.uninstrument)()
                    Nothing()  # where classes are hooked into
                    tiny.language_model()
                    call()
                    taken[is_watched].append(measure(call, times=times))
            instrumentor.uninstrument()
        bare, watched = statistics.median(taken[False]), statistics.median(taken[True])
        sys.stdout.write(f"{name}: {bare:,.1f} us bare, {watched:,.1f} us watched, {watched - bare:+,.1f} us\n")


if __name__ == "__main__":
    main()
