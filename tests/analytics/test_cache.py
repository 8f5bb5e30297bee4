"""Answers that are kept: given again, refused, pushed out, and found once for all who ask at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from modeltally.analytics.cache import ResultCache

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def cache(clock: Clock, *, max_entries: int = 10, max_bytes: int = 1000) -> ResultCache[str]:
    """A cache of texts that keeps each for a minute."""
    return ResultCache(ttl_seconds=60, size_of=len, max_entries=max_entries, max_bytes=max_bytes, clock=clock)


def answering(text: str, calls: list[str]) -> Callable[[], str]:
    """What computes an answer, and notes that it did."""

    def compute() -> str:
        calls.append(text)
        return text

    return compute


def test_answer_is_given_again_with_its_age() -> None:
    """The same question of the same state is computed once; the age is counted from then."""
    clock, calls = Clock(), list[str]()
    kept = cache(clock)
    assert kept.get("q", "s", answering("one", calls)) == ("one", 0.0)
    clock.now = 59.5
    assert kept.get("q", "s", answering("two", calls)) == ("one", 59.5)
    assert calls == ["one"]
    assert kept.status() == {
        "ttl_seconds": 60,
        "hits": 1,
        "misses": 1,
        "hit_rate": 0.5,
        "answers": 1,
        "bytes": 3,
        "pushed_out": 0,
    }


@pytest.mark.parametrize(("question", "state", "now"), [("q", "s", 60.0), ("q", "other", 1.0), ("other", "s", 1.0)])
def test_answer_is_not_given_again(question: str, state: str, now: float) -> None:
    """Neither when its time is over, nor of another state, nor to another question."""
    clock, calls = Clock(), list[str]()
    kept = cache(clock)
    kept.get("q", "s", answering("one", calls))
    clock.now = now
    assert kept.get(question, state, answering("two", calls)) == ("two", 0.0)


def test_another_state_takes_the_place_of_the_one_before() -> None:
    """Of one question one answer is kept, however often its state changes."""
    kept = cache(Clock())
    for number in range(20):
        kept.get("q", str(number), answering(str(number), []))
    assert kept.status()["answers"] == 1


def test_what_was_used_longest_ago_goes_first() -> None:
    """Neither the number of answers nor their bytes grow beyond the bounds."""
    calls = list[str]()
    kept = cache(Clock(), max_entries=3)
    for question in ("a", "b", "c", "a", "d"):
        kept.get(question, "s", answering(question, calls))
    kept.get("a", "s", answering("a", calls))
    kept.get("b", "s", answering("b", calls))
    assert calls == ["a", "b", "c", "d", "b"]

    large = cache(Clock(), max_bytes=100)
    for question in "abcdefghij":
        large.get(question, "s", answering(question * 20, []))
    assert (large.status()["answers"], large.status()["bytes"], large.status()["pushed_out"]) == (5, 100, 5)


def test_huge_answer_is_not_kept() -> None:
    """What takes more than a quarter of the room is computed each time, and drives nothing out."""
    calls = list[str]()
    kept = cache(Clock(), max_bytes=100)
    kept.get("small", "s", answering("x", calls))
    for _ in range(2):
        assert kept.get("huge", "s", answering("y" * 26, calls))[0] == "y" * 26
    kept.get("small", "s", answering("x", calls))
    assert [text[0] for text in calls] == ["x", "y", "y"]


def test_what_is_not_to_be_kept_is_computed_each_time() -> None:
    """Who asks says which answers may be given again."""
    calls = list[str]()
    kept = ResultCache[str](ttl_seconds=60, size_of=len, is_kept=lambda answer: answer != "no")
    for text in ("no", "yes", "yes"):
        kept.get("q", "s", answering(text, calls))
    assert calls == ["no", "yes"]


def test_equal_questions_at_once_are_answered_once() -> None:
    """Who asks while the answer is being found waits for it; other questions do not."""
    kept, calls = cache(Clock()), list[str]()
    begun, may_end = threading.Event(), threading.Event()

    def slow() -> str:
        calls.append("slow")
        begun.set()
        assert may_end.wait(30)
        return "found"

    with ThreadPoolExecutor(5) as pool:
        first = pool.submit(kept.get, "q", "s", slow)
        assert begun.wait(30)
        others = [pool.submit(kept.get, "q", "s", slow) for _ in range(3)]
        assert pool.submit(kept.get, "other", "s", lambda: "at once").result(30) == ("at once", 0.0)
        may_end.set()
        assert [one.result(30) for one in (first, *others)] == [("found", 0.0)] * 4
    assert calls == ["slow"]


def test_error_reaches_everybody_and_is_not_kept() -> None:
    """A question that fails is asked anew the next time."""
    kept = cache(Clock())

    def failing() -> str:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept.get("q", "s", failing)
    assert kept.get("q", "s", lambda: "yes") == ("yes", 0.0)
