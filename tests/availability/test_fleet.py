"""A fleet of models in four kinds of stores: after each of many events the states equal the truth."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from availability.samples import gguf, ollama_model, safetensors
from libraries.fake_hub import git_sum
from modeltally.availability.comfyui_folders import ComfyFolders
from modeltally.availability.declared import DeclaredModel, DeclaredModels
from modeltally.availability.folders import Folder
from modeltally.availability.found import Places, named_store
from modeltally.availability.hub_cache import HubCache
from modeltally.availability.inventory import Inventory, take_inventory, wanted_of
from modeltally.availability.ollama_folder import OllamaFolder
from modeltally.availability.states import Facts, ModelAvailabilityStatus, state_of
from modeltally.availability.states import ModelAvailabilityStatus as State
from modeltally.availability.verify import Level, check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.availability.store import ModelStore

FEW_EVENTS, FEW_EACH = 120, 8
MANY_EVENTS, MANY_EACH = 500, 50
SEED = 20261130


@dataclass
class Truth:
    """What is true of one model.

    Attributes:
        store: Where it is.
        name: What it is called.
        path: Its weights.
        content: What they have to be.
        has_sum: The store knows what they have to be, and how long.
        state: What has to be said of it by names and sizes.
        is_flipped: Its weights are of the right length and wrong.
        is_declared: It should be there.
        partial: Its unfinished download.
    """

    store: str
    name: str
    path: Path
    content: bytes
    has_sum: bool
    state: State = State.AVAILABLE
    is_flipped: bool = False
    is_declared: bool = False
    partial: Path | None = None


@dataclass
class Fleet:
    """Models in four stores, and what happens to them."""

    root: Path
    now: float = 2_000_000_000.0
    truths: list[Truth] = field(default_factory=list)

    def build(self, each: int) -> None:
        """Write so many models in each store."""
        for number in range(each):
            self.truths.append(self._hub(number))
            content = safetensors(number + 100)
            path = self._write(self.root / "comfy" / "models" / "loras" / f"l{number}.safetensors", content)
            self.truths.append(Truth("comfyui", path.name, path, content, has_sum=False))
            content = gguf(number + 200)
            ollama_model(self.root / "ollama", f"o{number}", {"config": b"%d" % number, "model": content})
            blobs = {blob.stat().st_size: blob for blob in (self.root / "ollama" / "blobs").iterdir()
                     if blob.read_bytes() == content}  # fmt: skip
            self.truths.append(Truth("ollama", f"o{number}:latest", blobs[len(content)], content, has_sum=True))
            content = gguf(number + 300)
            path = self._write(self.root / "plain" / f"p{number}.gguf", content)
            self.truths.append(Truth("folder", path.name, path, content, has_sum=False))
        self.stores: list[ModelStore] = [
            HubCache(self.root / "hub", clock=lambda: self.now),
            ComfyFolders(self.root / "comfy", clock=lambda: self.now),
            OllamaFolder(self.root / "ollama", clock=lambda: self.now),
            Folder(self.root / "plain", clock=lambda: self.now),
        ]

    def _hub(self, number: int) -> Truth:
        folder = self.root / "hub" / f"models--org--h{number}"
        content, config = safetensors(number), b"{}"
        sha256, commit = hashlib.sha256(content).hexdigest(), f"{number:040x}"
        blob = self._write(folder / "blobs" / sha256, content)
        self._write(folder / "blobs" / git_sum(config), config)
        self._write(folder / "refs" / "main", commit.encode())
        snapshot = folder / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (snapshot / "model.safetensors").symlink_to(f"../../blobs/{sha256}")
        (snapshot / "config.json").symlink_to(f"../../blobs/{git_sum(config)}")
        files: dict[str, Any] = {
            "model.safetensors": {
                "size": len(content), "blob_id": "0" * 40, "lfs_sha256": sha256, "lfs_size": len(content)
            },
            "config.json": {"size": len(config), "blob_id": git_sum(config)},
        }  # fmt: skip
        tree = json.dumps({"format_version": 1, "files": files})
        self._write(folder / "trees" / f"{commit}.json", tree.encode())
        return Truth("huggingface", f"org/h{number}", blob, content, has_sum=True)

    @staticmethod
    def _write(path: Path, content: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def look(self) -> Inventory:
        """Look at all stores, with what is declared."""
        declared = DeclaredModels(
            models=tuple(
                DeclaredModel(model=truth.name, source=truth.store) for truth in self.truths if truth.is_declared
            )
        )
        assert wanted_of(declared).keys() <= {truth.name for truth in self.truths}
        return take_inventory(Places(tuple(self.stores)), declared)

    def partial_of(self, truth: Truth) -> Path:
        """Say where an unfinished download of a model's weights would be."""
        if truth.store == "huggingface":
            return truth.path.with_name(f"{truth.path.name}.0123abcd.incomplete")
        if truth.store == "ollama":
            return truth.path.with_name(f"{truth.path.name}-partial")
        return truth.path.with_name(f"{truth.path.name}.part")


