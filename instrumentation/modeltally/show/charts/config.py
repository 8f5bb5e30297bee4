"""How charts look: colours by name, so that one spec serves light, dark and print.

Specs name three ranges: ``outcomes`` in the order of :data:`OUTCOMES`, ``category`` for lines and other series, and
``heatmap`` from little to much. Outcomes differ by a pattern as well as by colour, for who cannot tell the colours
apart: a colour there may be ``url(#id) #colour``, of which the second counts where the pattern is not defined.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "DARK",
    "LIGHT",
    "OUTCOMES",
    "OUTLINE",
    "PATTERN_PREFIX",
    "chart_config",
    "outcome_fills",
    "pattern_definitions",
]

# in the order in which they are stacked, from below
OUTCOMES: Final = ("successes", "partial_successes", "cancelled", "in_flight", "abandoned", "failures")
PATTERN_PREFIX: Final = "modeltally-pattern-"
OUTLINE: Final = "modeltally-outline"

# the lines drawn over the colour in a tile of 6 by 6; successes have none
_STROKES: Final = {
    "partial_successes": "M0,3H6",
    "in_flight": "M3,0V6",
    "abandoned": "M1,1h1.5v1.5h-1.5zM4,4h1.5v1.5h-1.5z",
    "failures": "M-1,1l2,-2M0,6l6,-6M5,7l2,-2",
}


def chart_config(
    *,
    text: str,
    muted: str,
    grid: str,
    accent: str,
    outcomes: Sequence[str],
    category: Sequence[str],
    heatmap: Sequence[str],
    font: str = "system-ui, sans-serif",
) -> dict[str, Any]:
    """Make a configuration from colours; each may be anything that CSS takes for one.

    Args:
        text: What is written.
        muted: Labels, and what frames.
        grid: Lines behind the marks.
        accent: Marks of a single colour.
        outcomes: One for each of :data:`OUTCOMES`.
        category: Series, the first for the most important.
        heatmap: From little to much, two or more.
        font: The family.

    Returns:
        What goes under ``config`` of a spec.
    """
    return {
        "background": None,
        "font": font,
        "range": {"outcomes": list(outcomes), "category": list(category), "heatmap": list(heatmap)},
        "view": {"stroke": None},
        # the description of the whole says it, the table beside it has each figure
        "mark": {"color": accent, "aria": False},
        "text": {"color": text, "fontSize": 11},
        "rule": {"color": muted},
        "style": {OUTLINE: {"stroke": text, "strokeWidth": 2}},
        "axis": {
            "aria": False,
            "domainColor": grid,
            "gridColor": grid,
            "labelColor": muted,
            "labelFontSize": 11,
            "tickColor": grid,
            "titleColor": muted,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
        },
        "legend": {
            "aria": False,
            "columnPadding": 16,
            "labelColor": text,
            "labelFontSize": 11,
            "orient": "top",
            "symbolType": "square",
            "title": None,
        },
        "title": {"aria": False, "color": text},
    }


def outcome_fills(colours: Sequence[str], *, scheme: str = "") -> list[str]:
    """Give each outcome its pattern, and its colour where patterns are not defined.

    Args:
        colours: One for each of :data:`OUTCOMES`.
        scheme: Names patterns apart from those of other colours in the same page.
    """
    return [
        f"url(#{PATTERN_PREFIX}{scheme}{name}) {colour}" if name in _STROKES else colour
        for name, colour in zip(OUTCOMES, colours, strict=True)
    ]


def pattern_definitions(config: Mapping[str, Any]) -> str:
    """Write the patterns as SVG, to stand once in a page or a picture: ``<defs>...</defs>``.

    Args:
        config: Whose fills of outcomes :func:`outcome_fills` made.
    """
    fills = [str(fill).removeprefix("url(#").partition(") ") for fill in config["range"]["outcomes"]]
    tiles = "".join(
        f'<pattern id="{identity}" width="6" height="6" patternUnits="userSpaceOnUse">'
        f'<rect width="6" height="6" fill="{colour}"/>'
        f'<path d="{_STROKES[name]}" stroke="#ffffff" stroke-opacity="0.55" stroke-width="1.2" fill="none"/></pattern>'
        for name, (identity, _, colour) in zip(OUTCOMES, fills, strict=True)
        if colour
    )
    return f"<defs>{tiles}</defs>"


LIGHT: Final = chart_config(
    text="#1c2024",
    muted="#565d64",
    grid="#dfe3e6",
    accent="#2a6fb0",
    outcomes=outcome_fills(["#3f8f5f", "#8a9a2e", "#9aa3ab", "#5b9bd5", "#8d6bb0", "#c0392b"]),
    category=["#2a6fb0", "#c2570c", "#3f8f5f", "#8d6bb0", "#a0522d", "#0f8b8d", "#b5467c", "#6b7280", "#b8a11a"],
    heatmap=["#eef4fa", "#9cc3e4", "#2a6fb0", "#0b3a66"],
)
DARK: Final = chart_config(
    text="#e6e9ec",
    muted="#a4adb5",
    grid="#363d44",
    accent="#6cb0ee",
    outcomes=outcome_fills(["#58b481", "#b3c44f", "#7d868e", "#7fbaf0", "#b594d8", "#ec6a5c"], scheme="dark-"),
    category=["#6cb0ee", "#f0934a", "#58b481", "#b594d8", "#d39a72", "#4cc2c4", "#e084b2", "#9aa3ab", "#dcc84f"],
    heatmap=["#20272e", "#27506f", "#4a92d0", "#c4e2fb"],
)
