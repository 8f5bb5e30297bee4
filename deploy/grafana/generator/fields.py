"""How columns are shown: their headings, units, colours and links, by their names.

The ending of a name says its unit, as everywhere in this project.
"""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue, Threshold, ThresholdsMode

__all__ = ["GOOD_RATES", "LINKS", "NOTHING_IS_GOOD", "heading_of", "properties_of", "steps", "unit_of"]

GREEN, ORANGE, RED, BLUE = "green", "orange", "red", "blue"
_UNITS = {
    "_ms": units.Milliseconds,
    "_seconds": units.Seconds,
    "_minutes": units.Minutes,
    "_hours": units.Hours,
    "_days": units.Days,
    "bytes_per_second": units.BytesPerSecondIEC,
    "bytes_per_request": units.BytesIEC,
    "_bytes": units.BytesIEC,
    "_rate": units.PercentUnit,
    "_score": units.PercentUnit,
    "_share": units.PercentUnit,
    "share": units.PercentUnit,
    "share_of_requests": units.PercentUnit,
    "share_of_bytes": units.PercentUnit,
    "share_of_pattern": units.PercentUnit,
    "confidence": units.PercentUnit,
    "_quality": units.PercentUnit,
    "_percentage": units.Percent,
}
# Hours that are counted, not a length of time.
_COUNTS = frozenset({"rolled_hours", "counted_hours", "dirty_hours"})
_ENDINGS = ("_at", "_ms", "_seconds", "_bytes")
_HEADINGS = {
    "unused_days": "Unused for",
    "data_age_seconds": "Age of data",
    "known_bytes": "Size of all",
    "unused_bytes": "Unused for 30 days",
    "moved_bytes": "Downloaded",
    "users": "Users",
    "p95_ms": "p95",
    "p50_ms": "p50",
    "p99_ms": "p99",
    "idle_share": "Idle share",
    "gpu": "GPU",
}
# The model is the way to everything that is known of it.
LINKS = {
    "model": "/d/modeltally-models?${datasource:queryparam}&${__url_time_range}&var-model=${__value.raw:percentencode}",
    "pattern": "/d/modeltally-patterns?${datasource:queryparam}&${__url_time_range}",
    "service": "/d/modeltally-users?${datasource:queryparam}&${__url_time_range}"
    "&var-service=${__value.raw:percentencode}",
    "project": "/d/modeltally-users?${datasource:queryparam}&${__url_time_range}"
    "&var-project=${__value.raw:percentencode}",
}
# Below 0.8 is what the alerts go by.
GOOD_RATES = (Threshold(None, RED), Threshold(0.8, ORANGE), Threshold(0.95, GREEN))
NOTHING_IS_GOOD = (Threshold(None, GREEN), Threshold(1, RED))
_BAD_RATES = (Threshold(None, GREEN), Threshold(0.05, ORANGE), Threshold(0.2, RED))
_AGES = (Threshold(None, GREEN), Threshold(600, ORANGE), Threshold(3600, RED))
_UNUSED = (Threshold(None, GREEN), Threshold(7, ORANGE), Threshold(30, RED))
_STEPS = {
    "success_rate": GOOD_RATES,
    "effectiveness_score": (Threshold(None, RED), Threshold(0.5, ORANGE), Threshold(0.8, GREEN)),
    "mean_quality": (Threshold(None, RED), Threshold(0.7, GREEN)),
    "error_rate": _BAD_RATES,
    "cold_start_rate": _BAD_RATES,
    "unused_days": _UNUSED,
    "data_age_seconds": _AGES,
    "known_loss": NOTHING_IS_GOOD,
    "unexplained": NOTHING_IS_GOOD,
    "quarantined": NOTHING_IS_GOOD,
    "load_failures": NOTHING_IS_GOOD,
}


def unit_of(column: str) -> str | None:
    """Name Grafana's unit of a column; None for a count or a text."""
    if column in _COUNTS:
        return None
    fitting = [ending for ending in _UNITS if column.endswith(ending)]
    return _UNITS[max(fitting, key=len)] if fitting else None


def heading_of(column: str) -> str:
    """Write the name of a column for people, without the unit that stands beside each value."""
    if column in _HEADINGS:
        return _HEADINGS[column]
    for ending in _ENDINGS:
        column = column.removesuffix(ending)
    return column[:1].upper() + column[1:].replace("_", " ")


def steps(*given: Threshold) -> ThresholdsConfig:
    """Build thresholds by value."""
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(list(given))


def properties_of(column: str, *, in_table: bool = False) -> list[DynamicConfigValue]:
    """List what is special about a column.

    Args:
        column: Its name.
        in_table: Whether it is one of a table, where words lead further and limits colour the text.
    """
    found = []
    if heading_of(column) != column:
        found.append(DynamicConfigValue("displayName", heading_of(column)))
    unit = unit_of(column)
    if unit is not None:
        found.append(DynamicConfigValue("unit", unit))
    if column in _STEPS:
        found.append(DynamicConfigValue("thresholds", steps(*_STEPS[column]).build()))
        if in_table:
            found.append(DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    if in_table and column in LINKS:
        link = {"title": f"This {column}", "url": LINKS[column], "targetBlank": False}
        found.append(DynamicConfigValue("links", [link]))
    return found
