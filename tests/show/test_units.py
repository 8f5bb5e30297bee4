"""How values are written for people."""

from __future__ import annotations

import pytest

from modeltally.show.units import Scale, format_scaled, format_value, scale_of


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
        ("share_of_bytes", 0.339, "33.9%"),
        ("bytes_per_second", 150 * 1024**2, "150 MiB/s"),
        ("bytes_per_request", 1536, "1.5 KiB"),
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


@pytest.mark.parametrize(
    ("durations", "unit"),
    [
        ([60.0, 90.0, 5000.0], "ms"),
        ([60.0, 9000.0, 426_000.0], "s"),
        ([9000.0, 426_000.0, None, float("nan")], "min"),
        ([8e6], "h"),
        ([3e8], "d"),
    ],
)
def test_unit_of_several_durations_is_that_of_the_middle_one(durations: list[object], unit: str) -> None:
    """What most of them can be read in; what is no number has no say."""
    found = scale_of(durations)
    assert found is not None
    assert found.unit == unit


def test_no_duration_has_no_unit() -> None:
    """Where nothing was measured there is nothing to choose."""
    assert scale_of([None, float("nan")]) is None
    assert format_scaled(None, Scale("s", 1000)) == "-"


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(59.4, "0.0594"), (15_900, "15.9"), (426_123, "426"), (9e9, "9,000,000"), (0.1, "<0.001"), (0, "0")],
)
def test_duration_in_a_given_unit_has_three_digits(milliseconds: float, text: str) -> None:
    """Never a power of ten, and thousands are set apart."""
    assert format_scaled(milliseconds, Scale("s", 1000)) == text
