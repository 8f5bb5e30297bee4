"""One file over plain HTTP: piece by piece, from the byte at which it ended, no faster than allowed, and summed.

A piece is what comes in about a second, so that a pause comes soon and no byte that was sent is thrown away. A part
is written, and only what has the right length and sum gets the name by which the cache knows it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

import requests
import urllib3

from modeltally.availability.downloads.faults import FetchError, StoppedError, refusal
from modeltally.availability.downloads.parts import part_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from modeltally.availability.downloads.plan import PlannedFile
    from modeltally.availability.downloads.source import Source
    from modeltally.availability.reading import Throttle

__all__ = ["Counts", "Fetcher"]

_LEAST_PIECE: Final = 256 * 1024
_MOST_PIECE: Final = 64 * 1024**2
_PIECE_SECONDS: Final = 1.0
_CHUNK: Final = 256 * 1024
_SMALL_CHUNK: Final = 16 * 1024
_TIMEOUT: Final = (10.0, 30.0)  # to be reached, and between two bytes
_GRACE_SECONDS: Final = 3.0  # a piece that is to stop may still end
_TRIES: Final = 5  # in a row, without a byte more
_FLUSH_BYTES: Final = 256 * 1024**2
_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_STALE: Final = frozenset({401, 403, 404, 410})  # what an address that was valid for an hour answers afterwards


class Counts:
    """What a download has moved so far.

    Attributes:
        moved_bytes: What came over the network.
        resumed_bytes: What unfinished files had when they went on.
        retries: How often something was tried again.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        self.moved_bytes = 0
        self.resumed_bytes = 0
        self.retries = 0


