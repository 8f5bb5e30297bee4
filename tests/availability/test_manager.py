"""The manager: states, what is fetched next, requests, clean-ups, callbacks, and what a host plugs in."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from availability.samples import download, publish, safetensors
from modeltally.availability.declared import DeclaredModel, DeclaredModels
from modeltally.availability.found import Places
from modeltally.availability.hub_cache import HubCache
from modeltally.availability.inventory import wanted_of
from modeltally.availability.manager import ModelAvailabilityManager
from modeltally.availability.states import ModelAvailabilityStatus as State
from modeltally.availability.status import CleanupResult, ModelUsage, RetentionPolicy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from libraries.fake_hub import FakeHub

NOW = datetime.now(UTC)
T2V, I2V, TI2V = "t2v-A14B", "i2v-A14B", "ti2v-5B"
FILES = {"config.json": b"{}", "model.safetensors": safetensors(2)}
DECLARED = DeclaredModels(
    models=tuple(
        DeclaredModel.model_validate(
            {"model": name, "source": f"huggingface:Wan-AI/{name}", "task": "text-to-video", "priority": priority}
        )
        for name, priority in ((T2V, "HIGH"), (I2V, "LOW"), (TI2V, "MEDIUM"))
    )
)


@pytest.fixture
def wan(hub: FakeHub, tmp_path: Path) -> FakeHub:
    """Have the hub hold three models, and the cache one of them."""
    for name in (T2V, I2V, TI2V):
        publish(hub, f"Wan-AI/{name}", {**FILES, "name.txt": name.encode()})
    download(hub, f"Wan-AI/{T2V}", tmp_path / "cache")
    return hub


def manager_of(tmp_path: Path, hub: FakeHub | None = None, *parts: Any, **more: Any) -> ModelAvailabilityManager:
    """Make a manager of the test's cache alone."""
    cache = tmp_path / "cache"
    declared = more.pop("declared", DECLARED)
    return ModelAvailabilityManager(
        *parts,
        declared=declared,
        places=Places((HubCache(cache, wanted=wanted_of(declared)),)),
        cache=cache,
        directory=tmp_path / "data",
        endpoint="" if hub is None else hub.url,
        **more,
    )


def until(what: Callable[[], object]) -> None:
    """Wait for something, for a minute at most."""
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


async def held_back(manager: ModelAvailabilityManager) -> ModelAvailabilityManager:
    """Have a manager fetch nothing by itself."""
    manager.start_downloads = lambda: None  # type: ignore[method-assign] # only the queue is looked at
    return manager


def test_every_declared_model_has_a_status(wan: FakeHub, tmp_path: Path) -> None:
    """What is there is available, with its version and size; what is not is missing; and JSON can hold it."""

    async def ask() -> None:
        async with manager_of(tmp_path, wan) as manager:
            found = await manager.get_comprehensive_model_status()
            assert {name: each.availability_status for name, each in found.items()} == {
                T2V: State.AVAILABLE,
                I2V: State.MISSING,
                TI2V: State.MISSING,
            }
            one = found[T2V]
            assert (one.is_available, one.estimated_wait_seconds, one.priority) == (True, 0.0, "HIGH")
            assert len(one.current_version) == 40
            assert one.size_bytes > 3000
            assert one.to_dict()["availability_status"] == "available"

    asyncio.run(ask())


