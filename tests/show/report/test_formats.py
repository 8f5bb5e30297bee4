"""A report has the same figures in each of its formats, and names from outside stay names."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.analytics.plain import plain
from modeltally.analytics.rows import Column, Unit
from modeltally.analytics.topics.over_time import TIME
from modeltally.analytics.window import Window
from modeltally.errors import InputError, SettingError, UnknownNameError
from modeltally.settings.record import REPORT_FORMATS, REPORT_NAMES
from modeltally.show.charts.subjects import bars_by_subject
from modeltally.show.report import html, pdf
from modeltally.show.report.formats import FORMATS, format_named
from modeltally.show.report.html import write_html
from modeltally.show.report.kinds import REPORTS, kind_named, make_report
from modeltally.show.report.model import Report, Section
from modeltally.show.report.parts import bucket_for, from_topic
from modeltally.show.report.pdf import write_pdf
from show.report.read_back import (
    expected,
    from_csv,
    from_html,
    from_json,
    from_markdown,
    pdf_text,
    poppler,
    without_space,
)

if TYPE_CHECKING:
    from pathlib import Path

    from modeltally.show.report.parts import Asked

needs_poppler = pytest.mark.skipif(
    shutil.which("pdftotext") is None, reason="apt-get install poppler-utils brings what reads a PDF"
)
AT = datetime(2026, 3, 8, tzinfo=UTC)
HOSTILE = [
    "<script>alert(1)</script>",
    "</title></style><img src=x onerror=alert(1)>",
    '#set page(fill: red); #panic("x") $x$ @cite <label>',
    "[a](javascript:alert(1)) ![b](http://example.org/b.png) `c` **d** | e",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "نموذج عربي",
    "模型🎨",
    "a\0b\r\nc",
    "\u202egnp.exe",
    "\ud800",
    "x" * 10_000,
    "",
]


def hostile_report(names: list[str] = HOSTILE) -> Report:
    """Make a report of names from outside, with a chart of them."""
    rows = [{"model": name, "size_bytes": (at + 1) * 1024} for at, name in enumerate(names)]
    columns = (
        Column("model", str, is_nullable=False, unit=Unit.TEXT, sentence="The model."),
        Column("size_bytes", int, is_nullable=False, unit=Unit.BYTES, sentence="Its size."),
    )
    section = Section(
        name="sizes",
        title="Sizes",
        text=(names[0],),
        columns=columns,
        shown=("model", "size_bytes"),
        rows=rows,
        chart=bars_by_subject(rows, column="size_bytes", subject="model", title="Sizes"),
    )
    return Report(
        name="storage",
        title="Storage",
        sentence="What models take.",
        generated_at=AT,
        window=Window(AT, AT, AT),
        zone="UTC",
        sections=(section,),
    )


@pytest.fixture(scope="module")
def pdfs(reports: dict[str, Report]) -> dict[str, bytes]:
    """Set the two reports with the most in them once."""
    return {name: write_pdf(reports[name]) for name in ("usage", "advice")}


@pytest.mark.slow(seconds=20, why="every report in every format")
@pytest.mark.parametrize("name", REPORTS)
def test_four_formats_have_the_same_figures(name: str, reports: dict[str, Report]) -> None:
    """JSON and CSV hold every column exactly; Markdown and HTML what people see, each cell the same."""
    report = reports[name]
    in_json = from_json(FORMATS["json"].write(report))
    in_csv = from_csv(FORMATS["csv"].write(report))
    in_markdown = from_markdown(FORMATS["md"].write(report))
    in_html = from_html(FORMATS["html"].write(report)).tables
    assert any(section.rows for section in report.sections)
    for section in report.sections:
        exact: list[Any] = [plain(row) for row in section.rows]
        assert in_json[section.name] == exact
        lines = in_csv.get(section.name, [])
        assert len(lines) == len(exact)
        for line, row in zip(lines, exact, strict=True):
            assert {key: _from_csv(line[key], value) for key, value in row.items()} == row
        assert in_markdown[section.title] == in_html[section.title] == expected(section, report.zone)


def _from_csv(text: str, value: object) -> object:
    """Read a cell as the type of what it should be."""
    if value is None or isinstance(value, dict | list | bool | int | float):
        return json.loads(text) if text else None
    return text


@needs_poppler
@pytest.mark.parametrize("name", ["usage", "advice"])
def test_a_pdf_has_the_same_figures(
    name: str, reports: dict[str, Report], pdfs: dict[str, bytes], tmp_path: Path
) -> None:
    """Each row of each table stands in the PDF, in its order, below the section's title."""
    text = pdf_text(pdfs[name], tmp_path)
    at = 0
    for section in reports[name].sections:
        at = text.index(without_space(section.title), at)
        for row in expected(section, reports[name].zone):
            line = without_space("".join(row))
            assert line in text[at:], (section.name, row)
            at = text.index(line, at)


