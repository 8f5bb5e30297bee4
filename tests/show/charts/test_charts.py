"""Charts say what the rows say, whatever the names in them are, and end where knowledge ends."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from modeltally.analytics.window import Window
from modeltally.errors import SettingError
from modeltally.show.charts import draw as drawing
from modeltally.show.charts.config import DARK, LIGHT, OUTCOMES, PATTERN_PREFIX
from modeltally.show.charts.draw import DrawingError, draw
from modeltally.show.charts.over_time import outcomes_over_time, subjects_over_time
from modeltally.show.charts.sparkline import sparkline_path, sparkline_spec, sparkline_svg
from modeltally.show.charts.subjects import bars_by_subject, distribution
from modeltally.show.charts.timeline import timeline_of_model
from modeltally.show.charts.week import hours_of_week

if TYPE_CHECKING:
    from modeltally.show.charts.chart import Chart

BEGIN = datetime(2026, 3, 27, 23, tzinfo=UTC)  # midnight in Berlin
UNTIL = BEGIN + timedelta(days=3, hours=5)
WINDOW = Window(BEGIN + timedelta(hours=7), UNTIL, UNTIL)
HOSTILE = [
    "<script>alert(1)</script>",
    '"];alert(1)//',
    "'+window+'",
    "#set text(fill: red)",
    "x" * 10_000,
    "\u202egnp.exe",
    "a\0b",
    "نموذج",
    "模型🎨",
    "",
    "\ud800",
    "]]>&amp;",
]


def stretch(at: datetime, subject: str = "", **figures: float | None) -> Any:
    """Make a row of the topic ``time``."""
    counts = {name: figures.get(name, 0) for name in OUTCOMES}
    operations = sum(int(count or 0) for count in counts.values())
    quantiles = {name: figures.get(name) for name in ("p50_ms", "p95_ms")}
    return {"subject": subject, "begin_at": at, "operations": operations, **counts, **quantiles}


DAYS = [  # the clocks go forward on the 29th: the days begin at 23, 23, 22, 22 in UTC
    stretch(BEGIN, successes=3, failures=1, p50_ms=100.0, p95_ms=1000.0),
    stretch(BEGIN + timedelta(days=1)),
    stretch(BEGIN + timedelta(days=2, hours=-1), successes=5, abandoned=2, p50_ms=2000.0, p95_ms=9000.0),
    stretch(BEGIN + timedelta(days=3, hours=-1), successes=1, p50_ms=2000.0, p95_ms=2000.0),
]


def all_charts(names: list[str], config: Any = LIGHT) -> list[Chart]:
    """Make each kind of chart, with names from outside."""
    rows = [stretch(BEGIN + timedelta(hours=at), name, successes=at + 1) for at, name in enumerate(names)]
    stay = {"loaded_at": BEGIN, "left_at": UNTIL, "closed_by": "open", "requests": 1}
    seconds = {"resident_seconds": 5.0, "busy_seconds": 1.0, "idle_seconds": 4.0}
    stays: list[Any] = [{"model": "m", "device": name, **stay, **seconds} for name in names]
    sizes = [{"model": name, "size_bytes": at * 1024} for at, name in enumerate(names)]
    hours: list[Any] = [{"subject": "", "day_of_week": 6, "hour_of_day": 23, "operations": 4}]
    return [
        outcomes_over_time(DAYS, window=WINDOW, bucket="day", zone="Europe/Berlin", config=config),
        subjects_over_time(rows, window=WINDOW, bucket="hour", config=config),
        hours_of_week(hours, expected={(6, 23)}, config=config),
        bars_by_subject(sizes, column="size_bytes", subject="model", title="Storage", config=config),
        distribution(sizes, column="size_bytes", value="model", title="Sizes", config=config),
        timeline_of_model(stays=stays, requests=DAYS, downloads=DAYS[:1], window=WINDOW, bucket="day", config=config),
    ]


def test_outcomes_are_piled_up_and_add_up() -> None:
    """A day's bars stand on each other up to its operations; what the window cuts is marked; quantiles are scaled."""
    chart = outcomes_over_time(DAYS, window=WINDOW, bucket="day", zone="Europe/Berlin")
    bars, lines = chart.spec["vconcat"]
    tops: dict[int, int] = {}
    for bar in bars["data"]["values"]:
        assert bar["low"] == tops.get(bar["begin"], 0)
        tops[bar["begin"]] = bar["high"]
    assert list(tops.values()) == [4, 7, 1]
    assert [bar["is_partial"] for bar in bars["data"]["values"]] == [True, True, False, False, True]
    assert bars["encoding"]["x"]["scale"]["domain"][1] == UNTIL.timestamp() * 1000
    assert [point["value"] for point in lines["data"]["values"]] == [0.1, 1.0, None, None, 2.0, 9.0, 2.0, 2.0]
    assert lines["encoding"]["y"]["axis"]["title"] == "duration (s)"
    assert chart.summary == (
        "12 operations in 4 days (Europe/Berlin), 1 of them failures; most on 2026-03-30: 7; the highest p95 is 9 s."
    )
    labels = bars["encoding"]["x"]["axis"]["labelExpr"]
    assert re.findall(r"\d+ Mar", labels) == ["28 Mar", "29 Mar", "30 Mar", "31 Mar"]


