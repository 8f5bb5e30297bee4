"""`modeltally doctor`: what it finds on the way out, in the environment, at the server and in the store."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from email.utils import formatdate
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from cli.conftest import rows_of
from modeltally.cli._doctor import exit_code
from modeltally.cli._exit import ExitCode
from modeltally.doctor import machine
from modeltally.doctor import store as doctor_store
from modeltally.doctor.findings import Level, fail, ok, warn
from modeltally.instrument._privacy import Hasher
from modeltally.settings import Settings
from modeltally.store import open_store
from support.ports import refused_url
from support.sink import Answer, Listener
from support.stores import ask as stored_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cli.conftest import Run, RunningServer
    from modeltally.analytics.topics.quality import CompletenessRow
    from support.stores import Template


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    """Start receivers that answer in a given way; each call gives an address."""
    listeners = []

    def start(status: int, **headers: str) -> str:
        answer = Answer(status, {name.replace("_", "-"): value for name, value in headers.items()})
        listeners.append(Listener(lambda *_: answer))
        return listeners[-1].url

    yield start
    for listener in listeners:
        listener.close()


@pytest.fixture
def unanswered() -> Iterator[str]:
    """Give an address where nobody listens."""
    with refused_url() as url:
        yield url


def ask(run: Run, *arguments: object, **environment: str) -> tuple[int, list[dict[str, str]]]:
    """Run the doctor and give its exit code and its findings."""
    answer = run("doctor", *arguments, "--format", "json", environment=environment)
    assert "Traceback" not in answer.stderr
    return answer.returncode, json.loads(answer.stdout)


def lines(findings: list[dict[str, str]], area: str) -> list[str]:
    """What was found in one area: level, what, todo."""
    return [f"{found['level']}: {found['what']} -> {found['todo']}" for found in findings if found["area"] == area]


def test_doctor_is_content_with_a_server_that_runs(run: Run, server: RunningServer) -> None:
    """Where everything is in place nothing fails: address and reason, the answer, the clock, the server, its spool."""
    code, found = ask(run, "--dir", server.directory, MODELTALLY_OTLP_ENDPOINT=server.otlp_url)
    assert code == ExitCode.OK, found
    traces = lines(found, "traces")
    assert f"ok: go to {server.otlp_url}/v1/traces (from MODELTALLY_OTLP_ENDPOINT; headers: none)" in traces[0]
    assert "took an empty request: status 200" in traces[1]
    assert lines(found, "clock")[0].startswith("ok: agrees")
    assert "took an empty request: status 200" in lines(found, "metrics")[1]
    assert f"process {server.process.pid}" in lines(found, "server")[0]
    assert "ok: spool" in lines(found, "server")[1]
    assert "chdb-core" in lines(found, "versions")[0]
    assert lines(found, "completeness")[0].startswith("ok")


def test_doctor_says_what_to_do_where_nobody_listens(here: Run, unanswered: str, tmp_path: Path) -> None:
    """A destination that cannot be reached is the failure a script can tell from all others."""
    answer = here("doctor", "--dir", tmp_path / "data", environment={"OTEL_EXPORTER_OTLP_ENDPOINT": unanswered})
    assert answer.returncode == ExitCode.UNAVAILABLE
    assert f"fail traces       {unanswered}/v1/traces cannot be reached: nobody listens there" in answer.stdout
    assert "-> start `modeltally up` there" in answer.stdout
    assert "from OTEL_EXPORTER_OTLP_ENDPOINT" in answer.stdout
    assert not (tmp_path / "data").exists()


def test_doctor_names_a_host_that_is_not_known(here: Run, tmp_path: Path) -> None:
    """A misspelt host name is told from a server that is down."""
    code, found = ask(here, "--dir", tmp_path, MODELTALLY_OTLP_ENDPOINT="http://nowhere.invalid:4318")
    assert code == ExitCode.UNAVAILABLE
    assert "its host name is not known" in lines(found, "traces")[-1]


@pytest.mark.parametrize(
    ("status", "headers", "level", "what", "todo"),
    [
        (404, {}, Level.FAIL, "takes no OTLP: status 404", "the path must end in /v1/traces"),
        (401, {}, Level.FAIL, "refuses us: status 401", "MODELTALLY_OTLP_HEADERS"),
        (403, {}, Level.FAIL, "refuses us: status 403", "MODELTALLY_OTLP_HEADERS"),
        (503, {}, Level.FAIL, "takes nothing at the moment: status 503", "receiver's own log"),
        (400, {}, Level.FAIL, "does not take an OTLP request: status 400", "name a receiver's address"),
        (
            307,
            {"Location": "https://new:secret@elsewhere.invalid/v1/traces?token=secret"},
            Level.FAIL,
            "redirects (307) to https://elsewhere.invalid/v1/traces; redirects are not followed",
            "name the address it leads to",
        ),
        (200, {"Content_Type": "text/html; charset=utf-8"}, Level.WARN, "answered with text/html", "a receiver"),
        (200, {"Content_Type": "application/json"}, Level.OK, "took an empty request: status 200", ""),
    ],
)
def test_doctor_reads_the_answer_of_the_destination(
    here: Run,
    answering: Callable[..., str],
    tmp_path: Path,
    status: int,
    headers: dict[str, str],
    level: Level,
    what: str,
    todo: str,
) -> None:
    """Each kind of answer has its meaning and its remedy; only one that takes nothing fails."""
    endpoint = answering(status, **headers)
    code, found = ask(here, "--dir", tmp_path, MODELTALLY_OTLP_ENDPOINT=endpoint)
    line = lines(found, "traces")[-1]
    assert line.startswith(level.value)
    assert what in line
    assert todo in line
    assert "secret" not in json.dumps(found)
    assert code == (ExitCode.UNAVAILABLE if level is Level.FAIL else ExitCode.OK)
    # statistics are made of traces alone
    assert not any(metrics.startswith("fail") for metrics in lines(found, "metrics"))


@pytest.mark.parametrize(("ahead_seconds", "direction"), [(3600, "ahead of"), (-90, "behind")])
def test_doctor_compares_the_clocks(
    here: Run,
    answering: Callable[..., str],
    tmp_path: Path,
    ahead_seconds: int,
    direction: str,
) -> None:
    """A clock that is minutes off is named, with its direction."""
    theirs = formatdate(time.time() + ahead_seconds, usegmt=True)
    endpoint = answering(200, Content_Type="application/x-protobuf", Date=theirs)
    code, found = ask(here, "--dir", tmp_path, MODELTALLY_OTLP_ENDPOINT=endpoint)
    (line,) = lines(found, "clock")
    assert line.startswith("warn: the destination's clock is ")
    assert f" s {direction} this machine's" in line
    assert code == ExitCode.OK


@pytest.mark.slow(seconds=6, why="five commands")
def test_doctor_prints_no_secret(run: Run, server: RunningServer) -> None:
    """Passwords in addresses, values of headers and the user key stay out of every line and every format."""
    environment = {
        "MODELTALLY_OTLP_ENDPOINT": server.otlp_url.replace("//", "//ada:hush1@"),
        "MODELTALLY_OTLP_HEADERS": "authorization=Bearer%20hush2,x-key=hush3",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=hush4",
        "MODELTALLY_USER_KEY": "hush5",
    }
    for form in ("json", "table", "csv"):
        answer = run("doctor", "--send", "--dir", server.directory, "--format", form, environment=environment)
        assert answer.returncode == ExitCode.OK, answer.stdout
        assert "authorization, x-key" in answer.stdout
        assert "hush" not in answer.stdout + answer.stderr


def test_doctor_knows_the_user_key(here: Run, server: RunningServer, tmp_path: Path) -> None:
    """Where the key is from, its id, whether the server's is another, and whether others can read it."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "user.key").write_text("a" * 64)
    (own / "user.key").chmod(0o644)
    environment = {"MODELTALLY_OTLP_ENDPOINT": server.otlp_url, "XDG_DATA_HOME": str(tmp_path / "empty")}
    served = (server.directory / "user.key").read_text().strip()
    served_id, own_id = Hasher(served).key_id, Hasher("a" * 64).key_id

    _, found = ask(here, "--dir", server.directory, **environment)
    (line,) = lines(found, "user key")
    assert line.startswith("warn: none")
    assert str(server.directory / "user.key") in line

    _, found = ask(here, "--dir", server.directory, MODELTALLY_USER_KEY=served, **environment)
    assert lines(found, "user key") == [f"ok: from MODELTALLY_USER_KEY, key id {served_id} -> "]

    # the service reads the directory of MODELTALLY_DIR, the server runs on another
    _, found = ask(here, "--dir", server.directory, MODELTALLY_DIR=str(own), **environment)
    first, other, permissions = lines(found, "user key")
    assert first == f"ok: from {own / 'user.key'}, key id {own_id} -> "
    assert other.startswith(f"warn: the server has another: {server.directory / 'user.key'}, key id {served_id}")
    assert permissions.endswith(f"can be read by others (mode 0644) -> chmod 600 {own / 'user.key'}")


