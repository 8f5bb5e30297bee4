"""Metrics of one process: totals of its finished operations, in the SDK's own data classes.

They are counted here, in the background thread: a record costs one microsecond so, and twenty through instruments of
the SDK. That also leaves nothing for a fork to copy half done, no thread, no exemplars, and no variable of the host's
that would change a bucket. Values are cumulative: an export that fails loses nothing that the next one does not bring.

What counts is what the statistics count. Nested operations have names of their own, ``nested model.request``, and
are in no histogram; cancelled ones have no duration.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from modeltally.instrument import _guard
from modeltally.instrument import _names as names
from modeltally.instrument._scalars import MAX_TEXT
from modeltally.instrument.background.convert import clean_text
from modeltally.instrument.background.gpus import Gpus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modeltally.instrument._pipeline import Pipeline
    from modeltally.instrument._scalars import Scalar
    from modeltally.instrument.background.convert import Span

__all__ = ["MAX_SERIES", "PATTERN_SECONDS", "REQUEST_SECONDS", "Meters"]

REQUEST_SECONDS: Final = (
    *(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0),
    *(60.0, 90.0, 120.0, 180.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0),
)
PATTERN_SECONDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
    *(2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0),
)
MAX_SERIES: Final = 2_000  # of one metric, as in the SDK
MAX_LABEL: Final = 256  # characters
MAX_INT: Final = 2**63 - 1
GPU_METRICS: Final = "MODELTALLY_GPU_METRICS"
UNCOUNTED: Final = frozenset({names.EVALUATION, names.INVENTORY, "model.state"})  # records of other kinds

PROVIDER: Final = names.ATTRIBUTES["provider"].name
OUTPUT_TYPE: Final = names.ATTRIBUTES["output_type"].name
QUEUE_SECONDS: Final = names.ATTRIBUTES["queue_seconds"].name
DOWNLOAD_BYTES: Final = names.ATTRIBUTES["download_bytes"].name
DOWNLOAD_PROTOCOL: Final = names.ATTRIBUTES["download_protocol"].name
PATTERN_NAME: Final = names.ATTRIBUTES["pattern_name"].name
PATTERN_KIND: Final = names.ATTRIBUTES["pattern_kind"].name
REASON: Final = "reason"

Labels = tuple["Scalar | None", ...]

_OVERFLOW: Final[Labels] = ()
_OVERFLOW_ATTRIBUTES: Final[dict[str, Scalar]] = {"otel.metric.overflow": True}


class _Instrument:
    """What a metric is called, and by which attributes its series differ."""

    def __init__(self, name: str, unit: str, description: str, *labels: str) -> None:
        self._name = f"{names.PREFIX}{name}"
        self._unit = unit
        self._description = description
        self._labels = labels

    def _attributes(self, labels: Labels) -> dict[str, Scalar]:
        if labels == _OVERFLOW:
            return _OVERFLOW_ATTRIBUTES
        return {name: label for name, label in zip(self._labels, labels, strict=True) if label is not None}

    def _known(self, labels: Labels, series: Mapping[Labels, object]) -> Labels:
        """Return the labels under which values that have no series yet are kept: cut, or those of what is beyond."""
        cut = tuple([label[:MAX_LABEL] if isinstance(label, str) else label for label in labels])
        return cut if cut in series or len(series) < MAX_SERIES else _OVERFLOW

    def _metric(self, data: Sum | Histogram) -> Metric:
        return Metric(self._name, self._description, self._unit, data)


class _Tally(_Instrument):
    """A sum for each set of labels."""

    def __init__(self, name: str, unit: str, description: str, *labels: str, is_monotonic: bool = True) -> None:
        super().__init__(name, unit, description, *labels)
        self._is_monotonic = is_monotonic
        self._sums: dict[Labels, int] = {}

    def add(self, labels: Labels, amount: int) -> None:
        sums = self._sums
        if labels not in sums:
            labels = self._known(labels, sums)
        sums[labels] = sums.get(labels, 0) + amount

    def replace(self, sums: Mapping[Labels, int]) -> None:
        """Take sums that are counted elsewhere; a series that was there before and is no more is zero."""
        self._sums = dict.fromkeys(self._sums, 0)
        for labels, amount in sums.items():
            self.add(labels, amount)

    def read(self, start_ns: int, now_ns: int) -> Metric:
        points = [
            NumberDataPoint(self._attributes(labels), start_ns, now_ns, min(amount, MAX_INT))
            for labels, amount in self._sums.items()
        ]
        return self._metric(Sum(points, AggregationTemporality.CUMULATIVE, self._is_monotonic))


class _Values:
    """The values of one series of a histogram."""

    __slots__ = ("counts", "greatest", "least", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.total = 0.0
        self.least = float("inf")
        self.greatest = float("-inf")


class _Distribution(_Instrument):
    """A histogram for each set of labels."""

    def __init__(self, name: str, bounds: tuple[float, ...], description: str, *labels: str) -> None:
        super().__init__(name, "s", description, *labels)
        self._bounds = bounds
        self._series: dict[Labels, _Values] = {}

    def add(self, labels: Labels, value: float) -> None:
        series = self._series.get(labels)
        if series is None:
            series = self._series.setdefault(self._known(labels, self._series), _Values(len(self._bounds) + 1))
        series.counts[bisect_left(self._bounds, value)] += 1  # a bound belongs to the bucket it ends
        series.total += value
        if value < series.least:  # noqa: PLR1730 - calling `min` for each operation takes longer than the rest
            series.least = value
        if value > series.greatest:  # noqa: PLR1730 - as above
            series.greatest = value

    def read(self, start_ns: int, now_ns: int) -> Metric:
        points = [
            HistogramDataPoint(
                attributes=self._attributes(labels),
                start_time_unix_nano=start_ns,
                time_unix_nano=now_ns,
                count=sum(series.counts),
                sum=series.total,
                bucket_counts=tuple(series.counts),
                explicit_bounds=self._bounds,
                min=series.least,
                max=series.greatest,
            )
            for labels, series in self._series.items()
        ]
        return self._metric(Histogram(points, AggregationTemporality.CUMULATIVE))


class Meters:
    """Everything that is counted of one process; only its background thread uses them."""

    def __init__(self, pipeline: Pipeline, *, resource: Mapping[str, Scalar], version: str) -> None:
        """Begin with nothing counted.

        Args:
            pipeline: What is running and what was dropped is read from it.
            resource: The process's attributes.
            version: Ours.
        """
        self._pipeline = pipeline
        self._resource = Resource(resource)
        self._scope = InstrumentationScope(names.SCOPE, version)
        self._start_ns = time.time_ns()
        self._operations = _Tally(
            "operations",
            "{operation}",
            "Operations that ended.",
            *(names.OPERATION, names.OUTCOME, names.ERROR_TYPE, PROVIDER, names.MODEL_ID),
        )
        self._durations = _Distribution(
            "request.duration",
            REQUEST_SECONDS,
            "How long requests to models took.",
            *(names.OPERATION_NAME, PROVIDER, names.MODEL_ID, OUTPUT_TYPE, names.OUTCOME),
        )
        self._waits = _Distribution(
            "request.queue.duration",
            REQUEST_SECONDS,
            "How long requests to models waited before they were begun.",
            *(PROVIDER, names.MODEL_ID),
        )
        self._active = _Tally(
            "request.active", "{request}", "Requests to models that are running.", names.MODEL_ID, is_monotonic=False
        )
        self._bytes = _Tally(
            "download.io", "By", "Bytes that downloads of models moved.", names.MODEL_ID, DOWNLOAD_PROTOCOL
        )
        self._runs = _Distribution(
            "pattern.run.duration",
            PATTERN_SECONDS,
            "How long runs of patterns took.",
            *(PATTERN_NAME, PATTERN_KIND, names.OUTCOME),
        )
        self._dropped = _Tally("telemetry.dropped", "{record}", "Operations that were lost.", REASON)
        wants_gpus = pipeline.config.gpu_metrics or os.environ.get(GPU_METRICS, "").lower() == "true"
        self._gpus = Gpus() if wants_gpus else None
        self._problems = _Tally("telemetry.problems", "{problem}", "Values left out, and errors of ours.", REASON)

    def count(self, span: Span) -> None:
        """Count an operation, whatever becomes of its span; copies and what has no end count nothing."""
        record, value = span.record, span.attributes.get
        operation = record.operation
        if not record.is_counted or record.unfinished or operation in UNCOUNTED:
            return
        outcome, model, provider = record.outcome, value(names.MODEL_ID), value(PROVIDER)
        shown = f"nested {operation}" if record.nested else operation
        self._operations.add((shown, outcome, value(names.ERROR_TYPE), provider, model), 1)
        if record.nested:
            return
        if operation == names.MODEL_DOWNLOAD:
            moved = value(DOWNLOAD_BYTES)
            if isinstance(moved, int) and moved > 0:
                self._bytes.add((model, value(DOWNLOAD_PROTOCOL)), moved)
        if outcome == names.CANCELLED:
            return
        seconds = (record.end_ns - record.start_ns) / 1e9
        if operation == names.MODEL_REQUEST:
            self._durations.add((value(names.OPERATION_NAME), provider, model, value(OUTPUT_TYPE), outcome), seconds)
            waited = value(QUEUE_SECONDS)
            if isinstance(waited, float) and waited >= 0:
                self._waits.add((provider, model), waited)
        elif operation == names.PATTERN_RUN:
            self._runs.add((value(PATTERN_NAME), value(PATTERN_KIND), outcome), seconds)

    def read(self) -> MetricsData:
        """Return everything as it is now, since the process began."""
        self._active.replace(self._running())
        self._dropped.replace({(reason,): count for reason, count in self._pipeline.counters().dropped.items()})
        self._problems.replace({(kind,): count for kind, count in _guard.problem_kinds().items()})
        now_ns = max(time.time_ns(), self._start_ns + 1)
        instruments: Iterable[_Tally | _Distribution] = (
            *(self._operations, self._durations, self._waits, self._active),
            *(self._bytes, self._runs, self._dropped, self._problems),
        )
        metrics = [instrument.read(self._start_ns, now_ns) for instrument in instruments]
        if self._gpus is not None:
            metrics += self._gpus.read(self._start_ns, now_ns)
        return MetricsData(
            [
                ResourceMetrics(
                    self._resource,
                    [ScopeMetrics(self._scope, [metric for metric in metrics if metric.data.data_points], "")],
                    "",
                )
            ]
        )

    def _running(self) -> dict[Labels, int]:
        """Count running requests by model; in total only, where the host decides which values may leave."""
        running: dict[Labels, int] = {}
        is_shown = self._pipeline.config.redact is None
        for operation in self._pipeline.running():
            if operation.operation != names.MODEL_REQUEST or operation.nested or operation.is_waiting:
                continue
            model = str(operation.values.get(names.MODEL_KEYWORD) or names.UNKNOWN_MODEL)
            if operation.is_running:  # asked last: one that ends meanwhile holds its values elsewhere
                labels = (clean_text(model, MAX_TEXT) if is_shown else None,)
                running[labels] = running.get(labels, 0) + 1
        return running
