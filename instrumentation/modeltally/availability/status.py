"""What the manager says: of each model, of a request for one, of a clean-up."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modeltally.availability.declared import ModelPriority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.availability.states import ModelAvailabilityStatus

__all__ = ["CleanupResult", "DetailedModelStatus", "ModelRequestResult", "ModelUsage", "RetentionPolicy"]


class _AsDict:
    """Gives a record as what JSON can hold."""

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold."""
        return {
            name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
            for name, value in dataclasses.asdict(self).items()  # type: ignore[call-overload] # each is one
        }


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """How a model is used, as far as anybody watched.

    Attributes:
        uses_per_day: Requests a day, over the last thirty days.
        last_used_at: When it was last asked, UTC; None where nobody knows.
        mean_seconds: How long a request took; None where nobody knows.
        watched_days: On how many days somebody watched.
    """

    uses_per_day: float = 0.0
    last_used_at: datetime | None = None
    mean_seconds: float | None = None
    watched_days: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailedModelStatus(_AsDict):
    """All that is known of a model. None means that nobody knows.

    Attributes:
        model_id: What services call it.
        availability_status: In which of the nine states it is.
        reason: Why, where that is not obvious.
        is_available: It can be loaded now, be it an older revision.
        is_loaded: A server holds it in memory.
        store: The kind of store it is in, or should be.
        location: Which one.
        size_bytes: What it takes.
        download_progress: How much of a download is here, from 0 to 1.
        downloaded_bytes: The same in bytes.
        total_bytes: What it will be.
        missing_files: The files that are not there.
        integrity_score: Good bytes of those expected, from 0 to 1, as the last check found.
        last_health_check: When that was.
        performance_score: From 0 to 1, where a health monitor tells.
        corruption_detected: A file is known to be bad.
        usage_frequency: Requests a day, over the last thirty days.
        last_used: When it was last asked.
        average_generation_time: Seconds a request takes.
        can_pause_download: There is a download that can be paused.
        can_resume_download: There is one that can go on from where it is.
        estimated_wait_seconds: Until it can be used; 0 when it can.
        action_required: What somebody has to do; empty where nobody has to.
        current_version: The commit that is here.
        latest_version: The commit that the hub has; None where it was not asked.
        update_available: They differ.
        priority: How soon it has to be there.
        task: What it is for.
        is_pinned: It is never proposed for removal.
    """

    model_id: str
    availability_status: ModelAvailabilityStatus
    reason: str = ""
    is_available: bool = False
    is_loaded: bool = False
    store: str = ""
    location: str = ""
    size_bytes: int = 0
    download_progress: float | None = None
    downloaded_bytes: int | None = None
    total_bytes: int | None = None
    missing_files: tuple[str, ...] = ()
    integrity_score: float | None = None
    last_health_check: datetime | None = None
    performance_score: float | None = None
    corruption_detected: bool = False
    usage_frequency: float = 0.0
    last_used: datetime | None = None
    average_generation_time: float | None = None
    can_pause_download: bool = False
    can_resume_download: bool = False
    estimated_wait_seconds: float | None = None
    action_required: str = ""
    current_version: str = ""
    latest_version: str | None = None
    update_available: bool | None = None
    priority: ModelPriority = ModelPriority.MEDIUM
    task: str | None = None
    is_pinned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequestResult(_AsDict):
    """What came of asking for a model.

    Attributes:
        success: It can be used now.
        model_id: Which.
        availability_status: In which state it is.
        estimated_wait_time: Seconds until it can be used; 0 now; None where nobody knows.
        alternative_models: Models of the same task that can be used now, the most used first.
        action_required: What somebody has to do; empty where nobody has to.
        error_details: What is the matter; empty where nothing is.
    """

    success: bool
    model_id: str
    availability_status: ModelAvailabilityStatus
    estimated_wait_time: float | None = None
    alternative_models: tuple[str, ...] = ()
    action_required: str = ""
    error_details: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPolicy(_AsDict):
    """Which models may go.

    Attributes:
        max_unused_days: One that was used within so many days stays.
        max_storage_usage_percent: While the volume of the models is fuller than this, more may go.
        min_usage_frequency: One that is asked for more often, a day, stays.
        preserve_recently_downloaded: One that came within ``recent_days`` stays.
        preserve_high_priority: One of priority CRITICAL or HIGH stays.
        recent_days: What counts as lately.
        min_watched_days: Nothing goes whose use nobody watched for so many days: what was not seen may have been used.
        dry_run: Nothing goes, it is only said what would.
    """

    max_unused_days: float = 30.0
    max_storage_usage_percent: float = 80.0
    min_usage_frequency: float = 0.1
    preserve_recently_downloaded: bool = True
    preserve_high_priority: bool = True
    recent_days: float = 45.0
    min_watched_days: float = 180.0
    dry_run: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanupResult(_AsDict):
    """What a clean-up looked at, would remove, and did.

    Attributes:
        policy: By which rules.
        dry_run: Nothing was removed.
        looked_at: How many models.
        kept: Why each of the others stays, by model.
        advised: What may go, what frees most first.
        removed: What went.
        bytes_freed_now: What is free since.
        bytes_freed_when_purged: What will be once the trash is emptied; of a dry run, what would be.
        trash_id: By what to undo it; empty where nothing went.
        errors: What could not be done, by model.
    """

    policy: RetentionPolicy
    dry_run: bool
    looked_at: int
    kept: Mapping[str, str] = field(default_factory=dict)
    advised: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    bytes_freed_now: int = 0
    bytes_freed_when_purged: int = 0
    trash_id: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
