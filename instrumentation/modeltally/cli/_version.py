"""``modeltally --version``, in a module that loads nothing else."""

from __future__ import annotations

import sys
from importlib.metadata import version

__all__ = ["print_version"]


def print_version() -> None:
    """Print the version."""
    sys.stdout.write(f"modeltally {version('modeltally')}\n")
