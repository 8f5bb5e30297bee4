"""What the ClickHouse interface refuses, with the code and status of a server; nothing changes, others go on."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import zlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from clickhouse.client import SPANS, ask, connect, running
from modeltally.clickhouse.app import MAX_BODY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.server import LocalServer
    from support.stores import Template

SECRET = "only-the-owner-of-this-machine-knows"  # noqa: S105 - a made-up one
BAD_REQUEST, FORBIDDEN, NOT_FOUND, FAILED, NOT_IMPLEMENTED = 400, 403, 404, 500, 501


@pytest.fixture(scope="module")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run one server for all tests: none of them may change anything."""
    with running(template.copy(tmp_path_factory.mktemp("clickhouse")), clickhouse_password=SECRET) as started:
        yield started


@pytest.fixture
def _unharmed(server: LocalServer) -> Iterator[None]:
    """See that after a test everything is as it was, and others are answered."""
    asked = "SELECT count(), (SELECT count() FROM system.tables WHERE database = 'modeltally') FROM usage_events"
    before = ask(server, asked).text
    yield
    assert ask(server, asked).text == before
    assert before.startswith(f"{SPANS}\t")


pytestmark = pytest.mark.usefixtures("_unharmed")

WRITES = [
    "INSERT INTO aliases SELECT 'model', 'a', 'b', toDateTime64(0, 6)",
    "INSERT INTO aliases VALUES ('model', 'a', 'b', '2020-01-01')",
    "INSERT INTO FUNCTION file('NEVER') SELECT 1",
    "INSERT INTO aliases FROM INFILE '/etc/passwd' FORMAT CSV",
    "CREATE TABLE mine (a UInt8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE mine (a UInt8)",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE DATABASE mine",
    "CREATE USER mine",
    "CREATE FUNCTION mine AS (x) -> x",
    "DROP TABLE usage_events",
    "TRUNCATE TABLE usage_events",
    "ALTER TABLE usage_events DELETE WHERE 1",
    "DELETE FROM usage_events WHERE 1",
    "RENAME TABLE usage_events TO gone",
    "OPTIMIZE TABLE usage_events FINAL",
    "DETACH TABLE usage_events",
    "SYSTEM FLUSH LOGS",
    "SYSTEM SHUTDOWN",
    "KILL QUERY WHERE 1",
    "BACKUP TABLE usage_events TO File('NEVER')",
    "GRANT ALL ON *.* TO default",
    "SET readonly = 0",
    "SET max_execution_time = 0",
    "USE system",
    "EXPLAIN INSERT INTO aliases SELECT 'model', 'a', 'b', toDateTime64(0, 6)",
    "EXPLAIN AST DROP TABLE usage_events",
    "BEGIN TRANSACTION",
    "CHECK TABLE usage_events",
]


@pytest.mark.parametrize("statement", WRITES)
def test_what_does_not_read_is_refused(server: LocalServer, statement: str) -> None:
    """Every statement that changes something, or a session, is READONLY (164), which a server answers with 500."""
    answer = ask(server, statement)
    assert (answer.status, answer.code) == (FAILED, 164), answer.text
    assert "readonly mode" in answer.text
    assert answer.text.rstrip().endswith(")")


def test_insert_of_a_client_is_refused(server: LocalServer) -> None:
    """The binary body of clickhouse-connect's own insert gets the same answer, compressed and not."""
    for compress in (True, False):
        client = connect(server, compress=compress)
        with pytest.raises(Exception, match=r"Code: 164.*READONLY"):
            client.insert("aliases", [["model", "a", "b", 0]], column_names=["kind", "alias", "name", "edited_at"])
        client.close()


