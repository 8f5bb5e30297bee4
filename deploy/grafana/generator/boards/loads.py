"""Loads and memory: what waiting for models costs, what is loaded, and what it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from generator.board import board
from generator.panels import figures, residences, stacked, table_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.models import dashboard

__all__ = ["build"]


def build() -> dashboard.Dashboard:
    """Put the dashboard together."""
    return board(
        "loads",
        "Loads and memory",
        "How long requests wait for models to be loaded, what is loaded for nobody, what it takes in memory.",
        {
            "": [
                figures(
                    "loads/figures",
                    "In this window",
                    "A cold start is a request that had to wait for its model to be loaded.",
                ),
                table_of(
                    "loads/loaded_now",
                    "Loaded now",
                    "What is loaded at the end of the window: in which process, since when, idle for how much of that."
                    " Read from the events; a load before the window is not seen.",
                ),
                residences(
                    "loads/stays",
                    "When what was loaded",
                    "On how many devices and processes each chosen model was loaded. Read from the events, which are"
                    " kept for 90 days.",
                    height=10,
                ),
            ],
            "Waiting": [
                stacked("models/cold_starts", "Cold starts", "Requests that had to wait for their model to be loaded."),
                table_of(
                    "loads/by_model",
                    "Loads of each model",
                    "Those that requests waited for the longest first.",
                    width=12,
                ),
            ],
            "Keeping": [
                table_of(
                    "loads/residency",
                    "Worth keeping?",
                    "Keep a model loaded through pauses shorter than the break-even, unload it for longer ones: an"
                    " hour of waiting is taken to cost ten hours of an idle place. Read from the events.",
                    width=12,
                ),
                table_of(
                    "loads/memory",
                    "Memory of the GPU",
                    "Peaks of requests and loads; those measured while nothing else ran on the device are exact"
                    " (exclusive). Read from the events, which are kept for 90 days.",
                    width=12,
                ),
            ],
        },
        variables=["model"],
    )
