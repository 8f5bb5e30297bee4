"""Downloads by the real huggingface_hub from a hub on this machine: what is said equals what the hub saw."""

from __future__ import annotations

import importlib
import random
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from libraries.fake_hub import COMMIT, FakeHub, running_hub
from libraries.versions import needs
from modeltally.instrument.libraries.huggingface_hub import HuggingfaceHubInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.testing import Captured

hub_library = pytest.importorskip("huggingface_hub", reason="pip install huggingface_hub")

REPOSITORY: Final = "lumen/sketch-xl"
_ERRORS: Final = vars(importlib.import_module("huggingface_hub.errors"))
NO_FILE: Final = "RemoteEntryNotFoundError" if "RemoteEntryNotFoundError" in _ERRORS else "EntryNotFoundError"
TOKEN: Final = "hf_canarycanarycanarycanarycanary00"  # noqa: S105 - of nobody
SOURCE: Final = random.Random(1)
LARGE: Final = SOURCE.randbytes(40 << 20)  # larger than a chunk of the library's, so that it can go on where it was cut
FILES: Final = {
    "model_index.json": b'{"_class_name": "SketchPipeline"}',
    "unet/weights.safetensors": LARGE,
    "vae/weights.safetensors": SOURCE.randbytes(300_000),
    "README.md": b"what it is",
}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """Run a hub that has one repository."""
    with running_hub() as running:
        running.files[REPOSITORY] = dict(FILES)
        yield running


@pytest.fixture(autouse=True)
def _instrumented() -> Iterator[None]:
    HuggingfaceHubInstrumentor().instrument()
    yield
    HuggingfaceHubInstrumentor().uninstrument()


@pytest.fixture
def ask(hub: FakeHub, tmp_path: Path) -> dict[str, Any]:
    """What every call is given."""
    return {"repo_id": REPOSITORY, "cache_dir": tmp_path / "cache", "token": TOKEN, "endpoint": hub.url}


def told(captured: Captured) -> dict[str, Any]:
    """What was recorded of the only download, without our prefix."""
    return {name.removeprefix("modeltally."): value for name, value in captured.one().items()}


def test_snapshot_is_one_download(captured: Captured, hub: FakeHub, ask: dict[str, Any]) -> None:
    """Files, sizes and bytes are the hub's; commit, host and protocol are there, the token is not."""
    hub_library.snapshot_download(**ask, revision="main")
    said = told(captured)
    size = sum(map(len, FILES.values()))
    assert {name: said.get(name) for name in said if name.startswith("download.")} == {
        "download.bytes": hub.served.total(),
        "download.size": size,
        "download.files": 4,
        "download.files.cached": 0,
        "download.cache_hit": False,
        "download.retries": 0,
        "download.resumed": False,
        "download.protocol": "http",
        "download.source": "127.0.0.1",
    }
    assert hub.served.total() == size
    assert (said["operation"], said["outcome"], said["source"]) == ("model.download", "success", "auto")
    assert (said["model.id"], said["model.revision"], said["model.commit"]) == (REPOSITORY, "main", COMMIT)
    assert TOKEN not in repr(captured.spans()[0].to_json())
    assert any(TOKEN in header for header in hub.headers)


def test_second_snapshot_hits_the_cache(captured: Captured, hub: FakeHub, ask: dict[str, Any]) -> None:
    """Nothing is moved, and every file is counted as cached."""
    hub_library.snapshot_download(**ask)
    served = hub.served.total()
    hub_library.snapshot_download(**ask)
    _, second = captured.all()
    assert hub.served.total() == served
    assert second["modeltally.download.bytes"] == 0
    assert second["modeltally.download.cache_hit"] is True
    assert (second["modeltally.download.files"], second["modeltally.download.files.cached"]) == (4, 4)
    assert second["modeltally.download.protocol"] == "local"


@needs("huggingface-hub", "1.0", "retry of a connection that is cut within a body")
def test_cut_connections_are_retries(captured: Captured, hub: FakeHub, ask: dict[str, Any]) -> None:
    """Bytes are those that arrived in the file; what the hub sent in vain beyond is not among them."""
    path = "unet/weights.safetensors"
    hub.cuts[path] = [25 << 20, 12 << 20]
    hub_library.hf_hub_download(**ask, filename=path)
    said = told(captured)
    assert hub.requests[path] == 3
    assert said["download.retries"] == 2
    assert said["download.resumed"] is True
    assert len(LARGE) <= said["download.bytes"] <= hub.served[path]
    assert said["download.bytes"] == len(LARGE)  # it went on from the last whole chunk
    assert said["download.size"] == len(LARGE)
    assert said["download.resumed.bytes"] == 30 << 20  # what had not to be fetched again
    assert (said["download.files"], said["model.commit"]) == (1, COMMIT)


