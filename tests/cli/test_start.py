"""What a command loads before it does anything: nothing it does not need."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cli.conftest import RunningServer

SCRIPT = """
import sys
from modeltally.cli import main
try:
    main({arguments!r})
except SystemExit:
    pass
print("loaded:", *sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (["--version"], {"typer", "rich", "pydantic", "modeltally.settings", "modeltally.cli._app"}),
        (
            ["stats", "--help"],
            {"modeltally.settings", "modeltally.cli._demo", "clickhouse_connect"},
        ),
        (["stats", "modles"], {"modeltally.settings", "modeltally.server.client"}),
        (["doctor", "--help"], {"modeltally.server.client", "requests", "modeltally.replay", "clickhouse_connect"}),
    ],
)
def test_command_loads_only_what_it_needs(arguments: list[str], unneeded: set[str]) -> None:
    """Libraries that cost a tenth of a second are not loaded for a command that does not use them."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(arguments=arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(run.stderr.partition("loaded:")[2].split())
    assert "modeltally.cli" in loaded
    assert not unneeded & loaded


def test_command_beside_a_server_leaves_the_engine_to_it(server: RunningServer) -> None:
    """What a server answers needs neither the store nor ClickHouse's client in the command."""
    arguments = ["stats", "models", "--dir", str(server.directory), "--format", "json"]
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(arguments=arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(run.stderr.partition("loaded:")[2].split())
    assert "modeltally.server.client" in loaded
    assert not {"modeltally.store", "clickhouse_connect", "chdb"} & loaded
