"""Captured operations, and no operation left open by another test."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.compat import events, generations
from modeltally.compat._open import OpenOperations
from modeltally.testing import captured
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from pathlib import Path

    from support.stores import Template

__all__ = ["captured"]


@pytest.fixture(autouse=True)
def _nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (events, generations):
        monkeypatch.setattr(module, "_open", OpenOperations())


@pytest.fixture(scope="session")
def directory(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a data directory with what was done of late: sixty requests to a model, twenty runs of a pattern."""
    folder = tmp_path_factory.mktemp("compat") / "data"
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)  # the names answer about the time up to now
    requests = Operation(at=now - dt.timedelta(days=6), model="t2v-A14B", times=60, every_seconds=3600, user=1,
                         attributes={"modeltally.diffusion.steps.requested": "30"})  # fmt: skip
    runs = Operation(at=now - dt.timedelta(days=3), operation="pattern.run", pattern="p-1", ms=20, times=20)
    with template.opened(folder) as store:
        give(store, Given(operations=[requests, runs]))
    return folder


@pytest.fixture(autouse=True)
def _asked_directory(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELTALLY_DIR", str(directory))