def test_nothing_is_drawn_beyond_what_is_known() -> None:
    """A chart ends at the time of the answer: later stretches are left out and the one that fills ends there."""
    as_of = BEGIN + timedelta(days=2, hours=3)
    chart = outcomes_over_time(DAYS, window=Window(BEGIN, UNTIL, as_of), bucket="day", zone="Europe/Berlin")
    bars = chart.spec["vconcat"][0]["data"]["values"]
    assert max(bar["end"] for bar in bars) == as_of.timestamp() * 1000
    assert [row["begin_at"] for row in chart.rows] == [row["begin_at"] for row in DAYS[:3]]


@pytest.mark.parametrize(
    ("bucket", "zone", "begin", "end"),
    [
        ("hour", "Europe/Berlin", "2026-03-29T00:00Z", "2026-03-29T01:00Z"),
        ("day", "Europe/Berlin", "2026-03-28T23:00Z", "2026-03-29T22:00Z"),
        ("week", "America/New_York", "2026-03-02T05:00Z", "2026-03-09T04:00Z"),
        ("month", "UTC", "2026-12-01T00:00Z", "2027-01-01T00:00Z"),
    ],
)
def test_a_stretch_is_as_long_as_it_is_in_its_zone(bucket: str, zone: str, begin: str, end: str) -> None:
    """The last stretch ends where the next would begin, also where clocks change."""
    at = datetime.fromisoformat(begin)
    later = at + timedelta(days=90)
    chart = outcomes_over_time([stretch(at, successes=1)], window=Window(at, later, later), bucket=bucket, zone=zone)
    (bar,) = chart.spec["vconcat"][0]["data"]["values"]
    assert bar["end"] == datetime.fromisoformat(end).timestamp() * 1000
    assert not bar["is_partial"]


def test_only_so_many_subjects_are_told_apart() -> None:
    """Beyond the most there are others, which keep the sum; names that look alike when short stay two."""
    rows = [stretch(BEGIN, "x" * 100 + str(at), successes=10 - at) for at in range(10)]
    chart = subjects_over_time(rows, window=WINDOW, bucket="day", most=3)
    bars = chart.spec["data"]["values"]
    assert [bar["high"] - bar["low"] for bar in bars] == [10, 9, 8, 28]
    assert bars[-1]["series"] == "7 others"
    assert len({bar["series"] for bar in bars}) == 4


def test_the_grid_has_every_hour_of_the_week() -> None:
    """Each of the 168 hours has a cell, subjects count together, and the busiest is said."""
    rows: list[Any] = [{"subject": name, "day_of_week": 2, "hour_of_day": 9, "operations": 3} for name in ("a", "b")]
    chart = hours_of_week(rows, zone="Asia/Kolkata")
    cells = chart.spec["data"]["values"]
    assert len(cells) == 168
    assert sum(cell["operations"] for cell in cells) == 6
    assert "most on Wed at 09:00: 6" in chart.summary
    assert "Asia/Kolkata" in chart.summary


