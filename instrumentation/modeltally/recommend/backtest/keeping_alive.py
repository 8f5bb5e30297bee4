"""Replays requests where there is room for every model: which were cold, and how long models were warm for nothing."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from modeltally.recommend.backtest.errors import PolicyError
from modeltally.recommend.policies.contract import DAY_SECONDS, HOUR_SECONDS, Setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.recommend.policies.contract import Policy, Request, Window

__all__ = ["KeptAlive", "at_hours_of_fixed", "replay_keep_alive"]

_Trail = list[tuple[float, bool, str]]


@dataclass(frozen=True, slots=True)
class KeptAlive:
    """What a policy came to.

    Attributes:
        slots: None: there is room for every model.
        cold_starts: Requests whose model was not ready; late ones among them.
        late: Those that came while the model was being loaded for an hour of the schedule.
        loads: Loads begun, by a request or for an hour.
        useless_loads: Loads for an hour in which no request came.
        warm_hours: Hours that models were loaded between their uses, together.
        versus_fixed: Cold starts against those of a fixed time with as many warm hours: -0.1 is a tenth fewer. None
            where no fixed time has as many.
    """

    policy: str
    slots: int | None
    users: bool
    is_oracle: bool
    requests: int
    cold_starts: int
    late: int
    loads: int
    useless_loads: int
    warm_hours: float
    versus_fixed: float | None = None

    def row(self) -> dict[str, object]:
        """Give it as a row."""
        return asdict(self)


class _Room:
    """When each model is warm: after its uses, and in hours of the schedule."""

    def __init__(self, policy: Policy, setting: Setting, window: Window, trail: _Trail | None) -> None:
        self._window = window
        self._trail = trail
        self._load_seconds = setting.load_seconds
        self._made = policy.make(setting)
        self._last: dict[str, float] = {}
        self._until: dict[str, float] = {}
        # begins and ends of hours to be kept warm since the last use, in order
        self._hours: dict[str, list[tuple[float, float]]] = {}
        self.requests = self.cold_starts = self.late = self.loads = self.useless = 0
        self.warm_seconds = 0.0

    def begin_day(self, day: float) -> None:
        """Take up the schedule of a day."""
        wanted = sorted(set(self._made.scheduled(day)))
        if self._trail is not None:
            self._trail.append((day, False, repr(wanted)))
        for model, hour in wanted:
            if not (isinstance(hour, int) and 0 <= hour < DAY_SECONDS // HOUR_SECONDS):
                raise PolicyError(f"wants {model!r} warm in hour {hour!r} of the day; allowed: 0 to 23")
            begin = day + hour * HOUR_SECONDS
            self._hours.setdefault(model, []).append((begin, begin + HOUR_SECONDS))

    def ask(self, request: Request) -> None:
        """Serve a request."""
        at, model = request.at, request.model
        loaded_at = self._pass(model, at)
        is_late = loaded_at is not None and at < loaded_at + self._load_seconds
        is_cold = loaded_at is None or is_late
        if self._window.holds(at):
            self.requests += 1
            self.cold_starts += is_cold
            self.late += is_late
            self.loads += loaded_at is None
        seconds = self._made.used(request)
        if not seconds >= 0:
            raise PolicyError(f"wants {model!r} loaded for {seconds!r} seconds; allowed: 0 or more")
        self._last[model], self._until[model] = at, at + seconds
        if self._trail is not None:
            self._trail.append((at, is_cold, repr(seconds)))

    def close(self) -> None:
        """Let the window end."""
        for model in {*self._last, *self._hours}:
            self._pass(model, self._window.until)

    def _pass(self, model: str, at: float) -> float | None:
        """Let the pause of a model end, and say since when it is ready: None when it is not loaded."""
        last = self._last.get(model, -math.inf)
        begin, end, loaded_at = last, self._until.get(model, -math.inf), -math.inf
        is_ahead = False
        rest = []
        for starts_at, ends_at in self._hours.pop(model, ()):
            if ends_at <= last:
                continue
            if starts_at > at:
                rest.append((starts_at, ends_at))
                continue
            if starts_at > end:
                self._count(begin, end, is_useless=is_ahead)
                begin, loaded_at, is_ahead = starts_at, starts_at, True
                self.loads += self._window.holds(starts_at)
            end = max(end, ends_at)
            if ends_at > at:
                rest.append((starts_at, ends_at))
        self._count(begin, min(end, at), is_useless=is_ahead and end < at)
        if rest:
            self._hours[model] = rest
        return loaded_at if end >= at else None

    def _count(self, begin: float, end: float, *, is_useless: bool) -> None:
        self.useless += is_useless and self._window.holds(begin)
        self.warm_seconds += max(0.0, min(end, self._window.until) - max(begin, self._window.since))


def replay_keep_alive(
    policy: Policy,
    requests: Sequence[Request],
    window: Window,
    *,
    load_seconds: float,
    trail: _Trail | None = None,
) -> KeptAlive:
    """Replay requests.

    Args:
        policy: What decides.
        requests: Every request in the order of time; those before the window warm the state.
        window: What is counted.
        load_seconds: How long a load for an hour of the schedule takes; it begins with the hour.
        trail: Takes of each request its time, whether it was cold, and how long its model stays; of each day its hours.

    Returns:
        What came of it.

    Raises:
        PolicyError: The policy gave a time or an hour that is none.
    """
    setting = Setting(load_seconds=load_seconds, future=requests if policy.is_oracle else ())
    room = _Room(policy, setting, window, trail)
    day: float | None = None
    for request in requests:
        if request.at >= window.until:
            break
        today = request.at // DAY_SECONDS * DAY_SECONDS
        while day is not None and day < today:
            day += DAY_SECONDS
            room.begin_day(day)
        day = today
        room.ask(request)
    while day is not None and day + DAY_SECONDS < window.until:
        day += DAY_SECONDS
        room.begin_day(day)
    room.close()
    return KeptAlive(
        policy=policy.name,
        slots=None,
        users=policy.has_users,
        is_oracle=policy.is_oracle,
        requests=room.requests,
        cold_starts=room.cold_starts,
        late=room.late,
        loads=room.loads,
        useless_loads=room.useless,
        warm_hours=room.warm_seconds / HOUR_SECONDS,
    )


def at_hours_of_fixed(warm_hours: float, fixed: Sequence[KeptAlive]) -> float | None:
    """Give the cold starts of a fixed time with so many warm hours, between those that were replayed.

    Args:
        warm_hours: The warm hours.
        fixed: What fixed times came to.

    Returns:
        The cold starts, read off a line through the logarithms; None outside of what was replayed.
    """
    points = sorted((one.warm_hours, one.cold_starts) for one in fixed if one.warm_hours > 0 and one.cold_starts > 0)
    for hours, cold in points:
        if hours == warm_hours:
            return float(cold)
    for (hours, cold), (more_hours, fewer_cold) in pairwise(points):
        if hours < warm_hours < more_hours:
            share = math.log(warm_hours / hours) / math.log(more_hours / hours)
            return math.exp(math.log(cold) + share * math.log(fewer_cold / cold))
    return None
