"""What may be given to ``configure``: each check names the setting, the value and what is allowed."""

from __future__ import annotations

from typing import Final

from modeltally.instrument._config import ConfigError

__all__ = ["check_exporters", "check_function", "check_numbers", "check_switches", "plain_text"]

MAX_SECONDS: Final = 7 * 86_400  # Python waits no longer than some hundred years; nobody means that
MAX_QUEUE: Final = 2**40
MAX_SHOWN: Final = 64


def check_numbers(**numbers: float) -> None:
    """Check times in seconds and sizes of the queue.

    Raises:
        ConfigError: One is no number, not above 0, or beyond what anybody means.
    """
    for key, value in numbers.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        most = MAX_SECONDS if key.endswith("_seconds") else MAX_QUEUE
        if not is_number or not 0 < value <= most:
            allowed = f"above 0, at most {most}"
            raise ConfigError(f"configure({key}=...) is {_shown(value)}; give a number {allowed}")


def _shown(value: object) -> str:
    """Show a value that is not usable: plain ones as they are, in short, of others the type."""
    kind = type(value)
    if kind is str:
        return repr(value[:MAX_SHOWN])  # type: ignore[index]  # `kind is str` says it is one
    if kind is float or kind is bool or value is None:
        return repr(value)
    if kind is int:
        return repr(value) if value.bit_length() < MAX_SHOWN else "a number of very many digits"  # type: ignore[attr-defined]  # as above
    return f"of type {kind.__qualname__}"


def check_exporters(**exporters: object) -> None:
    """Check exporters of the host's.

    Raises:
        ConfigError: One cannot export.
    """
    for key, exporter in exporters.items():
        if exporter is not None and not callable(getattr(exporter, "export", None)):
            kind = "span" if key == "exporter" else "metric"
            raise ConfigError(f"configure({key}=...) is of type {type(exporter).__qualname__}; give a {kind} exporter")


def check_function(**functions: object) -> None:
    """Check functions of the host's.

    Raises:
        ConfigError: One cannot be called.
    """
    for key, function in functions.items():
        if function is not None and not callable(function):
            raise ConfigError(f"configure({key}=...) is of type {type(function).__qualname__}; give a function")


def check_switches(**switches: object) -> None:
    """Check what is on or off.

    Raises:
        ConfigError: One is neither.
    """
    for key, value in switches.items():
        if not isinstance(value, bool):
            raise ConfigError(f"configure({key}=...) is of type {type(value).__qualname__}; give True or False")


def plain_text(key: str, value: str | None) -> str | None:
    """Return a text without a class of the host's, whose methods would run in our thread.

    Raises:
        ConfigError: It is no text.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConfigError(f"configure({key}=...) is of type {type(value).__qualname__}; give text")
    return str.__str__(value)
