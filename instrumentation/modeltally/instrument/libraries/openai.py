"""openai: images, videos and sound by its client, which the official instrumentation does not see.

Chats, responses and embeddings are left to that one; what it sends is read where it arrives.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _names as names
from modeltally.instrument.libraries._calls import Call, watching
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, library_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.instrument._values import Values

__all__ = ["OpenaiInstrumentor"]

_IMAGES: Final = "openai.resources.images"
_VIDEOS: Final = "openai.resources.videos"
_SPEECH: Final = "openai.resources.audio.speech"
_TRANSCRIPTIONS: Final = "openai.resources.audio.transcriptions"
_TRANSLATIONS: Final = "openai.resources.audio.translations"
_FAILED: Final = "failed"
# of each module: its class, and of each method what is asked and what comes out
_WATCHED: Final[dict[str, tuple[str, dict[str, tuple[str, str]]]]] = {
    _IMAGES: (
        "Images",
        {
            "generate": ("text_to_image", "image"),
            "edit": ("image_to_image", "image"),
            "create_variation": ("image_to_image", "image"),
        },
    ),
    _VIDEOS: (
        "Videos",
        {
            "create": ("text_to_video", "video"),
            "create_and_poll": ("text_to_video", "video"),
            "remix": ("video_to_video", "video"),
            "edit": ("video_to_video", "video"),
            "extend": ("video_to_video", "video"),
        },
    ),
    _SPEECH: ("Speech", {"create": ("text_to_speech", "speech")}),
    _TRANSCRIPTIONS: ("Transcriptions", {"create": ("speech_to_text", "text")}),
    _TRANSLATIONS: ("Translations", {"create": ("speech_to_text", "text")}),
}
_SIZE: Final = re.compile(r"(\d{1,5})x(\d{1,5})")


class OpenaiInstrumentor(Instrumentor):
    """Watches the calls of its client that make or hear something."""

    library = "openai"
    versions = ("1.109", "4")
    loss = "images, videos and sound are not counted"
    modules = tuple(_WATCHED)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into a resource, and into its asynchronous twin."""
        name, methods = _WATCHED[module.__name__]
        for kind in (getattr(module, name), getattr(module, f"Async{name}")):
            for method, (task, output_type) in methods.items():
                if method in vars(kind):
                    around = watching(names.MODEL_REQUEST, partial(self._asked, task, output_type), _came)
                    yield self.patch(kind, method, around)

    def _asked(self, task: str, output_type: str, call: Call) -> Values:
        argument = call.argument
        if task == "text_to_video" and _is_given(argument("input_reference")):
            task = "image_to_video"
        told: Values = {
            "model": _text(argument("model")),
            "provider": self.library,
            "framework": self.library,
            "framework_version": library_version(self.library),
            "operation_name": names.GENERATE_CONTENT,
            "task": task,
            "output_type": output_type,
            "prompt": _text(argument("prompt")) or (_text(argument("input")) if output_type == "speech" else None),
            "choice_count": argument("n") if isinstance(argument("n"), int) else None,
            "stream": argument("stream") is True,
        }
        told.update(_size(argument("size")))
        return told


def _came(_call: Call, result: Any) -> Values | None:
    """Say what came back; a stream, or an answer that is not read yet, says nothing by itself."""
    if result is None:
        return None
    told: Values = _size(getattr(result, "size", None))
    made = getattr(result, "data", None)
    if isinstance(made, list):
        told["output_count"] = len(made)
    usage = getattr(result, "usage", None)
    told["input_tokens"] = _whole(getattr(usage, "input_tokens", None))
    told["output_tokens"] = _whole(getattr(usage, "output_tokens", None))
    heard = _number(getattr(usage, "seconds", None)) or _number(getattr(result, "duration", None))
    if getattr(result, "object", None) == "video":
        told["response_id"], told["response_model"] = _text(getattr(result, "id", None)), _text(result.model)
        told["video_duration_seconds"] = _number(getattr(result, "seconds", None))
        if getattr(result, "status", None) == _FAILED:
            _call.operation.failed(str(getattr(getattr(result, "error", None), "code", None) or _FAILED))
    elif heard:
        told["audio_duration_seconds"] = heard
    return told


def _is_given(value: Any) -> bool:
    """Tell whether an argument was given: the client has marks of its own for what was not."""
    return value is not None and type(value).__name__ not in ("Omit", "NotGiven")


def _size(text: Any) -> Values:
    matched = _SIZE.fullmatch(text) if isinstance(text, str) else None
    return {} if matched is None else {"image_width": int(matched[1]), "image_height": int(matched[2])}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None
