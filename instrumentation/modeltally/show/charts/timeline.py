"""What happened to one model: when it was in memory, when it was downloaded, asked, and failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from modeltally.show.charts._time import epoch_ms, moment_label, stretches_of, time_axis
from modeltally.show.charts.chart import WIDTH, Chart, label_of, spec_of
from modeltally.show.charts.config import LIGHT
from modeltally.show.units import format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.analytics.topics.lifecycle import StayRow
    from modeltally.analytics.topics.over_time import StretchRow
    from modeltally.analytics.window import Window

__all__ = ["timeline_of_model"]

_LANE_HEIGHT: Final = 24
_LOADED: Final = "loaded"


def timeline_of_model(
    *,
    stays: Sequence[StayRow],
    requests: Sequence[StretchRow],
    downloads: Sequence[StretchRow],
    window: Window,
    bucket: str,
    zone: str = "UTC",
    config: Mapping[str, Any] = LIGHT,
    width: int = WIDTH,
) -> Chart:
    """Draw a model's time in lanes: one for each device it was loaded on, one each for requests, failures, downloads.

    Args:
        stays: Its rows of the topic ``stays``.
        requests: Its rows of the topic ``time``.
        downloads: The same for the operation ``model.download``.
        window: The window asked about.
        bucket: How time is cut in the rows of ``time``.
        zone: The zone in which days begin.
        config: Colours and fonts.
        width: Of the plot, in pixels.

    Returns:
        The chart; what still lasts ends at the time of the answer and is drawn lighter. Its table has a row for each
        bar.
    """
    known_until = min(window.until, window.as_of)
    bars = [
        _bar(
            f"{_LOADED}: {label_of(stay['device'], empty='device unknown')}",
            _LOADED,
            max(stay["loaded_at"], window.since),
            min(stay["left_at"], known_until),
            f"{stay['requests']:,} requests, busy {format_value('_seconds', stay['busy_seconds'])}"
            f" of {format_value('_seconds', stay['resident_seconds'])}, ended by {stay['closed_by']}",
            lasts=stay["closed_by"] == "open",
        )
        for stay in stays
        if stay["loaded_at"] < known_until and stay["left_at"] >= window.since
    ]
    counted: tuple[tuple[str, Sequence[Mapping[str, Any]], str], ...] = (
        ("requests", requests, "operations"),
        ("failures", requests, "failures"),
        ("downloads", downloads, "operations"),
    )
    begins = set()
    for lane, rows, column in counted:
        for one in stretches_of(rows, window=window, bucket=bucket, zone=zone):
            begins.add(one.begin)
            count = sum(row[column] for row in one.rows)
            if count:
                when = moment_label(one.begin, bucket=bucket, zone=zone)
                bars.append(_bar(lane, lane, one.begin, one.end, f"{when}: {count:,} {lane}", lasts=one.is_partial))
    lanes = [*dict.fromkeys(bar["lane"] for bar in bars if bar["what"] == _LOADED), *(lane for lane, _, _ in counted)]
    asked, failed, fetched = (sum(row[column] for row in rows) for _, rows, column in counted)
    in_memory = sum(stay["resident_seconds"] for stay in stays)
    summary = (
        f"{asked:,} requests, {failed:,} of them failures, {fetched:,} downloads;"
        f" {len(stays):,} stays in memory, {format_value('_seconds', in_memory)} together ({zone})."
    )
    # a stretch that the window cuts is drawn whole
    ends = [epoch_ms(min([window.since, *begins])), epoch_ms(known_until)]
    return Chart(
        name="timeline_of_model",
        title="What happened",
        summary=summary,
        columns=("lane", "begin_at", "end_at", "label"),
        rows=[{name: bar[name] for name in ("lane", "begin_at", "end_at", "label")} for bar in bars],
        spec=spec_of(
            summary,
            config,
            width=width,
            height=_LANE_HEIGHT * len(lanes),
            data={
                "values": [
                    {name: bar[name] for name in ("lane", "what", "label", "is_partial")}
                    | {"begin": epoch_ms(bar["begin_at"]), "end": epoch_ms(bar["end_at"])}
                    for bar in bars
                ]
            },
            mark={"type": "rect", "height": {"band": 0.6}, "cornerRadius": 1, "minBandSize": 2},
            encoding={
                "x": {
                    "field": "begin",
                    "type": "quantitative",
                    "scale": {"domain": ends, "nice": False, "zero": False},
                    "axis": time_axis(sorted(begins), bucket=bucket, zone=zone),
                },
                "x2": {"field": "end"},
                "y": {
                    "field": "lane",
                    "type": "nominal",
                    "scale": {"domain": lanes},
                    "sort": None,
                    "axis": {"title": None, "labelLimit": 180, "grid": True, "tickBand": "extent"},
                },
                "color": {
                    "field": "what",
                    "type": "nominal",
                    "scale": {"domain": ["requests", "failures", "downloads", _LOADED], "range": "category"},
                    "legend": None,
                },
                "opacity": {"condition": {"test": "datum.is_partial", "value": 0.5}, "value": 1},
                "tooltip": {"field": "label", "type": "nominal"},
            },
        ),
    )


def _bar(lane: str, what: str, begin: Any, end: Any, label: str, *, lasts: bool) -> dict[str, Any]:
    return {"lane": lane, "what": what, "begin_at": begin, "end_at": end, "label": label, "is_partial": lasts}
