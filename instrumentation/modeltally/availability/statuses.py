"""What is known of each model, put together: the disk, the queue, its use, its last check, what the host says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.adapters import field_of
from modeltally.availability.declared import ModelPriority
from modeltally.availability.downloads.record import DownloadState
from modeltally.availability.states import Facts, ModelAvailabilityStatus, state_of
from modeltally.availability.status import DetailedModelStatus, ModelUsage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modeltally.availability.downloads.record import Download
    from modeltally.availability.held import HeldModel
    from modeltally.availability.inventory import Entry, Inventory

__all__ = ["HIGH_USES", "MEDIUM_USES", "Check", "name_of", "priority_by_use", "queue_wait", "status_of"]

HIGH_USES: Final = 1.0  # a day, from which on a model counts as used much
MEDIUM_USES: Final = 0.1
_LATEST: Final = ":latest"
State = ModelAvailabilityStatus


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found of a model.

    Attributes:
        at: When, UTC.
        is_healthy: None where it could not be checked.
        integrity_score: From 0 to 1; None where nobody knows.
        performance_score: The same, of how well it works.
        faults: What is wrong.
        of: What was checked: name, length and time of change of each file; None where the host did it.
    """

    at: datetime
    is_healthy: bool | None
    integrity_score: float | None = None
    performance_score: float | None = None
    faults: tuple[str, ...] = ()
    of: object = None


def name_of(entry: Entry) -> str:
    """Give what services call a model: its declared name, else the one it has in its store."""
    return entry.model.name if entry.declared is None else entry.declared.model


def priority_by_use(uses_per_day: float) -> ModelPriority:
    """Give the priority of a model for which none is declared."""
    if uses_per_day > HIGH_USES:
        return ModelPriority.HIGH
    return ModelPriority.MEDIUM if uses_per_day > MEDIUM_USES else ModelPriority.LOW


def usage_of(entry: Entry, usages: Mapping[str, ModelUsage]) -> ModelUsage | None:
    """Put together how a model is used under all its names."""
    names = [entry.model.name, entry.model.name.removesuffix(_LATEST)]
    names += [] if entry.declared is None else entry.declared.names
    found = [usages[name] for name in dict.fromkeys(names) if name in usages]
    if not found:
        return None
    times = [each.last_used_at for each in found if each.last_used_at is not None]
    return ModelUsage(
        sum(each.uses_per_day for each in found),
        max(times, default=None),
        next((each.mean_seconds for each in found if each.mean_seconds is not None), None),
        max(each.watched_days for each in found),
    )


def queue_wait(download: Download, queue: Sequence[Download]) -> float | None:
    """Estimate how long a download takes to be done, with those before it; None where nobody knows.

    Args:
        download: The download.
        queue: All that are open, in order.
    """
    speed = next((each.bytes_per_second for each in queue if each.bytes_per_second), None)
    if speed is None:
        done = [each for each in queue if each.moved_bytes and each.started_at and each.updated_at > each.started_at]
        rates = [each.moved_bytes / (each.updated_at - (each.started_at or 0.0)) for each in done]
        speed = rates[0] if rates else None
    waited = 0
    for each in queue:
        if each.state is DownloadState.PAUSED and each.id != download.id:
            continue
        if each.left_bytes is None:
            return None
        waited += each.left_bytes
        if each.id == download.id:
            return waited / speed if speed else None
    return None


