"""huggingface_hub: each snapshot or file that is asked for is one download, with what was really moved.

Files are counted where the library looks its own functions up at each call, so that what imported them early is seen
too. Neither headers nor addresses are read: of where it came from the host alone is kept.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from modeltally.instrument import _clock
from modeltally.instrument import _names as names
from modeltally.instrument._guard import guarded, swallow
from modeltally.instrument._lock import Lock
from modeltally.instrument.libraries._calls import Call, call_watched
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor
from modeltally.instrument.recording import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from modeltally.instrument._values import Values

__all__ = ["Gathering", "HuggingfaceHubInstrumentor", "Moved", "gathered"]

_COMMIT: Final = re.compile(r"[0-9a-f]{40}")
_FILES: Final = ("_hf_hub_download_to_cache_dir", "_hf_hub_download_to_local_dir")
_MODEL: Final = "model"
HTTP, XET, LOCAL = "http", "xet", "local"


class Moved:
    """What a download has moved so far; several threads may count at once."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = Lock()
        self.files = 0
        self.cached = 0
        self.size = 0
        self.bytes = 0
        self.retries = 0
        self.resumed_bytes = 0
        self.protocol = ""
        self.commit = ""

    def add(self, **counts: int) -> None:
        """Add to some of the counts."""
        for _ in self._lock.taken:
            try:
                for name, count in counts.items():
                    setattr(self, name, getattr(self, name) + count)
            finally:
                self._lock.release()
            break

    def values(self, *, seconds: float) -> Values:
        """Say it by keyword.

        Args:
            seconds: How long it took.
        """
        told: Values = {
            "download_bytes": self.bytes,
            "download_size_bytes": self.size if self.files else None,
            "download_files": self.files or None,
            "download_files_cached": self.cached if self.files else None,
            "download_cache_hit": self.cached == self.files if self.files else None,
            "download_retries": self.retries,
            "download_resumed": self.resumed_bytes > 0,
            "download_protocol": self.protocol or (LOCAL if self.files else None),
            "model_commit": self.commit or None,
        }
        if self.resumed_bytes:
            told["download_resumed_bytes"] = self.resumed_bytes
        if self.bytes and seconds > 0:
            told["download_bytes_per_second"] = self.bytes / seconds
        return told


