"""Patterns: agents and workflows, how effective they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.board import board
from generator.panels import lines, stacked, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard

__all__ = ["build"]


def build() -> dashboard.Dashboard:
    """Put the dashboard together."""
    return board(
        "patterns",
        "Patterns",
        "Reusable agents, workflows and code patterns: how often they run, how effective they are.",
        {
            "": [
                table_of(
                    "patterns/effectiveness",
                    "Effectiveness",
                    "Half success rate, 0.3 mean quality, 0.2 speed, moved towards 0.5 where there were few runs; and"
                    " what follows: promote, keep, investigate or retire.",
                ),
            ],
            "Over time": [
                stacked("patterns/runs", "Runs", "Runs of each pattern."),
                lines(
                    "patterns/success_rate", "Success rate", "Successes among the runs that ended or were abandoned."
                ),
                lines(
                    "patterns/quality", "Quality", "Mean quality of results, as said by runs or evaluated afterwards."
                ),
                lines("patterns/p95", "Duration, p95", "All but five of a hundred runs took at most so long."),
            ],
            "In the window": [
                table_of(
                    "patterns/trends",
                    "Trends",
                    "Whether use grows over the whole days of the window, how sure that is, and who stays.",
                    width=12,
                ),
                table_of(
                    "patterns/together",
                    "Used together",
                    "Patterns that ran in the same contexts; a lift above 1 means more often than by chance. Read"
                    " from the events, which are kept for 90 days.",
                    width=12,
                ),
            ],
        },
    )
