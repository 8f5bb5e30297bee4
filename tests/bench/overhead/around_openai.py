"""Measures one peer, or us, around one openai call; runs in that peer's environment and writes JSON.

Three sides take turns in one process: the call alone, the call with the hand-written minimum of OpenTelemetry around
it, and the call as the peer instruments it. What a side adds is the difference to the call alone in the same round.
The minimum is the yardstick: figures of two environments compare by their ratio to it. A fourth side has no call: our
small record in a tight loop, so that the same process says what that is of what the peer adds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

import modeltally
from bench.overhead import ours
from bench.overhead.jobs import make_jobs
from bench.overhead.measure import cpu_ns, take_turns
from bench.overhead.openai_call import MODEL, REQUEST, Patches, make_client
from bench.overhead.peers import PEERS
from bench.overhead.sdk import CountingExporter, Providers, make_providers

if TYPE_CHECKING:
    from collections.abc import Callable

RECORDS = 200  # in a row, in each round
PROCESS_FACTOR = 10  # calls in a round whose background work is waited for, so that the waiting counts little


def by_hand(client: Any, providers: Providers) -> Callable[[object], None]:
    """Return the call with the least that a careful person writes: 15 attributes, a counter, two histograms."""
    tracer = providers.tracer.get_tracer("bench")
    meter = providers.meter.get_meter("bench")
    requests = meter.create_counter("requests")
    duration = meter.create_histogram("duration", unit="s")
    tokens = meter.create_histogram("tokens")

    def call(job: object) -> None:
        del job
        started = time.perf_counter()
        with tracer.start_as_current_span(
            f"chat {MODEL}",
            kind=SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": MODEL,
                "gen_ai.request.max_tokens": 200,
                "gen_ai.request.temperature": 0.7,
                "gen_ai.request.top_p": 0.9,
                "gen_ai.request.seed": 42,
                "gen_ai.request.choice.count": 1,
                "gen_ai.output.type": "text",
                "session.id": "session-17",
            },
        ) as span:
            answer = client.chat.completions.create(**REQUEST)
            span.set_attributes(
                {
                    "gen_ai.response.model": answer.model,
                    "gen_ai.response.id": answer.id,
                    "gen_ai.response.finish_reasons": answer.choices[0].finish_reason,
                    "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
                    "gen_ai.usage.output_tokens": answer.usage.completion_tokens,
                }
            )
        labels = {"gen_ai.request.model": MODEL, "gen_ai.provider.name": "openai", "outcome": "success"}
        requests.add(1, labels)
        duration.record(time.perf_counter() - started, labels)
        tokens.record(answer.usage.total_tokens, labels)

    return call


class Records:
    """Our small record in a tight loop."""

    def __init__(self, exporter: CountingExporter) -> None:
        """Configure the library.

        Args:
            exporter: What its spans go to.
        """
        self.exporter = exporter
        self.made = 0
        self._jobs = make_jobs(RECORDS)
        ours.configure(exporter)

    def run(self) -> float:
        """Return the CPU nanoseconds of this thread per record."""
        taken = cpu_ns(ours.small, self._jobs)
        modeltally.flush()
        self.made += RECORDS
        return taken


class Side:
    """One way to make the call, with its patches on or off and its background thread waited for."""

    def __init__(self, call: Callable[[object], None], patches: Patches, flush: Callable[[], object]) -> None:
        """Take what it needs.

        Args:
            call: Makes the call.
            patches: Put on for the peer's side only.
            flush: Waits for the background thread.
        """
        self._call = call
        self._patches = patches
        self._flush = flush
        self.is_patched = False
        self.made = 0

    def run(self, count: int) -> float:
        """Return the CPU nanoseconds of this thread per call."""
        if self.is_patched:
            self._patches.on()
        self._call(None)  # the first after a change fills the interpreter's caches
        taken = cpu_ns(self._call, [None] * count)
        self._patches.off()
        self.made += count + 1
        return taken

    def process(self, count: int) -> float:
        """Return the CPU nanoseconds of the whole process per call, its background work included."""
        self._flush()
        started = time.process_time_ns()
        self.run(count)
        self._flush()
        return (time.process_time_ns() - started) / (count + 1)


def main() -> None:
    """Measure one environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--calls", type=int, default=10, help="per side and round")
    arguments = parser.parse_args()
    yardstick, providers = make_providers(), make_providers()
    bare_client, client = make_client(), make_client()

    def bare_call(job: object) -> None:
        del job
        bare_client.chat.completions.create(**REQUEST)

    def instrumented(job: object) -> None:
        del job
        client.chat.completions.create(**REQUEST)

    call: Callable[[object], None] = instrumented
    flush: Callable[[], object] = providers.flush
    records = Records(CountingExporter() if arguments.name in PEERS else providers.exporter)
    if arguments.name in PEERS:
        patches = Patches(lambda: PEERS[arguments.name](client, providers))
        if arguments.name == "logfire":
            flush = import_module("logfire").force_flush
    else:
        patches, flush = Patches(lambda: None), modeltally.flush
        call = ours.around_openai(client, MODEL, REQUEST)
    patches.off()

    def flush_all() -> None:
        yardstick.flush()
        flush()

    sides = {
        "bare": Side(bare_call, patches, flush_all),
        "by hand": Side(by_hand(bare_client, yardstick), patches, flush_all),
        "peer": Side(call, patches, flush_all),
    }
    sides["peer"].is_patched = True
    thread = take_turns(
        {**{name: partial(side.run, arguments.calls) for name, side in sides.items()}, "record": records.run},
        rounds=arguments.rounds,
    )
    process = take_turns(
        {name: partial(side.process, arguments.calls * PROCESS_FACTOR) for name, side in sides.items()},
        rounds=max(5, arguments.rounds // PROCESS_FACTOR),
    )
    flush_all()
    modeltally.flush()
    made = {yardstick.exporter: sides["by hand"].made, providers.exporter: sides["peer"].made}
    made[records.exporter] = made.get(records.exporter, 0) + records.made
    for exporter, count in made.items():
        if exporter.count != count:
            sys.exit(f"{arguments.name}: {count} operations left {exporter.count} spans")
    last = providers.exporter.last
    json.dump(
        {
            "thread": thread,
            "process": process,
            "attributes": len((last and last.attributes) or {}),
            "sdk": version("opentelemetry-sdk"),
            "openai": version("openai"),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
