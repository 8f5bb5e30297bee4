"""google.genai: images and videos by its client, which the official instrumentation does not see.

What generates text is left to that one. A video is made after the call has returned: what is recorded is the request
for it, with the name under which it is asked for later.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from modeltally.instrument import _names as names
from modeltally.instrument.libraries._calls import Call, watching
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, library_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.instrument._values import Values

__all__ = ["GoogleGenaiInstrumentor"]

_MODELS: Final = "google.genai.models"
_PROVIDER: Final = "gcp.gen_ai"
_IMAGE, _VIDEO = "image", "video"
# of each method what is asked and what comes out
_WATCHED: Final = {
    "generate_images": ("text_to_image", _IMAGE),
    "edit_image": ("image_to_image", _IMAGE),
    "upscale_image": ("upscale", _IMAGE),
    "generate_videos": ("text_to_video", _VIDEO),
}


class GoogleGenaiInstrumentor(Instrumentor):
    """Watches the calls of its client that make images and videos."""

    library = "google.genai"
    distribution = "google-genai"
    versions = ("1.40", "4")
    loss = "images and videos are not counted"
    modules = (_MODELS,)

    def hooks(self, module: Any) -> Iterator[Hook]:
        """Hook into the models, and into their asynchronous twins."""
        for kind in (module.Models, module.AsyncModels):
            for method, (task, output_type) in _WATCHED.items():
                if method in vars(kind):
                    around = watching(names.MODEL_REQUEST, partial(self._asked, task, output_type), _came)
                    yield self.patch(kind, method, around)

    def _asked(self, task: str, output_type: str, call: Call) -> Values:
        argument, source = call.argument, call.argument("source")
        if output_type == _VIDEO:
            for given in (_VIDEO, _IMAGE):
                if argument(given) is not None or _of(source, given) is not None:
                    task = f"{given}_to_video"
                    break
        prompt, model = argument("prompt") or _of(source, "prompt"), argument("model")
        setting = partial(_of, argument("config"))
        return {
            "model": model if isinstance(model, str) else None,
            "provider": _PROVIDER,
            "framework": self.library,
            "framework_version": library_version(self.distribution),
            "operation_name": names.GENERATE_CONTENT,
            "task": task,
            "output_type": output_type,
            "prompt": prompt if isinstance(prompt, str) else None,
            "negative_prompt": setting("negative_prompt"),
            "choice_count": setting("number_of_images") or setting("number_of_videos"),
            "guidance_scale": setting("guidance_scale"),
            "seed": setting("seed"),
            "video_fps": setting("fps"),
            "video_duration_seconds": setting("duration_seconds"),
        }


def _came(_call: Call, result: Any) -> Values | None:
    """Say what came back."""
    if result is None:
        return None
    made = getattr(result, "generated_images", None)
    if isinstance(made, list):
        return {"output_count": len(made)}
    name = getattr(result, "name", None)
    return {"response_id": name} if isinstance(name, str) else None


def _of(given: Any, name: str) -> Any:
    """Return a part of what may be given as an object or as a dictionary."""
    return given.get(name) if isinstance(given, dict) else getattr(given, name, None)
