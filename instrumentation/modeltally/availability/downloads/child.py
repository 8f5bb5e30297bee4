"""The process that moves bytes: reads what to fetch and what to do from stdin, says how it goes as lines of JSON.

A process of its own, because nothing else ends huggingface_hub's own protocol within seconds; and when whoever
started it is gone, its stdin ends and it ends as well, keeping what it has.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from modeltally.availability.downloads.faults import FetchError, StoppedError, fault_of
from modeltally.availability.downloads.fetch import Counts, Fetcher
from modeltally.availability.downloads.parts import folder_of, locked_model, part_of, parts_in, unfinished_lists
from modeltally.availability.downloads.plan import Plan, PlannedFile, check_room, is_linked, plan_of
from modeltally.availability.downloads.record import Lane
from modeltally.availability.downloads.source import Source
from modeltally.availability.reading import Throttle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Work", "main"]

_TELL_SECONDS: Final = 0.25
_WRONG_SUMS: Final = 2


class Work:
    """One download, in this process.

    Attributes:
        counts: What was moved.
    """

    def __init__(
        self,
        job: dict[str, Any],
        *,
        tell: Callable[[dict[str, Any]], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the job.

        Args:
            job: ``model``, ``revision``, ``cache``, ``endpoint``, ``files``, ``lane``, ``limit``, ``is_repair``,
                ``floor_bytes``.
            tell: Takes how it goes.
            clock: Tells seconds.
        """
        self.source = Source(job["model"], job["revision"], Path(job["cache"]), job["endpoint"] or None)
        self.counts = Counts()
        self._job = job
        self._tell = tell
        self._clock = clock
        self._stopping = threading.Event()
        self._cancelled = False
        self._told_at = float("-inf")
        self._here: dict[Path, int] = {}
        self._throttle: Throttle | None = None
        self._plan: Plan | None = None
        self._protocols: set[str] = set()
        self._stray: dict[Path, tuple[int, int]] = {}
        self.limit(job["limit"])

    def limit(self, bytes_per_second: float | None) -> None:
        """Change how fast it may go; None for no limit."""
        if not bytes_per_second:
            self._throttle = None
        elif self._throttle is None:
            self._throttle = Throttle(bytes_per_second, clock=self._clock, sleep=self._stopping.wait)
        else:
            self._throttle.bytes_per_second = bytes_per_second

    def stop(self, *, is_cancelled: bool = False) -> None:
        """Have it stop soon, keeping what it has, or not."""
        self._cancelled = self._cancelled or is_cancelled
        self._stopping.set()

    def run(self) -> None:
        """Fetch, and tell how it ended."""
        try:
            with locked_model(self.source.cache, self.source.model):
                self._stray = unfinished_lists(folder_of(self.source.cache, self.source.model))
                try:
                    self._fetch()
                finally:
                    if self._cancelled:
                        for path in parts_in(folder_of(self.source.cache, self.source.model) / "blobs").values():
                            path.unlink(missing_ok=True)
        except StoppedError:
            self._end("stopped")
        except BaseException as error:  # noqa: BLE001 - whatever the library raises, of which there have been several
            if self._cancelled:
                self._end("stopped")
                return
            fault = fault_of(error, self.source)
            self._end(
                "failed",
                error_type=fault.error_type,
                why=str(fault),
                action_required=fault.action_required,
                is_worth_retrying=fault.is_worth_retrying,
                retry_after_seconds=fault.retry_after_seconds,
            )

    def _fetch(self) -> None:
        plan = plan_of(
            self.source,
            patterns=self._job["files"],
            is_repair=self._job["is_repair"],
            should_stop=self._stopping.is_set,
        )
        self._plan = plan
        self._here = {each.blob: each.size_bytes if each.is_here else each.part_bytes for each in plan.files}
        coming = {each.blob: each for each in plan.files if not each.is_here}
        self._tell(
            {
                "event": "plan",
                "commit": plan.commit,
                "total_bytes": plan.total_bytes,
                "done_bytes": plan.here_bytes,
                "files_total": len(plan.files),
                "files_done": len(plan.files) - len(coming),
            }
        )
        self._check_room(plan)
        lanes = {
            blob: each.lane(Lane(self._job["lane"]), is_limited=self._throttle is not None)
            for blob, each in coming.items()
        }
        fetcher = Fetcher(
            self.source,
            plan.commit,
            headers=_headers(),
            counts=self.counts,
            throttle=lambda: self._throttle,
            should_stop=self._stopping.is_set,
            advance=self._advance,
            wait=self._stopping.wait,
        )
        with contextlib.closing(fetcher):
            for blob, each in coming.items():
                if self._stopping.is_set():
                    raise StoppedError
                self._tell_progress(each.name)
                if lanes[blob] is Lane.FAST:
                    self._by_library(each)
                else:
                    self._by_http(fetcher, each)
                self._here[blob] = each.size_bytes
                self._tell_progress(each.name, is_forced=True)
        self._link(plan)
        self._end("done")

    def _check_room(self, plan: Plan) -> None:
        for _ in range(2):
            try:
                check_room(plan, self.source.cache, floor_bytes=self._job["floor_bytes"])
            except FetchError:
                # parts of a revision that is not fetched any more may make the room
                if not self._remove_old_parts(plan):
                    raise
            else:
                return
        check_room(plan, self.source.cache, floor_bytes=self._job["floor_bytes"])

    def _by_http(self, fetcher: Fetcher, file: PlannedFile) -> None:
        self._protocols.add("http")
        for left in reversed(range(_WRONG_SUMS)):
            try:
                fetcher.fetch(file)
            except FetchError as fault:
                if fault.error_type == "lying_hub":
                    part_of(file.blob).unlink(missing_ok=True)
                if fault.error_type != "wrong_sum":
                    raise
                if not left:
                    raise FetchError(
                        "wrong_sum",
                        f"{fault}, {_WRONG_SUMS} times",
                        action_required="the hub, or something between, damages it: try another network or mirror",
                    ) from None
                self.counts.retries += 1
            else:
                return

    def _by_library(self, file: PlannedFile) -> None:
        """Fetch a file as huggingface_hub does, by its own protocol where it can."""
        from huggingface_hub import hf_hub_download  # noqa: PLC0415 - half a second

        work, before = self, self.counts.moved_bytes

        class Bar(_QuietBar):
            def update(self, n: float | None = 1) -> None:
                work.counts.moved_bytes += int(n or 0)
                work._advance(file, min(file.size_bytes, work.counts.moved_bytes - before))

        more: dict[str, Any] = (
            {"tqdm_class": Bar} if "tqdm_class" in inspect.signature(hf_hub_download).parameters else {}
        )
        self._protocols.add("xet" if file.is_xet else "http")
        hf_hub_download(
            self.source.model,
            file.name,
            revision=self._plan.commit if self._plan else None,
            cache_dir=self.source.cache,
            endpoint=self.source.endpoint,
            force_download=self._job["is_repair"],
            **more,
        )
        if not more:
            self.counts.moved_bytes += file.size_bytes

    def _link(self, plan: Plan) -> None:
        """Have the library name what is here, as it would have itself; then have the branch lead to it."""
        from huggingface_hub import snapshot_download  # noqa: PLC0415 - half a second
        from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415 - the same

        disable_progress_bars()
        snapshot_download(
            self.source.model,
            revision=plan.commit,
            cache_dir=self.source.cache,
            endpoint=self.source.endpoint,
            allow_patterns=self._job["files"] or None,
            max_workers=1,
        )
        if not is_linked(plan, self.source):
            raise FetchError("incomplete", "the cache has not all files under their names", is_worth_retrying=True)
        name = self.source.revision or "main"
        if name != plan.commit:
            ref = folder_of(self.source.cache, self.source.model) / "refs" / name
            ref.parent.mkdir(parents=True, exist_ok=True)
            made = ref.with_name(f"{ref.name}.{os.getpid()}.tmp")
            made.write_text(plan.commit)
            made.replace(ref)
        self._remove_old_parts(plan)
        # whoever writes one names it within the moment: what is still there was left by a process that was killed
        now = unfinished_lists(folder_of(self.source.cache, self.source.model))
        for path, inode in self._stray.items():
            if now.get(path) == inode:
                path.unlink(missing_ok=True)

    def _remove_old_parts(self, plan: Plan) -> bool:
        """Remove parts of files that this revision does not have: of one that has changed since."""
        wanted = {each.blob.name for each in plan.files if not each.is_here}
        gone = False
        for etag, path in parts_in(folder_of(self.source.cache, self.source.model) / "blobs").items():
            if etag not in wanted or look_done(plan, etag):
                path.unlink(missing_ok=True)
                gone = True
        return gone

    def _advance(self, file: PlannedFile, at: int) -> None:
        self._here[file.blob] = at
        self._tell_progress(file.name)

    def _tell_progress(self, name: str, *, is_forced: bool = False) -> None:
        now = self._clock()
        if not is_forced and now - self._told_at < _TELL_SECONDS:
            return
        self._told_at = now
        self._tell({"event": "progress", "file": name, **self._so_far()})

    def _so_far(self) -> dict[str, Any]:
        plan = self._plan
        told: dict[str, Any] = {
            "moved_bytes": self.counts.moved_bytes,
            "resumed_bytes": self.counts.resumed_bytes,
            "retries": self.counts.retries,
            "protocol": "+".join(sorted(self._protocols)) or "local",
        }
        if plan is not None:
            sizes = {each.blob: each.size_bytes for each in plan.files}
            told["done_bytes"] = sum(min(self._here.get(blob, 0), size) for blob, size in sizes.items())
            told["files_done"] = sum(self._here.get(each.blob, -1) == each.size_bytes for each in plan.files)
        return told

    def _end(self, event: str, **more: Any) -> None:
        self._tell({"event": event, **self._so_far(), **more})


