"""The queue of downloads: one small file, replaced whole and flushed at each step, so that nothing undoes a step.

Order, paused state and what came of each download outlive every process and the machine's power. Several processes
may use it at once: whoever changes it holds a lock for that moment, and what runs looks at it again and again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.declared import ModelPriority
from modeltally.availability.disk import read_small
from modeltally.availability.downloads.record import RANKS, Download, DownloadReason, DownloadState, Lane
from modeltally.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["CANCEL", "PAUSE", "DownloadQueue"]

PAUSE, CANCEL = "pause", "cancel"
_FORMAT: Final = 1
_FILE: Final = "downloads.json"
_MOST_BYTES: Final = 64 * 1024**2
_KEPT_ENDED: Final = 200
_MOST_OPEN: Final = 5000


class DownloadQueue:
    """Downloads that wait, run, are paused, and the last ones that are over."""

    def __init__(self, directory: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Take the folder; nothing is read yet.

        Args:
            directory: Where its file is, or will be.
            clock: Tells the time, seconds since 1970.
        """
        self.directory = directory
        self.path = directory / _FILE
        self.clock = clock
        self._thread_lock = threading.Lock()

    def all(self) -> list[Download]:
        """Give every download, those that are over at the end, the last one first.

        Raises:
            InputError: The file is none of a queue.
        """
        found = self._read()
        waiting = sorted((each for each in found if each.is_open), key=_order)
        over = sorted((each for each in found if not each.is_open), key=lambda each: -(each.ended_at or 0.0))
        return [*waiting, *over]

    def waiting(self) -> list[Download]:
        """Give those that wait for their turn, in that order."""
        return [each for each in self.all() if each.state is DownloadState.QUEUED]

    def get(self, download_id: str) -> Download:
        """Give one.

        Raises:
            UnknownNameError: There is none of that id.
        """
        return _one(self._read(), download_id)

    def find(self, name: str) -> Download:
        """Give the one that is open for a model, else the last one that was; by the model's name or an id.

        Raises:
            UnknownNameError: There is none.
        """
        found = self.all()
        for each in found:
            if name == each.id or name.casefold() == each.model.casefold():
                return each
        raise UnknownNameError("download", name, {each.model for each in found})

    def add(  # noqa: PLR0913 - each is said of a download
        self,
        model: str,
        *,
        cache: Path,
        revision: str = "",
        files: Sequence[str] = (),
        endpoint: str = "",
        priority: ModelPriority = ModelPriority.MEDIUM,
        reason: DownloadReason = DownloadReason.ASKED,
        lane: Lane = Lane.AUTO,
        limit_bytes_per_second: float | None = None,
        uses_per_day: float = 0.0,
    ) -> Download:
        """Ask for a model; one that is asked for already becomes no second download, and keeps the higher priority.

        Args:
            model: What the hub calls it.
            cache: The folder of the cache.
            revision: A branch, tag or commit; empty for the main branch.
            files: Patterns of the files that are wanted; none for all.
            endpoint: The hub's address; empty for the usual one.
            priority: How soon.
            reason: Why.
            lane: How.
            limit_bytes_per_second: At most so fast.
            uses_per_day: How often it is asked for.

        Returns:
            The download.

        Raises:
            InputError: The name is none, or the queue cannot be written.
        """
        if not model.strip() or len(model) > 512 or not model.isprintable() or ".." in model or model[0] == "/":  # noqa: PLR2004 - as declared models
            raise InputError(f"{model[:80]!r} is no name of a model; allowed: names such as Wan-AI/Wan2.2-T2V-A14B")
        where = os.path.realpath(cache)
        now = self.clock()
        made: list[Download] = []

        def change(found: list[Download]) -> list[Download]:
            for at, each in enumerate(found):
                if each.is_open and (each.model, each.cache, each.revision) == (model, where, revision):
                    sooner = min(each.priority, priority, key=RANKS.__getitem__)
                    worse = DownloadReason.CORRUPTED in (each.reason, reason)
                    found[at] = dataclasses.replace(
                        each,
                        priority=sooner,
                        reason=DownloadReason.CORRUPTED if worse else each.reason,
                        uses_per_day=max(each.uses_per_day, uses_per_day),
                        updated_at=now,
                    )
                    made.append(found[at])
                    return found
            if sum(each.is_open for each in found) >= _MOST_OPEN:
                raise InputError(f"{_MOST_OPEN} downloads wait already; let some end first")
            made.append(
                Download(
                    id=secrets.token_hex(4),
                    number=max((each.number for each in found), default=0) + 1,
                    model=model,
                    cache=where,
                    revision=revision,
                    files=tuple(files),
                    endpoint=endpoint,
                    priority=priority,
                    reason=reason,
                    lane=lane,
                    limit_bytes_per_second=limit_bytes_per_second,
                    uses_per_day=uses_per_day,
                    queued_at=now,
                    updated_at=now,
                )
            )
            return [*found, made[0]]

        self._change(change)
        return made[0]

    def change(self, download_id: str, *, is_durable: bool = True, **values: Any) -> Download:
        """Note something of a download.

        Args:
            download_id: Which.
            is_durable: Wait until the disk has it; what comes every second, as progress does, need not.
            **values: Fields of :class:`Download`.

        Raises:
            UnknownNameError: There is none of that id.
            InputError: The queue cannot be written.
        """
        changed: list[Download] = []

        def change(found: list[Download]) -> list[Download]:
            one = _one(found, download_id)
            changed.append(dataclasses.replace(one, updated_at=self.clock(), **values))
            return [changed[0] if each is one else each for each in found]

        self._change(change, is_durable=is_durable)
        return changed[0]

    def pause(self, download_id: str) -> Download:
        """Have a download stop and keep what it has; whoever runs it sees that within a second.

        Raises:
            InputError: It is over.
        """
        one = self._still_open(download_id, "paused")
        if one.state is DownloadState.DOWNLOADING:
            return self.change(one.id, wanted=PAUSE)
        if one.state is DownloadState.PAUSED:
            return one
        return self.change(one.id, state=DownloadState.PAUSED, paused_at=self.clock(), why="paused", wanted="")

    def resume(self, download_id: str) -> Download:
        """Have a download that is paused, or that failed, go on.

        Raises:
            InputError: It is done, or was cancelled.
        """
        one = self.get(download_id)
        if one.state in (DownloadState.DONE, DownloadState.CANCELLED):
            raise InputError(f"the download of {one.model} is {one.state}; ask for it anew: modeltally models pull")
        if one.state is DownloadState.DOWNLOADING:
            return self.change(one.id, wanted="") if one.wanted == PAUSE else one
        return self.change(
            one.id,
            state=DownloadState.QUEUED,
            wanted="",
            why="",
            error_type="",
            action_required="",
            attempts=0,
            not_before=0.0,
            ended_at=None,
            is_told=False,
            **self._pause_over(one),
        )

    def cancel(self, download_id: str) -> Download:
        """Have a download end; what it has of unfinished files goes, whole files stay.

        Raises:
            InputError: It is over.
        """
        one = self._still_open(download_id, "cancelled")
        if one.state is DownloadState.DOWNLOADING:
            return self.change(one.id, wanted=CANCEL)
        from modeltally.availability.downloads.parts import remove_parts  # noqa: PLC0415 - only here

        remove_parts(one)
        return self.change(one.id, state=DownloadState.CANCELLED, ended_at=self.clock(), why="cancelled", wanted="",
                           **self._pause_over(one))  # fmt: skip

    def _pause_over(self, one: Download) -> dict[str, Any]:
        if one.paused_at is None:
            return {}
        paused = max(0.0, self.clock() - one.paused_at)  # a clock that was set back ends no pause in the past
        return {"paused_at": None, "paused_seconds": one.paused_seconds + paused}

    def _still_open(self, download_id: str, what: str) -> Download:
        one = self.get(download_id)
        if not one.is_open:
            raise InputError(f"the download of {one.model} is {one.state}, and cannot be {what}")
        return one

    @contextlib.contextmanager
    def running(self) -> Iterator[bool]:
        """Be the one that works through the queue, for a block; gives False where another process is."""
        self._make_folder()
        with open(self.directory / "downloads.runner.lock", "a+b") as file:  # noqa: PTH123 - to be locked
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            file.truncate(0)
            file.write(b"%d\n" % os.getpid())
            file.flush()
            yield True

    @property
    def is_running(self) -> bool:
        """Whether some process works through it now."""
        try:
            with open(self.directory / "downloads.runner.lock", "rb") as file:  # noqa: PTH123 - to be locked
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _change(self, change: Callable[[list[Download]], list[Download]], *, is_durable: bool = True) -> None:
        self._make_folder()
        try:
            with self._thread_lock, open(self.directory / "downloads.lock", "a+b") as locked:  # noqa: PTH123 - as above
                fcntl.flock(locked, fcntl.LOCK_EX)
                before = self._read()
                after = _without_old(change(list(before)))
                if after != before:
                    self._write(after, is_durable=is_durable)
        except OSError as error:
            raise InputError(f"cannot write the queue of downloads {self.path}: {error.strerror or error}") from error

    def _make_folder(self) -> None:
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot make the folder of the queue of downloads {self.directory}: {error.strerror or error}"
            ) from error

    def _read(self) -> list[Download]:
        try:
            content = json.loads(read_small(self.path, limit_bytes=_MOST_BYTES))
            if content["format"] != _FORMAT:
                raise InputError(
                    f"{self.path} is of format {content['format']!r}, and this version reads {_FORMAT}:"
                    " use the version that wrote it, or move the file away"
                )
            return [Download.of(each) for each in content["downloads"]]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise InputError(f"cannot read the queue of downloads {self.path}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f"{self.path} is no queue of downloads ({' '.join(str(error).split())[:100]}): move the file away, and"
                " ask for the models anew"
            ) from error

    def _write(self, found: list[Download], *, is_durable: bool) -> None:
        text = json.dumps({"format": _FORMAT, "downloads": [each.to_dict() for each in found]}, indent=1)
        made = self.path.with_name(f".{_FILE}.new")
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
        made.replace(self.path)
        if is_durable:
            folder = os.open(self.directory, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


def _order(each: Download) -> tuple[object, ...]:
    return (each.state is not DownloadState.DOWNLOADING, each.state is DownloadState.PAUSED, *each.place)


def _one(found: list[Download], download_id: str) -> Download:
    for each in found:
        if each.id == download_id:
            return each
    raise UnknownNameError("download", download_id, {each.id for each in found})


def _without_old(found: list[Download]) -> list[Download]:
    """Let go of all but the last ones that are over and told of."""
    over = sorted((each for each in found if not each.is_open), key=lambda each: each.ended_at or 0.0)
    gone = {each.id for each in over[: max(0, len(over) - _KEPT_ENDED)]}
    return [each for each in found if each.id not in gone]
