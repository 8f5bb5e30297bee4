"""A small run of the fuzzed calls, and its control; ``make chaos-instrument`` runs a million."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "__main__.py"
TIMEOUT_SECONDS = 280


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script; in a process of its own, since it replaces hooks of the interpreter."""
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
    )


@pytest.mark.slow(seconds=30, why="20,000 calls")
def test_no_call_notices_the_library() -> None:
    """Twenty thousand calls with odd objects and faults: no exception of ours, same results, counts that add up."""
    done = run("--calls", "20000", "--seed", "1")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


@pytest.mark.slow(seconds=10, why="3,000 calls")
def test_the_same_calls_notice_it_without_the_guard() -> None:
    """The control: with the guard switched off, exceptions come through, so the run above can tell."""
    done = run("--unguarded", "--calls", "3000", "--seed", "1")
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert "foreign exception" in done.stdout


def test_one_case_can_be_run_again() -> None:
    """What a failing run prints repeats that case alone."""
    done = run("--only", "17", "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 calls" in done.stdout
