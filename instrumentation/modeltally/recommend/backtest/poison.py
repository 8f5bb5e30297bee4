"""Whether a policy looks ahead: the same past with another future must lead to the same decisions.

For who writes a policy::

    from modeltally.recommend.backtest.poison import looks_ahead

    assert looks_ahead(POLICY) is None
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Final

from modeltally.recommend.backtest.chances import replay_chance
from modeltally.recommend.backtest.cleaning import Fleet, replay_cleanup
from modeltally.recommend.backtest.keeping import replay_keep
from modeltally.recommend.backtest.keeping_alive import replay_keep_alive
from modeltally.recommend.policies.contract import DAY_SECONDS, Request, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeltally.recommend.policies.contract import Policy

__all__ = ["looks_ahead"]

_Trail = list[tuple[float, bool, str]]

_BEGIN: Final = 20_000 * DAY_SECONDS
_DAYS: Final = 12
_PAUSES_SECONDS: Final = (20.0, 60.0, 200.0, 500.0, 7_000.0)
_MODELS: Final = 12
_CHANGES: Final = 0.4  # how often the next request is of another model
_SLOTS: Final = 3
_FLEET_DAYS: Final = 320
_FLEET_MODELS: Final = 40
_CUTS: Final = (0.3, 0.45, 0.6, 0.75, 0.9)


def looks_ahead(policy: Policy, *, seed: int = 1) -> str | None:
    """Replay a made-up past several times, each time with another future, and compare what was decided in the past.

    Args:
        policy: Any policy; one that is marked as an oracle looks ahead, as it should.
        seed: What the requests are drawn from.

    Returns:
        When it decided otherwise, in a sentence; None where it never did.
    """
    if policy.kind == "cleanup":
        return _compare(policy, seed, _fleet_trail, [share * _FLEET_DAYS for share in _CUTS])
    requests = _requests(seed, math.inf)
    # right after a request, while it matters who is next
    moments = [requests[int(share * len(requests))].at + 1 for share in _CUTS]
    return _compare(policy, seed, _request_trail, moments)


def _compare(
    policy: Policy, seed: int, trail_of: Callable[[Policy, int, float], _Trail], moments: Sequence[float]
) -> str | None:
    whole = trail_of(policy, seed, math.inf)
    for at in moments:
        past = [step for step in whole if step[0] < at]
        poisoned = [step for step in trail_of(policy, seed, at) if step[0] < at]
        if past != poisoned:
            pairs = enumerate(zip(past, poisoned, strict=False))
            place = next((place for place, (one, other) in pairs if one != other), 0)
            return (
                f"policy {policy.name!r} looks ahead: in step {place + 1} of {len(past)} it decided otherwise when what"
                f" came later was changed (seed {seed})"
            )
    return None


def _requests(seed: int, poisoned_from: float) -> list[Request]:
    """Draw requests; from a moment on they are of other models, by another user."""
    drawn = random.Random(seed)  # noqa: S311 - the same for everybody is the point
    at, model, requests = _BEGIN, 0, []
    while (at := at + drawn.choice(_PAUSES_SECONDS)) < _BEGIN + _DAYS * DAY_SECONDS:
        if drawn.random() < _CHANGES:
            model = min(int(drawn.expovariate(0.35)), _MODELS - 1)
        user = f"u{drawn.randrange(8)}"
        if at >= poisoned_from:
            requests.append(Request(at, f"m{_MODELS - 1 - model:02d}", "someone else"))
        else:
            requests.append(Request(at, f"m{model:02d}", user))
    return requests


def _request_trail(policy: Policy, seed: int, poisoned_from: float) -> _Trail:
    requests = _requests(seed, poisoned_from)
    window = Window(_BEGIN, _BEGIN + _DAYS * DAY_SECONDS)
    trail: _Trail = []
    if policy.kind == "keep":
        replay_keep(policy, requests, window, slots=_SLOTS, load_seconds=30.0, trail=trail)
    elif policy.kind == "keepalive":
        replay_keep_alive(policy, requests, window, load_seconds=30.0, trail=trail)
    else:
        replay_chance(policy, requests, window, hours=1, trail=trail)
    return trail


def _fleet(seed: int, poisoned_from: float) -> Fleet:
    drawn = random.Random(seed)  # noqa: S311 - the same for everybody is the point
    arrived, uses = {}, {}
    for number in range(_FLEET_MODELS):
        model = f"m{number:02d}"
        arrived[model] = drawn.randrange(20)
        stops = drawn.randrange(20, _FLEET_DAYS)
        chance = drawn.random()
        days = {day: 1 for day in range(arrived[model], stops) if drawn.random() < chance}
        later = range(int(min(poisoned_from, _FLEET_DAYS)), _FLEET_DAYS)
        uses[model] = {day: count for day, count in days.items() if day < poisoned_from} | dict.fromkeys(later, 9)
    return Fleet(_FLEET_DAYS, arrived, {}, uses)


def _fleet_trail(policy: Policy, seed: int, poisoned_from: float) -> _Trail:
    trail: _Trail = []
    replay_cleanup(policy, _fleet(seed, poisoned_from), asked_days=range(10, _FLEET_DAYS, 10), trail=trail)
    return trail
