"""Which models may go, by a policy: what is not known to be unused stays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from modeltally.availability.declared import ModelPriority
from modeltally.availability.states import ModelAvailabilityStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from modeltally.availability.inventory import Entry
    from modeltally.availability.status import DetailedModelStatus, ModelUsage, RetentionPolicy

__all__ = ["Chosen", "choose"]

_DAY_SECONDS: Final = 86_400.0
_HIGH: Final = frozenset({ModelPriority.CRITICAL, ModelPriority.HIGH})


@dataclass(frozen=True, slots=True)
class Chosen:
    """What may go.

    Attributes:
        kept: Why each of the others stays, by model.
        advised: What may go, what frees most first.
        freed_bytes: What that frees.
    """

    kept: Mapping[str, str]
    advised: tuple[str, ...]
    freed_bytes: int


def choose(
    statuses: Mapping[str, DetailedModelStatus],
    entries: Mapping[str, Entry],
    usages: Mapping[str, ModelUsage],
    policy: RetentionPolicy,
    *,
    now: datetime,
    volume: Callable[[str], tuple[int, int] | None],
) -> Chosen:
    """Choose what may go.

    Args:
        statuses: What is known of each model.
        entries: What lies on disk of each.
        usages: How each is used.
        policy: The rules.
        now: The time, UTC.
        volume: Gives total and free bytes of the volume of a folder; None where that cannot be told.

    Returns:
        What may go, and why the rest stays.
    """
    kept: dict[str, str] = {}
    candidates: list[tuple[int, float, str]] = []
    for name, status in statuses.items():
        entry, usage = entries[name], usages.get(name)
        why = _reason_to_keep(status, entry, usage, policy, now)
        if why:
            kept[name] = why
            continue
        assert usage is not None  # noqa: S101 - else there is a reason
        idle = _idle_days(usage, now)
        if idle < policy.max_unused_days and not _is_full(status, policy, volume):
            kept[name] = f"used {idle:.0f} days ago, and the policy waits for {policy.max_unused_days:g}"
        else:
            candidates.append((entry.model.exclusive_bytes, idle, name))
    last = _last_of_task(statuses, {name for _, _, name in candidates})
    advised = []
    for _, _, name in sorted(candidates, key=lambda each: (-each[0], -each[1], each[2])):
        if name in last:
            kept[name] = f"the last of its task {statuses[name].task}"
        else:
            advised.append(name)
    freed = sum(entries[name].model.exclusive_bytes for name in advised)
    return Chosen(kept, tuple(advised), freed)


def _reason_to_keep(  # noqa: PLR0911 - each is a rule
    status: DetailedModelStatus, entry: Entry, usage: ModelUsage | None, policy: RetentionPolicy, now: datetime
) -> str:
    model = entry.model
    if not model.files or not model.size_bytes:
        return "nothing of it is on the disk"
    if status.availability_status is not ModelAvailabilityStatus.AVAILABLE:
        return f"it is {status.availability_status}"
    if status.is_loaded:
        return "loaded now"
    if status.is_pinned:
        return "pinned"
    if policy.preserve_high_priority and status.priority in _HIGH:
        return f"priority {status.priority}"
    age = (now.timestamp() - model.modified_at) / _DAY_SECONDS
    if policy.preserve_recently_downloaded and model.modified_at and age < policy.recent_days:
        return f"came {max(0.0, age):.0f} days ago, and the policy keeps {policy.recent_days:g}"
    if not model.exclusive_bytes:
        return "its files are needed by others: nothing would become free"
    watched = 0.0 if usage is None else usage.watched_days
    if usage is None or watched < policy.min_watched_days:
        return f"its use was watched for {watched:.0f} days, and the policy wants {policy.min_watched_days:g}"
    if usage.uses_per_day > policy.min_usage_frequency:
        return f"asked for {usage.uses_per_day:.2f} times a day"
    return ""


def _idle_days(usage: ModelUsage, now: datetime) -> float:
    if usage.last_used_at is None:
        return usage.watched_days
    return max(0.0, (now - usage.last_used_at).total_seconds() / _DAY_SECONDS)


def _is_full(
    status: DetailedModelStatus, policy: RetentionPolicy, volume: Callable[[str], tuple[int, int] | None]
) -> bool:
    found = volume(status.location)
    if found is None or not found[0]:
        return False
    total, free = found
    return 100.0 * (total - free) / total > policy.max_storage_usage_percent


def _last_of_task(statuses: Mapping[str, DetailedModelStatus], going: set[str]) -> set[str]:
    """Name those that go last of their task, the most used of each."""
    by_task: dict[str, list[str]] = {}
    for name, status in statuses.items():
        if status.task is not None and status.is_available:
            by_task.setdefault(status.task, []).append(name)
    last: Sequence[str] = [
        max(names, key=lambda name: (statuses[name].usage_frequency, name))
        for names in by_task.values()
        if going.issuperset(names)
    ]
    return set(last)
