"""The store on a ClickHouse server: the same tables, figures, advice and reports as in a data directory."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.cli._exit import ExitCode
from modeltally.errors import InputError, ServerError, SettingError, StoreError
from modeltally.jobs import runners
from modeltally.settings import Settings, load_settings
from modeltally.store import ServedStore, open_served_store, sql
from modeltally.store._barrier import ServerBarrier
from modeltally.store.client import Database
from store.answers import AS_OF, answers, has_rows, lived_in, questions
from store.served import PASSWORD, Server, served
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from modeltally.clickhouse.engine import Query
    from modeltally.store import DatabaseStore, Row
    from support.stores import Template

JOBS = runners(is_served=True)
COMMAND = Path(sys.executable).parent / "modeltally"
COLUMNS = """
SELECT table AS of_table, name, type, default_kind, default_expression, compression_codec
FROM system.columns WHERE database = 'modeltally' ORDER BY table, position
"""
TABLES = """
SELECT name, engine_full, create_table_query FROM system.tables WHERE database = 'modeltally' ORDER BY name
"""
COUNTS = """
SELECT table AS of_table, sum(rows) AS stored
FROM system.parts WHERE active AND database = 'modeltally' GROUP BY table ORDER BY table
"""


def open_on(server: Server) -> ServedStore:
    """Open the store of a test server, its schema up to date."""
    store = ServedStore(
        Database.open_url(server.url, password=PASSWORD), settings=Settings(), jobs=JOBS, clock=lambda: AS_OF
    )
    store.migrate()
    return store


def life_of(store: DatabaseStore) -> dict[str, Any]:
    """Bring a store through months, then say all that is in it and all that its jobs report."""
    lived_in(store)
    found: dict[str, Any] = {"answers": answers(store)}
    for job in ("check", "roll", "roll", "expire", "recommend_cleanup", "recommend_preload", "recommend_performance"):
        report = store.run(job, {} if job in {"check", "roll"} else {"as_of": AS_OF})
        found[f"{len(found)} {job}"] = sorted(report, key=str)
    found["seed"] = store.run("recommend_cleanup", {"as_of": AS_OF, "policy": "seed"})
    return {
        **found,
        "columns": ask(store, COLUMNS),
        "tables": ask(store, TABLES),
        "rows": ask(store, COUNTS),
    }


@pytest.fixture(scope="module")
def lives(template: Template, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bring two stores through the same life: one in this process, one behind HTTP."""
    root = tmp_path_factory.mktemp("lives")
    with template.opened(root / "embedded", clock=lambda: AS_OF) as embedded:
        in_process = life_of(embedded)
        for view in sql.views_to_install(is_embedded=False):  # it keeps calls, which a server does not
            embedded.database.install_view(view)
        in_process["tables"] = ask(embedded, TABLES)
    with served(root / "served") as server:
        store = open_on(server)
        over_http = life_of(store)
        store.close()
    return in_process, over_http


