"""Cost of one small record in the calling thread, against the same written by hand with OpenTelemetry.

Run by ``make bench-overhead``. Both sides run interleaved in one process, several rounds each; CPU is that of the
calling thread (``time.thread_time``), so what the background threads of either side do is not in it. The last columns
are wall time for single operations, with the background threads competing for the interpreter.
"""

# ruff: noqa: T201 - a script: printing what it measured is its purpose

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import modeltally

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class NoOpExporter(SpanExporter):
    """Takes every span and does nothing with it."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Succeed."""
        del spans
        return SpanExportResult.SUCCESS


def by_hand() -> Callable[[], None]:
    """Return one operation as a careful person writes it: a span with 15 attributes, a counter, two histograms."""
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(BatchSpanProcessor(NoOpExporter()))
    tracer = tracer_provider.get_tracer("bench")
    meter = MeterProvider(metric_readers=[InMemoryMetricReader()]).get_meter("bench")
    requests = meter.create_counter("requests")
    duration = meter.create_histogram("duration", unit="s")
    waited = meter.create_histogram("waited", unit="s")

    def operation() -> None:
        started = time.perf_counter()
        with tracer.start_as_current_span(
            "generate_content stable-diffusion-xl",
            attributes={
                "gen_ai.operation.name": "generate_content",
                "gen_ai.request.model": "stable-diffusion-xl",
                "modeltally.task": "text_to_image",
                "gen_ai.output.type": "image",
                "user.hash": "0011223344556677",
                "session.id": "session-17",
                "modeltally.project": "posters",
                "modeltally.device": "cuda:0",
                "gen_ai.request.seed": 42,
                "modeltally.image.width": 1024,
                "modeltally.image.height": 1024,
            },
        ) as span:
            span.set_attributes(
                {
                    "modeltally.output.count": 4,
                    "modeltally.diffusion.steps.completed": 30,
                    "modeltally.diffusion.guidance_scale": 7.5,
                    "modeltally.queue.duration": 0.25,
                }
            )
        labels = {
            "gen_ai.request.model": "stable-diffusion-xl",
            "modeltally.task": "text_to_image",
            "modeltally.outcome": "success",
        }
        requests.add(1, labels)
        duration.record(time.perf_counter() - started, labels)
        waited.record(0.25, labels)

    return operation


def with_manager() -> None:
    """Do the same operation with the context manager."""
    with modeltally.model_request(
        "stable-diffusion-xl",
        operation_name="generate_content",
        task="text_to_image",
        output_type="image",
        user="user-17",
        session_id="session-17",
        project="posters",
        device="cuda:0",
        seed=42,
        image_width=1024,
        image_height=1024,
    ) as operation:
        operation.set(output_count=4, steps_completed=30, guidance_scale=7.5, queue_seconds=0.25)


@modeltally.model_request(
    "stable-diffusion-xl",
    operation_name="generate_content",
    task="text_to_image",
    output_type="image",
    project="posters",
    device="cuda:0",
)
def decorated() -> None:
    """Do the same operation in a decorated function."""
    modeltally.current_operation().set(
        user="user-17",
        session_id="session-17",
        seed=42,
        image_width=1024,
        image_height=1024,
        output_count=4,
        steps_completed=30,
        guidance_scale=7.5,
        queue_seconds=0.25,
    )


def cpu_ns(operation: Callable[[], None], count: int) -> float:
    """Return CPU nanoseconds of this thread per operation."""
    started = time.thread_time_ns()
    for _ in range(count):
        operation()
    return (time.thread_time_ns() - started) / count


def wall_ns(operation: Callable[[], None], count: int) -> tuple[float, float]:
    """Return the median and the 99th percentile of single operations, in nanoseconds of wall time."""
    taken = []
    for _ in range(count):
        started = time.perf_counter_ns()
        operation()
        taken.append(time.perf_counter_ns() - started)
    taken.sort()
    return taken[len(taken) // 2], taken[len(taken) * 99 // 100]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--operations", type=int, default=2000, help="per round and side")
    arguments = parser.parse_args()
    modeltally.configure(exporter=NoOpExporter(), user_key="bench")
    sides: dict[str, Callable[[], None]] = {
        "by hand, SDK": by_hand(),
        "context manager": with_manager,
        "decorator": decorated,
    }
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    wall: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for operation in sides.values():
        cpu_ns(operation, arguments.operations)  # warm up
    for _ in range(arguments.rounds):
        for name, operation in sides.items():
            cpu[name].append(cpu_ns(operation, arguments.operations))
            wall[name].append(wall_ns(operation, arguments.operations))
            modeltally.flush()
    floor = statistics.median(cpu["by hand, SDK"])
    print(f"python {platform.python_version()}, opentelemetry-sdk {version('opentelemetry-sdk')}, {platform.machine()}")
    print(f"{arguments.rounds} interleaved rounds of {arguments.operations} operations with 15 attributes each\n")
    print(f"{'':18}{'CPU us/op':>10}{'ratio':>8}{'p50 us':>9}{'p99 us':>9}")
    for name in sides:
        middle = statistics.median(cpu[name])
        p50 = statistics.median(pair[0] for pair in wall[name])
        p99 = statistics.median(pair[1] for pair in wall[name])
        print(f"{name:18}{middle / 1e3:10.2f}{middle / floor:8.3f}{p50 / 1e3:9.2f}{p99 / 1e3:9.2f}")
    lost = modeltally.counters().lost
    print(f"\noperations of ours lost: {lost}")
    sys.exit(1 if lost else 0)


if __name__ == "__main__":
    main()
