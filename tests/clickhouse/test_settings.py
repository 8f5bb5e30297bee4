"""What a client chooses for its answer, in the address or in the statement, is for its answer alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from clickhouse.client import ask, running
from modeltally.clickhouse.settings import Clauses, Limits, read_clauses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.server import LocalServer
    from support.stores import Template


@pytest.fixture(scope="module")
def server(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """Run a server that is only asked."""
    with running(template.copy(tmp_path_factory.mktemp("settings"))) as started:
        yield started


@pytest.mark.parametrize(
    ("chosen", "statement", "answer"),
    [
        ({"max_result_rows": 5}, "SELECT number FROM numbers(2)", "0\n1\n"),
        ({"max_result_bytes": 10}, "SELECT 1", "1\n"),
        ({"offset": 1}, "SELECT number FROM numbers(3)", "1\n2\n"),
        ({"limit": 1}, "SELECT number FROM numbers(3)", "0\n"),
        ({"extremes": 1}, "SELECT number FROM numbers(2)", "0\n1\n\n0\n1\n"),
        ({"output_format_tsv_crlf_end_of_line": 1}, "SELECT 'a'", "a\r\n"),
        ({"async_insert": 0}, "SELECT 1", "1\n"),
        ({"async_insert": 1, "wait_for_async_insert": 1}, "SELECT 1", "1\n"),
        ({"result_overflow_mode": "throw", "timeout_overflow_mode": "throw"}, "SELECT 1", "1\n"),
        ({"max_partitions_per_insert_block": 100}, "SELECT 1", "1\n"),
        ({}, "SELECT 1 SETTINGS max_execution_time = 10", "1\n"),
        ({}, "SELECT number FROM numbers(3) SETTINGS limit = 2, max_threads = 1 FORMAT CSV", "0\n1\n"),
        ({"limit": 1}, "SELECT number FROM numbers(3) SETTINGS limit = 2", "0\n1\n"),
        ({}, "SELECT * FROM (SELECT 1 SETTINGS max_block_size = 100) SETTINGS session_timezone = 'UTC'", "1\n"),
        ({}, "SELECT 'SETTINGS readonly = 0'", "SETTINGS readonly = 0\n"),
        ({}, "SELECT 1 AS `SETTINGS readonly = 0`", "1\n"),
    ],
    ids=str,
)
def test_settings_are_for_the_answer_alone(
    server: LocalServer, chosen: dict[str, object], statement: str, answer: str
) -> None:
    """A server answers these: what is chosen shapes the answer, and not what the interface does by itself."""
    got = ask(server, statement, also=chosen)
    assert (got.status, got.text) == (200, answer)


@pytest.mark.parametrize(
    "said",
    [
        "readonly = 0",
        "readonly = 2",
        "max_execution_time = 0",
        "max_execution_time = 100000",
        "max_memory_usage = 0",
        "result_overflow_mode = 'break'",
        "allow_introspection_functions = 1",
        "additional_result_filter = '1'",
        "max_threads = 1, max_result_rows = 0",
        "format_schema = '/etc/passwd'",
        "limit = 1, additional_table_filters = {'usage_events':'file(1)'}",
        "additional_table_filters = {'usage_events':'file(1)'}",
    ],
)
def test_a_statement_may_say_no_more_than_the_address(server: LocalServer, said: str) -> None:
    """What the address may not choose is READONLY (164) in the statement, in a part of it too."""
    for statement in (f"SELECT 1 SETTINGS {said}", f"SELECT * FROM (SELECT 1 SETTINGS {said})"):  # noqa: S608 - our own text
        answer = ask(server, statement)
        assert (answer.status, answer.code) == (500, 164), answer.text


def test_what_one_statement_says_is_not_for_the_next(server: LocalServer) -> None:
    """Each has a connection of its own."""
    assert ask(server, "SELECT number FROM numbers(3) SETTINGS limit = 1").text == "0\n"
    assert ask(server, "SELECT count() FROM (SELECT number FROM numbers(3))").text == "3\n"


def test_header_names_the_zone_of_the_answer(server: LocalServer) -> None:
    """It follows the client's choice, as a server's does; without one it is the engine's."""
    asked = "SELECT toDateTime(0)"
    ours = ask(server, asked)
    assert ours.headers["x-clickhouse-timezone"] == ask(server, "SELECT timezone()").text.strip()
    chosen = ask(server, asked, session_timezone="Asia/Tokyo")
    assert (chosen.headers["x-clickhouse-timezone"], chosen.text) == ("Asia/Tokyo", "1970-01-01 09:00:00\n")
    said = ask(server, f"{asked} SETTINGS session_timezone = 'Asia/Tokyo'")
    assert (said.headers["x-clickhouse-timezone"], said.text) == ("Asia/Tokyo", "1970-01-01 09:00:00\n")


@pytest.mark.parametrize("form", ["Pretty", "PrettyCompact", "PrettySpace", "Vertical", "PrettyJSONEachRow"])
def test_output_does_not_depend_on_a_terminal(server: LocalServer, form: str) -> None:
    """There are no codes for colours unless a client asks for them."""
    assert b"\x1b" not in ask(server, f"SELECT 1 AS a, 'x' AS b FORMAT {form}").body
    if form.startswith("PrettyCompact"):
        assert b"\x1b" in ask(server, f"SELECT 1 AS a FORMAT {form}", output_format_pretty_color=1).body


LIMITS = Limits(seconds=10, memory_bytes=1000, result_rows=10, result_bytes=1000, queries=1)


def test_clauses_are_read_and_texts_are_not() -> None:
    """The statement's own clause goes; what stands in a text or a name is none, and one that is refused stays."""
    text = "SELECT 'SETTINGS a = 1', ` SETTINGS b = 1` FROM (SELECT 1 SETTINGS limit = 2)"
    read = read_clauses(f"{text} SETTINGS session_timezone = 'x y', offset = -1 FORMAT CSV", LIMITS)
    assert read == Clauses(f"{text} FORMAT CSV", {"session_timezone": "x y", "offset": "-1"}, 1)
    for refused in ("readonly = 0", "limit = 1, readonly = 0", "max_execution_time = 11", "limit = {'a':'b'}"):
        own = f"SELECT 1 SETTINGS {refused}"
        assert read_clauses(own, LIMITS) == Clauses(own, {}, 0)
    assert read_clauses("SELECT SETTINGS FROM t WHERE SETTINGS = 1", LIMITS).chosen == {}
