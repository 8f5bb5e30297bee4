"""Bars: a column by model or other subject, and how values are distributed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from modeltally.show.charts.chart import WIDTH, Chart, label_of, spec_of
from modeltally.show.charts.config import LIGHT
from modeltally.show.units import column_header, format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["bars_by_subject", "distribution"]

_BAR_HEIGHT: Final = 20
_LABEL_WIDTH: Final = 220
_FIGURE_WIDTH: Final = 90
_SHORT: Final = 3


def bars_by_subject(
    rows: Sequence[Mapping[str, Any]],
    *,
    column: str,
    subject: str,
    title: str,
    second: str | None = None,
    most: int = 15,
    config: Mapping[str, Any] = LIGHT,
    width: int = WIDTH,
) -> Chart:
    """Draw a column as a bar for each subject, the longest first, with its figure.

    Args:
        rows: Rows of a topic.
        column: The column of the bars' lengths; rows without a value are left out.
        subject: The column that names whose each is.
        title: What stands above it.
        second: A column that tells rows of one subject apart, such as ``currency``.
        most: How many bars there are at most.
        config: Colours and fonts.
        width: Of the whole, in pixels.

    Returns:
        The chart. Its summary says how many are not drawn.
    """
    known = [row for row in rows if isinstance(row[column], int | float)]
    ranked = sorted(known, key=lambda row: (-row[column], str(row[subject])))
    bars = [
        {
            "order": at,
            "name": _name(row, subject, second),
            "value": row[column],
            "figure": format_value(column, row[column]),
        }
        for at, row in enumerate(ranked[:most])
    ]
    leaders = "; ".join(f"{bar['name']} {bar['figure']}" for bar in bars[:3])
    summary = f"{title}, of {len(known):,}" + (f"; the most: {leaders}." if leaders else ".")
    if len(ranked) > most:
        summary += f" {len(ranked) - most:,} with less are not drawn."
    return Chart(
        name=f"{column}_by_{subject}",
        title=title,
        summary=summary,
        columns=tuple(dict.fromkeys((subject, *([second] if second else []), column))),
        rows=ranked,
        spec=spec_of(summary, config, **_figures(bars, width=width)),
    )


def distribution(
    rows: Sequence[Mapping[str, Any]],
    *,
    column: str,
    value: str,
    title: str,
    config: Mapping[str, Any] = LIGHT,
    width: int = WIDTH,
) -> Chart:
    """Draw how values are distributed: a bar for each, in the order of the rows.

    Args:
        rows: Rows of a topic, one for each value or range of values.
        column: The column of the bars' heights.
        value: The column that names the value.
        title: What stands above it.
        config: Colours and fonts.
        width: Of the plot, in pixels.

    Returns:
        The chart.
    """
    bars = [
        {
            "order": at,
            "name": label_of(format_value(value, row[value])),
            "value": row[column],
            "label": f"{label_of(format_value(value, row[value]))}: {format_value(column, row[column])}",
        }
        for at, row in enumerate(rows)
        if isinstance(row[column], int | float)
    ]
    what = column_header(column)
    summary = f"{what} by {column_header(value)}, {len(bars)} values"
    if bars:
        summary += f"; the most at {max(bars, key=lambda bar: bar['value'])['label']}"
    summary = summary[0].upper() + summary[1:] + "."
    return Chart(
        name=f"{column}_of_{value}",
        title=title,
        summary=summary,
        columns=(value, column),
        rows=rows,
        spec=spec_of(
            summary,
            config,
            width=width,
            height=150,
            data={"values": bars},
            mark={"type": "bar"},
            encoding={
                "x": {
                    "field": "order",
                    "type": "ordinal",
                    "axis": {
                        **_named_axis(bars, title=column_header(value)),
                        "labelAngle": 0 if all(len(bar["name"]) <= _SHORT for bar in bars) else -45,
                        "labelLimit": _LABEL_WIDTH / 2,
                        "labelOverlap": "greedy",
                    },
                },
                "y": {"field": "value", "type": "quantitative", "axis": {"title": what, "tickCount": 5}},
                "tooltip": {"field": "label", "type": "nominal"},
            },
        ),
    )


def _name(row: Mapping[str, Any], subject: str, second: str | None) -> str:
    name = label_of(str(row[subject]))
    return f"{name} ({label_of(str(row[second]))})" if second and row[second] else name


def _figures(bars: Sequence[Mapping[str, Any]], *, width: int) -> dict[str, Any]:
    """Lay bars out with a name before and a figure behind each; the figures take the axis' place."""
    longest = max((bar["value"] for bar in bars), default=0) or 1
    return {
        "width": max(width - _LABEL_WIDTH - _FIGURE_WIDTH, 80),
        "height": max(len(bars), 1) * _BAR_HEIGHT,
        "padding": {"left": 5, "top": 5, "bottom": 5, "right": _FIGURE_WIDTH},
        "autosize": {"type": "pad", "contains": "padding"},
        "data": {"values": list(bars)},
        "encoding": {
            # two names that are alike when shortened are still two
            "y": {
                "field": "order",
                "type": "ordinal",
                "axis": {**_named_axis(bars, title=None), "labelLimit": _LABEL_WIDTH, "ticks": False, "domain": False},
            },
            "x": {
                "field": "value",
                "type": "quantitative",
                "scale": {"domain": [0, longest], "nice": False},
                "axis": None,
            },
        },
        "layer": [
            {"mark": {"type": "bar", "height": {"band": 0.7}}},
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "clip": False},
                "encoding": {"text": {"field": "figure", "type": "nominal"}},
            },
        ],
    }


def _named_axis(bars: Sequence[Mapping[str, Any]], *, title: str | None) -> dict[str, Any]:
    """Write each bar's name at its place; in the expression names are ASCII literals, of which nothing is run."""
    names = json.dumps([bar["name"] for bar in bars], ensure_ascii=True)
    return {"title": title, "labelExpr": f"{names}[datum.value]"}
