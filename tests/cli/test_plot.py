"""One column of an answer as bars on a terminal."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from cli.conftest import rows_of
from modeltally.analytics.topics import TOPICS
from modeltally.cli._exit import ExitCode
from modeltally.cli._plot import write_plot
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cli.conftest import Run
    from support.stores import Template

MARCH = datetime(2026, 3, 2, 10, tzinfo=UTC)
FULL = "█"


def drawn(rows: Sequence[Mapping[str, object]], topic: str, column: str, *, width: int = 60) -> list[str]:
    """The lines of a plot, without what is around it."""
    file = io.StringIO()
    write_plot(rows, TOPICS[topic], column, console=Console(file=file, width=width), why_empty=None)
    return [line.rstrip() for line in file.getvalue().splitlines() if line.strip()]


def models(**requests: float | None) -> list[dict[str, Any]]:
    """Rows of models with nothing but their requests."""
    columns = {one.name: None for one in TOPICS["models"].columns}
    return [{**columns, "model": name, "requests": count} for name, count in requests.items()]


def test_bars_are_as_long_as_their_figures() -> None:
    """The largest takes all the room, half of it half, nothing none; each has its figure behind it."""
    title, largest, half, nothing = drawn(models(flux=1000, sdxl=500, idle=0), "models", "requests")
    assert "requests" in title
    assert (largest.split()[0], largest.split()[-1]) == ("flux", "1,000")
    assert abs(half.count(FULL) - largest.count(FULL) / 2) <= 1
    assert largest.count(FULL) > 20
    assert nothing.split() == ["idle", "0"]
    assert max(map(len, (largest, half, nothing))) <= 60


def test_what_is_not_known_is_a_dash() -> None:
    """Neither nothing nor what is no number has a bar."""
    lines = drawn(models(flux=2, void=None, odd=float("nan")), "models", "requests")
    assert [line.split() for line in lines[2:]] == [["void", "-"], ["odd", "-"]]


def test_the_latest_of_many_times_are_drawn() -> None:
    """A row of a time is one bar in its order; of more than sixty the latest, and it is said."""
    columns = {one.name: None for one in TOPICS["users"].columns}
    rows = [{**columns, "day": date(2026, 1, 1) + timedelta(days=day), "users": day} for day in range(100)]
    lines = drawn(rows, "users", "users", width=90)
    assert (lines[1].split()[0], lines[-2].split()[0]) == ("2026-02-10", "2026-04-10")
    assert lines[-1].startswith("the latest 60 of 100 rows are drawn")


def test_names_are_printed_as_they_are() -> None:
    """Markup and escape codes in a name stay text."""
    lines = drawn(models(**{"[bold]x\x1b[2J": 3}), "models", "requests")
    assert "[bold]" in lines[1]
    assert "\x1b" not in "".join(lines)


@pytest.fixture(scope="module")
def directory(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a data directory with requests to two models; no server runs on it."""
    folder = tmp_path_factory.mktemp("plot") / "data"
    with template.opened(folder) as store:
        give(store, Given(operations=[Operation(at=MARCH, times=4), Operation(at=MARCH, model="sdxl", times=2)]))
    return folder


def test_a_command_draws_the_column_it_is_given(here: Run, directory: Path) -> None:
    """The same rows as in the table, in their order, with what the answer rests on below."""
    window = ("--since", "2026-03-02", "--until", "2026-03-03", "--as-of", "2026-03-03", "--dir", directory)
    shown = here("stats", "models", "--plot", "requests", *window)
    assert shown.returncode == 0, shown.stderr
    lines = [line for line in shown.stdout.splitlines() if FULL in line]
    rows = rows_of(here("stats", "models", "--format", "json", *window).stdout)
    assert [(line.split()[0], line.split()[-1]) for line in lines] == [
        (row["model"], str(row["requests"])) for row in rows
    ]
    assert "2026-03-02 00:00 to 2026-03-03 00:00 UTC" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--plot", "request"), "did you mean 'requests'?"),
        (("--plot", "model"), "no column of figures in models is named 'model'"),
        (("--plot", "requests", "--format", "json"), "--plot draws on the terminal"),
    ],
)
def test_mistake_is_named(here: Run, directory: Path, arguments: tuple[str, ...], message: str) -> None:
    """A column that cannot be drawn is said before anything is asked."""
    failed = here("stats", "models", *arguments, "--dir", directory)
    assert failed.returncode == ExitCode.USAGE
    assert message in failed.stderr
