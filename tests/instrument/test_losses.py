"""What is lost before a pipeline begins, and as one ends: who comes next tells of it, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import modeltally
from modeltally.instrument import _runtime

if TYPE_CHECKING:
    from support.sink import Sink


def request(count: int = 1) -> None:
    """Make requests."""
    for _ in range(count):
        with modeltally.model_request("m"):
            pass


def told(sink: Sink) -> dict[str, object]:
    """Return what the last process of this one said it lost, by reason."""
    modeltally.shutdown(20)
    beat = sink.heartbeats[-1]
    assert beat["goodbye"] is True
    return {name.removeprefix("dropped."): count for name, count in beat.items() if name.startswith("dropped.")}


@pytest.fixture(autouse=True)
def _short_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for nobody who does not listen."""
    monkeypatch.setattr(_runtime, "EXIT_SECONDS", 0.05)


def test_operations_before_configure_are_told_of(sink: Sink) -> None:
    """A worker that configures too late loses what it did until then, and its heartbeat says so."""
    request(3)
    modeltally.configure(endpoint=sink.url)
    request()
    assert modeltally.flush(20)
    counters = modeltally.counters()
    assert (counters.started, counters.exported, counters.dropped) == (4, 1, {"not_configured": 3})
    assert told(sink) == {"not_configured": 3}
    assert sink.heartbeats[-1]["started"] == 4


def test_operations_between_shutdown_and_configure_are_told_of(sink: Sink) -> None:
    """The goodbye is said already; what came after it is the next one's to tell."""
    modeltally.configure(endpoint=sink.url)
    request()
    assert modeltally.shutdown(20)
    request(2)
    modeltally.configure(endpoint=sink.url, service_name="again")
    assert modeltally.counters().dropped == {"shut_down": 2}
    assert told(sink) == {"shut_down": 2}


def test_what_other_settings_left_behind_is_told_of(sink: Sink) -> None:
    """Nobody listened where it should have gone, so nobody heard a goodbye either."""
    modeltally.configure(endpoint="http://127.0.0.1:9", export_interval_seconds=60)
    request(5)
    modeltally.configure(endpoint=sink.url)
    assert modeltally.counters().dropped == {"export_failed": 5}
    request()
    assert told(sink) == {"export_failed": 5}


def test_what_a_goodbye_told_of_is_not_told_again(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss is the former one's, in its own goodbye."""
    monkeypatch.setattr(_runtime, "EXIT_SECONDS", 20.0)
    modeltally.configure(endpoint=sink.url)
    request()
    pipeline = _runtime.current()
    assert pipeline is not None
    pipeline.inherit({"queue_full": 4})
    modeltally.configure(endpoint=sink.url, service_name="again")
    assert sink.heartbeats[-1]["dropped.queue_full"] == 4
    assert modeltally.counters().dropped == {}
    request()
    assert told(sink) == {}
