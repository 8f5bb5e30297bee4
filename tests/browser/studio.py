"""A server with a small studio in it that can be asked, fed and started again."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any, Self

from modeltally.server import LocalServer
from queries.given import Given, Operation, give
from receiver.bodies import ATTRIBUTES, only_span, post, request
from support.environment import forget_environment
from support.servers import settings_for

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from support.stores import Template

__all__ = ["HOSTILE", "PAGES", "USER", "Studio"]

USER = f"{7:016x}"
HOSTILE = (
    "<script>window.__executed=1</script>",
    "'\"><img src=x onerror=window.__executed=1>",
    "</script><svg onload=window.__executed=1>",
    "javascript:window.__executed=1",
    "{{constructor.constructor('window.__executed=1')()}}",
    "\u202eevil \u05d0\u05d1\u05d2 \U0001f600",
    "x" * 3000,
)
# every page, one of each kind
PAGES = (
    "/",
    "/users",
    f"/users/{USER}",
    "/patterns",
    "/failures",
    "/loads",
    "/downloads",
    "/disk",
    "/advice",
    "/health",
    "/topics",
    "/topics/models",
    "/topics/time?kind=model",
    "/topics/overview",
    "/models/org%2Fflux",
    "/?tab=removed&chart=model",
    "/?window=nope",
)


def given(now: dt.datetime) -> Given:
    """A week of a small studio, with names from hostile places."""
    day = dt.timedelta(days=1)
    return Given(
        operations=[
            Operation(at=now - day, model="org/flux", user=7, times=40, every_seconds=900),
            Operation(at=now - 3 * day, model="org/flux", user=8, times=60, every_seconds=1200, ms=2500),
            Operation(at=now - day, model="broken", user=8, times=12, outcome="error", error_type="out_of_memory"),
            Operation(at=now - 2 * day, model="sdxl", user=9, times=6, ms=4000),
            Operation(at=now - 60 * day, model="old", times=3),
            Operation(at=now - 2 * day, operation="model.download", model="shelf",
                      attributes={"modeltally.model.size_bytes": "6000000000"}),
            Operation(at=now - day, operation="model.load", model="org/flux", instance="p1", ms=9000),
            Operation(at=now - 3 * day, operation="pattern.run", pattern="router", ms=20, times=10),
            *(Operation(at=now - day - dt.timedelta(minutes=at), model=name, user=10, error_type=name[:60],
                        outcome="error" if at % 2 else "success") for at, name in enumerate(HOSTILE)),
        ]
    )  # fmt: skip


class Studio:
    """The server, on one address through all its starts."""

    def __init__(self, template: Template, directory: Path, patch: pytest.MonkeyPatch) -> None:
        """Prepare its store."""
        forget_environment(patch)
        self._directory = directory
        self._ports: dict[str, Any] = {}
        self._server: LocalServer | None = None
        with template.opened(directory) as store:
            give(store, given(dt.datetime.now(dt.UTC)))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def server(self) -> LocalServer:
        """The server that runs."""
        assert self._server is not None
        return self._server

    @property
    def url(self) -> str:
        """Where its pages are."""
        return self.server.address.http_url

    def start(self) -> None:
        """Start it, where it was before."""
        self._server = LocalServer(settings_for(self._directory, **self._ports))
        self._server.start()
        self._ports = {"http_port": int(self.url.rpartition(":")[2])}

    def stop(self) -> None:
        """Stop it."""
        self.server.stop()

    def request(self, model: str, times: int = 1) -> None:
        """Send requests to a model, as a service does, that began just now."""
        for _ in range(times):
            named = {"modeltally.model.id": model, "gen_ai.request.model": model}
            made = request(seed=time.time_ns(), attributes={**ATTRIBUTES, **named})
            span = only_span(made)
            span.start_time_unix_nano, span.end_time_unix_nano = time.time_ns() - 2_000_000_000, time.time_ns()
            assert post(self.server.address, made.SerializeToString()).status == 200
