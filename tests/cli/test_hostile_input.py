"""What a stranger types, by mistake or on purpose, at every topic: an answer that is right or empty, or a clear error.

Each topic gets a few of the windows and values here in every run, and all of them in the slow one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import pytest

from modeltally import connect
from modeltally.analytics.topics import TOPICS
from modeltally.cli._exit import ExitCode
from modeltally.keys import ensure_user_key
from modeltally.store import sql
from queries.given import TABLES, Given, Operation, give
from store.answers import VALUES
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cli.conftest import Run
    from modeltally.analytics.topic import Topic
    from modeltally.store import EmbeddedStore
    from support.stores import Template

MARCH: Final = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
AS_OF: Final = "--as-of=2026-03-03"
DAY: Final = ("--since=2026-03-02", "--until=2026-03-03", AS_OF)
REQUESTS: Final = 30
# Enough of an error for a terminal, however long the value was.
MAX_MESSAGE: Final = 1500

WINDOWS: Final = {
    "reversed": ("--since=2026-03-03", "--until=2026-03-02", AS_OF),
    "empty": ("--since=2026-03-02", "--until=2026-03-02", AS_OF),
    "of no time": ("--since=0d",),
    "in words": ("--since=yesterday",),
    "before there were computers": ("--since=1900-01-01",),
    "beyond the calendar": ("--until=9999-12-31T23:59:59+00:00",),
    "too long ago": ("--since=999999w",),
    "with a NUL": ("--since=2026-03-02\0",),
    "in another zone than there are": ("--since=2026-03-02T00:00+25:00",),
    "in the future": ("--since=2090-01-01", "--until=2091-01-01", AS_OF),
    "in the past": ("--since=2000-01-01", "--until=2000-01-02", AS_OF),
    "of a microsecond": ("--since=2026-03-02T09:00:00.000001", "--until=2026-03-02T09:00:00.000002", AS_OF),
    "of a century": ("--since=2000-01-01", "--until=2100-01-01", AS_OF),
    "of a century from its end": ("--since=2000-01-01", "--until=2100-01-01", "--as-of=2100-01-01"),
}
WITHOUT_DATA: Final = {"in the future", "in the past", "of a microsecond"}

VALUES_TYPED: Final = {
    "unknown": "flx",
    "quote": "it's",
    "SQL": "' OR 1 = 1; DROP TABLE usage_events --",
    "parameter": "{since:String}",
    "format": "%s%n{0}\\",
    "unicode": "模型 \u202e\u200d🦊",
    "tab": "a\tb",
    "newline": "a\nb",
    "NUL": "a\0b",
    "half a character": "a\udcff",
    "10 KB": "x" * 10_000,
    "100 KB": "y" * 100_000,
    "a flag": "--help",
    "0": "0",
    "2^63": str(2**63),
    "-1": "-1",
}
NUMBERS: Final = ("0", "-1", str(2**63), str(2**64), "nan", "inf", "soon", "", "1.5", "0x10")
TIMES: Final = (
    "",
    "5",
    "1969-12-31",
    "1970-01-01",
    "2262-05-01",
    "9999-12-31T23:59:59.999999",
    "0001-01-01",
    "2026-03-02T00:00+14:00",
)
WORDS_REFUSED: Final = {
    "per": "fortnight",
    "bucket": "fortnight",
    "by": "colour",
    "finest": "minute",
    "zone": "Mars/Olympus",
}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name a data directory, with a key."""
    directory = tmp_path_factory.mktemp("hostile") / "data"
    ensure_user_key(directory)
    return directory


@pytest.fixture(scope="module")
def store(template: Template, directory: Path) -> Iterator[EmbeddedStore]:
    """Open one store for all that is typed here, with requests and loads of one model."""
    with template.opened(directory) as opened:
        requests = Operation(at=MARCH, user=5, times=REQUESTS, every_seconds=600)
        give(
            opened,
            Given(operations=[requests, Operation(at=MARCH, operation="model.load", times=3, every_seconds=600)]),
        )
        yield opened


@pytest.fixture
def typed(here: Run, store: EmbeddedStore, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Typed]:
    """Type a command; at the end nothing of the store has changed."""
    before = contents(store)
    with monkeypatch.context() as patched:
        patched.setattr(connect, "open_reader", lambda _: contextlib.nullcontext(store))
        yield Typed(here, directory)
    assert contents(store) == before


def contents(store: EmbeddedStore) -> dict[str, int]:
    """Count the rows of each table."""
    counts = {table: ask(store, f"SELECT count() AS rows FROM {table}")[0]["rows"] for table in TABLES}  # noqa: S608 - our own names
    assert counts["usage_events"] == REQUESTS + 3
    return counts


class Typed:
    """Types commands, and judges how they end."""

    def __init__(self, run: Run, directory: Path) -> None:
        """Take what runs a command, and where."""
        self._run = run
        self._directory = directory

    def __call__(self, *arguments: str) -> list[dict[str, Any]] | str:
        """Give the rows, or the message; anything else fails."""
        done = self._run(*arguments, "--dir", self._directory, "--format", "json")
        about = [text[:40] for text in arguments]
        assert "Traceback" not in done.stderr, (about, done.stderr[-2000:])
        if done.returncode == 0:
            assert done.stderr == "", about
            answer = json.loads(done.stdout)
            rows: list[dict[str, Any]] = answer["rows"] if arguments[0] == "stats" else answer
            return rows
        assert done.returncode == ExitCode.USAGE, (about, done.returncode, done.stderr[-2000:])
        assert done.stdout == "", about
        assert done.stderr.startswith("error: "), (about, done.stderr[:500])
        assert len(done.stderr) <= MAX_MESSAGE, (about, done.stderr[:500])
        return done.stderr


