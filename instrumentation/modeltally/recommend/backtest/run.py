"""Replays one history with several policies; one that fails is named with what it did, and the others go on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from modeltally.errors import InputError, UnknownNameError
from modeltally.recommend.backtest.chances import Judged, replay_chance
from modeltally.recommend.backtest.cleaning import Cleaned, replay_cleanup
from modeltally.recommend.backtest.errors import PolicyError
from modeltally.recommend.backtest.keeping import Kept, replay_keep
from modeltally.recommend.backtest.keeping_alive import KeptAlive, at_hours_of_fixed, replay_keep_alive
from modeltally.recommend.constants import LOAD_SECONDS
from modeltally.recommend.policies.keep_alive import FIXED_MINUTES
from modeltally.recommend.policies.known import ALL, BUILT_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modeltally.recommend.backtest.cleaning import Fleet
    from modeltally.recommend.policies.contract import Policy, Request, Window

__all__ = ["Asked", "Results", "choose", "run_chance", "run_cleanup", "run_keep", "run_keep_alive"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is replayed, and how.

    Attributes:
        slots: How many models fit, each number by itself.
        load_seconds: How long a load ahead of use takes.
        hours: Within how many hours a use is to be expected.
    """

    slots: tuple[int, ...] = (4, 8)
    load_seconds: float = LOAD_SECONDS
    hours: int = 1


@dataclass(slots=True)
class Results:
    """What policies came to.

    Attributes:
        rows: The figures of each, in the order of the policies.
        problems: Why a policy has none, a sentence each.
    """

    rows: list[Any] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def choose(policies: Mapping[str, Policy], wanted: str, *, has_users: bool) -> list[Policy]:
    """Choose policies by what was asked for.

    Args:
        policies: Every policy of the kind.
        wanted: ``all``, or names with commas between them.
        has_users: It is known who asked, and may be gone by.

    Returns:
        The policies; of all, those that go by users only where it is known who asked.

    Raises:
        UnknownNameError: There is no such policy; the message offers the nearest.
        InputError: One that was named goes by users, and nobody knows who asked.
    """
    names = [name.strip() for name in wanted.split(",")]
    if names == [ALL]:
        return [policy for policy in policies.values() if has_users or not policy.has_users]
    for name in names:
        if name not in policies:
            raise UnknownNameError("policy", name, [*policies, ALL])
        if policies[name].has_users and not has_users:
            raise InputError(f"policy {name!r} goes by who asks: it needs a column of users, and no --no-users")
    return [policies[name] for name in dict.fromkeys(names)]


def run_keep(policies: Sequence[Policy], requests: Sequence[Request], window: Window, asked: Asked) -> Results:
    """Replay requests over slots.

    Args:
        policies: What decides.
        requests: Every request in the order of time.
        window: What is counted.
        asked: The slots and the time of a load.

    Returns:
        A :class:`Kept` for each policy and number of slots.
    """
    results = Results()
    bounds = [policy for policy in BUILT_IN if policy.kind == "keep" and policy.name in {"lru", "belady"}]
    ends = {
        (policy.name, slots): replay_keep(policy, requests, window, slots=slots, load_seconds=0.0).cold_starts
        for policy in bounds
        for slots in asked.slots
    }

    def replayed(policy: Policy) -> list[Kept]:
        rows = []
        for slots in asked.slots:
            kept = replay_keep(policy, requests, window, slots=slots, load_seconds=asked.load_seconds)
            most, least = ends["lru", slots], ends["belady", slots]
            rows.append(replace(kept, gap_closed=(most - kept.cold_starts) / (most - least) if most > least else None))
        return rows

    for policy in policies:
        _gather(results, policy, partial(replayed, policy))
    return results


def run_keep_alive(policies: Sequence[Policy], requests: Sequence[Request], window: Window, asked: Asked) -> Results:
    """Replay requests where there is room for every model.

    Args:
        policies: What decides.
        requests: Every request in the order of time.
        window: What is counted.
        asked: The time of a load.

    Returns:
        A :class:`KeptAlive` for each policy.
    """
    results = Results()
    replayed = partial(replay_keep_alive, requests=requests, window=window, load_seconds=asked.load_seconds)
    names = {f"fixed_{minutes}" for minutes in FIXED_MINUTES}
    fixed = [replayed(policy) for policy in BUILT_IN if policy.kind == "keepalive" and policy.name in names]

    def compared(policy: Policy) -> list[KeptAlive]:
        kept = replayed(policy)
        alike = at_hours_of_fixed(kept.warm_hours, fixed)
        return [replace(kept, versus_fixed=kept.cold_starts / alike - 1 if alike else None)]

    for policy in policies:
        _gather(results, policy, partial(compared, policy))
    return results


def run_chance(policies: Sequence[Policy], requests: Sequence[Request], window: Window, asked: Asked) -> Results:
    """Ask for chances at each full hour.

    Args:
        policies: What is asked.
        requests: Every request in the order of time.
        window: What is judged.
        asked: The hours within which a use is to come.

    Returns:
        A :class:`Judged` for each policy.
    """
    results = Results()

    def judged(policy: Policy) -> list[Judged]:
        return [replay_chance(policy, requests, window, hours=asked.hours)]

    for policy in policies:
        _gather(results, policy, partial(judged, policy))
    return results


def run_cleanup(policies: Sequence[Policy], fleet: Fleet, asked_days: Sequence[int]) -> Results:
    """Replay a fleet.

    Args:
        policies: The rules.
        fleet: What was used.
        asked_days: After how many days they are asked, in rising order.

    Returns:
        A :class:`Cleaned` for each policy and day.
    """
    results = Results()

    def cleaned(policy: Policy) -> list[Cleaned]:
        return replay_cleanup(policy, fleet, asked_days=asked_days)

    for policy in policies:
        _gather(results, policy, partial(cleaned, policy))
    return results


def _gather(results: Results, policy: Policy, replayed: Callable[[], Sequence[object]]) -> None:
    try:
        results.rows.extend(replayed())
    except PolicyError as error:
        results.problems.append(f"policy {policy.name!r} is left out: it {error}")
    except (Exception, SystemExit) as error:
        if policy in BUILT_IN:  # a mistake of ours
            raise
        results.problems.append(f"policy {policy.name!r} is left out: it raised {type(error).__name__}: {error}")
