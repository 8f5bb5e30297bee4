"""The hub's cache: filled by huggingface_hub, damaged in every way, and held against the library's own reading."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import scan_cache_dir
from huggingface_hub.utils import _shared_blobs

from availability.samples import download, publish, safetensors
from modeltally.availability.held import DETACHED, GROWING, ORPHAN, PARTIAL, REBUILT, HeldModel, Listing
from modeltally.availability.hub_cache import HubCache, Wanted
from modeltally.availability.states import ModelAvailabilityStatus as State
from modeltally.availability.verify import Level, check

if TYPE_CHECKING:
    from pathlib import Path

    from libraries.fake_hub import FakeHub

NAME = "org/model"
FILES = {"config.json": b'{"a": 1}', "model.safetensors": safetensors(1), "vae/model.safetensors": safetensors(2)}


@pytest.fixture
def cache(hub: FakeHub, tmp_path: Path) -> Path:
    """Fill a cache with one model."""
    publish(hub, NAME, FILES)
    download(hub, NAME, tmp_path / "hub")
    return tmp_path / "hub"


def listing_of(cache: Path) -> Listing:
    """Look into a cache once, at a time when nothing is new."""
    return HubCache(cache, clock=lambda: time.time() + 1000).listing()


def only(listing: Listing) -> HeldModel:
    """Give the one model of a cache."""
    (model,) = listing.models
    return model


def snapshot_of(cache: Path) -> Path:
    """Give the one snapshot of the model."""
    (snapshot,) = (cache / "models--org--model" / "snapshots").iterdir()
    return snapshot


def assert_as_the_library(cache: Path) -> None:
    """Compare with ``scan_cache_dir``: what is there, its bytes, and what removing a model or a revision frees."""
    scanned = scan_cache_dir(cache)
    assert not scanned.warnings
    listed = {model.name: model for model in listing_of(cache).models}
    assert {repo.repo_id for repo in scanned.repos} == listed.keys()
    for repo in scanned.repos:
        model = listed[repo.repo_id]
        assert model.kind == repo.repo_type
        assert model.size_bytes == repo.size_on_disk
        hashes = [revision.commit_hash for revision in repo.revisions]
        assert model.exclusive_bytes == scanned.delete_revisions(*hashes).expected_freed_size
        by_name = {revision.name: revision for revision in model.revisions}
        assert by_name.keys() == set(hashes)
        for revision in repo.revisions:
            mine = by_name[revision.commit_hash]
            assert set(mine.refs) == revision.refs
            assert {file.path: file.size_bytes for file in mine.files} == {
                file.file_path: file.size_on_disk for file in revision.files
            }
            assert mine.exclusive_bytes == scanned.delete_revisions(revision.commit_hash).expected_freed_size


def test_listing_is_what_the_library_sees(hub: FakeHub, tmp_path: Path) -> None:
    """Models, revisions, names, files, bytes and what removal frees equal ``scan_cache_dir``'s on a sound cache."""
    cache = tmp_path / "hub"
    publish(hub, NAME, FILES)
    download(hub, NAME, cache)
    publish(hub, NAME, FILES | {"config.json": b"{}", "more.safetensors": safetensors(3)}, commit="second")
    download(hub, NAME, cache)
    publish(hub, "org/other", {"model.safetensors": safetensors(4)}, commit="other")
    download(hub, "org/other", cache)
    assert_as_the_library(cache)
    leftovers = listing_of(cache).leftovers
    (detached,) = [each for each in leftovers if each.what == DETACHED]
    assert detached.size_bytes == len(FILES["config.json"])


def test_shared_files_are_freed_with_their_last_model(hub: FakeHub, tmp_path: Path) -> None:
    """A file that two models share counts for both and is freed by neither alone; so says the library as well."""
    cache = tmp_path / "hub"
    shared, own = safetensors(5), safetensors(6)
    for name in ("org/model", "org/other"):
        publish(
            hub, name, {"model.safetensors": shared, f"of-{name[-5:]}.safetensors": own + name.encode()}, commit=name
        )
        blob = download(hub, name, cache) / "model.safetensors"
        path = blob.parent / blob.readlink()
        assert _shared_blobs.publish_blob_to_shared_store(
            blob_path=os.path.normpath(path), xet_hash="ab" * 32, cache_dir=cache, expected_size=len(shared)
        )
    assert_as_the_library(cache)
    for model in listing_of(cache).models:
        assert model.state is State.AVAILABLE
        assert model.size_bytes - model.exclusive_bytes == len(shared)
        assert check(model, Level.SUMS).integrity_score == 1.0
    shutil.rmtree(cache / "models--org--other")
    (left,) = listing_of(cache).models
    assert left.exclusive_bytes == left.size_bytes
    assert_as_the_library(cache)
    shutil.rmtree(cache / "models--org--model")
    (orphan,) = listing_of(cache).leftovers
    assert (orphan.what, orphan.size_bytes) == (ORPHAN, len(shared))


