"""Models go into the trash and come back: killed at every change of the disk, the cache is whole before and after."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from huggingface_hub import scan_cache_dir
from huggingface_hub.utils import _shared_blobs

from availability.samples import download, ollama_model, publish, safetensors
from modeltally.availability.declared import DeclaredModel, DeclaredModels
from modeltally.availability.folders import Folder
from modeltally.availability.found import Places
from modeltally.availability.guards import Use, open_files
from modeltally.availability.held import LoadedModel
from modeltally.availability.hub_cache import HubCache
from modeltally.availability.inventory import Inventory, take_inventory
from modeltally.availability.ollama_folder import OllamaFolder
from modeltally.availability.removal import Advised, RemovalResult, Remover
from modeltally.availability.trash import FOLDER_NAME, Trash
from modeltally.availability.verify import Level, check
from modeltally.errors import ModelTallyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from libraries.fake_hub import FakeHub
    from modeltally.availability.store import ModelStore

ONE, TWO, OTHER = "org/one", "org/two", "org/other"
SHARED = safetensors(5)
NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
# what changes a disk, as Python says before it does it
CHANGES = frozenset({"os.link", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.chmod", "os.utime"})
KILLED = 9


def state_of(root: Path) -> dict[str, tuple[object, ...]]:
    """Give every name below a folder with all there is to it: kind, permissions, time, content."""
    found: dict[str, tuple[object, ...]] = {}
    for path in sorted(root.rglob("*")):
        entry = path.lstat()
        kind = stat.S_IFMT(entry.st_mode)
        content = path.read_bytes() if stat.S_ISREG(kind) else b""
        inside = path.readlink() if path.is_symlink() else content
        # a folder's time also tells of what came and went beside
        at = 0 if stat.S_ISDIR(kind) else entry.st_mtime_ns
        found[path.relative_to(root).as_posix()] = (kind, entry.st_mode & 0o7777, at, inside)
    return found


@pytest.fixture(scope="module")
def prepared(hub_server: FakeHub, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have the real library fill a cache: two revisions of one model, a file that two models share, a third model."""
    for kept in (hub_server.files, hub_server.large, hub_server.commits, hub_server.gated, hub_server.cuts):
        kept.clear()
    cache = tmp_path_factory.mktemp("prepared") / "hub"
    config = b'{"a": 1}'
    publish(hub_server, ONE, {"model.safetensors": safetensors(1), "config.json": config}, commit="first")
    download(hub_server, ONE, cache)
    publish(hub_server, ONE, {"model.safetensors": safetensors(2), "config.json": config}, commit="second")
    download(hub_server, ONE, cache)
    for name in (ONE, TWO):
        own = {"shared.safetensors": SHARED, "own.json": name.encode()}
        more = {"model.safetensors": safetensors(2), "config.json": config} if name == ONE else {}
        publish(hub_server, name, own | more, commit="third" if name == ONE else "two")
        folder = download(hub_server, name, cache)
        link = folder / "shared.safetensors"
        assert _shared_blobs.publish_blob_to_shared_store(
            blob_path=os.path.normpath(link.parent / link.readlink()),
            xet_hash="ab" * 32,
            cache_dir=cache,
            expected_size=len(SHARED),
        )
    publish(hub_server, OTHER, {"model.safetensors": safetensors(9)}, commit="other")
    download(hub_server, OTHER, cache)
    shutil.rmtree(cache / ".locks", ignore_errors=True)
    return cache


@pytest.fixture
def cache(prepared: Path, tmp_path: Path) -> Path:
    """Give a copy of that cache."""
    return fresh(prepared, tmp_path / "of-its-own")


def fresh(prepared: Path, place: Path) -> Path:
    """Copy the cache to a place where nothing is."""
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(prepared, place / "hub", symlinks=True)
    return place / "hub"


def looking(*stores: ModelStore, loaded: tuple[LoadedModel, ...] = ()) -> Callable[[], Inventory]:
    """Make what looks into stores."""

    def look() -> Inventory:
        found = take_inventory(Places(stores))
        return Inventory(found.listings, found.entries, loaded)

    return look


def cleanup(cache: Path, **more: Any) -> Remover:
    """Make a cleanup of a cache of the hub."""
    return Remover(looking(HubCache(cache)), clock=lambda: NOW, **more)