REACHING_OUT = [
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM s3('http://127.0.0.1:1/x/y', 'CSV', 'a String')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM sqlite('x', 'y')",
    "SELECT * FROM executable('x', 'CSV', 'a String')",
    "SELECT * FROM python('x')",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM clusterAllReplicas('default', system.one)",
    "SELECT * FROM merge('system', '.*')",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM numbers(1), (SELECT * FROM URL('http://127.0.0.1:1/', 'CSV', 'a String'))",
    "WITH x AS (SELECT * FROM file('/etc/passwd', 'LineAsString')) SELECT * FROM x",
    "SELECT 1 IN (SELECT a FROM url('http://127.0.0.1:1/', 'CSV', 'a UInt8'))",
    "DESCRIBE TABLE url('http://127.0.0.1:1/', 'CSV')",
    "EXPLAIN SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM (EXPLAIN SELECT * FROM file('/etc/passwd', 'LineAsString'))",
    "SELECT file('/etc/passwd')",
    "SELECT FILE('/etc/passwd')",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "SELECT joinGet('system.one', 'dummy', 0)",
    "SELECT 1 INTO OUTFILE 'NEVER'",
    "SHOW TABLES INTO OUTFILE 'NEVER'",
    "DESCRIBE TABLE usage_events INTO OUTFILE 'NEVER'",
    "EXPLAIN SELECT 1 INTO OUTFILE 'NEVER'",
    "SELECT * FROM system.processes",
    "SELECT 1 WHERE 'x' IN system.processes",
    "SELECT 1 WHERE 'x' NOT IN system.processes",
    "SELECT * FROM `system`.`processes`",
    "SELECT * FROM {other:Identifier}.{secret:Identifier}",
    "SHOW CREATE TABLE system.processes",
    "EXISTS TABLE system.processes",
    "SELECT * FROM system.named_collections",
    "SELECT * FROM default.`/etc/passwd`",
    "SELECT * FROM view(SELECT file('/etc/passwd'))",
    "SELECT * FROM usage_summary(since = (SELECT file('/etc/passwd')))",
    "SELECT * APPLY(file) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/passwd' AS x)",
    "SELECT arrayMap(file, ['/etc/passwd'])",
    "WITH file AS f SELECT arrayMap(f, ['/etc/passwd'])",
    "SELECT arrayMap({function:Identifier}, ['/etc/passwd'])",
    "SHOW TABLES WHERE throwIf(1, file('/etc/passwd'))",
    "SHOW COLUMNS FROM usage_events WHERE throwIf(1, file('/etc/passwd'))",
    "SHOW INDEX FROM usage_events WHERE throwIf(1, file('/etc/passwd'))",
    "SHOW TABLES LIKE 'a' LIMIT length(file('/etc/passwd'))",
    "SHOW TABLES WHERE 1 IN (SELECT 1 FROM system.processes)",
    "SHOW TABLES WHERE name IN system.processes",
    "WITH system.processes AS p SELECT 1 WHERE 'x' IN p",
    "SELECT 1 WHERE ('x' AS y, 1).1 IN (system.processes)",
    "SELECT arrayFilter(x -> x IN system.processes, ['x'])",
    "SELECT dictGet('a', 'b', 1)",
    "SELECT hasColumnInTable('system', 'processes', 'query')",
    "SELECT addressToLine(1)",
    "SELECT arrayReduce('flameGraph', [1])",
    "SELECT getMacro('a')",
    "SELECT sleep(1)",
]


@pytest.mark.parametrize("statement", REACHING_OUT)
def test_what_reaches_beyond_the_database_is_denied(server: LocalServer, statement: str, tmp_path: Path) -> None:
    """Files, other machines and other databases are ACCESS_DENIED (497, status 403), however deep they are hidden."""
    parameters = {"param_other": "system", "param_secret": "processes", "param_function": "file"}
    answer = ask(server, statement.replace("NEVER", str(tmp_path / "never")), also=parameters)
    assert (answer.status, answer.code) == (FORBIDDEN, 497), answer.text
    assert "root:" not in answer.text
    assert list(tmp_path.iterdir()) == []


