"""Overview: how much, how well, how fast, and what nobody uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.board import board
from generator.panels import figures, grid, lines, ranking, stacked, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard

__all__ = ["build"]


def build() -> dashboard.Dashboard:
    """Put the dashboard together."""
    return board(
        "overview",
        "Overview",
        "Which models are used, by whom, how well, and which are not.",
        {
            "": [
                figures(
                    "overview/figures",
                    "In this window",
                    "Requests to all models. A cold start is a request that had to wait for its model to be loaded.",
                ),
                table_of(
                    "overview/longest_unused",
                    "Not used for the longest",
                    "Models that were ever seen, the longest unused first; without a last use they were never asked."
                    " The size is the largest that a download or load said.",
                    width=12,
                ),
                ranking(
                    "overview/users_by_model",
                    "Users per model",
                    "Different users of the ten models with the most, told apart by pseudonymous hashes.",
                ),
            ],
            "Over time": [
                stacked(
                    "overview/requests_by_outcome",
                    "Requests by outcome",
                    "Outcomes are disjoint; abandoned are requests whose end was not seen for six hours.",
                ),
                lines(
                    "overview/durations",
                    "Duration of requests",
                    "Half of the finished requests, and all but five of a hundred, took at most so long. Cancelled"
                    " requests are left out.",
                ),
                stacked(
                    "overview/requests_by_model",
                    "Requests by model",
                    "The ten models that were asked most in the window.",
                    width=24,
                ),
            ],
            "When and why": [
                grid(
                    "overview/week",
                    "Hours of the week",
                    "Requests by day of the week and hour of the day, in the zone of this dashboard.",
                ),
                table_of(
                    "overview/failures",
                    "What goes wrong",
                    "Requests that failed or raised an error, by type of error.",
                    width=12,
                    height=19,
                ),
                table_of(
                    "overview/patterns",
                    "Patterns",
                    "Agents and workflows that run most, how effective they are and what to do with them.",
                ),
            ],
            "How far to trust this": [
                figures(
                    "health/trust",
                    "Trust",
                    "Age of the newest data, coverage (exact, or unknown where other instrumentations may have left"
                    " requests out), operations known to be lost, spans that could not be counted, and late ones.",
                ),
            ],
        },
    )
