"""What came out of a pipeline: images, videos or sound, how many, and how large, read from the result itself."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from modeltally.instrument._values import Values

__all__ = ["Media", "media_of"]

_CHANNELS: Final = (1, 3, 4)


class Media(enum.Enum):
    """What a result is, as OpenTelemetry names it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "speech"


_FIELDS: Final = {
    "images": Media.IMAGE,
    "image": Media.IMAGE,
    "frames": Media.VIDEO,
    "videos": Media.VIDEO,
    "video": Media.VIDEO,
    "audios": Media.AUDIO,
    "audio": Media.AUDIO,
}


def media_of(result: Any, *, is_video: bool, is_latent: bool, sampling_rate: float | None) -> tuple[Media, Values]:
    """Look at a result.

    Args:
        result: An object with ``images``, ``frames`` or ``audios``, a tuple whose first element is one of these, or one
            of these alone.
        is_video: Whether a video was asked for, where the result does not say.
        is_latent: Whether it is not decoded, so that its size is not that of a picture.
        sampling_rate: Of sound, in samples a second.

    Returns:
        What it is, and its number, size, frames and length.
    """
    media, value = Media.VIDEO if is_video else Media.IMAGE, result
    for name, kind in _FIELDS.items():
        found = result.get(name) if isinstance(result, dict) else getattr(result, name, None)
        if found is not None:
            media, value = kind, found
            break
    else:
        if isinstance(result, tuple) and result:
            value = result[0]
    if is_latent:
        return media, {"output_count": _count(value)}
    if media is Media.AUDIO:
        return media, _sound(value, sampling_rate)
    return media, _pictures(value, is_video=media is Media.VIDEO)


def _pictures(value: Any, *, is_video: bool) -> Values:
    """Say how many pictures or videos there are, and how large."""
    shape = getattr(value, "shape", None)
    if shape is None:
        if not isinstance(value, list | tuple) or not value:
            return {}
        first = value[0]
        if isinstance(first, list | tuple):  # videos of single pictures
            return {**_size(first[0] if first else None), "output_count": len(value), "video_frames": len(first)}
        if getattr(first, "shape", None) is None:
            size = _size(first)
            return (
                {**size, "output_count": 1, "video_frames": len(value)}
                if is_video
                else {**size, "output_count": len(value)}
            )
        return {**_pictures(first, is_video=is_video), "output_count": len(value)}
    *others, last = (int(length) for length in shape)
    dimensions = [*others, last]
    if len(dimensions) < (3 if not is_video else 4):
        return {}
    height, width = (dimensions[-3], dimensions[-2]) if last in _CHANNELS else (dimensions[-2], last)
    told: Values = {"image_height": height, "image_width": width}
    leading = dimensions[:-3]
    if is_video:
        told["video_frames"] = leading[-1] if leading else None
        leading = leading[:-1]
    told["output_count"] = leading[0] if leading else 1
    return told


def _size(picture: Any) -> Values:
    size = getattr(picture, "size", None)
    if isinstance(size, tuple) and len(size) == 2:  # noqa: PLR2004 - width and height
        return {"image_width": int(size[0]), "image_height": int(size[1])}
    return _pictures(picture, is_video=False) if getattr(picture, "shape", None) is not None else {}


def _sound(value: Any, sampling_rate: float | None) -> Values:
    count = _count(value)
    first = value[0] if count else None
    shape = getattr(first, "shape", None)
    samples = int(shape[-1]) if shape else (len(first) if isinstance(first, list | tuple) else 0)
    told: Values = {"output_count": count}
    if sampling_rate and samples:
        told["audio_duration_seconds"] = samples / sampling_rate
    return told


def _count(value: Any) -> int | None:
    try:
        return len(value)
    except TypeError:
        return None