READABLE = [
    "SHOW TABLES",
    "SHOW FULL TABLES FROM modeltally LIKE 'usage%' LIMIT 3",
    "SHOW DATABASES",
    "SHOW COLUMNS FROM usage_events FROM modeltally",
    "SHOW INDEXES FROM usage_events",
    "SHOW SETTINGS ILIKE '%thread%'",
    "SHOW FUNCTIONS LIKE 'max'",
    "SHOW CREATE TABLE usage_events",
    "SHOW CREATE VIEW modeltally.usage_by_model FORMAT CSV",
    "WITH (x -> upper(x)) AS shout SELECT shout('a'), arrayMap(shout, ['b'])",
    "SELECT arrayMap(upper, ['b'])",
    "SELECT quantileTDigestIf(0.9)(duration_us, outcome = 'success'), uniqExactOrNull(model) FROM usage_events",
    "SELECT * EXCEPT (start) REPLACE (upper(model) AS model) FROM usage_events LIMIT 1 BY model",
    "SELECT arrayReduce('sumIf', [1, 2], [1, 0])",
    "EXPLAIN PLAN actions = 1 SELECT model FROM usage_events",
    "DESCRIBE TABLE (SELECT model FROM usage_events)",
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND name NOT IN ('x')",
    "SELECT count() FROM information_schema.tables",
    "SELECT model FROM usage_events ORDER BY start WITH FILL LIMIT 1 WITH TIES",
]


@pytest.mark.parametrize("statement", READABLE)
def test_what_only_computes_is_answered(server: LocalServer, statement: str) -> None:
    """The lists leave open what dashboards and people write."""
    answer = ask(server, statement)
    assert answer.status == 200, answer.text


WRONG = [
    ("selec 1", 62, BAD_REQUEST),
    ("SELECT 1; SELECT 2", 62, BAD_REQUEST),
    ("SELECT 1; DROP TABLE usage_events", 62, BAD_REQUEST),
    ("SELECT ((1)", 62, BAD_REQUEST),
    ("SELECT 'no end", 62, BAD_REQUEST),
    ("1 + 1", 62, BAD_REQUEST),
    (" \n ", 62, BAD_REQUEST),
    ("SELECT * FROM nosuch.table_of_it", 81, NOT_FOUND),
    ("SELECT * FROM nosuch", 60, NOT_FOUND),
    ("DESCRIBE TABLE nosuch", 60, NOT_FOUND),
    ("SELECT nosuch FROM usage_events", 47, NOT_FOUND),
    ("SELECT nosuch(1)", 46, NOT_FOUND),
    ("SELECT 1 FORMAT NoSuch", 73, NOT_FOUND),
    ("SELECT CAST(1 AS NoSuch)", 50, NOT_FOUND),
    ("SELECT toDate('no date')", 38, BAD_REQUEST),
    ("SELECT {missing:String}", 456, FAILED),
    ("SELECT {number:UInt8}", 457, FAILED),
    ("SELECT throwIf(1)", 395, FAILED),
    ("SELECT 1 SETTINGS max_execution_time = 0", 164, FAILED),
    ("SELECT 1 SETTINGS readonly = 0", 164, FAILED),
    ("SELECT 1 SETTINGS nosuch = 0", 115, NOT_FOUND),
    (f"SELECT {'(' * 2000}1{')' * 2000}", 306, FAILED),
    (f"SELECT {'1+' * 5000}1", 167, BAD_REQUEST),
    (f"SELECT '{'x' * 300_000}'", 62, BAD_REQUEST),
    (b"SELECT '\xff\xfe'", 36, BAD_REQUEST),
    ("SELECT `a\nFunction numbers` FROM usage_events", 62, BAD_REQUEST),
]


@pytest.mark.parametrize(("statement", "code", "status"), WRONG, ids=[str(case[0])[:40] for case in WRONG])
def test_mistake_is_answered_as_a_server_does(
    server: LocalServer, statement: str | bytes, code: int, status: int
) -> None:
    """Code, name and status are those of a ClickHouse server, and the text says the engine's version."""
    answer = ask(server, statement, param_number="many")
    assert (answer.code, answer.status) == (code, status), answer.text
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert answer.text.endswith(" (version 26.9.2.1)\n") or "(version " in answer.text
    assert "formatQuery" not in answer.text


