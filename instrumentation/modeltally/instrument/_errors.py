"""What is kept of an exception: its class, where it was raised and, only on request, its message."""

from __future__ import annotations

from typing import Final

from modeltally.instrument import _names as names

__all__ = ["MAX_NAME", "error_message", "error_site", "error_type", "is_called_off"]

MAX_NAME: Final = 256
MAX_MESSAGE: Final = 512  # characters, and bytes once it is sent


def is_called_off(kind: type[BaseException]) -> bool:
    """Return whether an exception means that the work was cancelled rather than that it failed."""
    # by name: asyncio, concurrent.futures and trio have one each, and importing them takes a service's time
    return issubclass(kind, (GeneratorExit, KeyboardInterrupt, SystemExit)) or any(
        base.__name__ in {"CancelledError", "Cancelled"} for base in kind.__mro__
    )


def error_type(kind: type[BaseException]) -> str:
    """Return ``error.type``: the class, or one common name for errors that every library has a class for."""
    if issubclass(kind, TimeoutError):
        return names.TIMEOUT
    if any(base is MemoryError or base.__name__ == "OutOfMemoryError" for base in kind.__mro__):
        return names.OUT_OF_MEMORY
    return kind.__qualname__[:MAX_NAME]


def error_message(error: BaseException) -> str | None:
    """Return the bounded message of an error; None when it cannot be read."""
    try:
        return str.__str__(str(error))[:MAX_MESSAGE]
    except Exception:  # noqa: BLE001 - the caller's own error cannot say what it is
        return None


def error_site(error: BaseException) -> str | None:
    """Return module and function that raised it; None when it was never raised."""
    trace = error.__traceback__
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    frame = trace.tb_frame
    return f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_qualname}"[:MAX_NAME]
