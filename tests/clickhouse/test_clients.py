"""The ClickHouse interface answers the clients people use as a ClickHouse server does."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError
from clickhouse_connect.driver.external import ExternalData

from clickhouse.client import SPANS, ask, connect, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.server import LocalServer
    from support.stores import Template

COUNT = "SELECT model, count() AS spans FROM usage_events GROUP BY model"
HOSTILE = "it's \\ a\ttab, a\nbreak, \N{SNOWMAN} and {braces:String}"


@pytest.fixture(scope="module")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run one server for all tests: they only read."""
    with running(template.copy(tmp_path_factory.mktemp("clickhouse"))) as started:
        yield started


@pytest.mark.parametrize("compress", [True, False, "lz4", "zstd", "gzip"])
def test_clickhouse_connect_reads_whatever_the_compression(server: LocalServer, compress: bool | str) -> None:  # noqa: FBT001 - as the client has it
    """Its handshake, a result, a result of many blocks and one without rows come as from a server."""
    client = connect(server, compress=compress)
    assert client.ping()
    assert client.query(COUNT).result_rows == [("flux-dev", SPANS)]
    many = client.query("SELECT number, toLowCardinality(toString(number % 7)) AS few FROM numbers(150000)")
    assert many.column_names == ("number", "few")
    assert [row[0] for row in many.result_rows] == list(range(150_000))
    assert {row[1] for row in many.result_rows} == set("0123456")
    assert client.query("SELECT number FROM numbers(3) WHERE number > 5").result_rows == []
    assert client.query("SELECT model FROM usage_events LIMIT 0").column_names == ("model",)
    client.close()


def test_clickhouse_connect_streams_describes_and_commands(server: LocalServer) -> None:
    """Blocks as they come, tables, single values and Arrow are read too."""
    client = connect(server)
    with client.query_row_block_stream("SELECT number FROM numbers(150000)") as stream:
        assert sum(len(block) for block in stream) == 150_000
    assert "usage_events" in {row[0] for row in client.query("SHOW TABLES").result_rows}
    assert [row[0] for row in client.query("DESCRIBE TABLE aliases").result_rows][:2] == ["kind", "alias"]
    assert client.query("EXISTS TABLE usage_events").first_row == (1,)
    assert str(client.command("SHOW CREATE TABLE aliases")).startswith("CREATE TABLE modeltally.aliases")
    assert client.command("SELECT currentDatabase()") == "modeltally"
    assert client.query_arrow(COUNT).to_pydict() == {"model": ["flux-dev"], "spans": [SPANS]}
    client.close()


@pytest.mark.parametrize("form_encoded", [False, True])
def test_parameters_arrive_as_they_were_given(server: LocalServer, form_encoded: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """Hostile text, lists and long values pass in the address and in a form, and are never part of a statement."""
    client = connect(server, form_encode_query_params=form_encoded)
    asked = "SELECT {text:String} AS text, {list:Array(UInt8)} AS list, length({long:String}) AS size"
    values = {"text": HOSTILE, "list": [1, 2, 3], "long": "x" * 200_000}
    assert client.query(asked, parameters=values).result_rows == [(HOSTILE, [1, 2, 3], 200_000)]
    client.close()


def test_what_a_client_puts_together_itself_arrives_as_it_was_given(server: LocalServer) -> None:
    """Values written into the statement by the client, types of every kind, and a zone for times read as expected."""
    client = connect(server)
    assert client.query("SELECT %(text)s AS text", parameters={"text": HOSTILE}).result_rows == [(HOSTILE,)]
    at = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    asked = "SELECT {at:DateTime64(3)} AS at, {none:Nullable(Int8)} AS none, {texts:Array(String)} AS texts"
    rows = client.query(asked, parameters={"at": at, "none": None, "texts": [HOSTILE]}).result_rows
    assert rows == [(at.replace(tzinfo=None), None, [HOSTILE])]  # the client's own way to say UTC
    zoned = "SELECT toDateTime('2024-01-01 00:00:00', 'UTC') AS at"
    ((berlin,),) = client.query(zoned, query_tz="Europe/Berlin").result_rows
    assert berlin.isoformat() == "2024-01-01T01:00:00+01:00"
    for table in ("usage_events", "otel_traces"):
        assert len(client.query(f"SELECT * FROM {table} LIMIT 100").result_rows) == SPANS  # noqa: S608 - our own names
    assert client.raw_query("SELECT 1", fmt="CSV") == b"1\n"
    client.close()


def test_tables_that_a_client_brings_along_are_refused(server: LocalServer) -> None:
    """A table sent beside the statement is NOT_IMPLEMENTED (48), and the client says so."""
    client = connect(server)
    brought = ExternalData(data=b"1\n", file_name="e", fmt="CSV", structure="a Int8")
    with pytest.raises(DatabaseError, match="Code: 48"):
        client.query("SELECT * FROM e", external_data=brought)
    client.close()


def test_parameters_of_concurrent_queries_do_not_mix(server: LocalServer) -> None:
    """Each of two hundred queries of an async client, sixteen at a time, gets the answer to its own value."""
    pytest.importorskip("aiohttp", reason="the async client needs aiohttp: pip install aiohttp")

    async def ask_all() -> list[tuple[int, int]]:
        url = urlsplit(server.address.clickhouse_url)
        client = await clickhouse_connect.get_async_client(
            host=url.hostname, port=url.port or 0, username="default", password=server.address.token
        )
        turn = asyncio.Semaphore(16)

        async def one(number: int) -> tuple[int, int]:
            async with turn:
                result = await client.query(
                    "SELECT {number:UInt32} AS number, count() AS spans FROM usage_events",
                    parameters={"number": number},
                )
            (row,) = result.result_rows
            return row[0], row[1]

        try:
            return await asyncio.gather(*map(one, range(200)))
        finally:
            await client.close()

    assert asyncio.run(ask_all()) == [(number, SPANS) for number in range(200)]


def test_pandas_reads_a_frame(server: LocalServer) -> None:
    """A data frame has the columns, the rows and the types."""
    client = connect(server)
    frame = client.query_df("SELECT model, count() AS spans, max(start) AS last FROM usage_events GROUP BY model")
    assert list(frame.columns) == ["model", "spans", "last"]
    assert frame["spans"].tolist() == [SPANS]
    assert frame["last"].dtype.kind == "M"
    client.close()


def test_sqlalchemy_reads_and_reflects(server: LocalServer) -> None:
    """Text, a table read from the database, and the inspector work through the dialect of clickhouse-connect."""
    sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is missing: pip install sqlalchemy")
    url = urlsplit(server.address.clickhouse_url)
    engine: Any = sqlalchemy.create_engine(
        f"clickhousedb://default:{server.address.token}@{url.hostname}:{url.port}/modeltally"
    )
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text(COUNT)).fetchall() == [("flux-dev", SPANS)]
        table = sqlalchemy.Table("usage_events", sqlalchemy.MetaData(), autoload_with=engine)
        counted = sqlalchemy.select(sqlalchemy.func.count()).where(table.c.model == "flux-dev")
        assert connection.execute(counted).scalar() == SPANS
        assert "usage_by_model" in sqlalchemy.inspect(engine).get_table_names()
    engine.dispose()


