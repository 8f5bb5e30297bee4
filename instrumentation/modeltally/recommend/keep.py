"""What stays loaded when there is not room for all: called by a service at each request, without input or output.

::

    from modeltally.recommend.keep import Keeper

    keeper = Keeper(slots=2)

    decision = keeper.request("lumen/sketch-xl", user="u1")
    for model in decision.unload:
        pipelines.pop(model)
    if not decision.was_loaded:
        pipelines[decision.model] = load(decision.model)

Only the standard library is imported. A decision depends on the requests before it and their times alone: the same
requests replayed give the same decisions.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from modeltally.recommend.constants import JITTER_SECONDS
from modeltally.recommend.scores.least import Keys, Ranking
from modeltally.recommend.scores.pair_table import PairTable
from modeltally.recommend.scores.two_half_lives import TwoHalfLives

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from modeltally.recommend.scores.contract import Score

__all__ = ["Decision", "Keeper"]

_FORGETS_EVERY_SECONDS: Final = 86_400.0
# after which nothing is left to forget; a clock that jumped by centuries must not use up the digits of a number
_LONGEST_PAUSE_SECONDS: Final = 400 * 86_400.0
_STATE_VERSION: Final = 1


class Decision(NamedTuple):
    """What to do for one request.

    Attributes:
        model: What was asked for.
        was_loaded: It is there already.
        unload: What to unload first, in this order.
        fits: There is room for it then. False where it is larger than all the room, or what would have to go is busy:
            nothing is to be unloaded for it now, and it counts as not loaded.
    """

    model: str
    was_loaded: bool
    unload: tuple[str, ...]
    fits: bool


class Keeper:
    """Knows which models are loaded, and says which goes when another one needs room. Threads may share one."""

    def __init__(
        self,
        *,
        slots: int | None = None,
        room_bytes: int | None = None,
        by_users: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Begin with nothing loaded and nothing known.

        Args:
            slots: How many models fit, whatever their size.
            room_bytes: How many bytes fit: larger models then go sooner, by the square root of their size.
            by_users: Go by who asks, besides what is asked for: :meth:`request` is then told the user. What is kept of
                users are the names given, for a day.
            clock: Gives the time in seconds where a call names none.

        Raises:
            ValueError: Neither or both of ``slots`` and ``room_bytes`` are given, or less than 1.
        """
        if (slots is None) == (room_bytes is None):
            raise ValueError(f"give slots or room_bytes, and not both: slots = {slots!r}, room_bytes = {room_bytes!r}")
        for name, value in (("slots", slots), ("room_bytes", room_bytes)):
            if value is not None and not value >= 1:
                raise ValueError(f"{name} = {value!r} is less than 1: there would be room for nothing")
        self._slots = slots
        self._room_bytes = room_bytes
        self._score: Score = PairTable() if by_users else TwoHalfLives()
        self._ranking = Ranking(*self._score.parts)
        self._sizes: dict[str, int] = {}
        self._largest = 0
        self._known_bytes = 0  # of what is loaded
        self._unknown_sizes = 0  # how many of these have none
        self._clock = clock
        self._told_at: float | None = None
        self._now = 0.0
        self._forgets_at = -math.inf
        self._changed: set[str] = set()  # since the ranking was up to date
        self._lock = threading.Lock()

    def request(
        self,
        model: str,
        *,
        user: str | None = None,
        at: float | None = None,
        size_bytes: int | None = None,
        busy: Collection[str] = (),
    ) -> Decision:
        """Count a request, and say what to unload for it.

        Args:
            model: What is asked for.
            user: Who asks; None where nobody knows.
            at: When, in seconds; the clock's time when None. One that goes back is taken for the last one's.
            size_bytes: How large the model is, where ``room_bytes`` matter; None keeps what was said before. A size
                that was never said counts as the largest known, or as all the room.
            busy: Models that cannot be unloaded now.

        Returns:
            What to do.
        """
        with self._lock:
            now = self._moment(at)
            decision = self._make_room(model, size_bytes, busy)
            self._changed.update(self._score.used(model, now, user or ""))
            return decision

    def make_room(
        self, model: str, *, at: float | None = None, size_bytes: int | None = None, busy: Collection[str] = ()
    ) -> Decision:
        """Say what to unload for a model that nobody asks for, or that :meth:`request` found no room for.

        Args:
            model: What is to be loaded.
            at: When, in seconds; the clock's time when None.
            size_bytes: How large it is; None keeps what was said before.
            busy: Models that cannot be unloaded now.

        Returns:
            What to do; the model counts as loaded where it fits. Without a request it is the first to go.
        """
        with self._lock:
            self._moment(at)
            return self._make_room(model, size_bytes, busy)

    def goes_next(self, *, at: float | None = None, busy: Collection[str] = ()) -> str | None:
        """Name the loaded model that would go first.

        Args:
            at: When, in seconds; the clock's time when None.
            busy: Models that cannot be unloaded now.

        Returns:
            The model, which counts as loaded still; None where nothing can go.
        """
        with self._lock:
            self._moment(at)
            self._rank()
            return self._ranking.least(self._now, without=busy)

    def unloaded(self, model: str) -> None:
        """Note that a model is not loaded: its load failed, or it was unloaded for another reason."""
        with self._lock:
            self._leave(model)

    def loaded(self) -> list[str]:
        """Name the loaded models, the one that goes first at the beginning."""
        with self._lock:
            self._rank()
            return sorted(self._ranking, key=lambda model: (self._ranking.score(model, self._now), model))

    def explain(self, model: str) -> dict[str, float | str | bool]:
        """Give the figures behind the place of a model, as of the last call.

        Args:
            model: Any model.

        Returns:
            Its score and what that is made of; whether it is loaded, and how many loaded ones go before it.
        """
        with self._lock:
            self._rank()
            keys = self._keys(model)
            score = self._ranking.sum_of(keys, self._now)
            before = sum((self._ranking.score(other, self._now), other) < (score, model) for other in self._ranking)
            return {
                "model": model,
                "is_loaded": model in self._ranking,
                "score": score,
                "before_it": before,
                **self._score.evidence(model, self._now),
            }

    def state(self) -> dict[str, Any]:
        """Give all that is known, as JSON can hold it, for a service that starts again; names of users are in it."""
        with self._lock:
            return {
                "version": _STATE_VERSION,
                "score": type(self._score).__name__,
                "now": self._now,
                "told_at": self._told_at,
                "sizes": dict(self._sizes),
                "loaded": list(self._ranking),
                "known": self._score.state(),
            }

    def restore(self, state: dict[str, Any], *, is_loaded: bool = False) -> None:
        """Take up what ``state`` gave.

        Args:
            state: The state of a keeper that goes by the same score.
            is_loaded: What was loaded then is loaded now; a service that started again has loaded nothing.

        Raises:
            ValueError: It is the state of another score or of another version, or no state.
        """
        wanted = {"version": _STATE_VERSION, "score": type(self._score).__name__}
        for name, value in wanted.items():
            if state.get(name) != value:
                raise ValueError(f"{name} = {state.get(name)!r} of the state is not {value!r}: begin without it")
        score: Score = type(self._score)()
        try:
            score.restore(state["known"])
            now, told_at = float(state["now"]), state["told_at"]
            sizes = {str(model): int(size) for model, size in state["sizes"].items()}
            loaded = [str(model) for model in state["loaded"]]
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"the state is damaged ({type(error).__name__}: {error}): begin without it") from error
        with self._lock:
            self._score, self._now, self._told_at = score, now, told_at
            self._sizes, self._largest = sizes, max(sizes.values(), default=0)
            self._ranking = Ranking(*score.parts)
            self._known_bytes = self._unknown_sizes = 0
            for model in loaded if is_loaded else ():
                self._enter(model)

    def _moment(self, at: float | None) -> float:
        """Give a time that never goes back: seconds passed, by whatever clock."""
        told = self._clock() if at is None else at
        if not math.isfinite(told):
            told = 0.0 if self._told_at is None else self._told_at
        if self._told_at is None:
            self._told_at = told
        elif told >= self._told_at:
            self._now += min(told - self._told_at, _LONGEST_PAUSE_SECONDS)
            self._told_at = told
        elif told < self._told_at - JITTER_SECONDS:
            # the clock was set back: time goes on from there
            self._told_at = told
        if self._now >= self._forgets_at:
            self._forgets_at = self._now + _FORGETS_EVERY_SECONDS
            self._rank()
            self._score.forget(self._now, except_for=self._ranking.__contains__)
        return self._now

    def _rank(self) -> None:
        """Bring the ranking up to date: only who needs it waits for it, and a request for a loaded model does not."""
        changed, ranking = self._changed, self._ranking
        changed.update(self._score.passed(self._now))
        keys = self._score.keys if self._room_bytes is None else self._keys
        for model in changed:
            if model in ranking:
                ranking.put(model, keys(model))
        changed.clear()

    def _keys(self, model: str) -> Keys:
        keys = self._score.keys(model)
        if self._room_bytes is None:
            return keys
        divisor = math.sqrt(self._size(model))
        first, second = self._ranking.parts
        return Keys(first.divided(keys.first, divisor), second.divided(keys.second, divisor))

    def _enter(self, model: str) -> None:
        if model not in self._ranking:
            self._known_bytes += self._sizes.get(model, 0)
            self._unknown_sizes += model not in self._sizes
        self._ranking.put(model, self._keys(model))

    def _leave(self, model: str) -> None:
        if model in self._ranking:
            self._known_bytes -= self._sizes.get(model, 0)
            self._unknown_sizes -= model not in self._sizes
        self._ranking.remove(model)

    def _resize(self, model: str, size_bytes: int) -> None:
        is_loaded = model in self._ranking
        if is_loaded:
            self._leave(model)
        self._sizes[model] = size_bytes
        if is_loaded:
            self._enter(model)
        if size_bytes > self._largest:
            self._largest = size_bytes
            self._changed.update(other for other in self._ranking if other not in self._sizes)

    def _size(self, model: str) -> int:
        return self._sizes.get(model) or self._largest or self._room_bytes or 1

    def _make_room(self, model: str, size_bytes: int | None, busy: Collection[str]) -> Decision:
        if size_bytes is not None and 1 <= size_bytes < math.inf and size_bytes != self._sizes.get(model):
            self._resize(model, size_bytes)
        if model in self._ranking:
            return Decision(model, was_loaded=True, unload=(), fits=True)
        going = self._going_for(model, busy)
        if going is None:
            return Decision(model, was_loaded=False, unload=(), fits=False)
        for gone in going:
            self._leave(gone)
        self._enter(model)
        return Decision(model, was_loaded=False, unload=tuple(going), fits=True)

    def _going_for(self, model: str, busy: Collection[str]) -> list[str] | None:
        """Name what has to go for a model; None where no going makes room."""
        going: list[str] = []
        if self._slots is not None:
            missing = float(len(self._ranking) + 1 - self._slots)
        else:
            taken = self._known_bytes + self._unknown_sizes * self._size("")
            missing = self._size(model) + taken - float(self._room_bytes or 0)
        if missing > 0:
            self._rank()
        while missing > 0:
            least = self._ranking.least(self._now, without={*busy, *going} if going else busy)
            if least is None:
                return None
            going.append(least)
            missing -= 1 if self._slots is not None else self._size(least)
        return going