def removed(cache: Path, name: str = ONE, revision: str = "", **more: Any) -> RemovalResult:
    """Remove one model."""
    return cleanup(cache, **more).remove([Advised(name, revision)], dry_run=False)


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Do something in a process that is killed before its numberth change of the disk; tells whether it was."""
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        left = itertools.count(number, -1)

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            is_write = event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & os.O_CREAT)
            if (event in CHANGES or is_write) and next(left) == 0:
                os._exit(KILLED)

        with contextlib.suppress(BaseException):
            sys.addaudithook(watch)
            work()
            os._exit(0)
        os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED), f"it failed by itself at change {number}"
    return code == KILLED


def library_agrees(cache: Path) -> bool:
    """Whether the library that filled the cache finds nothing wrong with it, and every sum is right."""
    listing = HubCache(cache).listing()
    verdicts = [check(model, Level.SUMS, revision=each.name) for model in listing.models for each in model.revisions]
    found = scan_cache_dir(cache)
    return not found.warnings and all(verdict.is_healthy for verdict in verdicts) and len(found.repos) == 3


CASES = {
    "a model whose file another one shares": (ONE, ""),
    "the revision that main points at": (ONE, "main"),
    "a revision without a name": (ONE, "first"),
}


def revision_of(cache: Path, name: str) -> str:
    """Give what stands for a revision: a ref, or the commit that no name points at."""
    if name != "first":
        return name
    model = next(model for model in HubCache(cache).listing().models if model.name == ONE)
    return next(each.name for each in model.revisions if not each.refs)


@pytest.mark.parametrize(("model", "revision"), CASES.values(), ids=list(CASES))
def test_killed_at_every_change_it_ends_and_comes_back(
    prepared: Path, tmp_path: Path, model: str, revision: str
) -> None:
    """Whenever a removal is killed, the next one ends it, and what it took comes back byte for byte."""
    before = state_of(prepared)
    others = {name: each for name, each in before.items() if not name.startswith(("models--org--one", "blobs"))}
    for number in itertools.count():
        cache = fresh(prepared, tmp_path / "cache")
        wanted = revision_of(cache, revision)
        was_killed = killed_at(number, lambda: removed(cache, model, wanted))  # noqa: B023 - called at once
        now = state_of(cache)
        assert {name: now[name] for name in others} == others
        assert (
            now["models--org--two/blobs/" + shared_name(cache)]
            == before["models--org--two/blobs/" + shared_name(cache)]
        )
        trash = Trash(cache.parent / FOLDER_NAME)
        with trash.alone():
            pass  # the next one, whatever it does, ends what was begun
        if not trash.removals():
            assert state_of(cache) == before, f"killed at {number}"
            (took,) = removed(cache, model, wanted).removed
            assert took.removed_bytes > 0
        assert state_of(cache) != before
        assert scan_cache_dir(cache).warnings == []
        assert cleanup(cache).undo(model) == []
        assert state_of(cache) == before, f"killed at {number}"
        assert trash.removals() == []
        if not was_killed:
            break
    assert number > 15, "there are many changes to be killed at"
    assert library_agrees(cache)


def shared_name(cache: Path) -> str:
    """Give the name of the shared file within a model."""
    return next(path.name for path in (cache / "models--org--two" / "blobs").iterdir() if path.is_symlink())


def test_bringing_back_killed_at_every_change_ends_well(prepared: Path, tmp_path: Path) -> None:
    """Whenever bringing back is killed, the next look at the trash ends it, and the cache is what it was."""
    before = state_of(prepared)
    for number in itertools.count():
        cache = fresh(prepared, tmp_path / "cache")
        removed(cache)
        was_killed = killed_at(number, lambda: cleanup(cache).undo(ONE))  # noqa: B023 - called at once
        trash = Trash(cache.parent / FOLDER_NAME)
        with trash.alone():
            pass
        for removal in trash.removals():  # it was killed before it had begun
            assert number < 5, removal
            cleanup(cache).undo(removal.id)
        assert state_of(cache) == before, f"killed at {number}"
        if not was_killed:
            break
    assert number > 15


def test_purging_killed_at_every_change_leaves_nothing(prepared: Path, tmp_path: Path) -> None:
    """Whenever purging is killed, the next look at the trash ends it; the cache beside it is not touched."""
    cache = fresh(prepared, tmp_path / "cache")
    removed(cache)
    kept = state_of(cache)
    for number in itertools.count():
        cache = fresh(prepared, tmp_path / "cache")
        removed(cache)
        was_killed = killed_at(number, lambda: cleanup(cache).purge([ONE]))  # noqa: B023 - called at once
        trash = Trash(cache.parent / FOLDER_NAME)
        with trash.alone():
            pass
        if trash.removals():
            assert number < 5
            cleanup(cache).purge()
        assert list((cache.parent / FOLDER_NAME).iterdir()) == [cache.parent / FOLDER_NAME / "lock"]
        assert state_of(cache) == kept
        if not was_killed:
            break
    assert number > 3


def test_shared_file_goes_with_its_last_model_and_comes_back(cache: Path) -> None:
    """What two models share stays for the second; it goes with that, and both come back in either order."""
    before = state_of(cache)
    payload = cache / "blobs" / "ab" / ("ab" * 32)
    removed(cache, ONE)
    assert payload.is_file()
    assert check(next(m for m in HubCache(cache).listing().models if m.name == TWO), Level.SUMS).is_healthy
    removed(cache, TWO)
    assert not payload.exists()
    assert cleanup(cache).undo(ONE) == []
    assert payload.is_file()
    assert cleanup(cache).undo(TWO) == []
    now, listed = state_of(cache), f"blobs/ab/{'ab' * 32}.refs"
    kind, mode, _, content = now.pop(listed)  # written anew, so at another time
    was = before.pop(listed)
    assert (kind, mode, content) == (was[0], was[1], was[3])
    assert now == before
    assert library_agrees(cache)


def test_library_that_sweeps_meanwhile_takes_nothing_that_comes_back(cache: Path) -> None:
    """The library strikes a removed model off the list of a shared file, and deletes the file; undo has it again."""
    removed(cache, ONE)
    payload = cache / "blobs" / "ab" / ("ab" * 32)
    _shared_blobs.sweep_shared_blob(payload, cache_dir=cache)
    strategy = scan_cache_dir(cache).delete_revisions(
        *(r.commit_hash for repo in scan_cache_dir(cache).repos if repo.repo_id == TWO for r in repo.revisions)
    )
    strategy.execute()
    assert not payload.exists()
    assert cleanup(cache).undo(ONE) == []
    model = next(m for m in HubCache(cache).listing().models if m.name == ONE)
    assert check(model, Level.SUMS).is_healthy
    assert _shared_blobs.unreferenced_shared_blobs(cache) == {}


def test_dry_run_changes_nothing(cache: Path) -> None:
    """A dry run says what would go and what that frees, and touches neither cache nor trash."""
    before = state_of(cache.parent)
    result = cleanup(cache).remove([Advised(ONE), Advised(OTHER)])
    assert result.dry_run
    assert [each.model for each in result.advised] == [ONE, OTHER]
    assert result.removed == ()
    weights = sum(model.exclusive_bytes for model in HubCache(cache).listing().models if model.name in (ONE, OTHER))
    lists = 10_000  # names that point at revisions, and the library's lists of files
    assert weights < result.bytes_freed_when_purged < weights + lists
    assert state_of(cache.parent) == before


def test_trash_frees_nothing_until_it_is_purged(cache: Path) -> None:
    """What was said to become free is what purging frees; until then nothing is."""
    result = removed(cache, OTHER)
    assert result.bytes_freed_now == 0
    old = cleanup(cache)
    old.clock = lambda: NOW + dt.timedelta(days=13)
    assert old.purge(older_than_days=14) == {}
    old.clock = lambda: NOW - dt.timedelta(days=400)  # a clock that was set back makes nothing old
    assert old.purge(older_than_days=14) == {}
    old.clock = lambda: NOW + dt.timedelta(days=14)
    assert old.purge(older_than_days=14) == {result.trash_ids[0]: result.bytes_freed_when_purged}
    with pytest.raises(ModelTallyError, match="no removal"):
        cleanup(cache).undo(OTHER)


def test_model_that_came_back_meanwhile_is_left_as_it_is(cache: Path, hub: FakeHub) -> None:
    """What was downloaded again stays the newer one; the rest comes back beside it."""
    removed(cache, OTHER)
    publish(hub, OTHER, {"model.safetensors": safetensors(99)}, commit="newer")
    folder = download(hub, OTHER, cache)
    assert cleanup(cache).undo(OTHER) == [str(cache / "models--org--other" / "refs" / "main")]
    assert (folder / "model.safetensors").read_bytes() == safetensors(99)
    model = next(m for m in HubCache(cache).listing().models if m.name == OTHER)
    assert len(model.revisions) == 2
    assert model.revisions[0].name == folder.name


GUARDS: dict[str, tuple[dict[str, Any], str]] = {
    "loaded": ({"loaded": (LoadedModel(ONE, "ollama-server", "http://127.0.0.1:1", "loaded"),)}, "unload it first"),
    "pinned": ({"declared": DeclaredModels(models=(DeclaredModel(model=ONE, pin=True),))}, "pinned"),
    "needed": (
        {"declared": DeclaredModels(models=(DeclaredModel(model=ONE), DeclaredModel(model="lora", base=ONE)))},
        "based on it",
    ),
    "used": ({"use": Use(NOW)}, "after it was advised"),
    "unknown use": ({"use": Use(is_known=False)}, "nobody tells"),
    "expired": ({"expires_at": NOW}, "expired"),
    "from the future": ({"advised_at": NOW + dt.timedelta(days=1)}, "clock"),
}


@pytest.mark.parametrize(("facts", "why"), GUARDS.values(), ids=list(GUARDS))
def test_what_stands_against_it_keeps_the_model(cache: Path, facts: dict[str, Any], why: str) -> None:
    """A model that was loaded, used or pinned since it was advised is not touched, and the reason is told."""
    before = state_of(cache)
    work = Remover(
        looking(HubCache(cache), loaded=facts.get("loaded", ())),
        facts.get("declared"),
        lambda _: facts.get("use", Use()),
        clock=lambda: NOW,
    )
    advised_at = facts.get("advised_at", NOW - dt.timedelta(days=1))
    result = work.remove([Advised(ONE, "", advised_at, facts.get("expires_at"))], dry_run=False)
    assert [each.model for each in result.kept] == [ONE]
    assert why in " ".join(result.kept[0].reasons)
    assert (result.removed, state_of(cache)) == ((), before)


def test_what_is_loaded_between_look_and_removal_stays(cache: Path) -> None:
    """Each model is looked at once more just before it goes: one that was loaded meanwhile is kept."""
    looks = itertools.count()

    def look() -> Inventory:
        loaded = (LoadedModel(ONE, "vllm", "http://127.0.0.1:1", "loaded"),) if next(looks) else ()
        return looking(HubCache(cache), loaded=loaded)()

    before = state_of(cache)
    result = Remover(look, clock=lambda: NOW).remove([Advised(ONE)], dry_run=False)
    assert [each.model for each in result.advised] == [ONE]
    assert [each.model for each in result.kept] == [ONE]
    assert state_of(cache) == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux tells which files are open")
@pytest.mark.parametrize("how", ["open", "mapped"])
def test_open_files_keep_the_model(cache: Path, how: str) -> None:
    """A file that a process has open, or mapped and closed, as loaders of weights do, keeps its model."""
    weights = next((cache / "models--org--other" / "blobs").iterdir())
    program = (
        "import sys, mmap\nfile = open(sys.argv[1], 'rb')\n"
        + ("held = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)\nfile.close()\n" if how == "mapped" else "")
        + "print(flush=True)\nsys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(weights)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        entry = weights.stat()
        assert open_files({(entry.st_dev, entry.st_ino)}).holders == {(entry.st_dev, entry.st_ino): {holder.pid}}
        result = removed(cache, OTHER)
        assert f"open in process {holder.pid}" in result.kept[0].reasons[0]
        holder.stdin.close()  # type: ignore[union-attr]  # it is a pipe
    assert removed(cache, OTHER).kept == ()


def test_ollama_layers_that_others_need_stay(tmp_path: Path) -> None:
    """A model's manifest and its own layers go and come back; a layer of another model stays."""
    root = tmp_path / "models"
    ollama_model(root, "a", {"config": b"{}", "model": safetensors(1)})
    ollama_model(root, "b", {"config": b"{}", "model": safetensors(2)})
    before = state_of(root)
    work = Remover(looking(OllamaFolder(root)), clock=lambda: NOW)
    (took,) = work.remove([Advised("a:latest")], dry_run=False).removed
    assert 0 < took.bytes_freed_when_purged - len(safetensors(1)) < 1000  # the manifest
    assert [model.name for model in OllamaFolder(root).listing().models] == ["b:latest"]
    assert OllamaFolder(root).listing().leftovers == ()
    assert work.undo("a:latest") == []
    assert state_of(root) == before