@pytest.mark.parametrize(
    ("environment", "what", "todo"),
    [
        ({"MODELTALLY_DISABLED": "1"}, "MODELTALLY_DISABLED switches telemetry off", "unset it"),
        ({"OTEL_SDK_DISABLED": "true"}, "OTEL_SDK_DISABLED switches telemetry off", "unset it"),
        ({"MODELTALLY_OTLP_ENDPIONT": "x"}, "nobody reads the variable", "did you mean MODELTALLY_OTLP_ENDPOINT?"),
        ({"MODELTALLY_ROLL_INTERVALL": "5"}, "nobody reads", "did you mean MODELTALLY_ROLL_INTERVAL_SECONDS?"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=b"}, "OTEL_EXPORTER_OTLP_HEADERS is set and not used", "MODELTALLY_OTLP"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "does not switch modeltally off", "MODELTALLY_DISABLED=1"),
    ],
)
def test_doctor_sees_what_is_odd_in_the_environment(
    here: Run, server: RunningServer, environment: dict[str, str], what: str, todo: str
) -> None:
    """Switches, contradictions and misspelt names are warnings, with the way out."""
    given = {"MODELTALLY_OTLP_ENDPOINT": server.otlp_url} | environment
    code, found = ask(here, "--dir", server.directory, **given)
    assert code == ExitCode.OK
    (line,) = [line for line in lines(found, "environment") if line.startswith("warn")]
    assert what in line
    assert todo in line


def test_doctor_is_content_with_variables_that_are_read(here: Run, server: RunningServer) -> None:
    """Settings and our own variables are listed, and none of them is odd."""
    given = {"MODELTALLY_OTLP_ENDPOINT": server.otlp_url, "MODELTALLY_ROLL_INTERVAL_SECONDS": "60"}
    _, found = ask(here, "--dir", server.directory, **given)
    expected = "ok: set: MODELTALLY_OTLP_ENDPOINT, MODELTALLY_ROLL_INTERVAL_SECONDS -> "
    assert lines(found, "environment") == [expected]


def test_doctor_says_why_nothing_is_exported_over_grpc(here: Run, tmp_path: Path) -> None:
    """An environment that asks for gRPC and names no address of ours leaves telemetry off, and that is a failure."""
    given = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}
    code, found = ask(here, "--dir", tmp_path, **given)
    assert code == ExitCode.FOUND
    (line,) = lines(found, "traces")
    assert line.startswith("fail")
    assert "set MODELTALLY_OTLP_ENDPOINT" in line


