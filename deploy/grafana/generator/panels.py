"""The kinds of panel that dashboards are made of: each asks one statement and shows its columns by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import bargauge, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
    VizTooltipOptions,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BarGaugeValueMode,
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TimelineValueAlignment,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, FieldColorModeId, MatcherConfig, Threshold

from generator import fields
from generator.questions import DATASOURCE, Format, QuestionBuilder, columns_of

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog import builder
    from grafana_foundation_sdk.models import dashboard

    Panel = builder.Builder[dashboard.Panel]

__all__ = ["Panel", "figures", "grid", "lines", "ranking", "residences", "stacked", "table_of"]

WIDTH: Final = 24
HALF: Final = 12
_HEIGHT: Final = 8
_FILL: Final = 70
_RED, _GREEN, _ORANGE, _YELLOW, _GREY, _BLUE = "red", "green", "orange", "yellow", "text", "blue"
# The same outcome has the same colour wherever it stands.
_COLOURS: Final = {
    "successes": _GREEN,
    "partial_successes": _YELLOW,
    "failures": _RED,
    "cancelled": _GREY,
    "abandoned": "dark-red",
    "in_flight": _BLUE,
    "lost": _RED,
    "rolled_hours": _GREEN,
    "counted_hours": _ORANGE,
}


def figures(question: str, title: str, description: str, *, height: int = 4, width: int = WIDTH) -> Panel:
    """Show the columns of one row as big figures."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(QuestionBuilder(question, Format.TABLE))
        .height(height)
        .span(width)
        .reduce_options(ReduceDataOptions().values(values=False).calcs(["lastNotNull"]).fields("/.*/"))
        .graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.VALUE)
        .thresholds(fields.steps(Threshold(None, _BLUE)))
        .no_value("none")
    )
    for column in columns_of(question):
        panel.override_by_name(column, fields.properties_of(column))
    return panel


def table_of(question: str, title: str, description: str, *, height: int = _HEIGHT, width: int = WIDTH) -> Panel:
    """Show rows as a table, in the order in which they come."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(QuestionBuilder(question, Format.TABLE))
        .height(height)
        .span(width)
        .filterable(filterable=True)
    )
    for column in columns_of(question):
        properties = fields.properties_of(column, in_table=True)
        if properties:
            panel.override_by_name(column, properties)
    return panel


def grid(question: str, title: str, description: str, *, height: int = 19, width: int = HALF) -> Panel:
    """Show rows as a table whose cells are coloured by what is in them, all by one scale."""
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(QuestionBuilder(question, Format.TABLE))
        .height(height)
        .span(width)
        .color_scheme(FieldColor().mode(FieldColorModeId.CONTINUOUS_BL_PU))
        .min(0)
    )
    first, *others = columns_of(question)
    panel.override_by_name(first, [DynamicConfigValue("displayName", fields.heading_of(first))])
    for column in others:
        panel.override_by_name(column, [DynamicConfigValue("custom.cellOptions", {"type": "color-background"})])
    return panel


def lines(question: str, title: str, description: str, *, height: int = _HEIGHT, width: int = HALF) -> Panel:
    """Show figures over time as lines: a line for each column, or for each value of the column of words."""
    value = columns_of(question)[-1]
    panel = _over_time(question, title, description, height, width).line_width(2).show_points(VisibilityMode.AUTO)
    unit = fields.unit_of(value)
    if unit is not None:
        panel.unit(unit).axis_soft_min(0)
    return panel


def stacked(question: str, title: str, description: str, *, height: int = _HEIGHT, width: int = HALF) -> Panel:
    """Show counts over time as bars, one on the other; where nothing happened there is none."""
    return (
        _over_time(question, title, description, height, width)
        .draw_style(GraphDrawStyle.BARS)
        .fill_opacity(_FILL)
        .stacking(StackingConfig().mode(StackingMode.NORMAL).group("A"))
        .unit("short")
        .decimals(0)
        .min(0)
    )


def ranking(question: str, title: str, description: str, *, height: int = _HEIGHT, width: int = HALF) -> Panel:
    """Show one figure of each subject as bars side by side, in the order in which they come."""
    value = columns_of(question)[-1]
    return (
        bargauge.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(QuestionBuilder(question, Format.TABLE))
        .height(height)
        .span(width)
        # a bar for each row, named by the column of words: a heading of the figure would take the place of the names
        .reduce_options(ReduceDataOptions().values(values=True).calcs([]).fields(""))
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .value_mode(BarGaugeValueMode.TEXT)
        .thresholds(fields.steps(Threshold(None, _BLUE)))
        .unit(fields.unit_of(value) or "short")
        .decimals(0)
        .min(0)
    )


def residences(question: str, title: str, description: str, *, height: int = _HEIGHT, width: int = WIDTH) -> Panel:
    """Show when something was there, a strip for each subject, coloured where a number is above 0."""
    label = columns_of(question)[1]
    return (
        statetimeline.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(QuestionBuilder(question, Format.SERIES))
        .height(height)
        .span(width)
        .display_name(f"${{__field.labels.{label}}}")
        .show_value(VisibilityMode.AUTO)
        .align_value(TimelineValueAlignment.CENTER)
        .merge_values(merge_values=True)
        # between a load and what ends it there is no other value
        .span_nulls(span_nulls=True)
        .fill_opacity(_FILL)
        .thresholds(fields.steps(Threshold(None, "transparent"), Threshold(1, _GREEN), Threshold(2, _BLUE)))
        .decimals(0)
        .no_value("not loaded")
    )


def _over_time(question: str, title: str, description: str, height: int, width: int) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(DATASOURCE)
        .with_target(QuestionBuilder(question, Format.SERIES))
        .height(height)
        .span(width)
        .legend(
            VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
    )
    _, *columns = columns_of(question)
    label = next((column for column in columns if column in _LABELS), None)
    if label is not None:
        return panel.display_name(f"${{__field.labels.{label}}}")
    for column in columns:
        properties = fields.properties_of(column)
        if column in _COLOURS:
            properties.append(DynamicConfigValue("color", {"mode": "fixed", "fixedColor": _COLOURS[column]}))
        if properties:
            panel.with_override(MatcherConfig(id_val="byName", options=column), properties)
    return panel


# Columns of words that tell one line from another.
_LABELS: Final = frozenset({"model", "pattern", "service", "project", "operation"})
