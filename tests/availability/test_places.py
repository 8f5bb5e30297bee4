"""Where models are looked for, and what is made of all places together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from availability.samples import ollama_model, safetensors
from modeltally.availability.declared import DeclaredModel, DeclaredModels, ModelPriority
from modeltally.availability.declaring import declaration_of
from modeltally.availability.folders import Folder
from modeltally.availability.found import KINDS, Places, hub_folder, named_store, places_of
from modeltally.availability.inventory import take_inventory
from modeltally.availability.ollama_folder import OllamaFolder
from modeltally.availability.states import ModelAvailabilityStatus as State
from modeltally.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.availability.held import Listing, LoadedModel


def kinds(places: Places) -> list[tuple[str, str]]:
    """Give what is looked into."""
    return [(store.kind, store.location) for store in places.stores]


def test_nothing_is_looked_for_where_nothing_is(tmp_path: Path) -> None:
    """A machine without models has no places, and no server is asked."""
    assert places_of({}, tmp_path) == Places(())


def test_default_places_are_found(tmp_path: Path) -> None:
    """The folders that programs use by themselves, where they are; Ollama's server for what is in memory alone."""
    for name in (".cache/huggingface/hub", "ComfyUI/models", ".ollama/models", ".cache/llama.cpp"):
        (tmp_path / name).mkdir(parents=True)
    places = places_of({}, tmp_path)
    assert kinds(places) == [
        ("huggingface", str(tmp_path / ".cache/huggingface/hub")),
        ("comfyui", str(tmp_path / "ComfyUI")),
        ("ollama", str(tmp_path / ".ollama/models")),
        ("folder", str(tmp_path / ".cache/llama.cpp")),
    ]
    assert [server.location for server in places.servers] == ["http://127.0.0.1:11434"]


@pytest.mark.parametrize(
    ("environ", "hub", "chunks"),
    [
        ({}, "/home/ann/.cache/huggingface/hub", "/home/ann/.cache/huggingface/xet"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/huggingface/hub", "/c/huggingface/xet"),
        ({"HF_HOME": "/hf"}, "/hf/hub", "/hf/xet"),
        ({"HF_HOME": "/hf", "HF_HUB_CACHE": "/hub", "HF_XET_CACHE": "/x"}, "/hub", "/x"),
        ({"HUGGINGFACE_HUB_CACHE": "/old"}, "/old", "/home/ann/.cache/huggingface/xet"),
    ],
)
def test_folder_of_the_hub_is_the_librarys(environ: dict[str, str], hub: str, chunks: str, tmp_path: Path) -> None:
    """The same variables in the same order as huggingface_hub reads them; one that names nothing is told of."""
    from pathlib import Path as Home  # noqa: PLC0415 - a type above

    found = hub_folder(environ, Home("/home/ann"))
    assert tuple(map(str, found)) == (hub, chunks)
    named = places_of({"HF_HOME": str(tmp_path / "none")}, tmp_path)
    assert not named.stores[0].listing().is_readable


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104 - what people set it to
        ("gpu-box:8080", "http://gpu-box:8080"),
        ("https://gpu-box", "https://gpu-box:443"),
        (":9999", "http://127.0.0.1:9999"),
        ("[::1]:1234", "http://[::1]:1234"),
        ("host:port", "http://127.0.0.1:11434"),
    ],
)
def test_address_of_ollama_is_read_as_its_client_does(host: str, address: str, tmp_path: Path) -> None:
    """Scheme, host and port may each be left out."""
    (tmp_path / ".ollama" / "models").mkdir(parents=True)
    (server,) = places_of({"OLLAMA_HOST": host}, tmp_path).servers
    assert server.location == address


@pytest.mark.parametrize("text", ["", "folder", "folder=", "=x", "dvd=/x", "vllm=here", "vllm=ftp://x", "folder=a\0b"])
def test_store_that_cannot_be_is_refused(text: str) -> None:
    """A word that names no store is refused with an example and the kinds there are."""
    with pytest.raises(InputError, match=r"is no(t KIND=WHERE| address)"):
        named_store(text)


def test_every_kind_can_be_named(tmp_path: Path) -> None:
    """Each kind makes a store that can be asked, and says its name."""
    for kind in KINDS:
        where = "http://127.0.0.1:1" if kind in ("vllm", "llamacpp", "llama-swap", "ollama-server") else tmp_path
        store = named_store(f"{kind}={where}")
        assert (store.kind, store.listing().store, store.loaded()) == (kind, kind, ())


def declared(*models: DeclaredModel) -> DeclaredModels:
    """Declare models."""
    return DeclaredModels(models=models)


