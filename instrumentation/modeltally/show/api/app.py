"""The application under ``/api``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from modeltally.show.api.reports import reports_router

if TYPE_CHECKING:
    from modeltally.show.backend import Backend

__all__ = ["rest_app"]


def rest_app(backend: Backend) -> FastAPI:
    """Build the application.

    Args:
        backend: What answers.
    """
    app = FastAPI(title="modeltally", docs_url=None, redoc_url=None)
    app.state.backend = backend
    app.include_router(reports_router(backend))
    return app
