"""How downloads are shown: one row each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from modeltally.analytics.topic import Layout

if TYPE_CHECKING:
    from modeltally.availability.downloads.record import Download

__all__ = ["DOWNLOADS", "download_row"]

DOWNLOADS: Final = Layout(
    "Downloads",
    columns=(
        "model",
        "state",
        "priority",
        "here_rate",
        "done_bytes",
        "total_bytes",
        "bytes_per_second",
        "eta_seconds",
        "why",
    ),
    first_to_give_way=("why", "done_bytes", "eta_seconds", "priority", "bytes_per_second"),
    when_empty="nothing is fetched, and nothing waits: modeltally models pull NAME",
)


def download_row(one: Download) -> dict[str, object]:
    """Make the row of a download."""
    return {
        "id": one.id,
        "model": one.model,
        "state": one.state.value,
        "priority": one.priority.value,
        "reason": one.reason.value,
        "here_rate": one.share,
        "done_bytes": one.done_bytes,
        "total_bytes": one.total_bytes,
        "moved_bytes": one.moved_bytes,
        "bytes_per_second": one.bytes_per_second,
        "eta_seconds": one.eta_seconds if one.state == "downloading" else None,
        "files_done": one.files_done,
        "files_total": one.files_total,
        "file": one.file,
        "why": one.why,
        "error_type": one.error_type,
        "action_required": one.action_required,
        "retries": one.retries,
        "protocol": one.protocol,
        "revision": one.revision,
        "commit": one.commit,
        "lane": one.lane.value,
        "limit_bytes_per_second": one.limit_bytes_per_second,
        "cache": one.cache,
        "queued_at": _moment(one.queued_at),
        "started_at": _moment(one.started_at),
        "ended_at": _moment(one.ended_at),
        "paused_seconds": one.paused_seconds,
    }


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
