"""The real ComfyUI where ``COMFYUI_DIR`` says where it is, and a recorded conversation with it where not."""

from __future__ import annotations

import datetime as dt
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

import modeltally
from comfyui.conversation import Conversation, hold
from comfyui.program import make_models, running
from modeltally.instrument import _guard
from modeltally.server import LocalServer
from modeltally.testing import capture, captured
from support.servers import settings_for
from support.stores import stored

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stores import Template

__all__ = ["captured"]

RECORDED: Final = Path(__file__).with_name("recorded.jsonl")
KEY: Final = "a key of these tests"


class Real(NamedTuple):
    """A run of the real program.

    Attributes:
        conversation: What was said.
        rows: What became of it in the store: one row for each operation.
        spans: The attributes of each, as text.
        heartbeats: Those of what the process said of itself.
    """

    conversation: Conversation
    rows: list[dict[str, Any]]
    spans: list[dict[str, str]]
    heartbeats: list[dict[str, str]]


@pytest.fixture(autouse=True)
def _no_problems_of_others() -> None:
    """Begin a test with none counted."""
    _guard.reset()


@pytest.fixture(scope="session")
def comfyui() -> Path:
    """Find ComfyUI."""
    folder = os.environ.get("COMFYUI_DIR", "")
    if not folder:
        pytest.skip(
            "COMFYUI_DIR is not set: get ComfyUI (github.com/comfyanonymous/ComfyUI), and run"
            " COMFYUI_DIR=its/folder make test-comfyui"
        )
    if not (Path(folder) / "main.py").is_file():
        pytest.fail(f"COMFYUI_DIR={folder} is not ComfyUI's folder: there is no main.py in it")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def models(comfyui: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make models of random weights."""
    folder = tmp_path_factory.mktemp("comfyui") / "models"
    make_models(comfyui, folder)
    return folder


@pytest.fixture(scope="session")
def real(comfyui: Path, models: Path, template: Template, tmp_path_factory: pytest.TempPathFactory) -> Real:
    """Hold the conversation with the real program, started by ``modeltally run`` and with the custom node as well."""
    base, data = tmp_path_factory.mktemp("base"), tmp_path_factory.mktemp("store") / "data"
    (base / "models").symlink_to(models)
    template.copy(data)
    server = LocalServer(settings_for(data))
    server.start()
    variables = {"MODELTALLY_OTLP_ENDPOINT": server.address.otlp_url, "MODELTALLY_USER_KEY": KEY}
    command = [str(Path(sys.executable).parent / "modeltally"), "run"]
    try:
        with capture(is_fixed=False, user_key=KEY):
            extra = modeltally.inject({}, user="ann", project="posters")
        with running(comfyui, base, variables=variables, command=command, has_node=True) as client:
            conversation = hold(client, extra, lambda: (base / "log").read_text().count("Unloading "))
    finally:
        server.stop()
    conversation.head["recorded_at"] = dt.datetime.now(dt.UTC).date().isoformat()
    if os.environ.get("COMFYUI_RECORD"):
        folders = {str(comfyui): "COMFYUI", str(base.resolve()): "BASE", str(base): "BASE", sys.prefix: "PYTHON"}
        folders[str(Path(modeltally.__file__).parent)] = "MODELTALLY"
        conversation.write(RECORDED, without={**folders, sys.base_prefix: "PYTHON"})
    rows = stored(
        data, "SELECT * FROM usage_events WHERE NOT is_unfinished ORDER BY start LIMIT 1 BY trace_id, span_id"
    )
    spans = stored(
        data,
        "SELECT SpanAttributes AS said FROM otel_traces WHERE NOT mapContains(SpanAttributes, 'modeltally.unfinished')"
        " AND SpanName != 'heartbeat' ORDER BY Timestamp LIMIT 1 BY TraceId, SpanId",
    )
    beats = stored(data, "SELECT SpanAttributes AS said FROM otel_traces WHERE SpanName = 'heartbeat'")
    return Real(conversation, rows, [dict(each["said"]) for each in spans], [dict(each["said"]) for each in beats])


@pytest.fixture(scope="session", params=["recorded", "real"])
def conversation(request: pytest.FixtureRequest) -> Iterator[Conversation]:
    """What the real program said, just now or when it was recorded."""
    if request.param == "real":
        run: Real = request.getfixturevalue("real")
        yield run.conversation
        return
    recorded = Conversation.read(RECORDED)
    print(f"a recorded conversation: {recorded.head}")  # noqa: T201 - shown with -s, and where a test fails
    yield recorded
