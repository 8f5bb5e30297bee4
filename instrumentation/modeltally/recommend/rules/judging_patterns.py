"""Which patterns to promote, to look into, to retire, and which to keep, by their effectiveness and how sure it is."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final

from modeltally.recommend.constants import CAUSE_MOST_P
from modeltally.recommend.record import ADVISE, Made
from modeltally.recommend.significance import at_least, corrected, fisher_exact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modeltally.recommend.record import Occasion

__all__ = ["judge_patterns"]

# the success rate that a pattern to promote must surely have
_GOOD_RATE: Final = 0.8
_SENTENCES: Final = {
    "promote": "its score is {score:.2f}, and it surely succeeds more often than {good:.0%}",
    "investigate": "its score is {score:.2f}{warnings}",
    "retire": "nobody ran it in the newer half of the window, after {runs:,} runs in the older one",
    "keep": "its score is {score:.2f}",
}
_HOLDS: Final = dt.timedelta(days=7)


def judge_patterns(occasion: Occasion) -> Iterator[Made]:
    """Say what to do with each pattern.

    Args:
        occasion: When advice is asked for, and the window it is about.

    Yields:
        A row for each pattern with a rated run; the verdict keep is no advice to do anything.
    """
    settings = occasion.store.settings
    asked = {
        "since": occasion.since,
        "until": occasion.until,
        "as_of": occasion.as_of,
        "abandoned_after_seconds": settings.abandoned_after_seconds,
        "subject": "",
    }
    rows = occasion.store.read("pattern_effectiveness", {**asked, "excellent_ms": settings.excellent_ms})
    window = {name: value for name, value in asked.items() if name != "subject"}
    counted = occasion.store.read("success_by_subject", {**window, "kind": "pattern", "operation": "pattern.run"})
    # half a success is none here: what is tested is that a run succeeded
    counts = {str(row["subject"]): _counts(row) for row in counted}
    for row in rows:
        yield _judged(occasion, row, counts, len(rows))


def _counts(row: Mapping[str, Any]) -> tuple[int, int]:
    return int(row["successes"]), int(row["operations"]) - int(row["cancelled"]) - int(row["in_flight"])


def _judged(occasion: Occasion, row: Mapping[str, Any], counts: Mapping[str, tuple[int, int]], patterns: int) -> Made:
    pattern, said = str(row["pattern"]), str(row["recommendation"])
    hits, seen = counts.get(pattern, (0, 0))
    others = [told for name, told in counts.items() if name != pattern]
    other_hits, other_seen = (sum(told[place] for told in others) for place in (0, 1))
    better = corrected(fisher_exact(hits, seen, other_hits, other_seen), patterns)
    worse = corrected(fisher_exact(seen - hits, seen, other_seen - other_hits, other_seen), patterns)
    p, doubt = _doubt(said, hits, seen, patterns, runs=int(row["runs"]))
    action = "keep" if doubt else said
    sentence = _SENTENCES[action].format(
        score=row["effectiveness_score"],
        good=_GOOD_RATE,
        warnings=f", {row['warnings']}" if row["warnings"] else "",
        runs=row["runs"],
    )
    return Made(
        subject=pattern,
        verdict="keep" if action == "keep" else ADVISE,
        action="" if action == "keep" else action,
        reason=f"{action}: {sentence}{doubt}{_against_others(better, worse)}",
        confidence=None,
        priority={"retire": "low", "promote": "medium", "investigate": "high"}.get(action, ""),
        evidence={
            "effectiveness_score": row["effectiveness_score"],
            "runs": row["runs"],
            "success_rate": row["success_rate"],
            "mean_quality": row["mean_quality"],
            "p95_ms": row["p95_ms"],
            "trend": row["trend"],
            "warnings": row["warnings"],
            "p": p,
            "better_than_others_p": better,
            "worse_than_others_p": worse,
            "last_used_at": row["last_used_at"],
        },
        window_since=occasion.since or occasion.as_of,
        window_until=occasion.until,
        expires_at=occasion.as_of + _HOLDS,
    )


def _doubt(said: str, hits: int, seen: int, patterns: int, *, runs: int) -> tuple[float | None, str]:
    """Give the p of what is said, and why it is not said all the same."""
    if said == "promote":
        p = corrected(at_least(hits, seen, _GOOD_RATE), patterns)
        return (
            p,
            "" if p <= CAUSE_MOST_P else f"; {seen:,} runs are too few to be sure that it is above {_GOOD_RATE:.0%}",
        )
    if said == "retire":
        # that of so many runs none falls into the newer half by chance
        p = corrected(0.5**runs, patterns)
        return p, "" if p <= CAUSE_MOST_P else f"; {runs:,} runs are too few to be sure that it is no longer used"
    return None, ""


def _against_others(better: float, worse: float) -> str:
    if better <= CAUSE_MOST_P:
        return "; it succeeds more often than the others"
    return "; it succeeds less often than the others" if worse <= CAUSE_MOST_P else ""
