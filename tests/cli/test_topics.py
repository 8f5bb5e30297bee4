"""Topics of `modeltally stats` about what a host named itself, and about what is missing."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cli.conftest import rows_of
from modeltally.cli._exit import ExitCode
from queries.given import Given, Heartbeat, Operation, give
from support.environment import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run, RunningServer
    from support.stores import Template

MARCH = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
WINDOW = ("--since", "2026-03-02", "--until", "2026-03-03", "--as-of", "2026-03-03")
GIVEN = Given(
    operations=[
        Operation(at=MARCH, instance="p1", attributes={"acme.team": "red"}, times=3, every_seconds=1),
        Operation(at=MARCH, instance="p1", operation="acme.upscale", attributes={"acme.team": "red"}),
        Operation(at=MARCH, instance="p1", operation="acme.upscale", attributes={"acme.team": "blue"}),
    ],
    heartbeats=[
        Heartbeat(
            at=MARCH + dt.timedelta(minutes=1),
            instance="p1",
            started=9,
            finished=9,
            dropped=1,
            reasons={"queue_full": 1},
            problems={"unknown_name": 2},
            goodbye=True,
        )
    ],
)
# names of its own: other tests send to the same server
SERVICE = """
import modeltally
modeltally.configure(service_name="upscaler")
for number in range(3):
    with modeltally.operation("acme.sharpen") as operation:
        operation.set_attribute("acme.crew", "red")
with modeltally.model_request("lumen/sketch-xl"):
    with modeltally.model_request("lumen/inner"):
        pass
assert modeltally.flush()
"""


@pytest.fixture(scope="module")
def directory(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a data directory; no server runs on it."""
    directory = tmp_path_factory.mktemp("topics") / "data"
    with template.opened(directory) as store:
        give(store, GIVEN)
    return directory


def ask(run: Run, directory: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run a command that answers in JSON."""
    answer = run(*arguments, "--dir", directory, "--format", "json")
    assert answer.returncode == ExitCode.OK, answer.stderr
    return rows_of(answer.stdout)


def test_attribute_is_told_apart_by_its_values(here: Run, directory: Path) -> None:
    """Every operation is counted by the value of the attribute named, or those of one kind alone."""
    rows = ask(here, directory, "stats", "attribute", "--name", "acme.team", *WINDOW)
    assert {row["value"]: row["operations"] for row in rows} == {"red": 4, "blue": 1}
    rows = ask(here, directory, "stats", "attribute", "--name", "acme.team", "--operation", "acme.upscale", *WINDOW)
    assert {row["value"]: row["operations"] for row in rows} == {"red": 1, "blue": 1}


def test_completeness_shows_reasons_and_kinds(here: Run, directory: Path) -> None:
    """A process is a row with its verdict, what is unexplained and what it says it lost."""
    (row,) = ask(here, directory, "stats", "completeness", *WINDOW)
    assert (row["verdict"], row["unexplained"], row["stored"]) == ("incomplete", 3, 5)
    assert (row["dropped_by_reason"], row["problems_by_kind"]) == ({"queue_full": 1}, {"unknown_name": 2})
    shown = here("stats", "completeness", *WINDOW, "--dir", directory, environment={"COLUMNS": "200"}).stdout
    for part in ("incomplete", "queue_full 1", "unknown_name 2"):
        assert part in shown


def test_service_that_ended_well_is_complete(here: Run, server: RunningServer, home: Path) -> None:
    """What a real process says of itself agrees with what is stored of it, nested operations included."""
    ended = subprocess.run(
        [sys.executable, "-c", SERVICE],
        env=clean_environment(home) | {"MODELTALLY_OTLP_ENDPOINT": server.otlp_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    for _ in range(50):
        rows = ask(here, server.directory, "stats", "completeness", "--since", "1h")
        mine = [row for row in rows if row["service"] == "upscaler" and row["verdict"] != "running"]
        if mine and mine[0]["verdict"] == "complete":
            break
    assert [(row["verdict"], row["started"], row["stored"], row["dropped"]) for row in mine] == [("complete", 5, 5, 0)]
    rows = ask(here, server.directory, "stats", "operations", "--since", "1h")
    assert {row["operation"]: row["operations"] for row in rows}["acme.sharpen"] == 3
    rows = ask(here, server.directory, "stats", "attribute", "--name", "acme.crew", "--since", "1h")
    assert {row["value"]: row["operations"] for row in rows}["red"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("attribute",), "needs the name of an attribute"),
        (("models", "--name", "acme.team"), "takes no --name"),
        (("completeness", "--operation", "x"), "takes no --operation; only"),
    ],
)
def test_flags_of_one_topic_are_refused_by_the_others(
    here: Run, directory: Path, arguments: tuple[str, ...], message: str
) -> None:
    """Only the topic about an attribute takes a name, and it needs one."""
    refused = here("stats", *arguments, "--dir", directory)
    assert refused.returncode == ExitCode.USAGE
    assert message in refused.stderr
