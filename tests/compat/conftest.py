"""Captured operations, and no operation left open by another test."""

from __future__ import annotations

import pytest

from modeltally.compat import events, generations
from modeltally.compat._open import OpenOperations
from modeltally.testing import captured

__all__ = ["captured"]


@pytest.fixture(autouse=True)
def _nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (events, generations):
        monkeypatch.setattr(module, "_open", OpenOperations())