def restore(_: Fleet, truth: Truth) -> None:
    """Have the model whole."""
    if truth.partial is not None:
        truth.partial.unlink()
    truth.path.write_bytes(truth.content)
    truth.partial, truth.is_flipped, truth.state = None, False, State.AVAILABLE


def truncate(fleet: Fleet, truth: Truth) -> None:
    """Cut the weights."""
    restore(fleet, truth)
    truth.path.write_bytes(truth.content[:-40])
    # a store without a list cannot know the length; the header can
    truth.state, truth.is_flipped = (State.CORRUPTED, False) if truth.has_sum else (State.AVAILABLE, True)


def flip(fleet: Fleet, truth: Truth) -> None:
    """Change the weights: a bit of them, or of the header where no sum is known."""
    restore(fleet, truth)
    damaged = bytearray(truth.content)
    damaged[-5 if truth.has_sum else 0] ^= 0x40
    truth.path.write_bytes(damaged)
    truth.is_flipped = True


def delete(fleet: Fleet, truth: Truth) -> None:
    """Take the weights away, as somebody does who knows of no manager."""
    restore(fleet, truth)
    truth.path.unlink()
    truth.state = State.MISSING


def move(fleet: Fleet, truth: Truth) -> None:
    """Move the weights out of the store."""
    restore(fleet, truth)
    shutil.move(truth.path, fleet.root / "moved")
    truth.state = State.MISSING


def break_download(fleet: Fleet, truth: Truth) -> None:
    """Leave an unfinished download instead of the weights."""
    delete(fleet, truth)
    truth.partial = fleet.partial_of(truth)
    truth.partial.write_bytes(truth.content[:512])
    os.utime(truth.partial, (fleet.now - 10_000, fleet.now - 10_000))


def grow(fleet: Fleet, truth: Truth) -> None:
    """Have an unfinished download go on: seen by its time."""
    break_download(fleet, truth)
    assert truth.partial is not None
    os.utime(truth.partial, (fleet.now - 1, fleet.now - 1))
    truth.state = State.DOWNLOADING


def declare(_: Fleet, truth: Truth) -> None:
    """Declare the model, or no longer."""
    truth.is_declared = not truth.is_declared


