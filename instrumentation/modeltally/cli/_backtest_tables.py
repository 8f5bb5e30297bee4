"""How the results of a backtest look on a terminal."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from rich.text import Text

from modeltally.analytics.topic import Layout
from modeltally.cli._console import print_rows
from modeltally.cli._options import TABLE
from modeltally.cli._table import print_table, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from modeltally.recommend.constants import Constant
    from modeltally.recommend.policies.contract import Policy

__all__ = ["print_constants", "print_policies", "print_results"]

_EMPTY: Final = "no policy was replayed"
_LAYOUTS: Final = {
    "keep": Layout(
        "What stays loaded",
        columns=(
            "policy",
            "slots",
            "users",
            "cold_starts",
            "gap_closed_share",
            "late",
            "loads",
            "useless_loads",
            "warm_hours",
        ),
        first_to_give_way=("warm_hours", "users"),
        when_empty=_EMPTY,
    ),
    "keepalive": Layout(
        "How long models stay loaded",
        columns=(
            "policy",
            "cold_starts",
            "warm_hours",
            "versus_fixed_share",
            "late",
            "loads",
            "useless_loads",
        ),
        first_to_give_way=("late",),
        when_empty=_EMPTY,
    ),
    "chance": Layout(
        "Chance of a use",
        columns=(
            "policy",
            "hours",
            "questions",
            "base_rate",
            "brier",
            "skill",
            "calibration_error",
            "likely",
            "likely_said_share",
            "likely_came_share",
        ),
        first_to_give_way=("hours", "questions", "base_rate"),
        when_empty=_EMPTY,
    ),
    "cleanup": Layout(
        "What may go",
        columns=(
            "policy",
            "watched_days",
            "models",
            "named",
            "unused_30_share",
            "unused_90_share",
            "regrets",
            "freed_bytes",
            "oracle_share",
            "brier",
            "brier_of_base",
        ),
        first_to_give_way=("brier_of_base", "models", "freed_bytes"),
        when_empty=_EMPTY,
    ),
}
# what is a share is told in percent, and bytes as bytes, by the ending of the column
_NAMED: Final = {
    "gap_closed": "gap_closed_share",
    "versus_fixed": "versus_fixed_share",
    "likely_said": "likely_said_share",
    "likely_came": "likely_came_share",
    "unused_30": "unused_30_share",
    "unused_90": "unused_90_share",
    "bytes_freed": "freed_bytes",
}
_NOTES: Final = {
    "keep": (
        "cold starts: requests whose model was not ready, late ones among them. gap closed: of the way from LRU to"
        " Belady. useless loads: ahead of use, and unloaded before one."
    ),
    "keepalive": (
        "warm hours: loaded between uses. versus fixed: cold starts against a fixed time with as many warm hours."
    ),
    "chance": (
        "skill: against saying the base rate. likely: 0.5 or more was said; of these the mean of what was said, and the"
        " share that came."
    ),
    "cleanup": (
        "unused 30, 90: of those named, not used within so many days. oracle share: of the bytes that nobody used"
        " within 90 days. brier: of the chance of no use within 30 days, for models that idle for a week."
    ),
}
_RELIABILITY: Final = Layout(
    "What was said, and what came",
    columns=("policy", "said_from", "said_to", "questions", "said_share", "came_share"),
    when_empty="nothing was said",
)


def print_results(
    kind: str, rows: Sequence[Mapping[str, Any]], policies: Sequence[Policy], *, console: Console
) -> None:
    """Print what policies came to.

    Args:
        kind: The kind of backtest.
        rows: The figures.
        policies: Which policies were replayed.
        console: Where to print.
    """
    told = [{_NAMED.get(name, name): value for name, value in row.items()} for row in rows]
    write_table(told, _LAYOUTS[kind], console=console)
    if kind == "chance":
        bins = [
            {
                "policy": row["policy"],
                "said_from": one["least"],
                "said_to": one["most"],
                "questions": one["questions"],
                "said_share": one["said"],
                "came_share": one["came"],
            }
            for row in rows
            for one in row["bins"]
        ]
        write_table(bins, _RELIABILITY, console=console)
    console.print(Text(_NOTES[kind], style="dim"))
    if oracles := [policy.name for policy in policies if policy.is_oracle]:
        console.print(Text(f"knows the future, which nobody can: {', '.join(oracles)}", style="dim"))


def print_constants(constants: Sequence[Constant], format_name: str, *, console: Console) -> None:
    """Print every number that policies go by.

    Args:
        constants: The numbers.
        format_name: ``table``, or a format for programs.
        console: Where to print what is for people.
    """
    if format_name != TABLE:
        print_rows([asdict(constant) for constant in constants], format_name)
        return
    for constant in constants:
        values = constant.value if isinstance(constant.value, tuple) else (constant.value,)
        console.print(Text(f"{constant.name} = {', '.join(f'{value:,.10g}' for value in values)}", style="bold"))
        console.print(Text(f"  {constant.meaning} ({constant.used_by}). Source: {constant.source}."))


def print_policies(policies: Sequence[Policy], format_name: str) -> None:
    """Print every policy there is.

    Args:
        policies: The policies.
        format_name: ``table``, or a format for programs.
    """
    layout = Layout("Policies", columns=("kind", "name", "users", "oracle", "sentence"), when_empty="there is none")
    rows = [
        {
            "kind": policy.kind,
            "name": policy.name,
            "users": policy.has_users,
            "oracle": policy.is_oracle,
            "sentence": policy.sentence,
        }
        for policy in policies
    ]
    print_table(rows, layout, format_name)
