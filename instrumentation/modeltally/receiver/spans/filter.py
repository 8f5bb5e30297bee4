"""What is taken out of a request with spans before it is written anywhere.

Names outside the allow-lists go; so do nested values, byte strings, status messages that are not error types, trace
states, and every attribute of an event except its exception's type. Names of scopes, spans and events that may be texts
are replaced. A user id becomes a keyed hash. Values and lists are bounded, because a batch is multiplied when it
becomes rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from modeltally.instrument import _names as names
from modeltally.receiver.allow import (
    EVENT_ATTRIBUTES,
    EVENT_NAMES,
    EXCEPTION_TYPE,
    MAX_OPEN_NAMES,
    MAX_OWN_NAMES,
    OPEN_NAMES,
    RESOURCE_ATTRIBUTES,
    SPAN_ATTRIBUTES,
    SPAN_SUBJECTS,
    SPAN_VERB,
    USER_IDS,
    is_own_name,
)
from modeltally.receiver.attributes import MAX_TEXT_CHARACTERS, bound, join_lists, judge_scope, keep, text_of
from modeltally.receiver.kept import Batch
from modeltally.receiver.signal import Filtered
from modeltally.store import QuarantinedSpan

if TYPE_CHECKING:
    import datetime as dt

    from modeltally.instrument._privacy import Hasher

__all__ = ["NOT_HEX", "REDACTED_EVENT", "REDACTED_NAME", "FilteredSpans", "filter_spans"]

MAX_RESOURCE_TEXT_CHARACTERS: Final = 256
MAX_EVENTS: Final = 64
MAX_LINKS: Final = 64

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
# Stands for an id of a JSON body that is not written in hex digits; no id has its length.
NOT_HEX: Final = b"not hex digits"
_NO_TRACE_ID: Final = bytes(TRACE_ID_BYTES)
_NO_SPAN_ID: Final = bytes(SPAN_ID_BYTES)

# What a span and an event are called whose names may be a path with ids in it, or a line of a log.
REDACTED_NAME: Final = "span"
REDACTED_EVENT: Final = "event"

_HASH: Final = re.compile(r"[0-9a-f]{16}")

BAD_IDENTITY: Final = "bad_identity"


@dataclass
class FilteredSpans(Filtered):
    """What may be kept of a body of spans.

    Attributes:
        received_at: When it came.
        largest_span_bytes: No span of it is larger: where no text can be too long, none is measured.
        quarantined: The spans taken out, because they have no usable identity.
    """

    received_at: dt.datetime = field(kw_only=True)
    largest_span_bytes: int = field(kw_only=True)
    quarantined: list[QuarantinedSpan] = field(default_factory=list)

    @property
    def message(self) -> str:
        """What is wrong with the first that was taken out."""
        return self.quarantined[0].detail if self.quarantined else ""


def filter_spans(piece: bytes, result: FilteredSpans, *, hasher: Hasher) -> None:
    """Add to a result what may be kept of a request.

    Args:
        piece: The encoded request.
        result: What is kept of it is added here.
        hasher: Turns user ids into pseudonyms.

    Raises:
        DecodeError: It is not protobuf.
    """
    request = ExportTraceServiceRequest.FromString(piece)
    batch = Batch.FromString(piece)
    batch.DiscardUnknownFields()
    if batch.ByteSize() != len(piece):
        # It holds more than the kept messages, or is encoded in another way: lists become text, the rest is counted
        # and goes.
        result.dropped_attributes += _keep_scalars(request)
        batch = Batch.FromString(request.SerializeToString())
        batch.DiscardUnknownFields()
    items = 0
    for resource_spans in batch.resource_spans:
        result.dropped_attributes += keep(resource_spans.resource.attributes, RESOURCE_ATTRIBUTES)
        bound(resource_spans.resource.attributes, MAX_RESOURCE_TEXT_CHARACTERS)
        for scope_spans in resource_spans.scope_spans:
            judge_scope(scope_spans.scope)
            is_ours = _is_ours(scope_spans.scope.name)
            items += _filter_spans(scope_spans.spans, result, is_ours=is_ours, hasher=hasher)
            if result.largest_span_bytes > MAX_TEXT_CHARACTERS:
                for span in scope_spans.spans:
                    bound(span.attributes, MAX_TEXT_CHARACTERS)
    if items:
        result.items += items
        # Sorted names: the same kind of span is the same text again and again, which the store compresses well.
        result.payload += batch.SerializeToString(deterministic=True)


def _filter_spans(spans: Any, result: FilteredSpans, *, is_ours: bool, hasher: Hasher) -> int:
    """Filter the spans of a scope in place; returns how many are left."""
    unusable = []
    for index, span in enumerate(spans):
        result.dropped_attributes += _filter_span(span, is_ours=is_ours, hasher=hasher)
        if len(span.parent_span_id) != SPAN_ID_BYTES:
            span.parent_span_id = b""
        flaw = _identity_flaw(span.trace_id, span.span_id)
        if flaw:
            unusable.append(index)
            result.rejected[BAD_IDENTITY] += 1
            result.quarantined.append(_quarantined(span, flaw, result.received_at))
    for index in reversed(unusable):
        del spans[index]
    return len(spans)


def _filter_span(span: Any, *, is_ours: bool, hasher: Hasher) -> int:
    """Filter one span in place; returns how many attributes went."""
    dropped = 0
    attributes = span.attributes
    if not SPAN_ATTRIBUTES.issuperset(attributes):
        dropped += _keep_of_span(attributes, hasher, is_ours=is_ours)
    if not is_ours:
        _check_user_hash(attributes, hasher)
    if not _is_known_name(span.name, attributes):
        span.name = REDACTED_NAME
    if span.HasField("status") and span.status.message:
        _check_status(span)
    if span.events:
        dropped += _filter_events(span.events)
    if span.links:
        _filter_links(span.links)
    return dropped


def _is_known_name(name: str, attributes: Any) -> bool:
    """Tell whether a name says what is done, and nothing else but to which of the things its attributes name."""
    verb, _, subject = name.partition(" ")
    if not SPAN_VERB.fullmatch(verb):
        return False
    subjects = (attributes[known].string_value for known in SPAN_SUBJECTS if known in attributes)
    return not subject or subject in subjects


def _is_ours(scope_name: str) -> bool:
    return scope_name == names.SCOPE or scope_name.startswith(f"{names.SCOPE}.")


def _keep_of_span(attributes: Any, hasher: Hasher, *, is_ours: bool) -> int:
    """Delete the attributes that are not allowed; returns how many."""
    users = [name for name in USER_IDS if name in attributes]
    if users and names.USER_HASH not in attributes:
        text = next((text for name in users if (text := text_of(attributes[name]))), "")
        hashed = hasher.user(text) if text else None
        if hashed is not None:
            attributes[names.USER_HASH].string_value = hashed
            attributes[names.USER_KEY_ID].string_value = hasher.key_id or ""
    dropped, open_left, own_left = 0, MAX_OPEN_NAMES, MAX_OWN_NAMES if is_ours else 0
    for name in sorted(name for name in attributes if name not in SPAN_ATTRIBUTES):
        if open_left and OPEN_NAMES.fullmatch(name):
            open_left -= 1
        elif own_left and is_own_name(name):
            own_left -= 1
        else:
            del attributes[name]
            dropped += 1
    return dropped - len(users)


def _check_user_hash(attributes: Any, hasher: Hasher) -> None:
    """Hash what another library calls a user's hash unless it looks like ours: it may be the id itself."""
    if names.USER_HASH not in attributes:
        return
    value = attributes[names.USER_HASH]
    if value.WhichOneof("value") == "string_value" and _HASH.fullmatch(value.string_value):
        return
    text = text_of(value)
    value.string_value = (hasher.user(text) if text else None) or ""


