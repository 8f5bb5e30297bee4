"""Policy plugins as an installed package brings them: a module, and its entry points."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

__all__ = ["installed", "write"]

MODULE = "policies_of_a_stranger"


def write(folder: Path, source: str, entry_points: Mapping[str, str]) -> None:
    """Write a package into a folder as pip would.

    Args:
        folder: A folder of modules.
        source: The module.
        entry_points: The names of its entry points, and what each stands for in the module.
    """
    (folder / f"{MODULE}.py").write_text(source)
    told = folder / f"{MODULE}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {MODULE}\nVersion: 1.0\n")
    lines = [f"{name} = {MODULE}:{value}" for name, value in entry_points.items()]
    (told / "entry_points.txt").write_text("\n".join(["[modeltally.policies]", *lines, ""]))


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, entry_points: Mapping[str, str]) -> None:
    """Install a package for the time of a test, in this process."""
    write(folder, source, entry_points)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    importlib.invalidate_caches()