SETTINGS = [
    ({"max_execution_time": "0"}, 452, FAILED),
    ({"max_execution_time": "100000"}, 452, FAILED),
    ({"max_memory_usage": "0"}, 452, FAILED),
    ({"max_memory_usage": str(2**62)}, 452, FAILED),
    ({"max_result_rows": "0"}, 452, FAILED),
    ({"max_result_bytes": "0"}, 452, FAILED),
    ({"max_result_rows": "many"}, 36, BAD_REQUEST),
    ({"readonly": "0"}, 164, FAILED),
    ({"result_overflow_mode": "break"}, 452, FAILED),
    ({"timeout_overflow_mode": "break"}, 452, FAILED),
    ({"allow_introspection_functions": "1"}, 452, FAILED),
    ({"format_schema": "/etc/passwd"}, 452, FAILED),
    ({"output_format_schema": "/never"}, 452, FAILED),
    ({"additional_result_filter": "file('/etc/passwd') != ''"}, 452, FAILED),
    ({"enable_shared_storage_snapshot_in_query": "0"}, 452, FAILED),
    ({"implicit_select": "1"}, 452, FAILED),
    ({"nosuch": "1"}, 115, NOT_FOUND),
    ({"max_threads = 1, readonly": "1"}, 36, BAD_REQUEST),
    ({"max_threads": "'; DROP TABLE usage_events"}, 27, BAD_REQUEST),
    ({"default_format": "NoSuch"}, 73, NOT_FOUND),
    ({"default_format": "dataframe"}, 73, NOT_FOUND),
    ({"database": "nosuch"}, 81, NOT_FOUND),
    ({"database": "system"}, 497, FORBIDDEN),
    ({"client_protocol_version": "new"}, 36, BAD_REQUEST),
    ({"compress": "1"}, 48, NOT_IMPLEMENTED),
    ({"decompress": "1"}, 48, NOT_IMPLEMENTED),
    ({"role": "admin"}, 48, NOT_IMPLEMENTED),
]


@pytest.mark.parametrize(("arguments", "code", "status"), SETTINGS, ids=[str(case[0]) for case in SETTINGS])
def test_argument_that_lifts_a_limit_or_is_unknown_is_refused(
    server: LocalServer, arguments: dict[str, str], code: int, status: int
) -> None:
    """No argument of the address undoes what the engine holds, or reaches what the statement may not."""
    answer = ask(server, "SELECT getSetting('readonly')", also=arguments)
    assert (answer.code, answer.status) == (code, status), answer.text


def test_every_setting_a_client_may_choose_is_harmless_by_its_name(server: LocalServer) -> None:
    """Of all settings the engine has, those that are open hold no path, address or expression, and no half answers."""
    from modeltally.clickhouse import settings as client_settings  # noqa: PLC0415 - only this test looks inside

    names = ask(server, "SELECT name FROM system.settings").text.split()
    free = [name for name in names if client_settings.is_free(name)]
    assert len(names) > 1000
    assert len(free) > 50
    suspicious = ("schema", "file", "path", "url", "additional", "overflow_mode", "template", "allow_", "remote", "s3_")
    assert [name for name in free if any(part in name for part in suspicious)] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Basic ZGVmYXVsdDp3cm9uZw=="},
        {"Authorization": "Basic no base64"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "", "X-ClickHouse-User": "default", "X-ClickHouse-Key": "wrong"},
        {"Authorization": "", "X-ClickHouse-User": "admin", "X-ClickHouse-Key": SECRET},
        {"Authorization": "Digest x"},
        {"Authorization": "Basic \xe9\xff"},
        {"Authorization": "Bearer \xe9\xff"},
        {"Authorization": "", "X-ClickHouse-User": "default", "X-ClickHouse-Key": "\xe9"},
        {"Authorization": "Basic ZGVmYXVsdDr/"},
    ],
    ids=str,
)
def test_wrong_password_is_refused(server: LocalServer, headers: dict[str, str]) -> None:
    """AUTHENTICATION_FAILED (516) with 403, whichever way it is shown; nothing of the query is looked at."""
    answer = ask(server, "selec 1", headers=headers)
    assert (answer.status, answer.code) == (FORBIDDEN, 516)
    assert SECRET not in answer.text
    assert server.address.token not in answer.text


def test_password_opens_whichever_way_it_is_shown(server: LocalServer) -> None:
    """The token of the server and the password that was set, by Basic, Bearer, headers and arguments."""
    for secret in (SECRET, server.address.token):
        ways = [
            {"Authorization": f"Bearer {secret}"},
            {"Authorization": "", "X-ClickHouse-User": "modeltally", "X-ClickHouse-Key": secret},
        ]
        assert [ask(server, "SELECT 1", headers=way).text for way in ways] == ["1\n"] * 2
        shown = ask(server, "SELECT 1", headers={"Authorization": ""}, user="default", password=secret)
        assert shown.text == "1\n"


