"""What a report is: sections of words, a table and a chart, with what each rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modeltally.analytics.plain import plain
from modeltally.analytics.window import format_moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from modeltally.analytics.rows import Column
    from modeltally.analytics.trust import Trust
    from modeltally.analytics.window import Window
    from modeltally.show.charts.chart import Chart

__all__ = ["Report", "Section"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of a report.

    Attributes:
        name: What it is called, the same in every format.
        title: What stands above it.
        text: What it says in sentences.
        columns: What its rows are made of.
        shown: The names of the columns that people see; programs get all.
        rows: Its rows.
        left_out: How many rows more there were.
        is_record: One row, or two to be compared, read as a list of names and values.
        trust: What it rests on; None for what was worked out from several answers.
        empty: Why it has no rows, and what to do about it; None where it has some.
        chart: A chart of it.
    """

    name: str
    title: str
    text: tuple[str, ...]
    columns: tuple[Column, ...]
    shown: tuple[str, ...]
    rows: Sequence[Mapping[str, Any]]
    left_out: int = 0
    is_record: bool = False
    trust: Trust | None = None
    empty: str | None = None
    chart: Chart | None = None

    @property
    def shown_columns(self) -> list[Column]:
        """The columns that people see, in order."""
        by_name = {column.name: column for column in self.columns}
        return [by_name[name] for name in self.shown]

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold: figures as exact as they are stored."""
        return {
            "name": self.name,
            "title": self.title,
            "text": list(self.text),
            "columns": [
                {"name": column.name, "unit": str(column.unit), "sentence": column.sentence} for column in self.columns
            ],
            "rows": [plain(row) for row in self.rows],
            "left_out": self.left_out,
            "trust": None if self.trust is None else self.trust.to_dict(),
            "empty": self.empty,
            "chart": None if self.chart is None else {"summary": self.chart.summary, "spec": plain(self.chart.spec)},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report.

    Attributes:
        name: Which one: a key of ``modeltally.show.report.kinds.REPORTS``.
        title: What stands above it.
        sentence: What it tells.
        generated_at: When it was made.
        window: What it is about.
        zone: The zone that its days, and the times that people read, are in.
        sections: Its parts.
    """

    name: str
    title: str
    sentence: str
    generated_at: datetime
    window: Window
    zone: str
    sections: tuple[Section, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give it as what JSON can hold: times as ISO 8601 in UTC."""
        return {
            "report": self.name,
            "title": self.title,
            "sentence": self.sentence,
            "generated_at": format_moment(self.generated_at),
            "window": self.window.parameters(),
            "zone": self.zone,
            "sections": [section.to_dict() for section in self.sections],
        }
