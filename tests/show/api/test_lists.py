"""Lists: every topic is one, with the same rows as everywhere; pages, order, search, CSV, tags."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.plain import plain
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.window import parse_window
from modeltally.connect import open_statistics
from modeltally.show.api.questions import name_of
from modeltally.show.api.topics import ANSWERS
from show.api.conftest import HOSTILE, NOW, Client
from support.servers import settings_for

if TYPE_CHECKING:
    from modeltally.server import LocalServer

NEEDED = {"attribute": {"name": "acme.team"}}
MODELS = "/api/v1/topics/models"


@pytest.mark.slow(seconds=22, why="every topic")
@pytest.mark.parametrize("name", TOPICS)
def test_every_topic_gives_its_reader_s_rows_in_its_declared_shape(
    client: Client, running: LocalServer, name: str
) -> None:
    """An endpoint of a topic gives the rows of its reader, typed as OpenAPI says, with what they rest on."""
    topic, query = TOPICS[name], NEEDED.get(name, {})
    answer = client.get(f"/api/v1/topics/{name}", **query).content
    settings = settings_for(running.directory)
    given = {argument.parameter: query.get(name_of(argument)) for argument in topic.arguments}
    arguments, window = arguments_of(topic, given, topics=[topic]), parse_window(None, None, None, now=NOW)
    with open_statistics(settings) as statistics:
        rows = statistics.ask(topic, window, arguments=arguments).rows
    assert answer["rows"] == [plain(row) for row in rows]
    ANSWERS[name].model_validate(answer, strict=False)
    assert answer["window"] == {"since": "2026-02-08T12:30:00Z", "until": "2026-03-10T12:30:00Z", "tz": "UTC"}
    assert answer["as_of"] == "2026-03-10T12:30:00Z"
    assert {"coverage", "known_loss", "data_age_seconds", "trust", "empty"} <= answer.keys()


def test_catalogue_lists_every_topic_once(client: Client) -> None:
    """The list of topics is the catalogue, in its order, with the path of each."""
    topics = client.get("/api/v1/topics").content["topics"]
    assert [topic["name"] for topic in topics] == list(TOPICS)
    assert [topic["path"] for topic in topics] == [f"/api/v1/topics/{name}" for name in TOPICS]


def test_pages_together_are_the_whole_list(client: Client) -> None:
    """Pages that follow one another by their cursors hold each row once, in order, about one window."""
    whole = client.get("/api/v1/topics/time", bucket="hour", since="2d").content
    assert whole["next_cursor"] is None
    rows: list[Any] = []
    cursor: dict[str, object] = {}
    windows: list[object] = []
    while True:
        page = client.get("/api/v1/topics/time", bucket="hour", since="2d", limit=13, **cursor).content
        rows += page["rows"]
        windows.append((page["window"], page["as_of"], page["total_rows"]))
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert rows == whole["rows"]
    assert len(rows) == 49
    assert {str(window) for window in windows} == {str((whole["window"], whole["as_of"], 49))}


def test_link_leads_to_the_next_page(client: Client) -> None:
    """A page says in its header where the next one is, for JSON and for CSV."""
    for form in ("json", "csv"):
        first = client.get(MODELS, limit=1, format=form)
        following = first.headers["link"].removeprefix("<").partition(">")[0]
        second = client.get(following)
        found = second.table if form == "csv" else second.content["rows"]
        assert [row["model"] for row in found] == ["sdxl"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("requests", [HOSTILE, "sdxl", "org/flux"]),
        ("-requests", ["org/flux", "sdxl", HOSTILE]),
        ("model", [HOSTILE, "org/flux", "sdxl"]),
        ("-model", ["sdxl", "org/flux", HOSTILE]),
        ("users,-model", [HOSTILE, "sdxl", "org/flux"]),
    ],
)
def test_order_is_by_columns(client: Client, order: str, expected: list[str]) -> None:
    """Rows are sorted by each column in turn, upwards or downwards."""
    assert [row["model"] for row in client.rows(MODELS, sort=order)] == expected


def test_what_is_unknown_comes_last_whichever_way(client: Client) -> None:
    """A column that is empty somewhere puts those rows at the end."""
    for order in ("last_used_at", "-last_used_at"):
        rows = client.rows("/api/v1/models", sort=order)
        assert [row["model"] for row in rows if row["last_used_at"] is None] == [rows[-1]["model"]] == ["shelf"]


def test_search_finds_text_anywhere_in_any_case(client: Client) -> None:
    """Only rows with the text in one of their columns are left, and counted."""
    found = client.get(MODELS, q="FLUX").content
    assert [row["model"] for row in found["rows"]] == ["org/flux"]
    assert found["total_rows"] == 1
    assert client.rows(MODELS, q="no such thing") == []


@pytest.mark.parametrize("how", ["parameter", "header"])
def test_csv_has_the_same_figures(client: Client, how: str) -> None:
    """CSV comes by parameter or by Accept, with a header line and what JSON has."""
    rows = client.rows(MODELS)
    answered = client.get(MODELS, format="csv") if how == "parameter" else client.get(MODELS, {"Accept": "text/csv"})
    assert answered.headers["content-type"] == "text/csv; charset=utf-8"
    assert answered.headers["content-disposition"] == 'attachment; filename="models.csv"'
    assert [{key: str(value if value is not None else "") for key, value in row.items()} for row in rows] == (
        answered.table
    )


def test_answer_is_named_and_not_sent_again(client: Client) -> None:
    """With the tag of an answer nothing is sent while nothing has changed; other parameters have another tag."""
    first = client.get(MODELS)
    again = client.get(MODELS, {"If-None-Match": f'"other", {first.headers["etag"]}'})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    tags = {
        client.get(MODELS, **query).headers["etag"]
        for query in ({}, {"limit": 1}, {"sort": "model"}, {"q": "f"}, {"format": "csv"}, {"since": "7d"})
    }
    assert len(tags) == 6


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/models",
        "/api/v1/models/org/flux",
        "/api/v1/users",
        "/api/v1/patterns/router",
        "/api/v1/analytics/generation/failures",
        "/api/pattern-analytics/usage-stats",
        "/api/pattern-analytics/usage-stats?pattern_id=router",
    ],
)
def test_every_answer_made_of_topics_is_named(client: Client, path: str) -> None:
    """Answers of several topics have a tag as well, which is theirs alone."""
    first = client.get(path)
    assert client.get(path, {"If-None-Match": first.headers["etag"]}).status == 304
    assert client.get(MODELS, {"If-None-Match": first.headers["etag"]}).status == 200


@pytest.mark.parametrize("name", ["context", "completeness"])
def test_what_changes_while_nothing_comes_is_never_the_same(client: Client, name: str) -> None:
    """Topics that tell of silence have no tag."""
    assert "etag" not in client.get(f"/api/v1/topics/{name}").headers


def test_window_without_anything_says_why(client: Client) -> None:
    """A window in which nothing began has no rows, a sentence, and no tag, since more than it reads decides that."""
    answered = client.get(MODELS, since="2025-01-01", until="2025-02-01")
    assert answered.content["rows"] == []
    assert "nothing began between 2025-01-01" in answered.content["empty"]
    assert "etag" not in answered.headers


def test_offset_of_a_moment_may_have_lost_its_plus(client: Client) -> None:
    """A plus that an address turned into a space is read as what it was."""
    answered = client.get(f"{MODELS}?since=2026-03-01T00:00:00+02:00")
    assert answered.content["window"]["since"] == "2026-02-28T22:00:00Z"


def test_cursor_holds_through_what_comes_before_it() -> None:
    """A row that comes in before the last one that was shown shifts nothing."""
    from modeltally.show.api.pages import Cursor, page_of  # noqa: PLC0415 - this test alone looks inside
    from modeltally.show.api.questions import Listed  # noqa: PLC0415

    window = parse_window(None, None, None, now=NOW)
    rows: list[dict[str, Any]] = [{"model": name} for name in "abcdef"]
    first = page_of(rows, Listed(limit=2), window=window, question="q", cursor=None)
    assert first.next_cursor is not None
    cursor = Cursor.decode(first.next_cursor, question="q")
    later = page_of([{"model": "0"}, *rows], Listed(limit=2), window=window, question="q", cursor=cursor)
    assert [row["model"] for row in later.rows] == ["c", "d"]
    assert cursor.window.until == NOW
    assert cursor.window.until - cursor.window.since == dt.timedelta(days=30)
