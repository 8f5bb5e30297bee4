"""What a command loads before it does anything: nothing it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
