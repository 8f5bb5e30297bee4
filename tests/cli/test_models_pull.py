"""``modeltally models pull`` and its like, as a terminal runs them, against a hub on this machine."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from availability.samples import publish, safetensors
from libraries.fake_hub import FakeHub, running_hub

if TYPE_CHECKING:
    from collections.abc import Iterator

MODEL = "studio/video"
COMMAND = Path(sys.executable).parent / "modeltally"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    """Run a hub with one model, and one that is gated."""
    with running_hub() as found:
        publish(found, MODEL, {"config.json": b"{}", "model.safetensors": safetensors(1, bytes_each=900_000)})
        found.gated.add("studio/gated")
        yield found


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELTALLY_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))


def begin(*words: object) -> subprocess.Popen[str]:
    """Begin a command about models."""
    return subprocess.Popen(
        [str(COMMAND), "models", *map(str, words), "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509 - as a terminal does
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, Any, str]:
    """Wait for a command; gives its exit code, what it printed, what it said."""
    out, said = process.communicate(timeout=120)
    return process.returncode, json.loads(out) if out.strip() else None, said


def test_pulled_model_is_there_and_a_refused_one_says_what_to_do(hub: FakeHub, tmp_path: Path) -> None:
    """Each has a row; one that failed makes the exit code 6; a damaged file is repaired by its name."""
    code, rows, _ = ended(begin("pull", MODEL, "studio/gated", "--hub", hub.url))
    assert code == 6
    found = {row["model"]: row for row in rows}
    assert (found[MODEL]["state"], found[MODEL]["moved_bytes"]) == ("done", hub.served.total())
    assert (found["studio/gated"]["error_type"], found["studio/gated"]["state"]) == ("gated", "failed")
    blob = max((tmp_path / "cache").rglob("blobs/*"), key=lambda path: path.stat().st_size)
    size = blob.stat().st_size
    blob.write_bytes(bytes(size))
    hub.served.clear()
    code, rows, _ = ended(begin("repair", MODEL, "--hub", hub.url))
    assert (code, rows[0]["moved_bytes"], hub.served.total()) == (0, size, size)


def test_ctrl_c_keeps_what_came_and_pull_goes_on(hub: FakeHub, tmp_path: Path) -> None:
    """Stopped in the middle it stays in the queue with its bytes; without a name the rest comes, and only that."""
    process = begin("pull", MODEL, "--hub", hub.url, "--limit", "200KB")
    end = time.monotonic() + 60
    while hub.served.total() < 400_000:
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, rows, said = ended(process)
    assert (code, rows[0]["state"]) == (130, "queued")
    assert "stopped by Ctrl-C" in said
    assert 0 < rows[0]["done_bytes"] == hub.served.total()
    (part,) = (tmp_path / "cache").rglob("*.modeltally.incomplete")
    assert part.stat().st_size > 300_000
    path = tmp_path / "data" / "downloads.json"
    path.write_text(path.read_text().replace("200000.0", "null"))  # the rest may come at once
    code, rows, _ = ended(begin("pull"))
    assert (code, rows[0]["state"]) == (0, "done")
    assert rows[0]["moved_bytes"] == rows[0]["total_bytes"] == hub.served.total()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pull", "../../etc"], "is no name of a model"),
        (["pull", "a/b", "--limit", "soon"], "'soon' is no rate"),
        (["pull", "--missing"], "--missing takes a file"),
        (["pause", "a/b"], "no download is named 'a/b'"),
        (["repair", "a/b"], "there is nothing of a/b"),
    ],
)
def test_mistake_is_one_line_that_names_it(words: list[str], said: str) -> None:
    """A bad value ends with exit code 2 and says what is allowed; nothing is queued."""
    code, rows, told = ended(begin(*words))
    assert (code, rows) == (2, None)
    assert said in told
