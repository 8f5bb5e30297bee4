"""The manager of models, as it is made without saying anything: everything from where the settings name it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modeltally.analytics.statistics import Statistics
from modeltally.availability.declared import ModelPriority, declared_in
from modeltally.availability.downloads.rates import Rates
from modeltally.availability.found import places_of
from modeltally.availability.guards import Use
from modeltally.availability.inventory import take_inventory, wanted_of
from modeltally.availability.manager import ModelAvailabilityManager as Manager
from modeltally.availability.removal import Remover
from modeltally.availability.states import ModelAvailabilityStatus
from modeltally.availability.status import CleanupResult, DetailedModelStatus, ModelRequestResult, RetentionPolicy
from modeltally.availability.watched import watched_usage
from modeltally.connect import has_store, open_reader, running_server
from modeltally.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.availability.status import ModelUsage

__all__ = [
    "CleanupResult",
    "DetailedModelStatus",
    "ModelAvailabilityManager",
    "ModelAvailabilityStatus",
    "ModelPriority",
    "ModelRequestResult",
    "RetentionPolicy",
]


class ModelAvailabilityManager(Manager):
    """The manager over this machine's stores: its use from the store of the settings, its declared models from there.

    ``MODELTALLY_MODELS`` names the file of declared models. A clean-up by a policy that is no dry run moves models into
    the trash, after each was looked at once more.
    """

    def __init__(
        self, model_manager: Any = None, downloader: Any = None, health_monitor: Any = None, **parts: Any
    ) -> None:
        """Take what a host has already, and whatever else the manager takes.

        Args:
            model_manager: A host's own manager.
            downloader: A host's own downloader.
            health_monitor: A host's own monitor.
            **parts: As :class:`modeltally.availability.manager.ModelAvailabilityManager` has them.

        Raises:
            ModelTallyError: The settings, or the file of declared models, are not usable.
        """
        if "declared" not in parts:
            parts["declared"] = declared_in(os.environ)
        settings = load_settings()
        if "places" not in parts:
            cache = parts.get("cache")
            environ = dict(os.environ) if cache is None else {**os.environ, "HF_HUB_CACHE": os.fspath(cache)}
            parts["places"] = places_of(environ, Path.home(), wanted=wanted_of(parts.get("declared")))
        places, declared = parts["places"], parts.get("declared")
        remover = Remover(lambda: take_inventory(places, declared), declared=declared, use_of=_use_of)
        parts.setdefault("remove", remover.for_manager(RetentionPolicy(dry_run=False)))
        parts.setdefault("directory", settings.dir)
        parts.setdefault("usage", _usage)
        day, night = settings.download_bytes_per_second, settings.download_night_bytes_per_second
        parts.setdefault("rates", Rates.of(day, night, settings.download_night_hours))
        super().__init__(model_manager, downloader, health_monitor, **parts)


def _use_of(names: Sequence[str]) -> Use:
    """Say when a model was last used, by all its names; asked once more before anything is removed."""
    found = _usage()
    times = [found[name].last_used_at for name in names if name in found]
    return Use(max((at for at in times if at is not None), default=None), is_known=bool(found))


def _usage() -> dict[str, ModelUsage]:
    settings = load_settings()
    if not has_store(settings) and running_server(settings) is None:
        return {}
    with open_reader(settings) as store:
        statistics = Statistics(store, settings=settings, keeps_answers=False)
        return watched_usage(store, statistics, now=datetime.now(UTC))
