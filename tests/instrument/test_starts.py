"""A background thread that cannot begin yet begins later, and a receiver that is back is found soon."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final

import pytest
import requests

import modeltally
from modeltally.instrument import _runtime
from modeltally.instrument.background import http, otlp, worker
from support.waiting import wait_until

if TYPE_CHECKING:
    from modeltally.instrument._pipeline import Pipeline
    from support.sink import Sink


def request() -> None:
    """Make one request."""
    with modeltally.model_request("m"):
        pass


def test_worker_that_cannot_begin_is_tried_again(exported: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """No descriptor was free for its imports; what was recorded meanwhile is delivered."""
    monkeypatch.setattr(_runtime, "RESTART_SECONDS", 0.01)
    begin, attempts = worker.Worker.__init__, []

    def begin_third(self: worker.Worker, pipeline: Pipeline) -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError(24, "Too many open files")
        begin(self, pipeline)

    monkeypatch.setattr(worker.Worker, "__init__", begin_third)
    request()
    assert wait_until(lambda: len(attempts) == 3)
    assert modeltally.flush(20)
    assert len(exported.operations) == 1
    counters = modeltally.counters()
    assert (counters.lost, counters.problems) == (0, {"background start": 2})


def test_interpreter_without_daemon_threads_loses_nothing(exported: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """An isolated sub-interpreter refuses to make one; the operation is itself, and the end delivers it."""

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("daemon threads are disabled in this interpreter")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "__init__", refuse)
        request()
        assert modeltally.counters().problems == {}
    assert modeltally.shutdown(20)
    (span,) = exported.operations
    assert span.attributes["modeltally.outcome"] == "success"


def test_operation_goes_on_when_its_start_failed(exported: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """No memory for a thread: it is no operation that somebody cancelled."""

    def refuse(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "__init__", refuse)
        with modeltally.model_request("m") as operation:
            assert operation.is_running
    assert modeltally.flush(20)
    (span,) = exported.operations
    assert span.attributes["modeltally.outcome"] == "success"
    assert modeltally.counters().problems == {"start": 1}


def test_refused_connection_is_told_from_others() -> None:
    """A real refusal, as the client library wraps it; a timeout is none."""
    refused: list[bool] = []
    try:
        requests.post("http://127.0.0.1:9", timeout=5, proxies={"http": ""})
    except requests.ConnectionError as error:
        refused.append(http.is_refused(error))
    assert refused == [True]
    assert not http.is_refused(requests.ConnectTimeout())


class Wait:
    """Stands in for a flag: notes for how long somebody would wait, and does not."""

    def __init__(self) -> None:
        """Note nothing yet."""
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> bool:
        """Note it."""
        self.seconds.append(seconds)
        return False


@pytest.mark.parametrize(
    ("result", "longest"),
    [
        (otlp.ExportResult(retry_after_seconds=0.0, is_refused=True), 4.0),
        (otlp.ExportResult(retry_after_seconds=0.0), 40.0),
    ],
    ids=["refused", "silent"],
)
def test_refusals_are_tried_again_soon(
    exported: Sink, monkeypatch: pytest.MonkeyPatch, result: otlp.ExportResult, longest: float
) -> None:
    """To ask whether somebody listens again costs nothing, however long nobody did."""
    del exported
    pipeline = _runtime.current()
    assert pipeline is not None
    hurry = Wait()
    monkeypatch.setattr(pipeline, "hurry", hurry)
    monkeypatch.setattr(pipeline, "closing", Wait())
    assert worker.Worker(pipeline)._pause(50, result)
    assert longest / 2 < hurry.seconds[0] <= longest


SUB_INTERPRETER: Final = """
import sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
code = f'''
import modeltally
modeltally.configure(endpoint={sys.argv[1]!r}, metrics=False)
for model in ("a", "b"):
    with modeltally.model_request(model):
        pass
counters = modeltally.counters()
print(counters.started, counters.lost, dict(counters.problems))
print(modeltally.shutdown(60), flush=True)
'''
kind = sys.argv[2]
if hasattr(interpreters, "exec"):
    inside = interpreters.create(kind)
    failure = interpreters.exec(inside, code)
else:
    inside = interpreters.create(isolated=kind == "isolated")
    failure = interpreters.run_string(inside, code)
print(failure, flush=True)
interpreters.destroy(inside)
"""


@pytest.mark.parametrize("kind", ["isolated", "legacy"])
def test_sub_interpreter_records_as_any_other(sink: Sink, kind: str) -> None:
    """In a real one each operation is itself, with its outcome, and its end delivers."""
    command = [sys.executable, "-c", SUB_INTERPRETER, sink.url, kind]
    # some versions of Python crash as they end, when one of these has imported `ssl`
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "2 0 {}\nTrue\nNone\n", done.stderr
    assert [span.attributes["modeltally.outcome"] for span in sink.operations] == ["success", "success"]
