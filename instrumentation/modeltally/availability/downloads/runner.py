"""Works through the queue: one download at a time, in its order, by a child process; whoever holds the lock does.

All it knows is in the queue, so that it may be killed at any moment: who comes next goes on from there.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.declared import ModelPriority
from modeltally.availability.downloads.process import Child
from modeltally.availability.downloads.queue import CANCEL, PAUSE
from modeltally.availability.downloads.rates import Rates
from modeltally.availability.downloads.record import Download, DownloadReason, DownloadState, Lane
from modeltally.availability.downloads.told import tell_over

if TYPE_CHECKING:
    from collections.abc import Callable

    from modeltally.availability.downloads.queue import DownloadQueue

__all__ = ["Runner"]

_LOGGER: Final = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.2
_NOTE_SECONDS: Final = 1.0
_MOST_ATTEMPTS: Final = 8
_LONGEST_WAIT: Final = 300.0
_BUSY_SECONDS: Final = 5.0
_SPACE_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_FAST_SMOOTHING: Final = 0.3
# these wait for something that changes by itself or by somebody, and use up no attempt
_WAITS: Final = {"busy": _BUSY_SECONDS, "no_space": _SPACE_SECONDS}


def _backoff(attempts: int) -> float:
    return min(_LONGEST_WAIT, 2.0**attempts)


class Runner:
    """Fetches what the queue holds."""

    def __init__(
        self,
        queue: DownloadQueue,
        *,
        rates: Rates | None = None,
        told: Callable[[Download], object] = lambda _: None,
        over: Callable[[Download], object] = tell_over,
        backoff: Callable[[int], float] = _backoff,
        floor_bytes: int | None = None,
        poll_seconds: float = _POLL_SECONDS,
    ) -> None:
        """Take the queue; :meth:`run` works.

        Args:
            queue: The queue.
            rates: How fast; None for no limit.
            told: Takes each download whenever something of it has changed; what it raises is logged.
            over: Takes each download that is over, once unless the process is killed in between; records it.
            backoff: Gives how many seconds to wait before a try, by how many there were in a row.
            floor_bytes: What is to stay free of a disk; None for a GiB, on small volumes a hundredth.
            poll_seconds: How often the queue is looked at.
        """
        self._queue = queue
        self._rates = rates or Rates()
        self._told = told
        self._tell_over = over
        self._backoff = backoff
        self._floor_bytes = floor_bytes
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._child: Child | None = None
        self._current: Download | None = None
        self._told_to = ""
        self._noted_at = 0.0
        self._speed: float | None = None
        self._before: tuple[float, int] | None = None
        self._base_moved = 0
        self._base: dict[str, int] = {}
        self._limit: float | None = None

    def stop(self) -> None:
        """Have :meth:`run` end soon; what runs keeps its bytes and stays in the queue."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping.is_set()

    def run(self, *, until_idle: bool) -> bool:
        """Work until told to stop.

        Args:
            until_idle: End once nothing waits that could go on by itself.

        Returns:
            False where another process works through this queue already.

        Raises:
            InputError: The queue cannot be read or written.
        """
        with self._queue.running() as is_ours:
            if not is_ours:
                return False
            self._recover()
            try:
                while not self._stopping.is_set():
                    if not self._step() and until_idle:
                        break
            finally:
                self._put_down()
            return True

    def _recover(self) -> None:
        """Take up what a process that was killed had begun, and tell of what it did not."""
        for each in self._queue.all():
            if each.state is DownloadState.DOWNLOADING:
                if each.wanted == CANCEL:
                    self._queue.change(each.id, state=DownloadState.PAUSED, paused_at=self._queue.clock())
                    self._over(self._queue.cancel(each.id))
                    continue
                is_paused = each.wanted == PAUSE
                self._changed(
                    self._queue.change(
                        each.id,
                        state=DownloadState.PAUSED if is_paused else DownloadState.QUEUED,
                        paused_at=self._queue.clock() if is_paused else None,
                        wanted="",
                        why="paused" if is_paused else "goes on after an interruption",
                        pid=None,
                        bytes_per_second=None,
                        retries=each.retries + 1,
                    )
                )
            elif not each.is_open and not each.is_told:
                self._over(each)

    def _step(self) -> bool:
        """Do what is to be done now; tells whether anything goes on, or waits for its time."""
        if self._child is None or self._current is None:
            waiting = self._queue.waiting()
            now = self._queue.clock()
            # one that waits longer than it was told to did so by a clock that was set back since
            ready = [each for each in waiting if not now < each.not_before <= now + 2 * _LONGEST_WAIT]
            self._tell_over_elsewhere()
            if not ready:
                self._stopping.wait(self._poll_seconds)
                return bool(waiting)
            self._begin(ready[0])
            return True
        self._heed()
        for event in self._child.events(self._poll_seconds):
            self._take(event)
            if self._child is None:
                return True
        if self._child.has_ended:
            self._end({"event": "failed", "error_type": "crashed", "why": self._child.last_words(),
                       "is_worth_retrying": True, "action_required": ""})  # fmt: skip
        return True

    def _tell_over_elsewhere(self) -> None:
        """Tell of what another process cancelled while it waited."""
        for each in self._queue.all():
            if not each.is_open and not each.is_told:
                self._over(each)

    def _begin(self, one: Download) -> None:
        now = self._queue.clock()
        self._limit = self._limit_of(one)
        self._base_moved = one.moved_bytes
        self._base = {"resumed_bytes": one.resumed_bytes, "retries": one.retries}
        self._speed, self._before, self._told_to = None, None, ""
        job = {
            "model": one.model,
            "revision": one.revision,
            "cache": one.cache,
            "endpoint": one.endpoint,
            "files": list(one.files),
            "lane": (Lane.RESUMABLE if one.lane is Lane.AUTO and self._limit else one.lane).value,
            "limit": self._limit,
            "is_repair": one.reason is DownloadReason.CORRUPTED,
            "floor_bytes": self._floor_bytes,
        }
        self._child = Child(job)
        self._current = self._queue.change(
            one.id,
            state=DownloadState.DOWNLOADING,
            started_at=one.started_at or now,
            why="",
            error_type="",
            action_required="",
            not_before=0.0,
            pid=self._child.pid,
        )
        self._noted_at = now
        self._changed(self._current)

    def _limit_of(self, one: Download) -> float | None:
        of_hour = self._rates.at(self._queue.clock())
        limits = [each for each in (one.limit_bytes_per_second, of_hour) if each]
        return min(limits) if limits else None

    def _heed(self) -> None:
        """Pass on what the queue says by now: stop, make way, go slower."""
        assert self._child is not None  # noqa: S101 - for the type
        assert self._current is not None  # noqa: S101 - for the type
        now = self._queue.get(self._current.id)
        wanted = now.wanted
        if not wanted and now.priority is not ModelPriority.CRITICAL:
            urgent = [each for each in self._queue.waiting() if each.priority is ModelPriority.CRITICAL]
            if any(each.not_before <= self._queue.clock() for each in urgent):
                wanted = "make way"
        if wanted and wanted != self._told_to:
            self._told_to = wanted
            self._child.say("cancel" if wanted == CANCEL else "pause", patience_seconds=_STOP_SECONDS)
        limit = self._limit_of(now)
        if limit != self._limit:
            self._limit = limit
            self._child.say(f"limit {limit or 0}")

    def _take(self, event: dict[str, Any]) -> None:
        assert self._current is not None  # noqa: S101 - for the type
        if event["event"] == "plan":
            before, has = self._current.done_bytes, event["done_bytes"]
            if before is not None and has > before and self._current.commit == event["commit"]:
                # what came between the last note and the kill
                self._base_moved += has - before
            values = {name: event[name] for name in ("commit", "total_bytes", "files_total", "files_done")}
            self._note(moved_bytes=self._base_moved, done_bytes=has, **values)
        elif event["event"] == "progress":
            self._note(is_durable=False, **self._so_far(event))
        else:
            self._end(event)

    def _so_far(self, event: dict[str, Any]) -> dict[str, Any]:
        now = self._queue.clock()
        moved = event.get("moved_bytes", 0)
        if self._before is not None and now > self._before[0]:
            speed = max(0.0, (moved - self._before[1]) / (now - self._before[0]))
            self._speed = (
                speed if self._speed is None else _FAST_SMOOTHING * speed + (1 - _FAST_SMOOTHING) * self._speed
            )
        self._before = (now, moved)
        names = ("file", "done_bytes", "files_done", "protocol")
        values: dict[str, Any] = {name: event[name] for name in names if name in event}
        values |= {name: base + event.get(name, 0) for name, base in self._base.items()}
        return {**values, "moved_bytes": self._base_moved + moved, "bytes_per_second": self._speed}

    def _note(self, *, is_durable: bool = True, **values: Any) -> None:
        assert self._current is not None  # noqa: S101 - for the type
        now = self._queue.clock()
        if not is_durable and 0 <= now - self._noted_at < _NOTE_SECONDS:
            return
        self._noted_at = now
        self._current = self._queue.change(self._current.id, is_durable=is_durable, **values)
        self._changed(self._current)

    def _end(self, event: dict[str, Any]) -> None:
        """Note how the child ended, and what follows of it."""
        child, one = self._child, self._current
        assert child is not None  # noqa: S101 - for the type
        assert one is not None  # noqa: S101 - for the type
        child.end()
        self._child = self._current = None
        now = self._queue.clock()
        came = event.get("moved_bytes", 0) > 0
        values: dict[str, Any] = {"pid": None, "wanted": "", "bytes_per_second": None, **self._so_far(event)}
        values["bytes_per_second"] = None
        wanted = self._queue.get(one.id).wanted
        if event["event"] == "done":
            values |= {"state": DownloadState.DONE, "ended_at": now, "why": "", "file": "", "attempts": 0}
        elif wanted == CANCEL:
            values |= {"state": DownloadState.CANCELLED, "ended_at": now, "why": "cancelled"}
        elif wanted == PAUSE:
            values |= {"state": DownloadState.PAUSED, "paused_at": now, "why": "paused"}
        elif event["event"] == "stopped" or self._told_to:
            why = "makes way for a critical model" if self._told_to else "was stopped, and goes on"
            values |= {"state": DownloadState.QUEUED, "why": why}
        else:
            values |= self._after_failure(one, event, now, came=came)
        if wanted == CANCEL:
            from modeltally.availability.downloads.parts import remove_parts  # noqa: PLC0415 - only here

            remove_parts(one)  # of a child that had to be killed
        ended = self._queue.change(one.id, **values)
        if ended.is_open:
            self._changed(ended)
        else:
            self._over(ended)

    def _after_failure(self, one: Download, event: dict[str, Any], now: float, *, came: bool) -> dict[str, Any]:
        error_type = str(event["error_type"])
        told = {"why": event["why"], "error_type": error_type, "action_required": event["action_required"]}
        if error_type in _WAITS:
            return {
                **told,
                "state": DownloadState.QUEUED,
                "not_before": now + min(_WAITS[error_type], self._backoff(5)),
            }
        attempts = 1 if came else one.attempts + 1
        if not event["is_worth_retrying"] or attempts >= _MOST_ATTEMPTS:
            return {**told, "state": DownloadState.FAILED, "ended_at": now, "attempts": attempts}
        pause = max(self._backoff(attempts), float(event.get("retry_after_seconds") or 0.0))
        return {
            **told,
            "state": DownloadState.QUEUED,
            "attempts": attempts,
            "not_before": now + min(pause, _LONGEST_WAIT),
            "retries": one.retries + event.get("retries", 0) + 1,
        }

    def _put_down(self) -> None:
        """Stop what runs; it stays in the queue, with its bytes."""
        if self._child is None or self._current is None:
            return
        self._heed()
        if not self._told_to:
            self._child.say("pause", patience_seconds=_STOP_SECONDS)
        while self._child is not None:
            for event in self._child.events(self._poll_seconds):
                self._take(event)
                if self._child is None:
                    return
            if self._child.has_ended:
                self._end({"event": "stopped"})

    def _over(self, one: Download) -> None:
        """Record what is over, once: the same download recorded twice counts once."""
        self._tell_over(one)
        with contextlib.suppress(Exception):
            one = self._queue.change(one.id, is_told=True)
        self._changed(one)

    def _changed(self, one: Download) -> None:
        try:
            self._told(one)
        except Exception:
            _LOGGER.exception("what was to be told of the download of %s failed", one.model)
