"""Every statistic of docs/statistics.md is there: view, reader, command and REST say the same of the demo's data."""

from __future__ import annotations

import datetime as dt
import io
import json
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from cli.conftest import run_command, start_server
from docs_tables import statistics
from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.readers import read
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.topics.usage import STORED
from modeltally.analytics.window import Window, parse_window
from modeltally.connect import open_reader
from modeltally.server import find_server
from modeltally.settings import Settings
from modeltally.show.rows import write_rows
from modeltally.store import sql
from queries.given import EPOCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

pytestmark = pytest.mark.slow(seconds=120, why="thirty simulated days, every statistic four ways")
STATISTICS = statistics()
PARAMETERS = {"--by": "kind", "--bucket": "bucket", "--tz": "zone"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Simulate thirty days, and serve them."""
    home = tmp_path_factory.mktemp("statistics")
    shown = run_command("demo", "--dir", home / "data", home=home)
    assert shown.returncode == 0, shown.stderr
    server = start_server(home / "data", home)
    yield home / "data"
    server.process.terminate()
    server.process.communicate(timeout=60)


@pytest.fixture(scope="module")
def as_of(directory: Path) -> dt.datetime:
    """The end of the simulated days."""
    window = Window(dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2100, 1, 1, tzinfo=dt.UTC), EPOCH)
    with open_reader(Settings(dir=directory)) as store:
        (row,) = read(store, STORED, window, settings=Settings(dir=directory))
    return sql.as_utc(row["last_used_at"]) + dt.timedelta(seconds=1)


def written(rows: Sequence[Mapping[str, object]]) -> object:
    """Rows as a program gets them from the command."""
    file = io.StringIO()
    write_rows(rows, "json", file=file)
    return json.loads(file.getvalue())


def over_rest(directory: Path, topic: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """An answer of the interface for programs, its pages put together."""
    server = find_server(directory)
    assert server is not None
    url, rows, cursor = f"{server.address.http_url}/api/v1/topics/{topic}", list[Any](), dict[str, str]()
    while True:
        with urllib.request.urlopen(f"{url}?{urlencode({**asked, **cursor})}", timeout=120) as response:  # noqa: S310
            page: dict[str, Any] = json.load(response)
        rows += page["rows"]
        if page["next_cursor"] is None:
            return {**page, "rows": rows}
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("statistic", STATISTICS, ids=[one["asked"] for one in STATISTICS])
def test_view_reader_command_and_interface_agree(
    directory: Path, as_of: dt.datetime, statistic: dict[str, Any]
) -> None:
    """The columns that answer a statistic are there, with rows, and the four ways give the same."""
    topic, flags = TOPICS[statistic["topic"]], statistic.get("flags", [])
    pairs = dict(zip(flags[::2], flags[1::2], strict=True))
    window = parse_window(pairs.get("--since"), None, as_of.isoformat(), now=as_of)
    settings = Settings(dir=directory)
    given = {PARAMETERS[flag]: value for flag, value in pairs.items() if flag in PARAMETERS}
    arguments = arguments_of(topic, given, topics=TOPICS.values())
    with open_reader(settings) as store:
        rows = read(store, topic, window, settings=settings, arguments=arguments)
        values = {**window.parameters(), **{name: getattr(settings, name) for name in topic.settings}, **arguments}
        by_view = store.read(topic.view, {name: values[name] for name in sql.view(topic.view).parameters})
    command = run_command("stats", topic.name, *flags, "--as-of", as_of.isoformat(), "--format", "json",
                          "--dir", directory, home=directory.parent)  # fmt: skip
    assert command.returncode == 0, command.stderr
    columns = [column.name for column in topic.columns]
    assert set(statistic["columns"]) <= set(columns)
    assert rows or statistic.get("may_be_empty")
    assert rows == by_view
    answer = json.loads(command.stdout)
    assert (answer["topic"], answer["rows"]) == (topic.name, written(rows))
    assert answer["trust"]["as_of"] == window.parameters()["as_of"]
    asked = {flag.removeprefix("--"): value for flag, value in pairs.items()} | {"as_of": as_of.isoformat()}
    over_http = over_rest(directory, topic.name, asked)
    assert over_http["rows"] == answer["rows"]
    assert {**over_http["trust"], "answer_age_seconds": 0} == {**answer["trust"], "answer_age_seconds": 0}
