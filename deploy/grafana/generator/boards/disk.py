"""Advice and disk: what models take on disk, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.board import board
from generator.panels import figures, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard

__all__ = ["build"]


def build() -> dashboard.Dashboard:
    """Put the dashboard together."""
    return board(
        "disk",
        "Advice and disk",
        "What models take on disk against their use, what was downloaded, and what is advised.",
        {
            "": [
                figures(
                    "disk/figures",
                    "On disk",
                    "Models that were ever seen, with the largest size that a download or load said of each.",
                ),
                table_of(
                    "disk/advice",
                    "Advice",
                    "The newest advice of each kind, and what a guard refused; `modeltally recommend` makes it.",
                    height=9,
                ),
            ],
            "Disks": [
                table_of(
                    "disk/volumes",
                    "Disks that hold models",
                    "How full they are, and when they will be: from seven days on, between two bounds. Hosts tell of"
                    " their disks by `modeltally agent`.",
                ),
            ],
            "Models": [
                table_of(
                    "disk/by_model",
                    "Size against use",
                    "A model with a large share of the bytes and a small one of the requests costs most for its use.",
                    height=10,
                ),
                table_of(
                    "disk/downloads",
                    "Downloads",
                    "What was downloaded in the window, how fast, and how often that failed.",
                ),
            ],
        },
        variables=["model"],
        since="now-30d",
    )