def test_shared_file_without_its_list_is_kept_by_the_library(hub: FakeHub, tmp_path: Path) -> None:
    """Where nothing says who needs a shared file the library keeps it for ever, so nothing would be freed."""
    cache = tmp_path / "hub"
    publish(hub, NAME, {"model.safetensors": safetensors(5)})
    blob = download(hub, NAME, cache) / "model.safetensors"
    _shared_blobs.publish_blob_to_shared_store(
        blob_path=os.path.normpath(blob.parent / blob.readlink()),
        xet_hash="ab" * 32,
        cache_dir=cache,
        expected_size=blob.stat().st_size,
    )
    _shared_blobs.shared_blob_manifest_path(cache, "ab" * 32).unlink()
    assert only(listing_of(cache)).exclusive_bytes == 0
    assert_as_the_library(cache)


def test_cache_of_an_older_version_is_read_without_lists(cache: Path) -> None:
    """Without a list a model whose files are there is available, says what is not known, and is summed by names."""
    shutil.rmtree(cache / "models--org--model" / "trees")
    model = only(listing_of(cache))
    assert model.state is State.AVAILABLE
    assert "no list of its files" in model.reason
    assert check(model, Level.SUMS).integrity_score == 1.0
    weights = (snapshot_of(cache) / "model.safetensors").resolve()
    weights.chmod(0o644)
    weights.write_bytes(b"x" * weights.stat().st_size)
    assert check(only(listing_of(cache)), Level.SUMS).corrupted == 1


@pytest.mark.parametrize("has_list", [True, False])
def test_part_that_lacks_is_missing(hub: FakeHub, tmp_path: Path, *, has_list: bool) -> None:
    """The names of a model's parts say how many there are, list or no list."""
    parts = {f"model-0000{number}-of-00003.safetensors": safetensors(number) for number in (1, 2, 3)}
    publish(hub, NAME, parts)
    snapshot = download(hub, NAME, tmp_path)
    gone = snapshot / "model-00002-of-00003.safetensors"
    gone.resolve().unlink()
    gone.unlink()
    if not has_list:
        shutil.rmtree(tmp_path / "models--org--model" / "trees")
    model = only(listing_of(tmp_path))
    assert model.state is State.MISSING
    assert "model-00002-of-00003.safetensors" in model.reason
    assert check(model).missing == 1


def test_files_that_were_never_asked_for_are_not_missing(hub: FakeHub, tmp_path: Path) -> None:
    """A download of some files is available and says so; of no weights at all it is not."""
    publish(hub, NAME, FILES)
    download(hub, NAME, tmp_path / "some", allow_patterns=["*.json", "model.safetensors"])
    model = only(listing_of(tmp_path / "some"))
    assert (model.state, model.reason) == (State.AVAILABLE, "1 of 3 files of the revision were never fetched")
    download(hub, NAME, tmp_path / "none", allow_patterns=["*.json"])
    assert only(listing_of(tmp_path / "none")).state is State.MISSING


def test_declared_patterns_say_what_is_missing(hub: FakeHub, tmp_path: Path) -> None:
    """A declared pattern makes a file that was never fetched a missing one; a declared revision must be there."""
    publish(hub, NAME, FILES)
    download(hub, NAME, tmp_path, allow_patterns=["model.safetensors"])
    for wanted, state in [
        (Wanted(files=("model.*",)), State.AVAILABLE),
        (Wanted(files=("*.safetensors",)), State.MISSING),
        (Wanted("main"), State.AVAILABLE),
        (Wanted("v2"), State.MISSING),
    ]:
        assert only(HubCache(tmp_path, wanted={NAME: wanted}).listing()).state is state, wanted


