"""From a record to a span: names, types, hashes and bounds are settled here, in the background thread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from modeltally.instrument import _names as names
from modeltally.instrument._guard import problem
from modeltally.instrument._privacy import Fingerprint, Hasher, fingerprint
from modeltally.instrument._values import MAX_TEXT, Scalar, Stored

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

    from modeltally.instrument._record import Record

__all__ = ["Converter", "clean_text"]

MAX_NAME: Final = 256
MAX_INT: Final = 2**63 - 1
MAX_INT_BITS: Final = 512  # larger ones would be text longer than Python converts

_UNSET: Final = Status(StatusCode.UNSET)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_NOT_SAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)


class Converter:
    """Makes spans of one process: one resource, one scope, one key."""

    def __init__(self, *, resource: Resource, scope: InstrumentationScope, hasher: Hasher) -> None:
        """Take what all spans of the process share."""
        self._resource = resource
        self._scope = scope
        self._hasher = hasher

    def span(self, record: Record) -> ReadableSpan:
        """Make the span that a record stands for."""
        attributes: dict[str, Scalar] = {}
        for name, value in (record.custom or {}).items():
            kept = self._custom(value)
            if kept is not None:
                attributes[clean_text(name, MAX_NAME)] = kept
        self._add_values(attributes, record)
        _add_derived(attributes, record)
        attributes[names.OPERATION] = record.operation
        if record.operation != names.HEARTBEAT:
            self._add_lifecycle(attributes, record)
        flags = _SAMPLED if record.sampled else _NOT_SAMPLED
        return ReadableSpan(
            name=_span_name(record.operation, attributes),
            context=SpanContext(record.trace_id, record.span_id, is_remote=False, trace_flags=flags),
            parent=SpanContext(record.trace_id, record.parent_id, is_remote=False, trace_flags=flags)
            if record.parent_id
            else None,
            resource=self._resource,
            attributes=attributes,
            kind=_kind(record.operation, attributes),
            status=_status(attributes),
            start_time=record.start_ns,
            end_time=record.end_ns,
            instrumentation_scope=self._scope,
        )

    def _add_values(self, attributes: dict[str, Scalar], record: Record) -> None:
        for keyword, value in record.values.items():
            attribute = names.ATTRIBUTES.get(keyword)
            if attribute is not None:
                typed = _typed(keyword, value, attribute.type)
                if typed is not None:
                    attributes[attribute.name] = typed
            elif keyword == names.USER_KEYWORD:
                self._add_user(attributes, value)
            elif keyword in names.PROMPT_KEYWORDS:
                self._add_prompt(attributes, keyword, value)
            else:
                problem("unknown_name", "no keyword is named %.64r; the value is left out", keyword)

    def _add_lifecycle(self, attributes: dict[str, Scalar], record: Record) -> None:
        attributes[names.SOURCE] = record.source
        if record.nested:
            attributes[names.NESTED] = True
        if record.unfinished:
            attributes[names.UNFINISHED] = True
            return
        attributes[names.OUTCOME] = record.outcome
        if record.outcome in names.BAD_OUTCOMES:
            attributes[names.ERROR_TYPE] = clean_text(record.error_type or record.outcome, MAX_NAME)
            if record.error_site:
                attributes[names.ERROR_SITE] = clean_text(record.error_site, MAX_NAME)

    def _add_user(self, attributes: dict[str, Scalar], user: Stored) -> None:
        hashed = self._hasher.user(str(user))
        if hashed is not None and self._hasher.key_id is not None:
            attributes[names.USER_HASH] = hashed
            attributes[names.USER_KEY_ID] = self._hasher.key_id

    def _add_prompt(self, attributes: dict[str, Scalar], keyword: str, value: Stored) -> None:
        hash_name, length_name = names.PROMPT_KEYWORDS[keyword]
        prompt = value if isinstance(value, Fingerprint) else fingerprint(str(value))
        attributes[length_name] = prompt.length
        hashed = self._hasher.prompt(prompt)
        if hashed is not None:
            attributes[hash_name] = hashed

    def _custom(self, value: Scalar) -> Scalar | None:
        if isinstance(value, str):
            return clean_text(value, MAX_TEXT)
        if isinstance(value, float):
            return value if math.isfinite(value) else None
        if value.bit_length() > MAX_INT_BITS:
            return None
        return value if -MAX_INT <= value <= MAX_INT else str(value)


def clean_text(text: str, limit_bytes: int) -> str:
    """Return text that can be encoded and is no longer than the limit in UTF-8."""
    if text.isascii():
        return text[:limit_bytes]
    return text.encode("utf-8", "replace")[:limit_bytes].decode("utf-8", "ignore")


def _typed(keyword: str, value: Stored, kind: type[Scalar]) -> Scalar | None:
    """Give a value its attribute's type; None, counted, when it has none of that type."""
    if kind is str:
        if isinstance(value, str):
            return clean_text(value, MAX_TEXT)
        if isinstance(value, int | float):
            return str(value)
    elif kind is bool:
        if isinstance(value, bool):
            return value
    elif isinstance(value, int | float) and not isinstance(value, bool) and -MAX_INT <= value <= MAX_INT:
        if kind is float:
            return float(value)
        if value == int(value):
            return int(value)
    problem("bad_value", "%s takes a value of type %s within 64 bits; another one is left out", keyword, kind.__name__)
    return None


