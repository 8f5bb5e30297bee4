"""How advice looks on a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console

from modeltally.cli._advice import print_advice
from modeltally.recommend.kinds import ADVICE

if TYPE_CHECKING:
    from modeltally.recommend.kinds import AdviceRow

CLEANUP = ADVICE["cleanup"]


def advised(**values: object) -> AdviceRow:
    """An advice to delete; the values given instead of the usual ones."""
    moment = datetime(2026, 7, 20, tzinfo=UTC)
    usual: dict[str, Any] = {
        "kind": "cleanup",
        "policy": "guarded",
        "subject": "stale/vae",
        "action": "delete",
        "verdict": "advise",
        "reason": "delete: not used for 190 days, longest gap before 1",
        "confidence": 0.75,
        "refuted_by": "it is asked for within 30 days",
        "priority": "low",
        "evidence": {"uses": 10, "size_bytes": None},
        "window_since": moment,
        "window_until": moment,
        "expires_at": moment,
        "is_unsafe": False,
    }
    return cast("AdviceRow", usual | values)


def shown(rows: list[AdviceRow], *, has_evidence: bool = False) -> str:
    """What is printed, in one line."""
    console = Console(file=io.StringIO(), width=100)
    print_advice(rows, CLEANUP, console=console, has_evidence=has_evidence)
    assert isinstance(console.file, io.StringIO)
    return " ".join(console.file.getvalue().split())


def test_advice_is_a_sentence_with_what_to_do_why_and_what_next() -> None:
    """The verb, the model, the reason and how sure it is; below it how to do it."""
    text = shown([advised()])
    assert "delete stale/vae not used for 190 days, longest gap before 1; 75% sure" in text
    assert CLEANUP.next_step in text
    assert "uses" not in text


def test_what_nobody_knows_is_said() -> None:
    """No chance is made up where nothing comparable was seen, and no size of zero where none is known."""
    text = shown([advised(confidence=None)], has_evidence=True)
    assert "how sure this is nobody knows" in text
    assert "size unknown" in text
    assert "uses 10" in text


def test_nothing_is_certain() -> None:
    """A chance that rounds to one is said to be over 99 %."""
    assert "over 99% sure" in shown([advised(confidence=0.99999)])


def test_refusals_of_one_guard_are_told_once() -> None:
    """Three of the models are named, the others counted, and the reason stands once."""
    rows = [
        advised(subject=f"m{number}", verdict="refused", confidence=None, reason=f"age: here for {number} days")
        for number in range(1, 18)
    ]
    text = shown(rows)
    assert text.count("here for") == 1
    assert "age: for example: here for 1 days" in text
    assert "and 14 more" in text
    assert shown(rows, has_evidence=True).count("here for") == 17


def test_what_stops_the_run_is_said_of_the_run_alone() -> None:
    """Where too little was watched no model says so again."""
    reason = "history: watched for 16 days, 180 are needed"
    rows = [advised(subject=subject, verdict="refused", reason=reason) for subject in ("*", "m1", "m2")]
    text = shown(rows)
    assert text.count("watched for 16 days") == 1
    assert "all models" in text
    assert "m1" not in text


def test_no_rows_of_no_data_praise_nobody() -> None:
    """Where there is nothing to judge, that is what is said."""
    console = Console(file=io.StringIO(), width=100)
    print_advice([], CLEANUP, console=console, why_empty="nothing is stored yet")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().strip() == "Cleanup: nothing is stored yet"
