"""What the README says about asking with one's own tools is true: its commands run as they stand."""

from __future__ import annotations

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from clickhouse.client import ask, running
from grafana.macros import ALL, Asked, expand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.server import LocalServer
    from support.stores import Template

PASSWORD = "what-stays"  # noqa: S105 - a made-up one
README = Path(__file__).parents[2] / "README.md"
SECTION = README.read_text().partition("## Ask with your own tools")[2].partition("\n## ")[0]
# Spans of tests are of another month.
MONTH = {"now()": "toDateTime('2025-12-01')"}


@pytest.fixture(scope="module")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run a server with a password that stays."""
    with running(template.copy(tmp_path_factory.mktemp("docs")), clickhouse_password=PASSWORD) as started:
        yield started


def run(server: LocalServer, command: str, text: str) -> str:
    """Run a text of the README against a server on another port, about another month."""
    for said, meant in {**MONTH, "8123": str(urlsplit(server.address.clickhouse_url).port)}.items():
        text = text.replace(said, meant)
    done = subprocess.run(
        [command, "-c", text],
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "MODELTALLY_DIR": str(server.directory),
            "MODELTALLY_CLICKHOUSE_PASSWORD": PASSWORD,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl_prints_a_table(server: LocalServer) -> None:
    """The command in the README gives the figures of a view."""
    shell = shutil.which("sh")
    if shell is None or shutil.which("curl") is None:
        pytest.skip("curl is missing: install the package of that name")
    (command,) = re.findall(r"```sh\n(.*?)```", SECTION, flags=re.DOTALL)
    assert "flux-dev" in run(server, shell, command)


def test_python_prints_a_frame(server: LocalServer) -> None:
    """The program in the README gives a data frame of a view."""
    (program,) = re.findall(r"```py\n(.*?)```", SECTION, flags=re.DOTALL)
    assert "flux-dev" in run(server, sys.executable, program)


def test_grafana_s_panel_asks_what_can_be_answered(server: LocalServer) -> None:
    """The panel's query runs with what Grafana puts in place of its macros, in its driver's way."""
    (panel,) = re.findall(
        r"```sql\n(SELECT model, requests.*?)```", (README.parent / "docs" / "grafana.md").read_text(), re.DOTALL
    )
    month = Asked(
        dt.datetime(2025, 11, 1, tzinfo=dt.UTC), dt.datetime(2025, 12, 1, tzinfo=dt.UTC), variables={"model": ALL}
    )
    driver = {"default_format": "Native", "client_protocol_version": 54460, "max_execution_time": 65}
    answer = ask(server, expand(panel, month), also={**driver, "database": "modeltally"})
    assert answer.status == 200, answer.text
    assert b"flux-dev" in answer.body
