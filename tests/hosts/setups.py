"""How a host traces: each set-up prepares its tracing as its documentation says, with ids and times that are fixed.

The set-ups run in a process of their own; what their exporter sees is kept as lines of text, which must be the same
with and without us.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import random
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

__all__ = ["SETUPS", "Setup", "set_worker"]

START_NS: Final = 1_700_000_000_000_000_000
TICK_NS: Final = 1_000
WORKER_NS: Final = 10**15  # between the times of two workers
# what SDKs say of the process, which is another one in each run
_RANDOM: Final = frozenset({"service.instance.id", "process.pid"})

_worker = threading.local()


def set_worker(index: int) -> None:
    """Number this thread or process: ids and times are drawn per worker, so that their order is fixed."""
    _worker.index = index
    _worker.random = random.Random(index)
    _worker.now_ns = START_NS + index * WORKER_NS


def worker() -> int:
    """Return this thread's number; threads that are not of the workload have none."""
    return getattr(_worker, "index", -1)


def _clock() -> int:
    """Return a time that goes on with each look at it."""
    if worker() < 0:
        set_worker(-1)
    _worker.now_ns += TICK_NS
    return int(_worker.now_ns)


class _SeededIds:
    """Ids that are the same in each run; only where the SDK is installed is this an id generator."""

    def generate_trace_id(self) -> int:
        """Return the next trace id of this worker."""
        if worker() < 0:
            set_worker(-1)
        return int(_worker.random.getrandbits(128))

    def generate_span_id(self) -> int:
        """Return the next span id of this worker."""
        if worker() < 0:
            set_worker(-1)
        return int(_worker.random.getrandbits(64))

    def is_trace_id_random(self) -> bool:
        """Tell that they are as good as random."""
        return True


class Setup:
    """No tracing at all: only OpenTelemetry's API is there, and nobody listens."""

    keeps_context = True

    def __init__(self) -> None:
        """Begin with nothing exported."""
        self.exported: dict[int, list[str]] = defaultdict(list)

    def before(self) -> None:
        """Set tracing up before we are configured."""

    def after(self) -> None:
        """Set tracing up after we are configured."""

    def span(self, name: str, index: int) -> AbstractContextManager[object]:
        """Open a span and make it the current one."""
        return trace.get_tracer("host").start_as_current_span(
            name, attributes={"host.index": index, "host.names": ("a", "b"), "host.ratio": 0.5}
        )

    def surroundings(self, index: int) -> AbstractContextManager[object]:  # noqa: ARG002 - for those that have any
        """Enter what is around an operation."""
        return contextlib.nullcontext()

    def lines(self, index: int) -> list[str]:
        """Return what was exported by a worker, in the order it was."""
        return self.exported[index]


class Sdk(Setup):
    """OpenTelemetry's SDK, set up in code before us."""

    def sampler(self) -> Any:
        """Make the sampler."""
        return _samplers().DEFAULT_ON

    def before(self) -> None:
        """Set the provider."""
        self._set_provider()

    def _set_provider(self) -> None:
        sdk = importlib.import_module("opentelemetry.sdk.trace")
        resources = importlib.import_module("opentelemetry.sdk.resources")
        provider = sdk.TracerProvider(
            sampler=self.sampler(),
            resource=resources.Resource({"service.name": "host"}),
            id_generator=_SeededIds(),
            shutdown_on_exit=False,
        )
        self.listen(provider)
        trace.set_tracer_provider(provider)

    def listen(self, provider: Any) -> None:
        """Fix the clock of the host's spans, and keep what is exported."""
        sdk: Any = importlib.import_module("opentelemetry.sdk.trace")
        sdk.time_ns = _clock
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        provider.add_span_processor(export.SimpleSpanProcessor(_keeper(self)))


def _samplers() -> Any:
    return importlib.import_module("opentelemetry.sdk.trace.sampling")


def _written(span: Any) -> str:
    """Write everything of a span down; its own JSON takes five times as long."""
    resource = {key: value for key, value in span.resource.attributes.items() if key not in _RANDOM}
    return repr(
        (
            (span.name, span.context, span.parent, span.kind, span.start_time, span.end_time),
            (span.status.status_code, span.status.description, dict(span.attributes)),
            [(event.name, event.timestamp, dict(event.attributes)) for event in span.events],
            [(link.context, dict(link.attributes)) for link in span.links],
            (resource, span.instrumentation_scope.name, span.instrumentation_scope.version),
        )
    )


def _keeper(setup: Setup) -> Any:
    """Make an exporter that keeps spans as text."""
    export: Any = importlib.import_module("opentelemetry.sdk.trace.export")

    class Keeper(export.SpanExporter):  # type: ignore[misc]  # imported late: not every set-up has the SDK
        def export(self, spans: Any) -> Any:
            for span in spans:
                setup.exported[worker()].append(_written(span))
            return export.SpanExportResult.SUCCESS

        def shutdown(self) -> None:
            pass

    return Keeper()


class SdkAfter(Sdk):
    """The same, set up after us."""

    def before(self) -> None:
        """Do nothing yet."""

    def after(self) -> None:
        """Set the provider."""
        self._set_provider()


