"""All instrumentors at once: the entry point by which ``opentelemetry-instrument`` starts those whose library is there.

It leaves out what ``OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`` names: ``modeltally`` for all of them, which
OpenTelemetry sees to itself, or one as ``modeltally_celery``.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
from typing import TYPE_CHECKING, Any, Self

from modeltally.instrument import libraries
from modeltally.instrument._guard import guarded
from modeltally.instrument.libraries._instrumentor import Instrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["InstalledInstrumentor", "known"]


def known() -> Iterator[str]:
    """Name the libraries that have a module here."""
    return (module.name for module in pkgutil.iter_modules(libraries.__path__) if not module.name.startswith("_"))


class InstalledInstrumentor:
    """Instruments every library that is installed and known; there is one of it in a process."""

    _only: Self | None = None

    def __new__(cls) -> Self:
        """Return the one there is."""
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def instrument(self, **kwargs: Any) -> None:
        """Begin.

        Args:
            **kwargs: What ``opentelemetry-instrument`` passes.
        """
        for instrumentor in _instrumentors():
            instrumentor.instrument(**kwargs)

    def uninstrument(self, **kwargs: Any) -> None:
        """End.

        Args:
            **kwargs: What ``opentelemetry-instrument`` passes.
        """
        for instrumentor in _instrumentors():
            instrumentor.uninstrument(**kwargs)


@guarded(())
def _instrumentors() -> tuple[Instrumentor, ...]:
    disabled = {name.strip() for name in os.environ.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(",")}
    found = []
    for name in known():
        if f"modeltally_{name}" in disabled or not _is_there(name):
            continue
        module = importlib.import_module(f"{libraries.__name__}.{name}")
        found += [
            kind()
            for kind in vars(module).values()
            if isinstance(kind, type) and issubclass(kind, Instrumentor) and kind.__module__ == module.__name__
        ]
    return tuple(found)


def _is_there(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except ValueError:  # it is imported, and has put another object in its place, as kombu does
        return True
