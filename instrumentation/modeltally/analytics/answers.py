"""What a reader gives: the rows of a topic, how far they can be trusted, and why there are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from modeltally.analytics import frames
from modeltally.analytics.plain import plain
from modeltally.analytics.topic import R

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from modeltally.analytics.topic import Topic
    from modeltally.analytics.trust import Trust

__all__ = ["Answer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer(Generic[R]):
    """An answer.

    Attributes:
        topic: What was asked.
        rows: Its rows, in the view's order.
        trust: What they rest on.
        empty: Why there is nothing to tell; None where something is told.
    """

    topic: Topic[R]
    rows: list[R]
    trust: Trust
    empty: str | None

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold: ``topic``, ``rows``, ``trust``, ``empty``."""
        return {
            "topic": self.topic.name,
            "rows": [plain(row) for row in self.rows],
            "trust": self.trust.to_dict(),
            "empty": self.empty,
        }

    def to_arrow(self) -> pa.Table:
        """Give the rows as an Arrow table, what they rest on in the metadata of its schema under ``modeltally``.

        Raises:
            SettingError: pyarrow is not installed.
        """
        return frames.to_arrow(self.rows, self.topic.columns, metadata=self.to_dict() | {"rows": len(self.rows)})

    def to_pandas(self) -> pd.DataFrame:
        """Give the rows as a data frame, what they rest on in its ``attrs`` under ``modeltally``.

        Raises:
            SettingError: pandas or pyarrow is not installed.
        """
        return frames.to_pandas(self.rows, self.topic.columns, metadata=self.to_dict() | {"rows": len(self.rows)})
