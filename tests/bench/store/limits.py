"""What the store is held to, and what it took before its rolls had their present form; both on the machine below.

Processor milliseconds in the engine, on a shared AMD EPYC with two cores, of 20 million events and 500 models.
"""

from __future__ import annotations

__all__ = ["BYTES_PER_EVENT", "MOST_GROWTH", "PEAK_BYTES", "ROLLUPS_MS", "read_limit"]

# The last day and the last thirty, where everything is rolled. None: nothing is promised, it reads events.
_CLEAN: dict[str, tuple[float | None, float | None]] = {
    "usage_by_model": (55, 110),
    "usage_by_attribute": (None, None),
    "completeness_by_instance": (None, 300),
    "answer_context": (20, 20),
}
_CLEAN_OTHERS = (50, 90)
_OPEN = 150
_SCATTERED: dict[str, float] = {"usage_overview": 100}
_SCATTERED_OTHERS = 250
_NO_ROLLS = ("usage_by_attribute", "completeness_by_instance", "answer_context")

ROLLUPS_MS: dict[str, float] = {
    "nothing dirty": 300,
    "one hour of 6 k": 800,
    "one hour of 1 M": 3_000,
    "22 hours here and there": 6_000,
}
PEAK_BYTES = 600_000_000
# At 20 M events, packed with ZSTD.
BYTES_PER_EVENT = {"usage_events": 70.0, "usage_rolls": 15.0}
# Thirty days at 20 million events against the same at 2 million.
MOST_GROWTH = 1.3


def read_limit(state: str, view: str, days: int) -> float | None:
    """Give the processor milliseconds a view may take.

    Args:
        state: clean, open, scattered, or advice.
        view: Its name.
        days: 1 or 30.
    """
    if state == "clean":
        return _CLEAN.get(view, _CLEAN_OTHERS)[0 if days == 1 else 1]
    if view in _NO_ROLLS or state == "advice":
        return None
    return _OPEN if state == "open" else _SCATTERED.get(view, _SCATTERED_OTHERS)
