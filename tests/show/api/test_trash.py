"""Removing models over HTTP: dry first, by who has the token and repeats the name; what went comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from availability.samples import ollama_model, safetensors
from modeltally.show.api.trash import TrashAnswer

if TYPE_CHECKING:
    from pathlib import Path

    from show.api.conftest import Client

TRASH = "/api/v1/trash"
MODEL = "llama3:latest"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Have the server's machine hold one model, and nothing else."""
    root = tmp_path / "ollama"
    ollama_model(root, "llama3", {"config": b"{}", "model": safetensors(1)})
    for name, value in (
        ("HF_HUB_CACHE", tmp_path / "none"),
        ("OLLAMA_MODELS", root),
        ("OLLAMA_HOST", "http://127.0.0.1:9"),
        ("HOME", tmp_path),
    ):
        monkeypatch.setenv(name, str(value))
    return root


def files(store: Path) -> set[Path]:
    """Name the files of the store."""
    return {path for path in store.rglob("*") if path.is_file()}


def test_model_goes_comes_back_and_goes_for_good(client: Client, store: Path) -> None:
    """Each step is only said first; done, it is in the list, back, or gone."""
    before = files(store)
    said = client.act(TRASH, model=MODEL).content
    assert (said["done"], files(store)) == (False, before)
    done = client.act(TRASH, model=MODEL, confirm=MODEL, dry_run="false").content
    assert done["report"][0]["removed_bytes"] > len(safetensors(1))
    assert files(store) < before
    answer = client.get(TRASH).content
    TrashAnswer.model_validate(answer)
    (row,) = answer["rows"]
    assert (row["model"], row["state"]) == (MODEL, "removed")
    assert client.act(f"{TRASH}/{row['id']}/undo").content["done"] is False
    assert client.act(f"{TRASH}/{row['id']}/undo", dry_run="false").content["report"] == []
    assert files(store) == before
    again = client.act(TRASH, model=MODEL, confirm=MODEL, dry_run="false").content["report"][0]["trash_id"]
    assert client.act(f"{TRASH}/{again}/purge", dry_run="false").status == 409
    purged = client.act(f"{TRASH}/{again}/purge", confirm=MODEL, dry_run="false").content
    assert purged["report"] == [{"freed_bytes": done["report"][0]["bytes_freed_when_purged"]}]
    assert client.get(TRASH).content["rows"] == []


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("", {}, 422),
        ("", {"model": "nobody"}, 404),
        ("", {"model": MODEL, "dry_run": "false"}, 409),
        ("", {"model": MODEL, "dry_run": "false", "confirm": "llama3"}, 409),
        ("/20260101-000000-abcdef/undo", {}, 404),
        ("/../../etc/undo", {}, 404),
        ("/20260101-000000-abcdef/burn", {}, 422),
    ],
)
def test_bad_action_removes_nothing(client: Client, store: Path, path: str, query: dict[str, str], status: int) -> None:
    """An unknown model or removal, a name that is not repeated, a wrong word: a problem, and every file is there."""
    before = files(store)
    assert client.act(f"{TRASH}{path}", **query).status == status
    assert files(store) == before


def test_without_the_token_nothing_is_done(client: Client, store: Path) -> None:
    """Who has no token may look, and removes nothing."""
    before = files(store)
    sent = client.send("POST", TRASH, None, model=MODEL, confirm=MODEL, dry_run="false")
    assert sent.status in (401, 403)
    assert files(store) == before


def test_pinned_model_stays(client: Client, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the file of declared models pins is not removed over HTTP either, and a damaged file removes nothing."""
    before, declared = files(store), tmp_path / "models.toml"
    monkeypatch.setenv("MODELTALLY_MODELS", str(declared))
    for text, said in (
        (f'[[models]]\nmodel = "{MODEL}"\nsource = "ollama"\npin = true\n', "pinned"),
        ("[[", "no TOML"),
    ):
        declared.write_text(text)
        answered = client.act(TRASH, model=MODEL, confirm=MODEL, dry_run="false")
        assert answered.status == 409
        assert said in answered.content["detail"]
        assert files(store) == before
