"""Which process runs which test when several run them: a file is one piece, what takes longest begins first."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING, Final

from xdist.scheduler.loadscope import LoadScopeScheduling

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pytest

__all__ = ["Pieces", "longest_first", "piece_of"]

# Files that are long and made of cases of their own: cut into so many pieces by what the cases are about. Each opens
# its store once; a process may get several pieces of a file and goes on with the store it has.
CUT: Final = {"tests/queries/test_cases.py": 4}
# What a test takes that does not say so.
_USUAL_SECONDS: Final = 0.5


def piece_of(nodeid: str) -> str:
    """The piece that a test belongs to, by its id: its file, or a part of it."""
    file, _, test = nodeid.partition("::")
    if file not in CUT:
        return file
    about = test.partition("[")[2].partition(":")[0] or test
    return f"{file} {zlib.crc32(about.encode()) % CUT[file]}"


def longest_first(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The same tests, those of the piece that takes longest first; what is short fills the gaps at the end."""
    pieces: dict[str, list[pytest.Item]] = {}
    for item in items:
        pieces.setdefault(piece_of(item.nodeid), []).append(item)
    return [
        item for piece in sorted(pieces, key=lambda name: (-_seconds(pieces[name]), name)) for item in pieces[piece]
    ]


def _seconds(items: Sequence[pytest.Item]) -> float:
    """What a piece takes; seconds that a function says are those of all its cases."""
    said: dict[str, float] = {}
    usual: Counter[str] = Counter()
    for item in items:
        function = item.nodeid.partition("[")[0]
        if marker := item.get_closest_marker("slow"):
            said[function] = float(marker.kwargs["seconds"])
        else:
            usual[function] += 1
    return sum(said.values()) + _USUAL_SECONDS * usual.total()


class Pieces(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Gives each process a piece at a time, in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return piece_of(nodeid)
