"""A killed server loses nothing it acknowledged and counts nothing twice; weaker ones do, so the test can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from chaos.server_kill import DURABLE, MEMORY, NO_BATCH_ID, Outcome, run

if TYPE_CHECKING:
    from pathlib import Path

SEED = 11


def report(outcome: Outcome) -> str:
    """Say what happened, for a failing test."""
    return f"seed {SEED}: {outcome}"


@pytest.mark.slow(seconds=20, why="a server killed four times")
def test_nothing_is_lost_or_doubled_when_it_is_killed(tmp_path: Path) -> None:
    """Four kills, in both windows: rows = distinct spans = spans sent."""
    outcome = run(tmp_path, variant=DURABLE, kills=4, seed=SEED)
    assert outcome.rows == outcome.spans == outcome.sent, report(outcome)
    assert outcome.acknowledged_not_stored > 0, report(outcome)
    assert outcome.stored_not_forgotten > 0, report(outcome)


@pytest.mark.slow(seconds=6, why="a server killed")
def test_a_server_that_acknowledges_from_memory_loses(tmp_path: Path) -> None:
    """The first control: without the spool, a kill loses acknowledged spans."""
    outcome = run(tmp_path, variant=MEMORY, kills=1, seed=SEED)
    assert outcome.spans < outcome.sent, report(outcome)


@pytest.mark.slow(seconds=6, why="a server killed")
def test_a_server_without_batch_ids_doubles(tmp_path: Path) -> None:
    """The second control: without the batch's id, a batch that was stored is stored again."""
    outcome = run(tmp_path, variant=NO_BATCH_ID, kills=1, seed=SEED)
    assert outcome.rows > outcome.spans == outcome.sent, report(outcome)
