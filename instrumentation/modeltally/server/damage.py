"""What is known to be damaged in a data directory, whether a server runs on it or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeltally.receiver.spool.refused import damaged_segments

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.store import Row

__all__ = ["SPOOLS", "check_spools"]

SPOOLS = ("spool", "metrics_spool")


def check_spools(directory: Path) -> Row:
    """Look for damaged segments, as an invariant of the store is looked at: a row with how many there are."""
    found = [path for name in SPOOLS for path in damaged_segments(directory / name)]
    return {
        "check": "spool_is_whole",
        "broken_rows": len(found),
        "rule": "No segment of the spool was damaged on the disk; what was sound in those below is stored.",
        "first_rows": [{"path": str(path)} for path in found[:5]],
    }
