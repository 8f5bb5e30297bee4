"""A server with a fixed time on a store with names from hostile places, and what asks it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.server import LocalServer
from modeltally.show.page import common, overview, subject
from queries.given import Given, Operation, give
from show.api.conftest import Client
from support.environment import forget_environment
from support.servers import settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stores import Template

NOW = dt.datetime(2026, 3, 10, 12, 30, tzinfo=dt.UTC)
USER = f"{7:016x}"
HOSTILE = (
    "<script>window.__executed=1</script>",
    '"><img src=x onerror=window.__executed=1>',
    "{{ 7*7 }}${7*7}</title></textarea>",
    "\u202eevil\u202c-rtl \u05d0\u05d1\u05d2",
    "emoji \U0001f600 \u0001 control",
    "../../etc/passwd?x=1&y=2#z",
    "x" * 3000,
)


def given() -> Given:
    """A month of a small studio: models in use, idle, failing, never used; users; a pattern; hostile names."""
    ago = NOW - dt.timedelta(days=1)
    return Given(
        operations=[
            Operation(at=ago, model="org/flux", user=7, times=20, every_seconds=600,
                      attributes={"acme.team": "blue"}),
            Operation(at=ago, model="broken", user=8, times=12, outcome="error", error_type="<b>oom</b>"),
            Operation(at=NOW - dt.timedelta(days=9), model="org/flux", user=7, times=8),
            Operation(at=NOW - dt.timedelta(days=3), model="sdxl", user=9, times=6, ms=4000),
            Operation(at=NOW - dt.timedelta(days=60), model="old", times=3),
            Operation(at=NOW - dt.timedelta(days=2), operation="model.download", model="shelf",
                      attributes={"modeltally.model.size_bytes": "1000"}),
            Operation(at=NOW - dt.timedelta(days=2), operation="model.load", model="org/flux", instance="p1", ms=9000),
            Operation(at=NOW - dt.timedelta(days=3), operation="pattern.run", pattern="router", ms=20, times=10),
            *(Operation(at=NOW - dt.timedelta(days=2, minutes=at), model=name, user=10, times=2, error_type=name[:60],
                        outcome="error" if at % 2 else "success") for at, name in enumerate(HOSTILE)),
        ]
    )  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _patient() -> Iterator[None]:
    """Have a page wait for its slowest block, however busy the machine is."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (common, overview, subject):
            patch.setattr(module, "PATIENCE_SECONDS", 60.0)
        yield


@pytest.fixture(scope="module")
def running(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Start a server whose time stands still."""
    with pytest.MonkeyPatch.context() as patch:
        forget_environment(patch)
        directory = tmp_path_factory.mktemp("page")
        with template.opened(directory) as store:
            give(store, given())
        with LocalServer(settings_for(directory), clock=lambda: NOW) as server:
            yield server


@pytest.fixture(scope="module")
def client(running: LocalServer) -> Client:
    """Ask that server."""
    return Client(running.address.http_url, running.address.token)
