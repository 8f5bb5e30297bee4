"""Every view gives over HTTP, to a reader, the rows that it gives in the engine's own process."""

from __future__ import annotations

import datetime as dt
import random
from typing import TYPE_CHECKING, Any

import pytest

from clickhouse.client import connect
from modeltally.jobs import runners
from modeltally.server import LocalServer
from modeltally.settings import Settings
from modeltally.store import ServedStore, sql
from modeltally.store.client import Database
from store.answers import AS_OF, Asking, answers, asked_views, has_rows, knows_where_to_read, lived_in, named, questions
from support.servers import QUIET, settings_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import EmbeddedStore, Row
    from support.stores import Template

VIEWS = [name for name in sql.view_names() if knows_where_to_read(sql.view(name))]
# The installed view has columns that cannot travel; it is compared through those that read it.
# Nothing was advised so long ago and watched since; no rows at the moments that are asked about.
WITHOUT_ROWS = {"recommendations_made", "foreign_spans", "advice_verdicts", "advice_calibration", "regret_by_policy"}
APRIL = dt.datetime(2026, 4, 1, tzinfo=dt.UTC)
OWN_COLUMNS = frozenset({"usage_figures", "usage_named_figures"})


@pytest.fixture(scope="module")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run a server whose store has been lived in."""
    settings = settings_for(template.copy(tmp_path_factory.mktemp("views")), **QUIET)
    with LocalServer(settings) as started:
        lived_in(embedded(started))
        store = embedded(started)
        # its horizon is over
        store.run("recommend_cleanup", {"as_of": APRIL, "count_imports": True})
        store.run("judge", {"as_of": AS_OF - dt.timedelta(hours=1), "count_imports": True})
        # what a store told of alerts stays its own: nothing that moves a store would bring it along
        store.run("alerts", {"as_of": AS_OF - dt.timedelta(hours=1), "failed_jobs": {"roll": "refused"}})
        yield started


def embedded(server: LocalServer) -> EmbeddedStore:
    """Give the store inside a server."""
    return server._store  # type: ignore[return-value] # what a server opens by itself


@pytest.fixture(scope="module")
def reader(server: LocalServer) -> Iterator[ServedStore]:
    """Open the server's store over HTTP, as a store on a ClickHouse server is opened."""
    url = server.address.clickhouse_url.replace("://", "://default@") + "/modeltally"
    database = Database.open_url(url, password=server.address.token)
    yield ServedStore(database, settings=Settings(), jobs=runners())
    database.close()


class Inside:
    """What the views answer in the engine's own process, asked once for all tests."""

    def __init__(self, server: LocalServer) -> None:
        """Take the server."""
        self._store = embedded(server)
        self._asked: dict[tuple[str, Asking], dict[str, list[Row]]] = {}

    def answers(self, view: str, asking: Asking) -> dict[str, list[Row]]:
        """Give the rows of a view for each question."""
        if (view, asking) not in self._asked:
            self._asked[view, asking] = answers(self._store, only=view, asking=asking)
        return self._asked[view, asking]


@pytest.fixture(scope="module")
def inside(server: LocalServer) -> Inside:
    """Ask the server's store itself."""
    return Inside(server)


@pytest.mark.slow(seconds=100, why="a server that was lived in")
def test_there_is_something_to_compare(server: LocalServer) -> None:
    """The answers compared below are not empty."""
    found = answers(embedded(server))
    assert has_rows(found)
    seen = {name.split()[0] for name, rows in found.items() if rows}
    assert seen >= set(VIEWS) & {name.split()[0] for name in found} - WITHOUT_ROWS


@pytest.mark.slow(seconds=18, why="every view over HTTP and in process")
@pytest.mark.parametrize(("view", "asking"), asked_views())
def test_view_gives_the_same_rows_over_http_and_in_process(
    inside: Inside, reader: ServedStore, view: str, asking: Asking
) -> None:
    """Every row of every question about a view is the same, to the last column."""
    assert answers(reader, only=view, asking=asking) == inside.answers(view, asking)


@pytest.mark.slow(seconds=13, why="every view twice")
@pytest.mark.parametrize(("view", "asking"), asked_views(but=OWN_COLUMNS))
def test_installed_view_gives_the_rows_of_its_statement(
    inside: Inside, reader: ServedStore, view: str, asking: Asking
) -> None:
    """What Grafana and people select from by name is what the commands run."""
    found = sql.view(view)
    arguments = ", ".join(f"{name} = {{{name}:{kind}}}" for name, kind in found.parameters.items())
    called = f"{view}({arguments})" if arguments else view
    selected = sql.Statement(view, f"SELECT * FROM {called}")  # noqa: S608 - a view of ours
    for values in asking(found):
        by_name = reader.database.query(selected, values)
        assert sorted(by_name, key=str) == inside.answers(view, asking)[named(found, values)]


@pytest.mark.slow(seconds=9, why="eighty questions")
def test_readers_side_by_side_get_the_same_as_one(server: LocalServer, reader: ServedStore) -> None:
    """Views asked in any order by several threads, with other parameters each, do not mix."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only this test needs threads

    asked = [(view, values) for view in ("usage_by_model", "usage_overview") for values in questions(sql.view(view))]
    alone = [embedded(server).read(view, values) for view, values in asked]
    order = [number for number in range(len(asked)) for _ in range(10)]
    random.Random(1).shuffle(order)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda number: reader.read(*asked[number]), order))
    assert together == [alone[number] for number in order]


def test_pandas_sees_what_a_view_says(server: LocalServer) -> None:
    """A data frame of a view holds the figures of the command."""
    values: dict[str, Any] = questions(sql.view("usage_by_model"))[0]
    client = connect(server)
    frame = client.query_df(sql.view("usage_by_model").body, parameters=sql.view("usage_by_model").bind(values))
    rows = embedded(server).read("usage_by_model", values)
    assert dict(zip(frame["model"], frame["requests"], strict=True)) == {row["model"]: row["requests"] for row in rows}
    client.close()
