"""Plain folders, ComfyUI's folders and Ollama's, as the programs leave them."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from availability.samples import download, gguf, ollama_model, publish, safetensors
from modeltally.availability.comfyui_folders import ComfyFolders
from modeltally.availability.folders import Folder
from modeltally.availability.held import GROWING, ORPHAN, PARTIAL
from modeltally.availability.ollama_folder import OllamaFolder
from modeltally.availability.states import ModelAvailabilityStatus as State
from modeltally.availability.verify import Level, check

if TYPE_CHECKING:
    from pathlib import Path

    from libraries.fake_hub import FakeHub
    from modeltally.availability.held import Listing
    from modeltally.availability.store import ModelStore


def write(root: Path, files: dict[str, bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def states(store: ModelStore) -> dict[str, State]:
    """Give the state of every model by kind and name."""
    return {f"{each.kind}/{each.name}".removeprefix("/"): each.state for each in store.listing().models}


def later() -> float:
    """Tell a time at which nothing is new."""
    return time.time() + 1000


def test_folder_tells_files_parts_and_pipelines_apart(tmp_path: Path) -> None:
    """A lone file is a model, parts are one, and a folder with a configuration is one with all below it."""
    root = write(
        tmp_path,
        {
            "one.gguf": gguf(),
            "deep/two.SAFETENSORS": safetensors(),
            "parts/m-00001-of-00002.gguf": gguf(),
            "parts/m-00002-of-00002.gguf": gguf(1),
            "pipe/model_index.json": b"{}",
            "pipe/unet/model.safetensors": safetensors(),
            "pipe/unet/config.json": b"{}",
            "llm/config.json": b"{}",
            "llm/model-00001-of-00002.safetensors": safetensors(),
            "notes.txt": b"no model",
        },
    )
    assert states(Folder(root)) == {
        "one.gguf": State.AVAILABLE,
        "deep/two.SAFETENSORS": State.AVAILABLE,
        "parts/m-00001-of-00002.gguf": State.AVAILABLE,
        "pipe": State.AVAILABLE,
        "llm": State.MISSING,
    }
    total = sum(each.size_bytes for each in Folder(root).listing().models)
    assert total == sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) - len(b"no model")


def test_unfinished_downloads_of_browsers_and_others(tmp_path: Path) -> None:
    """What downloads call an unfinished file is a leftover of its model, and no model."""
    names = ["a.gguf.part", "b.safetensors.crdownload", "c.gguf.aria2", "d.bin.incomplete", "e.ckpt.partial"]
    root = write(tmp_path, dict.fromkeys(names, b"x" * 5000) | {"readme.part": b"x", "c.gguf": gguf()})
    listing = Folder(root, clock=later).listing()
    assert {(each.what, each.model) for each in listing.leftovers} == {
        (PARTIAL, name.rpartition(".")[0]) for name in names
    }
    assert [model.name for model in listing.models] == ["c.gguf"]
    growing = Folder(root).listing()
    assert {each.what for each in growing.leftovers} == {GROWING}
    assert [model.state for model in growing.models] == [State.UPDATING]


def test_download_into_a_folder_is_checked_by_what_it_left(hub: FakeHub, tmp_path: Path) -> None:
    """A folder that huggingface_hub filled has its commit, its list and its sums; a deleted or changed file shows."""
    publish(hub, "org/model", {"config.json": b"{}", "model.safetensors": safetensors(1)})
    folder = tmp_path / "here"
    download(hub, "org/model", tmp_path, local_dir=folder)
    (model,) = Folder(tmp_path).listing().models
    assert (model.name, model.state, len(model.revisions[0].name)) == ("here", State.AVAILABLE, 40)
    assert check(model, Level.SUMS).integrity_score == 1.0
    assert [model.name for model in Folder(folder).listing().models] == ["here"]
    (folder / "model.safetensors").write_bytes(b"short")
    assert states(Folder(tmp_path)) == {"here": State.CORRUPTED}
    (folder / "model.safetensors").unlink()
    assert states(Folder(tmp_path)) == {"here": State.MISSING}
    for path in (folder / ".cache" / "huggingface" / "download").rglob("*.metadata"):
        path.write_bytes(b"\xff")
    assert Folder(tmp_path).listing().problems


def test_links_and_circles_of_folders(tmp_path: Path) -> None:
    """Linked folders are looked into once, circles end, and what lies elsewhere frees nothing."""
    root = tmp_path / "root"
    elsewhere = write(tmp_path / "elsewhere", {"far.gguf": gguf()})
    write(root, {"near.gguf": gguf(1), "twin.gguf": gguf(2)})
    (root / "twin2.gguf").hardlink_to(root / "twin.gguf")
    (root / "link").symlink_to(elsewhere)
    (root / "circle").symlink_to(root)
    (root / "dead.gguf").symlink_to(root / "nothing")
    models = {model.name: model for model in Folder(root).listing().models}
    assert models.keys() == {"near.gguf", "twin.gguf", "twin2.gguf", "link/far.gguf", "dead.gguf"}
    assert models["near.gguf"].exclusive_bytes == len(gguf(1))
    assert models["link/far.gguf"].exclusive_bytes == models["twin.gguf"].exclusive_bytes == 0
    assert models["dead.gguf"].state is State.MISSING


def test_name_that_is_no_text_is_shown(tmp_path: Path) -> None:
    """A name of bytes that are no Unicode is written with escapes rather than stopping the listing."""
    path = os.fsencode(tmp_path) + b"/caf\xe9.gguf"
    with open(path, "wb") as file:  # noqa: PTH123 - a path of bytes
        file.write(gguf())
    (model,) = Folder(tmp_path).listing().models
    assert model.name == "caf\\xe9.gguf"
    json.dumps(model.name).encode()
    assert check(model, Level.HEADERS).is_healthy


COMFY_FILES = {
    "models/checkpoints/sd.safetensors": safetensors(1),
    "models/loras/style/a.safetensors": safetensors(2),
    "models/clip/t5.safetensors": safetensors(3),
    "models/unet/flux.gguf": gguf(),
    "models/diffusers/pipe/model_index.json": b"{}",
    "models/diffusers/pipe/vae/model.safetensors": safetensors(4),
    "models/classifiers/plain": b"x",
    "models/loras/.git/objects/x.bin": b"x",
    "models/loras/put_loras_here": b"",
    "models/configs/v1.yaml": b"",
}


def test_own_folders_of_comfyui(tmp_path: Path) -> None:
    """Files are models by the folder they lie in; old names of folders mean the new ones; a pipeline is one model."""
    store = ComfyFolders(write(tmp_path, COMFY_FILES))
    assert states(store) == {
        "checkpoints/sd.safetensors": State.AVAILABLE,
        "loras/style/a.safetensors": State.AVAILABLE,
        "text_encoders/t5.safetensors": State.AVAILABLE,
        "diffusion_models/flux.gguf": State.AVAILABLE,
        "diffusers/pipe": State.AVAILABLE,
        "classifiers/plain": State.AVAILABLE,
    }


def test_extra_folders_by_the_rules_of_comfyui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables, home, paths relative to the file, several lines, old names, a default that goes first."""
    monkeypatch.setenv("SHARED_MODELS", str(tmp_path / "shared"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write(
        tmp_path,
        {
            "shared/loras/v.safetensors": safetensors(1),
            "home/up/r.pth": b"x",
            "comfy/near/n.safetensors": safetensors(2),
            "comfy/clips/c.safetensors": safetensors(3),
            "comfy/models/checkpoints/same.safetensors": safetensors(4),
            "first/same.safetensors": safetensors(5),
            "comfy/custom/x.safetensors": safetensors(6),
        },
    )
    (tmp_path / "comfy" / "extra_model_paths.yaml").write_text(
        "a:\n  base_path: $SHARED_MODELS\n  loras: |\n    loras/\n    not_there/\n"
        "b:\n  base_path: ~/\n  upscale_models: up\n"
        "c:\n  vae: near\n  clip: clips\n"
        f"d:\n  is_default: true\n  checkpoints: {tmp_path / 'first'}\n"
        "e:\n"
        "f:\n  base_path: .\n  my_sort: custom\n  custom_nodes: custom\n"
    )
    models = ComfyFolders(tmp_path / "comfy").listing().models
    assert {(model.kind, model.name) for model in models} == {
        ("loras", "v.safetensors"),
        ("upscale_models", "r.pth"),
        ("vae", "n.safetensors"),
        ("text_encoders", "c.safetensors"),
        ("checkpoints", "same.safetensors"),
        ("my_sort", "x.safetensors"),
    }
    first, second = [model for model in models if model.kind == "checkpoints"]
    assert first.files[0].path.parent.name == "first"
    assert second.reason == f"hidden from ComfyUI by {tmp_path / 'first' / 'same.safetensors'}"
    assert states(ComfyFolders(tmp_path / "comfy" / "extra_model_paths.yaml")).keys() == {
        f"{model.kind}/{model.name}" for model in models
    }


def test_folder_that_two_interfaces_name_is_listed_once(tmp_path: Path) -> None:
    """A folder named twice, once through a link, is looked into once for each sort of model."""
    write(tmp_path, {"models/loras/a.safetensors": safetensors()})
    (tmp_path / "link").symlink_to(tmp_path / "models" / "loras")
    (tmp_path / "extra_model_paths.yaml").write_text("a:\n  loras: |\n    link\n    models/loras/\n")
    assert len(ComfyFolders(tmp_path).listing().models) == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [1, 2]", "a is no group of folders"),
        ("- a", "holds no groups"),
        ("a:\n  loras: [x]\n", "a.loras is no text"),
        ("a:\n  loras: 3\n", "a.loras is no text"),
        ("a:\n  base_path: 3\n  loras: x\n", "base_path of a is 3"),
        ("a: {b", "cannot be read"),
        ("a: !!python/object/apply:os.system ['touch /tmp/never']", "cannot be read"),
        ("\xff", "cannot be read"),
        ("&a [*a, *a]", "holds no groups"),
    ],
)
def test_broken_extra_paths_are_told(tmp_path: Path, text: str, told: str) -> None:
    """A file that ComfyUI could not use is told of; its own folders are listed all the same."""
    write(tmp_path, COMFY_FILES)
    (tmp_path / "extra_model_paths.yaml").write_bytes(text.encode("latin-1"))
    listing = ComfyFolders(tmp_path).listing()
    assert told in " ".join(listing.problems)
    assert len(listing.models) == 6