def status_of(
    entry: Entry,
    inventory: Inventory,
    *,
    downloads: Sequence[Download],
    usage: ModelUsage | None,
    check: Check | None,
    latest: str | None = None,
    from_host: object = None,
) -> DetailedModelStatus:
    """Put together what is known of a model.

    Args:
        entry: What lies on disk, and what is declared.
        inventory: Everything that was found.
        downloads: All downloads, in order.
        usage: How it is used.
        check: What the last check found, of the files as they are now.
        latest: The commit that the hub has.
        from_host: What a host's own manager says of it.
    """
    model, declared = entry.model, entry.declared
    own = next((each for each in downloads if _is_of(each, model)), None)
    facts, chosen = _facts(model, own, check), model.revisions[0] if model.revisions else None
    state = state_of(facts)
    is_available = facts.has_whole_revision and not facts.has_damage and facts.is_readable
    uses = usage or ModelUsage()
    is_open = own is not None and own.is_open
    return DetailedModelStatus(
        model_id=name_of(entry),
        availability_status=state,
        reason=_reason(model, own, check, state),
        is_available=is_available,
        is_loaded=_is_loaded(entry, inventory) or bool(field_of(from_host, "is_loaded")),
        store=model.store,
        location=model.location,
        size_bytes=model.size_bytes or int((field_of(from_host, "size_mb") or 0) * 1024**2),
        download_progress=own.share if own is not None and is_open else None,
        downloaded_bytes=own.done_bytes if own is not None and is_open else None,
        total_bytes=own.total_bytes if own is not None and is_open else None,
        missing_files=tuple(file.name for file in chosen.missing) if chosen is not None else (),
        integrity_score=None if check is None else check.integrity_score,
        last_health_check=None if check is None else check.at,
        performance_score=None if check is None else check.performance_score,
        corruption_detected=facts.has_damage,
        usage_frequency=uses.uses_per_day,
        last_used=uses.last_used_at,
        average_generation_time=uses.mean_seconds,
        can_pause_download=own is not None and own.state in (DownloadState.QUEUED, DownloadState.DOWNLOADING),
        can_resume_download=own is not None and own.state in (DownloadState.PAUSED, DownloadState.FAILED),
        estimated_wait_seconds=0.0 if is_available else _wait(own, downloads),
        action_required="" if own is None else own.action_required,
        current_version="" if chosen is None else chosen.name,
        latest_version=latest,
        update_available=None if not latest or chosen is None else latest != chosen.name,
        priority=priority_by_use(uses.uses_per_day) if declared is None else declared.priority,
        task=None if declared is None else declared.task,
        is_pinned=declared is not None and declared.pin,
    )


def _wait(own: Download | None, downloads: Sequence[Download]) -> float | None:
    if own is None or not own.is_open or own.state is DownloadState.PAUSED:
        return None
    return queue_wait(own, [each for each in downloads if each.is_open])


def _is_of(download: Download, model: HeldModel) -> bool:
    return model.store == "huggingface" and download.model == model.name


def _facts(model: HeldModel, own: Download | None, check: Check | None) -> Facts:
    chosen = model.revisions[0] if model.revisions else None
    # a model that was looked at since an older failure knows better
    has_failed = own is not None and own.state is DownloadState.FAILED
    return Facts(
        queued_as=own.state.value if own is not None and own.is_open else "",
        is_growing=model.state in (State.DOWNLOADING, State.UPDATING) and not _is_ours(own),
        has_whole_revision=any(revision.is_whole for revision in model.revisions),
        is_whole=model.state is State.AVAILABLE or (chosen is not None and chosen.is_whole and _is_ours(own)),
        has_damage=model.state is State.CORRUPTED or (check is not None and check.is_healthy is False),
        has_failed=has_failed,
        is_readable=model.state is not State.UNKNOWN,
    )


def _is_ours(own: Download | None) -> bool:
    """Tell whether what grows on disk is the download that the queue tells of, and no other process's."""
    return own is not None and (own.is_open or own.state is DownloadState.FAILED)


def _reason(model: HeldModel, own: Download | None, check: Check | None, state: State) -> str:
    if own is not None and (own.is_open or state is State.FAILED) and own.why:
        return own.why
    if check is not None and check.is_healthy is False and check.faults:
        return "; ".join(check.faults[:3])
    return model.reason


def _is_loaded(entry: Entry, inventory: Inventory) -> bool:
    names: set[Any] = {entry.model.name, entry.model.name.removesuffix(_LATEST)}
    names |= set() if entry.declared is None else set(entry.declared.names)
    return any(
        each.state == "loaded" and bool({each.name, each.name.removesuffix(_LATEST)} & names)
        for each in inventory.loaded
    )