def test_states_follow_the_disk_and_the_queue(wan: FakeHub, tmp_path: Path) -> None:
    """Nothing is remembered that is not so: each state is what is there at that moment."""

    async def ask() -> None:
        async with await held_back(manager_of(tmp_path, wan)) as manager:

            async def state(name: str = I2V) -> State:
                return (await manager.get_model_status(name)).availability_status

            one = manager.queue.add(f"Wan-AI/{I2V}", cache=manager.cache, endpoint=wan.url)
            assert await state() is State.QUEUED
            assert await manager.pause_download(I2V)
            assert await state() is State.PAUSED
            assert (await manager.get_model_status(I2V)).can_resume_download
            assert await manager.resume_download(I2V)
            assert await state() is State.QUEUED
            manager.queue.change(one.id, state="downloading", done_bytes=5, total_bytes=10, bytes_per_second=1.0)
            status = await manager.get_model_status(I2V)
            assert (status.availability_status, status.download_progress) == (State.DOWNLOADING, 0.5)
            assert status.estimated_wait_seconds == 5.0
            manager.queue.change(one.id, state="failed", why="it broke", ended_at=time.time())
            assert await state() is State.FAILED
            assert await manager.resume_download(I2V)
            assert await manager.cancel_download(I2V)
            assert not await manager.cancel_download(I2V)
            assert await state() is State.MISSING
            blob = max((tmp_path / "cache").rglob("blobs/*"), key=lambda path: path.stat().st_size)
            blob.write_bytes(blob.read_bytes()[:-1])
            assert await state(T2V) is State.CORRUPTED
            blob.unlink()
            assert await state(T2V) is State.MISSING

    asyncio.run(ask())


def test_downloads_are_put_in_order_by_urgency_and_use(wan: FakeHub, tmp_path: Path) -> None:
    """Damaged before missing, by priority, by the use that is given; what is there is not among them."""
    blob = max((tmp_path / "cache").rglob("blobs/*"), key=lambda path: path.stat().st_size)
    blob.write_bytes(b"short")
    declared = DeclaredModels(models=tuple(each.model_copy(update={"priority": "LOW"}) for each in DECLARED.models))

    async def ask() -> None:
        async with manager_of(tmp_path, wan, declared=declared) as manager:
            used = {I2V: {"usage_frequency": 2.0}, TI2V: SimpleNamespace(usage_frequency=5.0)}
            assert await manager.prioritize_model_downloads(used) == [T2V, TI2V, I2V]
            assert await manager.prioritize_model_downloads({I2V: 2.0}) == [T2V, I2V, TI2V]

    asyncio.run(ask())


def test_request_for_what_is_missing_has_it_fetched(wan: FakeHub, tmp_path: Path) -> None:
    """The answer says that it waits, and what can stand in for it; some time later it is there."""
    progress: list[tuple[str, float | None]] = []

    async def ask() -> None:
        async with manager_of(tmp_path, wan) as manager:
            manager.register_progress_callback(lambda name, share: progress.append((name, share)))
            found = await manager.handle_model_request(I2V)
            assert (found.success, found.availability_status) == (False, State.QUEUED)
            assert found.alternative_models == (T2V,)
            assert found.error_details == ""
            assert manager.queue.find(f"Wan-AI/{I2V}").priority == "HIGH"
            await asyncio.to_thread(until, lambda: manager.queue.find(f"Wan-AI/{I2V}").state == "done")
            found = await manager.handle_model_request(I2V)
            assert (found.success, found.estimated_wait_time) == (True, 0.0)
            await asyncio.to_thread(until, lambda: (f"Wan-AI/{I2V}", 1.0) in progress)

    asyncio.run(ask())


def test_request_counts_as_use_and_a_status_does_not(wan: FakeHub, tmp_path: Path) -> None:
    """Uses are counted by day and outlive the process; looking changes nothing."""

    async def ask() -> None:
        async with await held_back(manager_of(tmp_path, wan)) as manager:
            await manager.get_comprehensive_model_status()
            assert (await manager.get_model_status(T2V)).last_used is None
            for _ in range(3):
                assert (await manager.handle_model_request(T2V)).success
        async with manager_of(tmp_path, wan) as manager:
            status = await manager.get_model_status(T2V)
            assert status.usage_frequency == pytest.approx(0.1)
            assert status.last_used is not None
            assert (await manager.get_model_status(I2V)).usage_frequency == 0

    asyncio.run(ask())


@pytest.mark.parametrize(
    ("state", "action"),
    [("paused", "its download is paused"), ("failed", "accept the licence"), ("unknown name", "declare it")],
)
def test_request_says_what_is_to_be_done(wan: FakeHub, tmp_path: Path, state: str, action: str) -> None:
    """Whoever asks learns what somebody has to do, and gets no error thrown at."""

    async def ask() -> None:
        async with await held_back(manager_of(tmp_path, wan)) as manager:
            name = I2V
            if state == "unknown name":
                name = "nobody/knows"
            else:
                one = manager.queue.add(f"Wan-AI/{I2V}", cache=manager.cache)
                manager.queue.change(one.id, state=state, ended_at=1.0,
                                     action_required="accept the licence" if state == "failed" else "")  # fmt: skip
            found = await manager.handle_model_request(name)
            assert not found.success
            assert action in found.action_required

    asyncio.run(ask())


