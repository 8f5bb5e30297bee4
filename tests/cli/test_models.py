"""``models``: what is there is listed, shown, checked and declared by the real command."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from availability.samples import ollama_model, safetensors
from cli.conftest import COMMAND, rows_of
from modeltally.availability.declared import DeclaredModel, DeclaredModels
from modeltally.availability.found import Places
from modeltally.availability.inventory import take_inventory
from modeltally.availability.ollama_folder import OllamaFolder
from modeltally.availability.verify import Level, check
from modeltally.cli._exit import ExitCode
from modeltally.cli._models import _recorded
from modeltally.testing import capture
from queries.given import Given, Operation, give
from support.environment import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run, RunningServer
    from support.stores import Template

WIDE = {"COLUMNS": "250"}
RECORDED = (
    "model.id",
    "health.status",
    "health.check.kind",
    "health.files.checked",
    "health.files.missing",
    "health.files.corrupted",
    "integrity.score",
)


@pytest.fixture
def ollama(tmp_path: Path) -> Path:
    """Write a store of Ollama with two models and an orphan."""
    root = tmp_path / "ollama"
    ollama_model(root, "llama3", {"config": b"{}", "model": safetensors(1)})
    ollama_model(root, "qwen", {"config": b"{ }", "model": safetensors(2, bytes_each=2048)})
    (root / "blobs" / f"sha256-{'1' * 64}").write_bytes(b"x" * 100)
    return root


def weights(root: Path, seed: int = 1) -> Path:
    """Give where a model's weights are."""
    return root / "blobs" / f"sha256-{hashlib.sha256(safetensors(seed)).hexdigest()}"


def test_list_shows_models_and_what_none_needs(here: Run, ollama: Path) -> None:
    """Largest first, with what removal frees; the orphan is a row of its own; formats hold all columns."""
    shown = here("models", "list", "--store", f"ollama={ollama}", environment=WIDE)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.index("qwen:latest") < shown.stdout.index("llama3:latest") < shown.stdout.index("orphan")
    rows = rows_of(here("models", "list", "--store", f"ollama={ollama}", "--format", "json").stdout)
    assert [(row["what"], row["model"], row["state"], row["freed_bytes"]) for row in rows] == [
        ("model", "qwen:latest", "available", len(safetensors(2, bytes_each=2048)) + 3),
        ("model", "llama3:latest", "available", len(safetensors(1)) + 2),
        ("orphan", "", "", 100),
    ]
    listed = here("models", "list", "--store", f"ollama={ollama}", "--format", "csv").stdout
    assert [row["what"] for row in csv.DictReader(io.StringIO(listed))] == ["model", "model", "orphan"]


def test_list_of_a_machine_without_models(here: Run) -> None:
    """Nothing found is said with what to do; a store that is not there is a note beside an empty list."""
    assert "name a place with --store" in here("models", "list").stdout
    done = here("models", "list", "--store", "folder=/nowhere", "--format", "json")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])
    assert "note: folder: /nowhere cannot be listed" in done.stderr
    checked = here("models", "verify", "--all", "--store", "folder=/nowhere")
    assert (checked.returncode, "note: folder: /nowhere" in checked.stderr) == (0, True)


def test_list_knows_when_a_model_was_last_used(here: Run, ollama: Path, template: Template, tmp_path: Path) -> None:
    """Where a store of modeltally answers, its last use of a model stands beside the bytes, by any declared name."""
    directory = tmp_path / "data"
    (tmp_path / "models.toml").write_text('[[models]]\nmodel = "chat"\nsource = "ollama:qwen:latest"\n')
    import datetime as dt  # noqa: PLC0415 - only here

    with template.opened(directory) as store:
        at = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
        give(store, Given(operations=[Operation(at=at, model="llama3"), Operation(at=at, model="chat", times=2)]))
    rows = rows_of(
        here(
            "models", "list", "--store", f"ollama={ollama}", "--declared", tmp_path / "models.toml",
            "--format", "json", "--dir", directory,
        ).stdout
    )  # fmt: skip
    used = {row["model"]: (row["last_used_at"] or "")[:10] for row in rows if row["what"] == "model"}
    assert used == {"qwen:latest": "2026-03-02", "llama3:latest": "2026-03-02"}
    assert {row["model"]: row["declared"] for row in rows if row["declared"]} == {"qwen:latest": "chat"}