class Fetcher:
    """Fetches files of one model, one after the other."""

    def __init__(  # noqa: PLR0913 - what it works with
        self,
        source: Source,
        commit: str,
        *,
        headers: Mapping[str, str],
        counts: Counts,
        throttle: Callable[[], Throttle | None],
        should_stop: Callable[[], bool],
        advance: Callable[[PlannedFile, int], object],
        wait: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what it works with.

        Args:
            source: What, from where.
            commit: The commit.
            headers: What the hub wants to see: who asks, the token.
            counts: Takes what is moved.
            throttle: Gives what holds it back now; None for nothing.
            should_stop: Tells whether to stop, keeping what is here.
            advance: Takes how far a file is, after each chunk.
            wait: Waits for seconds between two tries.
            clock: Tells seconds.
        """
        self._source = source
        self._commit = commit
        self._headers = {**headers, "Accept-Encoding": "identity"}
        self._counts = counts
        self._throttle = throttle
        self._should_stop = should_stop
        self._advance = advance
        self._wait = wait
        self._clock = clock
        self._session = requests.Session()
        self._speed = 0.0

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def fetch(self, file: PlannedFile) -> None:
        """Fetch a file, going on with the part that is here.

        Args:
            file: The file.

        Raises:
            StoppedError: It was to stop; the part stays.
            FetchError: It cannot be fetched.
            OSError: It cannot be written; the part stays.
        """
        part = part_of(file.blob)
        part.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
        with os.fdopen(os.open(part, flags, 0o666), "r+b", buffering=0) as target:
            state = _Part(target, file)
            self._counts.resumed_bytes += state.at
            self._fetch_into(state, file)
            os.fsync(target.fileno())
            if state.digest() != file.digest.value:
                part.unlink()
                self._advance(file, 0)
                raise FetchError(
                    "wrong_sum",
                    f"{file.name} came with another {file.digest.algorithm} than the hub says, and was thrown away",
                    is_worth_retrying=True,
                )
            # the name comes last: what has it is whole
            part.replace(file.blob)

    def _fetch_into(self, state: _Part, file: PlannedFile) -> None:
        url = f"{self._source.address}/{self._source.model}/resolve/{self._commit}/{quote(file.name, safe='/')}"
        location, tries = url, 0
        while state.at < file.size_bytes:
            if self._should_stop():
                os.fsync(state.target.fileno())
                raise StoppedError
            before = state.at
            try:
                location = self._piece(state, file, location if tries == 0 else url)
                tries = 0
            except (FetchError, requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                is_network = isinstance(error, requests.RequestException | ConnectionError | TimeoutError)
                if isinstance(error, OSError) and not is_network:
                    raise
                if isinstance(error, FetchError) and not error.is_worth_retrying:
                    raise
                tries = 1 if state.at > before else tries + 1
                self._counts.retries += 1
                if tries >= _TRIES:
                    raise
                asked = error.retry_after_seconds if isinstance(error, FetchError) else 0.0
                self._wait(max(asked, 0.25 * 2**tries if tries > 1 else 0.0))

    def _piece(self, state: _Part, file: PlannedFile, location: str) -> str:
        """Fetch one piece, and give the address that it came from."""
        throttle = self._throttle()
        size = min(self._piece_bytes(throttle), file.size_bytes - state.at)
        begin, end = state.at, state.at + size
        began = self._clock()
        headers = {**self._headers, "Range": f"bytes={begin}-{end - 1}"}
        if urlsplit(location).netloc != urlsplit(self._source.address).netloc:
            headers.pop("authorization", None)
            headers.pop("Authorization", None)
        with self._session.get(location, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if answer.status_code in _STALE and location.partition("?")[0] != self._url_of(file):
                raise FetchError("stale", "the address of the file is too old", is_worth_retrying=True)
            self._check(answer, file, begin, end)
            if answer.status_code == HTTPStatus.OK and begin:
                state.restart()  # it cannot give a part of a file
                begin, end = 0, file.size_bytes
            elif answer.status_code == HTTPStatus.OK:
                end = file.size_bytes
            self._read(answer, state, file, end, throttle)
            spent = max(self._clock() - began, 1e-6)
            self._speed = (state.at - begin) / spent
            return str(answer.url)

    def _url_of(self, file: PlannedFile) -> str:
        return f"{self._source.address}/{self._source.model}/resolve/{self._commit}/{quote(file.name, safe='/')}"

    def _piece_bytes(self, throttle: Throttle | None) -> int:
        if throttle is not None:
            return max(16 * 1024, min(_MOST_PIECE, int(throttle.bytes_per_second * _PIECE_SECONDS)))
        return max(_LEAST_PIECE, min(_MOST_PIECE, int(self._speed * _PIECE_SECONDS)))

    def _check(self, answer: Any, file: PlannedFile, begin: int, end: int) -> None:
        if answer.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise _lying(self._source, file, "has no bytes there")
            raise refusal(answer.status_code, self._source, headers=answer.headers)
        if answer.status_code == HTTPStatus.PARTIAL_CONTENT:
            found = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if found is None or int(found[1]) != begin or int(found[2]) >= end:
                raise _lying(self._source, file, "answers for other bytes than were asked for")
            if found[3] not in ("*", str(file.size_bytes)):
                raise _lying(self._source, file, f"has {found[3]} bytes")
        else:
            length = answer.headers.get("Content-Length")
            if length is not None and length.isdigit() and int(length) != file.size_bytes:
                raise _lying(self._source, file, f"has {length} bytes")

    def _read(self, answer: Any, state: _Part, file: PlannedFile, end: int, throttle: Throttle | None) -> None:
        stopping_at: float | None = None
        for chunk in _chunks(answer.raw):
            if state.at + len(chunk) > end:
                self._counts.moved_bytes += len(chunk)
                raise _lying(self._source, file, "sends more than was asked for")
            self._counts.moved_bytes += len(chunk)
            state.write(chunk)
            self._advance(file, state.at)
            if throttle is not None:
                throttle.passed(len(chunk))
            if self._should_stop():
                stopping_at = stopping_at or self._clock()
                if self._clock() - stopping_at > _GRACE_SECONDS:
                    os.fsync(state.target.fileno())
                    raise StoppedError
        if state.at < end:
            raise FetchError("cut", f"the connection ended {end - state.at} bytes early", is_worth_retrying=True)


def _chunks(raw: Any) -> Iterator[bytes]:
    """Give what has come as soon as it has: what waits for a whole chunk loses one that a broken connection cuts."""
    read1 = getattr(raw, "read1", None)  # of urllib3 2
    while chunk := read1(_CHUNK, decode_content=False) if read1 else raw.read(_SMALL_CHUNK, decode_content=False):
        yield chunk


def _lying(source: Source, file: PlannedFile, what: str) -> FetchError:
    return FetchError(
        "lying_hub",
        f"{source.address} lists {file.name} with {file.size_bytes} bytes, and {what}",
        action_required="tell who runs the hub; nothing of this file is kept",
    )


class _Part:
    """A file while it comes, and its sum as far as it is here."""

    def __init__(self, target: Any, file: PlannedFile) -> None:
        self.target = target
        self._file = file
        self._flushed = 0
        if os.fstat(target.fileno()).st_size > file.size_bytes:
            os.ftruncate(target.fileno(), 0)
        self._begin()
        while chunk := target.read(4 * 1024**2):
            self._sum.update(chunk)
            self.at += len(chunk)

    def _begin(self) -> None:
        self.at = 0
        if self._file.digest.algorithm == "sha256":
            self._sum = hashlib.sha256()
        else:
            header = f"blob {self._file.size_bytes}\0".encode()
            self._sum = hashlib.sha1(header, usedforsecurity=False)

    def restart(self) -> None:
        """Begin anew."""
        os.ftruncate(self.target.fileno(), 0)
        self.target.seek(0)
        self._begin()

    def write(self, chunk: bytes) -> None:
        """Add to it; what the disk did not take is not counted."""
        view = memoryview(chunk)
        while view:
            written = self.target.write(view)
            self._sum.update(view[:written])
            self.at += written
            view = view[written:]
        if self.at - self._flushed >= _FLUSH_BYTES:
            self._flushed = self.at
            with contextlib.suppress(OSError):
                os.fdatasync(self.target.fileno())

    def digest(self) -> str:
        """The sum of what is here."""
        return self._sum.hexdigest()