def test_doctor_goes_on_with_a_setting_that_is_wrong(here: Run, server: RunningServer) -> None:
    """A setting that keeps the server from starting is a line, and the others stand."""
    given = {"MODELTALLY_OTLP_ENDPOINT": server.otlp_url, "MODELTALLY_HTTP_PORT": "x"}
    code, found = ask(here, "--dir", server.directory, **given)
    assert code == ExitCode.FOUND
    assert "MODELTALLY_HTTP_PORT" in lines(found, "settings")[0]
    assert "status 200" in lines(found, "traces")[1]


def test_doctor_sends_one_operation_and_finds_it(run: Run, server: RunningServer) -> None:
    """--send goes the whole way, from the wrapper to the store, as an operation of its own that no request counts."""
    code, found = ask(run, "--send", "--dir", server.directory, MODELTALLY_OTLP_ENDPOINT=server.otlp_url)
    assert code == ExitCode.OK, found
    sent, stored = lines(found, "test")
    assert "ok: one operation 'doctor.test' was sent and taken" in sent
    assert stored.startswith("ok: it is in the local store")
    rows = rows_of(run("stats", "operations", "--dir", server.directory, "--format", "json").stdout)
    assert "doctor.test" in {row["operation"] for row in rows}


def test_doctor_says_when_what_it_sent_was_not_taken(
    run: Run, answering: Callable[..., str], server: RunningServer
) -> None:
    """A receiver that refuses the operation fails the test, with the reason under which it is lost."""
    code, found = ask(run, "--send", "--dir", server.directory, MODELTALLY_OTLP_ENDPOINT=answering(403))
    assert code == ExitCode.UNAVAILABLE
    assert lines(found, "test")[0].startswith("fail: one operation was sent and not taken: rejected 1")


