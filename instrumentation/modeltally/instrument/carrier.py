"""Carriers: who asked for the work, in the headers of a message.

::

    headers = modeltally.inject({}, user="u1", session_id="s1", project="posters")   # where the message is sent
    ...
    with modeltally.extract(headers):                                                # where it is worked on
        generate(...)

Nothing is added to any message or request unless :func:`inject` is called with it: users and projects must not travel
to other people's services. The user travels as keyed hash.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload

from opentelemetry.trace import get_current_span

from modeltally.instrument import _clock, _runtime
from modeltally.instrument import _names as names
from modeltally.instrument._context import current_operation
from modeltally.instrument._guard import guarded, problem
from modeltally.instrument._inbound import NOTHING, InboundContext, inbound
from modeltally.instrument._privacy import Hashed
from modeltally.instrument._scalars import MAX_SPAN_BYTES, Stored, copy_values
from modeltally.instrument._switch import is_disabled

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from typing import Unpack

    from modeltally.instrument._pipeline import Pipeline
    from modeltally.instrument._values import Values

__all__ = ["HEADER", "extract", "hashed_user", "inject"]

HEADER: Final = "modeltally-context"
VERSION: Final = 1
MAX_BYTES: Final = 4096
MAX_TEXT: Final = 256
MAX_HEADERS: Final = 256
MAX_QUEUE_SECONDS: Final = 400 * 86_400.0

# what travels, by keyword and the key it travels under
_TEXTS: Final = {
    "session_id": "s",
    "conversation_id": "c",
    "project": "p",
    "agent_name": "a",
    "context_type": "t",
    "correlation_id": "r",
}
_USER, _KEY_ID, _ATTEMPT, _SENT_AT, _TRACE, _VERSION = "u", "k", "n", "q", "o", "v"
_DIGITS: Final = frozenset("0123456789abcdef")

C = TypeVar("C", bound="MutableMapping[str, Any]")


@overload
def inject(carrier: dict[str, str], /, **values: Unpack[Values]) -> dict[str, str]: ...


@overload
def inject(carrier: C, /, **values: Unpack[Values]) -> C: ...


def inject(carrier: Any, /, **values: Unpack[Values]) -> Any:
    """Write into a message's headers who asks and when; :func:`extract` reads it where the message is processed.

    Args:
        carrier: The headers, changed in place: one entry is added, of ASCII text below 4 KiB.
        **values: ``user``, ``session_id``, ``conversation_id``, ``project``, ``agent_name``, ``context_type``,
            ``correlation_id``, ``attempt``. What is not given is taken from the current operation, then from the
            message being worked on. Other values do not travel.

    Returns:
        The same carrier; unchanged when telemetry is off.
    """
    _inject(carrier, values)
    return carrier


@guarded(None)
def _inject(carrier: MutableMapping[str, Any], values: Values) -> None:
    pipeline = _runtime.current()
    if pipeline is None or is_disabled():
        return
    known: dict[str, Stored] = {}
    delivered = inbound.get()
    if delivered is not None:
        known.update(delivered.values)
        known.pop("attempt", None)  # how often this message was tried says nothing of the next
    known.update(current_operation().values)
    copy_values(known, values, MAX_SPAN_BYTES)
    content: dict[str, object] = {_VERSION: VERSION, _SENT_AT: _clock.time_ns()}
    for keyword, key in _TEXTS.items():
        value = known.get(keyword)
        if value is not None:
            content[key] = str(value).encode("utf-8", "replace").decode()[:MAX_TEXT]
    attempt = values.get("attempt")
    if type(attempt) is int:
        content[_ATTEMPT] = attempt
    user = hashed_user(known.get(names.USER_KEYWORD), pipeline)
    if user is not None:
        content[_USER], content[_KEY_ID] = user
    content[_TRACE] = _origin()
    text = json.dumps(content, separators=(",", ":"))
    if len(text) > MAX_BYTES:  # not ASCII: every character takes six
        problem("carrier_full", "what a message carries is larger than %d bytes; nothing is added to it", MAX_BYTES)
        return
    carrier[HEADER] = text


def hashed_user(user: Stored | None, pipeline: Pipeline) -> Hashed | None:
    """Hash a user under the deployment's key; None where there is none."""
    if user is None or isinstance(user, Hashed):
        return user
    hasher = pipeline.hasher()
    digits = hasher.user(str(user))
    return None if digits is None or hasher.key_id is None else Hashed(digits, hasher.key_id)


