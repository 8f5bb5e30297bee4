"""A download that is over, recorded as the operation it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import modeltally
from modeltally.availability.downloads.record import DownloadReason, DownloadState

if TYPE_CHECKING:
    from modeltally.availability.downloads.record import Download

__all__ = ["tell_over"]

_OUTCOMES: Final = {
    DownloadState.DONE: "success",
    DownloadState.FAILED: "error",
    DownloadState.CANCELLED: "cancelled",
}
_NS: Final = 1_000_000_000


def tell_over(one: Download) -> None:
    """Record a download that is over, from its first byte to its end, with all that was moved for it.

    It goes by its own id, so that whoever records it again, after a crash, records the same operation.

    Args:
        one: The download.
    """
    ended_at = one.ended_at or one.updated_at
    started_at = min(one.started_at or one.queued_at, ended_at)  # a clock may have been set back in between
    seconds = ended_at - started_at - one.paused_seconds
    modeltally.record(
        "model.download",
        started_at=int(started_at * _NS),
        ended_at=int(ended_at * _NS),
        outcome=_OUTCOMES.get(one.state, "cancelled"),
        error_type=(one.error_type or "unknown") if one.state is DownloadState.FAILED else None,
        operation_id=f"modeltally.download.{one.id}.{one.queued_at}.{one.ended_at}",
        source="wrapper",
        model=one.model,
        model_revision=one.revision or None,
        model_commit=one.commit or None,
        model_priority=one.priority.value,
        queue_seconds=max(0.0, started_at - one.queued_at),
        download_bytes=one.moved_bytes,
        download_size_bytes=one.total_bytes,
        download_files=one.files_done,
        download_cache_hit=one.moved_bytes == 0 if one.state is DownloadState.DONE else None,
        download_retries=one.retries,
        download_resumed=one.resumed_bytes > 0,
        download_resumed_bytes=one.resumed_bytes or None,
        download_protocol=one.protocol or None,
        download_paused_seconds=one.paused_seconds or None,
        download_bytes_per_second=one.moved_bytes / seconds if one.moved_bytes and seconds > 0 else None,
        download_source=urlsplit(one.endpoint).hostname if one.endpoint else None,
        download_reason=None if one.reason is DownloadReason.ASKED else one.reason.value,
    )
