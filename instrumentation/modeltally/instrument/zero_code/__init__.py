"""Starting a service unchanged: what ``modeltally run`` puts into its environment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["LIBRARIES", "START", "environment"]

START: Final = Path(__file__).with_name("start")
"""The folder with the ``sitecustomize`` that every Python below it runs."""
LIBRARIES: Final = "MODELTALLY_RUN_LIBRARIES"
"""The variable that tells it which imports to wait for."""


def environment(given: Mapping[str, str], *, libraries: Iterable[str]) -> dict[str, str]:
    """Give the environment of a process whose libraries are to be instrumented, and of all processes below it.

    Args:
        given: The environment without us.
        libraries: The names of the libraries that there are instrumentors for.
    """
    others = [path for path in given.get("PYTHONPATH", "").split(os.pathsep) if path and path != str(START)]
    return {**given, "PYTHONPATH": os.pathsep.join([str(START), *others]), LIBRARIES: ",".join(sorted(libraries))}