ACTIONS = [restore, truncate, flip, delete, move, break_download, grow, declare]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Write the fleet."""
    fleet = Fleet(tmp_path_factory.mktemp("fleet"))
    fleet.build(FEW_EACH)
    return fleet


def expected(truth: Truth) -> State | None:
    """Say what has to be listed of a model; None where nothing can be."""
    is_alone = truth.store in ("comfyui", "folder")
    if truth.state is State.MISSING and is_alone:
        # nothing of it is there, and nobody but a declaration knows of it
        return State.MISSING if truth.is_declared else None
    if truth.state is State.DOWNLOADING and is_alone:
        return State.MISSING if truth.is_declared else None  # the file beside tells, not a model
    return truth.state


def test_states_equal_the_truth_after_every_event(fleet: Fleet) -> None:
    """Files cut, changed, deleted, moved, downloads that break and grow: what is listed is what is so, each time."""
    live_through(fleet, FEW_EVENTS)


@pytest.mark.slow(seconds=50, why="two hundred models, looked at five hundred times")
def test_states_of_a_large_fleet_equal_the_truth(tmp_path: Path) -> None:
    """The same with 200 models and 500 events."""
    fleet = Fleet(tmp_path)
    fleet.build(MANY_EACH)
    live_through(fleet, MANY_EVENTS)


def live_through(fleet: Fleet, events: int) -> None:
    """Have events happen one after the other, and look after each."""
    chance = random.Random(SEED)
    for number in range(events):
        truth = chance.choice(fleet.truths)
        action = chance.choice(ACTIONS)
        action(fleet, truth)
        inventory = fleet.look()
        found = {(entry.model.store, entry.model.name): entry.model for entry in inventory.entries}
        context = f"seed {SEED}, event {number}: {action.__name__} of {truth.store} {truth.name}"
        for each in fleet.truths:
            model = found.get((each.store, each.name))
            assert (None if model is None else model.state) == expected(each), f"{context}; {each.name}"
        partials = {leftover.path for leftover in inventory.leftovers}
        assert partials >= {each.partial for each in fleet.truths if each.partial is not None}, context
        looked = found.get((truth.store, truth.name))
        if looked is not None and truth.state is State.AVAILABLE:
            verdict = check(looked, Level.SUMS)
            assert verdict.is_healthy is not truth.is_flipped, context
        assert not inventory.problems, context
        fleet.now += 3600
        for each in fleet.truths:
            if each.state is State.DOWNLOADING:
                each.state = State.MISSING  # its last byte came an hour ago


OPENED: list[str] | None = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if OPENED is not None and event == "open":
        OPENED.append(os.fsdecode(arguments[0]) if isinstance(arguments[0], str | bytes) else str(arguments[0]))


@pytest.fixture(scope="module", autouse=True)
def _watched() -> None:
    """Have every opening of a file noted; a hook like this stays for the process, and does nothing outside a block."""
    sys.addaudithook(_note)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Collect what is opened."""
    global OPENED  # noqa: PLW0603 - the hook knows no test
    OPENED = []
    yield OPENED
    OPENED = None


def test_listing_reads_no_model(fleet: Fleet, opened: list[str]) -> None:
    """A listing of all stores opens names, lists and manifests alone: no weights, whatever their store calls them."""
    inventory = fleet.look()
    listed = list(opened)
    weights = {str(file.path.resolve()) for entry in inventory.entries for file in entry.model.files}
    assert weights
    assert not {os.path.realpath(path) for path in listed} & weights
    allowed = ("/refs/", "/trees/", "/manifests/", "/.huggingface-shared-blobs")
    assert all(any(part in path for part in allowed) for path in listed if path.startswith(str(fleet.root))), listed
    # the control: a check is seen
    entry = next(each for each in inventory.entries if each.model.state is State.AVAILABLE)
    check(entry.model, Level.SUMS)
    assert {os.path.realpath(path) for path in opened} & weights


NOBODY = 65534