def test_doctor_looks_only_where_it_sent(run: Run, answering: Callable[..., str], server: RunningServer) -> None:
    """What goes to another receiver is not looked for in the local store."""
    endpoint = answering(200, Content_Type="application/x-protobuf")
    code, found = ask(run, "--send", "--dir", server.directory, MODELTALLY_OTLP_ENDPOINT=endpoint)
    assert code == ExitCode.OK
    assert "it went elsewhere" in lines(found, "test")[1]


def test_a_part_that_is_gone_is_found_by_doctor_and_check(
    here: Run, answering: Callable[..., str], template: Template, tmp_path: Path
) -> None:
    """Deleted while nobody had the store open: both say so and end with 6."""
    directory = template.copy(tmp_path / "data")
    with contextlib.closing(open_store(directory, settings=Settings(dir=directory))) as store:
        store.database.insert_rows("aliases", ["alias", "name"], [["a", "b"]])
        (row,) = stored_in(store, "SELECT path FROM system.parts WHERE active AND table = 'aliases'")
    part = Path(str(row["path"]))
    shutil.rmtree(part)
    receiver = answering(200, Content_Type="application/x-protobuf")
    code, found = ask(here, "--dir", directory, MODELTALLY_OTLP_ENDPOINT=receiver)
    assert code == ExitCode.FOUND
    assert lines(found, "store")[0].startswith("fail: the engine's files are damaged: 1 parts of tables are gone")
    checked = here("check", "--dir", directory)
    assert checked.returncode == ExitCode.FOUND
    assert "BROKEN  parts_are_there: 1 rows" in checked.stdout
    assert f"aliases/{part.name}" in checked.stdout
    assert "look after the disk" in checked.stdout


def test_doctor_sees_a_server_that_does_not_answer(
    here: Run, server: RunningServer, unanswered: str, tmp_path: Path
) -> None:
    """An address in the data directory behind which nobody answers is a failure, and the store is not waited for."""
    urls = dict.fromkeys(("http_url", "otlp_url", "otlp_grpc_url"), unanswered)
    address = {"pid": os.getpid(), **urls, "token": "t"}
    (tmp_path / "server.json").write_text(json.dumps(address))
    code, found = ask(here, "--dir", tmp_path, MODELTALLY_OTLP_ENDPOINT=server.otlp_url)
    assert code == ExitCode.FOUND
    assert lines(found, "server")[1].startswith("fail: it does not answer")
    assert lines(found, "completeness") == []


