"""Users, services and projects: who asks which model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.board import board
from generator.panels import ranking, stacked, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard

__all__ = ["build"]


def build() -> dashboard.Dashboard:
    """Put the dashboard together."""
    return board(
        "users",
        "Users",
        "Who asks which model: users by pseudonymous hashes, services, projects.",
        {
            "": [
                stacked(
                    "users/by_day",
                    "Users per day",
                    "Different users on each day (UTC): those who came for the first time in the window, and the rest.",
                ),
                ranking(
                    "users/by_model", "Users per model", "Different users of the chosen models, at most 20 models."
                ),
                table_of(
                    "users/user_and_model",
                    "User and model",
                    "Which user asks which of the chosen models, at most 500 rows. Read from the events, which are"
                    " kept for 90 days.",
                    width=12,
                    height=11,
                ),
                table_of(
                    "users/each",
                    "Each user",
                    "Everything a user asks, of every model, at most 500 rows; one row without a user stands for"
                    " requests that name none. Read from the events, which are kept for 90 days.",
                    width=12,
                    height=11,
                ),
            ],
            "Services": [
                stacked("users/services_over_time", "Requests by service", "Requests that the chosen services made."),
                table_of("users/services", "Services", "How well requests of the chosen services end.", width=12),
            ],
            "Projects": [
                stacked("users/projects_over_time", "Requests by project", "Requests for the chosen projects."),
                table_of("users/projects", "Projects", "How well requests for the chosen projects end.", width=12),
            ],
        },
        variables=["model", "service", "project"],
    )
