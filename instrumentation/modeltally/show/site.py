"""Everything the server shows, as routes: the interface for programs under ``/api``, the pages beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Mount

from modeltally.show.api.app import rest_app
from modeltally.show.api.docs import docs_routes
from modeltally.show.page.app import page_routes

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from modeltally.show.backend import Backend

__all__ = ["site_routes"]


def site_routes(backend: Backend) -> list[BaseRoute]:
    """Build the routes.

    Args:
        backend: What answers.
    """
    api = rest_app(backend)
    return [Mount("/api", app=api, name="api"), *docs_routes(api, backend.access), *page_routes(backend)]
