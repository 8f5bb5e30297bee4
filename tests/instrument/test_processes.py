"""Forks, and the ends of processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import modeltally
from instrument.services import PATIENT
from modeltally.instrument import _runtime
from support.sink import Answer, Sink
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PREPARE = """
import sys, modeltally
modeltally.configure(endpoint=sys.argv[1], user_key="key", export_interval_seconds=60)
def request(count):
    for _ in range(count):
        with modeltally.model_request("m"):
            pass
"""


def run(code: str, endpoint: str, *, before: str = PATIENT) -> subprocess.CompletedProcess[str]:
    """Run a service to its end."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", before + PREPARE + code, endpoint],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_everything_is_delivered_when_the_process_ends(sink: Sink) -> None:
    """What is queued at a normal end arrives, and the last heartbeat says goodbye."""
    ended = run("request(1000)", sink.url)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len({item.span_id for item in sink.operations}) == 1000
    assert sink.heartbeats[-1]["goodbye"] is True
    assert sink.heartbeats[-1]["started"] == 1000


def test_everything_is_delivered_when_the_process_fails(sink: Sink) -> None:
    """An exception nobody caught ends the process as it would without us."""
    ended = run("request(10)\nraise SystemExit(7)", sink.url)
    assert ended.returncode == 7
    assert len(sink.operations) == 10


def test_connections_are_closed_with_their_pipeline(sink: Sink) -> None:
    """A process that is configured anew, or ends, leaves no socket to the garbage collector."""
    code = "request(1)\nmodeltally.flush()\nmodeltally.configure(endpoint=sys.argv[1])\nrequest(1)"
    ended = run(code, sink.url)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(sink.operations) == 2


def test_operations_of_exit_handlers_are_delivered(sink: Sink) -> None:
    """A handler that runs before ours may be the first to record anything."""
    code = "import atexit\natexit.register(request, 3)"
    ended = run(code, sink.url)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(sink.operations) == 3


@pytest.mark.parametrize("is_hanging", [False, True])
def test_process_ends_when_nobody_takes_its_spans(sink: Sink, *, is_hanging: bool) -> None:
    """A dead collector delays the end by two seconds at most; what was lost is said."""
    sink.answer = Answer(is_hanging=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{probe.getsockname()[1]}"
    ended = run("request(1000)", sink.url if is_hanging else refused, before="")
    assert ended.returncode == 0
    assert "1000 operations were not delivered" in ended.stderr
    assert "Traceback" not in ended.stderr


def in_child(work: Callable[[], None]) -> int:
    """Fork, work in the child, end it at once, and return its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    _, result = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(result)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_forked_child_begins_anew(sink: Sink) -> None:
    """The child sends its own operations under its own instance; what the parent had queued stays the parent's."""
    modeltally.configure(endpoint=sink.url, export_interval_seconds=60)

    def work() -> None:
        assert modeltally.counters().started == 0
        for _ in range(5):
            with modeltally.model_request("child"):
                pass
        assert modeltally.shutdown(timeout_seconds=60)

    for _ in range(3):
        with modeltally.model_request("parent"):
            pass
    assert in_child(work) == 0
    assert in_child(work) == 0
    assert modeltally.shutdown(timeout_seconds=60)
    models = [item.attributes["modeltally.model.id"] for item in sink.operations]
    assert sorted(map(str, models)) == ["child"] * 10 + ["parent"] * 3
    assert len({item.span_id for item in sink.operations}) == 13
    assert len({item.resource["service.instance.id"] for item in sink.operations}) == 3
    assert len({item.resource["process.pid"] for item in sink.operations}) == 3


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_operation_belongs_to_the_parent_when_forked_inside_it(sink: Sink) -> None:
    """The child leaves the block as well; only the parent's end is recorded."""
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.02)
    with modeltally.model_request("m") as operation:

        def work() -> None:
            operation.end()
            assert modeltally.shutdown(timeout_seconds=60)

        assert in_child(work) == 0
    assert modeltally.shutdown(timeout_seconds=60)
    assert len(sink.operations) == 1


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_child_works_when_forked_while_other_threads_record(sink: Sink) -> None:
    """Whatever locks were held at the moment of the fork, the child's are free."""
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.001)
    is_over = threading.Event()

    def busy() -> None:
        while not is_over.wait(0.0005):
            with modeltally.model_request("parent"):
                pass

    threads = [threading.Thread(target=busy) for _ in range(2)]
    for thread in threads:
        thread.start()

    def work() -> None:
        signal.alarm(20)
        with modeltally.model_request("child"):
            pass
        assert modeltally.shutdown(timeout_seconds=60)

    try:
        assert [in_child(work) for _ in range(10)] == [0] * 10
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert modeltally.flush()
    children = [item for item in sink.operations if item.attributes["modeltally.model.id"] == "child"]
    assert len(children) == 10
    counters = modeltally.counters()
    assert counters.started == counters.exported + counters.lost


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_child_leaves_a_block_when_forked_while_a_lock_was_held(sink: Sink) -> None:
    """The thread that held it does not exist in the child, which ends the parent's operation silently."""
    modeltally.configure(endpoint=sink.url, export_interval_seconds=0.02)
    held, is_over = threading.Event(), threading.Event()
    pipeline = _runtime._state.pipeline
    assert pipeline is not None

    def hold() -> None:
        next(pipeline._lock.taken)
        held.set()
        is_over.wait(60)
        pipeline._lock.release()

    with modeltally.model_request("m") as operation:
        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(60)

        def work() -> None:
            signal.alarm(20)
            operation.end()
            assert modeltally.counters().problems == {}

        try:
            assert in_child(work) == 0
        finally:
            is_over.set()
            thread.join()
    assert modeltally.shutdown(timeout_seconds=60)
    assert len(sink.operations) == 1