@pytest.mark.slow(seconds=230, why="two stores brought through months")
def test_every_table_and_view_is_made_alike(lives: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Migrated over HTTP, each table and view is made by the same statement, with the same columns."""
    in_process, over_http = lives
    assert len(over_http["tables"]) > 30
    assert over_http["tables"] == in_process["tables"]
    assert over_http["columns"] == in_process["columns"]


@pytest.mark.slow(seconds=230, why="the same two stores")
def test_every_job_reports_and_leaves_the_same(lives: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Rolls, expiry, erasure, checks and advice give the same reports, and leave as many rows in every table."""
    in_process, over_http = lives
    reports = [name for name in in_process if name[0].isdigit() or name == "seed"]
    assert len(reports) == 8
    for name in reports:
        assert over_http[name] == in_process[name], name
    assert over_http["rows"] == in_process["rows"]
    assert all(row["broken_rows"] == 0 for row in over_http["1 check"])
    assert sum(row["buckets"] for row in over_http["2 roll"]) > 0


@pytest.mark.slow(seconds=230, why="the same two stores")
def test_every_view_gives_the_same_rows(lives: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """Every row of every view is the same, of a store with rolled hours and dirty ones, late rows and erased users."""
    in_process, over_http = lives
    assert has_rows(in_process["answers"])
    assert over_http["answers"] == in_process["answers"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Serve an empty engine."""
    with served(tmp_path / "engine") as running:
        yield running


def test_migrate_makes_the_database_once(server: Server) -> None:
    """A server without the database gets it; the second time nothing is left to apply."""
    store = ServedStore(Database.open_url(server.url, password=PASSWORD), settings=Settings(), jobs=runners())
    with pytest.raises(StoreError, match=r"does not exist.*`modeltally migrate`"):
        store.read("usage_overview", questions(sql.view("usage_overview"))[0])
    assert len(store.migrate()) == len(sql.schema()) - 1 + len(sql.ingest())
    assert store.migrate() == []
    assert store.read("usage_overview", questions(sql.view("usage_overview"))[0]) == []
    store.close()


def test_reads_carry_what_makes_them_right(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every question is sent with the setting without which a read during a roll mixes two states."""
    seen: list[Mapping[str, str]] = []
    answer = server.answer

    def see(query: Query) -> tuple[bytes, str]:
        seen.append(query.settings)
        return answer(query)

    monkeypatch.setattr(server, "answer", see)
    store = open_on(server)
    seen.clear()
    store.read("usage_by_model", questions(sql.view("usage_by_model"))[0])
    store.run("erase_user", {"user_hash": "00112233aabbccdd", "as_of": AS_OF})
    assert seen
    assert all(settings["enable_shared_storage_snapshot_in_query"] == "1" for settings in seen)
    assert [settings for settings in seen if settings.get("mutations_sync") == "2"]
    store.close()


def test_threads_share_one_store(server: Server) -> None:
    """Eight threads ask one store side by side, and each gets the answer to its own question."""
    store = open_on(server)
    question = sql.Statement("question", "SELECT {number:UInt32} AS number")
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda number: store.database.query(question, {"number": number}), range(200)))
    assert found == [[{"number": number}] for number in range(200)]
    store.close()


def test_what_must_see_no_insert_under_way_waits_for_it(server: Server) -> None:
    """An insert that another client began before is over when the gate says so."""
    store = open_on(server)
    slow = sql.Statement(
        "slow",
        "INSERT INTO aliases SELECT 'model', toString(number + sleepEachRow(0.05)), 'b', toDateTime64(0, 6)"
        " FROM numbers(40) SETTINGS max_block_size = 10, max_insert_threads = 1",
    )
    count = sql.Statement("count", "SELECT count() AS stored FROM aliases")
    writer = threading.Thread(target=store.database.command, args=(slow,))
    writer.start()
    try:
        while not store.database._inserts_under_way():
            assert writer.is_alive(), "it was over before it was seen"
        with store.database.insert_barrier as barrier:
            barrier.drain()
        assert store.database.query(count) == [{"stored": 40}]
    finally:
        writer.join()
    store.close()


def test_gate_waits_only_for_what_was_there_and_not_for_ever() -> None:
    """Inserts that begin later are not waited for; one that never ends is an error that says so."""
    left = iter([{"a", "b"}, {"a", "c"}, {"c"}])
    ServerBarrier(lambda: next(left)).drain()
    with pytest.raises(StoreError, match="1 inserts have not ended within 0 seconds"):
        ServerBarrier(lambda: {"a"}, drain_seconds=0).drain()


def test_freezing_and_erasing_wait_for_inserts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A month is rolled, and a user taken out of what is stored, only after what was on its way has arrived."""
    store = open_on(server)
    order: list[str] = []
    command = store.database.command

    def look() -> set[str]:
        order.append("drained")
        return set()

    def note(statement: sql.Statement, values: Mapping[str, object] | None = None) -> None:
        order.append(statement.name)
        command(statement, values)

    store.database.insert_barrier = ServerBarrier(look)
    monkeypatch.setattr(store.database, "command", note)
    store.run("erase_user", {"user_hash": "00112233aabbccdd", "as_of": AS_OF})
    assert order[:3] == ["erase/tombstone", "drained", "erase/substitute"]
    store.close()


# -- commands --------------------------------------------------------------------------------------------------------


def run(server: Server, directory: Path, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command against a test server."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "MODELTALLY_"))}
    environment |= {
        "MODELTALLY_STORE": server.url,
        "MODELTALLY_STORE_PASSWORD": PASSWORD,
        "MODELTALLY_DIR": str(directory),
        "NO_COLOR": "1",
        **variables,
    }
    return subprocess.run(
        [COMMAND, *map(str, words)],
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def rows_of(done: subprocess.CompletedProcess[str]) -> list[Row]:
    """Read the rows that a command printed as JSON."""
    assert done.returncode == 0, done.stderr
    content = json.loads(done.stdout)
    found: list[Row] = content["rows"] if isinstance(content, dict) else content
    return found


@pytest.mark.slow(seconds=15, why="ten commands")
def test_commands_run_against_a_server(server: Server, tmp_path: Path) -> None:
    """From an empty server to figures and advice, with nothing written beside it, and never the password in sight."""
    directory = tmp_path / "work"
    directory.mkdir()
    migrated = run(server, directory, "migrate")
    assert "up to date" in migrated.stdout, migrated.stderr
    store = open_on(server)
    lived_in(store)
    values = {"since": "2025-12-01T00:00:00Z", "until": AS_OF.isoformat(), "as_of": AS_OF.isoformat()}
    wanted = store.read("usage_by_model", {**values, "abandoned_after_seconds": 21600.0})
    store.close()
    window = ("--since", "2025-12-01", "--until", AS_OF.date(), "--as-of", AS_OF.date(), "--format", "json")
    models = rows_of(run(server, directory, "stats", "models", *window))
    assert {row["model"]: row["requests"] for row in models} == {row["model"]: row["requests"] for row in wanted}
    jobs = rows_of(run(server, directory, "jobs", "--once", "--format", "json"))
    assert {row["job"] for row in jobs} == {"roll", "expire", "reports", "alerts", "advise", "judge"}
    checked = rows_of(run(server, directory, "check", "--format", "json"))
    assert all(row["broken_rows"] == 0 for row in checked)
    advised = run(server, directory, "recommend", "cleanup", "--as-of", AS_OF.date(), "--format", "json")
    assert advised.returncode == 0, advised.stderr
    doctor = run(server, directory, "doctor", "--format", "json")
    stores = [row for row in json.loads(doctor.stdout) if row["area"] in {"store", "completeness"}]
    assert {row["level"] for row in stores} == {"ok"}, stores
    for done in (migrated, advised, doctor):
        assert PASSWORD not in done.stdout + done.stderr
    assert list(directory.iterdir()) == []


@pytest.mark.slow(seconds=6, why="every such command")
def test_commands_that_need_a_data_directory_say_so(server: Server, tmp_path: Path) -> None:
    """The local server and an export refuse a store that is a server, instead of making one of their own."""
    up = run(server, tmp_path, "up")
    assert up.returncode == ExitCode.USAGE
    assert "keeps a store of its own" in up.stderr
    assert run(server, tmp_path, "migrate").returncode == 0
    export = run(server, tmp_path, "export", "--to", tmp_path / "out")
    assert export.returncode == ExitCode.USAGE
    assert "BACKUP" in export.stderr
    assert not (tmp_path / "chdb").exists()


@pytest.mark.parametrize("password", ["", "wrong-secret"])
def test_wrong_password_is_an_error_that_does_not_repeat_it(server: Server, tmp_path: Path, password: str) -> None:
    """The server's own word, the address without a secret, and exit code 4."""
    done = run(server, tmp_path, "stats", "overview", MODELTALLY_STORE_PASSWORD=password)
    assert done.returncode == ExitCode.UNAVAILABLE, done.stderr
    assert "AUTHENTICATION_FAILED" in done.stderr
    assert server.url in done.stderr.replace("\n", "")
    assert "wrong-secret" not in done.stderr


def test_password_comes_from_a_file(server: Server, tmp_path: Path) -> None:
    """A file with a line end opens the store; a missing one, or one beside the text, is refused by name."""
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    settings = Settings(store=server.url, store_password_file=path)
    store = open_served_store(settings=settings)
    store.database.create()
    assert ask(store, "SELECT 1 AS one") == [{"one": 1}]
    store.close()
    with pytest.raises(SettingError, match="store_password and store_password_file are both set"):
        open_served_store(settings=settings.model_copy(update={"store_password": type(settings.store_password)("x")}))
    path.unlink()
    with pytest.raises(SettingError, match=f"cannot read store_password_file {path}"):
        open_served_store(settings=settings)


@pytest.mark.parametrize("secret", ["store_password", "clickhouse_password"])
def test_password_that_is_no_text_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """A number where the file should hold text is named by its key alone, and a record that is printed hides it."""
    file = tmp_path / "modeltally.toml"
    file.write_text(f"{secret} = 918273\n")
    file.chmod(0o600)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingError, match=f"'{secret}'.*not shown") as refused:
        load_settings()
    assert "918273" not in str(refused.value)
    file.write_text(f"{secret} = '918273'\n")
    assert "918273" not in repr(load_settings())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://user:hunter2@host/modeltally", "holds a password"),
        ("clickhouse://host:9000", "write it like"),
        ("host:8123", "write it like"),
        ("https://", "write it like"),
        ("http://host:port/modeltally", "is no address"),
        ("http://host:99999/modeltally", "is no address"),
        ("http://host/model tally", "no plain name"),
        ("http://host/a;DROP", "no plain name"),
        ("http://host/modeltally?password=hunter2", "write it like"),
    ],
)
def test_address_that_is_none_is_refused(url: str, said: str) -> None:
    """The error says how an address looks, and repeats no secret."""
    with pytest.raises(SettingError, match=said) as refused:
        Database.open_url(url)
    assert "hunter2:" not in str(refused.value)
    assert "user:hunter2" not in str(refused.value)


