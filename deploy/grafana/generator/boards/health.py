"""Health of modeltally: whether everything that happens arrives, and is counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.board import board
from generator.panels import figures, lines, stacked, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard

__all__ = ["build"]


def build() -> dashboard.Dashboard:
    """Put the dashboard together."""
    return board(
        "health",
        "Health of modeltally",
        "Whether everything that services do arrives here and is counted, and what is known to be missing.",
        {
            "": [
                figures(
                    "health/trust",
                    "Trust",
                    "Age of the newest data, coverage (exact, or unknown where other instrumentations may have left"
                    " requests out), operations known to be lost, spans that could not be counted, and late ones.",
                ),
                table_of(
                    "health/processes",
                    "Is everything here?",
                    "What each process counted itself against what is stored of it. Unexplained is how much less came;"
                    " empty where nobody can tell.",
                ),
            ],
            "Over time": [
                lines("health/alive", "Processes alive", "Processes of the chosen services that sent a heartbeat."),
                stacked("health/losses", "Lost operations", "Operations that processes say they lost, by the hour."),
                stacked("health/operations", "Operations", "Operations of every kind that began, of all services."),
                stacked(
                    "health/rolled",
                    "Rolled hours",
                    "Hours of each day (UTC) whose figures are rolled, and those that each question counts from their"
                    " events; the hours around now are among the latter.",
                ),
            ],
            "Not counted": [
                table_of(
                    "health/refused",
                    "Refused spans",
                    "What came in the window and could not be counted, by reason.",
                    width=12,
                ),
                table_of(
                    "health/foreign",
                    "Other instrumentations",
                    "What others told of generative calls, and how many of these are counted as requests.",
                    width=12,
                ),
            ],
        },
        variables=["service"],
    )
