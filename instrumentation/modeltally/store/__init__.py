"""The store: where SQL lives, how it is applied and run, how old data is forgotten."""

from modeltally.store.client import QuarantinedSpan, Row, Store
from modeltally.store.embedded import EmbeddedStore, Job, open_store

__all__ = ["EmbeddedStore", "Job", "QuarantinedSpan", "Row", "Store", "open_store"]
