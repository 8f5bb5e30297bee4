"""What policies came to in a backtest, drawn: a chart for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.show.charts.chart import WIDTH, Chart, label_of, spec_of
from modeltally.show.charts.config import LIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["backtest_chart"]

_BAR_HEIGHT: Final = 14
_HEIGHT: Final = 360


def backtest_chart(kind: str, rows: Sequence[Mapping[str, Any]], *, config: Mapping[str, Any] = LIGHT) -> Chart:
    """Draw what policies came to.

    Args:
        kind: ``keep``, ``keepalive``, ``chance`` or ``cleanup``.
        rows: The figures, as the command gives them in JSON.
        config: Colours and fonts.

    Returns:
        The chart.
    """
    named = [{**row, "policy": label_of(str(row["policy"]))} for row in rows]
    draw = {"keep": _keep, "keepalive": _keep_alive, "chance": _chance, "cleanup": _cleanup}[kind]
    return draw(named, config)


def _keep(rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> Chart:
    """Bars of cold starts, a group for each policy, in it one for each number of slots."""
    bars = [{**_only(row, "policy", "slots", "cold_starts"), "slots": f"{row['slots']} slots"} for row in rows]
    best = min(rows, key=lambda row: row["cold_starts"], default=None)
    fewest = f"; the fewest by {best['policy']} with {best['slots']} slots, {best['cold_starts']:,}" if best else ""
    slots = list(dict.fromkeys(bar["slots"] for bar in bars))
    policies = list(dict.fromkeys(bar["policy"] for bar in bars))
    y = {"field": "policy", "type": "nominal", "sort": policies, "title": None}
    x = {"field": "cold_starts", "type": "quantitative", "title": "cold starts"}
    offset = {"field": "slots", "sort": slots}
    color = {"field": "slots", "type": "nominal", "sort": slots, "title": None}
    encoding = {"y": y, "x": x, "yOffset": offset}
    layers = [
        {"mark": "bar", "encoding": {"color": color}},
        {"mark": {"type": "text", "align": "left", "dx": 3}, "encoding": {"text": {**x, "format": ","}}},
    ]
    return _chart(
        "Cold starts by policy",
        f"Cold starts of {len({row['policy'] for row in rows})} policies{fewest}.",
        ("policy", "slots", "cold_starts"),
        rows,
        config,
        data={"values": bars},
        height={"step": _BAR_HEIGHT},
        encoding=encoding,
        layer=layers,
    )


def _keep_alive(rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> Chart:
    """Cold starts over warm hours: fixed times as a line, all others as points with their names."""
    drawn = [row for row in rows if row["cold_starts"] > 0 and row["warm_hours"] > 0]  # as logarithms can show
    points = [
        {**_only(row, "policy", "cold_starts", "warm_hours"), "is_fixed": row["policy"].startswith("fixed_")}
        for row in drawn
    ]
    scale = {"type": "log", "nice": False, "padding": 20}
    encoding = {
        "x": {"field": "warm_hours", "type": "quantitative", "scale": scale, "title": "warm hours"},
        "y": {"field": "cold_starts", "type": "quantitative", "scale": scale, "title": "cold starts"},
    }
    name = {"text": {"field": "policy", "type": "nominal"}}
    layers = [
        {"mark": {"type": "line", "point": True}, "transform": [{"filter": "datum.is_fixed"}]},
        {"mark": {"type": "point", "filled": True, "size": 60}, "transform": [{"filter": "!datum.is_fixed"}]},
        # names stand on the side that the line is not on
        {
            "mark": {"type": "text", "align": "left", "dx": 6, "dy": -6},
            "transform": [{"filter": "datum.is_fixed"}],
            "encoding": name,
        },
        {
            "mark": {"type": "text", "align": "right", "dx": -6, "dy": 8},
            "transform": [{"filter": "!datum.is_fixed"}],
            "encoding": name,
        },
    ]
    return _chart(
        "Cold starts over warm hours",
        f"Cold starts and warm hours of {len(drawn)} policies; the line joins fixed times, and below it is better.",
        ("policy", "cold_starts", "warm_hours"),
        drawn,
        config,
        data={"values": points},
        height=_HEIGHT,
        encoding=encoding,
        layer=layers,
    )


def _chance(rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> Chart:
    """What came over what was said; on the diagonal they are the same."""
    points = [
        {"policy": row["policy"], "said": one["said"], "came": one["came"], "questions": one["questions"]}
        for row in rows
        for one in row["bins"]
    ]
    scale = {"domain": [0, 1]}
    percent = {"format": "%"}
    encoding = {
        "x": {"field": "said", "type": "quantitative", "scale": scale, "axis": percent, "title": "said"},
        "y": {"field": "came", "type": "quantitative", "scale": scale, "axis": percent, "title": "came"},
    }
    layers = [
        {
            "data": {"values": [{"said": 0, "came": 0}, {"said": 1, "came": 1}]},
            "mark": {"type": "line", "strokeDash": [4, 4], "opacity": 0.5},
        },
        {
            "data": {"values": points},
            "mark": {"type": "line", "point": True},
            "encoding": {"color": {"field": "policy", "type": "nominal", "title": None}},
        },
    ]
    return _chart(
        "What was said, and what came",
        f"How often a use came by what was said, of {len(rows)} policies; on the dashed line both are the same.",
        ("policy", "said", "came", "questions"),
        points,
        config,
        height=_HEIGHT,
        encoding=encoding,
        layer=layers,
    )


def _cleanup(rows: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> Chart:
    """The share of what was named that stayed unused for 90 days, by the day on which it was named."""
    drawn = [row for row in rows if row["unused_90"] is not None]
    encoding = {
        "x": {"field": "watched_days", "type": "quantitative", "title": "watched days", "scale": {"zero": False}},
        "y": {
            "field": "unused_90",
            "type": "quantitative",
            "axis": {"format": "%"},
            "scale": {"zero": False},
            "title": "unused for 90 days, of what was named",
        },
        "color": {"field": "policy", "type": "nominal", "title": None},
    }
    points = [_only(row, "policy", "watched_days", "unused_90") for row in drawn]
    return _chart(
        "What was named and stayed unused",
        f"The share of named models that nobody used within 90 days, of {len({row['policy'] for row in rows})} rules.",
        ("policy", "watched_days", "named", "unused_90"),
        drawn,
        config,
        data={"values": points},
        height=_HEIGHT,
        encoding=encoding,
        mark={"type": "line", "point": True},
    )


def _chart(
    title: str,
    summary: str,
    columns: tuple[str, ...],
    rows: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    **parts: Any,
) -> Chart:
    return Chart(
        name="backtest",
        title=title,
        summary=summary,
        columns=columns,
        rows=rows,
        spec=spec_of(summary, config, title=title, width=WIDTH, **parts),
    )


def _only(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}
