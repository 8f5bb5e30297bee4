"""``models remove|undo|trash|purge``: taken away, shown, brought back and purged by the real command."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from availability.samples import ollama_model, safetensors
from cli.conftest import rows_of
from modeltally.cli._exit import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run
    from support.stores import Template


@pytest.fixture
def where(tmp_path: Path) -> list[str]:
    """Write a store of Ollama with two models, and give the flags that lead to it."""
    root = tmp_path / "ollama"
    ollama_model(root, "llama3", {"config": b"{}", "model": safetensors(1)})
    ollama_model(root, "qwen", {"config": b"{ }", "model": safetensors(2, bytes_each=2048)})
    return ["--store", f"ollama={root}", "--dir", str(tmp_path / "data")]


def files(where: list[str]) -> set[str]:
    """Name the files of the store."""
    from pathlib import Path  # noqa: PLC0415 - of this helper alone

    root = Path(where[1].partition("=")[2])
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_removed_shown_and_brought_back(here: Run, where: list[str], tmp_path: Path) -> None:
    """Without --apply nothing goes; with it the model is in the trash, from where undo brings it back."""
    before = files(where)
    (row,) = rows_of(here("models", "remove", "llama3:latest", "--format", "json", *where).stdout)
    assert (row["dry_run"], row["rows"][0]["what"]) == (True, "would be removed")
    assert row["rows"][0]["brought_by"] == "others"
    assert files(where) == before
    done = here("models", "remove", "llama3:latest", "--apply", "--confirm", "llama3:latest", *where)
    assert done.returncode == ExitCode.OK, done.stderr
    assert "undo" in done.stderr
    assert files(where) < before
    (held,) = rows_of(here("models", "trash", "--format", "json", *where).stdout)
    assert (held["model"], held["freed_bytes"]) == ("llama3:latest", row["bytes_freed_when_purged"])
    steps = [json.loads(line) for line in (tmp_path / "data" / "removals.jsonl").read_text().splitlines()]
    assert [each["step"] for each in steps if "id" in each] == ["planned", "removing", "removed"]
    assert here("models", "undo", held["trash"], *where).returncode == ExitCode.OK
    assert files(where) == before
    assert rows_of(here("models", "trash", "--format", "json", *where).stdout) == []


def test_what_is_typed_must_be_the_name(here: Run, where: list[str]) -> None:
    """A wrong confirmation, or nobody to ask, removes nothing."""
    before = files(where)
    wrong = here("models", "remove", "llama3:latest", "--apply", "--confirm", "yes", *where)
    assert (wrong.returncode, files(where)) == (ExitCode.USAGE, before)
    assert "nothing was removed" in wrong.stderr
    both = here("models", "remove", "llama3:latest", "qwen:latest", "--apply", "--confirm", "remove 2", *where)
    assert both.returncode == ExitCode.OK, both.stderr
    assert not any(name.startswith("manifests") for name in files(where))


def test_purge_asks_first_and_takes_what_is_old(here: Run, where: list[str]) -> None:
    """Nothing new is purged without --all, nothing at all without --yes; then the bytes are free and undo says so."""
    here("models", "remove", "llama3:latest", "--apply", "--confirm", "llama3:latest", *where)
    assert rows_of(here("models", "purge", "--yes", "--format", "json", *where).stdout) == []
    (row,) = rows_of(here("models", "purge", "--all", "--format", "json", *where).stdout)
    assert row["purged"] is False
    (done,) = rows_of(here("models", "purge", "--all", "--yes", "--format", "json", *where).stdout)
    assert done == row | {"purged": True}
    assert 2 < done["freed_bytes"] - len(safetensors(1)) < 1000  # the manifest as well
    gone = here("models", "undo", "llama3:latest", *where)
    assert gone.returncode == ExitCode.USAGE
    assert "no removal" in gone.stderr


def test_mistakes_are_told(here: Run, where: list[str]) -> None:
    """An unknown model, a revision where there are none, and nothing to remove are errors of use."""
    for arguments, said in (
        (["nobody"], "no model is named"),
        ([], "say which models"),
        (["a", "b", "--revision", "main"], "one model"),
    ):
        ended = here("models", "remove", *arguments, *where)
        assert (ended.returncode, said in ended.stderr) == (ExitCode.USAGE, True), ended.stderr
    kept = here("models", "remove", "qwen:latest", "--revision", "main", "--format", "json", *where)
    assert "no revisions" in kept.stdout


def test_without_advice_nothing_goes(here: Run, where: list[str], template: Template, tmp_path: Path) -> None:
    """Without enough history nothing is advised, so nothing goes, and the command says so."""
    template.copy(tmp_path / "data")
    before = files(where)
    ended = here("models", "remove", "--advised", "--apply", "--format", "json", *where)
    assert ended.returncode == ExitCode.OK, ended.stderr
    assert rows_of(ended.stdout)[0]["removed"] == []
    assert files(where) == before
