"""The address of a ClickHouse server that is the store."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

from modeltally.errors import SettingError

__all__ = ["StoreAddress"]

_EXAMPLE: Final = "write it like https://user@host:8443/modeltally"
_DEFAULT_PORTS: Final = {"http": 8123, "https": 8443}
_DATABASE: Final = re.compile(r"[A-Za-z_]\w{0,63}", re.ASCII)


@dataclass(frozen=True)
class StoreAddress:
    """Where a store is, and as whom to ask it. Printed, it says no more than that.

    Attributes:
        interface: http or https.
        host: The server.
        port: Its port for HTTP.
        user: The user, by default ``default``.
        database: The database, by default ``modeltally``.
    """

    interface: str
    host: str
    port: int
    user: str
    database: str

    def __str__(self) -> str:
        return f"{self.interface}://{self.user}@{self.host}:{self.port}/{self.database}"

    @classmethod
    def parse(cls, url: str) -> StoreAddress:
        """Read an address.

        Raises:
            SettingError: It is none, or holds a password, which the message does not repeat.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise SettingError(f"setting 'store' is no address; {_EXAMPLE}") from None
        if parts.password is not None:
            raise SettingError(
                "setting 'store' holds a password, which shows in lists of processes and in logs: leave it out there,"
                " and set MODELTALLY_STORE_PASSWORD or store_password_file"
            )
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or parts.query or parts.fragment:
            raise SettingError(f"setting 'store' has the value {_shown(url)!r}: {_EXAMPLE}")
        database = unquote(parts.path).strip("/") or "modeltally"
        if not _DATABASE.fullmatch(database):
            raise SettingError(
                f"setting 'store' names the database {database[:80]!r}, which is no plain name; {_EXAMPLE}"
            )
        return cls(
            interface=parts.scheme,
            host=parts.hostname,
            port=port or _DEFAULT_PORTS[parts.scheme],
            user=unquote(parts.username or "default"),
            database=database,
        )


def _shown(url: str) -> str:
    return url.rpartition("@")[2][:80]
