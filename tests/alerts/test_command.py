"""``modeltally check --alerts``: what is the matter, by exit code and in words, and who is told when asked to."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from alerts.receiver import receiving
from cli.conftest import start_server, stop_server
from modeltally.alerts.rules import RULES
from modeltally.cli._exit import ExitCode
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run
    from support.stores import Template

BAD = "[red]<b>\x1b[31m"
QUIET = {
    "MODELTALLY_ALERTS_OFF": "disk_filling, slow_p95, slow_p99, uneven_duration, operations_lost, quarantine_growing",
    "MODELTALLY_ALERTS_HOLD_LOOKS": "1",
}


@pytest.fixture(scope="module")
def failing(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which a model fails now."""
    directory = tmp_path_factory.mktemp("failing") / "data"
    since = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=30)
    with template.opened(directory) as store:
        give(store, Given(operations=[Operation(at=since, model=BAD, outcome="error", times=20, every_seconds=1)]))
    return directory


@pytest.fixture
def directory(failing: Path, tmp_path: Path) -> Path:
    """A copy of that store."""
    shutil.copytree(failing, tmp_path / "data", symlinks=True)
    return tmp_path / "data"


def test_nothing_is_the_matter(here: Run, template: Template, tmp_path: Path) -> None:
    """A store that is well ends with 0."""
    answer = here("check", "--alerts", "--dir", template.copy(tmp_path / "data"), environment=QUIET)
    assert (answer.returncode, answer.stdout) == (ExitCode.OK, f"nothing is the matter by {len(RULES)} rules\n")
    assert (
        json.loads(here("check", "--alerts", "--dir", tmp_path / "data", "--format", "json", environment=QUIET).stdout)
        == []
    )


@pytest.mark.slow(seconds=7, why="six processes")
def test_what_is_the_matter_is_told_once_when_asked_to(here: Run, directory: Path) -> None:
    """It ends with 6, names value, threshold, since when and what to do; it is sent with --send alone, and once."""
    with receiving() as receiver:
        environment = QUIET | {"MODELTALLY_ALERTS_WEBHOOK_URL": receiver.url}
        answer = here("check", "--alerts", "--dir", directory, environment=environment)
        assert answer.returncode == ExitCode.FOUND
        assert "CRITICAL high_error_rate: model [red]<b>" in answer.stdout
        assert "\x1b" not in answer.stdout
        assert "100.0% > 20.0%, of 20, since 20" in answer.stdout
        assert "`modeltally stats failures` names the errors" in answer.stdout
        assert "2 alerts by" in answer.stdout
        assert receiver.came == []
        sent = [here("check", "--alerts", "--send", "--dir", directory, environment=environment) for _ in range(2)]
        assert [one.returncode for one in sent] == [ExitCode.FOUND] * 2
        assert [one.stderr for one in sent] == ["2 alerts were told\n", "0 alerts were told\n"]
        assert {(rule, subject) for rule, subject, _ in receiver.told()} == {
            ("high_error_rate", BAD),
            ("low_success_rate", BAD),
        }
        assert len(receiver.came) == 1


@pytest.mark.slow(seconds=8, why="three commands on a store")
def test_programs_get_rows(here: Run, directory: Path) -> None:
    """JSON has everything; nothing was looked at for long, so all is pending; without a webhook nobody is told."""
    answer = here("check", "--alerts", "--send", "--dir", directory, "--format", "json", environment=QUIET)
    rows: list[dict[str, Any]] = json.loads(answer.stdout)
    assert [(row["alert"], row["status"], row["value"]) for row in rows] == [
        ("high_error_rate", "pending", 1.0),
        ("low_success_rate", "pending", 0.0),
    ]
    assert rows[0]["subject"] == BAD
    assert rows[0]["evidence"]["errors"] == 20
    assert "alerts_webhook_url is empty" in answer.stderr
    nobody = QUIET | {"MODELTALLY_ALERTS_WEBHOOK_URL": "http://127.0.0.1:1/secret-path"}
    answer = here("check", "--alerts", "--send", "--dir", directory, environment=nobody)
    assert "2 alerts wait to be told: the webhook at http://127.0.0.1:1 cannot be reached" in answer.stderr
    assert "secret-path" not in answer.stdout + answer.stderr


@pytest.mark.slow(seconds=4, why="a command on a store")
def test_what_is_less_severe_than_asked_for_ends_with_0(here: Run, directory: Path) -> None:
    """It is shown, and counts for nothing."""
    off = {
        "MODELTALLY_ALERTS_OFF": f"{QUIET['MODELTALLY_ALERTS_OFF']}, high_error_rate",
        "MODELTALLY_ALERTS_SEVERITY": "critical",
    }
    answer = here("check", "--alerts", "--dir", directory, environment=off)
    assert answer.returncode == ExitCode.OK
    assert "WARNING  low_success_rate" in answer.stdout


@pytest.mark.slow(seconds=8, why="a server")
def test_a_running_server_answers_the_same(run: Run, home: Path, directory: Path) -> None:
    """Its jobs are known too."""
    server = start_server(directory, home, environment=QUIET)
    try:
        answer = run("check", "--alerts", "--dir", directory, "--format", "json", environment=QUIET)
    finally:
        stop_server(server)
    assert answer.returncode == ExitCode.FOUND
    assert [row["alert"] for row in json.loads(answer.stdout)] == ["high_error_rate", "low_success_rate"]


@pytest.mark.parametrize(
    ("arguments", "environment", "why"),
    [
        (("--send",), {}, "--send goes with --alerts"),
        (("--alerts",), {"MODELTALLY_ALERTS_OFF": "unsued"}, "names 'unsued', no rule"),
        (("--alerts",), {"MODELTALLY_ALERTS_QUIET_HOURS": "nights"}, "22:00-07:00 Europe/Berlin"),
        (("--alerts",), {"MODELTALLY_ALERTS_SEVERITY": "high"}, "'notice', 'warning' or 'critical'"),
        (("--alerts",), {"MODELTALLY_ALERTS_WEBHOOK_URL": "hooks.example/secret-path"}, "https://"),
        (("--alerts",), {"MODELTALLY_ALERTS_SUCCESS_RATE": "80"}, "less than or equal to 1"),
        (("--alerts",), {"MODELTALLY_PAGE_URL": "javascript:alert(1)"}, "https://usage.example"),
    ],
)
def test_bad_input_is_refused(
    here: Run, template: Template, tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], why: str
) -> None:
    """The message says what is allowed, and holds no secret."""
    answer = here("check", *arguments, "--dir", template.copy(tmp_path / "data"), environment=environment)
    assert answer.returncode == ExitCode.USAGE
    assert why in " ".join(answer.stderr.split())
    assert "secret-path" not in answer.stderr