def test_show_tells_files_and_what_is_wrong(here: Run, ollama: Path) -> None:
    """The files of one model with their sizes and sums, and the damage that sizes tell."""
    weights(ollama).write_bytes(b"short")
    shown = here("models", "show", "llama3:latest", "--store", f"ollama={ollama}", environment=WIDE)
    assert "corrupted" in shown.stdout
    assert f"has 5 bytes instead of {len(safetensors(1))}" in shown.stdout
    (row,) = rows_of(
        here("models", "show", "ollama:llama3:latest", "--store", f"ollama={ollama}", "--format", "json").stdout
    )
    assert [file["size_bytes"] for file in row["file_list"]] == [2, 5]
    unknown = here("models", "show", "lama3:latest", "--store", f"ollama={ollama}")
    assert (unknown.returncode, "did you mean 'llama3:latest'?" in unknown.stderr) == (ExitCode.USAGE, True)


@pytest.mark.parametrize(("level", "code"), [("sizes", 0), ("headers", 0), ("sums", ExitCode.FOUND)])
def test_verify_ends_with_what_it_found(here: Run, ollama: Path, level: str, code: int) -> None:
    """A flipped bit is found by sums alone, and the exit code says so."""
    content = bytearray(safetensors(1))
    content[-1] ^= 1
    weights(ollama).write_bytes(content)
    done = here("models", "verify", "--all", "--level", level, "--store", f"ollama={ollama}", "--format", "json")
    assert done.returncode == code, done.stderr
    health = {row["model"]: row["health"] for row in json.loads(done.stdout)}
    assert health == {"qwen:latest": "healthy", "llama3:latest": "damaged" if code else "healthy"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["verify"], "say which models to check, or --all"),
        (["verify", "llama3:latest", "--limit", "fast"], "'fast' is no rate"),
        (["verify", "llama3:latest", "--limit", "0"], "'0' is no rate"),
        (["verify", "llama3:latest", "--limit", "nan"], "'nan' is no rate"),
        (["verify", "llama3:latest", "--revision", "v2"], "has no revision 'v2' here; there are: latest"),
        (["list", "--store", "dvd=/x"], "is not KIND=WHERE"),
        (["list", "--declared", "/nowhere.toml"], "cannot read the declared models /nowhere.toml"),
    ],
)
def test_what_cannot_be_is_refused(here: Run, ollama: Path, arguments: list[str], told: str) -> None:
    """Each mistake is named with its value and what is allowed, and ends as bad input does."""
    stores = [] if "--store" in arguments else ["--store", f"ollama={ollama}"]
    done = here("models", *arguments, *stores)
    assert done.returncode == ExitCode.USAGE
    assert told in done.stderr.replace("\n", " ")


def test_missing_declared_model_is_found_wrong(here: Run, ollama: Path, tmp_path: Path) -> None:
    """Checking a declared model that is not there says so by the exit code."""
    (tmp_path / "models.toml").write_text('[[models]]\nmodel = "phi"\nsource = "ollama"\n')
    where = ("--store", f"ollama={ollama}", "--declared", tmp_path / "models.toml", "--format", "json")
    done = here("models", "verify", "phi", *where)
    assert (done.returncode, json.loads(done.stdout)[0]["health"]) == (ExitCode.FOUND, "nothing to check")
    rows = rows_of(here("models", "list", *where).stdout)
    assert [row["reason"] for row in rows if row["model"] == "phi"] == ["declared, and not there"]