def test_unfinished_download_is_told_by_whether_it_grows(cache: Path) -> None:
    """Bytes that still come are a download; bytes that stopped are a leftover, and their file is missing."""
    blobs = cache / "models--org--model" / "blobs"
    target = (snapshot_of(cache) / "vae" / "model.safetensors").resolve()
    target.rename(partial := blobs / f"{target.name}.0a1b2c3d.incomplete")
    now = time.time()
    os.utime(partial, (now - 500, now - 500))
    store = HubCache(cache, clock=lambda: now)
    model = only(store.listing())
    assert model.state is State.MISSING
    assert [(each.what, each.model) for each in store.listing().leftovers] == [(PARTIAL, NAME)]
    with partial.open("ab") as file:
        file.write(b"x" * 10_000)
    os.utime(partial, (now - 500, now - 500))
    assert only(store.listing()).state is State.DOWNLOADING
    assert only(store.listing()).state is State.MISSING
    os.utime(partial, (now - 5, now - 5))
    listing = HubCache(cache, clock=lambda: now).listing()
    assert (only(listing).state, listing.leftovers[0].what) == (State.DOWNLOADING, GROWING)
    # a clock that was set back makes files of the future: their time says nothing
    assert only(HubCache(cache, clock=lambda: now - 86_400).listing()).state is State.MISSING


def test_growing_beside_a_whole_revision_is_an_update(cache: Path) -> None:
    """What is being fetched while another revision is whole is an update."""
    (cache / "models--org--model" / "blobs" / f"{'0' * 64}.0a1b2c3d.incomplete").write_bytes(b"x")
    assert only(HubCache(cache).listing()).state is State.UPDATING


def test_truncated_and_longer_files_are_corrupted(cache: Path) -> None:
    """A size unlike the list's is damage, seen without reading."""
    weights = (snapshot_of(cache) / "model.safetensors").resolve()
    weights.chmod(0o644)
    for content in (weights.read_bytes()[:100], weights.read_bytes() + b"x", b""):
        weights.write_bytes(content)
        model = only(listing_of(cache))
        assert model.state is State.CORRUPTED
        assert f"has {len(content)} bytes instead of {len(FILES['model.safetensors'])}" in model.reason


@pytest.mark.parametrize("what", ["blob", "link and blob", "link"])
def test_deleted_outside_is_missing(cache: Path, what: str) -> None:
    """A file that somebody deleted is missed at once, be it the link, the file or both; a lone file is an orphan."""
    for name in ("model.safetensors", "vae/model.safetensors"):
        link = snapshot_of(cache) / name
        if "blob" in what:
            link.resolve().unlink()
        if "link" in what:
            link.unlink()
    listing = listing_of(cache)
    assert only(listing).state is State.MISSING
    orphans = [each.size_bytes for each in listing.leftovers if each.what == ORPHAN]
    assert orphans == ([len(FILES["model.safetensors"])] * 2 if what == "link" else [])


def test_name_that_points_at_nothing_is_told(cache: Path) -> None:
    """A branch whose commit is not here makes the model missing, though an older revision is whole."""
    (cache / "models--org--model" / "refs" / "main").write_text("f" * 40)
    model = only(listing_of(cache))
    assert model.state is State.MISSING
    assert model.reason.startswith("main points at ffffffffffff")
    assert any(revision.is_whole for revision in model.revisions)


def test_link_out_of_the_cache_and_hard_link_free_nothing(cache: Path, tmp_path: Path) -> None:
    """What lies elsewhere stays when the model goes, and so does what has another name elsewhere."""
    snapshot = snapshot_of(cache)
    outside = tmp_path / "outside.safetensors"
    blob = (snapshot / "model.safetensors").resolve()
    shutil.copy(blob, outside)
    (snapshot / "model.safetensors").unlink()
    (snapshot / "model.safetensors").symlink_to(outside)
    blob.unlink()
    (tmp_path / "copy").hardlink_to((snapshot / "vae" / "model.safetensors").resolve())
    model = only(listing_of(cache))
    assert model.state is State.AVAILABLE
    assert "out of the cache" in model.reason
    assert model.exclusive_bytes == len(FILES["config.json"])
    assert model.size_bytes == sum(map(len, FILES.values()))


def test_strange_things_are_told_and_stop_nothing(cache: Path) -> None:
    """A pipe for a name, broken lists, circles of links, files where folders belong: each is passed over or told."""
    folder = cache / "models--org--model"
    os.mkfifo(folder / "refs" / "pipe")
    (folder / "refs" / "bad").write_bytes(b"\xff\xfe")
    (folder / "refs" / "up").write_text("../../../etc")
    (folder / "refs" / "long").write_bytes(b"a" * 5000)
    (cache / "models--broken").write_text("a file")
    (cache / "models--empty--one").mkdir()
    (cache / "unrelated").mkdir()
    circle = snapshot_of(cache) / "circle.bin"
    circle.symlink_to(circle)
    os.mkfifo(snapshot_of(cache) / "pipe.bin")
    (tree,) = (folder / "trees").iterdir()
    listing = HubCache(cache).listing()
    states = {model.name: model.state for model in listing.models}
    assert states == {"org/model": State.MISSING, "broken": State.UNKNOWN, "empty/one": State.MISSING}
    model = next(each for each in listing.models if each.name == NAME)
    problems = {file.name: file.problem for file in model.files if file.problem}
    assert problems == {"circle.bin": "its link leads in a circle", "pipe.bin": "is no ordinary file"}
    assert "ref pipe cannot be read" in model.reason or "ref bad" in model.reason
    for content in ("{", "[]", json.dumps({"format_version": 1}), json.dumps({"format_version": 1, "files": {"a": 1}})):
        tree.write_text(content)
        assert "cannot be read" in " ".join(each.reason for each in HubCache(cache).listing().models)
    tree.write_text(json.dumps({"format_version": 2, "files": {}}))
    assert not next(each for each in HubCache(cache).listing().models if each.name == NAME).revisions[0].is_listed


