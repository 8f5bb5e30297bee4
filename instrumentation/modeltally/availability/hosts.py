"""What a host brings of its own, plugged in: it is asked where it can answer, and never waited for without end."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.adapters import called, field_of, register
from modeltally.availability.downloads.record import Download, DownloadReason, DownloadState

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["HostParts"]

_LOGGER: Final = logging.getLogger(__name__)
_PATIENCE_SECONDS: Final = 10.0
_CHECK_SECONDS: Final = 600.0
_AT_ONCE: Final = 1


class HostParts:
    """A host's own manager, downloader and monitor; each may be missing."""

    def __init__(
        self,
        manager: Any,
        downloader: Any,
        monitor: Any,
        *,
        progress: Callable[[str, float | None], object],
        health: Callable[[str, object], object],
    ) -> None:
        """Take them, and have them tell what they can.

        Args:
            manager: Has ``get_model_id`` and ``get_model_status``.
            downloader: Has ``download_with_retry``.
            monitor: Has ``check_model_integrity``.
            progress: Takes a model and how much of it is here, from 0 to 1.
            health: Takes a model and what the monitor found of it.
        """
        self._manager = manager
        self._downloader = downloader
        self._monitor = monitor
        self._progress = progress
        self._health = health
        self._lock = threading.Lock()
        self._fetched: dict[str, Download] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="modeltally-host-download")
        if downloader is not None:
            register(downloader, self._progressed, "add_progress_callback", "register_progress_callback")
        if monitor is not None:
            register(monitor, self._checked, "add_health_callback", "register_health_callback")

    @property
    def can_fetch(self) -> bool:
        """Whether the host has a downloader."""
        return hasattr(self._downloader, "download_with_retry")

    def close(self) -> None:
        """Begin nothing more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def downloads(self) -> list[Download]:
        """Give what the host's downloader was asked for."""
        with self._lock:
            return list(self._fetched.values())

    async def model_id(self, model_type: str) -> str:
        """Give a model's own name; what the host does not know keeps the name that was given."""
        found = await called(self._manager, "get_model_id", model_type, timeout_seconds=_PATIENCE_SECONDS)
        return found if isinstance(found, str) and found else model_type

    async def statuses(self, names: list[str]) -> dict[str, Any]:
        """Ask the host's manager of models; those it does not know are left out."""
        if not hasattr(self._manager, "get_model_status"):
            return {}
        found = await asyncio.gather(
            *(called(self._manager, "get_model_status", name, timeout_seconds=_PATIENCE_SECONDS) for name in names)
        )
        return {name: said for name, said in zip(names, found, strict=True) if said is not None}

    async def checked(self, model: str) -> Any:
        """Have the host's monitor check a model; None where it has none, or says nothing."""
        return await called(self._monitor, "check_model_integrity", model, timeout_seconds=_CHECK_SECONDS)

    async def told(self, method: str, model_type: str) -> bool:
        """Tell the host's downloader something; gives whether it heeded."""
        if not hasattr(self._downloader, method):
            return False
        name = await self.model_id(model_type)
        done = await called(self._downloader, method, name, timeout_seconds=_PATIENCE_SECONDS)
        is_done = done is not False and name in self._fetched
        if is_done and method == "pause_download":
            self._note(name, DownloadState.PAUSED)
        elif is_done and method == "resume_download":
            self._note(name, DownloadState.DOWNLOADING)
        return is_done

    def fetch(self, model: str, *, then: Callable[[str], object]) -> None:
        """Have the host's downloader fetch a model, one after the other; asked for again it is fetched once.

        Args:
            model: The model's own name.
            then: Called when it is there.
        """
        with self._lock:
            before = self._fetched.get(model)
            if before is not None and before.is_open:
                return
            self._fetched[model] = Download(
                id=f"host-{model}",
                number=len(self._fetched) + 1,
                model=model,
                cache="",
                reason=DownloadReason.MISSING,
                queued_at=time.time(),
            )
        self._threads.submit(self._fetch, model, then)

    def _fetch(self, model: str, then: Callable[[str], object]) -> None:
        self._note(model, DownloadState.DOWNLOADING)
        try:
            found = asyncio.run(_one_call(self._downloader.download_with_retry, model))
        except BaseException as error:  # noqa: BLE001 - whatever the host's downloader raises
            _LOGGER.warning("the downloader failed for %s: %s: %s", model, type(error).__name__, error)
            self._note(model, DownloadState.FAILED, why=f"{type(error).__name__}: {error}"[:300])
            return
        is_there = found is not False and field_of(found, "success") is not False
        why = "" if is_there else str(field_of(found, "error_message", "error") or "the downloader says so")
        self._note(model, DownloadState.DONE if is_there else DownloadState.FAILED, why=why)
        if is_there:
            then(model)
            self._progress(model, 1.0)

    def _note(self, model: str, state: DownloadState, *, why: str = "") -> None:
        with self._lock:
            one = self._fetched.get(model)
            if one is not None:
                self._fetched[model] = dataclasses.replace(one, state=state, why=why, updated_at=time.time())

    def _progressed(self, *given: Any) -> None:
        """Take what a downloader tells: a model and a share or a percentage, or one thing that has both."""
        model, progress = (
            (given[0], given[1]) if len(given) > 1 else (field_of(given[0], "model_id", "model"), given[0])
        )
        share = progress if isinstance(progress, int | float) else field_of(progress, "progress", "progress_percent")
        if not isinstance(model, str) or not isinstance(share, int | float):
            return
        is_percent = not isinstance(progress, int | float) and field_of(progress, "progress_percent") is not None
        self._progress(model, min(1.0, max(0.0, share / 100 if is_percent or share > 1 else float(share))))

    def _checked(self, *given: Any) -> None:
        model, said = (given[0], given[1]) if len(given) > 1 else (field_of(given[0], "model_id", "model"), given[0])
        if isinstance(model, str):
            self._health(model, said)


async def _one_call(function: Callable[..., Any], model: str) -> Any:
    found = function(model)
    return await found if hasattr(found, "__await__") else found
