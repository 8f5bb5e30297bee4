"""Lines of blocks beside the rows of a table, where somebody looks and there is room."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from modeltally.analytics.arguments import arguments_of
from modeltally.analytics.statistics import Statistics
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.window import Window
from modeltally.cli._sparkline import sparkline, sparklines_for
from modeltally.cli._table import write_table
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import EmbeddedStore
    from support.stores import Template

AS_OF = datetime(2026, 3, 8, tzinfo=UTC)
WEEK = Window(AS_OF - timedelta(days=7), AS_OF, AS_OF)
BLOCKS = set("▁▂▃▄▅▆▇█")


@pytest.fixture(scope="module")
def store(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """A week in which one model rises, one is used on its first day, and one pattern runs."""
    rising = [
        Operation(at=WEEK.since + timedelta(days=day, hours=8), model="rising", times=day + 1, id=100 + day)
        for day in range(7)
    ]
    rest = [
        Operation(at=WEEK.since, model="once", times=3),
        Operation(at=WEEK.since, operation="pattern.run", pattern="plan", model="", id=900),
    ]
    with template.opened(tmp_path_factory.mktemp("sparkline"), clock=lambda: AS_OF) as opened:
        for operation in rising:
            give(opened, Given(operations=[operation.model_copy(update={"id": None})]), first_id=operation.id or 1)
        give(opened, Given(operations=rest), first_id=1000)
        yield opened


def shown(
    store: EmbeddedStore,
    topic: str,
    *,
    window: Window = WEEK,
    width: int = 200,
    is_terminal: bool = True,
    encoding: str = "utf-8",
    **given: str,
) -> str:
    """Print the table of a topic as the command does."""
    asked = TOPICS[topic]
    arguments = arguments_of(asked, given, topics=TOPICS.values())
    statistics = Statistics(store, settings=store.settings, keeps_answers=False)
    answer = statistics.ask(asked, window, arguments=arguments)
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, errors="replace")
    console = Console(file=file, width=width, force_terminal=is_terminal, color_system=None)
    lines = sparklines_for(answer.rows, asked, window, statistics=statistics, arguments=arguments, console=console)
    write_table(answer.rows, asked.layout, console=console, why_empty=answer.empty, sparklines=lines)
    file.flush()
    return raw.getvalue().decode(encoding)


def line_of(printed: str, name: str) -> str:
    """The blocks in the row of a name."""
    (row,) = [line for line in printed.splitlines() if line.strip().startswith(name)]
    return "".join(character for character in row if character in BLOCKS)


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([0, 0], "▁▁"),
        ([5], "█"),
        ([0, 1, 1000], "▁▂█"),
        ([1, 2, 3, 4, 5, 6, 7], "▂▃▄▅▆▇█"),
    ],
)
def test_blocks_are_as_high_as_figures(values: list[float], line: str) -> None:
    """Nothing is the lowest, the most the highest, and little is more than nothing."""
    assert sparkline(values) == line


def test_each_row_has_the_use_of_its_subject(store: EmbeddedStore) -> None:
    """Days without use are there; each line has its own height."""
    models = shown(store, "models")
    assert "by day" in models
    assert line_of(models, "rising") == "▂▃▄▅▆▇█"
    assert line_of(models, "once") == "█▁▁▁▁▁▁"
    assert line_of(shown(store, "frequency", kind="pattern"), "plan") == "█▁▁▁▁▁▁"


def test_stretches_go_by_the_length_of_the_window(store: EmbeddedStore) -> None:
    """A day is cut into hours, a year into months; no line is longer than a month has days."""
    day = Window(AS_OF - timedelta(days=1), AS_OF, AS_OF)
    assert len(line_of(shown(store, "models", window=day), "rising")) == 24
    year = Window(AS_OF - timedelta(days=2000), AS_OF, AS_OF)
    assert "by month" in shown(store, "models", window=year)
    assert len(line_of(shown(store, "models", window=year), "rising")) == 31


@pytest.mark.parametrize(
    "where", [{"width": 90}, {"is_terminal": False}, {"encoding": "ascii"}, {"encoding": "latin-1"}], ids=str
)
def test_no_line_where_it_does_not_fit(store: EmbeddedStore, where: dict[str, Any]) -> None:
    """On a narrow terminal, in a file and in another encoding the table is as it ever was."""
    printed = shown(store, "models", **where)
    assert "rising" in printed
    assert "by day" not in printed
    assert not BLOCKS & set(printed)
    assert len(max(printed.splitlines(), key=len)) <= where.get("width", 200)


@pytest.mark.parametrize("topic", ["overview", "time", "hours", "users", "failures-by-model", "by-user", "stored"])
def test_no_line_where_rows_are_no_subjects(store: EmbeddedStore, topic: str) -> None:
    """What is not of one model or pattern a row, or is a course of time already, has none."""
    assert not BLOCKS & set(shown(store, topic))
