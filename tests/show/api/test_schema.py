"""The interface against its own description: schemathesis asks what it says may be asked, and what it says may not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.part import some

if TYPE_CHECKING:
    from show.api.conftest import Client

COMMAND = Path(sys.executable).parent / "schemathesis"
SEED = 20260310
# Events have no end; the rest of it is asked by tests of its own.
NO_END = "/v1/events"
# what would fetch whatever is made up from the hub, or look into the stores of this machine to remove it
FETCHES = r"^/v1/downloads|^/v1/availability/request|^/v1/trash"
_SECONDS = 400
SOME = r"generation/overview|^/v1/models|users|recommendations|usage-stats|topics/models$"
CONFIG = """
# what is in the right form and makes no sense: a window that ends before it begins, a day that no month has
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", "400", "401", "403", "404", "409"]
"""


def run(client: Client, folder: Path, *options: str) -> str:
    """Run every check; gives what it prints."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [COMMAND, "--config-file", config, "run", f"{client.url}/openapi.json", "--url", f"{client.url}/api",
               "--header", f"Authorization: Bearer {client.token}", "--exclude-path", NO_END,
               "--exclude-path-regex", FETCHES, "--checks", "all", "--seed", str(SEED),
               "--request-timeout", "120", "--no-color", *options]  # fmt: skip
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd=folder)
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    return ran.stdout


@pytest.mark.slow(seconds=12, why="a seeded part of the endpoints, asked in many ways")
def test_answers_keep_to_their_description(client: Client, tmp_path: Path) -> None:
    """A few questions of each kind, right ones and wrong ones, are answered as the description says."""
    told = run(client, tmp_path, "--include-path-regex", SOME, "--phases", "fuzzing", "--max-examples", "1")
    assert "passed" in told


@pytest.mark.slow(seconds=_SECONDS, why="every endpoint, every check, and a stateful run")
def test_every_answer_keeps_to_its_description(client: Client, tmp_path: Path) -> None:
    """Every check on every endpoint, its edges too, and one answer leading to the next question: no failure."""
    paths = [path for path in client.get("/openapi.json").content["paths"] if path != NO_END]
    drawn = some(paths, seconds=_SECONDS)
    phases = "examples,coverage,fuzzing" + (",stateful" if drawn == paths else "")
    chosen = [] if drawn == paths else [part for path in drawn for part in ("--include-path", path)]
    told = run(client, tmp_path, "--phases", phases, "--max-examples", "10", *chosen)
    assert "Coverage" in told
    assert ("API Links" in told) == (drawn == paths)
