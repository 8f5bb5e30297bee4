"""The routes of the pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from modeltally.show.backend import Backend

__all__ = ["page_routes"]


def page_routes(backend: Backend) -> list[BaseRoute]:
    """Build the routes.

    Args:
        backend: What answers.
    """
    del backend
    return []
