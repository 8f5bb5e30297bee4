"""Checks of what ``configure`` is given; each error names the setting, the value and what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHECKS", "ConfigError", "is_unreplaced"]

MAX_SECONDS: Final = 7 * 86_400  # Python waits no longer than some hundred years; nobody means that
MAX_QUEUE: Final = 2**40
MAX_SHOWN: Final = 64


class ConfigError(ValueError):
    """A setting is not usable; the message names key, value and what is allowed. Never leaves ``configure``."""


def is_unreplaced(text: str) -> bool:
    """Return whether a text still contains a placeholder that a shell, container or template should have replaced."""
    return "${" in text


def _number(key: str, value: Any) -> Any:
    """Check a time in seconds or a size of the queue."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    most = MAX_SECONDS if key.endswith("_seconds") else MAX_QUEUE
    if not is_number or not 0 < value <= most:
        raise ConfigError(f"configure({key}=...) is {_shown(value)}; give a number above 0, at most {most}")
    return value


def _shown(value: object) -> str:
    """Describe an unusable value: plain ones in short, others by their type."""
    kind = type(value)
    if kind is str:
        return repr(value[:MAX_SHOWN])  # type: ignore[index]  # `kind is str` says it is one
    if kind is float or kind is bool or value is None:
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() < MAX_SHOWN else "a number of very many digits"  # type: ignore[attr-defined]  # as above
    return f"of type {kind.__qualname__}"


def _switch(key: str, value: Any) -> Any:
    """Check an on/off switch."""
    if not isinstance(value, bool):
        raise ConfigError(f"configure({key}=...) is of type {type(value).__qualname__}; give True or False")
    return value


def _text(key: str, value: Any) -> Any:
    """Return plain text: methods of a host's own string class must not run in our thread."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigError(f"configure({key}=...) is of type {type(value).__qualname__}; give text")
    return str.__str__(value)


def _function(key: str, value: Any) -> Any:
    """Check a function of the host's."""
    if value is not None and not callable(value):
        raise ConfigError(f"configure({key}=...) is of type {type(value).__qualname__}; give a function")
    return value


def _exporter(kind: str) -> Callable[[str, Any], Any]:
    def check(key: str, value: Any) -> Any:
        """Check an exporter of the host's."""
        if value is not None and not callable(getattr(value, "export", None)):
            raise ConfigError(f"configure({key}=...) is of type {type(value).__qualname__}; give a {kind} exporter")
        return value

    return check


def _headers(_: str, value: Any) -> Any:
    """Accept anything: headers are checked once they are joined with those from the environment."""
    return value


# by the declared type of a setting, as it is written
CHECKS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "float": _number,
    "int": _number,
    "bool": _switch,
    "str | None": _text,
    "Redact | None": _function,
    "SpanExporter | None": _exporter("span"),
    "MetricExporter | None": _exporter("metric"),
    "Mapping[str, str] | None": _headers,
}
