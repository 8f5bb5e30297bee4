"""Answers to topics: their rows beside what these rest on, kept for a while where the process lives long enough."""

from __future__ import annotations

import contextlib
import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, cast, runtime_checkable

from modeltally.analytics.answers import Answer
from modeltally.analytics.arguments import ZONE, check_stretches
from modeltally.analytics.cache import ResultCache
from modeltally.analytics.emptiness import why_empty
from modeltally.analytics.readers import values_of
from modeltally.analytics.topics import topic_named
from modeltally.analytics.topics.quality import CONTEXT, ContextRow
from modeltally.analytics.trust import Trust
from modeltally.analytics.window import MOVING, Window
from modeltally.errors import ParameterError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modeltally.analytics.topic import R, Topic
    from modeltally.settings import Settings
    from modeltally.store import Store

__all__ = ["MAX_COMPUTING", "AnswersTopics", "KeepsState", "Statistics"]

# Answers that a server computes at once: the engine uses every core for one of them.
MAX_COMPUTING: Final = 4

_ENDS: Final = ("since", "until", "as_of")
_CELL_BYTES: Final = 80


@runtime_checkable
class AnswersTopics(Protocol):
    """A store behind a server, which answers topics whole."""

    def answer(self, topic: str, question: Mapping[str, object]) -> dict[str, Any]:
        """Give ``rows``, ``trust`` and ``empty``, as :meth:`Statistics.answer` does."""
        ...


@runtime_checkable
class KeepsState(Protocol):
    """A store that can tell whether what views read has changed."""

    def states(self, views: Sequence[str]) -> Sequence[str] | None:
        """Name the state of what each view reads; None where nobody can tell."""
        ...


