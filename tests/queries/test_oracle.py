"""The oracle at the size of a test run; ``make oracle`` runs it at any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from queries.oracle import CONTROLS, run

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20260302


@pytest.mark.timeout(1200)
@pytest.mark.slow(seconds=100, why="20,000 operations")
def test_every_answer_is_right_through_a_hostile_history(tmp_path: Path) -> None:
    """Late, repeated, conflicting, erased and expired operations never make a roll or a view answer wrongly."""
    oracle = run(tmp_path, operations=20_000, seed=SEED)
    oracle.store.close()
    assert oracle.compared > 200
    assert oracle.wrong == 0, f"seed {SEED}: {oracle.first_difference}"


@pytest.mark.slow(seconds=400, why="2,000 operations for each control")
@pytest.mark.parametrize("name", CONTROLS)
def test_control_is_caught(tmp_path: Path, name: str) -> None:
    """A store with one of its rules broken gives a wrong answer, so the oracle can see one."""
    broken = run(tmp_path, operations=2_000, seed=SEED, edits=CONTROLS[name])
    broken.store.close()
    assert broken.wrong > 0, f"seed {SEED}: {broken.compared} answers, all right"
