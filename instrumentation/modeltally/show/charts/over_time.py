"""How use goes over time: bars of outcomes, or of subjects, over the lines of median and 95th percentile."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from modeltally.show.charts._time import Stretch, epoch_ms, moment_label, stretches_of, time_axis
from modeltally.show.charts.chart import WIDTH, Chart, label_of, spec_of
from modeltally.show.charts.config import LIGHT, OUTCOMES
from modeltally.show.units import format_value, scale_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.analytics.topics.over_time import StretchRow
    from modeltally.analytics.window import Window

__all__ = ["outcomes_over_time", "subjects_over_time"]

_OTHERS: Final = "others"
_QUANTILES: Final = {"p50_ms": "median", "p95_ms": "p95"}
_WORDS: Final = {name: name.replace("_", " ") for name in OUTCOMES}


def outcomes_over_time(
    rows: Sequence[StretchRow],
    *,
    window: Window,
    bucket: str,
    zone: str = "UTC",
    config: Mapping[str, Any] = LIGHT,
    width: int = WIDTH,
) -> Chart:
    """Draw operations by outcome as stacked bars, and below them how long they took, by the same hours or days.

    Args:
        rows: Rows of the topic ``time``, of one subject or of all together.
        window: The window asked about.
        bucket: How time is cut.
        zone: The zone in which days begin.
        config: Colours and fonts.
        width: Of the plots, in pixels.

    Returns:
        The chart. A stretch that is cut, or still fills, is drawn lighter.
    """
    stretches = stretches_of(rows, window=window, bucket=bucket, zone=zone)
    bars = _stacked(
        stretches,
        {name: [sum(row[name] for row in one.rows) for one in stretches] for name in OUTCOMES},
        words=_WORDS,
        bucket=bucket,
        zone=zone,
    )
    operations, failures = (sum(row[name] for row in rows) for name in ("operations", "failures"))
    busiest = max(stretches, key=lambda one: sum(row["operations"] for row in one.rows), default=None)
    summary = f"{operations:,} operations in {len(stretches)} {bucket}s ({zone}), {failures:,} of them failures"
    if busiest is not None and operations:
        most = sum(row["operations"] for row in busiest.rows)
        summary += f"; most on {moment_label(busiest.begin, bucket=bucket, zone=zone)}: {most:,}"
    quantiles = _quantile_points(stretches)
    scale = scale_of(point["value"] for point in quantiles)
    unit = scale.unit if scale is not None else "ms"
    for point in quantiles:
        point["label"] = f"{point['series']} {format_value('_ms', point['value'])}"
        if scale is not None and point["value"] is not None:
            point["value"] /= scale.milliseconds
    slowest = max((row["p95_ms"] for row in rows if row["p95_ms"] is not None), default=None)
    if slowest is not None:
        summary += f"; the highest p95 is {format_value('p95_ms', slowest)}"
    summary += "."
    x = _x(stretches, bucket=bucket, zone=zone)
    spec = spec_of(
        summary,
        config,
        spacing=8,
        vconcat=[
            _bars(bars, x, domain=[_WORDS[name] for name in OUTCOMES], colours="outcomes", title="operations")
            | {"width": width, "height": 180},
            _lines(quantiles, x, title=f"duration ({unit})") | {"width": width, "height": 110},
        ],
        resolve={"scale": {"color": "independent"}},
    )
    return Chart(
        name="outcomes_over_time",
        title="Operations by outcome, and how long they took",
        summary=summary,
        columns=("begin_at", "operations", *OUTCOMES, *_QUANTILES),
        rows=[row for one in stretches for row in one.rows],
        spec=spec,
    )


def subjects_over_time(
    rows: Sequence[StretchRow],
    *,
    window: Window,
    bucket: str,
    zone: str = "UTC",
    most: int = 8,
    config: Mapping[str, Any] = LIGHT,
    width: int = WIDTH,
) -> Chart:
    """Draw operations by subject as stacked bars: those with the most, and all others together.

    Args:
        rows: Rows of the topic ``time``, of several subjects.
        window: The window asked about.
        bucket: How time is cut.
        zone: The zone in which days begin.
        most: How many subjects are told apart.
        config: Colours and fonts.
        width: Of the plot, in pixels.

    Returns:
        The chart.
    """
    totals = Counter[str]()
    for row in rows:
        totals[row["subject"]] += row["operations"]
    ranked = sorted(totals, key=lambda name: (-totals[name], name))
    shown = ranked[:most]
    words: dict[str, str] = {}
    for at, name in enumerate(shown):
        label = label_of(name)
        # two names that are alike when shortened are still two
        words[f"s{at}"] = f"{label} ({at + 1})" if label in words.values() else label
    if len(ranked) > most:
        words[_OTHERS] = f"{len(ranked) - most} others"
    keys = {name: f"s{at}" for at, name in enumerate(shown)}
    stretches = stretches_of(rows, window=window, bucket=bucket, zone=zone)
    counts = {key: [0] * len(stretches) for key in words}
    for at, stretch in enumerate(stretches):
        for one in stretch.rows:
            counts[keys.get(one["subject"], _OTHERS)][at] += one["operations"]
    total = sum(totals.values())
    leaders = ", ".join(f"{label_of(name)} {totals[name]:,}" for name in shown[:3])
    summary = f"{total:,} operations of {len(ranked)} in {len(stretches)} {bucket}s ({zone})"
    summary += f"; the most: {leaders}." if leaders else "."
    return Chart(
        name="subjects_over_time",
        title="Operations over time, by whose they are",
        summary=summary,
        columns=("begin_at", "subject", "operations"),
        rows=[row for one in stretches for row in one.rows if row["operations"]],
        spec=spec_of(
            summary,
            config,
            width=width,
            height=200,
            **_bars(
                _stacked(stretches, counts, words=words, bucket=bucket, zone=zone),
                _x(stretches, bucket=bucket, zone=zone),
                domain=list(words.values()),
                colours="category",
                title="operations",
            ),
        ),
    )


def _stacked(
    stretches: Sequence[Stretch],
    counts: Mapping[str, Sequence[int]],
    *,
    words: Mapping[str, str],
    bucket: str,
    zone: str,
) -> list[dict[str, Any]]:
    """Pile the counts of each stretch up, in the order of the series."""
    bars = []
    for at, stretch in enumerate(stretches):
        low = 0
        when = moment_label(stretch.begin, bucket=bucket, zone=zone)
        for name, values in counts.items():
            count = values[at]
            if not count:
                continue
            bars.append(
                {
                    "begin": epoch_ms(stretch.begin),
                    "end": epoch_ms(stretch.end),
                    "series": words[name],
                    "low": low,
                    "high": low + count,
                    "is_partial": stretch.is_partial,
                    "label": f"{when}: {count:,} {words[name]}" + (", not whole" if stretch.is_partial else ""),
                }
            )
            low += count
    return bars


def _quantile_points(stretches: Sequence[Stretch]) -> list[dict[str, Any]]:
    return [
        {
            "at": (epoch_ms(one.begin) + epoch_ms(one.end)) / 2,
            "series": word,
            "value": row[name],
            "is_partial": one.is_partial,
        }
        for one in stretches
        for row in one.rows
        for name, word in _QUANTILES.items()  # where none is known the line breaks
    ]


def _x(stretches: Sequence[Stretch], *, bucket: str, zone: str) -> dict[str, Any]:
    ends = [epoch_ms(stretches[0].begin), epoch_ms(stretches[-1].end)] if stretches else [0, 1]
    return {
        "type": "quantitative",
        "scale": {"domain": ends, "nice": False, "zero": False},
        "axis": time_axis([one.begin for one in stretches], bucket=bucket, zone=zone),
    }


def _bars(
    bars: Sequence[Mapping[str, Any]], x: Mapping[str, Any], *, domain: Sequence[str], colours: str, title: str
) -> dict[str, Any]:
    return {
        "data": {"values": list(bars)},
        "mark": {"type": "rect", "xOffset": 0.5, "x2Offset": -0.5},
        "encoding": {
            "x": {"field": "begin", **x},
            "x2": {"field": "end"},
            "y": {"field": "low", "type": "quantitative", "axis": {"title": title, "tickMinStep": 1, "tickCount": 5}},
            "y2": {"field": "high"},
            "color": {
                "field": "series",
                "type": "nominal",
                "scale": {"domain": list(domain), "range": colours},
                "legend": {"columns": 6},
            },
            "opacity": {"condition": {"test": "datum.is_partial", "value": 0.45}, "value": 1},
            "tooltip": {"field": "label", "type": "nominal"},
        },
    }


def _lines(points: Sequence[Mapping[str, Any]], x: Mapping[str, Any], *, title: str) -> dict[str, Any]:
    encoding = {
        "x": {"field": "at", **x},
        "y": {"field": "value", "type": "quantitative", "axis": {"title": title, "tickCount": 4}},
        "color": {
            "field": "series",
            "type": "nominal",
            "scale": {"domain": list(_QUANTILES.values()), "range": "category"},
            "legend": {"symbolType": "stroke", "symbolStrokeWidth": 2},
        },
        "tooltip": {"field": "label", "type": "nominal"},
    }
    return {
        "data": {"values": list(points)},
        "encoding": encoding,
        "layer": [
            {
                "mark": {"type": "line", "strokeWidth": 1.8},
                "encoding": {
                    "strokeDash": {
                        "field": "series",
                        "type": "nominal",
                        "scale": {"domain": list(_QUANTILES.values()), "range": [[4, 2], [1, 0]]},
                        "legend": None,
                    }
                },
            },
            {
                "mark": {"type": "point", "filled": True, "size": 22},
                "encoding": {
                    "opacity": {"condition": {"test": "datum.is_partial", "value": 0.45}, "value": 1},
                },
            },
        ],
    }
