"""``modeltally recommend``: what to do about it, with the evidence."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from modeltally.cli._console import output_console
from modeltally.cli._options import (  # noqa: TC001 - typer reads these annotations at run time
    AsOf,
    Directory,
    Format,
    Since,
    Until,
)
from modeltally.cli._output import OutputFormat, clean_text, column_header, format_cell, format_value, write_rows
from modeltally.cli._store import open_reader
from modeltally.cli._window import Window, parse_window
from modeltally.errors import InputError, UnknownNameError
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from modeltally.cli._output import Row
    from modeltally.store import Store

__all__ = ["ADVICE", "Policy", "print_advice", "recommend"]


class Policy(enum.StrEnum):
    """The values of ``--policy``."""

    GUARDED = "guarded"
    SEED = "seed"


@dataclass(frozen=True, slots=True)
class Advice:
    """One kind of advice.

    Attributes:
        job: The job that gives it.
        title: What stands above the table.
        when_empty: What no row means.
        has_window: It looks at a window; otherwise at the whole history up to ``as_of``.
        has_policy: It takes a policy.
    """

    job: str
    title: str
    when_empty: str
    has_window: bool = False
    has_policy: bool = False


ADVICE: dict[str, Advice] = {
    "cleanup": Advice("recommend_cleanup", "Cleanup", "no model is worth removing", has_policy=True),
    "preload": Advice("recommend_preload", "Preload", "no model's use is rising towards a peak"),
    "performance": Advice(
        "recommend_performance", "Performance", "every model is quick, steady and reliable", has_window=True
    ),
}


def recommend(
    kind: Annotated[
        str,
        typer.Argument(metavar="KIND", help=f"One of: {', '.join(ADVICE)}.", autocompletion=lambda: list(ADVICE)),
    ],
    *,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    policy: Annotated[
        Policy | None,
        typer.Option(
            help="For cleanup: guarded (default) refuses on thin evidence; seed is UNSAFE, the plain rule.",
            show_default=False,
        ),
    ] = None,
    output_format: Format = OutputFormat.TABLE,
    directory: Directory = None,
) -> None:
    """Advise what to clean up, what to preload, what to make faster; nothing is done by itself."""
    if kind not in ADVICE:
        raise UnknownNameError("kind of advice", kind, ADVICE)
    if not ADVICE[kind].has_window and (since is not None or until is not None):
        raise InputError(f"recommend {kind} takes no --since or --until: it looks at the whole history up to --as-of")
    if not ADVICE[kind].has_policy and policy is not None:
        raise InputError(f"recommend {kind} takes no --policy; only cleanup does")
    window = parse_window(since, until, as_of, now=datetime.now(UTC))
    settings = load_settings(dir=directory)
    with open_reader(settings) as store:
        rows = _ask(store, kind, window, policy=policy or Policy.GUARDED)
    if output_format is OutputFormat.TABLE:
        _write_advice(rows, kind, console=output_console())
    else:
        write_rows(rows, output_format)


def print_advice(store: Store, kind: str, window: Window, *, console: Console) -> None:
    """Print one kind of advice as a table, with every guard on.

    Args:
        store: What answers.
        kind: A key of ``ADVICE``.
        window: The window asked about.
        console: Where to print.
    """
    _write_advice(_ask(store, kind, window, policy=Policy.GUARDED), kind, console=console)


def _ask(store: Store, kind: str, window: Window, *, policy: Policy) -> list[Row]:
    advice = ADVICE[kind]
    parameters = window.parameters()
    if not advice.has_window:
        parameters = {"as_of": parameters["as_of"]}
    if advice.has_policy:
        parameters["policy"] = policy.value
    return store.run(advice.job, parameters)


def _write_advice(rows: Sequence[Row], kind: str, *, console: Console) -> None:
    advice = ADVICE[kind]
    console.print()
    if not rows:
        console.print(Text(f"{advice.title}: {advice.when_empty}"))
        return
    table = Table(title=advice.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), leading=1)
    table.add_column("verdict", overflow="fold")
    table.add_column("model", overflow="fold", max_width=console.width // 4)
    table.add_column("why, and on what evidence", overflow="fold")
    for row in rows:
        code, _, sentence = clean_text(str(row.get("reason") or "")).partition(": ")
        table.add_row(_verdict(row, code), _subject(row), _grounds(row, sentence or code))
    console.print(table)
    if any(row.get("is_unsafe") for row in rows):
        console.print(
            Text(
                "UNSAFE: the plain rule without the guards; on thin history it names models that are needed.",
                style="bold red",
            )
        )


def _verdict(row: Row, code: str) -> Text:
    verdict = clean_text(str(row["verdict"]))
    text = Text()
    if row.get("is_unsafe"):
        text.append("UNSAFE\n", style="bold red")
    if verdict == "refused":
        return text.append(f"REFUSED({code})", style="yellow")
    return text.append(verdict, style="bold green" if verdict == "advise" else "bold")


def _subject(row: Row) -> Text:
    return Text("all models") if row["subject"] == "*" else format_cell("subject", row["subject"])


def _grounds(row: Row, sentence: str) -> Text:
    known = {name: row[name] for name in ("confidence", "priority") if row.get(name)}
    evidence = row.get("evidence")
    if isinstance(evidence, dict):
        known |= evidence
    shown = ", ".join(f"{column_header(name)} {format_value(name, value)}" for name, value in known.items())
    return Text(sentence).append(f"\n{shown}", style="dim")
