"""A line without axes, small enough for a cell of a table: as SVG by itself, or as a spec."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import quoteattr

from modeltally.show.charts.chart import spec_of
from modeltally.show.charts.config import LIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["sparkline_path", "sparkline_spec", "sparkline_svg"]

_MARGIN: Final = 1.5


def sparkline_path(values: Sequence[float | None], *, width: int = 120, height: int = 28) -> str:
    """Write a line as the ``d`` of an SVG path, from zero at the bottom to the largest value at the top.

    Args:
        values: The values, the oldest first; the line breaks where one is None or not finite.
        width: Pixels.
        height: Pixels.

    Returns:
        The path, empty where there is no value.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return ""
    low, high = min(0.0, *known), max(0.0, *known)
    span = (high - low) or 1.0
    step = (width - 2 * _MARGIN) / max(len(values) - 1, 1)
    path, is_down = [], False
    for at, value in enumerate(values):
        if value is None or not math.isfinite(value):
            is_down = False
            continue
        x = _MARGIN + at * step
        y = height - _MARGIN - (value - low) / span * (height - 2 * _MARGIN)
        path.append(f"{'L' if is_down else 'M'}{x:.1f},{y:.1f}")
        if not is_down:
            path.append("h0.01")  # so that one value alone is a dot
        is_down = True
    return "".join(path)


def sparkline_svg(values: Sequence[float | None], *, label: str, width: int = 120, height: int = 28) -> str:
    """Write a line as SVG to stand in HTML, in the colour of the text around it.

    Args:
        values: The values, the oldest first.
        label: Its text alternative.
        width: Pixels.
        height: Pixels.

    Returns:
        An ``<svg>`` with the class ``sparkline``.
    """
    path = sparkline_path(values, width=width, height=height)
    return (
        f'<svg class="sparkline" role="img" aria-label={_attribute(label)} width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}">'
        f'<path d="{path}" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"'
        ' stroke-linejoin="round"/></svg>'
    )


def sparkline_spec(
    values: Sequence[float | None],
    *,
    label: str,
    config: Mapping[str, Any] = LIGHT,
    width: int = 120,
    height: int = 28,
) -> dict[str, Any]:
    """Make a Vega-Lite spec of the same.

    Args:
        values: The values, the oldest first.
        label: Its text alternative.
        config: Colours and fonts.
        width: Pixels.
        height: Pixels.

    Returns:
        The spec.
    """
    points = [{"at": at, "value": value} for at, value in enumerate(values)]
    return spec_of(
        label,
        config,
        width=width,
        height=height,
        padding=1,
        data={"values": points},
        mark={"type": "area", "line": {"strokeWidth": 1.5}, "fillOpacity": 0.15},
        encoding={
            "x": {"field": "at", "type": "quantitative", "axis": None},
            "y": {"field": "value", "type": "quantitative", "axis": None},
        },
    )


def _attribute(text: str) -> str:
    """Quote a text as an attribute, printable characters only."""
    return quoteattr("".join(char if char.isprintable() else " " for char in text))
