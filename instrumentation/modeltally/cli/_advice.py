"""How advice looks on a terminal: the verdict, the model, why and on what evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from modeltally.show.units import clean_text, column_header, format_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from modeltally.recommend.kinds import Advice, AdviceRow

__all__ = ["print_advice"]


def print_advice(rows: Sequence[AdviceRow], advice: Advice, *, console: Console) -> None:
    """Print advice as a table.

    Args:
        rows: Every advice and every refusal.
        advice: Their kind.
        console: Where to print.
    """
    console.print()
    if not rows:
        console.print(Text(f"{advice.title}: {advice.when_empty}"))
        return
    table = Table(title=advice.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), leading=1)
    table.add_column("verdict", overflow="fold")
    table.add_column("model", overflow="fold", max_width=console.width // 4)
    table.add_column("why, and on what evidence", overflow="fold")
    for row in rows:
        code, _, sentence = clean_text(row["reason"] or "").partition(": ")
        table.add_row(_verdict(row, code), _subject(row), _grounds(row, sentence or code))
    console.print(table)
    if any(row["is_unsafe"] for row in rows):
        warning = "UNSAFE: the plain rule without the guards; on thin history it names models that are needed."
        console.print(Text(warning, style="bold red"))


def _verdict(row: AdviceRow, code: str) -> Text:
    verdict = clean_text(row["verdict"])
    text = Text()
    if row["is_unsafe"]:
        text.append("UNSAFE\n", style="bold red")
    if verdict == "refused":
        return text.append(f"REFUSED({code})", style="yellow")
    return text.append(verdict, style="bold green" if verdict == "advise" else "bold")


def _subject(row: AdviceRow) -> Text:
    return Text("all models" if row["subject"] == "*" else format_value("subject", row["subject"]))


def _grounds(row: AdviceRow, sentence: str) -> Text:
    known: dict[str, object] = {"confidence": row["confidence"], "priority": row["priority"]}
    known = {name: value for name, value in known.items() if value} | row["evidence"]
    shown = ", ".join(f"{column_header(name)} {format_value(name, value)}" for name, value in known.items())
    return Text(sentence).append(f"\n{shown}", style="dim")