def test_server_that_is_not_there_is_an_error() -> None:
    """Nobody listens: the error names the address, and comes at once."""
    with pytest.raises(ServerError, match=r"http://default@127.0.0.1:1/modeltally cannot be opened"):
        Database.open_url("http://127.0.0.1:1")


def test_server_is_trusted_by_its_certificate_alone(tmp_path: Path) -> None:
    """Over TLS with a certificate of one's own the store opens when that is named, and not otherwise."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is missing: install the package of that name, it makes the certificate of this test")
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run(
        [openssl, *made, "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    with served(tmp_path / "engine", tls=tls) as server:
        assert server.url.startswith("https://")
        database = Database.open_url(server.url, password=PASSWORD, ca_file=certificate)
        database.create()
        assert database.query(sql.Statement("q", "SELECT 1 AS one")) == [{"one": 1}]
        database.close()
        with pytest.raises(ServerError, match="certificate"):
            Database.open_url(server.url, password=PASSWORD)


def test_export_over_a_server_names_the_way(server: Server) -> None:
    """The job itself refuses too, for whoever asks it without a command."""
    from modeltally.connect import open_served  # noqa: PLC0415 - only this test needs a command's store

    settings = Settings(store=server.url, store_password=PASSWORD)  # type: ignore[arg-type] # made a secret by pydantic
    with open_served(settings) as store, pytest.raises(InputError, match="BACKUP"):
        store.run("export_begin", {"to": "/nowhere"})
