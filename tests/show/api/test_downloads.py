"""Downloads over HTTP and on the page: listed, asked for, paused, given up; by who has the token; by dry run first."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from availability.samples import publish, safetensors
from libraries.fake_hub import FakeHub, running_hub
from modeltally.availability.downloads.queue import DownloadQueue
from modeltally.show.api.downloads import QueueAnswer, StatusesAnswer
from modeltally.show.downloads import Downloads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.server import LocalServer
    from show.api.conftest import Client

DOWNLOADS = "/api/v1/downloads"


@pytest.fixture(scope="module")
def hub() -> Iterator[FakeHub]:
    """Run a hub with one model."""
    with running_hub() as found:
        publish(found, "studio/video", {"config.json": b"{}", "model.safetensors": safetensors(2)})
        yield found


@pytest.fixture
def queue(running: LocalServer) -> DownloadQueue:
    """Give the queue of the server, with nothing open in it."""
    found = DownloadQueue(running.directory)
    for each in found.all():
        if each.is_open:
            found.cancel(each.id)
    return found


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def _held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the server fetch nothing by itself."""
    monkeypatch.setattr(Downloads, "_look", lambda _: None)


def acts(client: Client, path: str, **query: Any) -> Any:
    """Do an action, with the token."""
    return client.act(f"/api/v1/{path}", **query)


@pytest.mark.usefixtures("_held")
def test_download_is_asked_for_changed_and_given_up(client: Client, queue: DownloadQueue) -> None:
    """Nothing happens by a dry run; then it is in the queue, paused, goes on, is given up; each step is listed."""
    assert acts(client, "downloads", model="studio/video").content["done"] is False
    assert not [each for each in queue.all() if each.is_open]
    done = acts(client, "downloads", model="studio/video", priority="HIGH", dry_run="false").content
    assert done["done"] is True
    one = done["report"][0]["id"]
    for what, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled")):
        assert acts(client, f"downloads/{one}/{what}").content["done"] is False
        assert acts(client, f"downloads/{one}/{what}", dry_run="false").content["report"][0]["state"] == state
        answer = client.get(DOWNLOADS).content
        QueueAnswer.model_validate(answer)
        assert next(row["state"] for row in answer["rows"] if row["id"] == one) == state
    assert acts(client, f"downloads/{one}/pause", dry_run="false").status == 409
    assert acts(client, "downloads/00000000/pause", dry_run="false").status == 404


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("downloads", {"model": "../../etc"}, 422),
        ("downloads", {}, 422),
        ("downloads", {"model": "a/b", "priority": "SOON"}, 422),
        ("downloads", {"model": "a/b", "limit_bytes_per_second": "-1"}, 422),
        ("downloads/xyz/pause", {}, 422),
        ("downloads/00000000/delete", {}, 422),
    ],
)
def test_bad_action_is_a_problem(client: Client, path: str, query: dict[str, str], status: int) -> None:
    """What is not allowed is refused by its form, and changes nothing."""
    assert acts(client, path, **query).status == status


@pytest.mark.parametrize("path", ["downloads", "downloads/00000000/cancel", "availability/request"])
def test_nobody_acts_without_the_token(client: Client, path: str) -> None:
    """Reading is open, changing is not."""
    assert client.send("POST", f"/api/v1/{path}", model="studio/video", dry_run="false").status == 401


def test_states_of_models_are_told_and_are_no_use(client: Client) -> None:
    """The nine states over HTTP, of what lies on this machine."""
    answer = client.get("/api/v1/availability").content
    StatusesAnswer.model_validate(answer)
    asked = acts(client, "availability/request", model="studio/nobody-has-it", dry_run="false").content
    assert asked["report"][0]["success"] is False
    assert "declare it" in asked["report"][0]["action_required"]


def test_server_fetches_what_is_in_its_queue(
    running: LocalServer, client: Client, queue: DownloadQueue, hub: FakeHub, tmp_path: Path
) -> None:
    """Whoever puts a model there, a process of the server's fetches it, and the page shows it."""
    one = queue.add("studio/video", cache=tmp_path / "cache", endpoint=hub.url)
    end = time.monotonic() + 90
    while queue.get(one.id).is_open:
        assert time.monotonic() < end, queue.get(one.id)
        time.sleep(0.1)
    assert queue.get(one.id).state == "done"
    assert queue.get(one.id).moved_bytes == hub.served.total()
    page = client.get("/downloads").body.decode()
    assert "studio/video" in page
    assert "Downloads of this machine" in page
    assert running.directory.is_dir()