SERVICE = (
    PATIENT
    + """
import multiprocessing, sys, modeltally

@modeltally.model_request("child")
def generate(index):
    return index

def work(endpoint):
    if endpoint:
        modeltally.configure(endpoint=endpoint, export_interval_seconds=60)
    for index in range(20):
        generate(index)

if __name__ == "__main__":
    method, endpoint = sys.argv[1:]
    modeltally.configure(endpoint=endpoint, export_interval_seconds=60)
    with modeltally.model_request("parent"):
        pass
    context = multiprocessing.get_context(method)
    children = [context.Process(target=work, args=("" if method == "fork" else endpoint,)) for _ in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
    with context.Pool(1) as pool:
        assert pool.map(generate, range(2)) == [0, 1]
        pool.close()
        pool.join()
"""
)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_everything_is_delivered_by_children_of_multiprocessing(sink: Sink, tmp_path: Path, method: str) -> None:
    """They end without Python's exit handlers; decorated functions reach them by name."""
    script = tmp_path / "service.py"
    script.write_text(SERVICE)
    ended = subprocess.run(
        [sys.executable, str(script), method, sink.url], check=False, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    models = sorted(str(item.attributes["modeltally.model.id"]) for item in sink.operations)
    # a pool's worker that was started afresh has not configured anything
    assert models == ["child"] * (42 if method == "fork" else 40) + ["parent"]
    assert len({item.span_id for item in sink.operations}) == len(models)


def test_last_second_is_all_a_killed_process_loses(sink: Sink) -> None:
    """What was recorded more than an interval before a kill has arrived, and there was no goodbye."""
    code = PREPARE.replace("=60", "=0.05") + "request(50)\nprint('ready', flush=True)\nsys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, sink.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as service:
        assert service.stdout is not None
        assert service.stdout.readline() == "ready\n"
        assert wait_until(lambda: len(sink.operations) == 50 and bool(sink.heartbeats))
        service.kill()
    assert all(beat["goodbye"] is False for beat in sink.heartbeats)