def test_names_that_differ_in_capitals_are_two_models(tmp_path: Path) -> None:
    """Removing one of two models whose names differ in capital letters leaves the other, in the trash as well."""
    root = tmp_path / "models"
    root.mkdir()
    for name, seed in (("Flux.safetensors", 1), ("flux.safetensors", 2)):
        (root / name).write_bytes(safetensors(seed))
    before = state_of(root)
    work = Remover(looking(Folder(root)), clock=lambda: NOW)
    work.remove([Advised("flux.safetensors")], dry_run=False)
    assert [path.name for path in root.iterdir()] == ["Flux.safetensors"]
    work.remove([Advised("Flux.safetensors")], dry_run=False)
    assert list(root.iterdir()) == []
    work.undo("Flux.safetensors")
    work.undo("flux.safetensors")
    assert state_of(root) == before


def test_link_out_of_the_cache_leaves_what_it_leads_to(cache: Path, tmp_path: Path) -> None:
    """A link that leads out of the cache goes as a link and comes back as one; what it leads to is not touched."""
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(b"mine")
    snapshot = next((cache / "models--org--other" / "snapshots").iterdir())
    (snapshot / "extra.safetensors").symlink_to(outside)
    before = state_of(cache)
    result = removed(cache, OTHER)
    assert any("out of the cache" in note for note in result.removed[0].notes)
    assert outside.read_bytes() == b"mine"
    cleanup(cache).undo(OTHER)
    assert state_of(cache) == before
    (cache / "models--org--other").rename(tmp_path / "elsewhere")
    (cache / "models--org--other").symlink_to(tmp_path / "elsewhere")
    assert "is a link to" in removed(cache, OTHER).kept[0].reasons[0]


