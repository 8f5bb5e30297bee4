"""The installed package's version."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

__all__ = ["package_version"]


def package_version() -> str:
    """Return the version, ``0`` when the package runs from a directory that was never installed."""
    try:
        return version("modeltally")
    except PackageNotFoundError:
        return "0"
