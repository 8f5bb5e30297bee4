"""The block of downloads: what is fetched to this machine, what waits, what is paused, each with what can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.downloads.record import DownloadState
from modeltally.show.page.asking import of_state
from modeltally.show.page.blocks import Block
from modeltally.show.units import format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.availability.downloads.record import Download
    from modeltally.show.backend import Backend

__all__ = ["BUTTONS", "queue_block"]

# what can be told a download in each state
BUTTONS: Final[Mapping[DownloadState, Sequence[str]]] = {
    DownloadState.QUEUED: ("pause", "cancel"),
    DownloadState.DOWNLOADING: ("pause", "cancel"),
    DownloadState.PAUSED: ("resume", "cancel"),
    DownloadState.FAILED: ("resume",),
    DownloadState.DONE: (),
    DownloadState.CANCELLED: (),
}
_ELSEWHERE: Final = (
    "This server manages no models. `modeltally up` does, on the machine that has them; downloads above were done by"
    " services and told of by them."
)
_EMPTY: Final = "Nothing is fetched, and nothing waits. `modeltally models pull NAME` fetches a model."


def queue_block() -> Block:
    """Make the block."""

    def find(backend: Backend) -> list[Download] | None:
        return None if backend.downloads is None else backend.downloads.shown()

    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        downloads = found["downloads"]
        if downloads is None:
            return {"empty": _ELSEWHERE, "lines": []}
        return {"empty": "" if downloads else _EMPTY, "lines": [_line(each) for each in downloads]}

    return Block(
        name="queue",
        title="Queue",
        template="queue.html",
        view=view,
        questions={"downloads": of_state("downloads", find)},
        is_live=True,
    )


def _line(one: Download) -> Mapping[str, Any]:
    is_running = one.state is DownloadState.DOWNLOADING
    return {
        "id": one.id,
        "model": one.model,
        "state": one.state.value,
        "told": f"told to {one.wanted}" if one.wanted else "",
        "priority": one.priority.value,
        "share": format_value("here_rate", one.share),
        "done": format_value("done_bytes", one.done_bytes),
        "total": format_value("total_bytes", one.total_bytes),
        "speed": format_value("bytes_per_second", one.bytes_per_second if is_running else None),
        "eta": format_value("eta_seconds", one.eta_seconds if is_running else None),
        "why": " ".join(part for part in (one.why, one.action_required) if part),
        "buttons": BUTTONS[one.state],
    }