def _check_status(span: Any) -> None:
    """Drop the status message unless it is the error type: providers' errors quote prompts."""
    attributes = span.attributes
    if names.ERROR_TYPE not in attributes or span.status.message != attributes[names.ERROR_TYPE].string_value:
        span.status.message = ""


def _filter_events(events: Any) -> int:
    del events[MAX_EVENTS:]
    dropped = 0
    for event in events:
        dropped += keep(event.attributes, EVENT_ATTRIBUTES)
        for name in list(event.attributes):
            if not EXCEPTION_TYPE.fullmatch(event.attributes[name].string_value):
                del event.attributes[name]
                dropped += 1
        if event.name not in EVENT_NAMES:
            event.name = REDACTED_EVENT
    return dropped


def _filter_links(links: Any) -> None:
    del links[MAX_LINKS:]
    for index in reversed(range(len(links))):
        if len(links[index].trace_id) != TRACE_ID_BYTES or len(links[index].span_id) != SPAN_ID_BYTES:
            del links[index]


def _identity_flaw(trace_id: bytes, span_id: bytes) -> str | None:
    for what, identity in (("trace", trace_id), ("span", span_id)):
        if identity == NOT_HEX:
            return f"the {what} id is not written in pairs of hex digits"
    if len(trace_id) != TRACE_ID_BYTES:
        return f"the trace id has {len(trace_id)} bytes, not {TRACE_ID_BYTES}"
    if len(span_id) != SPAN_ID_BYTES:
        return f"the span id has {len(span_id)} bytes, not {SPAN_ID_BYTES}"
    if trace_id == _NO_TRACE_ID:
        return "the trace id is all zeros"
    if span_id == _NO_SPAN_ID:
        return "the span id is all zeros"
    return None


def _quarantined(span: Any, flaw: str, received_at: dt.datetime) -> QuarantinedSpan:
    return QuarantinedSpan(
        received_at=received_at,
        reason=BAD_IDENTITY,
        trace_id=_shown(span.trace_id, TRACE_ID_BYTES),
        span_id=_shown(span.span_id, SPAN_ID_BYTES),
        name=span.name,
        detail=flaw,
    )


def _shown(identity: bytes, length: int) -> str:
    return "" if identity == NOT_HEX else identity[: 2 * length].hex()


def _keep_scalars(request: ExportTraceServiceRequest) -> int:
    """Join allowed lists to text and take out the values that are neither; returns how many attributes went."""
    dropped = 0
    for resource_spans in request.resource_spans:
        dropped += join_lists(resource_spans.resource.attributes, RESOURCE_ATTRIBUTES.__contains__)
        for scope_spans in resource_spans.scope_spans:
            dropped += len(scope_spans.scope.attributes)
            allowed = _allowed_on_ours if _is_ours(scope_spans.scope.name) else SPAN_ATTRIBUTES.__contains__
            for span in scope_spans.spans:
                dropped += join_lists(span.attributes, allowed)
                for event in span.events:
                    dropped += join_lists(event.attributes, EVENT_ATTRIBUTES.__contains__)
                dropped += sum(len(link.attributes) for link in span.links)
    return dropped


def _allowed_on_ours(name: str) -> bool:
    return name in SPAN_ATTRIBUTES or is_own_name(name)