def test_declare_writes_what_list_reads(here: Run, ollama: Path, tmp_path: Path) -> None:
    """A file from what is there declares it; what is there is not overwritten without --force."""
    out = tmp_path / "models.toml"
    declare = ("models", "declare", "--store", f"ollama={ollama}", "--out", out)
    assert "2 models declared" in here(*declare).stdout
    again = here(*declare)
    assert (again.returncode, "--force replaces it" in again.stderr) == (ExitCode.USAGE, True)
    assert here(*declare, "--force").returncode == 0
    rows = rows_of(here("models", "list", "--store", f"ollama={ollama}", "--declared", out, "--format", "json").stdout)
    assert [row["declared"] for row in rows] == ["qwen:latest", "llama3:latest", None]
    assert json.loads(json.dumps(rows[0]["priority"])) == "MEDIUM"


def test_check_is_an_operation_of_the_model(server: RunningServer, run: Run, ollama: Path) -> None:
    """Where the data directory's server runs, a check is a health check in its statistics, with what it found."""
    weights(ollama).unlink()
    done = run("models", "verify", "llama3:latest", "--store", f"ollama={ollama}", "--dir", server.directory)
    assert done.returncode == ExitCode.FOUND, done.stderr
    asked = ("stats", "operations", "--since", "1d", "--format", "json", "--dir", server.directory)
    deadline = time.monotonic() + 30
    while not (checks := [row for row in rows_of(run(*asked).stdout) if "health_check" in str(row)]):
        assert time.monotonic() < deadline
    assert sum(row["operations"] for row in checks) == 1


def test_what_a_check_found_is_recorded(ollama: Path) -> None:
    """The operation says which model, how closely, what was found, and goes by the declared name."""
    weights(ollama).write_bytes(b"short")
    models = DeclaredModels(models=(DeclaredModel(model="chat", source="ollama:llama3:latest"),))
    entry = take_inventory(Places((OllamaFolder(ollama),)), models).find("chat")
    with capture() as captured:
        with _recorded(entry, Level.SUMS, is_recorded=True) as tell:
            tell(check(entry.model, Level.SUMS))
        span = captured.one()
    assert {name: span[f"modeltally.{name}"] for name in RECORDED} == {
        "model.id": "chat",
        "health.status": "damaged",
        "health.check.kind": "sums",
        "health.files.checked": 2,
        "health.files.missing": 0,
        "health.files.corrupted": 1,
        "integrity.score": pytest.approx(2 / (len(safetensors(1)) + 2)),
    }


def test_ctrl_c_tells_what_was_checked(ollama: Path, home: Path) -> None:
    """A check that is stopped ends as Ctrl-C does, with what it had checked; no file has changed."""
    before = {path: path.read_bytes() for path in ollama.rglob("*") if path.is_file()}
    process = subprocess.Popen(
        [str(COMMAND), "models", "verify", "--all", "--level", "sums", "--limit", "5KB", "--format", "json",
         "--store", f"ollama={ollama}"],
        env=clean_environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    opened = f"/proc/{process.pid}/fd"
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not any(
        os.path.islink(f"{opened}/{each}") and "blobs" in os.path.realpath(f"{opened}/{each}")  # noqa: PTH114
        for each in os.listdir(opened)  # noqa: PTH208 - a folder of the kernel's
    ):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate(timeout=30)
    assert process.returncode == ExitCode.INTERRUPTED, errors
    assert "stopped by Ctrl-C" in errors
    assert isinstance(json.loads(printed), list)
    assert {path: path.read_bytes() for path in ollama.rglob("*") if path.is_file()} == before


def test_help_of_each_command_has_an_example(here: Run) -> None:
    """Each of its commands shows a line that can be run, and the list of them is not cut off."""
    shown = here("models", "--help").stdout
    assert "..." not in shown.partition("Commands:")[2]
    for name in ("list", "show", "verify", "declare"):
        assert f"Example: modeltally models {name}" in here("models", name, "--help").stdout
