"""Servers on directories of their own, as the receiver's tests have them."""

from __future__ import annotations

from receiver.conftest import _clean_environment, server, start_server

__all__ = ["_clean_environment", "server", "start_server"]
