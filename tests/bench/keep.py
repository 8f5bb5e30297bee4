"""What a decision of the keeper costs at 500 models, beside LRU of the standard library.

Run it with `make bench-keep`. Figures are CPU time of this process: whatever else runs here takes none of it.
"""

from __future__ import annotations

import random
import statistics
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from modeltally.recommend.keep import Keeper

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = 500
REQUESTS = 40_000
WARM = 10_000
USERS = 400
LIMIT_US = 20.0


class _Asked(NamedTuple):
    at: float
    model: str
    user: str
    size_bytes: int


def _requests(seed: int) -> list[_Asked]:
    """Draw requests two a second: few models often, most seldom, users who stay with a model for a while."""
    drawn = random.Random(seed)
    at, asked = 1_800_000_000.0, []
    latest: dict[str, int] = {}
    for _ in range(REQUESTS):
        at += drawn.expovariate(2.0)
        user = f"u{drawn.randrange(USERS)}"
        if user not in latest or drawn.random() < 0.3:
            latest[user] = drawn.randrange(MODELS) if drawn.random() < 0.2 else int(drawn.expovariate(0.05)) % MODELS
        model = latest[user]
        asked.append(_Asked(at, f"m{model}", user, 2**30 * (1 + model % 24)))
    return asked


def _lru(slots: int) -> Callable[[_Asked], bool]:
    loaded: OrderedDict[str, None] = OrderedDict()

    def ask(asked: _Asked) -> bool:
        is_cold = asked.model not in loaded
        if is_cold and len(loaded) >= slots:
            loaded.popitem(last=False)
        loaded[asked.model] = None
        loaded.move_to_end(asked.model)
        return is_cold

    return ask


def _keeper(keeper: Keeper, *, has_sizes: bool = False) -> Callable[[_Asked], bool]:
    def ask(asked: _Asked) -> bool:
        size = asked.size_bytes if has_sizes else None
        return not keeper.request(asked.model, user=asked.user, at=asked.at, size_bytes=size).was_loaded

    return ask


def main() -> None:
    """Print a line for each way to decide and number of slots."""
    asked = _requests(1)
    print(f"{len({one.model for one in asked})} models, {len(asked):,} requests, {USERS} users; CPU us a request")  # noqa: T201 - a program prints
    print(f"{'way':28} {'slots':>5} {'cold':>6} {'mean':>7} {'median':>7} {'p99':>7} {'to LRU':>7}")  # noqa: T201 - the same
    worst = 0.0
    for slots in (8, 100, 400):
        ways = {
            "lru": _lru(slots),
            "two half-lives": _keeper(Keeper(slots=slots)),
            "two half-lives, bytes": _keeper(Keeper(room_bytes=slots * 12 * 2**30), has_sizes=True),
            "by users": _keeper(Keeper(slots=slots, by_users=True)),
        }
        lru = 0.0
        for name, ask in ways.items():
            taken, cold = [], 0
            for number, one in enumerate(asked):
                began = time.thread_time_ns()
                is_cold = ask(one)
                ended = time.thread_time_ns()
                if number >= WARM:
                    taken.append((ended - began) / 1_000)
                    cold += is_cold
            mean = statistics.fmean(taken)
            lru = lru or mean
            worst = max(worst, mean)
            print(  # noqa: T201 - the same
                f"{name:28} {slots:5} {cold:6} {mean:7.2f} {statistics.median(taken):7.2f}"
                f" {statistics.quantiles(taken, n=100)[98]:7.2f} {mean / lru:7.1f}"
            )
    print(f"the dearest mean is {worst:.1f} us; {LIMIT_US:.0f} us are allowed")  # noqa: T201 - the same


if __name__ == "__main__":
    main()