def test_curl_gets_each_format_with_its_headers(server: LocalServer) -> None:
    """The format is the statement's, else the request's, else tab separated; headers name it, and what it cost."""
    plain = ask(server, COUNT)
    assert (plain.status, plain.text) == (200, f"flux-dev\t{SPANS}\n")
    assert plain.headers["x-clickhouse-format"] == "TabSeparated"
    assert plain.headers["content-type"].startswith("text/tab-separated-values")
    assert json.loads(plain.headers["x-clickhouse-summary"])["read_rows"] == str(SPANS)
    assert plain.headers["x-clickhouse-query-id"]
    wanted = ask(server, f"{COUNT} FORMAT JSONEachRow", default_format="CSV", query_id="mine")
    assert json.loads(wanted.text) == {"model": "flux-dev", "spans": SPANS}
    assert (wanted.headers["x-clickhouse-format"], wanted.headers["x-clickhouse-query-id"]) == ("JSONEachRow", "mine")
    by_argument = ask(server, method="GET", query=COUNT, default_format="CSV")
    by_header = ask(server, COUNT, headers={"X-ClickHouse-Format": "CSV"})
    assert by_argument.text == by_header.text == f'"flux-dev",{SPANS}\n'
    assert ask(server, "SHOW DATABASES FORMAT CSV").headers["x-clickhouse-format"] == "CSV"
    assert ask(server, "SHOW TABLES FROM modeltally").headers["x-clickhouse-format"] == "TabSeparated"


def test_query_comes_in_the_address_the_body_or_both(server: LocalServer) -> None:
    """What stands in the address comes first; a compressed body is unpacked; settings and parameters are taken."""
    assert ask(server, "1 + 1", query="SELECT").text == "2\n"
    zipped = ask(server, gzip.compress(b"SELECT 7"), headers={"Content-Encoding": "gzip"})
    assert zipped.text == "7\n"
    assert ask(server, "SELECT {n:UInt8} + 1", param_n=4, max_threads=1, max_execution_time=5).text == "5\n"
    compressed = ask(server, "SELECT 8", enable_http_compression=1, headers={"Accept-Encoding": "gzip, deflate"})
    assert compressed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed.body) == b"8\n"
    assert "content-encoding" not in ask(server, "SELECT 8", headers={"Accept-Encoding": "gzip"}).headers


def test_ping_and_the_bare_address_say_that_this_is_a_server(server: LocalServer) -> None:
    """As a server does, without a password."""
    for path in ("/ping", "/", "/replicas_status"):
        assert ask(server, method="GET", path=path, headers={"Authorization": ""}).text == "Ok.\n"


def test_grafana_s_driver_gets_its_first_answer_in_its_own_revision(server: LocalServer) -> None:
    """Go's driver asks for name, version, revision and zone, and reads all that follows in the revision it is told."""
    asked = {"client_protocol_version": 54460, "default_format": "Native", "database": "default"}
    hello = ask(server, "SELECT displayName(), version(), revision(), timezone()", also=asked)
    header = b"\x01\x00\x02\xff\xff\xff\xff\x00"
    assert hello.body.startswith(header + b"\x04\x01\x0ddisplayName()\x06String\x00\x0amodeltally")
    assert (54_400).to_bytes(4, "little") in hello.body
    then = ask(server, "SELECT 1", also=asked)
    assert then.body == header + b"\x01\x01\x011\x05UInt8\x01"
    tables = ask(server, "SHOW TABLES", also=asked)
    assert tables.body.startswith(header + b"\x01")


def test_client_that_knows_nothing_of_the_protocol_gets_plain_blocks(server: LocalServer) -> None:
    """Without a version in the request a Native answer has no header."""
    assert ask(server, "SELECT 1 FORMAT Native").body == b"\x01\x01\x011\x05UInt8\x01"
