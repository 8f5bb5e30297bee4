"""``modeltally token``: the password of the running server's ClickHouse port."""

from __future__ import annotations

import sys

from modeltally.cli._options import Directory
from modeltally.connect import running_server
from modeltally.errors import InputError
from modeltally.settings import load_settings

__all__ = ["token"]


def token(*, directory: Directory = None) -> None:
    """Print the password of the running server's ClickHouse port (user default), for scripts and data sources."""
    settings = load_settings(dir=directory)
    server = running_server(settings)
    if server is None:
        raise InputError(f"no server runs on {settings.dir}; start one with `modeltally up`, or give its --dir")
    sys.stdout.write(f"{server.address.token}\n")
