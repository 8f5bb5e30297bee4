"""The demonstration's data behind a server, made once."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from cli.conftest import run_command
from grafana.studio import DAYS, Studio, beside_the_demo
from modeltally.server import LocalServer
from queries.given import give
from support.servers import settings_for
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import EmbeddedStore


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Run a server over the data of the demonstration, and what that has nothing of."""
    home = tmp_path_factory.mktemp("studio")
    directory = home / "data"
    shown = run_command("demo", "--days", DAYS, "--dir", directory, home=home)
    assert shown.returncode == 0, shown.stderr
    # nothing may be rolled or expired between two questions
    quiet = {"roll_interval_seconds": 3600.0, "expire_interval_seconds": 3600.0}
    with LocalServer(settings_for(directory, **quiet)) as server:
        store: EmbeddedStore = server._store  # type: ignore[assignment] # what a server opens by itself
        (newest,) = ask(store, "SELECT max(at) AS at FROM heartbeats")
        ends_at = newest["at"] + dt.timedelta(minutes=1)
        give(store, beside_the_demo(ends_at), first_id=10**9)
        # what was refused counts by when it came
        yield Studio(server, ends_at - dt.timedelta(days=DAYS, hours=1), ends_at)
