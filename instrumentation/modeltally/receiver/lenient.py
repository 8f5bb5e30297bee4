"""A second reading of bodies that protobuf's own parsers refuse, by the rules of the collector's decoder.

That one takes text that is no UTF-8, half a surrogate pair, a key that comes twice, two values of a oneof, null in a
list, values nested as deep as anybody likes, and whatever follows the end of the JSON. A sender never repeats a body
that is refused, so one such piece would cost every good span beside it.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from google.protobuf.message import Message

__all__ = ["mend_protobuf", "parse_json"]

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_IDS: Final = frozenset({"trace_id", "span_id", "parent_span_id"})
# What reads as base64 and gives back the same digits; other ids become one that is no hex digits.
_READABLE_ID: Final = re.compile(r"(?:[0-9A-Za-z]{4})*")
_UNREADABLE_ID: Final = "none"
_COMMON: Final = "opentelemetry.proto.common.v1"
_NESTED: Final = frozenset({"array_value", "kvlist_value"})
_BLANKS: Final = " \t\n\r"
_BYTES: Final = _IDS | {"bytes_value"}


def parse_json(text: str, request: Message) -> None:
    """Read a JSON body into a request of its signal; ids are read as base64, as by json_format.

    Raises:
        ParseError: It is not OTLP; also other errors of Python's.
    """
    content, _ = _DECODER.raw_decode(text.lstrip(_BLANKS))
    json_format.ParseDict(_fit(content, request.DESCRIPTOR), request, ignore_unknown_fields=True)


def mend_protobuf(body: bytes, request: Any) -> bytes:
    """Encode a request anew with replacement characters for what is no UTF-8, and without values nested in lists.

    Args:
        body: The encoded request.
        request: What it is.

    Raises:
        DecodeError: It is not protobuf.
    """
    raw = _raw(request).FromString(body)
    raw.DiscardUnknownFields()
    _replace(raw)
    return bytes(raw.SerializeToString())


def _last_wins(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object, each key at its last place; lists under one key are one list."""
    made: dict[str, Any] = {}
    for name, value in pairs:
        before = made.pop(name, None)
        if isinstance(before, list) and isinstance(value, list):
            before.extend(value)
            made[name] = before
        else:
            made[name] = value
    return made


def _fit(value: Any, descriptor: Any, *, is_listed: bool = False) -> Any:
    """Give what json_format reads of an object: known names, once each, and one value of a oneof."""
    if not isinstance(value, dict):
        return value
    fitted: dict[str, Any] = {}
    chosen: dict[str, str] = {}
    fields = _fields(descriptor)
    for name, item in value.items():
        field = fields.get(name)
        if field is None or item is None:
            continue
        fitted.pop(field.name, None)
        if field.containing_oneof is not None:
            fitted.pop(chosen.get(field.containing_oneof.name, ""), None)
            chosen[field.containing_oneof.name] = field.name
        # neither maps nor lists in lists are kept, so their depth is no matter
        is_nested = field.name == "kvlist_value" or (is_listed and field.name == "array_value")
        fitted[field.name] = {} if is_nested else _fit_field(item, field)
    return fitted


def _fit_field(value: Any, field: FieldDescriptor) -> Any:
    if isinstance(value, list):
        is_listed = field.full_name == f"{_COMMON}.ArrayValue.values"
        return [_fit_item(item, field, is_listed=is_listed) for item in value]
    return _fit_item(value, field)


def _fit_item(value: Any, field: FieldDescriptor, *, is_listed: bool = False) -> Any:
    if field.message_type is not None:
        return {} if value is None else _fit(value, field.message_type, is_listed=is_listed)
    if field.type == FieldDescriptor.TYPE_BYTES and field.name in _IDS:
        return value if isinstance(value, str) and _READABLE_ID.fullmatch(value) else _UNREADABLE_ID
    return _SURROGATE.sub("\ufffd", value) if isinstance(value, str) else value


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_last_wins)


@cache
def _fields(descriptor: Any) -> Mapping[str, FieldDescriptor]:
    """Give the fields of a message by both names that JSON may call them."""
    return {name: field for field in descriptor.fields for name in (field.name, field.json_name)}


@cache
def _raw(request: Any) -> Any:
    """Build a request whose texts are bytes and whose lists hold plain values."""
    pool = descriptor_pool.DescriptorPool()
    _add_raw(pool, request.DESCRIPTOR.file, set())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(request.DESCRIPTOR.full_name))


def _add_raw(pool: descriptor_pool.DescriptorPool, file: Any, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        _add_raw(pool, dependency, added)
    copied = FileDescriptorProto()
    file.CopyToProto(copied)
    for message in copied.message_type:
        _make_raw(message)
    if copied.package == _COMMON:
        _flatten(copied)
    pool.Add(copied)


def _make_raw(message: DescriptorProto) -> None:
    for field in message.field:
        if field.type == FieldDescriptorProto.TYPE_STRING:
            field.type = FieldDescriptorProto.TYPE_BYTES
    for nested in message.nested_type:
        _make_raw(nested)


def _flatten(file: FileDescriptorProto) -> None:
    """Make what nests without end unknown: lists hold plain values, and maps nothing."""
    messages = {message.name: message for message in file.message_type}
    del messages["KeyValueList"].field[:]
    plain = file.message_type.add()
    plain.CopyFrom(messages["AnyValue"])
    plain.name = "PlainValue"
    kept = [field for field in plain.field if field.name not in _NESTED]
    del plain.field[:]
    plain.field.extend(kept)
    messages["ArrayValue"].field[0].type_name = f".{_COMMON}.PlainValue"


def _replace(message: Any) -> None:
    """Replace, in place, what is no UTF-8 in a request of :func:`_raw`; ids and byte strings stay."""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            for item in (value,) if hasattr(value, "ListFields") else value:
                _replace(item)
        elif field.type == FieldDescriptor.TYPE_BYTES and field.name not in _BYTES:
            if not isinstance(value, bytes):
                value[:] = [_utf8(item) for item in value]
            elif not value.isascii():
                setattr(message, field.name, _utf8(value))


def _utf8(text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode()
