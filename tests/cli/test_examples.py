"""The examples run as they stand, against a real server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.environment import clean_environment

if TYPE_CHECKING:
    from cli.conftest import RunningServer

EXAMPLES = sorted((Path(__file__).parents[2] / "instrumentation" / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_delivers_all_it_did(example: Path, server: RunningServer, home: Path) -> None:
    """Each example ends by itself and has everything delivered."""
    environment = clean_environment(home) | {"MODELTALLY_OTLP_ENDPOINT": server.otlp_url}
    run = subprocess.run(
        [sys.executable, str(example)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "all delivered" in run.stdout
    assert "not all delivered" not in run.stdout
