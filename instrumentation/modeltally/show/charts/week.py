"""When use comes in a week: a grid of weekdays and hours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.show.charts.chart import WIDTH, Chart, spec_of
from modeltally.show.charts.config import LIGHT, OUTLINE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from modeltally.analytics.topics.over_time import HourOfWeekRow

__all__ = ["DAYS", "hours_of_week"]

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS: Final = range(24)
_ROW_HEIGHT: Final = 20


def hours_of_week(
    rows: Sequence[HourOfWeekRow],
    *,
    zone: str = "UTC",
    expected: Collection[tuple[int, int]] = (),
    config: Mapping[str, Any] = LIGHT,
    width: int = WIDTH,
) -> Chart:
    """Draw how much is used in each hour of the week; several subjects count together.

    Args:
        rows: Rows of the topic ``peaks``.
        zone: The zone of their days and hours.
        expected: Days (0 is Monday) and hours to outline: those that are expected to be busy.
        config: Colours and fonts.
        width: Of the plot, in pixels.

    Returns:
        The chart, with a cell for each of the 168 hours.
    """
    counts = {(day, hour): 0 for day in range(len(DAYS)) for hour in _HOURS}
    for row in rows:
        counts[row["day_of_week"], row["hour_of_day"]] += row["operations"]
    cells = [
        {
            "day": DAYS[day],
            "hour": f"{hour:02}",
            "operations": count,
            "is_expected": (day, hour) in expected,
            "label": f"{DAYS[day]} {hour:02}:00: {count:,}",
        }
        for (day, hour), count in counts.items()
    ]
    total = sum(counts.values())
    summary = f"{total:,} operations by weekday and hour ({zone})"
    if total:
        day, hour = max(counts, key=lambda key: counts[key])
        by_day = [sum(counts[at, each] for each in _HOURS) for at in range(len(DAYS))]
        summary += f"; most on {DAYS[day]} at {hour:02}:00: {counts[day, hour]:,}"
        summary += f"; the busiest day is {DAYS[by_day.index(max(by_day))]} with {max(by_day):,}"
    summary += "."
    shared = {
        "x": {
            "field": "hour",
            "type": "ordinal",
            "axis": {"title": f"hour ({zone})", "labelAngle": 0, "labelOverlap": "parity"},
        },
        "y": {"field": "day", "type": "ordinal", "sort": list(DAYS), "axis": {"title": None}},
    }
    layers: list[dict[str, Any]] = [
        {
            "mark": {"type": "rect", "strokeWidth": 0},
            "encoding": {
                "color": {
                    "field": "operations",
                    "type": "quantitative",
                    "scale": {"range": "heatmap", "domainMin": 0, "domainMax": max(1, *counts.values())},
                    "legend": {"orient": "right", "gradientLength": 110, "tickMinStep": 1, "tickCount": 4},
                },
                "tooltip": {"field": "label", "type": "nominal"},
            },
        }
    ]
    if expected:
        outlined = {"type": "rect", "filled": False, "style": OUTLINE}
        layers.append({"transform": [{"filter": "datum.is_expected"}], "mark": outlined})
        summary += f" {len(set(expected))} hours to come are outlined: they are expected to be busy."
    return Chart(
        name="hours_of_week",
        title="Hours of the week",
        summary=summary,
        columns=("day_of_week", "hour_of_day", "operations"),
        rows=rows,
        spec=spec_of(
            summary,
            config,
            width=width,
            height=_ROW_HEIGHT * len(DAYS),
            data={"values": cells},
            encoding=shared,
            layer=layers,
        ),
    )
