"""The downloads of a server's machine: its queue, a process that works through it, and who is told how it goes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import subprocess
import threading
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.downloads.queue import DownloadQueue
from modeltally.availability.downloads.record import DownloadState
from modeltally.availability.downloads.serve import begin_work
from modeltally.availability.manager import ModelAvailabilityManager
from modeltally.availability.watched import watched_usage
from modeltally.errors import ModelTallyError
from modeltally.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from modeltally.analytics.statistics import Statistics
    from modeltally.availability.downloads.record import Download
    from modeltally.availability.status import DetailedModelStatus, ModelRequestResult, ModelUsage
    from modeltally.settings import Settings
    from modeltally.show.events import Broker
    from modeltally.store import Store

__all__ = ["Downloads", "download_answer"]

_LOGGER: Final = logging.getLogger(__name__)
_LOOK_SECONDS: Final = 1.0
_STOP_SECONDS: Final = 15.0
_KEPT: Final = 20


def download_answer(one: Download) -> dict[str, Any]:
    """Give a download as what JSON can hold, with what follows of it."""
    told = one.to_dict()
    for name in ("number", "is_told", "not_before", "attempts"):
        del told[name]
    running = one.state is DownloadState.DOWNLOADING
    return {**told, "share": one.share, "eta_seconds": one.eta_seconds if running else None}


class Downloads:
    """What a server knows and does of downloads."""

    def __init__(
        self,
        settings: Settings,
        events: Broker,
        *,
        store: Store,
        statistics: Statistics,
        now: Callable[[], datetime],
        otlp_url: str,
    ) -> None:
        """Take its parts; :meth:`start` sets it going.

        Args:
            settings: The data directory, and how fast downloads may go.
            events: Who is told.
            store: What is asked for days that were watched.
            statistics: What is asked how models are used.
            now: The time of that.
            otlp_url: Where it is told what was done.
        """
        self.queue = DownloadQueue(settings.dir)
        self._settings = settings
        self._events = events
        self._otlp_url = otlp_url

        def usage() -> dict[str, ModelUsage]:
            return watched_usage(store, statistics, now=now())

        self._manager = ModelAvailabilityManager(directory=settings.dir, usage=usage)
        self._manager.start_downloads = self.wake  # type: ignore[method-assign] # a process of its own fetches
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._process: subprocess.Popen[str] | None = None
        self._told: list[dict[str, Any]] = []
        self._thread = Worker(self._loop, name="downloads")

    def start(self) -> None:
        """Begin: what waits in the queue is fetched, whoever put it there."""
        self._thread.start()

    def stop(self) -> None:
        """End: what runs keeps its bytes and stays in the queue."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(_STOP_SECONDS)
        process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wake(self) -> None:
        """Have it look at the queue now."""
        self._wake.set()

    def statuses(self) -> dict[str, DetailedModelStatus]:
        """Say what is known of every model of this machine; call it in a thread. It is no use of any.

        Raises:
            InputError: The queue of downloads cannot be read.
        """
        return asyncio.run(self._manager.get_comprehensive_model_status())

    def request(self, model: str) -> ModelRequestResult:
        """Ask for a model, which counts as a use, and has it fetched where it is missing; call it in a thread."""
        return asyncio.run(self._manager.handle_model_request(model))

    def shown(self) -> list[Download]:
        """Give what is open, and the last that are over.

        Raises:
            InputError: The queue of downloads cannot be read.
        """
        found = self.queue.all()
        is_open = [each for each in found if each.is_open]
        return [*is_open, *[each for each in found if not each.is_open][:_KEPT]]

    def _loop(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._look()
            except ModelTallyError as error:
                _LOGGER.debug("the queue of downloads cannot be looked at: %s", error)
            self._wake.wait(_LOOK_SECONDS)

    def _look(self) -> None:
        if not self.queue.path.exists():
            return
        found = [download_answer(each) for each in self.shown()]
        if found != self._told:
            self._told = found
            self._events.publish("downloads", {"downloads": found})
        is_running = self._process is not None and self._process.poll() is None
        waits = any(each["state"] == DownloadState.QUEUED for each in found)
        if waits and not is_running and not self._stopping.is_set() and not self.queue.is_running:
            day, night = self._settings.download_bytes_per_second, self._settings.download_night_bytes_per_second
            self._process = begin_work(
                {
                    "directory": str(self.queue.directory),
                    "endpoint": self._otlp_url or None,
                    "rates": [day, night, self._settings.download_night_hours],
                }
            )