@needs_poppler
def test_a_pdf_is_whole_for_those_who_do_not_see_it(pdfs: dict[str, bytes], tmp_path: Path) -> None:
    """Fonts are in the file, charts have their summary as alternative, and it says that it follows PDF/UA-1."""
    path = tmp_path / "usage.pdf"
    path.write_bytes(pdfs["usage"])
    fonts = poppler("pdffonts", str(path)).splitlines()[2:]
    assert fonts
    assert all(re.search(r" yes (yes|no)  ?(yes|no) ", font) for font in fonts)
    information = poppler("pdfinfo", str(path))
    assert re.search(r"Tagged: +yes", information)
    assert re.search(r"Title: +Usage of all models", information)
    assert re.search(r"CreationDate: .*2026", information)
    tree = poppler("pdfinfo", "-struct", str(path))
    assert {"Figure", "Table", "TH", "H1", "H2"} <= set(re.findall(r"\b(Figure|Table|TH|H1|H2)\b", tree))
    assert b"pdfuaid:part>1<" in path.read_bytes()
    alternatives = re.findall(rb"/Alt ?\(", path.read_bytes())
    assert alternatives


def test_a_report_says_what_it_rests_on(reports: dict[str, Report]) -> None:
    """The time, the window and its zone are in each format, and each section of a topic has its trust."""
    report = reports["usage"]
    whole = report.to_dict()
    assert (whole["generated_at"], whole["zone"]) == ("2026-03-08T06:30:00Z", "Europe/Berlin")
    assert whole["window"]["until"] == "2026-03-08T00:00:00Z"
    trust = next(section["trust"] for section in whole["sections"] if section["name"] == "models")
    assert (trust["n"], trust["coverage"]) == (92, "exact")
    for name in ("md", "html"):
        text = FORMATS[name].write(report).decode()
        assert "Made 2026-03-08 07:30" in text
        assert "times and days are in Europe" in text
        assert "Rests on: coverage exact" in text


def test_the_window_is_compared_with_the_one_before(reports: dict[str, Report]) -> None:
    """The overview has both, and says in words what became of the requests."""
    overview = reports["usage"].sections[0]
    assert [row["requests"] for row in overview.rows] == [92, 5]
    assert "Requests 92 (before: 5)" in overview.text[0]


def test_a_window_that_goes_on_ends_at_the_answer(asked: Asked) -> None:
    """Of a hundred years the months up to the answer are listed, the newest where there are too many."""
    whole = Window(datetime(2000, 1, 1, tzinfo=UTC), datetime(2099, 12, 31, tzinfo=UTC), asked.window.as_of)
    part = from_topic(TIME, chart=None, most=12, is_newest_last=True)
    section = part(dataclasses.replace(asked, window=whole, zone="UTC"))
    assert [section.rows[0]["begin_at"].date(), section.rows[-1]["begin_at"].date()] == [
        date(2025, 4, 1),
        date(2026, 3, 1),
    ]
    assert section.left_out == 26 * 12 + 3 - 12
    assert sum(row["operations"] for row in section.rows) == 97


def test_advice_comes_with_how_it_turned_out(reports: dict[str, Report]) -> None:
    """Behind the advice stands how often each rule was right, how well it is calibrated, and every verdict."""
    assert [section.name for section in reports["advice"].sections][-3:] == ["accuracy", "calibration", "verdicts"]
    assert {row["kind"] for row in reports["advice"].sections[-3].rows} >= {"cleanup", "preload"}


