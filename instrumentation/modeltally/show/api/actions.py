"""What changes something: POST, a dry run unless it is said otherwise, and once for each Idempotency-Key."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import Header, Query
from pydantic import BaseModel, Field, StringConstraints

from modeltally.show.api.answering import json_response
from modeltally.show.api.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from modeltally.show.api.answering import Answering

__all__ = ["SECURED", "Action", "Actions", "DryRun", "IdempotencyKey", "actions_security"]

_KEPT: Final = 1000
# what an operation that needs the token says in OpenAPI
SECURED: Final[dict[str, Any]] = {"security": [{"token": []}]}

DryRun = Annotated[bool, Query(description="Only say what would be done; false does it.")]
IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=255)] | None,
    Header(description="Names this action: sent again with the same key it is not done again, and answered the same."),
]


class Action(BaseModel):
    """What was done, or would be."""

    action: str = Field(description="What it is.")
    dry_run: bool = Field(description="Whether nothing was done.")
    done: bool = Field(description="Whether it was done.")
    detail: str = Field(description="The same in a sentence.")
    report: list[dict[str, Any]] = Field(description="What it reports; empty for a dry run.")


def actions_security() -> dict[str, Any]:
    """Describe the token for OpenAPI."""
    return {
        "token": {"type": "http", "scheme": "bearer", "description": "What `modeltally token` prints."},
    }


@dataclass(slots=True)
class _Kept:
    fingerprint: str
    answer: Mapping[str, Any] | None = None


class Actions:
    """Does actions, each once for a key; the newest thousand answers are kept, as long as the process lives."""

    def __init__(self, answering: Answering) -> None:
        """Take what works."""
        self._answering = answering
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def run(
        self, request: Request, *, key: str | None, act: Callable[[], Mapping[str, Any]], is_dry: bool
    ) -> Response:
        """Do an action.

        Args:
            request: Who wants it.
            key: Its key, if it has one.
            act: Does it, in a thread, and gives the answer.
            is_dry: It changes nothing, and needs no key.

        Returns:
            The answer.

        Raises:
            ProblemError: The key belongs to another action, or to one that is being done.
        """
        if key is None or is_dry:
            return json_response(await self._answering.work.run(request, act))
        fingerprint = f"{request.method} {request.url.path}?{request.url.query}"
        kept = self._known(key, fingerprint)
        if kept is not None:
            return json_response(kept, {"idempotent-replayed": "true"})

        def once() -> Mapping[str, Any]:
            try:
                answer = act()
            except BaseException:
                self._forget(key)
                raise
            with self._lock:
                self._kept[key] = _Kept(fingerprint, answer)
            return answer

        try:
            return json_response(await self._answering.work.run(request, once))
        finally:
            self._forget(key, only_open=True)

    def _known(self, key: str, fingerprint: str) -> Mapping[str, Any] | None:
        """Give what was answered; else note that it is being done."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                self._kept[key] = _Kept(fingerprint)
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
                return None
        if kept.fingerprint != fingerprint:
            raise ProblemError(
                HTTPStatus.CONFLICT, "this key belongs to another action", thing="Idempotency-Key", value=key
            )
        if kept.answer is None:
            raise ProblemError(
                HTTPStatus.CONFLICT,
                "this action is being done; ask again in a moment",
                thing="Idempotency-Key",
                value=key,
                headers={"Retry-After": "1"},
            )
        return kept.answer

    def _forget(self, key: str, *, only_open: bool = False) -> None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and (kept.answer is None or not only_open):
                del self._kept[key]
