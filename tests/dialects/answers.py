"""What the fake endpoint answers: another model than was asked for, a stream, refusals, a vector."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["answers"]

# Given what is asked and a number, the status and what is answered.
Answer: TypeAlias = "Callable[[Any, int], tuple[int, Any]]"

_ANSWER = "SECRET ANSWER: a tower with a light."
_USAGE = {
    "prompt_tokens": 17,
    "completion_tokens": 9,
    "total_tokens": 26,
    "prompt_tokens_details": {"cached_tokens": 5, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 3, "audio_tokens": 0},
}
_GEMINI_USAGE = {
    "promptTokenCount": 17,
    "candidatesTokenCount": 6,
    "thoughtsTokenCount": 3,
    "cachedContentTokenCount": 5,
    "totalTokenCount": 26,
}
# What providers refuse, they quote.
_REFUSALS = {
    "tiny-busy": (429, "rate_limit_error", "rate_limit_exceeded"),
    "tiny-strict": (400, "invalid_request_error", "content_filter"),
}


def _events(*chunks: object) -> bytes:
    return "".join(f"data: {chunk if isinstance(chunk, str) else json.dumps(chunk)}\n\n" for chunk in chunks).encode()


def _refused(model: str) -> tuple[int, Any]:
    status, kind, code = _REFUSALS[model]
    message = f"refused: SECRET PROMPT, what is a lighthouse? (to {model})"
    return status, {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _chat(asked: Any, number: int) -> tuple[int, Any]:
    if asked["model"] in _REFUSALS:
        return _refused(asked["model"])
    completion = {"id": f"chatcmpl-{number}", "created": 1_796_000_000, "model": "tiny-chat-2026"}
    if not asked.get("stream"):
        message = {"role": "assistant", "content": _ANSWER, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        return 200, {**completion, "object": "chat.completion", "choices": [choice], "usage": _USAGE}
    start = {**completion, "object": "chat.completion.chunk"}
    texts: list[tuple[dict[str, str], str | None]] = [
        ({"role": "assistant", "content": "SECRET "}, None),
        ({"content": "ANSWER: a tower"}, None),
        ({"content": " with a light."}, None),
        ({}, "stop"),
    ]
    chunks = [{**start, "choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in texts]
    if (asked.get("stream_options") or {}).get("include_usage"):
        chunks.append({**start, "choices": [], "usage": _USAGE})
    return 200, _events(*chunks, "[DONE]")


def _responses(asked: Any, number: int) -> tuple[int, Any]:
    text = {"type": "output_text", "text": _ANSWER, "annotations": []}
    message = {"id": f"msg-{number}", "type": "message", "role": "assistant", "status": "completed", "content": [text]}
    return 200, {
        "id": f"resp-{number}",
        "object": "response",
        "created_at": 1_796_000_000,
        "status": "completed",
        "model": "tiny-chat-2026",
        "output": [message],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "tools": [],
        "temperature": asked.get("temperature"),
        "user": asked.get("user"),
        "usage": {
            "input_tokens": 17,
            "input_tokens_details": {"cached_tokens": 5},
            "output_tokens": 9,
            "output_tokens_details": {"reasoning_tokens": 3},
            "total_tokens": 26,
        },
    }


def _embeddings(asked: Any, _: int) -> tuple[int, Any]:
    # the client asks for base64 unless told otherwise, and takes either
    vector = "AAAAPwAAAD8=" if asked.get("encoding_format") == "base64" else [0.5, 0.5]
    datum = {"object": "embedding", "index": 0, "embedding": vector}
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return 200, {"object": "list", "data": [datum], "model": "tiny-embed-2026", "usage": usage}


def _generated(number: int, text: str, **more: object) -> dict[str, object]:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": 0, **more}
    return {"candidates": [candidate], "modelVersion": "tiny-chat-2026", "responseId": f"resp-{number}"}


def _generate_content(_: Any, number: int) -> tuple[int, Any]:
    return 200, {**_generated(number, _ANSWER, finishReason="STOP"), "usageMetadata": _GEMINI_USAGE}


def _stream_generate_content(_: Any, number: int) -> tuple[int, Any]:
    last = {**_generated(number, " with a light.", finishReason="STOP"), "usageMetadata": _GEMINI_USAGE}
    return 200, _events(_generated(number, "SECRET ANSWER: a tower"), last)


def _gemini_refused(status: int, word: str) -> Answer:
    message = "refused: SECRET PROMPT, what is a lighthouse?"
    return lambda *_: (status, {"error": {"code": status, "message": message, "status": word}})


def _embed_contents(_: Any, __: int) -> tuple[int, Any]:
    return 200, {"embeddings": [{"values": [0.5, 0.5]}]}


def answers() -> dict[str, Any]:
    """Give what is answered by path, each time under an id of its own."""
    numbers = itertools.count(1)

    def numbered(answer: Answer) -> Callable[[Any], tuple[int, Any]]:
        return lambda asked: answer(asked, next(numbers))

    gemini = "/v1beta/models"
    by_path: dict[str, Answer] = {
        "/v1/chat/completions": _chat,
        "/v1/responses": _responses,
        "/v1/embeddings": _embeddings,
        f"{gemini}/tiny-chat:generateContent": _generate_content,
        f"{gemini}/tiny-chat:streamGenerateContent": _stream_generate_content,
        f"{gemini}/tiny-embed:batchEmbedContents": _embed_contents,
        f"{gemini}/tiny-busy:generateContent": _gemini_refused(429, "RESOURCE_EXHAUSTED"),
        f"{gemini}/tiny-strict:generateContent": _gemini_refused(400, "INVALID_ARGUMENT"),
    }
    return {path: numbered(answer) for path, answer in by_path.items()}
