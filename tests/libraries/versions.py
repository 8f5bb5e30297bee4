"""Tests of what an old version of a library does not have yet: they are skipped there, and say so."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import pytest

from modeltally.instrument.libraries._instrumentor import _release

__all__ = ["needs"]


def needs(distribution: str, first: str, what: str) -> pytest.MarkDecorator:
    """Skip a test where a library is older than what it is about.

    Args:
        distribution: The name that the library is installed by.
        first: The version that has it.
        what: What it has.
    """
    try:
        installed = version(distribution)
    except PackageNotFoundError:
        installed = first  # the test itself says what is missing
    return pytest.mark.skipif(
        _release(installed) < _release(first),
        reason=f"{distribution} {installed} has no {what}, {first} has: make test-libraries",
    )
