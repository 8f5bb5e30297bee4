"""The durable queue between a receiver and a store.

A segment is a file of records, which the store reads as it is. Requests that arrive together share one fsync; only
then are they acknowledged.

A segment's name is the id of its batch in the store, so it never repeats: a random part for each start, a number
within it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modeltally.errors import ModelTallyError
from modeltally.receiver.spool import files
from modeltally.receiver.spool.record import Record, scan
from modeltally.receiver.spool.refused import Refused
from modeltally.threads import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Segment", "Spool", "SpoolFullError"]

_LOGGER: Final = logging.getLogger(__name__)

SUFFIX: Final = ".spool"
# What is set aside may take this part of the room.
REFUSED_SHARE: Final = 4
# A segment ends at these; the store works on one at a time and a row takes it some kilobytes of memory.
SEGMENT_BYTES: Final = 32 * 1024**2
SEGMENT_ITEMS: Final = 50_000
# A body sent again is recognised among this many bodies before it.
REMEMBERED_BODIES: Final = 65_536


class SpoolFullError(ModelTallyError):
    """The spool is at its limit, or the disk is."""


@dataclass
class Segment:
    """A file of records."""

    path: Path
    size_bytes: int = 0
    records: int = 0
    items: int = 0
    opened_at: float = field(default_factory=time.monotonic)
    is_stuck: bool = False

    @property
    def name(self) -> str:
        """The id of its batch in the store."""
        return self.path.name.removesuffix(SUFFIX)


@dataclass
class _Waiting:
    message: bytes
    items: int
    digest: bytes
    done: list[Callable[[Exception | None], None]]


class Spool:
    """Takes requests, keeps them through a crash, gives them out in segments.

    Safe to use from several threads; one thread of its own writes. Any call to the disk may fail at any moment: then a
    request is not acknowledged, or what was to be deleted is deleted later.

    Attributes:
        refused: What was set aside.
        damaged: How many records were found damaged when it was opened.
    """

    def __init__(self, directory: Path, *, max_bytes: int, min_free_disk_bytes: int) -> None:
        """Open the spool and take up what an earlier process left.

        Args:
            directory: Where the segments are; made when missing.
            max_bytes: The most bytes it may hold.
            min_free_disk_bytes: The free disk below which it takes nothing more.

        Raises:
            OSError: The directory cannot be used.
        """
        self._directory = directory
        self._max_bytes = max_bytes
        self._min_free_disk_bytes = min_free_disk_bytes
        files.make_directory(directory)
        self.refused = Refused(directory, max_bytes=max_bytes // REFUSED_SHARE)
        self._start_id = secrets.token_hex(8)
        self._number = 0

        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._pending: dict[bytes, _Waiting] = {}
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._sealed: deque[Segment] = deque()
        self._closing = False
        self._hurried = 0

        self._file_lock = threading.Lock()
        self._active: Segment | None = None
        self._descriptor = -1
        # stored, and not deleted yet
        self._stored: list[Segment] = []

        self.damaged = 0
        self._recover()
        self._writer = Worker(self._write_loop, name=f"spool writer of {directory.name}")
        self._writer.start()

    @property
    def max_bytes(self) -> int:
        """The most bytes the spool may hold."""
        return self._max_bytes

    @property
    def used_bytes(self) -> int:
        """Bytes written and not stored yet, those set aside included."""
        with self._changed:
            return self._used_bytes()

    @property
    def records(self) -> int:
        """Requests acknowledged and not stored yet."""
        with self._changed:
            return sum(segment.records for segment in self._segments())

    @property
    def oldest_age_seconds(self) -> float:
        """Seconds since the oldest segment was opened; 0 when there is none."""
        with self._changed:
            return max((time.monotonic() - segment.opened_at for segment in self._segments()), default=0.0)

    @property
    def problem(self) -> str | None:
        """What keeps it from working, though there is room; None when all is well."""
        with self._changed:
            left = sum(segment.is_stuck for segment in self._stored)  # the others are being deleted
        return self._writer.problem or (
            f"{left} stored segments of {self._directory} cannot be deleted" if left else None
        )

    def check_room(self, *, spare_bytes: int = 0) -> None:
        """Tell whether there is room.

        Args:
            spare_bytes: How much more than nothing there must be room for.

        Raises:
            SpoolFullError: There is none.
        """
        with self._changed:
            self._check_room(spare_bytes)

    def append(
        self,
        request: bytes,
        *,
        items: int,
        received_ms: int,
        digest: bytes,
        done: Callable[[Exception | None], None],
    ) -> bool:
        """Write a request; ``done`` is called from the spool's thread once it is on disk, or with what went wrong.

        Args:
            request: The filtered request, encoded.
            items: How many items it holds.
            received_ms: When it came, in milliseconds since the epoch.
            digest: The digest of the body: one that is held already, or was lately, is not written again.
            done: Told of the end, with None when the request is safe.

        Returns:
            False when the body was known already.

        Raises:
            SpoolFullError: There is no room.
        """
        if self._writer.problem:
            raise SpoolFullError(self._writer.problem)
        with self._changed:
            if digest in self._known:
                self._known.move_to_end(digest)
                done(None)
                return False
            twin = self._pending.get(digest)
            if twin is not None:
                twin.done.append(done)
                return False
            message = Record(request, received_ms, items, digest).message()
            self._check_room(len(message))
            waiting = _Waiting(message, items, digest, [done])
            self._pending[digest] = waiting
            self._waiting.append(waiting)
            self._waiting_bytes += len(message)
            self._changed.notify_all()
            return True

    def next_segment(self, *, min_age_seconds: float, timeout_seconds: float) -> Segment | None:
        """Wait for a segment to ship; it stays in the spool until :meth:`remove` or :meth:`set_aside`.

        Args:
            min_age_seconds: How long a segment collects requests before it is given out.
            timeout_seconds: How long to wait for one.

        Returns:
            The oldest segment, closed; None when there is none in time.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            with self._changed:
                if self._sealed:
                    return self._sealed[0]
                now = time.monotonic()
                ready_at = self._ready_at(min_age_seconds)
                if now < ready_at:
                    if now >= deadline:
                        return None
                    self._changed.wait(min(ready_at, deadline) - now)
                    continue
            self.seal()

    def seal(self) -> None:
        """Close the segment being written, so that it can be shipped."""
        with self._file_lock:
            self._seal()

    def remove(self, segment: Segment) -> None:
        """Delete a segment that is stored; one that the disk does not let go of is deleted later."""
        with self._changed:
            self._stored.append(segment)
            self._forget(segment)
        self.delete_stored()

    def delete_stored(self) -> None:
        """Delete what is stored and still there."""
        with self._changed:
            stored = list(self._stored)
        for segment in stored:
            try:
                files.remove(segment.path)
            except OSError as error:
                if not segment.is_stuck:
                    _LOGGER.warning("%s is stored and cannot be deleted: %s", segment.path, error)
                segment.is_stuck = True
                continue
            with self._changed:
                if segment in self._stored:  # another thread may have been faster
                    self._stored.remove(segment)
        with contextlib.suppress(OSError):  # after a crash it would be there again, and be stored once all the same
            if stored:
                files.sync_directory(self._directory)

    def set_aside(self, segment: Segment) -> Path:
        """Keep a segment that cannot be stored out of the way.

        Returns:
            Where it is now.

        Raises:
            OSError: It cannot be moved.
        """
        place = self.refused.take(segment.path, segment.size_bytes)
        with self._changed:
            self._forget(segment)
        return place

    def wait_until_empty(self, *, timeout_seconds: float) -> bool:
        """Have everything shipped at once, and wait until it is stored; tells whether it is."""
        with self._changed:
            self._hurried += 1
            self._changed.notify_all()
            try:
                return self._changed.wait_for(
                    lambda: not self._pending and not any(segment.records for segment in self._segments()),
                    timeout_seconds,
                )
            finally:
                self._hurried -= 1

    def close(self) -> None:
        """Write what waits, and close; segments not stored yet wait for the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join()
        self.seal()
        self.delete_stored()

    # -- writing -------------------------------------------------------------------------------------------------

    def _write_loop(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                if not self._waiting:
                    return
                group = list(self._waiting)
                self._waiting.clear()
            try:
                error = self._write(group)
            except Exception as problem:  # whatever it is: whoever waits is told
                _LOGGER.exception("the spool cannot write")
                error = problem
            with self._changed:
                for item in group:
                    del self._pending[item.digest]
                    self._waiting_bytes -= len(item.message)
                    if error is None:
                        self._remember(item.digest)
                callbacks = [done for item in group for done in item.done]
                self._changed.notify_all()
            for done in callbacks:
                try:
                    done(error)
                except Exception:
                    _LOGGER.exception("a request could not be told that it is written")

    def _write(self, group: list[_Waiting]) -> Exception | None:
        with self._file_lock:
            try:
                segment = self._active or self._open_segment()
                files.write(self._descriptor, b"".join(item.message for item in group))
            except (OSError, MemoryError) as error:
                _LOGGER.warning("the spool cannot write: %s", error)
                self._undo()
                return SpoolFullError(f"the spool cannot write to {self._directory}: {error}")
            with self._changed:
                segment.size_bytes += sum(len(item.message) for item in group)
                segment.records += len(group)
                segment.items += sum(waiting.items for waiting in group)
            if segment.size_bytes >= SEGMENT_BYTES or segment.items >= SEGMENT_ITEMS:
                self._seal()
        return None

    def _open_segment(self) -> Segment:
        self._number += 1
        path = self._directory / f"{self._start_id}-{self._number:08d}{SUFFIX}"
        self._descriptor = files.open_new(path)
        segment = Segment(path)
        with self._changed:
            self._active = segment
        files.sync_directory(self._directory)
        return segment

    def _undo(self) -> None:
        """Cut off what was not acknowledged. After a failed fsync nothing is known of the file, so it ends here."""
        segment = self._active
        if segment is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, segment.size_bytes)
            os.fdatasync(self._descriptor)
        self._seal()

    def _seal(self) -> None:
        segment = self._active
        if segment is None:
            return
        with contextlib.suppress(OSError):  # it is closed then, and what was acknowledged is on disk
            os.close(self._descriptor)
        self._descriptor = -1
        with self._changed:
            self._active = None
            if segment.records:
                self._sealed.append(segment)
            self._changed.notify_all()
            if not segment.records:
                self._stored.append(segment)
        if not segment.records:
            self.delete_stored()

    # -- bookkeeping; the caller holds the condition's lock --------------------------------------------------------

    def _segments(self) -> list[Segment]:
        return [*self._sealed, self._active] if self._active else list(self._sealed)

    def _ready_at(self, min_age_seconds: float) -> float:
        if self._active is None or not self._active.records:
            return float("inf")
        return self._active.opened_at + (0.0 if self._closing or self._hurried else min_age_seconds)

    def _used_bytes(self) -> int:
        held = [*self._segments(), *self._stored]
        return sum(segment.size_bytes for segment in held) + self._waiting_bytes + self.refused.used_bytes

    def _check_room(self, size_bytes: int) -> None:
        used = self._used_bytes() + size_bytes
        if used > self._max_bytes:
            raise SpoolFullError(f"the spool is full: {self._used_bytes()} of {self._max_bytes} bytes")
        try:
            disk = os.statvfs(self._directory)
        except OSError as error:
            raise SpoolFullError(f"the disk of {self._directory} does not answer: {error}") from None
        free = disk.f_bavail * disk.f_frsize
        if free - size_bytes < self._min_free_disk_bytes:
            raise SpoolFullError(
                f"the disk of {self._directory} has {free} bytes free, the floor is {self._min_free_disk_bytes}"
            )

    def _remember(self, digest: bytes) -> None:
        self._known[digest] = None
        if len(self._known) > REMEMBERED_BODIES:
            self._known.popitem(last=False)

    def _forget(self, segment: Segment) -> None:
        self._sealed.remove(segment)
        self._changed.notify_all()

    # -- start -----------------------------------------------------------------------------------------------------

    def _recover(self) -> None:
        found = sorted(files.regular_files(self._directory), key=lambda file: file[1].st_mtime_ns)
        for path, _ in found:
            if path.suffix != SUFFIX:
                continue
            segment = Segment(path)
            try:
                self._recover_segment(segment)
            except OSError as error:
                # the start goes on without it; the next one tries again
                _LOGGER.error("%s cannot be read or mended and is left alone: %s", path, error)  # noqa: TRY400 - one line says it
                self.damaged += 1
                continue
            if segment.records:
                self._sealed.append(segment)
            else:
                self._stored.append(segment)
        self.delete_stored()

    def _recover_segment(self, segment: Segment) -> None:
        path, content = segment.path, files.read(segment.path)
        sound: list[bytes] = []
        damaged = 0
        for record, message in scan(content):
            if record is None:
                damaged += 1
                continue
            sound.append(message)
            segment.records += 1
            segment.items += record.items
            self._remember(record.digest)
        kept = b"".join(sound)
        segment.size_bytes = len(kept)
        self.damaged += damaged
        if damaged or not content.startswith(kept):
            _LOGGER.error("%s is damaged: %d of its %d bytes are sound", path, len(kept), len(content))
            self.refused.keep_copy(path.name, content)
            files.replace(path, kept)
        elif len(kept) < len(content):
            _LOGGER.info("%s: cutting off %d bytes that were never acknowledged", path, len(content) - len(kept))
            files.cut(path, len(kept))