def test_speed_is_bytes_over_time(captured: Captured, hub: FakeHub, ask: dict[str, Any]) -> None:
    """Of a file that took four pieces of half a second each."""
    hub.files[REPOSITORY]["weights.bin"] = bytes(250_000)
    clock = captured.clock
    assert clock is not None
    hub.tick = lambda: clock.advance(0.5)
    hub_library.hf_hub_download(**ask, filename="weights.bin")
    assert told(captured)["download.speed"] == 250_000 / 2


def test_shared_blobs_are_moved_once(captured: Captured, hub: FakeHub, ask: dict[str, Any]) -> None:
    """A file with another's content is there already."""
    hub.files[REPOSITORY] = {"one.bin": b"x" * 1000, "two.bin": b"x" * 1000}
    hub_library.hf_hub_download(**ask, filename="one.bin")
    hub_library.hf_hub_download(**ask, filename="two.bin")
    first, second = captured.all()
    assert (first["modeltally.download.bytes"], second["modeltally.download.bytes"]) == (1000, 0)
    assert second["modeltally.download.cache_hit"] is True
    assert hub.served.total() == 1000


@pytest.mark.parametrize(
    ("change", "filename", "error"),
    [
        pytest.param(lambda hub: hub.gated.add(REPOSITORY), "README.md", "GatedRepoError", id="gated"),
        pytest.param(lambda hub: hub.files.clear(), "README.md", "RepositoryNotFoundError", id="no repository"),
        pytest.param(lambda _: None, "absent.json", NO_FILE, id="no file"),
    ],
)
def test_refusal_is_an_error_with_its_reason(
    captured: Captured, hub: FakeHub, ask: dict[str, Any], change: Any, filename: str, error: str
) -> None:
    """The library's own exception comes through, and its class is the reason."""
    change(hub)
    with pytest.raises(Exception, match=r"40[34]") as raised:
        hub_library.hf_hub_download(**ask, filename=filename)
    said = captured.one()
    assert (said["modeltally.outcome"], str(said["error.type"]).rpartition(".")[2]) == ("error", error)
    assert type(raised.value).__name__ == error


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda hub: hub.gated.add(REPOSITORY), id="gated"),
        pytest.param(lambda hub: hub.files.clear(), id="absent"),
    ],
)
def test_snapshot_that_may_not_be_had_is_an_error(
    captured: Captured, hub: FakeHub, ask: dict[str, Any], change: Any
) -> None:
    """Gated and absent snapshots fail before any file is asked for."""
    change(hub)
    with pytest.raises(Exception, match=r"40[34]"):
        hub_library.snapshot_download(**ask)
    assert captured.one()["modeltally.outcome"] == "error"
    assert hub.requests.total() == 0


def test_early_imports_are_seen(captured: Captured, ask: dict[str, Any]) -> None:
    """A function that was imported by value before we began is watched, and is the library's own again afterwards."""
    HuggingfaceHubInstrumentor().uninstrument()
    module: Any = type(sys)("early_importer")
    module.fetch = hub_library.snapshot_download  # as `from ... import ... as fetch`
    sys.modules["early_importer"] = module
    original = module.fetch
    try:
        HuggingfaceHubInstrumentor().instrument()
        module.fetch(**ask)
        assert captured.one()["modeltally.download.files"] == 4
        HuggingfaceHubInstrumentor().uninstrument()
        assert module.fetch is original
    finally:
        del sys.modules["early_importer"]


@needs("huggingface-hub", "1.0", "dry run of one file")
def test_dry_runs_and_data_sets_are_no_downloads_of_models(captured: Captured, ask: dict[str, Any]) -> None:
    """Nothing is recorded of what moves no model."""
    hub_library.hf_hub_download(**ask, filename="README.md", dry_run=True)
    with pytest.raises(Exception, match="404"):
        hub_library.hf_hub_download(**ask, filename="README.md", repo_type="dataset")
    assert captured.all() == []


def test_everything_is_put_back() -> None:
    """Every attribute of every module that was patched is the object it was."""
    hub_library.snapshot_download  # noqa: B018 - imported lazily
    modules = [hub_library, *map(importlib.import_module, HuggingfaceHubInstrumentor.modules)]

    def identities() -> list[dict[str, int]]:
        return [{name: id(value) for name, value in vars(module).items()} for module in modules]

    HuggingfaceHubInstrumentor().uninstrument()
    before = identities()
    HuggingfaceHubInstrumentor().instrument()
    assert identities() != before
    HuggingfaceHubInstrumentor().uninstrument()
    assert identities() == before
