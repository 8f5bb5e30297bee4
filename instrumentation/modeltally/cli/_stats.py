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
from modeltally.errors import InputError, UnknownNameError
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from modeltally.settings import Settings
    from modeltally.store import Store

__all__ = ["TOPICS", "Topic", "print_topic", "stats"]

_NOTHING = "nothing began in this window; widen it with --since, or send something"


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of statistics.

    Attributes:
        view: The view that answers it.
        layout: How it looks as a table.
        settings: The settings the view goes by.
        has_attribute: It is about one attribute, which is to be named.
    """

    view: str
    layout: Layout
    settings: tuple[str, ...] = ("abandoned_after_seconds",)
    has_attribute: bool = False


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
    "operations": Topic(
        "usage_by_operation",
        Layout(
            "Operations",
            columns=(
                "operation",
                "services",
                "operations",
                "failures",
                "abandoned",
                "success_rate",
                "p50_ms",
                "p95_ms",
                "p99_ms",
                "last_used_at",
            ),
            first_to_give_way=("p99_ms", "last_used_at", "abandoned", "p50_ms", "services"),
            when_empty=_NOTHING,
        ),
    ),
    "attribute": Topic(
        "usage_by_attribute",
        Layout(
            "Values of the attribute",
            columns=(
                "value",
                "operations",
                "failures",
                "abandoned",
                "success_rate",
                "mean_ms",
                "p95_ms",
                "last_used_at",
            ),
            first_to_give_way=("last_used_at", "abandoned"),
            when_empty="nothing is stored of this window: values are read from events, which expire",
        ),
        has_attribute=True,
    ),
    "completeness": Topic(
        "completeness_by_instance",
        Layout(
            "Completeness",
            columns=(
                "instance",
                "service",
                "verdict",
                "unexplained",
                "started",
                "stored",
                "stored_unfinished",
                "dropped_by_reason",
                "problems_by_kind",
                "last_heartbeat_at",
            ),
            first_to_give_way=("last_heartbeat_at", "stored_unfinished", "problems_by_kind", "service"),
            when_empty="no process spoke, and nothing came, in this window",
        ),
        settings=("event_retention_days",),
    ),
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
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="For attribute: the name of an attribute of your own, for example acme.team.",
            show_default=False,
        ),
    ] = None,
    operation: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="For attribute: count this kind of operation alone. Default: all.", show_default=False
        ),
    ] = None,
    output_format: Format = OutputFormat.TABLE,
    directory: Directory = None,
) -> None:
    """Show statistics of a window of time: what began at or after --since and before --until."""
    if topic not in TOPICS:
        raise UnknownNameError("topic of stats", topic, TOPICS)
    asked = _attribute(topic, name, operation)
    window = parse_window(since, until, as_of, now=datetime.now(UTC))
    settings = load_settings(dir=directory)
    with open_reader(settings) as store:
        if output_format is OutputFormat.TABLE:
            console = output_console()
            print_topic(store, topic, window, settings=settings, asked=asked, console=console)
            _print_context(store, window, console=console)
        else:
            write_rows(_read(store, topic, window, settings=settings, asked=asked), output_format)


def print_topic(
    store: Store,
    topic: str,
    window: Window,
    *,
    settings: Settings,
    console: Console,
    asked: Mapping[str, object] | None = None,
) -> None:
    """Print one topic as a table.

    Args:
        store: What answers.
        topic: A key of ``TOPICS``.
        window: The window asked about.
        settings: When an operation without an end counts as abandoned, and the like.
        console: Where to print.
        asked: What the topic needs beside that.
    """
    rows = _read(store, topic, window, settings=settings, asked=asked or {})
    write_table(rows, TOPICS[topic].layout, console=console)


def _attribute(topic: str, name: str | None, operation: str | None) -> dict[str, object]:
    """Read the flags that only a topic about an attribute takes.

    Raises:
        InputError: The topic needs a name and has none, or takes none and has one.
    """
    if not TOPICS[topic].has_attribute:
        if name is not None or operation is not None:
            raise InputError(f"stats {topic} takes no --name and no --operation; only stats attribute does")
        return {}
    if not name:
        raise InputError("stats attribute needs the name of an attribute of your own, for example --name acme.team")
    return {"attribute": name, "operation": operation or ""}


def _read(
    store: Store, topic: str, window: Window, *, settings: Settings, asked: Mapping[str, object]
) -> list[dict[str, object]]:
    needed = {key: getattr(settings, key) for key in TOPICS[topic].settings}
    return store.read(TOPICS[topic].view, {**window.parameters(), **needed, **asked})


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
