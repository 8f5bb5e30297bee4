"""The manager: what state every model is in, what to fetch next, whether one can be used now, what may go.

Its truth is the disk, looked at each time; what runs is in the queue of downloads, which other processes and the
command line use as well; how models are used comes from whoever is asked for it. A part that is missing leaves out
what it would have told, and stops nothing.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from modeltally.availability.adapters import field_of
from modeltally.availability.callbacks import Callbacks
from modeltally.availability.cleanup import choose
from modeltally.availability.declared import ModelPriority
from modeltally.availability.downloads.queue import DownloadQueue
from modeltally.availability.downloads.record import RANKS, DownloadReason, DownloadState
from modeltally.availability.downloads.runner import Runner
from modeltally.availability.found import hub_folder, places_of
from modeltally.availability.hosts import HostParts
from modeltally.availability.inventory import wanted_of
from modeltally.availability.looks import Looker, Seen, fingerprint
from modeltally.availability.states import ModelAvailabilityStatus
from modeltally.availability.status import (
    CleanupResult,
    DetailedModelStatus,
    ModelRequestResult,
    ModelUsage,
    RetentionPolicy,
)
from modeltally.availability.statuses import Check, priority_by_use, queue_wait
from modeltally.availability.uses import Uses
from modeltally.availability.verify import Level, check
from modeltally.errors import InputError, ModelTallyError, UnknownNameError
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from modeltally.availability.adapters import Downloader, HealthMonitor, ModelManager
    from modeltally.availability.declared import DeclaredModels
    from modeltally.availability.downloads.rates import Rates
    from modeltally.availability.downloads.record import Download
    from modeltally.availability.found import Places
    from modeltally.availability.inventory import Entry

__all__ = ["ModelAvailabilityManager"]

_LOGGER: Final = logging.getLogger(__name__)
_THREADS: Final = 4
_CHECK_SECONDS: Final = 86_400.0
_STOP_SECONDS: Final = 20.0
State = ModelAvailabilityStatus
_TO_FETCH: Final = frozenset({State.MISSING, State.CORRUPTED})
T = TypeVar("T")


class ModelAvailabilityManager:
    """Coordinates the models of a machine; safe from several threads, and no call of it blocks the event loop."""

    def __init__(  # noqa: PLR0913 - each part may be left out
        self,
        model_manager: ModelManager | None = None,
        downloader: Downloader | None = None,
        health_monitor: HealthMonitor | None = None,
        *,
        declared: DeclaredModels | None = None,
        places: Places | None = None,
        cache: Path | None = None,
        directory: Path | None = None,
        endpoint: str = "",
        usage: Callable[[], Mapping[str, ModelUsage]] | None = None,
        rates: Rates | None = None,
        retention_policy: RetentionPolicy | None = None,
        remove: Callable[[Sequence[Entry]], CleanupResult] | None = None,
        check_interval_seconds: float = _CHECK_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take its parts; nothing is looked at and nothing runs yet.

        Args:
            model_manager: A host's own manager: by it a model's name is found, and whether it is loaded.
            downloader: A host's own downloader, which then fetches in place of ours.
            health_monitor: A host's own monitor, which is then asked beside our checks.
            declared: The models that should be there.
            places: Where models are; None: where programs keep them by default.
            cache: The cache of huggingface_hub into which is fetched; None: the usual one.
            directory: Where the queue of downloads is; None: the data directory.
            endpoint: The hub's address; empty: the one that huggingface_hub is set up for.
            usage: Tells how models are used, by name; None: only what is asked for here is known.
            rates: How fast downloads may go.
            retention_policy: Which models may go, where a call says nothing else.
            remove: Removes models; None: a clean-up only says what may go.
            check_interval_seconds: How often what is there is checked, once it is all ensured.
            clock: Tells the time, seconds since 1970.
        """
        self._declared = declared
        wanted = wanted_of(declared)
        self.cache = Path(cache) if cache is not None else hub_folder(os.environ, Path.home())[0]
        if places is None:
            environ = dict(os.environ) if cache is None else {**os.environ, "HF_HUB_CACHE": os.fspath(cache)}
            places = places_of(environ, Path.home(), wanted=wanted)
        folder = directory if directory is not None else load_settings().dir
        self.queue = DownloadQueue(folder, clock=clock)
        self._uses = Uses(folder / "model_uses.json", clock=clock)
        self._endpoint = endpoint
        self._policy = retention_policy or RetentionPolicy()
        self._remove = remove
        self._check_interval = check_interval_seconds
        self._clock = clock
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="modeltally-manager")
        self._lock = threading.Lock()
        self._checks: dict[str, Check] = {}
        self._looker = Looker(places, declared, uses=self._uses, usage=usage, checks=self._checks)
        self._told: dict[str, State] = {}
        self._stopping = threading.Event()
        self._stop_checks = threading.Event()
        self._checking: threading.Thread | None = None
        self._rates = rates
        self._runner: Runner | None = None
        self._running: threading.Thread | None = None
        self._status_callbacks, self._progress_callbacks = Callbacks(), Callbacks()
        self._health_callbacks = Callbacks()
        self._host = HostParts(model_manager, downloader, health_monitor, progress=self._progress_callbacks.tell,
                               health=self._host_checked)  # fmt: skip

    async def __aenter__(self) -> Self:
        """Give the manager."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop what runs."""
        await self.close()

    async def close(self) -> None:
        """Stop what runs: downloads keep their bytes and stay in the queue. Safe to call twice."""
        self._stopping.set()
        self._stop_checks.set()
        await asyncio.to_thread(self._stop)

    def _stop(self) -> None:
        with self._lock:
            runner, running, checking = self._runner, self._running, self._checking
        if runner is not None:
            runner.stop()
        for thread in (running, checking):
            if thread is not None:
                thread.join(_STOP_SECONDS)
        self._host.close()
        for each in (self._status_callbacks, self._progress_callbacks, self._health_callbacks):
            each.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    # -- callbacks -----------------------------------------------------------------------------------------------------

    def register_status_callback(self, function: Callable[[str, State], Any]) -> Callable[[str, State], Any]:
        """Have a function told of each model whose state was found to be another: its name, its new state."""
        return self._status_callbacks.add(function)

    def register_progress_callback(self, function: Callable[[str, float | None], Any]) -> Callable[..., Any]:
        """Have a function told how far downloads are: the model's name, and how much is here, from 0 to 1."""
        return self._progress_callbacks.add(function)

    def register_health_callback(self, function: Callable[[str, Check], Any]) -> Callable[..., Any]:
        """Have a function told of each check: the model's name, and what was found."""
        return self._health_callbacks.add(function)

    def unregister_callback(self, function: Callable[..., Any]) -> None:
        """Have a function told nothing more."""
        for each in (self._status_callbacks, self._progress_callbacks, self._health_callbacks):
            each.remove(function)

    # -- what state models are in --------------------------------------------------------------------------------------

    async def get_comprehensive_model_status(self) -> dict[str, DetailedModelStatus]:
        """Say of every model that is there, or should be, what is known of it. It is no use of any.

        Returns:
            What is known, by the name that services call a model.

        Raises:
            InputError: The queue of downloads cannot be read.
        """
        return (await self._look()).statuses

    async def get_model_status(self, model_type: str) -> DetailedModelStatus:
        """Say what is known of one model. It is no use of it.

        Args:
            model_type: Its name, declared name or alias.

        Raises:
            UnknownNameError: It is not there, and not declared.
        """
        seen = await self._look()
        return seen.statuses[seen.find(await self._host.model_id(model_type))]

    async def _look(self) -> Seen:
        seen = await self._in_thread(lambda: self._looker.look(self.queue.all() + self._host.downloads()))
        await self._add_host(seen)
        for name, status in seen.statuses.items():
            if self._told.get(name) is not status.availability_status:
                is_first = name not in self._told
                self._told[name] = status.availability_status
                if not is_first:
                    self._status_callbacks.tell(name, status.availability_status)
        return seen

    async def _add_host(self, seen: Seen) -> None:
        """Add what the host's own manager says of models."""
        for name, said in (await self._host.statuses(list(seen.statuses))).items():
            seen.statuses[name] = self._looker.status(seen, name, from_host=said)

    # -- what to fetch, in which order ---------------------------------------------------------------------------------

    async def prioritize_model_downloads(self, usage_analytics: dict[str, Any] | None = None) -> list[str]:
        """Say which models are to be fetched, in which order, and put the queue in that order.

        Critical ones come first, then damaged ones, then missing ones; each by priority, then by use.

        Args:
            usage_analytics: How models are used, by name: uses a day, or what has a ``usage_frequency``; None: as is
                known.

        Returns:
            Their names.

        Raises:
            InputError: The queue of downloads cannot be read or written.
        """
        seen = await self._look()
        given = {name: _frequency(value) for name, value in (usage_analytics or {}).items()}
        ranked = []
        for name, status in seen.statuses.items():
            waits = status.availability_status in (State.QUEUED, State.PAUSED, State.FAILED)
            if status.availability_status not in _TO_FETCH and not waits:
                continue
            uses, priority = self._wanted(seen, name, given)
            is_damaged = status.corruption_detected
            ranked.append((priority is not ModelPriority.CRITICAL, not is_damaged, RANKS[priority], -uses, name))
        ranked.sort()
        await self._in_thread(lambda: self._reorder(seen, given))
        return [each[-1] for each in ranked]

    def _wanted(self, seen: Seen, name: str, given: Mapping[str, float]) -> tuple[float, ModelPriority]:
        """Give how often a model is asked for, and how soon it is wanted."""
        status, entry = seen.statuses[name], seen.entries[name]
        names = {name, entry.model.name, *(() if entry.declared is None else entry.declared.names)}
        uses = max((given[each] for each in names if each in given), default=status.usage_frequency)
        return uses, priority_by_use(uses) if entry.declared is None else status.priority

    def _reorder(self, seen: Seen, given: Mapping[str, float]) -> None:
        waiting = {each.model: each for each in self.queue.waiting()}
        for name, entry in seen.entries.items():
            one = waiting.get(entry.model.name)
            if one is None or entry.model.store != "huggingface":
                continue
            uses, priority = self._wanted(seen, name, given)
            sooner = min(one.priority, priority, key=RANKS.__getitem__)
            if (uses, sooner) != (one.uses_per_day, one.priority):
                self.queue.change(one.id, uses_per_day=uses, priority=sooner)

    # -- a model is asked for ------------------------------------------------------------------------------------------

    async def handle_model_request(self, model_type: str) -> ModelRequestResult:
        """Say whether a model can be used now; one that is missing or damaged is fetched. It counts as a use.

        Args:
            model_type: Its name, declared name or alias; or what the host's manager knows a name of.

        Returns:
            What came of it: this raises nothing for what is the matter with a model.
        """
        name = await self._host.model_id(model_type)
        try:
            seen = await self._look()
            name = seen.find(name)
        except UnknownNameError as error:
            return ModelRequestResult(
                success=False,
                model_id=model_type,
                availability_status=State.UNKNOWN,
                action_required="declare it in models.toml, or fetch it: modeltally models pull",
                error_details=str(error),
            )
        except ModelTallyError as error:
            return ModelRequestResult(
                success=False, model_id=model_type, availability_status=State.UNKNOWN, error_details=str(error)
            )
        await self._track_model_usage(name)
        status = seen.statuses[name]
        if status.is_available:
            return ModelRequestResult(
                success=True, model_id=name, availability_status=status.availability_status, estimated_wait_time=0.0
            )
        return await self._absent(seen, name)

    async def _absent(self, seen: Seen, name: str) -> ModelRequestResult:
        status, error, action, wait = seen.statuses[name], "", "", None
        state = status.availability_status
        if state in _TO_FETCH:
            error, action, wait = await self._fetch_wanted(seen, name)
            state = state if error else State.QUEUED
        elif state is State.PAUSED:
            action = f"its download is paused; let it go on: modeltally models resume {name}"
        elif state is State.FAILED:
            error = status.reason
            action = status.action_required or f"its download failed; try again: modeltally models resume {name}"
        elif state is State.UNKNOWN:
            error, action = status.reason, status.action_required
        else:
            error, action, wait = "", status.action_required, status.estimated_wait_seconds
        return ModelRequestResult(
            success=False,
            model_id=name,
            availability_status=state,
            estimated_wait_time=wait,
            alternative_models=_alternatives(seen, name),
            action_required=action,
            error_details=error,
        )

    async def _fetch_wanted(self, seen: Seen, name: str) -> tuple[str, str, float | None]:
        """Have a model fetched that somebody waits for; gives what is the matter, what to do, and how long it takes."""
        entry = seen.entries[name]
        try:
            one = await self._fetch(entry, seen.statuses[name], at_least=ModelPriority.HIGH)
        except ModelTallyError as error:
            return str(error), f"put it there yourself: it comes from {entry.model.store}", None
        if one is None:
            return "", "", None
        return "", "", queue_wait(one, [each for each in await self._in_thread(self.queue.all) if each.is_open])

    async def _fetch(
        self, entry: Entry, status: DetailedModelStatus, *, at_least: ModelPriority = ModelPriority.LOW
    ) -> Download | None:
        if self._host.can_fetch:
            self._host.fetch(entry.model.name, then=self._forget_check)
            return None
        if entry.model.store != "huggingface":
            raise InputError(f"{entry.model.name} is of {entry.model.store}, and only models of the hub are fetched")
        declared = entry.declared
        is_damaged = status.availability_status is State.CORRUPTED or status.corruption_detected
        one = await self._in_thread(
            lambda: self.queue.add(
                entry.model.name,
                cache=Path(entry.model.location) if entry.model.location else self.cache,
                revision="" if declared is None else declared.revision,
                files=() if declared is None else declared.files,
                endpoint=self._endpoint,
                priority=min(status.priority, at_least, key=RANKS.__getitem__),
                reason=DownloadReason.CORRUPTED if is_damaged else DownloadReason.MISSING,
                uses_per_day=status.usage_frequency,
            )
        )
        self.start_downloads()
        return one

    async def _track_model_usage(self, model_type: str) -> None:
        """Count a use of a model: by day, for thirty days, in a file that outlives the process.

        Args:
            model_type: Its name.
        """
        await self._in_thread(lambda: self._uses.count(model_type))

    # -- everything is there -------------------------------------------------------------------------------------------

    async def ensure_all_models_available(self) -> dict[str, State]:
        """Check every model, have fetched what is missing or damaged, and check what is there from now on.

        Returns:
            In which state each is now, by name.

        Raises:
            InputError: The queue of downloads cannot be read or written.
        """
        seen = await self._look()
        there = [name for name, status in seen.statuses.items() if status.is_available]
        await asyncio.gather(*(self.check_model(name, seen=seen) for name in there))
        seen = await self._look()
        states = {name: status.availability_status for name, status in seen.statuses.items()}
        for name in await self.prioritize_model_downloads():
            status, entry = seen.statuses.get(name), seen.entries.get(name)
            if status is None or entry is None or status.availability_status not in _TO_FETCH:
                continue
            try:
                await self._fetch(entry, status)
                states[name] = State.QUEUED
            except ModelTallyError as error:
                _LOGGER.warning("%s is %s, and is not fetched: %s", name, status.availability_status, error)
        self._start_checks()
        return states

    async def check_model(self, model_type: str, *, level: Level = Level.HEADERS, seen: Any = None) -> Check:
        """Check the files of a model, and ask the host's monitor; whoever registered for it is told.

        Args:
            model_type: Its name, declared name or alias.
            level: How closely.
            seen: Not for callers.

        Returns:
            What was found.

        Raises:
            UnknownNameError: It is not there, and not declared.
        """
        found: Seen = seen if seen is not None else await self._look()
        name = found.find(model_type)
        entry = found.entries[name]
        verdict = await self._in_thread(lambda: check(entry.model, level))
        faults = [f"{each.file.name} {each.found}" for each in verdict.files if each.is_good is False]
        said = await self._host.checked(entry.model.name)
        is_healthy = verdict.is_healthy
        host_healthy = field_of(said, "is_healthy", "is_valid")
        if host_healthy is False:
            is_healthy = False
            faults += [str(each) for each in (field_of(said, "issues", "errors") or ["the health monitor says so"])]
        result = Check(
            datetime.fromtimestamp(self._clock(), UTC),
            is_healthy,
            verdict.integrity_score if said is None else field_of(said, "integrity_score") or verdict.integrity_score,
            field_of(said, "performance_score"),
            tuple(faults),
            fingerprint(entry),
        )
        self._checks[name] = result
        self._health_callbacks.tell(name, result)
        return result

    def _host_checked(self, model: str, said: object) -> None:
        """Take what the host's monitor found by itself."""
        result = Check(
            datetime.fromtimestamp(self._clock(), UTC),
            field_of(said, "is_healthy", "is_valid"),
            field_of(said, "integrity_score"),
            field_of(said, "performance_score"),
            tuple(map(str, field_of(said, "issues", "errors") or ())),
        )
        self._checks[model] = result
        self._health_callbacks.tell(model, result)

    def _forget_check(self, model: str) -> None:
        """Forget what was found of files that have been fetched anew."""
        for name in [name for name in self._checks if name == model]:
            del self._checks[name]

    def _start_checks(self) -> None:
        with self._lock:
            if self._checking is not None or self._check_interval <= 0:
                return
            self._checking = threading.Thread(target=self._keep_checking, name="modeltally-checks", daemon=True)
            self._checking.start()

    def _keep_checking(self) -> None:
        while not self._stop_checks.wait(self._check_interval):
            try:
                asyncio.run(self._check_all())
            except Exception:
                _LOGGER.exception("the models were not checked; they are in a while")

    async def _check_all(self) -> None:
        seen = await self._look()
        for name, status in seen.statuses.items():
            if status.is_available and not self._stopping.is_set():
                await self.check_model(name, seen=seen)

    # -- downloads -----------------------------------------------------------------------------------------------------

    def start_downloads(self) -> None:
        """Work through the queue in a thread of this process, unless that goes on already, here or elsewhere."""
        with self._lock:
            if self._stopping.is_set() or (self._running is not None and self._running.is_alive()):
                return
            self._runner = Runner(self.queue, rates=self._rates, told=self._downloaded)
            self._running = threading.Thread(target=self._work, name="modeltally-downloads", daemon=True)
            self._running.start()

    def _work(self) -> None:
        runner = self._runner
        assert runner is not None  # noqa: S101 - set before
        try:
            # where another process works through the queue, this one waits for its turn: that one may end
            while not runner.run(until_idle=True) and not self._stopping.wait(1.0):
                if not any(each.state is not DownloadState.PAUSED for each in self.queue.all() if each.is_open):
                    return
        except ModelTallyError as error:
            _LOGGER.warning("nothing is fetched: %s", error)

    def _downloaded(self, one: Download) -> None:
        if one.state is DownloadState.DONE:
            self._forget_check(one.model)
        self._progress_callbacks.tell(one.model, 1.0 if one.state is DownloadState.DONE else one.share)

    async def pause_download(self, model_type: str) -> bool:
        """Pause a download; what it has is kept. Gives whether there was one to pause."""
        return await self._host.told("pause_download", model_type) or await self._on_queue("pause", model_type)

    async def resume_download(self, model_type: str) -> bool:
        """Have a download that is paused or failed go on. Gives whether there was one."""
        if await self._host.told("resume_download", model_type):
            return True
        is_known = await self._on_queue("resume", model_type)
        if is_known:
            self.start_downloads()
        return is_known

    async def cancel_download(self, model_type: str) -> bool:
        """Give up a download; unfinished files go. Gives whether there was one."""
        return await self._host.told("cancel_download", model_type) or await self._on_queue("cancel", model_type)

    async def _on_queue(self, action: str, model_type: str) -> bool:
        name = await self._host.model_id(model_type)

        def act() -> bool:
            declared = () if self._declared is None else self._declared.models
            there = next((each.name_there for each in declared if name in each.names), name)
            try:
                getattr(self.queue, action)(self.queue.find(there).id)
            except (UnknownNameError, InputError) as error:
                _LOGGER.info("%s: %s", action, error)
                return False
            return True

        return await self._in_thread(act)

    # -- what may go ---------------------------------------------------------------------------------------------------

    async def cleanup_unused_models(self, retention_policy: RetentionPolicy | None = None) -> CleanupResult:
        """Say which models nobody uses and what removing them would free; by a policy that is no dry run, remove them.

        Args:
            retention_policy: The rules; None: those of the manager.

        Returns:
            What may go, why the rest stays, and what was done.
        """
        policy = retention_policy or self._policy
        seen = await self._look()
        chosen = choose(
            seen.statuses,
            seen.entries,
            seen.usages,
            policy,
            now=datetime.fromtimestamp(self._clock(), UTC),
            volume=_volume,
        )
        advised = CleanupResult(
            policy=policy,
            dry_run=True,
            looked_at=len(seen.statuses),
            kept=chosen.kept,
            advised=chosen.advised,
            bytes_freed_when_purged=chosen.freed_bytes,
        )
        if policy.dry_run or not chosen.advised:
            return advised
        if self._remove is None:
            why = "nothing here removes models: give the manager a `remove`"
            return dataclasses.replace(advised, errors=dict.fromkeys(chosen.advised, why))
        going = [seen.entries[name] for name in chosen.advised]
        remove = self._remove
        done = await self._in_thread(lambda: remove(going))
        return dataclasses.replace(
            advised,
            dry_run=done.dry_run,
            removed=done.removed,
            bytes_freed_now=done.bytes_freed_now,
            bytes_freed_when_purged=done.bytes_freed_when_purged,
            trash_id=done.trash_id,
            errors=done.errors,
        )

    async def _in_thread(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)


def _alternatives(seen: Seen, name: str) -> tuple[str, ...]:
    """Name models of the same task that can be used now, the most used first."""
    task = seen.statuses[name].task
    others = [
        status
        for other, status in seen.statuses.items()
        if other != name and task is not None and status.task == task and status.is_available
    ]
    return tuple(each.model_id for each in sorted(others, key=lambda each: (-each.usage_frequency, each.model_id)))


def _frequency(value: object) -> float:
    number = value if isinstance(value, int | float) else field_of(value, "usage_frequency", "uses_per_day")
    return float(number) if isinstance(number, int | float) else 0.0


def _volume(location: str) -> tuple[int, int] | None:
    try:
        found = shutil.disk_usage(location)
    except OSError:
        return None
    return found.total, found.free
