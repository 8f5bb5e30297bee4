"""What a chart is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modeltally.show.units import clean_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["WIDTH", "Chart", "label_of", "spec_of"]

WIDTH: Final = 640
_SCHEMA: Final = "https://vega.github.io/schema/vega-lite/v6.json"
_LABEL_CHARACTERS: Final = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart, and the same without a picture.

    Attributes:
        name: What it is called, the same in every surface.
        title: What stands above it.
        summary: What it shows, in a sentence or two: its text alternative.
        columns: The columns of its table.
        rows: What it is drawn from, for a table beside it.
        spec: The Vega-Lite spec with its data; names colours by the ranges of a configuration. Each number under a key
            ``width`` may be replaced by another before it is drawn.
    """

    name: str
    title: str
    summary: str
    columns: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    spec: dict[str, Any]


def spec_of(summary: str, config: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """Put a spec together.

    Args:
        summary: Its description, which screen readers say.
        config: Colours and fonts.
        **parts: What is drawn.

    Returns:
        The spec.
    """
    return {"$schema": _SCHEMA, "description": summary, **parts, "config": dict(config)}


def label_of(name: str, *, empty: str = "(none)") -> str:
    """Write a name from outside so that it is only a name, and short enough for an axis.

    Args:
        name: Any text.
        empty: What stands for no name.

    Returns:
        Printable text of at most 48 characters.
    """
    # escapes take up to ten characters for one
    text = clean_text(name[: 2 * _LABEL_CHARACTERS]).strip() or empty
    return text if len(text) <= _LABEL_CHARACTERS else text[: _LABEL_CHARACTERS - 3] + "..."