def test_html_stands_alone(reports: dict[str, Report]) -> None:
    """Nothing is fetched and nothing runs; each chart has an alternative, in colours for light and for dark."""
    page = from_html(write_html(reports["usage"]))
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "link", "img", "iframe", "object", "base", "a"} & set(tags)
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        assert not {"src", "href", "xlink:href"} & attributes.keys()
    labels = [attributes["aria-label"] for tag, attributes in page.tags if tag == "svg" and "role" in attributes]
    charts = [section.chart for section in reports["usage"].sections if section.chart is not None]
    assert labels == [chart.summary for chart in charts for _ in ("light", "dark")]
    identities = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(set(identities)) == len(identities)


@pytest.mark.parametrize("format_name", ["json", "csv", "md", "html"])
def test_names_from_outside_are_only_names(format_name: str) -> None:
    """Markup, scripts, formulas, control characters and very long names change nothing but the text they are."""
    report = hostile_report()
    content = FORMATS[format_name].write(report)
    text = content.decode()
    if format_name == "json":
        assert from_json(text.encode())["sizes"][0]["model"] == HOSTILE[0]
    elif format_name == "csv":
        cells = [row["model"] for row in from_csv(content)["sizes"]]
        assert len(cells) == len(HOSTILE)
        assert not any(cell.startswith(("=", "@", "+", "-")) for cell in cells)
        assert "\0" not in text
    elif format_name == "md":
        rows = from_markdown(content)["Sizes"]
        assert rows == expected(report.sections[0], "UTC")
        assert "<script" not in text
        assert r"\[a\](javascript:" in text
    else:
        page = from_html(content)
        assert not {"script", "img"} & {tag for tag, _ in page.tags}
        assert page.tables["Sizes"] == expected(report.sections[0], "UTC")
    if format_name in {"md", "html"}:
        assert max(map(len, text.splitlines())) < 200_000
        assert not any(char in text for char in "\0\u202e")


@needs_poppler
def test_a_pdf_shows_names_from_outside_as_text(tmp_path: Path) -> None:
    """Typst's markup is shown, not run; names without glyphs, from right to left and of 10 KB leave a PDF."""
    text = pdf_text(write_pdf(hostile_report()), tmp_path)
    assert without_space('#set page(fill: red); #panic("x")') in text
    assert "<script>alert(1)</script>" in text
    assert "x" * 100 in text
    plain_text = pdf_text(write_pdf(hostile_report(["#panic()", "plain"])), tmp_path)
    assert "#panic()" in plain_text


def test_settings_know_each_report_and_format() -> None:
    """What a setting may name is what there is."""
    assert tuple(REPORTS) == REPORT_NAMES
    assert tuple(FORMATS) == REPORT_FORMATS


def test_what_is_unknown_is_named(asked: Asked) -> None:
    """A wrong report, format or zone is an error that says what there is."""
    with pytest.raises(UnknownNameError, match="did you mean 'usage'"):
        kind_named("usages")
    with pytest.raises(UnknownNameError, match="did you mean 'pdf'"):
        format_named("pdff")
    wrong = dataclasses.replace(asked, zone="Mars/Olympus")
    with pytest.raises(InputError, match="time zone 'Mars/Olympus' is no time zone"):
        make_report(REPORTS["advice"], wrong, generated_at=AT)


def test_without_the_extra_there_are_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """HTML says that charts are missing and how to get them; a PDF is refused with the same."""
    monkeypatch.setattr(html, "can_draw", lambda: False)
    monkeypatch.setattr(pdf, "find_spec", lambda _: None)
    page = write_html(hostile_report(["m"])).decode()
    assert "pip install &#x27;modeltally[report]&#x27;" in page
    assert "<svg" not in page
    assert "<td" in page
    with pytest.raises(SettingError, match=r"pip install 'modeltally\[report\]'"):
        write_pdf(hostile_report(["m"]))


@pytest.mark.parametrize(
    ("days", "bucket"), [(0.1, "hour"), (3, "hour"), (4, "day"), (100, "day"), (365, "week"), (36_000, "month")]
)
def test_a_window_is_cut_so_that_it_can_be_read(days: float, bucket: str) -> None:
    """Hours for some days, months for many years."""
    since = datetime(2000, 1, 1, tzinfo=UTC)
    until = datetime.fromtimestamp(since.timestamp() + days * 86_400, UTC)
    assert bucket_for(Window(since, until, until)) == bucket