def test_versions_below_what_is_supported_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old package is a warning with the range that is supported and the command that brings it."""
    installed = {"modeltally": "1.0", "opentelemetry-api": "1.9.1", "opentelemetry-sdk": "1.99.0"}
    monkeypatch.setattr(machine, "_version", installed.get)
    monkeypatch.setattr(
        machine,
        "requires",
        lambda _: ["opentelemetry-api<2,>=1.43", "opentelemetry-sdk<2,>=1.43", "chdb-core<27,>=26.9; extra == 'local'"],
    )
    _, old, engine = machine.examine_versions()
    assert old == warn(
        "versions",
        "opentelemetry-api 1.9.1 is not supported: >=1.43,<2 is",
        "pip install 'opentelemetry-api>=1.43,<2'",
    )
    assert engine.level is Level.OK
    assert "modeltally[local]" in engine.what


def test_status_of_a_server_in_trouble_is_read() -> None:
    """A failing store fails; a full or old spool, a failed roll, quarantine and refusals are warnings with numbers."""
    status = {
        "spool": {"bytes": 95, "cap_bytes": 100, "oldest_age_seconds": 7200},
        "store_failure": "disk full\nand more",
        "last_roll": {"at": "2026-03-02T10:00:00Z", "error": "no room"},
        "last_alerts": {
            "report": [{"untold": 2, "delivery_error": "the webhook at https://hooks.example answered 404"}]
        },
        "quarantined": {"bad_identity": 3},
        "refused": {"too_large": 1200},
    }
    found = list(doctor_store._examine_status(status))
    assert [each.level for each in found] == [Level.WARN, Level.FAIL, *[Level.WARN] * 4]
    text = "\n".join(each.what for each in found)
    for part in (
        "95 B of 100 B, oldest 2.0 h",
        "takes nothing: disk full",
        "no room",
        "2 alerts wait to be told: the webhook at https://hooks.example answered 404",
        "bad_identity 3",
        "too_large 1,200",
    ):
        assert part in text
    assert "and more" not in text
    damaged = {"spool": {"damaged_segments": 2, "damaged_records": 3, "set_aside": 1}, "problem": "a thread is gone"}
    found = list(doctor_store._examine_status(damaged))
    assert [each.level for each in found] == [Level.OK, Level.FAIL, Level.WARN, Level.FAIL]
    text = "\n".join(each.what for each in found)
    assert "the disk damaged 2 segments, 3 records since it started" in text
    assert "1 segments set aside" in text
    assert "a thread is gone" in text
    well = {"spool": {"bytes": 1, "cap_bytes": 100, "oldest_age_seconds": 0.1}, "last_roll": {"at": "x", "seconds": 1}}
    assert [each.level for each in doctor_store._examine_status(well)] == [Level.OK, Level.OK]


def test_verdicts_of_the_last_day_are_summed_up() -> None:
    """Processes by verdict, what is missing of them, and every reason and kind added up."""

    def row(verdict: str, unexplained: int | None, **more: dict[str, int]) -> CompletenessRow:
        nothing: dict[str, object] = {"dropped_by_reason": {}, "problems_by_kind": {}}
        return cast("CompletenessRow", {"verdict": verdict, "unexplained": unexplained, **nothing, **more})

    rows = [
        row("incomplete", 1000, dropped_by_reason={"queue_full": 2}),
        row("incomplete", 5, dropped_by_reason={"queue_full": 1, "rejected": 4}),
        row("ended without goodbye", 7, problems_by_kind={"no_user_key": 3}),
        row("never reported", None),
        row("complete", 0),
    ]
    summary, *warnings = doctor_store._judge(rows)
    assert summary == ok(
        "completeness",
        "processes of the last 24 hours: complete 1, ended without goodbye 1, incomplete 2, never reported 1",
    )
    assert [each.level for each in warnings] == [Level.WARN] * 5
    assert [each.what for each in warnings] == [
        "2 said goodbye and started more than is here or was dropped: 1,005 operations",
        "1 were killed, and what they had not sent is lost: at least 7 operations",
        "1 sent operations and no heartbeat: nobody can tell what is missing",
        "dropped in their life: queue_full 3, rejected 4",
        "problems, no operation lost by them: no_user_key 3",
    ]
    assert warnings[-1].todo == "give the services the user key"
    _, killed = doctor_store._judge([row("ended without goodbye", None)])
    assert killed.what == "1 were killed, and what they had not sent is lost; how much is unknown"
    (nothing,) = doctor_store._judge([])
    assert nothing.level is Level.OK


def test_destination_that_cannot_be_reached_outweighs_other_failures() -> None:
    """Warnings end in success, failures in their code, and 4 comes before 6."""
    unreachable = fail("traces", "x", "y", is_unreachable=True)
    broken = fail("server", "x", "y")
    assert exit_code([ok("a", "b"), warn("a", "b", "c")]) is ExitCode.OK
    assert exit_code([broken]) is ExitCode.FOUND
    assert exit_code([broken, unreachable, broken]) is ExitCode.UNAVAILABLE


def test_every_setting_is_a_known_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable that is read is called unknown, in whatever case settings may be written."""
    for name in list(os.environ):
        if name.upper().startswith("MODELTALLY_"):
            monkeypatch.delenv(name)
    for field in Settings.model_fields:
        monkeypatch.setenv(f"MODELTALLY_{field.upper()}", "1")
    monkeypatch.setenv("modeltally_host", "127.0.0.1")
    assert [found.level for found in machine._unknown_variables()] == [Level.OK]
