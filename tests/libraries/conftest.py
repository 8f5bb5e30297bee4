"""What the tests of libraries share."""

from __future__ import annotations

import gc

import pytest

from modeltally.instrument import _late
from modeltally.testing import captured

__all__ = ["captured"]


@pytest.fixture(autouse=True)
def _models_of_others_are_gone() -> None:
    """Let the models of earlier tests go before a test begins: each is an unload when that happens."""
    gc.collect()
    _late.forget()
