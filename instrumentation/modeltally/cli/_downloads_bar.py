"""Bars of downloads on stderr: one for each that moves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from rich.console import Console
    from rich.progress import TaskID

    from modeltally.availability.downloads.record import Download

__all__ = ["DownloadsBar"]


class DownloadsBar:
    """Bars; on anything but a terminal nothing is drawn."""

    def __init__(self, *, console: Console) -> None:
        """Prepare them.

        Args:
            console: Where to draw.
        """
        self._tasks: dict[str, TaskID] = {}
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=console.quiet,
        )

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the bars as they stand."""
        self._progress.stop()

    def show(self, one: Download) -> None:
        """Show how far a download is."""
        from modeltally.show.units import clean_text

        task = self._tasks.get(one.id)
        if task is None:
            if one.state != "downloading":
                return
            task = self._tasks[one.id] = self._progress.add_task(clean_text(one.model), total=one.total_bytes)
        note = "" if one.state in ("downloading", "done") else f" ({one.why or one.state})"
        self._progress.update(
            task, description=clean_text(one.model + note), total=one.total_bytes, completed=one.done_bytes or 0
        )

    def show_all(self, found: Sequence[Download]) -> None:
        """Show those that another process fetches."""
        for one in found:
            if one.is_open or one.id in self._tasks:
                self.show(one)
