"""A whole service, whose receiver is killed while it works: every figure is what its users saw."""

from __future__ import annotations

import asyncio
import collections
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from cli.conftest import rows_of, run_command, start_server, stop_server
from support.environment import clean_environment
from support.ports import free_port
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = Path(__file__).parents[2] / "instrumentation" / "examples"
MODEL = "northwind/chat-8b"
REQUESTS = 240
AT_ONCE = 20
USERS = 25
# The server is killed when so many were answered, and started again when so many were.
KILLED_AT = 60
STARTED_AT = 150
LONG = "word " * 400


class Users:
    """Ask a service many things at once, and remember how each ended.

    Attributes:
        seen: How often each outcome was seen.
    """

    def __init__(self, url: str, *, at: dict[int, Callable[[], None]]) -> None:
        """Prepare to ask.

        Args:
            url: Where the service is.
            at: What to do when so many requests have ended.
        """
        self.seen: collections.Counter[str] = collections.Counter()
        self._url = url
        self._at = at
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def ask_all(self) -> None:
        """Ask everything."""
        async with httpx.AsyncClient(base_url=self._url, timeout=60) as client:
            await asyncio.gather(*(self._one(client, number) for number in range(REQUESTS)))

    async def _one(self, client: httpx.AsyncClient, number: int) -> None:
        async with self._turn:
            outcome = await self._outcome(client, number)
            self.seen[outcome] += 1
            if act := self._at.get(self.seen.total()):
                await asyncio.to_thread(act)

    async def _outcome(self, client: httpx.AsyncClient, number: int) -> str:
        headers = {"X-User": f"user-{number % USERS}"}
        if number % 4 == 0:
            prompt = "" if number % 24 == 0 else "of lighthouses"
            answer = await client.get("/title", params={"prompt": prompt}, headers=headers)
            return "success" if answer.status_code == 200 else "failure"
        hangs_up = number % 10 == 5
        prompt = LONG if hangs_up else "tell me of lighthouses"
        async with client.stream("GET", "/chat", params={"prompt": prompt}, headers=headers) as answer:
            async for _ in answer.aiter_text():
                if hangs_up:
                    return "cancelled"
        return "success"


@pytest.mark.slow(seconds=15, why="a service and a server that is killed")
def test_figures_are_what_the_users_saw_though_the_server_was_killed(tmp_path: Path, home: Path) -> None:
    """Requests, outcomes, users, tokens, the load and the download: exact, and completeness says so."""
    ports = {f"MODELTALLY_{name}_PORT": str(free_port()) for name in ("OTLP", "HTTP")}
    server = start_server(tmp_path / "data", home, environment=ports)
    first = server.process

    def restart() -> None:
        nonlocal server
        server = start_server(tmp_path / "data", home, environment=ports)

    def kill() -> None:
        first.kill()
        first.wait()

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "uvicorn", "fastapi_service:app", "--port", str(port), "--log-level", "error"]
    environment = clean_environment(home) | {
        "MODELTALLY_OTLP_ENDPOINT": server.otlp_url,
        "MODELTALLY_USER_KEY": "a key of this test alone, long enough",
    }
    with subprocess.Popen(command, env=environment, cwd=EXAMPLES) as service:
        assert wait_until(lambda: answers(url))
        users = Users(url, at={KILLED_AT: kill, STARTED_AT: restart})
        asyncio.run(users.ask_all())
        service.terminate()
        assert service.wait(60) == -signal.SIGTERM  # uvicorn raises it again once it has ended in order
    assert stop_server(server) == 0
    assert first.stdout is not None
    first.stdout.close()

    def rows(topic: str) -> list[dict[str, Any]]:
        listed = run_command("stats", topic, "--since", "1h", "--dir", server.directory, "--format", "json", home=home)
        assert listed.returncode == 0, listed.stderr
        return rows_of(listed.stdout)

    seen = users.seen
    assert min(seen[outcome] for outcome in ("success", "failure", "cancelled")) > 5, seen
    (model,) = rows("models")
    assert {name: model[name] for name in ("model", "requests", "failures", "cancelled", "in_flight", "users")} == {
        "model": MODEL,
        "requests": REQUESTS,
        "failures": seen["failure"],
        "cancelled": seen["cancelled"],
        "in_flight": 0,
        "users": USERS,
    }
    assert model["success_rate"] == pytest.approx(seen["success"] / (REQUESTS - seen["cancelled"]))
    assert 1 <= model["cold_starts"] <= AT_ONCE
    others = {"model.download": 1, "model.load": 1, "model.unload": 1}
    assert {row["operation"]: row["operations"] for row in rows("operations")} == {"model.request": REQUESTS, **others}
    (process,) = rows("completeness")
    counted = REQUESTS + sum(others.values())
    assert (process["started"], process["stored"], process["verdict"]) == (counted, counted, "complete")


def answers(url: str) -> bool:
    """Tell whether a service is there."""
    try:
        return httpx.get(f"{url}/openapi.json").status_code == 200
    except httpx.TransportError:
        return False