def test_list_cannot_lead_out_of_the_snapshot(cache: Path) -> None:
    """Paths in a list that go upwards are left out, so that nothing outside is ever checked as the model's."""
    (tree,) = (cache / "models--org--model" / "trees").iterdir()
    content = json.loads(tree.read_text())
    for name in ("../../../../secret.bin", "/etc/passwd", "a/../../b"):
        content["files"][name] = {"size": 1, "blob_id": "0" * 40}
    tree.write_text(json.dumps(content))
    (model,) = HubCache(cache, wanted={NAME: Wanted(files=("*",))}).listing().models
    assert {file.name for file in model.files} == FILES.keys()


@pytest.mark.parametrize("is_file", [True, False])
def test_place_that_is_no_folder_is_unreadable(tmp_path: Path, *, is_file: bool) -> None:
    """What is not there or is no folder is told as the reason; nothing is raised."""
    if is_file:
        (tmp_path / "hub").write_text("x")
    listing = HubCache(tmp_path / "hub").listing()
    assert (listing.is_readable, listing.models) == (False, ())
    assert "cannot be listed" in listing.problems[0]


def test_folder_of_something_else_is_told(tmp_path: Path) -> None:
    """A folder without any model of the hub says so rather than nothing."""
    (tmp_path / "photos").mkdir()
    assert "no model of the hub" in HubCache(tmp_path).listing().problems[0]


def test_cache_behind_a_link_and_model_on_another_disk(cache: Path, tmp_path: Path) -> None:
    """The cache itself may be a link; a model whose folder is a link frees nothing here."""
    (tmp_path / "link").symlink_to(cache)
    through = only(listing_of(tmp_path / "link"))
    assert through.exclusive_bytes == only(listing_of(cache)).exclusive_bytes > 0
    (cache / "models--org--model").rename(tmp_path / "elsewhere")
    (cache / "models--org--model").symlink_to(tmp_path / "elsewhere")
    moved = only(listing_of(cache))
    assert (moved.state, moved.exclusive_bytes) == (State.AVAILABLE, 0)


def test_pieces_of_downloads_are_told(cache: Path, tmp_path: Path) -> None:
    """The library's store of pieces, which no listing of its own shows, is a row of its own."""
    (tmp_path / "xet" / "chunks").mkdir(parents=True)
    (tmp_path / "xet" / "chunks" / "one").write_bytes(b"x" * 10_000)
    listing = HubCache(cache, chunks=tmp_path / "xet").listing()
    assert [(each.what, each.size_bytes) for each in listing.leftovers] == [(REBUILT, 10_000)]


def test_names_that_differ_by_case_are_two_models(hub: FakeHub, tmp_path: Path) -> None:
    """Where the disk tells capital letters from small ones, so does the listing."""
    for name in ("Org/Model", "org/model"):
        publish(hub, name, {"model.safetensors": safetensors(1)})
        download(hub, name, tmp_path)
    assert [model.name for model in listing_of(tmp_path).models] == ["Org/Model", "org/model"]


def test_asking_the_hub_fills_in_for_a_list(hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no list was kept the hub can be asked, with the real client; without an answer that is told."""
    from modeltally.availability.hub_lists import ask_hub  # noqa: PLC0415 - imports huggingface_hub

    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    monkeypatch.setattr("huggingface_hub.hf_api.constants.ENDPOINT", hub.url)
    shutil.rmtree(cache / "models--org--model" / "trees")
    (model,) = HubCache(cache, ask_tree=ask_hub).listing().models
    assert model.revisions[0].is_listed
    assert {file.name: file.expected_bytes for file in model.files} == {
        name: len(content) for name, content in FILES.items()
    }
    hub.gated.add(NAME)
    (model,) = HubCache(cache, ask_tree=ask_hub).listing().models
    assert "the hub does not say which files org/model has" in model.reason
