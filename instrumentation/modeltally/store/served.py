"""The store on a ClickHouse server: the same reads and jobs; what arrives is written there by the collector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeltally.errors import SettingError
from modeltally.settings import Settings, load_settings
from modeltally.store._database_store import DatabaseStore, StoreJob
from modeltally.store.client import Database

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ServedStore", "open_served_store"]


class ServedStore(DatabaseStore):
    """The store of a server. Several processes may use it at once, but one at a time should run jobs."""

    def migrate(self) -> list[str]:
        """Make the database where there is none, bring the schema up to date; returns the files applied now.

        Raises:
            StoreError: The server refused.
        """
        self.database.create()
        return super().migrate()


def open_served_store(*, settings: Settings | None = None, jobs: Mapping[str, StoreJob] | None = None) -> ServedStore:
    """Open the store that the settings name.

    Args:
        settings: Address and password, retention and the like; read from file and environment when not given.
        jobs: What it can run, by name.

    Raises:
        SettingError: The address or the password cannot be used.
        ServerError: The server cannot be reached, or does not let this user in.
    """
    settings = settings or load_settings()
    database = Database.open_url(settings.store, password=_password(settings), ca_file=settings.store_ca_file)
    return ServedStore(database, settings=settings, jobs=jobs or {})


def _password(settings: Settings) -> str:
    given, path = settings.store_password.get_secret_value(), settings.store_password_file
    if given and path is not None:
        raise SettingError("store_password and store_password_file are both set: set one")
    if path is None:
        return given
    try:
        return path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"cannot read store_password_file {path}: {error}") from None
