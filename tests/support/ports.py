"""Ports of this machine."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST_PORT: Final = 20_000
_PORT_COUNT: Final = 12_000
_PORTS: Final = itertools.count(os.getpid() * 37)


@contextlib.contextmanager
def refused_url() -> Iterator[str]:
    """Give an address where nobody listens, and nobody else can while the block lasts."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def free_port() -> int:
    """Find a port nobody listens on, for a program that cannot say which one it took.

    It is below those that systems give away, and another one for each process of tests.
    """
    while True:
        port = _FIRST_PORT + next(_PORTS) % _PORT_COUNT
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