def test_bars_are_ranked_and_say_who_is_left_out() -> None:
    """The longest comes first with its figure in its unit; rows without a value are none; the rest is counted."""
    rows = [{"model": f"m{at}", "size_bytes": at * 1024 if at else None} for at in range(5)]
    chart = bars_by_subject(rows, column="size_bytes", subject="model", title="Storage", most=2)
    assert [(bar["name"], bar["figure"]) for bar in chart.spec["data"]["values"]] == [("m4", "4 KiB"), ("m3", "3 KiB")]
    assert chart.summary == "Storage, of 4; the most: m4 4 KiB; m3 3 KiB. 2 with less are not drawn."


def test_a_timeline_has_a_lane_for_each_device() -> None:
    """Stays are drawn by device and within the window; what still lasts is lighter."""
    chart = all_charts(["cuda:0", "cuda:1"])[5]
    bars = chart.spec["data"]["values"]
    assert {bar["lane"] for bar in bars} == {
        "loaded: cuda:0",
        "loaded: cuda:1",
        "requests",
        "failures",
        "downloads",
    }
    loaded = next(bar for bar in bars if bar["what"] == "loaded")
    assert (loaded["begin"], loaded["is_partial"]) == (WINDOW.since.timestamp() * 1000, True)


def test_a_sparkline_breaks_where_nothing_is_known() -> None:
    """The path goes from zero to the most, breaks at gaps, and its label cannot leave its attribute."""
    assert sparkline_path([0, None, 10], width=103, height=23) == "M1.5,21.5h0.01M101.5,1.5h0.01"
    assert sparkline_path([]) == sparkline_path([None, float("nan")]) == ""
    svg = ET.fromstring(sparkline_svg([1, 2, 3], label='"><script>\0'))  # noqa: S314 - our own
    assert svg.attrib["aria-label"] == '"><script> '
    assert len(sparkline_spec([1, None], label="two")["data"]["values"]) == 2


def test_charts_of_nothing_are_charts() -> None:
    """Without rows there is still a spec, and a summary that says so."""
    window = WINDOW
    charts = [
        outcomes_over_time([], window=window, bucket="day"),
        subjects_over_time([], window=window, bucket="day"),
        hours_of_week([]),
        bars_by_subject([], column="size_bytes", subject="model", title="Storage"),
        distribution([], column="operations", value="value", title="Values"),
        timeline_of_model(stays=[], requests=[], downloads=[], window=window, bucket="day"),
    ]
    for chart in charts:
        assert chart.summary
        assert json.loads(json.dumps(chart.spec))["description"]
    assert len(draw([chart.spec for chart in charts])) == len(charts)


def test_pictures_are_whole_and_hold_names_as_text() -> None:
    """Hostile names become text of an SVG that has an alternative, its patterns, no script and no link."""
    charts = all_charts(HOSTILE)
    pictures = draw([chart.spec for chart in charts])
    for chart, picture in zip(charts, pictures, strict=True):
        root = ET.fromstring(picture)  # noqa: S314 - our own
        assert (root.attrib["role"], root.attrib["aria-label"]) == ("img", chart.summary)
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert not tags & {"script", "foreignObject", "a", "image", "use"}
        assert not any(name.startswith("on") for element in root.iter() for name in element.attrib)
    text = pictures[3].decode()
    assert "&lt;script&gt;alert(1)" in text
    assert "نموذج" in text
    assert "\\u202e" in text
    (first, *_) = pictures
    used = set(re.findall(rf"url\(#({PATTERN_PREFIX}\w+)\)", first.decode()))
    assert used
    assert used <= set(re.findall(rf'id="({PATTERN_PREFIX}\w+)"', first.decode()))


def test_a_png_is_one() -> None:
    """The same spec gives a PNG, in other colours."""
    (picture,) = draw([all_charts(["m"], DARK)[0].spec], format_name="png")
    assert picture.startswith(b"\x89PNG")


def test_drawing_is_bounded_and_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A renderer that takes too long is ended, one that fails is quoted, and one that is missing is named."""
    spec = all_charts(["m"])[0].spec
    with pytest.raises(DrawingError, match="took longer than 0 s"):
        draw([spec], timeout_seconds=0.05)
    with pytest.raises(DrawingError, match=r"drawing failed \(1\): "):
        draw([{"config": {}, "mark": 5}])
    monkeypatch.setattr(drawing, "find_spec", lambda _: None)
    with pytest.raises(SettingError, match=r"pip install 'modeltally\[report\]'"):
        draw([spec])
    assert draw([]) == []
