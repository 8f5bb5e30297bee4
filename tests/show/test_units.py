"""How values are written for people."""

from __future__ import annotations

import pytest

from modeltally.show.units import format_value


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("requests", 14279, "14,279"),
        ("success_rate", 0.9837, "98.4%"),
        ("p50_ms", 0.25, "0.25 ms"),
        ("p50_ms", 1500, "1.5 s"),
        ("p50_ms", 32_000.0, "32 s"),
        ("p95_ms", 430_000, "7.2 min"),
        ("idle_seconds", 9000.0, "2.5 h"),
        ("idle_seconds", 24.5 * 86400, "24.5 d"),
        ("size_bytes", 7 * 1024**3, "7 GiB"),
        ("size_bytes", 0, "0 B"),
        ("last_used_at", "2024-11-30T23:43:04Z", "2024-11-30 23:43"),
        ("last_used_at", "never", "never"),
        ("is_unsafe", True, "yes"),
        ("mean_quality", None, "-"),
        ("mean_quality", float("inf"), "-"),
        ("names", ["a", "b"], "a, b"),
        ("model", "", "-"),
        ("model", "a\tb", "a\\tb"),
    ],
)
def test_value_is_written_by_the_unit_in_its_name(name: str, value: object, text: str) -> None:
    """A column's name says which unit its numbers have, and that decides how they are written."""
    assert format_value(name, value) == text
