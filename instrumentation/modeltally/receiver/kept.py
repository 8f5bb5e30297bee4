"""The part of OTLP that is kept, as protobuf messages of our own.

Whatever the messages below do not name is unknown to them and goes with one call that runs in C: nested values, byte
strings, trace states, links' attributes, schema addresses, exemplars. Attributes are maps, which on the wire are the
same as OTLP's lists of pairs, so their names can be compared with an allow-list without making an object per value.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

__all__ = ["Batch", "MetricsBatch"]

_PACKAGE: Final = "modeltally.kept"
_SCALARS: Final = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "sint32": FieldDescriptorProto.TYPE_SINT32,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "fixed32": FieldDescriptorProto.TYPE_FIXED32,
    "fixed64": FieldDescriptorProto.TYPE_FIXED64,
    "sfixed64": FieldDescriptorProto.TYPE_SFIXED64,
}
_POINT: Final = {"start_time_unix_nano": (2, "fixed64"), "time_unix_nano": (3, "fixed64")}
# message -> field -> (number, type); "*" repeated, "?" absent is another thing than 0, "map" a list of attributes,
# "name:" one of those with that name
_MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "Value": {
        "string_value": (1, "value:string"),
        "bool_value": (2, "value:bool"),
        "int_value": (3, "value:int64"),
        "double_value": (4, "value:double"),
    },
    "Resource": {"attributes": (1, "map"), "dropped_attributes_count": (2, "uint32")},
    "Scope": {"name": (1, "string"), "version": (2, "string"), "dropped_attributes_count": (4, "uint32")},
    "Event": {
        "time_unix_nano": (1, "fixed64"),
        "name": (2, "string"),
        "attributes": (3, "map"),
        "dropped_attributes_count": (4, "uint32"),
    },
    "Link": {
        "trace_id": (1, "bytes"),
        "span_id": (2, "bytes"),
        "dropped_attributes_count": (5, "uint32"),
        "flags": (6, "fixed32"),
    },
    "Status": {"message": (2, "string"), "code": (3, "int32")},
    "Span": {
        "trace_id": (1, "bytes"),
        "span_id": (2, "bytes"),
        "parent_span_id": (4, "bytes"),
        "name": (5, "string"),
        "kind": (6, "int32"),
        "start_time_unix_nano": (7, "fixed64"),
        "end_time_unix_nano": (8, "fixed64"),
        "attributes": (9, "map"),
        "dropped_attributes_count": (10, "uint32"),
        "events": (11, "Event*"),
        "dropped_events_count": (12, "uint32"),
        "links": (13, "Link*"),
        "dropped_links_count": (14, "uint32"),
        "status": (15, "Status"),
        "flags": (16, "fixed32"),
    },
    "ScopeSpans": {"scope": (1, "Scope"), "spans": (2, "Span*")},
    "ResourceSpans": {"resource": (1, "Resource"), "scope_spans": (2, "ScopeSpans*")},
    "Batch": {"resource_spans": (1, "ResourceSpans*")},
    "NumberPoint": {
        **_POINT,
        "as_double": (4, "value:double"),
        "as_int": (6, "value:sfixed64"),
        "attributes": (7, "map"),
        "flags": (8, "uint32"),
    },
    "HistogramPoint": {
        **_POINT,
        "count": (4, "fixed64"),
        "sum": (5, "double?"),
        "bucket_counts": (6, "fixed64*"),
        "explicit_bounds": (7, "double*"),
        "attributes": (9, "map"),
        "flags": (10, "uint32"),
        "min": (11, "double?"),
        "max": (12, "double?"),
    },
    "Buckets": {"offset": (1, "sint32"), "bucket_counts": (2, "uint64*")},
    "ExponentialPoint": {
        **_POINT,
        "attributes": (1, "map"),
        "count": (4, "fixed64"),
        "sum": (5, "double?"),
        "scale": (6, "sint32"),
        "zero_count": (7, "fixed64"),
        "positive": (8, "Buckets"),
        "negative": (9, "Buckets"),
        "flags": (10, "uint32"),
        "min": (12, "double?"),
        "max": (13, "double?"),
    },
    "Quantile": {"quantile": (1, "double"), "value": (2, "double")},
    "SummaryPoint": {
        **_POINT,
        "count": (4, "fixed64"),
        "sum": (5, "double"),
        "quantile_values": (6, "Quantile*"),
        "attributes": (7, "map"),
        "flags": (8, "uint32"),
    },
    "Gauge": {"data_points": (1, "NumberPoint*")},
    "Sum": {
        "data_points": (1, "NumberPoint*"),
        "aggregation_temporality": (2, "int32"),
        "is_monotonic": (3, "bool"),
    },
    "Histogram": {"data_points": (1, "HistogramPoint*"), "aggregation_temporality": (2, "int32")},
    "ExponentialHistogram": {"data_points": (1, "ExponentialPoint*"), "aggregation_temporality": (2, "int32")},
    "Summary": {"data_points": (1, "SummaryPoint*")},
    "Metric": {
        "name": (1, "string"),
        "description": (2, "string"),
        "unit": (3, "string"),
        "gauge": (5, "data:Gauge"),
        "sum": (7, "data:Sum"),
        "histogram": (9, "data:Histogram"),
        "exponential_histogram": (10, "data:ExponentialHistogram"),
        "summary": (11, "data:Summary"),
    },
    "ScopeMetrics": {"scope": (1, "Scope"), "metrics": (2, "Metric*")},
    "ResourceMetrics": {"resource": (1, "Resource"), "scope_metrics": (2, "ScopeMetrics*")},
    "MetricsBatch": {"resource_metrics": (1, "ResourceMetrics*")},
}


def _build() -> dict[str, Any]:
    file = FileDescriptorProto(name="modeltally/kept.proto", package=_PACKAGE, syntax="proto3")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind) in fields.items():
            group, _, type_name = kind.rpartition(":")
            field = message.field.add(name=field_name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
            _set_type(field, type_name.rstrip("*?"), message_name)
            if type_name == "map":
                _add_entry(message)
            if type_name == "map" or type_name.endswith("*"):
                field.label = FieldDescriptorProto.LABEL_REPEATED
            if group:
                if not message.oneof_decl:
                    message.oneof_decl.add(name=group)
                field.oneof_index = 0
            elif type_name.endswith("?"):
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field_name}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in ("Batch", "MetricsBatch")
    }


def _set_type(field: FieldDescriptorProto, type_name: str, message_name: str) -> None:
    if type_name in _SCALARS:
        field.type = _SCALARS[type_name]
        return
    field.type = FieldDescriptorProto.TYPE_MESSAGE
    field.type_name = (
        f".{_PACKAGE}.{message_name}.AttributesEntry" if type_name == "map" else f".{_PACKAGE}.{type_name}"
    )


def _add_entry(message: DescriptorProto) -> None:
    entry = message.nested_type.add(name="AttributesEntry")
    entry.options.map_entry = True
    label = FieldDescriptorProto.LABEL_OPTIONAL
    entry.field.add(name="key", number=1, label=label, type=FieldDescriptorProto.TYPE_STRING)
    entry.field.add(
        name="value",
        number=2,
        label=label,
        type=FieldDescriptorProto.TYPE_MESSAGE,
        type_name=f".{_PACKAGE}.Value",
    )


_CLASSES: Final = _build()
# An ExportTraceServiceRequest, and an ExportMetricsServiceRequest, as far as they are kept.
Batch: Final[Any] = _CLASSES["Batch"]
MetricsBatch: Final[Any] = _CLASSES["MetricsBatch"]