def test_strange_host_is_refused(server: LocalServer) -> None:
    """A page in a browser that calls this machine by another name is told nothing, not even that this is a server."""
    for path in ("/", "/ping"):
        assert ask(server, "SELECT 1", path=path, method="GET", headers={"Host": "attacker.example"}).status == 421


def test_body_that_is_too_large_is_refused(server: LocalServer) -> None:
    """More bytes than taken, also after unpacking, are QUERY_IS_TOO_LARGE (229) with 413."""
    large = b"SELECT 1 --" + b"x" * MAX_BODY_BYTES
    for sent, headers in ((large, {}), (zlib.compress(large), {"Content-Encoding": "deflate"})):
        answer = ask(server, sent, headers=headers)
        assert (answer.status, answer.code) == (413, 229)


def test_body_that_is_damaged_is_refused(server: LocalServer) -> None:
    """Compressed data that is none or ends early, unknown compression, and a form that is none say what is wrong."""
    whole = zlib.compress(b"SELECT 1 -- " + b"x" * 1000)
    for sent, encoding, code in ((b"no zip", "gzip", 271), (whole[:10], "deflate", 271), (whole, "br", 48)):
        assert ask(server, sent, headers={"Content-Encoding": encoding}).code == code
    form = {"Content-Type": "multipart/form-data; boundary=edge"}
    for sent in (b"", b"no form", b'--edge\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT 1'):
        assert ask(server, sent, headers=form).code == 36
    file = b'--edge\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n1\r\n--edge--\r\n'
    assert ask(server, file, headers=form, query="SELECT * FROM t").code == 48


def test_body_that_breaks_off_disturbs_nobody(server: LocalServer) -> None:
    """A client that announces more than it sends, and goes, leaves nothing behind."""
    url = urlsplit(server.address.clickhouse_url)
    for _ in range(20):
        with socket.create_connection((url.hostname or "", url.port or 0), timeout=60) as connection:
            connection.sendall(
                b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\nAuthorization: Bearer "
                + SECRET.encode()
                + b"\r\n\r\nSELECT "
            )
    assert ask(server, "SELECT 1").text == "1\n"


def test_other_paths_and_methods_are_none(server: LocalServer) -> None:
    """There is no play page, no dashboard, and nothing to put or delete."""
    assert ask(server, method="GET", path="/play").status == NOT_FOUND
    assert ask(server, method="GET", path="/dashboard").status == NOT_FOUND
    assert ask(server, method="DELETE").status == 405
    assert ask(server, "SELECT 1", method="PUT").status == 405


def test_token_is_what_the_data_directory_says(server: LocalServer) -> None:
    """Whoever may read the data directory finds address and password there, and nobody else can read that file."""
    path = server.directory / "server.json"
    content = json.loads(path.read_text())
    assert content["clickhouse_url"] == server.address.clickhouse_url
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.slow(seconds=7, why="eight clients at once")
def test_many_mistakes_at_once_disturb_no_answer(server: LocalServer) -> None:
    """While eight clients send what is refused, every right query gets its right answer."""
    stop = threading.Event()
    refused: list[int] = []

    def disturb(number: int) -> None:
        while not stop.is_set():
            refused.append(ask(server, WRITES[number]).code)

    threads = [threading.Thread(target=disturb, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    try:
        answers = [ask(server, "SELECT {n:UInt32} * 2", param_n=number).text for number in range(50)]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert answers == [f"{number * 2}\n" for number in range(50)]
    assert set(refused) == {164}


def test_head_of_a_request_is_bounded(server: LocalServer) -> None:
    """An address without end is refused before it is in memory, and the next one is answered."""
    url = urlsplit(server.address.clickhouse_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=60)
    try:
        connection.request("GET", "/?query=" + "x" * 1_000_000)
        assert connection.getresponse().status == BAD_REQUEST
    except (BrokenPipeError, ConnectionResetError):
        pass  # it did not listen to the end, which is as good
    finally:
        connection.close()
