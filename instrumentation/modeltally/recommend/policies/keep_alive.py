"""How long a model stays loaded after a use where there is room, and which hours of the day are kept warm."""

from __future__ import annotations

import math
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from modeltally.errors import InputError
from modeltally.recommend.constants import BURST_HALF_LIFE_SECONDS, SCHEDULE_DAYS, SCHEDULE_LEAST_DAYS
from modeltally.recommend.policies.contract import DAY_SECONDS, HOUR_SECONDS, Policy, Request, Setting
from modeltally.recommend.scores.decayed import DecayedUses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["FIXED_MINUTES", "KEEP_ALIVE", "BusyHours", "LogTtl", "break_even_seconds"]

FIXED_MINUTES = (1, 2, 5, 12, 20, 30, 60, 120, 240)
_LOG_MINUTES = (2, 5, 8, 12, 20)
_ORACLE_MINUTES = (12, 30)
_MINUTE_SECONDS = 60.0


def break_even_seconds(load_seconds: float, *, waiting_price: float, idle_price: float) -> float:
    """Give the pause T* up to which keeping a model loaded costs less than loading it again.

    T* = load time x (1 + waiting price / idle price). Who unloads after T* without a use pays at most twice what the
    best choice would have cost (the ski rental argument).

    Args:
        load_seconds: How long a load takes.
        waiting_price: What an hour of waiting costs, of all who wait.
        idle_price: What an hour costs in which a loaded model serves nothing, in the same currency.

    Returns:
        The pause in seconds.

    Raises:
        InputError: The load takes no time, a price is negative or not a number, or an idle hour costs nothing.
    """
    for name, value in (("load_seconds", load_seconds), ("idle_price", idle_price)):
        if not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} = {value!r} is not allowed; allowed: more than 0")
    if not (math.isfinite(waiting_price) and waiting_price >= 0):
        raise InputError(f"waiting_price = {waiting_price!r} is not allowed; allowed: 0 or more")
    return load_seconds * (1.0 + waiting_price / idle_price)


class FixedTtl:
    """Every model stays loaded for the same time after each use."""

    def __init__(self, minutes: float, setting: Setting) -> None:
        del setting
        self._seconds = minutes * _MINUTE_SECONDS

    def used(self, request: Request) -> float:
        del request
        return self._seconds

    def scheduled(self, day: float) -> Iterable[tuple[str, int]]:
        del day
        return ()


class LogTtl:
    """A model stays the longer the more it was used of late: a (1 + ln n), n being its uses decayed by half an hour."""

    def __init__(self, minutes: float, setting: Setting | None = None) -> None:
        """Begin without a use.

        Args:
            minutes: a, the time after a use that stands alone.
            setting: Does not matter.
        """
        del setting
        self._seconds = minutes * _MINUTE_SECONDS
        self._uses = DecayedUses(BURST_HALF_LIFE_SECONDS)

    def used(self, request: Request) -> float:
        """Note a use, and say for how many seconds its model stays loaded after it."""
        return self._seconds * (1.0 + math.log(self._uses.add(request.model, request.at)))

    def scheduled(self, day: float) -> Iterable[tuple[str, int]]:
        """Keep no hour warm."""
        del day
        return ()


class BusyHours:
    """The hours of the day (UTC) in which a model was used on enough of the last days."""

    def __init__(self, *, days: int = int(SCHEDULE_DAYS), least_days: int = int(SCHEDULE_LEAST_DAYS)) -> None:
        """Begin without a use.

        Args:
            days: How many days are looked at.
            least_days: On how many of them an hour must have been used.
        """
        self._days = days
        self._least_days = least_days
        # of each model and hour of the day the numbers of the days on which it was used, the oldest first
        self._used: dict[tuple[str, int], deque[int]] = {}

    def used(self, model: str, at: float) -> None:
        """Note a use.

        Args:
            model: The model.
            at: When, in seconds since 1970; not before an earlier use.
        """
        day, second = divmod(at, DAY_SECONDS)
        days = self._used.setdefault((model, int(second // HOUR_SECONDS)), deque(maxlen=self._days))
        if not days or days[-1] != day:
            days.append(int(day))

    def of_day(self, day: float) -> list[tuple[str, int, int]]:
        """Name what is to be kept warm on a day.

        Args:
            day: The midnight at which it begins.

        Returns:
            Models, hours of the day, and on how many of the days before each was used.
        """
        number = int(day // DAY_SECONDS)
        told = (
            (model, hour, sum(number - self._days <= used < number for used in days))
            for (model, hour), days in self._used.items()
        )
        return [(model, hour, days) for model, hour, days in told if days >= self._least_days]


class Schedule:
    """Busy hours are kept warm; elsewhere a model stays for a while after each use."""

    def __init__(self, after_use: Callable[[Setting], FixedTtl | LogTtl], setting: Setting) -> None:
        self._hours = BusyHours()
        self._after_use = after_use(setting)

    def used(self, request: Request) -> float:
        self._hours.used(request.model, request.at)
        return self._after_use.used(request)

    def scheduled(self, day: float) -> Iterable[tuple[str, int]]:
        return [(model, hour) for model, hour, _ in self._hours.of_day(day)]


class _Oracle:
    """A model stays only for pauses shorter than a limit, which takes knowing when they end."""

    def __init__(self, minutes: float, setting: Setting) -> None:
        self._seconds = minutes * _MINUTE_SECONDS
        self._uses: dict[str, deque[float]] = {}
        for request in setting.future:
            self._uses.setdefault(request.model, deque()).append(request.at)

    def used(self, request: Request) -> float:
        uses = self._uses[request.model]
        uses.popleft()
        pause = uses[0] - request.at if uses else math.inf
        return pause if pause <= self._seconds else 0.0

    def scheduled(self, day: float) -> Iterable[tuple[str, int]]:
        del day
        return ()


KEEP_ALIVE = (
    *(
        Policy(
            "keepalive", f"fixed_{minutes}", f"Unloaded {minutes} min after its last use.", partial(FixedTtl, minutes)
        )
        for minutes in FIXED_MINUTES
    ),
    *(
        Policy(
            "keepalive",
            f"log_{minutes}",
            f"Unloaded {minutes} min x (1 + ln n) after its last use.",
            partial(LogTtl, minutes),
        )
        for minutes in _LOG_MINUTES
    ),
    *(
        Policy(
            "keepalive",
            f"schedule_log_{minutes}",
            f"Warm in hours used on {SCHEDULE_LEAST_DAYS:.0f} of the last {SCHEDULE_DAYS:.0f} days;"
            f" else {minutes} min x (1 + ln n).",
            partial(Schedule, partial(LogTtl, minutes)),
        )
        for minutes in (12, 20)
    ),
    *(
        Policy(
            "keepalive",
            f"oracle_{minutes}",
            f"Kept through pauses of at most {minutes} min, and through no other.",
            partial(_Oracle, minutes),
            is_oracle=True,
        )
        for minutes in _ORACLE_MINUTES
    ),
)