def test_comfyui_that_is_not_there(tmp_path: Path) -> None:
    """A folder that is not there is unreadable; one without models says so."""
    assert not ComfyFolders(tmp_path / "no").listing().is_readable
    assert "none of ComfyUI's folders" in ComfyFolders(tmp_path).listing().problems[0]


SHARED = b"the layer both need" * 50


def ollama(root: Path) -> Path:
    """Write two models of Ollama that share a layer."""
    ollama_model(root, "llama3", {"config": b"{}", "model": gguf(1), "template": SHARED})
    ollama_model(root, "llama3", {"config": b"{ }", "model": gguf(2), "template": SHARED}, tag="8b")
    return root


def test_ollama_names_layers_and_what_they_share(tmp_path: Path) -> None:
    """Models go by Ollama's own names and digests; a shared layer is freed with the last model alone."""
    models = {model.name: model for model in OllamaFolder(ollama(tmp_path)).listing().models}
    assert models.keys() == {"llama3:latest", "llama3:8b"}
    assert models["llama3:latest"].exclusive_bytes == len(gguf(1)) + 2
    assert models["llama3:latest"].size_bytes == len(gguf(1)) + 2 + len(SHARED)
    assert {model.state for model in models.values()} == {State.AVAILABLE}
    assert check(models["llama3:8b"], Level.SUMS).integrity_score == 1.0
    other = tmp_path / "manifests" / "hf.co" / "org" / "m" / "q4"
    other.parent.mkdir(parents=True)
    other.write_bytes((tmp_path / "manifests/registry.ollama.ai/library/llama3/8b").read_bytes())
    mine = tmp_path / "manifests" / "registry.ollama.ai" / "me" / "m" / "x"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(other.read_bytes())
    listing = OllamaFolder(tmp_path).listing()
    assert {model.name for model in listing.models} == {"llama3:latest", "llama3:8b", "hf.co/org/m:q4", "me/m:x"}


