"""The embedded default: an OTLP receiver with a durable spool, the owner of the database, its jobs; one process.

The server needs the extra ``local``; asking a running one (``modeltally.local.client``) does not, so the server is
imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modeltally.local.client import RemoteStore, ServerAddress, find_server

if TYPE_CHECKING:
    from modeltally.local.server import LocalServer, serve

__all__ = ["LocalServer", "RemoteStore", "ServerAddress", "find_server", "serve"]


def __getattr__(name: str) -> Any:
    if name in {"LocalServer", "serve"}:
        from modeltally.local import server  # noqa: PLC0415 - see above

        return getattr(server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
