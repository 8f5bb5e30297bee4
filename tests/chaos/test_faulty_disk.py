"""A disk that fails, is full or flips bits costs nothing without a word, and the tests of it can tell."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from chaos.faulty_disk import (
    run_engine_bits,
    run_full,
    run_spool_bits,
    run_starts,
    small_disk,
    trusting,
)
from modeltally.receiver.spool import record

if TYPE_CHECKING:
    from pathlib import Path

    from support.stores import Template

SEED = 5


@pytest.mark.slow(seconds=40, why="eleven starts of two servers")
def test_a_start_whose_calls_fail_loses_nothing_without_a_word(tmp_path: Path, template: Template) -> None:
    """Over a spool with damage in it: each record that is not stored is in a copy of its damaged segment."""
    found = run_starts(tmp_path, template, seed=SEED)
    assert found.wrong == [], f"seed {SEED}"
    assert 0 < found.said < found.sent // 20


@pytest.mark.slow(seconds=25, why="a server killed six times on a full disk")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount the file system that gets full")
def test_a_full_disk_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Filled to the last byte, and killed there: rows = distinct spans = spans acknowledged."""
    with small_disk(tmp_path / "disk") as is_there:
        if not is_there:
            pytest.skip("this process may mount no file system")
        found = run_full(tmp_path / "disk", seed=SEED)
    assert found.is_exact, f"seed {SEED}: {found}"
    assert found.wrong == []


@pytest.mark.slow(seconds=20, why="four servers, one of which cannot store what it has")
def test_a_flipped_bit_of_the_spool_is_counted(
    tmp_path: Path, template: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty flipped bits: what is not stored is said to be damaged; a spool that trusts what it reads is caught."""
    found = run_spool_bits(tmp_path / "spool", template, places=20, seed=SEED)
    assert found.wrong == [], f"seed {SEED}"
    assert found.said > 10
    monkeypatch.setattr(record, "_record", trusting)
    assert run_spool_bits(tmp_path / "trusting", template, places=20, seed=SEED).wrong


@pytest.mark.slow(seconds=25, why="a process for each of twelve bits")
def test_a_flipped_bit_of_the_engine_is_told(tmp_path: Path, template: Template) -> None:
    """Wherever it is: the answers are as before, or the damage is told."""
    found = run_engine_bits(tmp_path, template, places=12, seed=SEED)
    assert found.wrong == [], f"seed {SEED}"
    assert found.said > 0