def needed(topic: Topic[Any], besides: str = "") -> list[str]:
    """Give the flags that a topic cannot do without."""
    return [f"{each.flag}={each.example}" for each in topic.arguments if each.default is None and each.flag != besides]


def type_window(typed: Typed, topic: Topic[Any], name: str) -> None:
    """Ask a topic about a window."""
    answer = typed("stats", topic.name, *needed(topic), *WINDOWS[name])
    if isinstance(answer, str):
        assert name not in WITHOUT_DATA
        assert any(word in answer for word in ("--since", "--until", "--bucket")), answer
    elif name in WITHOUT_DATA:
        assert [row for row in answer if row.get("operations") or row.get("requests")] == []


def type_value(typed: Typed, topic: Topic[Any], flag: str, name: str) -> None:
    """Give a topic's flag a value."""
    answer = typed("stats", topic.name, *needed(topic, besides=flag), f"{flag}={VALUES_TYPED[name]}", *DAY)
    if isinstance(answer, str):
        assert any(word in answer for word in (flag, "control characters", "longer than")), answer
    elif flag in {"--of", "--user", "--operation"}:
        assert [row for row in answer if row.get("operations") or row.get("requests")] == []


@pytest.mark.slow(seconds=28, why="every topic, several times")
def test_each_topic_answers_or_refuses_a_window_and_a_value(typed: Typed) -> None:
    """Windows and values are dealt out: each topic gets some, each of them is met by topics of several kinds."""
    windows, values = cycle(WINDOWS), cycle(VALUES_TYPED)
    for topic in TOPICS.values():
        type_window(typed, topic, next(windows))
        for argument in topic.arguments:
            type_value(typed, topic, argument.flag, next(values))


@pytest.mark.slow(seconds=200, why="every topic with every window and value")
@pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
def test_topic_answers_or_refuses_whatever_is_typed(typed: Typed, topic: Topic[Any]) -> None:
    """Every window, and every value of every flag."""
    for name in WINDOWS:
        type_window(typed, topic, name)
    for argument in topic.arguments:
        for name in VALUES_TYPED:
            type_value(typed, topic, argument.flag, name)


def test_a_long_window_has_what_a_short_one_has(typed: Typed) -> None:
    """A century is answered from the same rows."""
    for topic in ("overview", "models"):
        short, long = (typed("stats", topic, *window) for window in (DAY, WINDOWS["of a century"]))
        assert isinstance(short, list)
        assert isinstance(long, list)
        assert [row["requests"] for row in short] == [row["requests"] for row in long] == [REQUESTS]


@pytest.mark.slow(seconds=12, why="every topic of a kind")
def test_who_is_named_is_looked_at_without_a_kind(typed: Typed) -> None:
    """A model, where nothing else is said; together with all it is a contradiction, which is told."""
    for name, topic in TOPICS.items():
        kind = next((argument for argument in topic.arguments if argument.flag == "--by"), None)
        if kind is None or kind.default != "all" or not any(argument.flag == "--of" for argument in topic.arguments):
            continue
        assert typed("stats", name, "--of=flux", *DAY) == typed("stats", name, "--of=flux", "--by=model", *DAY)
        assert "--by all is all together" in typed("stats", name, "--of=flux", "--by=all", *DAY)


def questions() -> list[tuple[str, dict[str, str]]]:
    """Give each view that can be asked by hand, with values for what it takes beside the window."""
    found = []
    for name in sql.view_names():
        kinds = sql.view(name).parameters
        if not any(kind.startswith("Array") for kind in kinds.values()):
            found.append(
                (name, {each: str(VALUES[each][0]) for each in kinds if each not in {"since", "until", "as_of"}})
            )
    return found


@pytest.mark.parametrize(("view", "values"), questions(), ids=[name for name, _ in questions()])
def test_view_refuses_words_it_does_not_know(typed: Typed, view: str, values: dict[str, str]) -> None:
    """The message has the words there are, or the nearest zone."""
    for parameter in values.keys() & WORDS_REFUSED.keys():
        given = [f"--param={name}={value}" for name, value in {**values, parameter: WORDS_REFUSED[parameter]}.items()]
        answer = typed("query", view, *given, *DAY)
        assert isinstance(answer, str)
        assert f"{parameter} = '{WORDS_REFUSED[parameter]}' is no" in answer
        assert ("is none of: " in answer) != (parameter == "zone")


@pytest.mark.slow(seconds=60, why="every view with every number and value")
@pytest.mark.parametrize(("view", "values"), questions(), ids=[name for name, _ in questions()])
def test_view_answers_or_refuses_whatever_is_given(typed: Typed, view: str, values: dict[str, str]) -> None:
    """Numbers that are none, or of another size; texts as for topics; times that no topic lets through."""
    kinds = sql.view(view).parameters
    for parameter, kind in kinds.items():
        odd = {"String": [*VALUES_TYPED.values()], "DateTime64(6, 'UTC')": TIMES}.get(kind, NUMBERS)
        for value in odd:
            given = {"since": "2026-03-02", "until": "2026-03-03", "as_of": "2026-03-03", **values, parameter: value}
            typed("query", view, *(f"--param={name}={text}" for name, text in given.items() if name in kinds))
