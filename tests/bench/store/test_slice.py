"""A small seeded slice of the benchmark: its events are the same every time, and every answer on them is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.store.plain import COMPARED, differences
from bench.store.reads import last_days
from bench.store.rollups import open_hour, scatter
from bench.store.stores import BEGIN, END, add_events, events_store, open_directory, rolled_store
from modeltally.store import sql
from support.stores import ask, copy_store

if TYPE_CHECKING:
    from pathlib import Path

    from bench.store.stores import Shape

FINGERPRINT = "SELECT count() AS copies, groupBitXor(cityHash64(*)) AS fingerprint FROM usage_events"


@pytest.mark.slow(seconds=5, why="20,000 events made twice")
def test_the_events_are_the_same_whatever_pieces_they_come_in(cache: Path, shape: Shape, tmp_path: Path) -> None:
    """Twenty thousand events made at once and the same made in three pieces are the same rows."""
    whole = open_directory(copy_store(events_store(cache, shape), tmp_path / "whole"))
    expected = ask(whole, FINGERPRINT)
    whole.close()
    pieces = open_directory(tmp_path / "pieces")
    pieces.migrate()
    for first, count in ((12_000, 8_000), (0, 5_000), (5_000, 7_000)):
        add_events(
            pieces, shape, begin=BEGIN, length=END - BEGIN, of_total=shape.events, first=first, count=count,
            seed=shape.seed, is_daily=True,
        )  # fmt: skip
    assert ask(pieces, FINGERPRINT) == expected
    assert expected[0]["copies"] > shape.events
    pieces.close()


@pytest.mark.slow(seconds=9, why="20,000 events rolled, every view twice")
def test_every_answer_is_that_of_a_plain_count(cache: Path, shape: Shape, tmp_path: Path) -> None:
    """Over a rolled month every figure is that of a plain count; with the events taken away, every view is named."""
    store = open_directory(copy_store(rolled_store(cache, shape)[0], tmp_path))
    assert list(differences(store, last_days(30))) == []
    store.database.command(sql.statement("expire/drop_month"), {"month": "2026-05-01"})
    found = list(differences(store, last_days(30)))
    store.close()
    assert {line.split()[0] for line in found} == {compared.view for compared in COMPARED}


@pytest.mark.slow(seconds=10, why="20,000 events, an hour that fills, every view")
def test_every_answer_is_right_while_hours_are_open(cache: Path, shape: Shape, tmp_path: Path) -> None:
    """With an open hour and with dirty hours here and there, every figure of a month is that of a plain count."""
    directory = copy_store(rolled_store(cache, shape)[0], tmp_path)
    open_hour(directory, shape, events=2_400)
    scatter(directory, shape)
    store = open_directory(directory)
    assert list(differences(store, last_days(30))) == []
    store.close()
