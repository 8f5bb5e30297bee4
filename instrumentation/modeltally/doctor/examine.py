"""The whole examination: the machine, the way out, the server, the store, in this order."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from modeltally.connect import running_server
from modeltally.doctor.exports import examine_exports
from modeltally.doctor.findings import fail, ok
from modeltally.doctor.libraries import examine_libraries
from modeltally.doctor.machine import examine_environment, examine_user_key, examine_versions
from modeltally.doctor.store import examine_completeness, examine_server, send_one
from modeltally.errors import SettingError
from modeltally.instrument._privacy import data_directory
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.doctor.findings import Finding

__all__ = ["examine"]


def examine(directory: Path | None, *, send: bool) -> Iterator[Finding]:
    """Look everywhere; each finding is yielded as soon as it is made.

    Args:
        directory: The data directory; None for the one the settings name.
        send: Also send one operation and look for it in the local store.
    """
    yield from examine_versions()
    yield from examine_environment()
    yield from examine_libraries()
    yield from examine_exports()
    try:
        settings = load_settings(dir=directory)
    except SettingError as error:
        yield fail("settings", str(error), "correct it: `modeltally up` does not start with it")
        yield from examine_user_key(directory or data_directory(), has_server=False)
        return
    if settings.store:
        yield ok("store", f"{settings.store}, which the collector writes to; no data directory is asked")
        yield from examine_completeness(settings, now=dt.datetime.now(dt.UTC))
        return
    server = running_server(settings)
    yield from examine_user_key(settings.dir, has_server=server is not None)
    can_be_asked = yield from examine_server(server, settings)
    if can_be_asked:
        yield from examine_completeness(settings, now=dt.datetime.now(dt.UTC))
    if send:
        yield from send_one(server, settings)
