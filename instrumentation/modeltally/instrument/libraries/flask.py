"""Flask: who asks, by the header that ``MODELTALLY_USER_HEADER`` names, for what is asked of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modeltally.instrument.libraries._asked import answered_wsgi
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FlaskInstrumentor"]


class FlaskInstrumentor(Instrumentor):
    """Watches applications."""

    library = "flask"
    versions = ("3", "4")
    loss = "requests do not say who asked for them"
    modules = ("flask.app",)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into the application."""
        yield self.patch(module.Flask, "__call__", answered_wsgi)