def test_file_with_another_name_elsewhere_frees_nothing(cache: Path, tmp_path: Path) -> None:
    """A hard link elsewhere keeps the bytes: removing and purging frees none of them, and says so beforehand."""
    size = len(safetensors(9))
    weights = next((cache / "models--org--other" / "blobs").iterdir())
    os.link(weights, tmp_path / "second-name")
    result = removed(cache, OTHER)
    assert result.removed[0].removed_bytes > size > result.bytes_freed_when_purged
    assert sum(cleanup(cache).purge().values()) == result.bytes_freed_when_purged
    assert (tmp_path / "second-name").read_bytes() == safetensors(9)


def test_two_removals_at_once_do_not_meet(cache: Path) -> None:
    """While one is at work another one says so, and changes nothing."""
    before = state_of(cache)
    with Trash(cache.parent / FOLDER_NAME).alone():
        result = removed(cache, OTHER)
    assert "another removal is under way" in result.errors[0]
    assert (result.removed, state_of(cache)) == ((), before)


def test_file_that_changed_since_the_look_stays(cache: Path) -> None:
    """A file that is another one by now than when it was looked at is never removed."""
    from modeltally.availability.removal_plan import plan_model  # noqa: PLC0415 - of this test alone

    listing = HubCache(cache).listing()
    model = next(each for each in listing.models if each.name == OTHER)
    plan = plan_model(model, listing.models)
    weights = next((cache / "models--org--other" / "blobs").iterdir())
    weights.write_bytes(b"another")
    before = state_of(cache)
    trash = Trash(cache.parent / FOLDER_NAME)
    with trash.alone(), pytest.raises(ModelTallyError, match="look again"):
        trash.take(plan)
    assert (trash.removals(), state_of(cache)) == ([], before)


