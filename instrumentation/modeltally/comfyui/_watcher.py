"""A ComfyUI server that is watched from outside: its queue and its history, read again and again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from modeltally.comfyui._said import Entry, asked
from modeltally.errors import ServerError
from modeltally.instrument import _names as names
from modeltally.instrument._guard import problem
from modeltally.instrument.recording import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

__all__ = ["Watcher"]

TIMEOUT_SECONDS: Final = 30.0
NEWEST: Final = 256  # entries of the history that are asked for once all were seen; the server keeps ten thousand
REMEMBERED: Final = 20_000


class Watcher:
    """Records the prompts of a server, whoever sends them.

    The history says of each when it began and ended, to a millisecond, and the queue which ones wait. One that leaves
    the queue and does not come into the history was taken out: it is recorded as cancelled. What is recorded twice, by
    a watcher that was started anew, counts once.
    """

    def __init__(self, url: str, session: requests.Session, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        """Begin.

        Args:
            url: The server's address.
            session: By which it is asked.
            now_ns: The time, in nanoseconds since the epoch.
        """
        self._url = url.rstrip("/")
        self._session = session
        self._now_ns = now_ns
        self._version: str | None = None
        self._has_seen_all = False
        self._recorded: dict[str, None] = {}
        self._waiting: dict[str, tuple[int, Any, Any]] = {}  # since when it is seen, the graph, what is wanted of it

    def look(self) -> int:
        """Look once; record what has ended since the last time.

        Returns:
            How many operations were recorded.

        Raises:
            ServerError: The server cannot be reached, or gives answers of another form.
        """
        if self._version is None:
            system = self._get("/system_stats").get("system", {})
            self._version = str(system.get("comfyui_version", "unknown"))
        queue = self._get("/queue")  # first: what leaves it afterwards is in the history
        history = self._get(f"/history?max_items={NEWEST}" if self._has_seen_all else "/history")
        self._has_seen_all = True
        here = {str(item[1]): item for name in ("queue_pending", "queue_running") for item in queue.get(name, ())}
        for item in queue.get("queue_pending", ()):
            self._waiting.setdefault(str(item[1]), (self._now_ns(), item[2], item[4]))
        count = sum(self._finished(prompt_id, entry) for prompt_id, entry in history.items())
        return count + sum(self._gone(each) for each in list(self._waiting) if each not in here)

    def _finished(self, prompt_id: str, entry: Mapping[str, Any]) -> bool:
        seen = self._waiting.pop(prompt_id, None)
        if prompt_id in self._recorded:
            return False
        self._remember(prompt_id)
        try:
            found = Entry(entry, self._version)
        except ValueError as error:
            problem("comfyui", "a prompt of %s is passed over: %s", self._url, str(error))
            return False
        queued_ns = found.queued_ns if found.queued_ns is not None else (None if seen is None else seen[0])
        if queued_ns is not None and queued_ns <= found.started_ns:
            found.values["queue_seconds"] = (found.started_ns - queued_ns) / 1e9
        record(
            found.operation,
            started_at=found.started_ns,
            ended_at=found.ended_ns,
            outcome=found.ending.outcome,
            error_type=found.ending.error_type,
            operation_id=self._id(prompt_id),
            source=names.SOURCE_AUTO,
            wait=True,
            **found.values,
        )
        return True

    def _gone(self, prompt_id: str) -> bool:
        """Record one that has left the queue and is not among the newest of the history."""
        entry = self._get(f"/history/{prompt_id}").get(prompt_id)
        return self._taken_out(prompt_id) if entry is None else self._finished(prompt_id, entry)

    def _taken_out(self, prompt_id: str) -> bool:
        since_ns, graph, outputs = self._waiting.pop(prompt_id)
        if prompt_id in self._recorded:  # it has left the history as well
            return False
        self._remember(prompt_id)
        operation, values = asked(graph, outputs, self._version)
        values["correlation_id"], values["never_started"] = prompt_id, True
        now_ns = self._now_ns()
        values["queue_seconds"] = max(0, now_ns - since_ns) / 1e9
        record(
            operation,
            started_at=now_ns,
            ended_at=now_ns,
            outcome=names.CANCELLED,
            operation_id=self._id(prompt_id),
            source=names.SOURCE_AUTO,
            wait=True,
            **values,
        )
        return True

    def _id(self, prompt_id: str) -> str:
        return f"comfyui {self._url} {prompt_id}"

    def _remember(self, prompt_id: str) -> None:
        self._recorded[prompt_id] = None
        while len(self._recorded) > REMEMBERED:
            del self._recorded[next(iter(self._recorded))]

    def _get(self, path: str) -> dict[str, Any]:
        import requests  # noqa: PLC0415 - who watches no server does not wait for it

        try:
            response = self._session.get(f"{self._url}{path}", timeout=TIMEOUT_SECONDS)
            response.raise_for_status()
            answer = response.json()
        except (requests.RequestException, ValueError) as error:
            self._has_seen_all = False  # who knows how much happens until it answers again
            raise ServerError(f"{self._url}{path} gives no answer that can be read: {type(error).__name__}") from error
        if not isinstance(answer, dict):
            raise ServerError(f"{self._url}{path} does not answer as ComfyUI does; is it the right address?")
        return answer
