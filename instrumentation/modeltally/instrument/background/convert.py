"""From a record to a span: names, types, hashes and bounds are settled here, in the background thread."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from modeltally.instrument import _names as names
from modeltally.instrument._guard import problem
from modeltally.instrument._privacy import Fingerprint, Hashed, Hasher, fingerprint
from modeltally.instrument._scalars import MAX_TEXT, Scalar, Stored

if TYPE_CHECKING:
    from modeltally.instrument._record import Record

__all__ = ["Converter", "Span", "clean_text"]

MAX_NAME: Final = 256
MAX_MESSAGE: Final = 512
MAX_INT: Final = 2**63 - 1
MAX_INT_BITS: Final = 512  # larger ones would be text longer than Python converts


class Span(NamedTuple):
    """A record as it travels.

    Attributes:
        name: Its name.
        is_client: Whether the work is done elsewhere: its kind is client, else internal.
        attributes: All of them, each of its type. ``error.type`` among them makes its status an error.
        record: Ids and times.
    """

    name: str
    is_client: bool
    attributes: dict[str, Scalar]
    record: Record


class Converter:
    """Makes spans of one process."""

    def __init__(self, hasher: Hasher) -> None:
        """Take the process's key."""
        self._hasher = hasher

    def span(self, record: Record) -> Span:
        """Make the span that a record stands for."""
        attributes: dict[str, Scalar] = {}
        values = record.values
        for name, value in (record.custom or {}).items():
            kept = self._custom(value)
            if kept is not None:
                attributes[clean_text(name, MAX_NAME)] = kept
        self._add_values(attributes, values)
        _add_derived(attributes, record.operation, values)
        attributes[names.OPERATION] = record.operation
        if record.operation != names.HEARTBEAT:
            self._add_lifecycle(attributes, record)
        return Span(
            _span_name(record.operation, attributes), _is_client(record.operation, attributes), attributes, record
        )

    def _add_values(self, attributes: dict[str, Scalar], values: dict[str, Stored]) -> None:
        for keyword, value in values.items():
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
            if record.error_message:
                attributes[names.ERROR_MESSAGE] = clean_text(record.error_message, MAX_MESSAGE)

    def _add_user(self, attributes: dict[str, Scalar], user: Stored) -> None:
        if isinstance(user, Hashed):
            attributes[names.USER_HASH], attributes[names.USER_KEY_ID] = user
            return
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
        if isinstance(value, (int, float)):
            return str(value)
    elif type(value) is kind:
        if kind is bool or -MAX_INT <= value <= MAX_INT:  # type: ignore[operator]  # `kind` says it is a number
            return value
    elif type(value) is int or type(value) is float:
        if kind is float and -MAX_INT <= value <= MAX_INT:
            return float(value)
        if kind is int and -MAX_INT <= value <= MAX_INT and value == int(value):
            return int(value)
    problem("bad_value", "%s takes a value of type %s within 64 bits; another one is left out", keyword, kind.__name__)
    return None


def _add_derived(attributes: dict[str, Scalar], operation: str, values: dict[str, Stored]) -> None:
    """Add what follows from the values: the conventions name some things twice."""
    if "lora_names" in values and names.LORA_COUNT not in attributes:
        attributes[names.LORA_COUNT] = str(values["lora_names"]).count(",") + 1
    if operation in names.MODEL_OPERATIONS and not attributes.get(names.MODEL_ID):
        attributes[names.MODEL_ID] = names.UNKNOWN_MODEL
    if operation == names.MODEL_REQUEST:
        attributes.setdefault(names.OPERATION_NAME, names.GENERATE_CONTENT)
        attributes[names.REQUEST_MODEL] = attributes[names.MODEL_ID]
    elif operation == names.PATTERN_RUN:
        operation_name = names.PATTERN_OPERATION_NAMES.get(str(values.get("pattern_kind")))
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


def _is_client(operation: str, attributes: dict[str, Scalar]) -> bool:
    is_remote_request = (
        operation == names.MODEL_REQUEST
        and names.ATTRIBUTES["provider"].name in attributes
        and names.ATTRIBUTES["device"].name not in attributes
    )
    return is_remote_request or operation == names.MODEL_DOWNLOAD