def seen_by_nobody(places: list[str]) -> dict[str, Any]:
    """Look into stores and check all models as a user without any right; in a child, for there is no way back."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        found: dict[str, Any] = {}
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            for place in places:
                listing = named_store(place).listing()
                found[listing.store] = {
                    "is_readable": listing.is_readable,
                    "problems": listing.problems,
                    "states": {model.name: model.state for model in listing.models},
                    "healthy": {model.name: check(model, Level.SUMS).is_healthy for model in listing.models},
                }
        except BaseException as error:  # noqa: BLE001 - the parent says it
            found = {"error": repr(error)}
        os.write(writes, json.dumps(found).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as file:
        told: dict[str, Any] = json.load(file)
    os.waitpid(child, 0)
    assert "error" not in told, told
    return told


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may become another user")
def test_what_another_user_may_not_see_is_unknown(fleet: Fleet) -> None:
    """A store, a model, a file of another user: unknown, unknown, and there but not checked; nothing is raised."""
    with tempfile.TemporaryDirectory(dir="/tmp") as text:
        root = Path(text)
        root.chmod(0o755)
        for truth in fleet.truths:
            restore(fleet, truth)
        for name in ("hub", "comfy", "ollama", "plain"):
            shutil.copytree(fleet.root / name, root / name, symlinks=True)
        (root / "plain").chmod(0o700)
        (root / "comfy" / "models" / "loras" / "l0.safetensors").chmod(0o600)
        (root / "hub" / "models--org--h0" / "snapshots").chmod(0o700)
        (root / "hub" / "models--org--h1" / "blobs").chmod(0o700)
        (snapshot,) = (root / "hub" / "models--org--h3" / "snapshots").iterdir()
        snapshot.chmod(0o700)
        (root / "ollama" / "blobs").chmod(0o700)
        places = {"huggingface": "hub", "comfyui": "comfy", "ollama": "ollama", "folder": "plain"}
        found = seen_by_nobody([f"{kind}={root / name}" for kind, name in places.items()])
    assert found["folder"]["is_readable"] is False
    assert "Permission denied" in found["folder"]["problems"][0]
    hub = found["huggingface"]["states"]
    assert [hub[f"org/h{number}"] for number in range(4)] == ["unknown", "unknown", "available", "unknown"]
    assert (found["comfyui"]["states"]["l0.safetensors"], found["comfyui"]["healthy"]["l0.safetensors"]) == (
        "available",
        None,
    )
    assert found["comfyui"]["healthy"]["l1.safetensors"] is True
    assert set(found["ollama"]["states"].values()) == {"unknown"}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root may become another user")
def test_any_rights_whatever_raise_nothing(fleet: Fleet) -> None:
    """Files and folders that may be listed and not entered, entered and not listed, or neither: each ends in states."""
    chance = random.Random(SEED)
    with tempfile.TemporaryDirectory(dir="/tmp") as text:
        root = Path(text)
        root.chmod(0o755)
        for name in ("hub", "comfy", "ollama", "plain"):
            shutil.copytree(fleet.root / name, root / name, symlinks=True)
        places = [f"huggingface={root}/hub", f"comfyui={root}/comfy", f"ollama={root}/ollama", f"folder={root}/plain"]
        paths = [path for path in root.rglob("*") if not path.is_symlink()]
        for _ in range(15):
            for path in paths:
                path.chmod(0o755)
            for path in chance.sample(paths, len(paths) // 8):
                path.chmod(chance.choice([0o700, 0o744, 0o711]))
            assert seen_by_nobody(places).keys() == {"huggingface", "comfyui", "ollama", "folder"}


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (Facts(), State.MISSING),
        (Facts(is_readable=False), State.UNKNOWN),
        (Facts(is_whole=True), State.AVAILABLE),
        (Facts(is_whole=True, is_readable=False), State.AVAILABLE),
        (Facts(has_failed=True), State.FAILED),
        (Facts(has_failed=True, is_whole=True), State.AVAILABLE),
        (Facts(has_damage=True, has_failed=True), State.CORRUPTED),
        (Facts(has_damage=True, is_whole=True), State.CORRUPTED),
        (Facts(queued_as="queued", has_damage=True), State.QUEUED),
        (Facts(queued_as="paused", has_failed=True), State.PAUSED),
        (Facts(queued_as="downloading"), State.DOWNLOADING),
        (Facts(is_growing=True, has_damage=True), State.DOWNLOADING),
        (Facts(is_growing=True, queued_as="paused"), State.PAUSED),
        (Facts(is_growing=True, has_whole_revision=True), State.UPDATING),
        (Facts(queued_as="downloading", has_whole_revision=True), State.UPDATING),
        (Facts(queued_as="queued", has_whole_revision=True), State.QUEUED),
        (Facts(queued_as="nonsense", is_whole=True), State.AVAILABLE),
    ],
)
def test_first_rule_that_applies_gives_the_state(facts: Facts, state: State) -> None:
    """The rules in their order: each pair of them that can hold at once."""
    assert state_of(facts) is state


WORDS = "AVAILABLE DOWNLOADING MISSING CORRUPTED UPDATING QUEUED PAUSED FAILED UNKNOWN"


def test_there_are_nine_states() -> None:
    """The words are those that other designs know."""
    assert {state.name for state in ModelAvailabilityStatus} == set(WORDS.split())
