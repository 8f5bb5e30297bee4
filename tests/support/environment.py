"""Environments in which nothing of the developer's machine counts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

OURS = ("OTEL_", "MODELTALLY_", "CLICKHOUSE_", "COLUMNS")


def forget_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every setting out of this process's environment."""
    for name in os.environ:
        if name.startswith(OURS):
            monkeypatch.delenv(name)


def clean_environment(home: Path | None = None) -> dict[str, str]:
    """Make an environment for another process, without any setting; with a home of its own where one is given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    if home is not None:
        kept |= {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "NO_COLOR": "1"}
    return kept