def test_all_are_ensured_and_what_is_damaged_is_found_and_repaired(wan: FakeHub, tmp_path: Path) -> None:
    """A header that does not fit its file is no fault of size: the check finds it, and what is missing comes too."""
    blob = max((tmp_path / "cache").rglob("blobs/*"), key=lambda path: path.stat().st_size)
    blob.write_bytes(b"\xff" * blob.stat().st_size)
    checked: list[tuple[str, bool | None]] = []

    async def ask() -> None:
        async with manager_of(tmp_path, wan) as manager:
            manager.register_health_callback(lambda name, check: checked.append((name, check.is_healthy)))
            states = await manager.ensure_all_models_available()
            assert set(states) == {T2V, I2V, TI2V}
            assert set(states.values()) == {State.QUEUED}
            assert manager.queue.find(f"Wan-AI/{T2V}").reason == "corrupted"
            done = lambda: all(each.state == "done" for each in manager.queue.all())  # noqa: E731 - said once
            await asyncio.to_thread(until, done)
            found = await manager.get_comprehensive_model_status()
            assert {each.availability_status for each in found.values()} == {State.AVAILABLE}
            assert blob.read_bytes() == FILES["model.safetensors"]
            await asyncio.to_thread(until, lambda: (T2V, False) in checked)

    asyncio.run(ask())


def test_callback_that_raises_or_hangs_holds_up_nobody(wan: FakeHub, tmp_path: Path) -> None:
    """One that raises, one that never returns, one that is awaited: the others are told all the same."""
    stuck, told = threading.Event(), []

    async def ask() -> None:
        async with await held_back(manager_of(tmp_path, wan)) as manager:

            @manager.register_status_callback
            def _(*_: object) -> None:
                raise SystemExit

            manager.register_status_callback(lambda *_: stuck.wait(60))

            @manager.register_status_callback
            async def _later(name: str, state: State) -> None:
                await asyncio.sleep(0)
                told.append((name, state))

            await manager.get_comprehensive_model_status()
            for number in range(2):
                one = manager.queue.add(f"Wan-AI/{I2V}", cache=manager.cache)
                await manager.get_comprehensive_model_status()
                manager.queue.cancel(one.id)
                await manager.get_comprehensive_model_status()
                assert number < 2
            await asyncio.to_thread(until, lambda: len(told) == 4)
            assert told == [(I2V, State.QUEUED), (I2V, State.MISSING)] * 2
            manager.unregister_callback(_later)

    asyncio.run(ask())
    stuck.set()


class Host:
    """What a host may have already."""

    def __init__(self) -> None:
        self.fetched: list[str] = []
        self.told: list[Any] = []

    def get_model_id(self, model_type: str) -> str:
        """Know two names."""
        return {"video": T2V, "image": I2V}.get(model_type, model_type)

    async def get_model_status(self, model_id: str) -> dict[str, object]:
        """Tell what is loaded; fail for one."""
        if model_id == TI2V:
            raise RuntimeError("the host's manager is broken")
        return {"is_loaded": model_id == T2V}

    def add_progress_callback(self, function: Callable[..., Any]) -> None:
        """Remember who is to be told."""
        self.told.append(function)

    async def download_with_retry(self, model_id: str) -> SimpleNamespace:
        """Fetch one model, fail for others."""
        self.fetched.append(model_id)
        self.told[0](model_id, 50)
        return SimpleNamespace(success=model_id.endswith(I2V), error_message="no")

    def check_model_integrity(self, model_id: str) -> SimpleNamespace:
        """Find fault with everything."""
        return SimpleNamespace(is_healthy=False, issues=["slow"], performance_score=0.25, model_id=model_id)


