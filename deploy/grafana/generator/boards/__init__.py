"""The dashboards, a module each."""

from __future__ import annotations

from generator.boards import disk, health, loads, models, overview, patterns, users

__all__ = ["BOARDS"]

# By the name of their file.
BOARDS = {
    "overview": overview.build,
    "models": models.build,
    "users": users.build,
    "patterns": patterns.build,
    "loads": loads.build,
    "disk": disk.build,
    "health": health.build,
}
