"""A local server with the demonstration's data, asked over HTTP as Grafana's plugin asks it."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cli.conftest import run_command
from clickhouse.client import ask
from grafana.boards import VARIABLES
from grafana.macros import ALL, Asked, expand
from modeltally.server import LocalServer
from queries.given import Given, Heartbeat, Item, Operation, give
from support.servers import QUIET, settings_for
from support.stores import stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


__all__ = ["DAYS", "ZONES", "Column", "Rows", "Studio", "beside_the_demo", "opened_studio"]

DAYS = 8
# The zone of the dashboard, as Grafana says it, and that of the server's session. The second has half hours.
ZONES = {"utc": "UTC", "America/St_Johns": "America/St_Johns"}
_NUMBERS = ("UInt", "Int", "Float", "Decimal", "Bool")


def beside_the_demo(ends_at: dt.datetime) -> Given:
    """Give what the demonstration has nothing of: memory, what is loaded now, contexts, spans refused and of others."""
    at = ends_at - dt.timedelta(hours=1)
    here: dict[str, Any] = {"service": "studio-2", "instance": "here"}
    device = {"modeltally.device": "cuda:0", "modeltally.gpu.memory.peak": "6000000000"}
    lived = Heartbeat(at=ends_at - dt.timedelta(seconds=30), started=4, finished=4, received_after_seconds=1, **here)
    return Given(
        inventory=[Item(at=at, item="volume", volume="/data", volume_size=1000, free=400)],
        operations=[
            Operation(at=at, operation="model.load", ms=9000, model="lumen/photo-xl", attributes=device, **here),
            Operation(at=at + dt.timedelta(minutes=1), model="lumen/photo-xl", attributes=device, times=2, **here),
            *(
                Operation(at=at, operation="pattern.run", pattern=name, attributes={"modeltally.context.id": context})
                for name in ("storyboard", "caption-review")
                for context in ("c1", "c2")
            ),
            Operation(at=at, span_id="no hex", instance="here"),
            Operation(
                at=at,
                service="elsewhere",
                attributes={
                    "modeltally.operation": "",
                    "gen_ai.operation.name": "chat",
                    "gen_ai.request.model": "other-chat",
                },
            ),
        ],
        heartbeats=[lived],
    )


@dataclass(frozen=True)
class Column:
    """A column as it came.

    Attributes:
        name: Its name.
        kind: ``time``, ``number`` or ``text``, as the plugin makes a field of it.
    """

    name: str
    kind: str


@dataclass(frozen=True)
class Rows:
    """What came."""

    columns: list[Column]
    values: list[list[Any]]

    @property
    def kinds(self) -> list[str]:
        """The kind of each column."""
        return [column.kind for column in self.columns]

    def of(self, name: str) -> list[Any]:
        """Give the values of a column."""
        place = [column.name for column in self.columns].index(name)
        return [row[place] for row in self.values]


@dataclass(frozen=True)
class Studio:
    """The server, and the window that holds everything in it."""

    server: LocalServer
    since: dt.datetime
    until: dt.datetime

    def asked(self, zone: str = "utc", choice: dict[str, str | list[str]] | None = None) -> Asked:
        """Give what Grafana would ask with: every value of every variable, but for those that are chosen."""
        variables = {**dict.fromkeys(VARIABLES, ALL), **(choice or {})}
        return Asked(self.since, self.until, interval_seconds=1200, zone=zone, variables=variables)

    def rows(self, text: str, asked: Asked, *, session: str = "UTC") -> Rows:
        """Ask as the plugin does, with macros and variables expanded."""
        answer = ask(
            self.server,
            f"{expand(text, asked)}\nFORMAT JSONCompact",
            database="modeltally",
            session_timezone=session,
            max_execution_time=60,
        )
        assert answer.status == 200, answer.text
        found = json.loads(answer.text)
        return Rows([Column(one["name"], _kind(one["type"])) for one in found["meta"]], found["data"])

    @cached_property
    def choices(self) -> list[dict[str, str | list[str]]]:
        """Give what people choose: everything, the first value of each variable, the first and a strange one."""
        first = {name: self.rows(text, self.asked()).of("value")[:1] for name, text in VARIABLES.items()}
        assert all(first.values())
        strange = ["it's", r"back\\slash", "--", ""]
        return [{}, {**first}, {name: [*one, *strange] for name, one in first.items()}]


@contextlib.contextmanager
def opened_studio(home: Path) -> Iterator[Studio]:
    """Run a server over the data of the demonstration, and what that has nothing of; its time stands at their end."""
    directory = home / "data"
    shown = run_command("demo", "--days", DAYS, "--dir", directory, home=home)
    assert shown.returncode == 0, shown.stderr
    (newest,) = stored(directory, "SELECT max(at) AS at FROM heartbeats")
    # Grafana's times have no microseconds
    ends_at: dt.datetime = newest["at"].replace(microsecond=0) + dt.timedelta(minutes=1)
    with LocalServer(settings_for(directory, **QUIET), clock=lambda: ends_at) as server:
        give(server._store, beside_the_demo(ends_at), first_id=10**9)  # type: ignore[arg-type] # what a server opens
        # what was refused counts by when it came
        yield Studio(server, ends_at - dt.timedelta(days=DAYS, hours=1), ends_at)


def _kind(engine_type: str) -> str:
    while True:
        for around in ("Nullable(", "LowCardinality("):
            if engine_type.startswith(around):
                engine_type = engine_type[len(around) : -1]
                break
        else:
            break
    if engine_type.startswith(("DateTime", "Date")):
        return "time"
    return "number" if engine_type.startswith(_NUMBERS) else "text"