def _origin() -> str:
    operation = current_operation()
    if operation.is_running:
        return f"{operation.trace_id:032x}-{operation.span_id:016x}-{operation.sampled:d}"
    host = get_current_span().get_span_context()
    if host.is_valid:
        return f"{host.trace_id:032x}-{host.span_id:016x}-{host.trace_flags.sampled:d}"
    delivered = inbound.get()
    if delivered is not None and delivered.trace_id:
        return f"{delivered.trace_id:032x}-{delivered.span_id:016x}-{delivered.sampled:d}"
    return ""


def extract(
    carrier: Mapping[str, Any], /, *, attempt: int | None = None, redelivered: bool | None = None
) -> InboundContext:
    """Read what :func:`inject` wrote into a message's headers; it is in effect within a ``with`` block.

    Args:
        carrier: The message's headers; names are compared without regard to case. Headers without an entry of ours,
            or with a broken one, bring nothing.
        attempt: Which attempt this is, from 1, where the broker knows better than the sender.
        redelivered: Whether the broker has delivered this very message before.

    Returns:
        A context manager.
    """
    return _read(carrier, attempt, redelivered) or NOTHING


@guarded(None)
def _read(carrier: Mapping[str, Any], attempt: int | None, redelivered: bool | None) -> InboundContext | None:  # noqa: FBT001 - private
    content = _content(carrier)
    if not content and attempt is None and redelivered is None:
        return None
    values: dict[str, Stored] = {}
    for keyword, key in _TEXTS.items():
        value = content.get(key)
        if isinstance(value, str):
            values[keyword] = value[:MAX_TEXT]
    user, key_id = content.get(_USER), content.get(_KEY_ID)
    if _is_digits(user, 16) and _is_digits(key_id, 8):
        values[names.USER_KEYWORD] = Hashed(str(user), str(key_id))
    number = attempt if attempt is not None else content.get(_ATTEMPT)
    if type(number) is int and 0 <= number < 2**31:
        values["attempt"] = number
    if redelivered is not None:
        values["redelivered"] = bool(redelivered)
    trace_id, span_id, sampled = _read_origin(content.get(_TRACE))
    return InboundContext(
        values, once=_waited(content.get(_SENT_AT)), trace_id=trace_id, span_id=span_id, sampled=sampled
    )


def _content(carrier: Mapping[str, Any]) -> dict[str, Any]:
    text = carrier.get(HEADER)
    if text is None:
        # bounded: what somebody hands over as headers may have no end
        known = (name for name in islice(carrier, MAX_HEADERS) if isinstance(name, str) and name.lower() == HEADER)
        text = next((carrier[name] for name in known), None)
    if text is None:
        return {}
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    if isinstance(text, str) and len(text) <= MAX_BYTES:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            content = None
        if isinstance(content, dict) and content.get(_VERSION) == VERSION:
            return content
    problem("bad_carrier", "a message's header %s cannot be read; what it says is left out", HEADER)
    return {}


def _waited(sent_at_ns: object) -> dict[str, Stored]:
    """Return how long a message waited; a negative wait means that two machines' clocks differ."""
    if type(sent_at_ns) is not int:
        return {}
    seconds = (_clock.time_ns() - sent_at_ns) / 1e9
    if 0 <= seconds <= MAX_QUEUE_SECONDS:
        return {"queue_seconds": seconds}
    problem("clock_skew", "a message was sent %.3g s after it arrived: two machines' clocks differ", -seconds)
    return {"clock_skew": True}


def _read_origin(text: object) -> tuple[int, int, bool]:
    parts = text.split("-") if isinstance(text, str) else []
    if len(parts) == 3 and _is_digits(parts[0], 32) and _is_digits(parts[1], 16):  # noqa: PLR2004 - as written above
        return int(parts[0], 16), int(parts[1], 16), parts[2] == "1"
    return 0, 0, True


def _is_digits(text: object, count: int) -> bool:
    return isinstance(text, str) and len(text) == count and _DIGITS.issuperset(text)