class Gathering:
    """Downloads within something larger, such as a load: what moved bytes or failed is recorded at its end."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = Lock()
        self._parts: dict[str, _Part] = {}

    def part(self, repository: str) -> _Part:
        """What is fetched of one repository."""
        for _ in self._lock.taken:
            try:
                if repository not in self._parts:
                    self._parts[repository] = _Part()
            finally:
                self._lock.release()
            break
        return self._parts[repository]

    @property
    def bytes(self) -> int:
        """What was moved."""
        return sum(part.moved.bytes for part in self._parts.values())

    @property
    def commit(self) -> str:
        """The commit of the first repository; empty where it is not known."""
        return next((part.moved.commit for part in self._parts.values()), "")

    @property
    def folder(self) -> str:
        """The folder of the cache that the files of the first repository are in; empty where there is none."""
        return next((part.folder for part in self._parts.values()), "")

    @guarded(None)
    def record(self) -> None:
        """Record a download for each repository that bytes came from, or that failed."""
        for repository, part in self._parts.items():
            if part.moved.bytes or part.error_type:
                told = part.moved.values(seconds=(part.ended_ns - part.started_ns) / 1e9)
                told["model"] = repository
                record(
                    names.MODEL_DOWNLOAD,
                    started_at=part.started_ns,
                    ended_at=part.ended_ns,
                    outcome=names.ERROR if part.error_type else names.SUCCESS,
                    error_type=part.error_type or None,
                    source=names.SOURCE_AUTO,
                    **told,
                )


class _Part:
    """What is fetched of one repository."""

    def __init__(self) -> None:
        self.moved = Moved()
        self.started_ns = self.ended_ns = _clock.time_ns()
        self.error_type = ""
        self.folder = ""

    def found(self, path: str) -> None:
        """Note where something is."""
        commit = _commit_in(path)
        self.moved.commit = self.moved.commit or commit
        self.folder = self.folder or (path[: path.index(commit) + len(commit)] if commit else "")

    def end(self, error: BaseException | None) -> None:
        """Note that something was fetched, or not: a file that may be missing often is."""
        self.ended_ns = max(self.started_ns, _clock.time_ns())
        if error is not None and not _is_missing(error):
            self.error_type = type(error).__qualname__


class _File:
    """One file under way."""

    __slots__ = ("is_moved", "moved", "resumed_bytes")

    def __init__(self, moved: Moved) -> None:
        self.moved = moved
        self.is_moved = False
        self.resumed_bytes = 0

    def resume(self, at: int) -> None:
        """Note that it goes on from where it was cut; what it had by then was not fetched again."""
        more = max(0, at - self.resumed_bytes)
        self.resumed_bytes += more
        self.moved.add(retries=1, resumed_bytes=more)


_under_way: ContextVar[Moved | Gathering | None] = ContextVar("modeltally_download", default=None)
_file: ContextVar[_File | None] = ContextVar("modeltally_file", default=None)


@contextlib.contextmanager
def gathered() -> Iterator[Gathering]:
    """Gather what is downloaded in a block, and record it at the end; within another such block that does so."""
    outer = _under_way.get()
    if outer is not None:
        yield outer if isinstance(outer, Gathering) else Gathering()
        return
    gathering = Gathering()
    token = _under_way.set(gathering)
    try:
        yield gathering
    finally:
        _under_way.reset(token)
        gathering.record()


class HuggingfaceHubInstrumentor(Instrumentor):
    """Watches downloads."""

    library = "huggingface_hub"
    versions = ("0.36", "3")
    loss = "downloads are not counted"
    modules = (
        "huggingface_hub.file_download",
        "huggingface_hub._snapshot_download",
        "huggingface_hub.utils._xet_progress_reporting",
    )

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Watch files, their transfers, and snapshots."""
        if module.__name__ == self.modules[0]:
            for name in _FILES:
                yield self.patch(module, name, self._of_file)
            yield self.patch(module, "http_get", self._over_http)
            yield self.patch(module, "xet_get", self._over_xet)
        elif module.__name__ == self.modules[1]:
            yield self.patch(module, "snapshot_download", self._of_snapshot, everywhere=True)
            mapped = "hf_thread_map" if hasattr(module, "hf_thread_map") else "thread_map"
            yield self.patch(module, mapped, self._in_threads)
        elif hasattr(module, "XetDownloadProgressReporter"):
            yield self.patch(module.XetDownloadProgressReporter, "close", self._xet_moved)

    def _of_snapshot(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        return _download(Call(function, instance, args, kwargs), _call)

    def _of_file(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """A file of a snapshot belongs to that; one that is asked for alone is a download of its own."""
        return _download(Call(function, instance, args, kwargs), _count_file)

    def _over_http(self, function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        """Each retry calls the same function again, from where it had come to."""
        file = _file.get()
        if file is None:
            return function(*args, **kwargs)
        try:
            url, target, *rest = args if len(args) > 1 else (kwargs.pop("url", None), kwargs.pop("temp_file", None))
            file.moved.protocol = file.moved.protocol or HTTP
            if isinstance(target, _Counted):
                file.resume(int(kwargs.get("resume_size") or 0))
            else:
                target = _Counted(target, file.moved)
            file.is_moved = True
            args = (url, target, *rest)
        except Exception as error:  # noqa: BLE001 - see `_guard`
            swallow("http_get", error)
        return function(*args, **kwargs)

    def _over_xet(self, function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        file = _file.get()
        if file is not None:
            file.is_moved = True
            file.moved.protocol = XET
        return function(*args, **kwargs)

    def _xet_moved(self, function: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        """The reporter is closed by the thread that waits for the file, and knows what came over the network."""
        file = _file.get()
        moved = getattr(instance, "_prev_transfer_bytes_completed", None)
        if file is not None and isinstance(moved, int):
            file.moved.add(bytes=moved)
        return function(*args, **kwargs)

    def _in_threads(self, function: Any, _instance: Any, args: Any, kwargs: Any) -> Any:
        """Files are fetched in threads of a pool, which do not know who asked."""
        if args and _under_way.get() is not None:
            context, call = copy_context(), args[0]
            args = (lambda *each: context.copy().run(call, *each), *args[1:])
        return function(*args, **kwargs)


class _Counted:
    """A file that counts what is written into it."""

    def __init__(self, file: Any, moved: Moved) -> None:
        self._file = file
        self._moved = moved

    def write(self, chunk: bytes) -> int:
        written: int = self._file.write(chunk)
        self._moved.add(bytes=len(chunk))
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _download(call: Call, fetch: Callable[[Call, Moved], Any]) -> Any:
    """Make a call as a download, or as a part of the one that is under way."""
    arguments = call.arguments
    if arguments.get("dry_run") or (arguments.get("repo_type") or _MODEL) != _MODEL:
        return call.function(*call.args, **call.kwargs)
    outer = _under_way.get()
    if isinstance(outer, Moved):
        return fetch(call, outer)
    if outer is not None:
        return _fetch_part(call, fetch, outer.part(str(arguments.get("repo_id"))))
    moved = Moved()

    def before(_: Call) -> Values:
        revision = arguments.get("revision")
        return {
            "model": arguments.get("repo_id"),
            "model_revision": None if revision is None else str(revision),
            "download_source": _host(arguments.get("endpoint")),
            "framework": "huggingface_hub",
        }

    def after(call: Call, result: Any) -> Values:
        if isinstance(result, str):
            moved.commit = moved.commit or _commit_in(result)
        return moved.values(seconds=call.seconds)

    inside = Call(lambda *_, **__: fetch(call, moved), call.instance, call.args, call.kwargs)
    token = _under_way.set(moved)
    try:
        return call_watched(names.MODEL_DOWNLOAD, inside, before, after)
    finally:
        _under_way.reset(token)


def _fetch_part(call: Call, fetch: Callable[[Call, Moved], Any], part: _Part) -> Any:
    token = _under_way.set(part.moved)
    error: BaseException | None = None
    try:
        result = fetch(call, part.moved)
    except BaseException as raised:
        error = raised
        raise
    else:
        if isinstance(result, str):
            part.found(result)
        return result
    finally:
        _under_way.reset(token)
        part.end(error)


def _call(call: Call, _: Moved) -> Any:
    return call.function(*call.args, **call.kwargs)


def _count_file(call: Call, moved: Moved) -> Any:
    """Fetch one file and count it."""
    file = _File(moved)
    token = _file.set(file)
    try:
        result = call.function(*call.args, **call.kwargs)
    finally:
        _file.reset(token)
    try:
        if isinstance(result, str):
            size = os.stat(result).st_size  # noqa: PTH116 - it is a text already
            moved.add(files=1, cached=not file.is_moved, size=size)
            moved.commit = moved.commit or _commit_in(result)
    except OSError as error:
        swallow("size of a file", error)
    return result


def _commit_in(path: str) -> str:
    """Return the commit in a path of the cache: ``.../snapshots/<commit>/...``."""
    _, found, rest = path.replace(os.sep, "/").rpartition("/snapshots/")
    commit = rest.partition("/")[0]
    return commit if found and _COMMIT.fullmatch(commit) else ""


def _host(endpoint: Any) -> str | None:
    """Return the host of the hub that is asked."""
    if endpoint is None:
        constants = sys.modules.get("huggingface_hub.constants")
        endpoint = getattr(constants, "ENDPOINT", None)
    return urlsplit(endpoint).hostname if isinstance(endpoint, str) else None


def _is_missing(error: BaseException) -> bool:
    """Tell whether an error says that the repository has no such file."""
    return any(kind.__name__ == "EntryNotFoundError" for kind in type(error).__mro__)