def test_parts_of_the_host_are_asked_and_used(wan: FakeHub, tmp_path: Path) -> None:
    """Its names, its loaded models, its downloader and its monitor count; one that raises leaves out what it says."""
    host, progress = Host(), []

    async def ask() -> None:
        async with manager_of(tmp_path, wan, host, host, host) as manager:
            manager.register_progress_callback(lambda *given: progress.append(given))
            assert (await manager.handle_model_request("video")).success
            assert (await manager.get_model_status("video")).is_loaded
            assert (await manager.handle_model_request("image")).availability_status is State.QUEUED
            assert (await manager.handle_model_request(TI2V)).availability_status is State.QUEUED
            await asyncio.to_thread(until, lambda: len(host.fetched) == 2 and (f"Wan-AI/{I2V}", 0.5) in progress)
            end = time.monotonic() + 30
            while (await manager.get_model_status(TI2V)).availability_status is not State.FAILED:
                assert time.monotonic() < end
            assert manager.queue.all() == []
            check = await manager.check_model(T2V)
            assert (check.is_healthy, check.performance_score, check.faults) == (False, 0.25, ("slow",))
            assert (await manager.get_model_status(T2V)).availability_status is State.CORRUPTED

    asyncio.run(ask())


def test_nothing_goes_that_nobody_watched(wan: FakeHub, tmp_path: Path) -> None:
    """With no statistics, or those of a few days, every model stays, each with its reason; nothing is removed."""
    _make_old(tmp_path)

    async def ask(usage: dict[str, ModelUsage], **policy: Any) -> CleanupResult:
        declared = DeclaredModels(models=tuple(each.model_copy(update={"priority": "LOW"}) for each in DECLARED.models))
        async with manager_of(tmp_path, wan, usage=lambda: usage, declared=declared) as manager:
            return await manager.cleanup_unused_models(RetentionPolicy(**policy))

    found = asyncio.run(ask({}))
    assert (found.advised, found.dry_run, found.looked_at) == ((), True, 3)
    assert "watched for 0 days" in found.kept[T2V]
    long = ModelUsage(0.0, NOW - timedelta(days=200), None, 400.0)
    assert asyncio.run(ask({T2V: long})).kept[T2V] == "the last of its task text-to-video"
    used = ModelUsage(0.5, NOW - timedelta(days=200), None, 400.0)
    assert "asked for 0.50 times a day" in asyncio.run(ask({T2V: used})).kept[T2V]


def test_what_is_unused_is_advised_and_only_a_policy_that_says_so_removes(wan: FakeHub, tmp_path: Path) -> None:
    """Freed bytes are the model's own; without something that removes it is said that nothing does."""
    download(wan, f"Wan-AI/{I2V}", tmp_path / "cache")
    _make_old(tmp_path)
    usage = {I2V: ModelUsage(0.0, None, None, 400.0), T2V: ModelUsage(2.0, NOW, None, 400.0)}
    gone: list[str] = []

    def remove(entries: Any) -> CleanupResult:
        gone.extend(entry.model.name for entry in entries)
        return CleanupResult(policy=RetentionPolicy(), dry_run=False, looked_at=0, removed=(I2V,), trash_id="t1")

    async def ask(*, dry_run: bool, **more: Any) -> CleanupResult:
        async with manager_of(tmp_path, wan, usage=lambda: usage, **more) as manager:
            return await manager.cleanup_unused_models(RetentionPolicy(dry_run=dry_run))

    found = asyncio.run(ask(dry_run=True, remove=remove))
    assert (found.advised, gone) == ((I2V,), [])
    assert found.bytes_freed_when_purged > 3000
    assert found.kept[T2V] == "priority HIGH"
    assert "nothing here removes" in asyncio.run(ask(dry_run=False)).errors[I2V]
    done = asyncio.run(ask(dry_run=False, remove=remove))
    assert (gone, done.removed, done.trash_id, done.dry_run) == ([f"Wan-AI/{I2V}"], (I2V,), "t1", False)


def _make_old(tmp_path: Path) -> None:
    for path in (tmp_path / "cache").rglob("*"):
        os.utime(path, (1, 1), follow_symlinks=False)
