"""gevent and eventlet: our thread is a greenlet among the host's, and must neither block them nor lose anything.

gunicorn's gevent worker is in ``test_endings``; its eventlet worker is gone, so eventlet is tested by scripts alone.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from instrument.services import PREPARE, Service
from support.sink import Answer, Sink

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {
    "gevent": """
def patch():
    from gevent import monkey
    monkey.patch_all()
def together(*functions):
    import gevent
    gevent.joinall([gevent.spawn(function) for function in functions], raise_error=True)
""",
    "eventlet": """
def patch():
    import eventlet
    eventlet.monkey_patch()
def together(*functions):
    import eventlet
    for greenlet in [eventlet.spawn(function) for function in functions]:
        greenlet.wait()
""",
}
# before: as these libraries ask for; between: as where gunicorn loads the application and patches in the worker
ORDERS = {
    "before": "patch()" + PREPARE + "configure(INTERVAL)\n",
    "between": PREPARE + "configure(INTERVAL)\npatch()\n",
}
WORK = """
def some():
    for _ in range(20):
        with modeltally.model_request("m"):
            time.sleep(0.001)
        os.write(journal, b"x")
together(*[some] * 10)
"""


def script(kind: str, order: str, code: str, sink: Sink, folder: Path, *, interval_seconds: float = 1) -> Service:
    """Run a script whose standard library one of them has patched."""
    text = KINDS[kind] + ORDERS[order].replace("INTERVAL", str(interval_seconds))
    return Service(["-c", text + WORK + code], sink, folder)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_delivered_when_the_process_ends(sink: Sink, tmp_path: Path, kind: str, order: str) -> None:
    """What many greenlets did at the same time arrives, however late the library was patched."""
    with script(kind, order, "", sink, tmp_path, interval_seconds=60) as service:
        assert service.end() == 0, service.text
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    assert service.tally().done == 200
    assert "Traceback" not in service.text


@pytest.mark.parametrize("doing", ["idle", "busy"])
@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_delivered_when_the_process_is_terminated(
    sink: Sink, tmp_path: Path, kind: str, doing: str
) -> None:
    """The signal may find the loop itself, where nothing can wait, or a greenlet that never yields."""
    code = "print('waits')\n" + {"idle": "time.sleep(60)", "busy": "while True: request()"}[doing]
    with script(kind, "before", code, sink, tmp_path) as service:
        service.wait_for("waits")
        assert service.end(signal.SIGTERM) == -signal.SIGTERM
    tally = service.tally()
    assert tally.delivered - tally.done in {0, 1}, tally  # one may be running
    assert tally.done >= 200
    assert tally.doubled == 0
    assert tally.counted in {tally.done, tally.delivered}
    assert sum(beat["goodbye"] is True for beat in sink.heartbeats) == 1


@pytest.mark.parametrize(("kind", "order"), [("gevent", "before"), ("gevent", "between"), ("eventlet", "between")])
def test_hanging_collector_blocks_no_greenlet(sink: Sink, tmp_path: Path, kind: str, order: str) -> None:
    """While the collector does not answer, the others run; the end is not kept either."""
    sink.answer = Answer(is_hanging=True)
    code = """
def tick():
    for _ in range(100):
        time.sleep(0.005)
        print("tick")
together(tick, tick)
"""
    with script(kind, order, code, sink, tmp_path, interval_seconds=0.01) as service:
        assert sink.wait_for(lambda: bool(sink.paths))
        ticked = service.text.count("tick")
        assert len(sink.paths) == 1
        service.wait_for("tick", times=max(200, ticked))
        assert len(sink.paths) == 1  # still the first one
        assert service.end() == 0, service.text
    assert "200 operations were not delivered" in service.text


def test_thread_that_was_there_before_is_told_of(sink: Sink, tmp_path: Path) -> None:
    """Patched after the first operation, our thread is a real one still; it works, and a warning says what to do."""
    code = """
modeltally.configure(endpoint=os.environ["SINK"], export_interval_seconds=0.02)
request()
modeltally.flush()
patch()
together(request, request)
print(modeltally.flush())
while "patched_late" not in modeltally.counters().problems:
    time.sleep(0.01)
print(modeltally.counters().problems["patched_late"] > 0)
"""
    with Service(["-c", KINDS["gevent"] + PREPARE + code], sink, tmp_path) as service:
        assert service.end() == 0, service.text
    assert service.text.count("True\n") == 2
    assert "patch before that" in service.text
    assert (service.tally().delivered, service.tally().doubled) == (3, 0)
