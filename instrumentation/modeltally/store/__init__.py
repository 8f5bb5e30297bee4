"""The store: where SQL lives, how it is applied and run, how old data is forgotten."""

from modeltally.store._database_store import DatabaseStore, StoreJob
from modeltally.store.client import Row, Store
from modeltally.store.embedded import EmbeddedStore, open_store
from modeltally.store.received import METRIC_KINDS, QuarantinedSpan, RefusedMetrics
from modeltally.store.served import ServedStore, open_served_store

__all__ = [
    "METRIC_KINDS",
    "DatabaseStore",
    "EmbeddedStore",
    "QuarantinedSpan",
    "RefusedMetrics",
    "Row",
    "ServedStore",
    "Store",
    "StoreJob",
    "open_served_store",
    "open_store",
]