class Ratio(Sdk):
    """A tenth of the traces."""

    ratio = 0.1

    def sampler(self) -> Any:
        """Make the sampler."""
        return _samplers().ParentBasedTraceIdRatio(self.ratio)


class RatioZero(Ratio):
    """No traces."""

    ratio = 0.0


class RemoteParents(Sdk):
    """Every second call comes from another service that samples it; the sampler goes by that."""

    def sampler(self) -> Any:
        """Make the sampler."""
        return _samplers().ParentBased(_samplers().ALWAYS_OFF)

    def surroundings(self, index: int) -> AbstractContextManager[object]:
        """Continue the other service's trace, as a web framework does."""
        header = f"00-{index + 1:032x}-{index + 1:016x}-0{index // 2 % 2}"
        context = TraceContextTextMapPropagator().extract({"traceparent": header, "tracestate": "vendor=v1"})
        return trace.use_span(trace.get_current_span(context))


class VendorSampler(Sdk):
    """A vendor's sampler that keeps a part and forgets the attributes that spans start with."""

    def sampler(self) -> Any:
        """Make the sampler."""
        sampling: Any = _samplers()

        class Vendor(sampling.Sampler):  # type: ignore[misc]  # imported late: not every set-up has the SDK
            def should_sample(self, parent_context: Any, trace_id: int, *_: Any, **__: Any) -> Any:
                del parent_context
                is_kept = trace_id % 3 == 0
                return sampling.SamplingResult(
                    sampling.Decision.RECORD_AND_SAMPLE if is_kept else sampling.Decision.DROP,
                    {"vendor.rate": 3} if is_kept else None,
                )

            def get_description(self) -> str:
                return "Vendor"

        return Vendor()


class Distro(Setup):
    """`opentelemetry-instrument` with `opentelemetry-distro`: a provider from the environment, before anything else."""

    def before(self) -> None:
        """Listen to the provider that is there."""
        provider: Any = trace.get_tracer_provider()
        provider.id_generator = _SeededIds()
        Sdk.listen(self, provider)  # type: ignore[arg-type]  # it needs only what every set-up has


class Logfire(Setup):
    """Logfire, with spans of its own and of OpenTelemetry's API."""

    def before(self) -> None:
        """Configure it as its documentation says, sending nothing."""
        logfire: Any = importlib.import_module("logfire")
        export = importlib.import_module("opentelemetry.sdk.trace.export")
        logfire.configure(
            send_to_logfire=False,
            console=False,
            service_name="host",
            additional_span_processors=[export.SimpleSpanProcessor(_keeper(self))],
            advanced=logfire.AdvancedOptions(id_generator=_SeededIds(), ns_timestamp_generator=_clock),
        )
        self._logfire = logfire

    def span(self, name: str, index: int) -> AbstractContextManager[object]:
        """Open one of Logfire's own every second time."""
        if index % 2:
            return super().span(name, index)
        opened: AbstractContextManager[object] = self._logfire.span(name + " {index}", index=index)
        return opened


class Datadog(Setup):
    """`ddtrace-run` with OpenTelemetry's API switched on, and no agent to send to."""

    keeps_context = False  # it makes a context from its own active span at each look
    _random = frozenset({"runtime-id", "process_id", "_dd.p.tid", "_dd.p.ksr"})

    def before(self) -> None:
        """Listen to finished traces; its ids and times cannot be fixed, so they are replaced by their order."""
        ddtrace: Any = importlib.import_module("ddtrace.trace")
        setup = self
        orders: defaultdict[int, dict[int, int]] = defaultdict(dict)

        class Keeper(ddtrace.TraceFilter):  # type: ignore[misc]  # there in this set-up's environment only
            def process_trace(self, spans: Any) -> Any:
                order = orders[worker()]
                for span in spans:
                    ids = [order.setdefault(item, len(order)) for item in (span.trace_id, span.span_id)]
                    setup.exported[worker()].append(setup.line(span, [*ids, order.get(span.parent_id or 0)]))
                return spans

        ddtrace.tracer.configure(trace_processors=[Keeper()])
        self._tracer = ddtrace.tracer

    def line(self, span: Any, ids: list[int | None]) -> str:
        """Write a span down without what is different in each run."""
        told = {**span.get_tags(), **span.get_metrics()}
        kept = {str(key): value for key, value in told.items() if key not in self._random}
        return json.dumps([span.name, span.resource, span.service, span.error, ids, kept], sort_keys=True)

    def span(self, name: str, index: int) -> AbstractContextManager[object]:
        """Open one of Datadog's own every second time."""
        if index % 2:
            return super().span(name, index)
        return self._native(name, index)

    @contextlib.contextmanager
    def _native(self, name: str, index: int) -> Iterator[None]:
        with self._tracer.trace(name) as span:
            span.set_tag("host.index", index)
            yield


SETUPS: Final[dict[str, type[Setup]]] = {
    "api only": Setup,
    "before": Sdk,
    "after": SdkAfter,
    "ratio 0.0": RatioZero,
    "ratio 0.1": Ratio,
    "remote parents": RemoteParents,
    "vendor sampler": VendorSampler,
    "distro": Distro,
    "logfire": Logfire,
    "ddtrace": Datadog,
}
