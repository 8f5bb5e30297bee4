"""The host's own redaction, called before an operation is queued."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from modeltally.instrument import _names as names
from modeltally.instrument._guard import internal_error
from modeltally.instrument._scalars import MAX_SPAN_BYTES, Scalar, copy_values

if TYPE_CHECKING:
    from modeltally.instrument._record import Record
    from modeltally.instrument._scalars import Stored

__all__ = ["Redact", "redact"]

Redact = Callable[[str, dict[str, Scalar]], Mapping[str, object]]

MESSAGE_KEYWORD = "error_message"


def redact(record: Record, hook: Redact) -> None:
    """Show a record's values to the host's hook and keep what it returns.

    A hook that raises, or returns no mapping, has not approved of anything: every text is left out then. Numbers and
    truth values stay, and so do digests, which the hook is not shown.

    Args:
        record: Not packed yet; its values are replaced.
        hook: Called with the operation and a copy of its values: by keyword, or by full name for attributes of the
            host's own; the message of an error as ``error_message``.
    """
    values = record.values
    digests = {name: value for name, value in values.items() if isinstance(value, tuple)}
    marks = {name: value for name, value in (record.custom or {}).items() if name.startswith(names.PREFIX)}
    shown: dict[str, Scalar] = {name: value for name, value in values.items() if not isinstance(value, tuple)}
    shown.update((name, value) for name, value in (record.custom or {}).items() if name not in marks)
    if record.error_message is not None:
        shown[MESSAGE_KEYWORD] = record.error_message
    kept = _kept(record.operation, shown, hook)
    message = kept.pop(MESSAGE_KEYWORD, None)
    record.error_message = message if isinstance(message, str) else None
    keywords = {name: value for name, value in kept.items() if _is_keyword(name)}
    custom = {name: value for name, value in kept.items() if not _is_keyword(name)}
    record.values = {**keywords, **digests}
    record.custom = {**custom, **marks} or None  # type: ignore[dict-item]  # no digest has a name of the host's own


def _kept(operation: str, shown: dict[str, Scalar], hook: Redact) -> dict[str, Stored]:
    kept: dict[str, Stored] = {}
    try:
        answer: Any = hook(operation, dict(shown))
        copy_values(kept, {str.__str__(name): answer[name] for name in answer}, MAX_SPAN_BYTES)
    except Exception as error:  # noqa: BLE001 - the host's code
        internal_error("redaction", error)
        return {name: value for name, value in shown.items() if not isinstance(value, str)}
    return kept


def _is_keyword(name: str) -> bool:
    return name in names.ATTRIBUTES or name in names.PROMPT_KEYWORDS or name == names.USER_KEYWORD
