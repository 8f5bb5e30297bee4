"""What a host may have already: a manager of models, a downloader, a health monitor; asked by the names they use.

Each method may be a plain function or one that is awaited, and may be missing: then nothing is known of it.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Downloader", "HealthMonitor", "ModelManager", "called", "field_of", "register"]

_LOGGER: Final = logging.getLogger(__name__)


class ModelManager(Protocol):
    """What knows which models a host works with."""

    def get_model_id(self, model_type: str) -> Any:
        """Give the model's own name, such as that on the hub, by what services call it."""

    def get_model_status(self, model_id: str) -> Any:
        """Tell of a model: ``is_loaded``, ``is_available``, ``size_mb``, each where it is known."""


class Downloader(Protocol):
    """What fetches models; it may also have ``pause_download``, ``resume_download`` and ``cancel_download``."""

    def download_with_retry(self, model_id: str) -> Any:
        """Fetch a model, and come back when it is there; False, or an error, says that it is not."""


class HealthMonitor(Protocol):
    """What checks models."""

    def check_model_integrity(self, model_id: str) -> Any:
        """Check one: ``is_healthy``, ``integrity_score``, ``performance_score``, ``issues``, where they are known."""


async def called(owner: object, method: str, *given: Any, timeout_seconds: float | None = None) -> Any:
    """Call a method of a host's object, in a thread where it is a plain one.

    Args:
        owner: The object.
        method: Its method; one that is not there gives None.
        *given: What it takes.
        timeout_seconds: How long it may take; None for ever.

    Returns:
        What it gave; None when it failed or took too long, which is logged.
    """
    function = getattr(owner, method, None)
    if function is None:
        return None
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _awaited(function, given)
    except Exception as error:  # noqa: BLE001 - whatever the host's object raises
        _LOGGER.warning("%s.%s failed: %s: %s", type(owner).__name__, method, type(error).__name__, error)
        return None


async def _awaited(function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    if inspect.iscoroutinefunction(function):
        return await function(*given)
    found = await asyncio.to_thread(function, *given)
    return await found if inspect.isawaitable(found) else found


def field_of(found: object, *names: str) -> Any:
    """Read something from what a host's object gave: a mapping or an object; None where it has none of the names."""
    for name in names:
        value = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
        if value is not None:
            return value
    return None


def register(owner: object, function: Callable[..., Any], *names: str) -> bool:
    """Have a host's object tell a function, by the first method for it that the object has.

    Args:
        owner: The object.
        function: What is told.
        *names: What such a method may be called.

    Returns:
        Whether it has one.
    """
    for name in names:
        method = getattr(owner, name, None)
        if callable(method):
            try:
                method(function)
            except Exception as error:  # noqa: BLE001 - as above
                _LOGGER.warning("%s.%s failed: %s", type(owner).__name__, name, error)
                return False
            return True
    return False
