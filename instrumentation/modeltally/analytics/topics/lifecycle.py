"""Where models are: downloaded, loaded, resident, on disk, in the memory of a GPU."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - the row types are read at run time
from typing import Annotated, TypedDict

from modeltally.analytics import rows  # noqa: TC001 - the row types are read at run time
from modeltally.analytics.arguments import OF
from modeltally.analytics.topic import Layout, Topic

__all__ = [
    "DOWNLOADS",
    "LOADS",
    "MEMORY",
    "RESIDENCY",
    "STAYS",
    "STORAGE",
    "TOPICS",
    "DownloadRow",
    "LoadRow",
    "MemoryRow",
    "ResidencyRow",
    "StayRow",
    "StorageRow",
]

_STAYING = ("abandoned_after_seconds", "silent_after_seconds")
_NO_LOAD = "no load ended in this window: loads are recorded by `modeltally.load` and the instrumented libraries"


class DownloadRow(TypedDict):
    """What was downloaded of one model."""

    model: rows.Model
    downloads: Annotated[int, "Downloads that began in the window."]
    successes: rows.Successes
    failures: rows.Failures
    cancelled: rows.Cancelled
    abandoned: rows.Abandoned
    in_flight: rows.InFlight
    moved_bytes: Annotated[int, "Bytes that came over the network."]
    size_bytes: Annotated[int, "The largest size of the model that a download named; 0 where none did."]
    mean_ms: rows.Mean
    total_ms: Annotated[float, "All their durations together."]
    bytes_per_second: Annotated[float | None, "Bytes moved in a second of downloading."]
    last_begun_at: Annotated[datetime, "When the last of them began."]


DOWNLOADS = Topic(
    name="downloads",
    group="Lifecycle",
    sentence="What was downloaded of each model: how often, how much, how fast.",
    view="downloads_by_model",
    row=DownloadRow,
    layout=Layout(
        "Downloads",
        columns=("model", "downloads", "failures", "moved_bytes", "mean_ms", "bytes_per_second", "last_begun_at"),
        first_to_give_way=("last_begun_at", "mean_ms"),
        when_empty="no download began in this window",
    ),
    counted="downloads",
)


class LoadRow(TypedDict):
    """How one model is loaded."""

    model: rows.Model
    requests: rows.Requests
    cold_starts: rows.ColdStarts
    cold_start_rate: Annotated[float | None, "Cold starts among the requests; empty where there was none."]
    waited_for_loads_ms: Annotated[float, "How long requests waited for the model to be loaded, all together."]
    loads: Annotated[int, "Loads that began in the window."]
    load_failures: Annotated[int, "Those that failed."]
    mean_load_ms: Annotated[float | None, "Mean time of a load."]
    p95_load_ms: Annotated[float | None, "All but 5 of 100 loads took at most so long, within 1.1 %."]
    unloads: Annotated[int, "Unloads that began in the window."]
    last_loaded_at: Annotated[datetime | None, "When the last load began."]


LOADS = Topic(
    name="loads",
    group="Lifecycle",
    sentence="How often each model is loaded, how long that takes, and how long requests wait for it.",
    view="loads_by_model",
    row=LoadRow,
    layout=Layout(
        "Loads and cold starts",
        columns=(
            "model",
            "requests",
            "cold_starts",
            "cold_start_rate",
            "waited_for_loads_ms",
            "loads",
            "mean_load_ms",
            "last_loaded_at",
        ),
        first_to_give_way=("last_loaded_at", "requests"),
        when_empty="no model was asked, loaded or unloaded in this window",
    ),
    counted="requests",
)


class StayRow(TypedDict):
    """One stay of a model in memory."""

    model: rows.Model
    device: Annotated[str, "The device it was loaded on; empty where nobody said."]
    service: Annotated[str, "The service that loaded it."]
    instance: Annotated[str, "The process that loaded it."]
    loaded_at: Annotated[datetime, "When its load ended."]
    left_at: Annotated[datetime, "When it was unloaded or loaded anew, or when its process gave its last sign."]
    closed_by: Annotated[str, "What ended it: unload, load, process end; open where it still lasts."]
    requests: Annotated[int, "Requests that began while it lasted."]
    resident_seconds: Annotated[float, "How long it lasted."]
    busy_seconds: Annotated[float, "How long at least one request ran."]
    idle_seconds: Annotated[float, "How long none did."]


STAYS = Topic(
    name="stays",
    group="Lifecycle",
    sentence="When each model was loaded where, until when, and how much of that it was used.",
    view="residency",
    row=StayRow,
    layout=Layout(
        "Stays in memory",
        columns=("model", "device", "loaded_at", "left_at", "closed_by", "requests", "busy_seconds", "idle_seconds"),
        first_to_give_way=("busy_seconds", "device", "left_at"),
        when_empty=_NO_LOAD,
    ),
    settings=_STAYING,
    changes_by_silence=True,
)


class ResidencyRow(TypedDict):
    """How one model stays in memory."""

    model: rows.Model
    stays: Annotated[int, "How many stays in memory began in the window."]
    loaded_now: Annotated[int, "How many of them still last."]
    requests: Annotated[int, "Requests that began during them."]
    resident_seconds: Annotated[float, "How long they lasted, all together."]
    busy_seconds: Annotated[float, "How long of that at least one request ran."]
    idle_seconds: Annotated[float, "How long of that none did."]
    idle_share: Annotated[float | None, "The idle part of it."]
    load_seconds: Annotated[float | None, "Mean time of a load that succeeded."]
    break_even_seconds: Annotated[
        float | None, "Keep it through a pause that is shorter, unload it for a longer one: by waiting_weight."
    ]


RESIDENCY = Topic(
    name="residency",
    group="Lifecycle",
    sentence="How long each model stays loaded, how much of that is idle, which pauses it is worth keeping through.",
    view="residency_by_model",
    row=ResidencyRow,
    layout=Layout(
        "Residency",
        columns=(
            "model",
            "stays",
            "loaded_now",
            "requests",
            "idle_seconds",
            "idle_share",
            "load_seconds",
            "break_even_seconds",
        ),
        first_to_give_way=("requests", "loaded_now"),
        when_empty=_NO_LOAD,
    ),
    settings=(*_STAYING, "waiting_weight"),
    changes_by_silence=True,
)


class StorageRow(TypedDict):
    """What one model takes on disk."""

    model: rows.Model
    size_bytes: Annotated[int | None, "The largest size a download or load ever named; empty where none did."]
    share_of_bytes: Annotated[float | None, "Its part of the bytes of all models."]
    requests: rows.Requests
    share_of_requests: Annotated[float | None, "Its part of the requests to all models."]
    users: rows.Users
    bytes_per_request: Annotated[float | None, "Bytes kept for each request."]
    last_used_at: Annotated[datetime | None, "When it was last asked, at any time; empty where it never was."]
    last_seen_at: Annotated[datetime, "When anything last happened to it."]


STORAGE = Topic(
    name="storage",
    group="Lifecycle",
    sentence="What each model takes on disk against its use.",
    view="storage_by_model",
    row=StorageRow,
    layout=Layout(
        "Storage against use",
        columns=("model", "size_bytes", "share_of_bytes", "requests", "share_of_requests", "last_used_at"),
        when_empty="no model was ever seen",
    ),
    is_of_operations=False,
    counted="requests",
)


class MemoryRow(TypedDict):
    """What memory of a GPU one model takes."""

    model: rows.Model
    device: Annotated[str, "The device; empty where nobody said."]
    measured: Annotated[int, "Operations whose peak was measured."]
    exclusive: Annotated[int, "Those measured while nothing else ran there: their peaks are the model's own."]
    peak_bytes: Annotated[int, "The largest peak, neighbours included."]
    exclusive_peak_bytes: Annotated[int | None, "The largest peak measured alone."]
    mean_peak_bytes: Annotated[float, "The mean of all peaks."]
    used_of_reserved_bytes: Annotated[int, "Peaks of operations that say what was reserved, added up."]
    reserved_bytes: Annotated[int, "What these had reserved, added up."]
    used_share: Annotated[float | None, "How much of what was reserved was used at the peak."]
    model_bytes: Annotated[int, "What the model's weights take, as they were said; 0 where nobody did."]


MEMORY = Topic(
    name="memory",
    group="Lifecycle",
    sentence="How much memory of the GPU each model takes, and how much of what it reserves it uses.",
    view="memory_by_model",
    row=MemoryRow,
    layout=Layout(
        "Memory of the GPU",
        columns=("model", "device", "measured", "peak_bytes", "exclusive_peak_bytes", "mean_peak_bytes", "used_share"),
        first_to_give_way=("mean_peak_bytes", "measured"),
        when_empty="no operation of this window was measured on a GPU",
    ),
    arguments=(OF,),
    counted="measured",
)

TOPICS = (LOADS, STAYS, RESIDENCY, DOWNLOADS, STORAGE, MEMORY)
