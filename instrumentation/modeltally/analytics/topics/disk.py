"""What lies on the disks of hosts: models against their use, what no model needs, how full the disks are."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, TypedDict

from modeltally.analytics import rows  # noqa: TC001 - the row types are read at run time
from modeltally.analytics.topic import Layout, Topic

__all__ = [
    "CLEANUP_EFFECT",
    "DISK",
    "DISK_GROWTH",
    "INVENTORY",
    "RUBBISH",
    "TOPICS",
    "CleanupEffectRow",
    "DiskGrowthRow",
    "DiskRow",
    "InventoryRow",
    "RubbishRow",
]

_NOBODY_LOOKED = "no host has told of its disks in this window: `modeltally agent` and `modeltally up` do"

Host = Annotated[str, "The machine."]
StoreKind = Annotated[str, "The kind of store: huggingface, ollama and so on."]
Location = Annotated[str, "Which store: a folder, an address."]
SeenAt = Annotated[datetime, "When somebody last looked."]


class InventoryRow(TypedDict):
    """One model in one store of a host, against its use."""

    model: rows.Model
    host: Host
    store: StoreKind
    location: Location
    state: Annotated[str, "Its state as it was last seen: available, missing, corrupted and so on."]
    size_bytes: Annotated[int, "What it takes on disk."]
    freed_bytes: Annotated[int, "What would become free if it alone went."]
    share_of_bytes: Annotated[float | None, "Its part of the bytes of all models."]
    revisions: Annotated[int, "Revisions of it that are there; 0 where the store has none."]
    requests: rows.Requests
    users: rows.Users
    bytes_per_request: Annotated[float | None, "Bytes kept for each request of the window."]
    last_used_at: Annotated[datetime | None, "When it was last asked, at any time; empty where it never was."]
    seen_at: SeenAt


INVENTORY = Topic(
    name="inventory",
    group="Disk",
    sentence="What lies on the disks of hosts, model by model, against its use.",
    view="models_on_disk",
    row=InventoryRow,
    layout=Layout(
        "On disk against use",
        columns=("model", "host", "store", "state", "size_bytes", "freed_bytes", "requests", "last_used_at"),
        first_to_give_way=("state", "store", "host"),
        when_empty=_NOBODY_LOOKED,
    ),
    is_of_operations=False,
    counted="requests",
)


class RubbishRow(TypedDict):
    """What no model needs, of one kind."""

    host: Host
    store: StoreKind
    location: Location
    leftover: Annotated[str, "What it is: partial, orphan, detached revision, cache."]
    model: Annotated[str, "The model it was meant for; empty where that cannot be told."]
    places: Annotated[int, "Files or folders of it."]
    freed_bytes: Annotated[int, "What would become free if they went."]
    seen_at: SeenAt


RUBBISH = Topic(
    name="rubbish",
    group="Disk",
    sentence="Which bytes on the disks of hosts no model needs.",
    view="rubbish_on_disk",
    row=RubbishRow,
    layout=Layout(
        "Bytes that no model needs",
        columns=("host", "store", "leftover", "model", "places", "freed_bytes", "seen_at"),
        first_to_give_way=("seen_at", "places", "store"),
        when_empty="no host has told of bytes that no model needs",
    ),
    settings=(),
    has_as_of=False,
    is_of_operations=False,
)


class DiskRow(TypedDict):
    """How full one disk is, and when it will be full."""

    host: Host
    volume: Annotated[str, "The disk: where it is mounted."]
    size_bytes: Annotated[int, "What it holds."]
    free_bytes: Annotated[int, "What is free of it."]
    used_share: Annotated[float | None, "How much of it is used."]
    models_bytes: Annotated[int, "What the models of the stores on it take; what two stores share counts in both."]
    rubbish_bytes: Annotated[int, "Bytes on it that no model needs."]
    changes: Annotated[int, "Changes from one day to the next that could be seen: what the following rest on."]
    growth_bytes_per_day: Annotated[float | None, "The mean of those changes; below 0 it empties."]
    days_until_full: Annotated[
        float | None, "Days until it is full; empty below 7 changes, and where it does not fill."
    ]
    days_until_full_low: Annotated[float | None, "It will hardly be full before."]
    days_until_full_high: Annotated[float | None, "It will hardly stay free for longer; empty where it may for ever."]
    seen_day: Annotated[date, "The day (UTC) on which somebody last looked."]


DISK = Topic(
    name="disk",
    group="Disk",
    sentence="How full the disks are that hold models, and in how many days they will be full.",
    view="disk_by_volume",
    row=DiskRow,
    layout=Layout(
        "Disks",
        columns=(
            "host",
            "volume",
            "free_bytes",
            "used_share",
            "models_bytes",
            "rubbish_bytes",
            "growth_bytes_per_day",
            "changes",
            "days_until_full",
            "days_until_full_low",
            "days_until_full_high",
        ),
        first_to_give_way=("changes", "models_bytes", "rubbish_bytes", "growth_bytes_per_day"),
        when_empty=_NOBODY_LOOKED,
    ),
    settings=(),
    has_as_of=False,
    is_of_operations=False,
)


class DiskGrowthRow(TypedDict):
    """How full one disk was on one day."""

    day: Annotated[date, "The day (UTC)."]
    host: Host
    volume: Annotated[str, "The disk: where it is mounted."]
    volume_bytes: Annotated[int, "What it holds."]
    free_bytes: Annotated[int, "What was free of it at the last look of the day."]
    used_bytes: Annotated[int, "What was used of it."]
    change_bytes: Annotated[int | None, "How much more than the day before; empty where nobody looked on that."]


DISK_GROWTH = Topic(
    name="disk-growth",
    group="Disk",
    sentence="How full the disks were that hold models, day by day.",
    view="disk_by_day",
    row=DiskGrowthRow,
    layout=Layout("Disks by day", first_to_give_way=("volume_bytes",), when_empty=_NOBODY_LOOKED),
    settings=(),
    has_as_of=False,
    is_of_operations=False,
)


class CleanupEffectRow(TypedDict):
    """What the removal of one model came to."""

    model: rows.Model
    cleanup: Annotated[str, "Which removal."]
    host: Host
    store: StoreKind
    removed_at: Annotated[datetime, "When it was removed."]
    removed_bytes: Annotated[int, "What went with it."]
    freed_bytes: Annotated[int, "What of that is free by now: the trash frees nothing until it is purged."]
    state: Annotated[str, "Where it is: in the trash, purged, restored, or gone where there was no trash."]
    downloaded_again_at: Annotated[datetime | None, "When it was last downloaded since."]
    asked_again_at: Annotated[datetime | None, "When it was last asked since."]
    is_back: Annotated[bool, "It is there again: restored, downloaded, or seen at a later look."]


CLEANUP_EFFECT = Topic(
    name="cleanup-effect",
    group="Disk",
    sentence="What removals of models came to: bytes freed, and what came back.",
    view="cleanup_effect",
    row=CleanupEffectRow,
    layout=Layout(
        "What removals came to",
        columns=("model", "removed_at", "removed_bytes", "freed_bytes", "state", "is_back", "asked_again_at"),
        first_to_give_way=("asked_again_at", "removed_bytes"),
        when_empty="no model was removed in this window",
    ),
    settings=(),
    has_as_of=False,
    is_of_operations=False,
)

TOPICS = (INVENTORY, RUBBISH, DISK, DISK_GROWTH, CLEANUP_EFFECT)