def test_declared_models_are_found_by_all_their_names(tmp_path: Path) -> None:
    """By the name there, by an alias; what is not there is missing; where nothing could be looked into, unknown."""
    (tmp_path / "a.safetensors").write_bytes(safetensors(1))
    (tmp_path / "b.safetensors").write_bytes(safetensors(2))
    models = declared(
        DeclaredModel(model="first", source="folder:a.safetensors", priority=ModelPriority.HIGH),
        DeclaredModel(model="second", source="folder", aliases=("b.safetensors",)),
        DeclaredModel(model="third", source="folder"),
        DeclaredModel(model="fourth", source="vllm"),
    )
    inventory = take_inventory(Places((Folder(tmp_path),)), models)
    found = {entry.declared.model: entry.model.state for entry in inventory.entries if entry.declared}
    assert found == {
        "first": State.AVAILABLE,
        "second": State.AVAILABLE,
        "third": State.MISSING,
        "fourth": State.UNKNOWN,
    }
    assert inventory.find("first").model.name == inventory.find("folder:a.safetensors").model.name == "a.safetensors"
    assert inventory.find("FIRST").model.name == "a.safetensors"
    gone = take_inventory(Places((Folder(tmp_path / "none"),)), models)
    assert {entry.model.state for entry in gone.entries} == {State.UNKNOWN}
    assert "cannot be looked into" in gone.find("third").model.reason
    with pytest.raises(UnknownNameError, match=r"did you mean 'a\.safetensors'"):
        inventory.find("a.safetensor")


def test_files_that_two_stores_share_are_told(tmp_path: Path) -> None:
    """One file on disk, seen by two programs: each model names the other, and neither frees it."""
    one, two = tmp_path / "one", tmp_path / "two"
    for folder in (one, two):
        folder.mkdir()
    (one / "a.safetensors").write_bytes(safetensors(1))
    (two / "b.safetensors").hardlink_to(one / "a.safetensors")
    (two / "c.safetensors").symlink_to(one / "a.safetensors")
    inventory = take_inventory(Places((Folder(one), Folder(two))))
    shares = {entry.model.name: entry.model.shared_with for entry in inventory.entries}
    assert shares["a.safetensors"] == ("folder:b.safetensors", "folder:c.safetensors")
    assert sum(entry.model.exclusive_bytes for entry in inventory.entries) == 0


def test_same_name_in_two_stores_has_to_be_told_apart(tmp_path: Path) -> None:
    """A name that is there twice is refused with both places; with its store it is found."""
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "m.gguf").write_bytes(b"x")
    ollama_model(tmp_path / "o", "m.gguf", {"config": b"{}", "model": b"x"}, tag="latest")
    inventory = take_inventory(Places((Folder(tmp_path / "f"), OllamaFolder(tmp_path / "o"), Folder(tmp_path / "f"))))
    with pytest.raises(InputError, match=r"is there 2 times: folder:m.gguf, folder:m.gguf in .*--store"):
        inventory.find("m.gguf")
    assert inventory.find("ollama:m.gguf:latest").model.state is State.AVAILABLE


class _FailingStore:
    """A store on a disk that goes away."""

    kind, location = "folder", "/mnt/usb"

    def listing(self) -> Listing:
        """Fail as a disk does."""
        raise OSError(5, "Input/output error")

    def loaded(self) -> tuple[LoadedModel, ...]:
        """Hold nothing."""
        return ()


def test_disk_that_goes_away_is_a_problem_of_its_store() -> None:
    """The other stores are listed all the same."""
    inventory = take_inventory(Places((_FailingStore(),)), declared(DeclaredModel(model="m", source="folder")))
    assert "Input/output error" in inventory.problems[0]
    assert inventory.find("m").model.state is State.UNKNOWN


def test_declaration_of_what_is_there_is_found_again(tmp_path: Path) -> None:
    """What is written from an inventory declares exactly what is whole in it; the rest is told of."""
    (tmp_path / "f").mkdir()
    for name in ("m:latest", 'quote"d', "x", "tab\there.gguf"):
        (tmp_path / "f" / f"{name}.safetensors").write_bytes(safetensors(1))
    (tmp_path / "f" / "x-00001-of-00003.gguf").write_bytes(b"x")
    ollama_model(tmp_path / "o", "m", {"config": b"{}", "model": b"x"}, tag="latest.safetensors")
    places = Places((Folder(tmp_path / "f"), OllamaFolder(tmp_path / "o")))
    text, left_out = declaration_of(take_inventory(places))
    assert len(left_out) == 2
    (tmp_path / "models.toml").write_text(text)
    from modeltally.availability.declared import read_declared  # noqa: PLC0415 - beside its use

    again = take_inventory(places, read_declared(tmp_path / "models.toml"))
    found = {entry.model.name for entry in again.entries if entry.declared}
    assert found == {"m:latest.safetensors", 'quote"d.safetensors', "x.safetensors"}
    assert {entry.model.state for entry in again.entries if entry.declared} == {State.AVAILABLE}
    assert sum(entry.declared is not None for entry in again.entries) == 4
