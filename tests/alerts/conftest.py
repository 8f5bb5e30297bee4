"""Servers on directories of their own, and commands in this process."""

from __future__ import annotations

from cli.conftest import here, home, run
from receiver.conftest import _clean_environment, start_server

__all__ = ["_clean_environment", "here", "home", "run", "start_server"]
