"""The last hour in process."""

from __future__ import annotations

import threading

import pytest

import modeltally
from modeltally.instrument._live import MAX_DURATIONS, MAX_PENDING, MAX_SUBJECTS, MINUTE_NS, OTHER, Live
from modeltally.instrument._record import Record
from modeltally.testing import Captured  # noqa: TC001 - the fixture's type, for annotations that pytest reads

MS = 10**6
NOW_NS = 1_732_000_000 * 10**9


def live(now_ns: int = NOW_NS) -> Live:
    """Make one that looks at a fixed time."""
    return Live(clock_ns=lambda: now_ns)


def ended(model: str, end_ns: int, duration_ns: int, outcome: str = "success") -> Record:
    """Make a request that ended."""
    record = Record("model.request", trace_id=1, span_id=1, parent_id=0, sampled=True, start_ns=end_ns - duration_ns)
    record.end_ns, record.outcome, record.values = end_ns, outcome, {"model": model}
    return record


def test_figures_of_the_hour_are_exact() -> None:
    """Counts by outcome, the rate without cancelled ones, nearest rank of the durations."""
    recent = live()
    for number in range(1, 101):
        recent.add(ended("flux", NOW_NS, number * MS))
    for outcome in ("error", "failure", "partial_success", "cancelled"):
        recent.add(ended("flux", NOW_NS, 1000 * MS, outcome))
    figures = recent.figures("model.request", [("model.request", "flux"), ("model.load", "flux")])["flux"]
    assert figures.operations == 104
    assert figures.outcomes == {"success": 100, "error": 1, "failure": 1, "partial_success": 1, "cancelled": 1}
    assert figures.success_rate == pytest.approx(100.5 / 103)
    assert figures.in_flight == 1
    assert figures.durations == 103
    assert figures.mean_ms == pytest.approx((5050 + 3000) / 103)
    assert (figures.p50_ms, figures.p95_ms, figures.max_ms) == (52.0, 98.0, 1000.0)


def test_what_is_older_than_an_hour_is_forgotten() -> None:
    """A subject without use in the hour vanishes; one with some keeps those."""
    recent = live()
    recent.add(ended("old", NOW_NS - 61 * MINUTE_NS, MS))
    recent.add(ended("both", NOW_NS - 61 * MINUTE_NS, 500 * MS))
    recent.add(ended("both", NOW_NS - 58 * MINUTE_NS, MS))
    figures = recent.figures("model.request", [])
    assert set(figures) == {"both"}
    assert (figures["both"].operations, figures["both"].max_ms) == (1, 1.0)


def test_operation_in_flight_is_shown_before_any_ended() -> None:
    """The first load of a model is running: no rates yet, one in flight."""
    figures = live().figures("model.load", [("model.load", "flux")])["flux"]
    assert (figures.operations, figures.in_flight, figures.success_rate, figures.mean_ms) == (0, 1, None, None)


def test_durations_are_of_the_latest_thousand() -> None:
    """Counts go on; the durations are the latest ones, whose number is told."""
    recent = live()
    for number in range(MAX_DURATIONS + 500):
        recent.add(ended("flux", NOW_NS, number * MS))
    figures = recent.figures("model.request", [])["flux"]
    assert (figures.operations, figures.durations) == (MAX_DURATIONS + 500, MAX_DURATIONS)
    assert figures.p50_ms == 500 + MAX_DURATIONS / 2 - 1


def test_memory_is_bounded_however_many_names_there_are() -> None:
    """Subjects beyond the most share one line, and no operation is uncounted."""
    recent = live()
    for number in range(2 * MAX_SUBJECTS):
        recent.add(ended(f"m{number}", NOW_NS, MS))
    figures = recent.figures("model.request", [])
    assert len(figures) == MAX_SUBJECTS + 1
    assert figures[OTHER].operations == MAX_SUBJECTS
    assert sum(item.operations for item in figures.values()) == 2 * MAX_SUBJECTS


def test_idle_names_make_room_for_new_ones() -> None:
    """Names of yesterday do not push today's into the common line."""
    recent = live()
    for number in range(MAX_SUBJECTS):
        recent.add(ended(f"old{number}", NOW_NS - 90 * MINUTE_NS, MS))
    recent.fold()
    recent.add(ended("new", NOW_NS, MS))
    assert set(recent.figures("model.request", [])) == {"new"}


def test_nothing_piles_up_when_nobody_folds() -> None:
    """The calling thread keeps what waits within its bound, without losing any."""
    recent = live()
    for _ in range(5 * MAX_PENDING):
        recent.add(ended("flux", NOW_NS, MS))
    assert len(recent._pending) <= MAX_PENDING + 1
    assert recent.figures("model.request", [])["flux"].operations == 5 * MAX_PENDING


def test_live_counts_what_this_process_did(seen: Captured) -> None:
    """Requests by model, runs by pattern, whatever becomes of their export; nested ones are in none of them."""

    def work() -> None:
        for _ in range(50):
            with modeltally.model_request("flux"), modeltally.model_request("clip"):
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with modeltally.pattern_run("poster"), modeltally.model_request("sdxl"):
        assert modeltally.live()["sdxl"].in_flight == 1
        assert modeltally.live("pattern.run")["poster"].in_flight == 1
    assert modeltally.live()["flux"].operations == 200
    assert set(modeltally.live()) == {"flux", "sdxl"}
    assert modeltally.live("pattern.run")["poster"].outcomes == {"success": 1}
    del seen


def test_live_is_empty_when_telemetry_is_off() -> None:
    """There is nothing to tell, and no error."""
    assert modeltally.live() == {}
