"""Questions of a page: asked side by side, the most important first, and kept for as long as each may be old."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.topics import TOPICS
from modeltally.recommend.kinds import advise, parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeltally.analytics.answers import Answer
    from modeltally.analytics.topic import Topic
    from modeltally.analytics.window import Window
    from modeltally.recommend.kinds import Advice
    from modeltally.show.backend import Backend

__all__ = ["Asker", "Question", "advice", "asks", "of_state"]

# the engine uses every core for one question: more at once would only wait for each other
_WORKERS: Final = 2
# what somebody waits for must not stand behind what nobody does
_PATIENT_WORKERS: Final = 1
_STALE: Final = 5
# so long a question that nobody waits for lets the others go first: the engine answers one at a time
_LETS_PASS_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.02
_MAX_KEPT: Final = 64
# no answer of more rows is kept
_MAX_ROWS: Final = 20_000
_ADVICE_SECONDS: Final = 900.0


@dataclass(frozen=True, slots=True)
class Question:
    """Something a block of a page wants to know.

    Attributes:
        key: Says what is asked; equal ones are asked once.
        find: Finds the answer.
        max_age_seconds: How old an answer may be that is given again; 0 for one that is found anew. One that is
            older, up to five times, is given once more while a new one is sought; it says as of when it is.
        is_optional: Nobody waits for it: without it there is less to show.
    """

    key: str
    find: Callable[[Backend], Any]
    max_age_seconds: float = 0.0
    is_optional: bool = False


def asks(
    topic: Topic[Any],
    window: Window,
    given: Mapping[str, str | None] | None = None,
    *,
    max_age_seconds: float = 0.0,
    is_optional: bool = False,
) -> Question:
    """Make the question of a topic.

    Args:
        topic: What is asked.
        window: The window of the query.
        given: What the topic wants to know beside the window, by parameter; what it does not take is left out.
        max_age_seconds: How old an answer may be.
        is_optional: Nobody waits for it.

    Raises:
        InputError: The topic needs what is missing, or a value is not allowed.
    """
    taken = {argument.parameter for argument in topic.arguments}
    arguments = arguments_of(
        topic, {name: value for name, value in (given or {}).items() if name in taken}, topics=TOPICS.values()
    )
    key = json.dumps([topic.name, window.question(), arguments], sort_keys=True, default=str)

    def find(backend: Backend) -> Answer[Any]:
        return backend.statistics.ask(topic, window, arguments=arguments)

    return Question(key, find, max_age_seconds, is_optional)


def advice(kind: Advice, window: Window, *, is_optional: bool = False) -> Question:
    """Make the question of one kind of advice, whose answer holds for a quarter of an hour."""
    parameters = parameters_of(kind, window)
    return Question(
        f"advice {kind.name}",
        lambda backend: (window.as_of, advise(backend.store, kind, parameters)),
        _ADVICE_SECONDS,
        is_optional,
    )


def of_state(name: str, find: Callable[[Backend], Any]) -> Question:
    """Make a question about the process itself."""
    return Question(f"state {name}", find)


class Asker:
    """Asks in threads of its own; safe to use from several threads."""

    def __init__(self, backend: Backend, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Start without answers.

        Args:
            backend: What answers.
            clock: Counts seconds.
        """
        self._backend = backend
        self._clock = clock
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix="modeltally-page")
        self._patient = ThreadPoolExecutor(_PATIENT_WORKERS, thread_name_prefix="modeltally-page-late")
        self._lock = threading.RLock()  # a question may be answered before anybody waits
        self._urgent = 0
        self._coming: dict[str, Future[Any]] = {}
        self._kept: OrderedDict[str, tuple[float, Any]] = OrderedDict()

    def ask(self, question: Question, *, is_urgent: bool = True) -> Future[Any]:
        """Ask, without waiting for the answer.

        Args:
            question: What is asked.
            is_urgent: Whether somebody waits for the answer for as long as it takes.

        Returns:
            What the answer will be in.
        """
        with self._lock:
            kept = self._kept.get(question.key)
            age = self._clock() - kept[0] if kept is not None else None
            if kept is not None and age is not None and age < _STALE * question.max_age_seconds:
                found: Future[Any] = Future()
                found.set_result(kept[1])
                if age >= question.max_age_seconds:
                    self._seek(question, self._patient)
                return found
            return self._seek(question, self._threads if is_urgent else self._patient)

    def _seek(self, question: Question, threads: ThreadPoolExecutor) -> Future[Any]:
        """Have an answer found, unless it is being found."""
        with self._lock:
            coming = self._coming.get(question.key)
            if coming is None or coming.done():  # what is found belongs to those who asked before
                is_urgent = threads is self._threads
                self._urgent += is_urgent
                find = self._find if is_urgent else self._find_last
                coming = self._coming[question.key] = threads.submit(find, question)
                coming.add_done_callback(lambda done: self._forget(question.key, done, is_urgent=is_urgent))
            return coming

    def drop(self, question: Question) -> None:
        """Forget the answer that is kept: it is to be found anew."""
        with self._lock:
            self._kept.pop(question.key, None)

    def clear(self) -> None:
        """Forget every answer that is kept."""
        with self._lock:
            self._kept.clear()

    def _find_last(self, question: Question) -> Any:
        """Find an answer once no question is left that somebody waits for."""
        ends_at = time.monotonic() + _LETS_PASS_SECONDS
        while self._urgent and time.monotonic() < ends_at:
            time.sleep(_POLL_SECONDS)
        return self._find(question)

    def _find(self, question: Question) -> Any:
        at = self._clock()
        answer = question.find(self._backend)
        if question.max_age_seconds and _rows(answer) <= _MAX_ROWS:
            with self._lock:
                self._kept.pop(question.key, None)
                self._kept[question.key] = (at, answer)
                while len(self._kept) > _MAX_KEPT:
                    self._kept.popitem(last=False)
        return answer

    def _forget(self, key: str, done: Future[Any], *, is_urgent: bool) -> None:
        with self._lock:
            self._urgent -= is_urgent
            if self._coming.get(key) is done:
                del self._coming[key]


def _rows(answer: Any) -> int:
    rows = answer[1] if isinstance(answer, tuple) else getattr(answer, "rows", answer)
    return len(rows) if isinstance(rows, list) else 0