def test_ollama_damage_and_rubbish(tmp_path: Path) -> None:
    """Missing and short layers, orphans and left partials show, and bytes of a running pull are no orphans."""
    root = ollama(tmp_path)
    blobs = root / "blobs"
    weights = blobs / f"sha256-{hashlib.sha256(gguf(1)).hexdigest()}"
    weights.write_bytes(b"short")
    orphan = blobs / f"sha256-{'1' * 64}"
    orphan.write_bytes(b"o" * 100)
    for name in (f"sha256-{'2' * 64}-partial", f"sha256-{'2' * 64}-partial-0"):
        (blobs / name).write_bytes(b"p" * 5000)
    with (blobs / f"sha256-{'3' * 64}-partial").open("wb") as file:
        file.truncate(10**9)  # set apart, and not there yet
    store = OllamaFolder(root, clock=later)
    listing = store.listing()
    assert State.CORRUPTED in {model.state for model in listing.models}
    whats = sorted((each.what, each.size_bytes) for each in listing.leftovers)
    assert whats == [(ORPHAN, 100), (PARTIAL, 0), (PARTIAL, 5000), (PARTIAL, 5000)]
    running = OllamaFolder(root).listing()
    assert {each.what for each in running.leftovers} == {GROWING}
    weights.unlink()
    assert sorted(each.state for each in store.listing().models) == [State.AVAILABLE, State.MISSING]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"layers": 3}', b'{"layers": [{"digest": "../../etc/passwd"}]}', b'{"layers": [{}]}'],
)
def test_broken_manifest_is_unknown_and_makes_no_orphans(tmp_path: Path, content: bytes) -> None:
    """What cannot be read may need any layer, so none is called an orphan then."""
    root = ollama(tmp_path)
    (root / "manifests/registry.ollama.ai/library/llama3/8b").write_bytes(content)
    listing: Listing = OllamaFolder(root).listing()
    states_ = {model.name: model.state for model in listing.models}
    assert states_ == {"llama3:latest": State.AVAILABLE, "llama3:8b": State.UNKNOWN}
    assert listing.leftovers == ()
    assert "not called orphans" in listing.problems[0]


def test_ollama_that_is_not_there(tmp_path: Path) -> None:
    """A folder that is not there is unreadable; one of something else says so."""
    assert not OllamaFolder(tmp_path / "no").listing().is_readable
    (tmp_path / "photos").mkdir()
    assert "no models of Ollama" in OllamaFolder(tmp_path).listing().problems[0]
