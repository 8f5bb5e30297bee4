"""``modeltally stats``: what was used, how much, how well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from modeltally.cli._console import output_console
from modeltally.cli._options import (  # noqa: TC001 - typer reads these annotations at run time
    AsOf,
    Directory,
    Format,
    Since,
    Until,
)
from modeltally.cli._output import Layout, OutputFormat, format_value, write_rows, write_table
from modeltally.cli._store import open_reader
from modeltally.cli._window import Window, parse_window
from modeltally.errors import UnknownNameError
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from modeltally.store import Store

__all__ = ["TOPICS", "Topic", "print_topic", "stats"]

_NOTHING = "nothing began in this window; widen it with --since, or send something"


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of statistics.

    Attributes:
        view: The view that answers it.
        layout: How it looks as a table.
    """

    view: str
    layout: Layout


TOPICS: dict[str, Topic] = {
    "overview": Topic("usage_overview", Layout("Overview", when_empty=_NOTHING, is_record=True)),
    "models": Topic(
        "usage_by_model",
        Layout(
            "Models",
            columns=(
                "model",
                "requests",
                "failures",
                "abandoned",
                "users",
                "success_rate",
                "p50_ms",
                "p95_ms",
                "p99_ms",
                "last_used_at",
            ),
            first_to_give_way=("p99_ms", "last_used_at", "abandoned", "p50_ms", "users"),
            when_empty=_NOTHING,
        ),
    ),
    "hours": Topic("usage_by_hour_of_day", Layout("Hours of the day (UTC)", when_empty=_NOTHING)),
    "failures": Topic(
        "failures_by_error_type",
        Layout(
            "Failures",
            columns=("error_type", "failures", "share", "mean_ms", "first_seen_at", "last_seen_at"),
            first_to_give_way=("first_seen_at", "mean_ms"),
            when_empty="no request failed",
        ),
    ),
    "users": Topic("users_by_day", Layout("Users", when_empty=_NOTHING)),
}


def stats(
    topic: Annotated[
        str,
        typer.Argument(metavar="TOPIC", help=f"One of: {', '.join(TOPICS)}.", autocompletion=lambda: list(TOPICS)),
    ],
    *,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    output_format: Format = OutputFormat.TABLE,
    directory: Directory = None,
) -> None:
    """Show statistics of a window of time: what began at or after --since and before --until."""
    if topic not in TOPICS:
        raise UnknownNameError("topic of stats", topic, TOPICS)
    window = parse_window(since, until, as_of, now=datetime.now(UTC))
    settings = load_settings(dir=directory)
    with open_reader(settings) as store:
        if output_format is OutputFormat.TABLE:
            console = output_console()
            print_topic(
                store,
                topic,
                window,
                abandoned_after_seconds=settings.abandoned_after_seconds,
                console=console,
            )
            _print_context(store, window, console=console)
        else:
            rows = _read(store, topic, window, abandoned_after_seconds=settings.abandoned_after_seconds)
            write_rows(rows, output_format)


def print_topic(store: Store, topic: str, window: Window, *, abandoned_after_seconds: float, console: Console) -> None:
    """Print one topic as a table.

    Args:
        store: What answers.
        topic: A key of ``TOPICS``.
        window: The window asked about.
        abandoned_after_seconds: When an operation without an end counts as abandoned.
        console: Where to print.
    """
    rows = _read(store, topic, window, abandoned_after_seconds=abandoned_after_seconds)
    write_table(rows, TOPICS[topic].layout, console=console)


def _read(store: Store, topic: str, window: Window, *, abandoned_after_seconds: float) -> list[dict[str, object]]:
    parameters = window.parameters() | {"abandoned_after_seconds": abandoned_after_seconds}
    return store.read(TOPICS[topic].view, parameters)


def _print_context(store: Store, window: Window, *, console: Console) -> None:
    """Say which window the answer is about and how far it can be trusted."""
    for row in store.read("answer_context", window.bounds()):
        since, until = (row.get("window_since"), row.get("window_until"))
        asked = f"{format_value('since_at', since)} to {format_value('until_at', until)} UTC"
        parts = [f"{asked} as of {format_value('as_of_at', window.as_of)}"]
        parts += [
            f"{name.removesuffix('_at').replace('_', ' ')}: {format_value(name, row[name])}"
            for name in ("newest_at", "coverage", "known_loss", "dirty_hours")
            if name in row
        ]
        console.print(Text("; ".join(parts), style="dim"))
