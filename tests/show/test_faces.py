"""Wherever one asks, the figures are the same: in the terminal, over REST, on the page, in reports, in Grafana."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.conftest import run_command
from generator.questions import columns_of
from grafana.boards import PANELS
from grafana.studio import opened_studio
from modeltally.analytics.arguments import BUCKET, arguments_of
from modeltally.analytics.plain import plain
from modeltally.analytics.readers import read
from modeltally.analytics.statistics import Statistics
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.window import Window
from modeltally.show.report.kinds import REPORTS, make_report
from modeltally.show.report.parts import Asked, bucket_for
from modeltally.store import sql
from show.api.conftest import Client
from show.page.parsed import parsed
from show.page.test_catalogue import expected, plainly

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from grafana.studio import Studio
    from modeltally.analytics.topic import Topic
    from modeltally.store import EmbeddedStore

pytestmark = pytest.mark.slow(seconds=150, why="eight simulated days, every question asked in six ways")
STATEMENTS = Path(__file__).parents[2] / "queries/grafana"
NEEDED = {"attribute": {"attribute": "acme.team"}}
FLAGS = {"attribute": "--name", "user": "--user", "bucket": "--bucket"}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """Run a server over the data of the demonstration, and what that has nothing of."""
    with opened_studio(tmp_path_factory.mktemp("faces")) as opened:
        yield opened


@pytest.fixture(scope="module")
def window(studio: Studio) -> Window:
    """Every question is about all of it, and asked at its end."""
    return Window(studio.since, studio.until, studio.until)


Sections = dict[str, list[list["Mapping[str, Any]"]]]


@pytest.fixture(scope="module")
def in_reports(studio: Studio, window: Window) -> Sections:
    """Rows of every report's sections, by the topic they are of, without what a section sets beside them."""
    store = _store(studio)
    statistics = Statistics(store, settings=store.settings)
    asked = Asked(statistics=statistics, store=store, window=window, zone="UTC", count_imports=True)
    found: Sections = {}
    for kind in REPORTS.values():
        for section in make_report(kind, asked, generated_at=window.as_of).sections:
            if section.name in TOPICS:
                rows = [row for row in section.rows if row.get("window") != "the one before"]
                found.setdefault(section.name, []).append(rows)
    return found


def _store(studio: Studio) -> EmbeddedStore:
    return studio.server._store  # type: ignore[return-value] # what a server opens by itself


def _said(value: object) -> object:
    """A value as it can be compared with what another face said: times by their moment, words by their letters."""
    if isinstance(value, dt.datetime):
        return sql.as_utc(value)
    if isinstance(value, str):
        if re.fullmatch(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?", value):
            return sql.as_utc(dt.datetime.fromisoformat(value.removesuffix("Z")))
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return json.dumps(plain(value), sort_keys=True)
    return float(f"{value:.12g}")


def _others(
    part: Sequence[Mapping[str, Any]], whole: Sequence[Mapping[str, Any]], columns: Sequence[str]
) -> list[tuple[object, ...]]:
    """Rows that are none of a whole, as far as the columns go."""
    counted = [Counter(tuple(_said(row[name]) for name in columns) for row in rows) for rows in (part, whole)]
    return list(counted[0] - counted[1])


def _panels(topic: Topic[Any]) -> Iterator[tuple[str, str, list[str]]]:
    """Panels that list what a topic has: their name, their statement, and those of their columns that it has."""
    names = {column.name for column in topic.columns}
    for panel in PANELS:
        text = panel.target["rawSql"]
        reads = re.search(r"-- Reads: (.*)", (STATEMENTS / f"{panel.question}.sql").read_text())
        assert reads
        shared = [name for name in columns_of(panel.question) if name in names]
        if (
            reads[1] == topic.view
            and len(shared) > 1
            and (panel.kind in {"table", "bargauge"} or topic.layout.is_record)
        ):
            yield panel.question, text, shared


def _over_rest(client: Client, topic: str, /, **asked: object) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answered = client.get(f"/api/v1/topics/{topic}", **{**asked, **cursor})
        assert answered.status == 200, answered.body
        rows += answered.content["rows"]
        if answered.content["next_cursor"] is None:
            return rows
        cursor = {"cursor": answered.content["next_cursor"]}


def _on_page(client: Client, topic: Topic[Any], **asked: object) -> list[list[str]]:
    shown: list[list[str]] = []
    page = 1
    while True:
        answered = client.get(f"/topics/{topic.name}", page=page, **asked)
        assert answered.status == 200
        content = parsed(answered.body)
        if topic.layout.is_record:
            return [list(content.facts.values())]
        for table in content.tables:
            shown += table.rows if table.block == "rows" else []
        page += 1
        if not any(f"page={page}" in link for link in content.links()):
            return shown


@pytest.mark.parametrize("name", TOPICS)
def test_every_face_says_the_same(studio: Studio, window: Window, in_reports: Sections, name: str) -> None:
    """Reader, command, REST and page give the same rows; those of reports and panels are among them."""
    topic, store = TOPICS[name], _store(studio)
    given = dict(NEEDED.get(name, {}))
    if BUCKET in topic.arguments:
        given[BUCKET.parameter] = bucket_for(window)
    arguments = arguments_of(topic, given, topics=TOPICS.values())
    rows = read(store, topic, window, settings=store.settings, arguments=arguments)
    exact = [plain(row) for row in rows]
    client = Client(studio.server.address.http_url, studio.server.address.token)
    times = {"since": window.since.isoformat(), "until": window.until.isoformat()}

    flags = [part for key, value in given.items() for part in (FLAGS[key], value)]
    command = run_command("stats", name, *flags, "--since", times["since"], "--until", times["until"],
                          "--as-of", window.as_of.isoformat(), "--format", "json",
                          "--dir", studio.server.directory, home=studio.server.directory.parent)  # fmt: skip
    assert command.returncode == 0, command.stderr
    assert json.loads(command.stdout)["rows"] == exact

    rest = {FLAGS[key].removeprefix("--"): value for key, value in given.items()}
    assert _over_rest(client, name, **times, as_of=window.as_of.isoformat(), **rest) == exact

    cells = [[cell.rpartition(" n=")[0] if " n=" in cell else cell for cell in row]
             for row in _on_page(client, topic, **times, **given)]  # fmt: skip
    assert [list(map(plainly, row)) for row in cells] == [list(map(plainly, expected(topic, row))) for row in rows]

    for listed in in_reports.get(name, []):
        assert _others(listed, rows, [column.name for column in topic.columns]) == []
    for question, text, columns in _panels(topic):
        drawn = studio.rows(text, studio.asked())
        names = [column.name for column in drawn.columns]
        kind = re.search(r"kind = '(\w+)'", text)
        of_kind = arguments_of(topic, {**given, "kind": kind[1]}, topics=TOPICS.values()) if kind else arguments
        of_it = read(store, topic, window, settings=store.settings, arguments=of_kind)
        assert _others([dict(zip(names, row, strict=True)) for row in drawn.values], of_it, columns) == [], question


def test_reports_and_panels_are_compared(in_reports: Sections) -> None:
    """The comparison above is of something: of most sections and of the panels that list what a topic has."""
    assert len([name for name, sections in in_reports.items() if any(sections)]) >= 15
    questions = set(chain.from_iterable((panel[0] for panel in _panels(topic)) for topic in TOPICS.values()))
    assert len(questions) >= 15
