"""The part of OTLP that is kept, as protobuf messages of our own.

Whatever the messages below do not name is unknown to them and goes with one call that runs in C: nested values, byte
strings, trace states, links' attributes, schema addresses. Attributes are maps, which on the wire are the same as
OTLP's lists of pairs, so their names can be compared with an allow-list without making an object per value.
"""

from __future__ import annotations

from typing import Any, Final

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

__all__ = ["Batch"]

_PACKAGE: Final = "modeltally.kept"
_SCALARS: Final = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "fixed32": FieldDescriptorProto.TYPE_FIXED32,
    "fixed64": FieldDescriptorProto.TYPE_FIXED64,
}
# message -> field -> (number, type); "*" repeated, "map" a list of attributes
_MESSAGES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "Value": {
        "string_value": (1, "string"),
        "bool_value": (2, "bool"),
        "int_value": (3, "int64"),
        "double_value": (4, "double"),
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
}


def _build() -> Any:
    file = FileDescriptorProto(name="modeltally/kept.proto", package=_PACKAGE, syntax="proto3")
    for message_name, fields in _MESSAGES.items():
        message = file.message_type.add(name=message_name)
        for field_name, (number, kind) in fields.items():
            field = message.field.add(name=field_name, number=number, label=FieldDescriptorProto.LABEL_OPTIONAL)
            if kind in _SCALARS:
                field.type = _SCALARS[kind]
                continue
            field.type = FieldDescriptorProto.TYPE_MESSAGE
            field.type_name = f".{_PACKAGE}.{kind.rstrip('*')}"
            if kind.endswith("*"):
                field.label = FieldDescriptorProto.LABEL_REPEATED
            if kind == "map":
                field.label = FieldDescriptorProto.LABEL_REPEATED
                field.type_name = f".{_PACKAGE}.{message_name}.AttributesEntry"
                entry = message.nested_type.add(name="AttributesEntry")
                entry.options.map_entry = True
                entry.field.add(name="key", number=1, label=field.LABEL_OPTIONAL, type=field.TYPE_STRING)
                entry.field.add(
                    name="value",
                    number=2,
                    label=field.LABEL_OPTIONAL,
                    type=field.TYPE_MESSAGE,
                    type_name=f".{_PACKAGE}.Value",
                )
        if message_name == "Value":
            message.oneof_decl.add(name="value")
            for field in message.field:
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Batch"))


# An ExportTraceServiceRequest as far as it is kept.
Batch: Final[Any] = _build()
