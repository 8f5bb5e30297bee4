"""Replays requests over a number of slots: which were cold, what was loaded, what of it served nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from modeltally.recommend.backtest.errors import PolicyError
from modeltally.recommend.policies.contract import HOUR_SECONDS, Setting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.recommend.policies.contract import Policy, Request, Window

__all__ = ["Kept", "replay_keep"]


@dataclass(frozen=True, slots=True)
class Kept:
    """What a policy came to with a number of slots.

    Attributes:
        cold_starts: Requests whose model was not ready; late ones among them.
        late: Those that came while the model was being loaded ahead of use.
        loads: Loads begun, by a request or ahead of use.
        useless_loads: Loads ahead of use that were unloaded before a request came.
        warm_hours: Hours that slots were filled, together.
        gap_closed: The part of the way from LRU to Belady, 1 being Belady; None where these are alike.
    """

    policy: str
    slots: int
    users: bool
    is_oracle: bool
    requests: int
    cold_starts: int
    late: int
    loads: int
    useless_loads: int
    warm_hours: float
    gap_closed: float | None = None

    def row(self) -> dict[str, object]:
        """Give it as a row."""
        return asdict(self)


@dataclass(slots=True)
class _Load:
    begun_at: float
    ready_at: float
    has_served: bool


class _Slots:
    """The models that are loaded, and what is counted of them."""

    def __init__(self, policy: Policy, setting: Setting, window: Window) -> None:
        self._setting = setting
        self._window = window
        self._made = policy.make(setting)
        self._loaded: dict[str, _Load] = {}
        self.cold_starts = self.late = self.loads = self.useless = self.requests = 0
        self.warm_seconds = 0.0

    def ask(self, request: Request) -> tuple[bool, str]:
        """Serve a request, and say whether its model was not ready and what went for it."""
        gone, load = "", self._loaded.get(request.model)
        is_late = load is not None and request.at < load.ready_at
        is_cold = load is None or is_late
        if load is None:
            gone = self._load(request.model, request.at, ready_at=request.at)
        else:
            load.has_served = True
        if self._window.holds(request.at):
            self.requests += 1
            self.cold_starts += is_cold
            self.late += is_late
        self._made.used(request)
        return is_cold, gone

    def renew(self, at: float) -> list[str]:
        """Load what the policy wants besides, and name that."""
        wanted = list(self._made.wanted(at))
        if len(set(wanted)) > self._setting.slots:
            raise PolicyError(f"wants {len(set(wanted))} models loaded, and there are {self._setting.slots} slots")
        for model in wanted:
            if model not in self._loaded:
                self._load(model, at, ready_at=at + self._setting.load_seconds)
        return wanted

    def close(self) -> None:
        """Let the window end."""
        for load in self._loaded.values():
            self._count(load, self._window.until)

    def _load(self, model: str, at: float, *, ready_at: float) -> str:
        gone = ""
        if len(self._loaded) >= self._setting.slots:
            gone = self._made.victim(self._loaded.keys(), at)
            if gone not in self._loaded:
                raise PolicyError(f"named {gone!r} to unload; what is loaded is {', '.join(self._loaded)}")
            load = self._loaded.pop(gone)
            self._count(load, at)
            self.useless += not load.has_served and self._window.holds(at)
        self._loaded[model] = _Load(at, ready_at, has_served=ready_at == at)
        self.loads += self._window.holds(at)
        return gone

    def _count(self, load: _Load, at: float) -> None:
        self.warm_seconds += max(0.0, min(at, self._window.until) - max(load.begun_at, self._window.since))


def replay_keep(
    policy: Policy,
    requests: Sequence[Request],
    window: Window,
    *,
    slots: int,
    load_seconds: float,
    trail: list[tuple[float, bool, str]] | None = None,
) -> Kept:
    """Replay requests.

    Args:
        policy: What decides.
        requests: Every request in the order of time; those before the window warm the state.
        window: What is counted.
        slots: How many models fit.
        load_seconds: How long a load ahead of use takes; a load that a request began is over when that is served.
        trail: Takes of each request its time, whether it was cold, and what went for it; of a renewal what is wanted.

    Returns:
        What came of it.

    Raises:
        PolicyError: The policy gave something that is none of the loaded models.
    """
    future = requests if policy.is_oracle else ()
    replay = _Slots(policy, Setting(slots=slots, load_seconds=load_seconds, future=future), window)
    step = policy.renewed_seconds
    if step is not None and not step >= 1:
        raise PolicyError(f"is to be renewed each {step!r} seconds; allowed: 1 or more")
    renews_at = None
    for request in requests:
        if request.at >= window.until:
            break
        if step is not None:
            while renews_at is not None and renews_at <= request.at:
                wanted = replay.renew(renews_at)
                if trail is not None:
                    trail.append((renews_at, False, repr(wanted)))
                renews_at += step
            if renews_at is None:
                renews_at = (request.at // step + 1) * step
        is_cold, gone = replay.ask(request)
        if trail is not None:
            trail.append((request.at, is_cold, gone))
    replay.close()
    return Kept(
        policy=policy.name,
        slots=slots,
        users=policy.has_users,
        is_oracle=policy.is_oracle,
        requests=replay.requests,
        cold_starts=replay.cold_starts,
        late=replay.late,
        loads=replay.loads,
        useless_loads=replay.useless,
        warm_hours=replay.warm_seconds / HOUR_SECONDS,
    )
