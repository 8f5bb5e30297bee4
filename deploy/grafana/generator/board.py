"""What every dashboard has: the data source to choose, variables, the links to the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
    Row,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from generator.questions import DATASOURCE, PLUGIN, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.models import dashboard

    from generator.panels import Panel

__all__ = ["TAG", "board"]

TAG: Final = "modeltally"
# A first look shows a week: what happens seldom is not missed, and no window is empty that need not be.
_DEFAULT_RANGE: Final = ("now-7d", "now")
_EVERY: Final = "5m"
_ALL: Final = "$__all"


def board(
    name: str,
    title: str,
    description: str,
    rows: Mapping[str, Sequence[Panel]],
    *,
    variables: Sequence[str] = (),
    since: str = _DEFAULT_RANGE[0],
) -> dashboard.Dashboard:
    """Put a dashboard together.

    Args:
        name: What its address ends with.
        title: Its heading.
        description: What it shows.
        rows: Panels below a heading each, or above all headings where that is empty.
        variables: Of ``model``, ``service`` and ``project`` those that its statements ask for.
        since: Where its window begins as it opens, in Grafana's words.
    """
    made = (
        Dashboard(f"modeltally: {title}")
        .uid(f"{TAG}-{name}")
        .description(description)
        .tags([TAG])
        .timezone("browser")
        .time(since, _DEFAULT_RANGE[1])
        .refresh(_EVERY)
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(
            DatasourceVariable("datasource")
            .label("Data source")
            .description("A ClickHouse data source whose database is the store of modeltally.")
            .type(PLUGIN)
            .current(VariableOption(text=TAG, value=TAG))
        )
        .link(
            DashboardLink("modeltally")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(as_dropdown=False)
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
        .annotations([])
    )
    for variable in variables:
        made.with_variable(_variable(variable))
    for heading, panels in rows.items():
        if heading:
            made.with_row(Row(heading))
        for panel in panels:
            made.with_panel(panel)
    built = made.build()
    for number, panel_or_row in enumerate(built.panels or [], start=1):
        panel_or_row.id_val = number
    return built


def _variable(name: str) -> QueryVariable:
    question = text_of(f"variables/{name}")
    return (
        QueryVariable(name)
        .label(name.capitalize())
        .description(f"Whose figures are shown: one {name}, several, or all.")
        .datasource(DATASOURCE)
        .query({"editorType": "sql", "rawSql": question, "refId": f"variable-{name}"})
        .definition(question)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.DISABLED)
        .multi(multi=True)
        .include_all(include_all=True)
        .current(VariableOption(text=["All"], value=[_ALL]))
    )
