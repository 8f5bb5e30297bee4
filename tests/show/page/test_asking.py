"""Questions of pages are asked once, kept for as long as they may be old, and never hold up what somebody waits for."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

import pytest

from modeltally.show.page.asking import Asker, Question
from support.waiting import wait_until

if TYPE_CHECKING:
    from modeltally.show.backend import Backend

NOBODY = cast("Backend", None)


class Clock:
    """Seconds that go by when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


def test_equal_questions_are_asked_once() -> None:
    """Several that ask the same at one time wait for one answer."""
    asker, go, asked = Asker(NOBODY), threading.Event(), []

    def find(_: Backend) -> str:
        asked.append(1)
        go.wait(30)
        return "answer"

    waiting = [asker.ask(Question("same", find)) for _ in range(5)]
    go.set()
    assert {future.result(30) for future in waiting} == {"answer"}
    assert len(asked) == 1


def test_answer_is_given_again_while_it_may_be_old() -> None:
    """Within its age it is given; somewhat older once more, while a new one is sought; then it is waited for."""
    clock = Clock()
    asker, found = Asker(NOBODY, clock=clock), iter(range(10))
    question = Question("kept", lambda _: next(found), 10.0)
    assert asker.ask(question).result(30) == 0
    clock.now = 9.0
    assert asker.ask(question).result(30) == 0
    clock.now = 20.0
    assert asker.ask(question).result(30) == 0
    assert wait_until(lambda: asker.ask(question).result(30) == 1)
    clock.now = 200.0
    assert asker.ask(question).result(30) == 2
    asker.clear()
    assert asker.ask(question).result(30) == 3


def test_failure_is_not_kept() -> None:
    """A question that failed is asked again."""
    asker, tries = Asker(NOBODY), []

    def find(_: Backend) -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("once")
        return "answer"

    question = Question("failing", find, 10.0)
    with pytest.raises(ValueError, match="once"):
        asker.ask(question).result(30)
    assert asker.ask(question).result(30) == "answer"


def test_what_nobody_waits_for_holds_up_nothing() -> None:
    """However many patient questions stand in line, an urgent one is answered."""
    asker, go = Asker(NOBODY), threading.Event()
    patient: list[Any] = [
        asker.ask(Question(f"patient {number}", lambda _: go.wait(30)), is_urgent=False) for number in range(20)
    ]
    assert asker.ask(Question("urgent", lambda _: "now")).result(30) == "now"
    go.set()
    assert all(future.result(30) for future in patient)
