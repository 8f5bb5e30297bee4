"""Every kind of metric reaches its table, and nothing but what is named passes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from collector.conftest import settle
from receiver.bodies import START_NS, Sender, put
from support.stores import stored

if TYPE_CHECKING:
    from collector.running import Collector, StubStore

CANARY = "canary-metric-5e1d"
KINDS = ("gauge", "sum", "histogram", "exponential_histogram", "summary")


def _request(prefix: str) -> ExportMetricsServiceRequest:
    """Make one metric of each kind, with something to hide in every place that can hold it."""
    made = ExportMetricsServiceRequest()
    resource = made.resource_metrics.add(schema_url=CANARY)
    put(resource.resource.attributes, {"service.name": "painter", "process.command_line": CANARY})
    scope = resource.scope_metrics.add(schema_url=CANARY)
    scope.scope.name, scope.scope.version = "modeltally", f"1 {CANARY}"
    put(scope.scope.attributes, {"note": CANARY})
    for kind in KINDS:
        metric = scope.metrics.add(name=f"{prefix}{kind}", unit="s" if kind == "gauge" else CANARY, description=CANARY)
        put(metric.metadata, {"note": CANARY})
        point: Any = getattr(metric, kind).data_points.add(start_time_unix_nano=START_NS, time_unix_nano=START_NS)
        put(point.attributes, {"modeltally.outcome": "success", "prompt": CANARY, "user.id": CANARY})
        if kind != "summary":
            exemplar = point.exemplars.add(as_double=1.0, time_unix_nano=START_NS)
            put(exemplar.filtered_attributes, {"prompt": CANARY})
        if kind in {"gauge", "sum"}:
            point.as_double = 2.5
        else:
            point.count, point.sum = 3, 2.5
        if kind == "histogram":
            point.bucket_counts.extend([1, 2])
            point.explicit_bounds.append(1.0)
    return made


def test_each_kind_reaches_its_table_without_what_is_not_named(collector: Collector, store: StubStore) -> None:
    """One point of each kind is stored with its value and its one allowed attribute; of foreign metrics, none."""
    sender = Sender(collector.url)
    for prefix in ("modeltally.test.", "http.server."):
        assert sender.send(_request(prefix).SerializeToString(), path="/v1/metrics").status == 200
    sender.close()
    settle(collector, store)
    for kind in KINDS:
        (row,) = stored(store.directory, f"SELECT * FROM otel_metrics_{kind}")  # noqa: S608 - one of five names above
        assert row["MetricName"] == f"modeltally.test.{kind}"
        assert (row["MetricUnit"], row["MetricDescription"]) == ("s" if kind == "gauge" else "", "")
        assert row["Attributes"] == {"modeltally.outcome": "success"}
        assert row["ResourceAttributes"] == {"service.name": "painter"}
        assert row.get("Value", row.get("Sum")) == 2.5
        assert CANARY not in str(row)


def test_a_point_that_says_it_has_no_value_is_no_zero(collector: Collector, store: StubStore) -> None:
    """A gauge whose flag says that nothing was recorded is not stored; the one beside it is."""
    made = ExportMetricsServiceRequest()
    points = made.resource_metrics.add().scope_metrics.add().metrics.add(name="hw.power").gauge.data_points
    points.add(time_unix_nano=START_NS, flags=1)
    points.add(time_unix_nano=START_NS, as_double=2.5)
    sender = Sender(collector.url)
    assert sender.send(made.SerializeToString(), path="/v1/metrics").status == 200
    sender.close()
    settle(collector, store)
    assert stored(store.directory, "SELECT Value, Flags FROM otel_metrics_gauge") == [{"Value": 2.5, "Flags": 0}]
