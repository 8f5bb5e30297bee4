"""The process behind ``modeltally up``: owner of a data directory, its receiver, its jobs, its HTTP side.

The server needs the extra ``local``; asking a running one (``modeltally.server.client``) does not, so the server is
imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modeltally.server.client import RemoteStore, ServerAddress, find_server

if TYPE_CHECKING:
    from modeltally.server.local import LocalServer, serve

__all__ = ["LocalServer", "RemoteStore", "ServerAddress", "find_server", "serve"]


def __getattr__(name: str) -> Any:
    if name in {"LocalServer", "serve"}:
        from modeltally.server import local  # noqa: PLC0415 - see above

        return getattr(local, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
