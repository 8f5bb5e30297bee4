"""Starlette and FastAPI: who asks, by the header that ``MODELTALLY_USER_HEADER`` names, for what is asked of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modeltally.instrument.libraries._asked import answered_asgi
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["StarletteInstrumentor"]


class StarletteInstrumentor(Instrumentor):
    """Watches applications."""

    library = "starlette"
    versions = ("0.40", "2")
    loss = "requests do not say who asked for them"
    modules = ("starlette.applications",)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into the application."""
        yield self.patch(module.Starlette, "__call__", answered_asgi)
