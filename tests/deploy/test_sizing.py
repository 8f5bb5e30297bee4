"""The sizes on paper are made from figures that the real engine gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.sizing import INPUTS, PAGE, filled, measure, table

if TYPE_CHECKING:
    from pathlib import Path

    from support.stores import Template


def test_table_of_the_page_is_made_from_the_inputs() -> None:
    """The page's table is the script's; `make sizing` writes it."""
    assert filled(PAGE.read_text()) == PAGE.read_text()
    assert "10,000,000 events/s" in table()


@pytest.mark.slow(seconds=6, why="20,000 events of each kind")
def test_inputs_are_what_the_engine_takes(template: Template, tmp_path: Path) -> None:
    """An event and a landed span take on disk what the table says, within a fifth."""
    measured = measure(100_000, template.copy(tmp_path / "data"))
    assert measured.body_bytes == pytest.approx(INPUTS.body_bytes, rel=0.2)
    assert measured.landing_bytes == pytest.approx(INPUTS.landing_bytes, rel=0.2)
    assert measured.event_bytes == pytest.approx(INPUTS.event_bytes, rel=0.2)
    # the more events, the more of the users occur in each hour; a million fill it
    assert 0 < measured.roll_bytes_per_hour <= INPUTS.roll_bytes_per_hour * 1.2
