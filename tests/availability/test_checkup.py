"""Files are read on a schedule: the longest unread first, in the hours allowed, resumable, and marked where damaged."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from availability.samples import ollama_model, safetensors
from modeltally.availability.checkup import Checkup, marked_for_repair, within
from modeltally.availability.ollama_folder import OllamaFolder

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.availability.held import HeldModel

NOW = dt.datetime(2026, 3, 2, 2, 0, tzinfo=dt.UTC)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> dt.datetime:
        """Tell the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock at two in the night."""
    return Clock()


@pytest.fixture
def models(tmp_path: Path) -> tuple[HeldModel, ...]:
    """Write two models of two files each."""
    for number, name in enumerate(("a", "b")):
        layers = {"config": b"{}" + name.encode(), "model": safetensors(number), "params": safetensors(number + 10)}
        ollama_model(tmp_path / "ollama", name, layers)
    return OllamaFolder(tmp_path / "ollama").listing().models


def checkup(folder: Path, clock: Clock, hours: tuple[dt.time, dt.time, ZoneInfo] | None = None) -> Checkup:
    """Make one that keeps what it knows in a folder."""
    return Checkup(folder, 7, hours, None, clock)


def test_each_model_is_due_after_its_days(tmp_path: Path, models: tuple[HeldModel, ...], clock: Clock) -> None:
    """What was read is due again after a week, across restarts; a clock that was set back makes it due at once."""
    first = checkup(tmp_path, clock)
    assert [each.name for each in first.due(models)] == [each.name for each in models]
    verdict = first.check(models[0])
    assert verdict is not None
    assert verdict.integrity_score == 1
    assert [each.name for each in checkup(tmp_path, clock).due(models)] == [models[1].name]
    clock.now = NOW + dt.timedelta(days=7)
    assert [each.name for each in checkup(tmp_path, clock).due(models)] == [models[1].name, models[0].name]
    clock.now = NOW - dt.timedelta(days=1)
    assert len(checkup(tmp_path, clock).due(models)) == 2


def test_damage_is_marked_until_it_is_mended(tmp_path: Path, models: tuple[HeldModel, ...], clock: Clock) -> None:
    """A flipped bit marks the model for repair, with the file; a later check of whole files takes the mark away."""
    blob = max((file.path for file in models[0].files), key=lambda path: path.stat().st_size)
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(content)
    verdict = checkup(tmp_path, clock).check(OllamaFolder(tmp_path / "ollama").listing().models[0])
    assert verdict is not None
    assert verdict.is_healthy is False
    marked = marked_for_repair(tmp_path)
    assert list(marked) == [f"ollama:{models[0].name}"]
    assert "instead of" in marked[f"ollama:{models[0].name}"]["faults"][0]
    content[-1] ^= 1
    blob.write_bytes(content)
    assert checkup(tmp_path, clock).check(OllamaFolder(tmp_path / "ollama").listing().models[0]) is not None
    assert marked_for_repair(tmp_path) == {}


def test_what_was_read_is_not_read_again_after_a_stop(
    tmp_path: Path, models: tuple[HeldModel, ...], clock: Clock
) -> None:
    """A check that was stopped goes on where it was; a file that changed meanwhile is read again."""
    asked = iter([False, False, False, True])
    assert checkup(tmp_path, clock).check(models[1], is_over=lambda: next(asked)) is None
    read: list[int] = []
    again = checkup(tmp_path, clock)
    assert next(each.name for each in again.due(models)) == models[1].name

    def count() -> bool:
        read.append(1)
        return False

    assert again.check(models[1], is_over=count) is not None
    assert 0 < len(read) < 2 * len(models[1].files)


def test_outside_its_hours_nothing_is_read(tmp_path: Path, models: tuple[HeldModel, ...], clock: Clock) -> None:
    """The hours end the reading, over midnight and by the clocks of their zone."""
    night = (dt.time(22), dt.time(6), ZoneInfo("Europe/Berlin"))
    clock.now = NOW.replace(hour=6)
    assert not within(clock.now, night)
    assert checkup(tmp_path, clock, night).check(models[0]) is None
    assert within(NOW, night)
    assert within(NOW.replace(hour=21), night)
    assert not within(NOW.replace(hour=20), night)


def test_state_of_no_one_of_ours_makes_everything_due(
    tmp_path: Path, models: tuple[HeldModel, ...], clock: Clock
) -> None:
    """A file that holds something else is written anew, and hinders nothing."""
    (tmp_path / "checked-models.json").write_text('{"checked": [1], "repair": 3}')
    assert len(checkup(tmp_path, clock).due(models)) == 2
    assert marked_for_repair(tmp_path) == {}
