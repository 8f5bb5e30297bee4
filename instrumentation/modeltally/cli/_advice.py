"""How advice looks on a terminal: what to do, with which model, why, and what next; figures where asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.table import Table
from rich.text import Text

from modeltally.recommend.record import ADVISE, EVERY_MODEL, REFUSED
from modeltally.show.units import clean_text, column_header, format_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from modeltally.recommend.kinds import Advice, AdviceRow

__all__ = ["print_advice", "print_suspensions"]

# So many models that were refused for one reason are named; the others are counted.
_NAMED: Final = 3


def print_advice(
    rows: Sequence[AdviceRow],
    advice: Advice,
    *,
    console: Console,
    has_evidence: bool = False,
    why_empty: str | None = None,
) -> None:
    """Print advice as a table.

    Args:
        rows: Every advice and every refusal.
        advice: Their kind.
        console: Where to print.
        has_evidence: Show the figures of each advice, and each refusal by itself.
        why_empty: That there is nothing to judge, and why; None where there is.
    """
    console.print()
    if not rows:
        console.print(Text(f"{advice.title}: {why_empty or advice.when_empty}"))
        return
    table = Table(title=advice.title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), leading=1)
    table.add_column("do", overflow="fold")
    table.add_column("model", overflow="fold", max_width=console.width // 3)
    table.add_column("why", overflow="fold")
    advised = [row for row in rows if row["verdict"] == ADVISE]
    shown = [row for row in rows if row["verdict"] not in {ADVISE, REFUSED}]
    refused = [row for row in rows if row["verdict"] == REFUSED]
    for row in advised:
        table.add_row(_what_to_do(row, advice), _subject(row["subject"]), _grounds(row, has_evidence=has_evidence))
    for row in shown:
        table.add_row(Text(row["verdict"]), _subject(row["subject"]), _grounds(row, has_evidence=has_evidence))
    for group in [[row] for row in refused] if has_evidence else _by_guard(refused):
        table.add_row(Text("nothing", style="yellow"), _subjects(group), _why_not(group, has_evidence=has_evidence))
    console.print(table)
    if advised:
        console.print(Text(advice.next_step))
    if not has_evidence:
        console.print(Text("--evidence shows the figures behind each line.", style="dim"))
    if any(row["is_unsafe"] for row in rows):
        warning = "UNSAFE: the plain rule without the guards; on thin history it names models that are needed."
        measured = [rule.measured for rule in advice.rules.values() if rule.is_unsafe and rule.measured]
        console.print(Text(" ".join([warning, *measured]), style="bold red"))


def print_suspensions(rows: Sequence[Mapping[str, Any]], *, console: Console) -> None:
    """Say which rules give no advice because they were wrong too often.

    Args:
        rows: Rows of a topic; those without a column for it say nothing.
        console: Where to print.
    """
    told = {(row["kind"], row["policy"]): row["suspended"] for row in rows if row.get("suspended")}
    for (kind, policy), why in told.items():
        console.print(Text(f"{kind} by the {policy} rule is suspended {why}", style="bold yellow"))


def _what_to_do(row: AdviceRow, advice: Advice) -> Text:
    text = Text()
    if row["is_unsafe"]:
        text.append("UNSAFE\n", style="bold red")
    return text.append(row["action"] or advice.verb, style="bold green")


def _subject(name: str) -> Text:
    return Text("all models" if name == EVERY_MODEL else format_value("subject", name))


def _subjects(group: Sequence[AdviceRow]) -> Text:
    named = [_subject(row["subject"]).plain for row in group[:_NAMED]]
    more = len(group) - len(named)
    return Text("\n".join([*named, *([f"and {more:,} more"] if more else [])]))


def _by_guard(rows: Sequence[AdviceRow]) -> list[list[AdviceRow]]:
    """Put together what one guard stopped; where it stopped the whole run, each model need not say so again."""
    groups: dict[str, list[AdviceRow]] = {}
    for row in rows:
        groups.setdefault(_code_and_sentence(row)[0], []).append(row)
    return [[row for row in group if row["subject"] == EVERY_MODEL] or group for group in groups.values()]


def _code_and_sentence(row: AdviceRow) -> tuple[str, str]:
    code, _, sentence = clean_text(row["reason"] or "").partition(": ")
    return code, sentence or code


def _why_not(group: Sequence[AdviceRow], *, has_evidence: bool) -> Text:
    code, sentence = _code_and_sentence(group[0])
    for_example = "for example: " if len({row["reason"] for row in group}) > 1 else ""
    return _figures(Text(f"{code}: {for_example}{sentence}"), group[0], has_evidence=has_evidence)


def _grounds(row: AdviceRow, *, has_evidence: bool) -> Text:
    _, sentence = _code_and_sentence(row)
    sure = _sure(row["confidence"]) if row["confidence"] is not None or row["refuted_by"] else ""
    return _figures(Text(sentence + sure), row, has_evidence=has_evidence)


def _sure(confidence: float | None) -> str:
    if confidence is None:
        return "; how sure this is nobody knows: nothing like it was seen before"
    return "; over 99% sure" if confidence > 0.99 else f"; {confidence:.0%} sure"  # noqa: PLR2004 - nothing is certain


def _told(value: object) -> object:
    """Give what a list holds as text."""
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _figures(text: Text, row: AdviceRow, *, has_evidence: bool) -> Text:
    if not has_evidence:
        return text
    known = {name: value for name, value in {"priority": row["priority"]}.items() if value} | row["evidence"]
    shown = ", ".join(
        f"{column_header(name)} {'unknown' if value is None else format_value(name, _told(value))}"
        for name, value in known.items()
    )
    return text.append(f"\n{shown}", style="dim")
