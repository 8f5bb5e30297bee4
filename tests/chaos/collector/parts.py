"""What the parts of the chaos share: what is sent, what is stored, what is said about it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from collector.feed import Bodies
from modeltally.store import open_store
from receiver.bodies import START_NS
from support.stores import ask

if TYPE_CHECKING:
    from pathlib import Path

SMALL: Final = {
    "modeltally.operation": "model.request",
    "modeltally.outcome": "success",
    "modeltally.model.id": "flux-dev",
    "modeltally.task": "text_to_image",
}
_DAY = dt.datetime.fromtimestamp(START_NS / 1e9, dt.UTC)


def bodies(spans_per_body: int = 1000) -> Bodies:
    """Bodies of spans that count as requests."""
    return Bodies(spans_per_body=spans_per_body, attributes=SMALL)


@dataclass(frozen=True)
class Verdict:
    """What became of one part.

    Attributes:
        is_right: Whether it is as it must be.
        text: The figures.
    """

    is_right: bool
    text: str

    @property
    def word(self) -> str:
        """The last word of the line."""
        return "as it must be" if self.is_right else "WRONG"


@dataclass(frozen=True)
class Stored:
    """What a store holds.

    Attributes:
        rows: Rows of the landing table.
        spans: Different spans among them.
        requests: What the view counts, from the events.
        rolled: What the view counts once everything is rolled.
    """

    rows: int
    spans: int
    requests: int
    rolled: int

    @classmethod
    def read(cls, directory: Path) -> Stored:
        """Read a store whose owner has ended."""
        store = open_store(directory)
        try:
            (landed,) = ask(store, "SELECT count() AS rows, uniqExact(TraceId, SpanId) AS spans FROM otel_traces")
            window = {
                "since": _DAY - dt.timedelta(days=1),
                "until": _DAY + dt.timedelta(days=2),
                "as_of": _DAY + dt.timedelta(days=2),
                "abandoned_after_seconds": 21600.0,
            }
            counts = []
            for _ in range(2):
                rows = store.read("usage_overview", window)
                counts.append(int(str(rows[0]["requests"])) if rows else 0)
                store.run("roll", {})
            return cls(landed["rows"], landed["spans"], counts[0], counts[1])
        finally:
            store.close()

    def says_exactly(self, spans: int) -> bool:
        """Whether every span is there and every view counts each once."""
        return self.spans == self.requests == self.rolled == spans

    def text(self, sent: int) -> str:
        """The figures, beside what was acknowledged."""
        return (
            f"acknowledged {sent:,}, stored {self.spans:,} ({sent - self.spans:,} lost), landing rows {self.rows:,}"
            f" ({self.rows - self.spans:,} doubled), views {self.requests:,}, rolled {self.rolled:,}"
        )
