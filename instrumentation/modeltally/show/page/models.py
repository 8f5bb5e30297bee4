"""The list of models: every one that was ever seen, with its use in the window, its course and what it takes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypedDict

from modeltally.analytics import rows as r  # noqa: TC001 - the row type is read at run time
from modeltally.analytics.rows import columns_of
from modeltally.analytics.topics.lifecycle import STORAGE
from modeltally.analytics.topics.over_time import TIME, TRENDS
from modeltally.analytics.topics.usage import MODELS
from modeltally.errors import UnknownNameError
from modeltally.show.charts.sparkline import sparkline_svg
from modeltally.show.page.asking import Question, asks
from modeltally.show.page.cells import Cell
from modeltally.show.page.needs import is_failing
from modeltally.show.page.tables import Table, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.analytics.window import Window
    from modeltally.settings import Settings
    from modeltally.show.backend import Backend
    from modeltally.show.page.state import PageState

__all__ = ["COLUMNS", "TABS", "ModelLine", "lines_of", "model_questions", "model_table", "tab_counts"]

COURSE_DAYS: Final = 30
_COURSE_SECONDS: Final = 300.0
_SLOW_SECONDS: Final = 60.0
_NOBODY_LOOKS: Final = (
    "nobody reports which files are on the disk, so what is missing, damaged or removed is not known;"
    " what downloads and loads told is on the page Disk"
)
TABS: Final = {
    "": "All",
    "in-use": "In use",
    "idle": "Idle",
    "never-used": "Never used",
    "failing": "Failing",
    "missing": "Missing or damaged",
    "removed": "Removed",
}
_UNKNOWN: Final = ("missing", "removed")


class ModelLine(TypedDict):
    """What the list says of one model."""

    model: r.Model
    state: Annotated[str, "In use in this window, idle, or never used; failing where too few requests succeed."]
    requests: r.Requests
    share: Annotated[float | None, "Its part of the requests to all models."]
    users: r.Users
    success_rate: r.SuccessRate
    p95_ms: r.P95
    cold_starts: r.ColdStarts
    last_used_at: Annotated[datetime | None, "When it was last asked, at any time; empty where it never was."]
    trend: Annotated[str | None, "Whether its use grows within the window; empty where that is not known."]
    size_bytes: Annotated[int | None, "The largest size a download or load ever named; empty where none did."]


COLUMNS: Final = columns_of(ModelLine)


def model_questions(state: PageState) -> dict[str, Question]:
    """Give what the list asks.

    Args:
        state: The page's address.

    Returns:
        Questions by name.
    """
    return {
        "models": asks(MODELS, state.window),
        "storage": asks(STORAGE, state.window, max_age_seconds=_SLOW_SECONDS),
        "trends": asks(TRENDS, state.window, {"kind": "model"}, max_age_seconds=_SLOW_SECONDS, is_optional=True),
        "courses": _courses(state.window),
    }


def lines_of(found: Mapping[str, Any], settings: Settings) -> list[ModelLine]:
    """Bring together what is known of each model.

    Args:
        found: The answers.
        settings: What counts as failing.

    Returns:
        A line for each model that was ever seen, the most used first.
    """
    used = {row["model"]: row for row in found["models"].rows}
    stored = {row["model"]: row for row in found["storage"].rows}
    trends = {row["subject"]: row["trend_type"] for row in found["trends"].rows} if found["trends"] else {}
    total = sum(row["requests"] for row in used.values())
    lines = [
        _line(name, used.get(name), stored.get(name), trends.get(name), total, settings) for name in {**used, **stored}
    ]
    return sorted(lines, key=lambda line: (-line["requests"], line["model"]))


def tab_counts(lines: Sequence[ModelLine]) -> dict[str, int | None]:
    """Count the models of each tab; None where nobody can tell."""
    return {tab: None if tab in _UNKNOWN else len(_of_tab(lines, tab)) for tab in TABS}


def model_table(lines: Sequence[ModelLine], found: Mapping[str, Any], state: PageState) -> Table:
    """Make the table of the list.

    Args:
        lines: The lines of all models.
        found: The answers, which hold the courses.
        state: Tab, search, order and page.

    Returns:
        The table.

    Raises:
        UnknownNameError: There is no such tab.
    """
    if state.tab not in TABS:
        raise UnknownNameError("tab", state.tab, [tab for tab in TABS if tab])
    empty = found["models"].empty or found["storage"].empty or ""
    if lines and not empty:
        empty = "no model is one of these"
    if state.tab in _UNKNOWN:
        empty = _NOBODY_LOOKS
    table = table_of(
        _of_tab(lines, state.tab),
        COLUMNS,
        caption="Models",
        state=state,
        empty=empty,
        is_sorted=True,
        exports=[(name.upper(), state.link(f"/models.{name}")) for name in ("csv", "json")]
        + [("the SQL", state.link("/topics/models.sql"))],
    )
    return _with_courses(table, found["courses"] or {})


def _courses(window: Window) -> Question:
    """Ask for the course of each model over thirty days; only numbers are kept, which is little."""
    month = replace(window, since=window.as_of - timedelta(days=COURSE_DAYS), until=window.as_of)
    asked = asks(TIME, month, {"kind": "model", "bucket": "day"})

    def find(backend: Backend) -> dict[str, list[int]]:
        courses: dict[str, list[int]] = defaultdict(list)
        for row in asked.find(backend).rows:
            courses[row["subject"]].append(row["operations"])
        return dict(courses)

    return Question(f"courses {window.question()['as_of']}", find, _COURSE_SECONDS, is_optional=True)


def _line(
    name: str,
    used: Mapping[str, Any] | None,
    stored: Mapping[str, Any] | None,
    trend: str | None,
    total: int,
    settings: Settings,
) -> ModelLine:
    requests = used["requests"] if used else 0
    last_used_at = (used or {}).get("last_used_at") or (stored or {}).get("last_used_at")
    state = "in use" if requests else "idle" if last_used_at else "never used"
    return {
        "model": name,
        "state": "failing" if used and is_failing(used, settings) else state,
        "requests": requests,
        "share": requests / total if total else None,
        "users": used["users"] if used else 0,
        "success_rate": used["success_rate"] if used else None,
        "p95_ms": used["p95_ms"] if used else None,
        "cold_starts": used["cold_starts"] if used else 0,
        "last_used_at": last_used_at,
        "trend": trend,
        "size_bytes": stored["size_bytes"] if stored else None,
    }


def _of_tab(lines: Sequence[ModelLine], tab: str) -> list[ModelLine]:
    if not tab:
        return list(lines)
    if tab in _UNKNOWN:
        return []
    wanted = {"in use", "failing"} if tab == "in-use" else {tab.replace("-", " ")}
    return [line for line in lines if line["state"] in wanted]


def _with_courses(table: Table, courses: Mapping[str, Sequence[int]]) -> Table:
    """Put the course of each model behind its name, where it is known."""
    at = next(place for place, heading in enumerate(table.headings) if heading.name == "trend")
    rows = [[*row[:at], _course(courses.get(row[0].exact, ())), *row[at:]] for row in table.rows]
    course = replace(
        table.headings[at], name="course", text=f"{COURSE_DAYS} days", sentence="Requests by day.", href="", sorted=""
    )
    return replace(table, headings=[*table.headings[:at], course, *table.headings[at:]], rows=rows)


def _course(values: Sequence[int]) -> Cell:
    if len(values) < 2:  # noqa: PLR2004 - a course has two points
        return Cell(text="", tone="quiet")
    label = f"{sum(values):,} requests in {len(values)} days, at most {max(values):,} a day"
    return Cell(text=label, svg=sparkline_svg(values, label=label, width=88, height=20))
