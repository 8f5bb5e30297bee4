"""Functions that dill and joblib hand to other processes: what arrives answers as it would without the decorator."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent / "sent.py"


def answers(which: str, library: str) -> dict[str, Any]:
    """Run the script, in a process whose main module it is."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed: make setup gets it")
    command = [sys.executable, str(SCRIPT), which, library]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if "does not know this Python yet" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def results(said: dict[str, Any]) -> dict[str, Any]:
    """Leave out how many operations each thing was."""
    return {name: result for name, [result, _] in said.items()}


def test_what_dill_sends_arrives_as_without_us_and_is_recorded() -> None:
    """A script's own functions travel whole: the other side, which has no such script, calls and counts them."""
    bare, watched = answers("bare", "dill"), answers("watched", "dill")
    assert len(bare) > 20
    assert results(watched) == results(bare)
    assert [name for name, [_, started] in watched.items() if not started] == [
        name for name, [result, _] in bare.items() if result == "NameError"
    ]
    assert not any(started for _, started in bare.values())


@pytest.mark.slow(seconds=3, why="joblib's worker processes")
def test_joblib_calls_caches_and_hashes_as_without_us() -> None:
    """Its worker processes, its results on disk, its hashes and its files: the same answers and the same errors."""
    bare, watched = answers("bare", "joblib"), answers("watched", "joblib")
    assert bare["function: called"] == [3, 4]
    assert watched == bare
