"""Models: every one of them, and what the chosen ones do."""

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
        "models",
        "Models",
        "Every model that was ever seen, used or not, and how those that are chosen do.",
        {
            "": [
                table_of(
                    "models/every_model",
                    "Every model",
                    "The longest unused first. The size is the largest that a download or load said; shares are of"
                    " all requests in the window.",
                    height=11,
                ),
            ],
            "Over time": [
                stacked("models/requests", "Requests", "Requests to the chosen models, at most ten of them."),
                lines("models/users", "Users", "Different users of each chosen model, at most ten models."),
                lines("models/p95", "Duration, p95", "All but five of a hundred requests took at most so long."),
                lines(
                    "models/success_rate",
                    "Success rate",
                    "Successes among the requests that ended or were abandoned; a partial success counts half.",
                ),
                stacked(
                    "models/cold_starts",
                    "Cold starts",
                    "Requests that had to wait for their model to be loaded.",
                    width=24,
                ),
            ],
            "In the window": [
                table_of(
                    "models/durations",
                    "Durations",
                    "Slow is a p95 above 300 s, excellent one below 150 s: half and all of what counts as slow for"
                    " a model.",
                ),
                table_of(
                    "models/failures",
                    "What goes wrong",
                    "Failed requests by type of error, beside all requests of the model. Read from the events, which"
                    " are kept for 90 days.",
                    width=12,
                ),
                table_of(
                    "models/trends",
                    "Trends",
                    "Whether use grows over the whole days of the window, and how sure that is.",
                    width=12,
                ),
                table_of(
                    "models/tokens",
                    "Tokens and cost",
                    "Tokens that went in and came out; the cost is what services said themselves.",
                ),
            ],
        },
        variables=["model"],
    )