class Statistics:
    """Answers topics from a store; safe to use from several threads.

    Make one and keep it, in a process that asks often: with ``cache_ttl_minutes`` it gives an answer again while
    nothing that it was read from has changed, and says how old it is.
    """

    def __init__(
        self, store: Store, *, settings: Settings, keeps_answers: bool = True, max_computing: int | None = None
    ) -> None:
        """Take what answers.

        Args:
            store: The store, or the server that has it.
            settings: What views go by, and how long an answer may be kept.
            keeps_answers: False in a process that ends with its first answer.
            max_computing: How many answers are computed at once; those that are kept wait for none of them.
        """
        self._store = store
        self._settings = settings
        self._computing: contextlib.AbstractContextManager[object] = (
            threading.BoundedSemaphore(max_computing) if max_computing else contextlib.nullcontext()
        )
        self._cache: ResultCache[Answer[Any]] | None = None
        if keeps_answers and settings.cache_ttl_minutes and isinstance(store, KeepsState):
            ttl_seconds = settings.cache_ttl_minutes * 60
            # why nothing began is told by more than the topic reads
            self._cache = ResultCache(
                ttl_seconds=ttl_seconds, size_of=_size_bytes, is_kept=lambda answer: answer.trust.newest_at is not None
            )
            # several topics of one window rest on the same
            self._contexts = ResultCache[ContextRow](ttl_seconds=ttl_seconds, size_of=lambda _: 20 * _CELL_BYTES)

    def ask(self, topic: Topic[R], window: Window, *, arguments: Mapping[str, object] | None = None) -> Answer[R]:
        """Read a topic.

        Args:
            topic: What is asked.
            window: The window of the query.
            arguments: What the topic wants to know beside that, by parameter.

        Returns:
            Its rows, what they rest on, and why there are none.

        Raises:
            InputError: The window is cut into more stretches than anybody reads.
            ParameterError: An argument is missing or unknown.
            StoreError: The database refused or failed.
            ServerError: The server could not be asked, or failed.
        """
        check_stretches(topic, window, arguments or {})
        values = values_of(topic, window, settings=self._settings, arguments=arguments)
        if not isinstance(self._store, AnswersTopics):
            return self._answer(topic, window, values)
        ends = {name: getattr(window, name) for name in _ENDS}
        question = {**ends, "moving": sorted(window.moving), "parameters": values}
        told = self._store.answer(topic.name, question)
        return Answer(topic=topic, rows=told["rows"], trust=Trust(**told["trust"]), empty=told["empty"])

    def answer(self, topic: str, question: Mapping[str, object]) -> dict[str, Any]:
        """Answer who asks from another process.

        Args:
            topic: The topic's name.
            question: ``since``, ``until``, ``as_of``, which of them are ``moving``, and the view's ``parameters``.

        Returns:
            ``rows``, ``trust`` as a mapping, ``empty``.

        Raises:
            UnknownNameError: There is no such topic.
            ParameterError: The question is not understood.
            StoreError: The database refused or failed.
        """
        window, values = _window_of(question), question.get("parameters")
        if not isinstance(values, dict):
            raise ParameterError("a question has 'parameters', a mapping of the view's parameters")
        answer = self._answer(topic_named(topic), window, values)
        trust = {name: getattr(answer.trust, name) for name in Trust.__slots__}
        return {"rows": answer.rows, "trust": trust, "empty": answer.empty}

    def version(self, topic: Topic[R], window: Window, *, arguments: Mapping[str, object] | None = None) -> str | None:
        """Say by what an answer is kept: while two questions have the same, so have they the same answer.

        A window that moves has the same for as long as its answer may be kept.

        Args:
            topic: What is asked.
            window: The window of the query.
            arguments: What the topic wants to know beside that, by parameter.

        Returns:
            A text; None where nobody can tell that nothing has changed, or it changes while nothing comes.

        Raises:
            StoreError: The database refused or failed.
        """
        if topic.changes_by_silence or not isinstance(self._store, KeepsState):
            return None
        ttl_seconds = self._settings.cache_ttl_minutes * 60
        if window.moving and not ttl_seconds:
            return None
        states = self._store.states((topic.view, CONTEXT.view))
        if states is None:
            return None
        moved = int(window.as_of.timestamp() // ttl_seconds) if window.moving else 0
        values = values_of(topic, window, settings=self._settings, arguments=arguments)
        return "; ".join((_question(topic, window, values), *states, str(moved)))

    def cache_status(self) -> dict[str, object] | None:
        """Say how much is kept, and how often it was of use; None where nothing is kept."""
        return self._cache.status() if self._cache is not None else None

    def _answer(self, topic: Topic[R], window: Window, values: Mapping[str, object]) -> Answer[R]:
        states = None
        if self._cache is not None and not topic.changes_by_silence and isinstance(self._store, KeepsState):
            states = self._store.states((topic.view, CONTEXT.view))
        if self._cache is None or states is None:
            with self._computing:
                return self._compute(topic, window, values, self._context(window))
        question = _question(topic, window, values)
        state, context_state = "; ".join(states), states[1]

        def compute() -> Answer[R]:
            bounds = json.dumps(window.bounds())
            with self._computing:
                context, _ = self._contexts.get(bounds, context_state, lambda: self._context(window))
                return self._compute(topic, window, values, context)

        kept, age = self._cache.get(question, state, compute)
        # whoever has it may change it
        rows = [dict(row) for row in kept.rows]
        return Answer(topic=topic, rows=cast("list[R]", rows), trust=kept.trust.aged(age), empty=kept.empty)

    def _context(self, window: Window) -> ContextRow:
        (context,) = cast("list[ContextRow]", self._store.read(CONTEXT.view, window.bounds()))
        return context

    def _compute(self, topic: Topic[R], window: Window, values: Mapping[str, object], context: ContextRow) -> Answer[R]:
        rows = cast("list[R]", self._store.read(topic.view, values))
        n = sum(row[topic.counted] for row in rows) if topic.counted else None
        zone = str(values.get(ZONE.parameter, "UTC"))
        trust = Trust.of(context, as_of=window.as_of, zone=zone, n=n)
        empty = None
        if topic.is_of_operations and trust.newest_at is None:
            empty = why_empty(self._store, window, settings=self._settings)
        if empty is None and not rows:
            empty = topic.layout.when_empty
        return Answer(topic=topic, rows=rows, trust=trust, empty=empty)


def _question(topic: Topic[Any], window: Window, values: Mapping[str, object]) -> str:
    others = {name: value for name, value in values.items() if name not in _ENDS}
    return json.dumps([topic.name, window.question(), others], sort_keys=True, default=str)


def _window_of(question: Mapping[str, object]) -> Window:
    try:
        since, until, as_of = (datetime.fromisoformat(str(question[name])).astimezone(UTC) for name in _ENDS)
    except (KeyError, ValueError, OverflowError) as error:
        raise ParameterError(f"a question has {', '.join(_ENDS)}, times as ISO 8601: {error}") from None
    named = question.get("moving", ())
    moving = frozenset(map(str, cast("Iterable[object]", named))) if isinstance(named, list | tuple) else frozenset()
    return Window(since, until, as_of, moving & MOVING)


def _size_bytes(answer: Answer[Any]) -> int:
    """Say roughly how many bytes an answer takes: so many for each value, and the length of texts."""
    cells = sum(map(len, answer.rows))
    texts = sum(len(value) for row in answer.rows for value in row.values() if isinstance(value, str | dict))
    return (cells + 20) * _CELL_BYTES + texts
