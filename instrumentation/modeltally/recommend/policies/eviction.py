"""What goes when another model needs a slot: the known policies, and those of :mod:`modeltally.recommend.keep`."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING

from modeltally.recommend.constants import (
    MANY_SLOTS,
    PINNED_SHARE,
    PINS_HALF_LIFE_SECONDS,
    PINS_LONG_HALF_LIFE_SECONDS,
    PINS_RENEWED_SECONDS,
    S3_MOST_USES,
    S3_SMALL_SHARE,
)
from modeltally.recommend.keep import Keeper
from modeltally.recommend.policies.contract import Policy, Request, Setting
from modeltally.recommend.scores.decayed import DecayedUses

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["KEEP"]


class _Belady:
    """The model whose next use is furthest goes."""

    def __init__(self, setting: Setting) -> None:
        self._uses: dict[str, deque[int]] = {}
        for number, request in enumerate(setting.future):
            self._uses.setdefault(request.model, deque()).append(number)
        self._never = len(setting.future)

    def victim(self, loaded: Collection[str], at: float) -> str:
        del at
        return max(loaded, key=lambda model: (self._next(model), model))

    def used(self, request: Request) -> None:
        self._uses[request.model].popleft()

    def _next(self, model: str) -> int:
        uses = self._uses.get(model)
        return uses[0] if uses else self._never


class _Lru:
    """The model that was used last the longest ago goes."""

    def __init__(self, setting: Setting) -> None:
        del setting
        self._last: OrderedDict[str, float] = OrderedDict()

    def victim(self, loaded: Collection[str], at: float) -> str:
        del at
        gone = next((model for model in self._last if model in loaded), None) or min(loaded)
        self._last.pop(gone, None)
        return gone

    def used(self, request: Request) -> None:
        self._last[request.model] = request.at
        self._last.move_to_end(request.model)


class _Lfu:
    """The model that was used least often goes, since ever; of equal ones that used last the longest ago."""

    def __init__(self, setting: Setting) -> None:
        del setting
        self._uses: Counter[str] = Counter()
        self._last: dict[str, float] = {}

    def victim(self, loaded: Collection[str], at: float) -> str:
        del at
        return min(loaded, key=lambda model: (self._uses[model], self._last.get(model, 0.0), model))

    def used(self, request: Request) -> None:
        self._uses[request.model] += 1
        self._last[request.model] = request.at


class _Gdsf:
    """GreedyDual-Size-Frequency (Cherkasova, 1998) of equal sizes and costs, frequencies never forgotten."""

    def __init__(self, setting: Setting) -> None:
        del setting
        self._uses: Counter[str] = Counter()
        self._priority: dict[str, float] = {}
        self._clock = 0.0

    def victim(self, loaded: Collection[str], at: float) -> str:
        del at
        gone = min(loaded, key=lambda model: (self._priority.get(model, 0.0), model))
        self._clock = self._priority.get(gone, self._clock)
        return gone

    def used(self, request: Request) -> None:
        self._uses[request.model] += 1
        self._priority[request.model] = self._clock + self._uses[request.model]


class _S3Fifo:
    """S3-FIFO (Yang and others, 2023): a small queue on trial, a main queue, and names of what left the small one."""

    def __init__(self, setting: Setting) -> None:
        self._trial: OrderedDict[str, int] = OrderedDict()
        self._main: OrderedDict[str, int] = OrderedDict()
        self._ghosts: OrderedDict[str, None] = OrderedDict()
        self._trial_slots = max(1, int(setting.slots * S3_SMALL_SHARE))
        self._ghost_slots = setting.slots

    def victim(self, loaded: Collection[str], at: float) -> str:
        del at
        while self._trial or self._main:
            if len(self._trial) >= self._trial_slots or not self._main:
                model, uses = self._trial.popitem(last=False)
                if uses > 0:
                    self._main[model] = 0
                    continue
                self._ghosts[model] = None
                if len(self._ghosts) > self._ghost_slots:
                    self._ghosts.popitem(last=False)
                return model
            model, uses = self._main.popitem(last=False)
            if uses == 0:
                return model
            self._main[model] = uses - 1
        return min(loaded)

    def used(self, request: Request) -> None:
        model = request.model
        for queue in (self._trial, self._main):
            if model in queue:
                queue[model] = min(int(S3_MOST_USES), queue[model] + 1)
                return
        if model in self._ghosts:
            del self._ghosts[model]
            self._main[model] = 0
        else:
            self._trial[model] = 0


class _Keeper:
    """What a service would do: the keeper itself, asked as a service asks it."""

    def __init__(self, setting: Setting, *, by_users: bool) -> None:
        self._keeper = Keeper(slots=setting.slots, by_users=by_users)

    def victim(self, loaded: Collection[str], at: float) -> str:
        return self._keeper.goes_next(at=at) or min(loaded)

    def used(self, request: Request) -> None:
        self._keeper.request(request.model, user=request.user, at=request.at)


class _Pins:
    """What a person or cron can do: once an hour the most used models are pinned; in the other slots LRU."""

    def __init__(self, setting: Setting) -> None:
        is_many = setting.slots >= MANY_SLOTS
        self._uses = DecayedUses(PINS_LONG_HALF_LIFE_SECONDS if is_many else PINS_HALF_LIFE_SECONDS)
        self._most = int(setting.slots * PINNED_SHARE)
        self._pinned: frozenset[str] = frozenset()
        self._others = _Lru(setting)

    def wanted(self, at: float) -> list[str]:
        """Choose the pins anew."""
        pinned = self._uses.ranked(at)[: self._most]
        self._pinned = frozenset(pinned)
        return pinned

    def victim(self, loaded: Collection[str], at: float) -> str:
        return self._others.victim({model for model in loaded if model not in self._pinned} or loaded, at)

    def used(self, request: Request) -> None:
        self._uses.add(request.model, request.at)
        self._others.used(request)


KEEP = (
    Policy(
        "keep", "belady", "The model whose next use is furthest goes: nobody can do better.", _Belady, is_oracle=True
    ),
    Policy("keep", "lru", "The model whose last use is longest ago goes.", _Lru),
    Policy("keep", "lfu", "The model with the fewest uses since ever goes.", _Lfu),
    Policy("keep", "gdsf", "Uses since ever, and who leaves ages all others.", _Gdsf),
    Policy("keep", "s3fifo", "Two queues: models are on trial until they are used again.", _S3Fifo),
    Policy(
        "keep",
        "two_half_lives",
        "Uses of minutes and, a little, of days: modeltally.recommend.keep.",
        lambda setting: _Keeper(setting, by_users=False),
    ),
    Policy(
        "keep",
        "pair_table",
        "Who of a model's users comes back at once: modeltally.recommend.keep by users.",
        lambda setting: _Keeper(setting, by_users=True),
        has_users=True,
    ),
    Policy(
        "keep",
        "pins",
        "Half of the slots pinned to the most used, anew each hour; LRU for the rest.",
        _Pins,
        renewed_seconds=PINS_RENEWED_SECONDS,
    ),
)
