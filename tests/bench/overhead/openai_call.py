"""The same call everywhere: the real openai client, answered in this process, with usage in the answer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MODEL", "REQUEST", "Patches", "make_client"]

# by name: the benchmark's environments have these, the one that checks types has not
openai: Any = import_module("openai")
httpx: Any = import_module("httpx")

MODEL: Final = "gpt-4o-mini"
REQUEST: Final[dict[str, Any]] = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "You answer in one sentence."},
        {"role": "user", "content": "Which model should be loaded before the morning's peak, and why that one?"},
    ],
    "max_tokens": 200,
    "temperature": 0.7,
    "top_p": 0.9,
    "seed": 42,
    "n": 1,
}
ANSWER: Final[dict[str, Any]] = {
    "id": "chatcmpl-B4x1",
    "object": "chat.completion",
    "created": 1_764_000_000,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "The one that most people ask for between eight and nine."},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 31, "completion_tokens": 12, "total_tokens": 43},
}
NOTHING: Final = object()


def make_client() -> Any:
    """Make a client whose requests are answered in this process."""

    def answer(request: Any) -> Any:
        del request
        return httpx.Response(200, json=ANSWER)

    transport = httpx.MockTransport(answer)
    return openai.OpenAI(
        api_key="bench", base_url="http://127.0.0.1:9/v1", http_client=httpx.Client(transport=transport), max_retries=0
    )


class Patches:
    """What an instrumentation changed in the classes of the client; can be taken off and put on again.

    So that the bare call is the bare call, in the very process whose instrumented call it is compared with.
    """

    def __init__(self, instrument: Callable[[], Any]) -> None:
        """Instrument, and note what that changed.

        Args:
            instrument: Patches the client's classes.
        """
        completions = import_module("openai.resources.chat.completions.completions").Completions
        classes = {*openai.OpenAI.__mro__, *completions.__mro__, httpx.Client, httpx.HTTPTransport} - {object}
        before = {cls: dict(vars(cls)) for cls in classes}
        self.result = instrument()
        self._changes = [
            (cls, name, was.get(name, NOTHING), now)
            for cls, was in before.items()
            for name, now in vars(cls).items()
            if was.get(name, NOTHING) is not now
        ]
        self._is_on = True

    def off(self) -> None:
        """Bring back the client as it came."""
        if not self._is_on:
            return
        self._is_on = False
        for cls, name, was, _ in self._changes:
            if was is NOTHING:
                delattr(cls, name)
            else:
                setattr(cls, name, was)

    def on(self) -> None:
        """Instrument again."""
        self._is_on = True
        for cls, name, _, now in self._changes:
            setattr(cls, name, now)