def look_done(plan: Plan, etag: str) -> bool:
    """Tell whether a file of a plan is whole by now."""
    return any(each.blob.name == etag and each.blob.exists() for each in plan.files)


class _QuietBar:
    """Stands for a progress bar where nobody looks."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.n = 0

    def update(self, n: float | None = 1) -> None:
        """Take how much more there is."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __getattr__(self, _: str) -> Callable[..., None]:
        return lambda *_, **__: None

    def close(self) -> None:
        """End it."""


def _headers() -> dict[str, str]:
    from huggingface_hub.utils._headers import build_hf_headers  # noqa: PLC0415 - half a second

    return {str(name): str(value) for name, value in build_hf_headers(library_name="modeltally").items()}


def main() -> None:
    """Read the job and commands from stdin, and do it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it is told by Ctrl-C too, and says what to do
    lines = sys.stdin
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no line of ours
    lock = threading.Lock()

    def tell(event: dict[str, Any]) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            out.write(json.dumps(event) + "\n")
            out.flush()

    work = Work(json.loads(lines.readline()), tell=tell)

    def listen() -> None:
        for line in lines:
            word, _, value = line.strip().partition(" ")
            if word == "limit":
                work.limit(float(value) or None)
            else:
                work.stop(is_cancelled=word == "cancel")
        work.stop()  # nobody is there any more

    threading.Thread(target=listen, name="modeltally-commands", daemon=True).start()
    signal.signal(signal.SIGTERM, lambda *_: work.stop())
    work.run()
    out.flush()
    os._exit(0)  # a library's threads may wait for the network; what is written is flushed


if __name__ == "__main__":
    main()
