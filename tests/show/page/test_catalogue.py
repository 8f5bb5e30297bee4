"""Every question of the catalogue has a page, whose table is what a reader gives."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.plain import plain
from modeltally.analytics.readers import read
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.window import parse_window
from modeltally.show.units import format_value
from show.page.conftest import NOW
from show.page.parsed import parsed

if TYPE_CHECKING:
    from modeltally.analytics.topic import Topic
    from modeltally.server import LocalServer
    from show.api.conftest import Client

# what a topic must be told
NEEDED = {"attribute": {"attribute": "acme.team"}, "by-user-and-model": {"user": ""}}
LONGEST = 120


def expected(topic: Topic[Any], row: dict[str, Any]) -> list[str]:
    """The exact values of a row, or its texts where it has no more."""
    cells = []
    for column in topic.columns:
        value = row[column.name]
        has_exact = isinstance(value, int | float | dt.date) and not isinstance(value, bool)
        text = str(plain(value)) if has_exact and plain(value) is not None else format_value(column.name, value)
        cells.append(text if len(text) <= LONGEST else f"{text[: LONGEST * 2 // 3]}…{text[-(LONGEST // 3) :]}")
    return cells


def plainly(cell: str) -> str:
    """Give a cell without the sign that stands before some words."""
    return cell.lstrip("✕●○∅↗↘✦→▲=?▼✓\u2013! ")


@pytest.mark.slow(seconds=40, why="a page of every topic")
@pytest.mark.parametrize("name", TOPICS)
def test_page_has_the_figures_of_the_reader(running: LocalServer, client: Client, name: str) -> None:
    """A topic's table holds, over all its pages, the rows that a reader gives: the same values, in order."""
    topic, given = TOPICS[name], NEEDED.get(name, {})
    window = parse_window("30d", None, None, now=NOW)
    arguments = arguments_of(topic, given, topics=TOPICS.values())
    assert running._store is not None
    rows = read(running._store, topic, window, settings=running._settings, arguments=arguments)
    shown: list[list[str]] = []
    page = 1
    while True:
        answered = client.get(f"/topics/{name}", window="30d", page=page, **given)
        assert answered.status == 200
        content = parsed(answered.body)
        assert "This block failed" not in content.text
        if topic.layout.is_record:
            assert list(content.facts.values()) == expected(topic, rows[0])
            return
        found = [table for table in content.tables if table.block == "rows"]
        if not found:
            assert not rows
            return
        shown += found[0].rows
        assert found[0].titles == [column.sentence for column in topic.columns]
        if not any("page=" + str(page + 1) in link for link in content.links()):
            break
        page += 1
    told = [[cell.rpartition(" n=")[0] if " n=" in cell else cell for cell in row] for row in shown]
    order = [expected(topic, row) for row in rows]
    assert [list(map(plainly, row)) for row in told] == [list(map(plainly, row)) for row in order]


def test_page_lists_every_topic(client: Client) -> None:
    """The list of all figures names each topic, with its sentence."""
    content = parsed(client.get("/topics").body)
    for topic in TOPICS.values():
        assert f"/topics/{topic.name}" in content.links()
        assert topic.sentence in content.text


@pytest.mark.parametrize("form", ["csv", "json", "sql"])
def test_table_is_there_for_programs(client: Client, form: str) -> None:
    """Beside each table are links to the same as CSV and JSON, and to its SQL."""
    links = parsed(client.get("/topics/frequency", kind="model", window="30d").body).links()
    link = next(link for link in links if link.startswith(f"/topics/frequency.{form}?"))
    answered = client.get(link)
    assert answered.status == 200
    if form == "json":
        assert {row["subject"] for row in answered.content["rows"]} >= {"org/flux", "sdxl"}
    elif form == "csv":
        assert {row["subject"] for row in answered.table} >= {"org/flux", "sdxl"}
    else:
        assert answered.headers["content-type"].startswith("text/plain")
        assert b"SELECT" in answered.body