def _add_derived(attributes: dict[str, Scalar], record: Record) -> None:
    """Add what follows from the values: the conventions name some things twice."""
    if "lora_names" in record.values and names.LORA_COUNT not in attributes:
        attributes[names.LORA_COUNT] = str(record.values["lora_names"]).count(",") + 1
    if record.operation in names.MODEL_OPERATIONS and not attributes.get(names.MODEL_ID):
        attributes[names.MODEL_ID] = names.UNKNOWN_MODEL
    if record.operation == names.MODEL_REQUEST:
        attributes.setdefault(names.OPERATION_NAME, names.GENERATE_CONTENT)
        attributes[names.REQUEST_MODEL] = attributes[names.MODEL_ID]
    elif record.operation == names.PATTERN_RUN:
        operation_name = names.PATTERN_OPERATION_NAMES.get(str(record.values.get("pattern_kind")))
        if operation_name is not None:
            attributes.setdefault(names.OPERATION_NAME, operation_name)


def _span_name(operation: str, attributes: dict[str, Scalar]) -> str:
    if operation == names.MODEL_REQUEST:
        name = f"{attributes[names.OPERATION_NAME]} {attributes.get(names.MODEL_ID, '')}"
    elif operation == names.PATTERN_RUN:
        name = f"pattern {attributes.get(names.ATTRIBUTES[names.PATTERN_NAME_KEYWORD].name, '')}"
    elif operation == names.EVALUATION:
        name = f"evaluate {attributes.get(names.EVALUATION_NAME, '')}"
    elif operation == names.HEARTBEAT:
        name = operation
    else:
        name = f"{operation.removeprefix('model.')} {attributes.get(names.MODEL_ID, '')}"
    return clean_text(name.rstrip(), MAX_NAME)


def _kind(operation: str, attributes: dict[str, Scalar]) -> SpanKind:
    is_remote_request = (
        operation == names.MODEL_REQUEST
        and names.ATTRIBUTES["provider"].name in attributes
        and names.ATTRIBUTES["device"].name not in attributes
    )
    return SpanKind.CLIENT if is_remote_request or operation == names.MODEL_DOWNLOAD else SpanKind.INTERNAL


def _status(attributes: dict[str, Scalar]) -> Status:
    error_type = attributes.get(names.ERROR_TYPE)
    return _UNSET if error_type is None else Status(StatusCode.ERROR, str(error_type))
