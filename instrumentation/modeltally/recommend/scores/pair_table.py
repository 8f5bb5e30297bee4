"""The score that knows who asks: each user of the last day counts with the share of such users who came back at once.

score(model) = sum over its users of the last day of p(idle, uses in this session, went to another model or not)
             + 180 s x (users new to the model, decayed by a day) x ln 2 / 1 day

p is the share of the time spent in such a state after which a use came within 180 s. It is learnt as time passes, from
what is over: a user's time in each state counts as often as the state was passed through.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from modeltally.recommend.constants import (
    HORIZON_SECONDS,
    NEW_PAIR_HALF_LIFE_SECONDS,
    PAIR_DAY_SECONDS,
    PAIR_IDLE_EDGES_SECONDS,
    PAIR_PRIOR_HITS,
    PAIR_PRIOR_SEEN,
    PAIR_USES_EDGES,
    SESSION_SECONDS,
)
from modeltally.recommend.scores.decayed import DecayedUses
from modeltally.recommend.scores.least import Keys, Part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PairTable"]

_BEGINS: Final = (0.0, *PAIR_IDLE_EDGES_SECONDS)
_ENDS: Final = (*PAIR_IDLE_EDGES_SECONDS, PAIR_DAY_SECONDS)
_LENGTHS: Final = tuple(end - begin for begin, end in zip(_BEGINS, _ENDS, strict=True))
_LAST: Final = len(_ENDS) - 1
# of one step of the idle time: by the uses of the session, and by whether the user went to another model
_STEP_CELLS: Final = (len(PAIR_USES_EDGES) + 1) * 2
_CELLS: Final = len(_ENDS) * _STEP_CELLS
_NEGLIGIBLE: Final = 1e-6
_ENTRIES_OF_A_PAIR: Final = 4
_SPARE_ENTRIES: Final = 1024


class _Pair:
    """A user and a model that they used within the last day."""

    __slots__ = ("cell", "chance", "last_at", "left_at", "model", "number", "step", "user", "uses")

    def __init__(self, model: str, user: str) -> None:
        self.model = model
        self.user = user
        self.last_at = 0.0
        self.number = 0  # of the last use, among all
        self.uses = 0  # in this session
        self.left_at: float | None = None  # when the user went to another model
        self.step = 0  # the place of the idle time among _BEGINS
        self.cell = 0  # the place of the uses, and whether left, among the cells of a step
        self.chance = 0.0  # what it counts in the sum of the model


class PairTable:
    """Users and the models they used within a day, and how such pairs went on before."""

    parts = (
        Part(None, 1.0),
        Part(NEW_PAIR_HALF_LIFE_SECONDS, HORIZON_SECONDS * math.log(2) / NEW_PAIR_HALF_LIFE_SECONDS),
    )

    def __init__(self) -> None:
        self._pairs: dict[tuple[str, str], _Pair] = {}
        self._latest: dict[str, str] = {}  # the model that a user used last
        self._sums: dict[str, float] = {}
        self._users: dict[str, int] = {}
        self._new = DecayedUses(NEW_PAIR_HALF_LIFE_SECONDS)
        self._hits = [0.0] * _CELLS
        self._seen = [0.0] * _CELLS
        self._chances = [PAIR_PRIOR_HITS / PAIR_PRIOR_SEEN] * _CELLS
        self._number = 0
        # the pairs in each step, with the use that brought them there, in the order of these uses: after each pass,
        # who is in a later step was used before everybody in an earlier one
        self._queues: tuple[deque[tuple[float, _Pair]], ...] = tuple(deque() for _ in _ENDS)

    def passed(self, at: float) -> set[str]:
        """Let time pass: pairs that are idle for longer count less, and end after a day.

        It need not be told of every moment: pairs are the same whether it was or not.
        """
        changed = set()
        queues, chances, sums = self._queues, self._chances, self._sums  # this loop is what users cost
        for step in range(_LAST, -1, -1):
            queue, before = queues[step], at - _ENDS[step]
            while queue and queue[0][0] <= before:
                entry = queue.popleft()
                used_at, pair = entry
                if pair.last_at != used_at or pair.step != step:
                    continue  # used again since
                model = pair.model
                changed.add(model)
                if at - used_at >= PAIR_DAY_SECONDS:
                    self._end(pair)
                    continue
                # steps that have passed meanwhile are skipped
                later = step + 1
                while later < _LAST and at - used_at >= _ENDS[later]:
                    later += 1
                pair.step = later
                queues[later].append(entry)
                chance = chances[later * _STEP_CELLS + pair.cell]
                sums[model] += chance - pair.chance
                pair.chance = chance
        return changed

    def used(self, model: str, at: float, user: str) -> tuple[str, ...]:
        """Count a use, and note which model its user left for it."""
        pair = self._pairs.get((model, user))
        if pair is not None and at - pair.last_at >= PAIR_DAY_SECONDS:
            self._end(pair)  # a day ago, and nobody let time pass since
            pair = None
        if pair is None:
            pair = self._pairs[model, user] = _Pair(model, user)
            self._users[model] = self._users.get(model, 0) + 1
            self._sums.setdefault(model, 0.0)
            self._new.add(model, at)
        else:
            self._learn(pair, at - pair.last_at, is_used=True)
            if at - pair.last_at >= SESSION_SECONDS:
                pair.uses = 0
        pair.uses += 1
        pair.last_at, pair.left_at = at, None
        self._begin(pair)
        before, self._latest[user] = self._latest.get(user, model), model
        left = self._pairs.get((before, user))
        if left is None or left is pair or left.left_at is not None:
            return (model,)
        left.left_at = at
        left.cell += 1
        self._weigh(left)
        return model, before

    def keys(self, model: str) -> Keys:
        """Give what a model is ranked by."""
        return Keys(self._sums.get(model, 0.0), self._new.key(model))

    def evidence(self, model: str, at: float) -> dict[str, float]:
        """Give how many used the model within a day, how many uses are expected of them, and how many are new to it."""
        return {
            "users_of_day": self._users.get(model, 0),
            "expected_users": self._sums.get(model, 0.0),
            "new_users": self._new.count(model, at),
        }

    def forget(self, at: float, *, except_for: Callable[[str], bool]) -> None:
        """Forget models that nobody new came to for weeks; users are forgotten after a day anyway."""
        self._new.forget_below(_NEGLIGIBLE, at, except_for=except_for)

    def chances(self) -> Iterator[tuple[float, int, bool, float, float]]:
        """Yield the table: begin of the idle time, its place by uses, whether left, the share, how often seen."""
        for cell in range(_CELLS):
            step, rest = divmod(cell, _STEP_CELLS)
            yield _BEGINS[step], rest // 2, bool(rest % 2), self._chances[cell], self._seen[cell]

    def state(self) -> dict[str, Any]:
        """Give all that is known, as JSON can hold it."""
        return {
            "pairs": [
                [pair.model, pair.user, pair.last_at, pair.uses, pair.left_at, pair.step, pair.chance]
                for pair in self._in_order()
            ],
            "sums": dict(self._sums),
            "latest": dict(self._latest),
            "new": self._new.state(),
            "hits": list(self._hits),
            "seen": list(self._seen),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what ``state`` gave."""
        self._pairs, self._users = {}, {}
        self._queues = tuple(deque() for _ in _ENDS)
        self._latest = {str(user): str(model) for user, model in state["latest"].items()}
        self._new.restore(state["new"])
        if len(state["hits"]) != _CELLS or len(state["seen"]) != _CELLS:
            raise ValueError(f"the state is of another table: {len(state['hits'])} cells, not {_CELLS}")
        self._hits = [float(value) for value in state["hits"]]
        self._seen = [float(value) for value in state["seen"]]
        for cell in range(_CELLS):
            self._note(cell)
        for model, user, last_at, uses, left_at, step, chance in state["pairs"]:
            pair = self._pairs[model, user] = _Pair(model, user)
            self._users[model] = self._users.get(model, 0) + 1
            pair.last_at, pair.uses, pair.left_at, pair.step, pair.chance = last_at, uses, left_at, step, chance
            pair.cell = self._cell(pair)
            self._number += 1
            pair.number = self._number
            self._queues[step].append((last_at, pair))
        self._sums = {model: float(state["sums"][model]) for model in self._users}

    def _cell(self, pair: _Pair) -> int:
        return bisect_right(PAIR_USES_EDGES, pair.uses) * 2 + (pair.left_at is not None)

    def _begin(self, pair: _Pair) -> None:
        """Start the idle time of a pair that was just used."""
        pair.step = 0
        pair.cell = self._cell(pair)
        self._number += 1
        pair.number = self._number
        queue = self._queues[0]
        queue.append((pair.last_at, pair))
        if len(queue) > _ENTRIES_OF_A_PAIR * len(self._pairs) + _SPARE_ENTRIES:
            # of most pairs only the last use matters
            self._queues[0].clear()
            self._queues[0].extend((pair.last_at, pair) for pair in self._in_order() if pair.step == 0)
        self._weigh(pair)

    def _in_order(self) -> list[_Pair]:
        return sorted(self._pairs.values(), key=lambda pair: (pair.last_at, pair.number))

    def _weigh(self, pair: _Pair) -> None:
        chance = self._chances[pair.step * _STEP_CELLS + pair.cell]
        self._sums[pair.model] += chance - pair.chance
        pair.chance = chance

    def _note(self, cell: int) -> None:
        self._chances[cell] = (self._hits[cell] + PAIR_PRIOR_HITS) / (self._seen[cell] + PAIR_PRIOR_SEEN)

    def _end(self, pair: _Pair) -> None:
        self._learn(pair, PAIR_DAY_SECONDS, is_used=False)
        del self._pairs[pair.model, pair.user]
        pair.step = -1
        if self._latest.get(pair.user) == pair.model:
            del self._latest[pair.user]
        self._users[pair.model] -= 1
        if self._users[pair.model]:
            self._sums[pair.model] -= pair.chance
        else:  # nothing is left of it, nor of what rounding added up
            del self._users[pair.model], self._sums[pair.model]

    def _learn(self, pair: _Pair, idle: float, *, is_used: bool) -> None:
        """Note how long a pair was in each state, and how much of that lay within the horizon before its next use."""
        near = idle - HORIZON_SECONDS if is_used else math.inf
        cell = pair.cell
        if pair.left_at is None:
            self._learn_between(0.0, idle, cell, near)
        else:
            left = pair.left_at - pair.last_at
            self._learn_between(0.0, left, cell - 1, near)
            self._learn_between(left, idle, cell, near)

    def _learn_between(self, start: float, stop: float, cell: int, near: float) -> None:
        seen, hits, chances = self._seen, self._hits, self._chances  # this loop is half of what users cost
        for step in range(bisect_right(PAIR_IDLE_EDGES_SECONDS, start), len(_ENDS)):
            if start >= stop:
                break
            end = _ENDS[step]
            end = min(end, stop)
            place = step * _STEP_CELLS + cell
            length = _LENGTHS[step]
            seen[place] += (end - start) / length
            if near < end:
                hits[place] += (end - max(start, near)) / length
            chances[place] = (hits[place] + PAIR_PRIOR_HITS) / (seen[place] + PAIR_PRIOR_SEEN)
            start = end