@pytest.mark.parametrize("what", ["read-only", "another user's"])
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_what_this_user_may_not_remove_stays_whole(cache: Path, what: str) -> None:
    """In a read-only cache, or with another user's folder in it, nothing is removed at all, and nothing half."""
    for path in (cache.parent, *cache.parent.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    blobs = cache / "models--org--other" / "blobs"
    if what == "read-only":
        blobs.chmod(0o555)
    else:
        os.chown(blobs, 0, 0)
    for folder in cache.parents:
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    before = state_of(cache)
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        with contextlib.suppress(BaseException):
            os.setgid(65534)
            os.setuid(65534)
            errors = removed(cache, OTHER).errors
            os._exit(0 if "may not be removed by this user" in " ".join(errors) else 3)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert state_of(cache) == before
    assert Trash(cache.parent / FOLDER_NAME).removals() == []


@pytest.fixture
def disk(tmp_path: Path) -> Any:
    """Mount a file system of the test's own."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["/bin/mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this user may not mount a file system: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["/bin/umount", "--lazy", str(place)], check=True)


def free(place: Path) -> int:
    """Free bytes of a disk."""
    found = os.statvfs(place)
    return found.f_bfree * found.f_frsize


def test_freed_bytes_are_what_the_disk_says(prepared: Path, disk: Path) -> None:
    """On a disk of its own, purging frees what was said beforehand, to the block; the trash itself frees nothing."""
    cache = fresh(prepared, disk / "of-its-own")
    block = os.statvfs(disk).f_frsize
    before = free(disk)
    result = removed(cache, OTHER)
    assert before - free(disk) <= 4 * block  # the manifest
    assert sum(cleanup(cache).purge().values()) == result.bytes_freed_when_purged
    # each file takes whole blocks, and so does each folder's list
    assert 0 <= free(disk) - before - result.bytes_freed_when_purged // block * block <= 8 * block


def test_trash_on_another_disk_is_refused(cache: Path, disk: Path) -> None:
    """Where the trash would have to copy there is no way back: it is said, and nothing is removed."""
    before = state_of(cache)
    result = removed(cache, OTHER, trash=disk / "trash")
    assert "another disk" in result.errors[0]
    assert (result.removed, state_of(cache)) == ((), before)


def test_full_disk_changes_nothing(prepared: Path, disk: Path) -> None:
    """Where not even the manifest fits, nothing is removed."""
    cache = fresh(prepared, disk / "of-its-own")
    before = state_of(cache)
    with (disk / "filler").open("wb") as filler, contextlib.suppress(OSError):
        while True:
            filler.write(b"x" * 65536)
            filler.flush()
    result = removed(cache, OTHER)
    assert result.errors
    assert (result.removed, state_of(cache)) == ((), before)


def test_disk_pressure_purges_the_oldest_first(cache: Path) -> None:
    """Asked for free bytes that are there, nothing is purged; for more than the disk has, everything, oldest first."""
    for days, name in enumerate((TWO, OTHER)):
        work = cleanup(cache)
        work.clock = lambda days=days: NOW + dt.timedelta(days=days)  # type: ignore[misc]  # the loop's own
        work.remove([Advised(name)], dry_run=False)
    order = [each.plan.model for trash in cleanup(cache).trashes() for each in trash.removals()]
    assert order == [TWO, OTHER]
    assert cleanup(cache).purge(free_bytes=1) == {}
    assert len(cleanup(cache).purge(free_bytes=2**62)) == 2


def test_leftovers_go_and_come_back(tmp_path: Path) -> None:
    """What no model needs goes into the trash as well, and comes back; a download that goes on is left alone."""
    root = tmp_path / "models"
    ollama_model(root, "a", {"config": b"{}", "model": safetensors(1)})
    orphan = root / "blobs" / f"sha256-{'1' * 64}"
    orphan.write_bytes(b"x" * 100)
    partial = root / "blobs" / f"sha256-{'2' * 64}-partial"
    partial.write_bytes(b"y")
    before = state_of(root)
    work = Remover(looking(OllamaFolder(root)), clock=lambda: NOW)
    result = work.remove([], dry_run=False, leftovers=True)
    assert not result.removed  # a download goes on: its layers are nobody's yet
    assert state_of(root) == before
    os.utime(partial, (1, 1))
    before = state_of(root)
    result = Remover(looking(OllamaFolder(root)), clock=lambda: NOW).remove([], dry_run=False, leftovers=True)
    assert {each.removed_bytes for each in result.removed} == {100, 1}
    assert not orphan.exists()
    assert not partial.exists()
    for trash_id in result.trash_ids:
        work.undo(trash_id)
    assert state_of(root) == before
