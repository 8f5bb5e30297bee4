"""celery: nothing is lost when its processes end, and tasks know who asked for them; with real workers."""

from __future__ import annotations

import json
import signal
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from celery import Celery, signals  # type: ignore[import-untyped]  # it ships no types

import modeltally
from instrument.services import PREPARE, WARM, Service
from modeltally.instrument import _clock, _guard
from modeltally.instrument.carrier import HEADER
from modeltally.instrument.libraries.celery import CeleryInstrumentor
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modeltally.testing import Captured
    from support.sink import Sink

# The broker is a folder, so that there is no server to start; results are files.
TASKS = (
    WARM
    + PREPARE
    + """
import json, pathlib, uuid
from celery import Celery, chain, group
from kombu.transport import filesystem
from modeltally.instrument.libraries.celery import CeleryInstrumentor
folder = pathlib.Path(__file__).parent
for name in ("new", "queue", "control", "results"):
    (folder / name).mkdir(exist_ok=True)
class Channel(filesystem.Channel):
    # a message appears whole: kombu's own reader takes files that are written halfway
    def _put(self, queue, payload, **kwargs):
        name = f"{time.monotonic_ns():020}_{uuid.uuid4()}.{queue}.msg"
        (folder / "new" / name).write_text(json.dumps(payload))
        (folder / "new" / name).rename(folder / "queue" / name)
filesystem.Transport.Channel = Channel
app = Celery("service", broker="filesystem://", backend=(folder / "results").as_uri())
app.conf.update(
    broker_transport_options={
        "data_folder_in": folder / "queue", "data_folder_out": folder / "queue", "control_folder": folder / "control",
        "polling_interval": 0.02,
    },
    broker_connection_retry_on_startup=True,
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=1,
)
configure()
CeleryInstrumentor().instrument()

@app.task
def work(number=1):
    request()
    return number

@app.task(bind=True, max_retries=2)
def retried(self):
    request()
    if self.request.retries < 2:
        raise self.retry(countdown=0)

@app.task
def sends(number):
    work.delay(number)
    request()
"""
)
WORKER = (
    *("-m", "celery", "-A", "service", "worker", "-l", "INFO"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)


def worker(sink: Sink, folder: Path, *options: str) -> Service:
    """Start a worker of the tasks above."""
    return Service([*WORKER, *options], sink, folder)


def send(sink: Sink, folder: Path, code: str) -> None:
    """Run what a service does that sends tasks."""
    (folder / "service.py").write_text(TASKS)
    with Service(["-c", "from service import *\n" + code], sink, folder) as client:
        assert client.end() == 0, client.text


def done(folder: Path) -> int:
    """Count the operations that were done so far."""
    journal = folder / "journal"
    return journal.stat().st_size if journal.exists() else 0


POOLS = {
    "prefork": ("--pool=prefork", "--concurrency=2"),
    "recycled": ("--pool=prefork", "--concurrency=2", "--max-tasks-per-child=1"),
    "threads": ("--pool=threads", "--concurrency=2"),
    "solo": ("--pool=solo",),
}


@pytest.mark.slow(seconds=6, why="workers of celery")
def test_everything_is_delivered_by_recycled_workers(sink: Sink, tmp_path: Path) -> None:
    """A child that has done its number of tasks ends without any exit handler of Python's; nothing is lost."""
    send(sink, tmp_path, "for number in range(6): work.delay(number)")
    with worker(sink, tmp_path, *POOLS["recycled"]) as service:
        service.wait_for("succeeded", times=6)
        assert service.end(signal.SIGTERM) == 0, service.text
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    assert service.tally().done == 6
    assert len({item.resource["process.pid"] for item in sink.operations}) == 6


ASKED = """
with modeltally.pattern_run("p", user="u1", session_id="s1", project="posters", correlation_id="c1"):
    os.write(journal, b"x")
    sends.delay(1)
    group(work.s(2), chain(work.s(3), work.s())).delay()
    retried.delay()
work.apply_async((4,), headers=modeltally.inject({"other": "kept"}, user="u2", project="own"))
work.delay(7)
"""


@pytest.mark.slow(seconds=10, why="workers of celery")
@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_everything_is_delivered_and_says_who_asked(sink: Sink, tmp_path: Path, pool: str) -> None:
    """Stopped while it works a worker loses nothing; user, session, project, wait and try reach every operation."""
    send(sink, tmp_path, ASKED)
    redeliver(tmp_path / "queue", "(7,)")
    with worker(sink, tmp_path, *POOLS[pool]) as service:
        service.wait_for("succeeded", times=8)
        # and now more than it can do
        send(sink, tmp_path, "for number in range(100, 400): work.delay(number)")
        assert wait_until(lambda: done(tmp_path) > 20), service.text
        assert service.end(signal.SIGTERM) == 0, service.text
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    operations = [item.attributes for item in sink.operations]
    (run,) = [item for item in operations if "modeltally.pattern.name" in item]
    asked = [item for item in operations if item.get("modeltally.project") == "posters" and item is not run]
    assert len(asked) == 8
    for item in asked:
        assert item["user.hash"] == run["user.hash"]
        assert item["session.id"] == "s1"
        assert item["modeltally.correlation_id"] == "c1"
        assert item["modeltally.redelivered"] is False
    assert sorted(int(str(item["modeltally.attempt"])) for item in asked) == [1, 1, 1, 1, 1, 1, 2, 3]
    (own,) = [item for item in operations if item.get("modeltally.project") == "own"]
    assert own["user.hash"] != run["user.hash"]
    (again,) = [item for item in operations if item.get("modeltally.redelivered")]
    assert "user.hash" not in again
    assert again["modeltally.correlation_id"] != "c1"
    waits = [item["modeltally.queue.duration"] for item in operations if item is not run]
    assert all(isinstance(wait, float) and 0 <= wait < 300 for wait in waits)
    traces = [item.trace_id for item in sink.operations if item.attributes.get("modeltally.project") == "posters"]
    assert max(map(traces.count, traces)) >= 5  # those sent inside the run, which is the fifth


def redeliver(queue: Path, arguments: str) -> None:
    """Mark a task's message as delivered before, as the transports do that know; that of files does not."""
    for file in queue.iterdir():
        content = json.loads(file.read_text())
        if content["headers"]["argsrepr"] == arguments:
            content["properties"]["delivery_info"]["redelivered"] = True
            file.write_text(json.dumps(content))


# without a worker


@pytest.fixture
def celery() -> Iterator[Celery]:
    """Return an application with a broker in memory, and celery instrumented."""
    app = Celery("test", broker="memory://", backend="cache+memory://", set_as_current=False)
    CeleryInstrumentor().instrument()
    yield app
    CeleryInstrumentor().uninstrument()


def test_eager_tasks_are_told_as_well(seen: Captured, celery: Celery) -> None:
    """What runs where it is sent knows who asked, waits for nothing, and is delivered once."""
    celery.conf.task_always_eager = True

    def run(self: Any) -> str:
        with modeltally.model_request("m"):
            if self.request.retries == 0:
                raise self.retry(countdown=0)
        return "done"

    work = celery.task(bind=True, max_retries=1)(run)
    with modeltally.pattern_run("p", project="posters"):
        assert work.delay().get() == "done"
    with modeltally.model_request("outside"):
        pass
    first, second, pattern, outside = seen.all()
    assert pattern["modeltally.project"] == first["modeltally.project"] == second["modeltally.project"] == "posters"
    assert (first["modeltally.attempt"], second["modeltally.attempt"]) == (1, 2)
    assert "modeltally.redelivered" not in first
    assert "modeltally.project" not in outside
    assert "modeltally.attempt" not in outside


def published(app: Celery) -> Mapping[str, Any]:
    """Return the message in the queue."""
    with app.connection_for_read() as connection:
        content = connection.default_channel.basic_get("celery", no_ack=True)
    return {"body": content.body, "headers": content.headers, "properties": content.properties}


def test_message_is_otherwise_the_same(seen: Captured, celery: Celery) -> None:
    """One header is added to what celery sends; uninstrumented, or with telemetry off, there is none."""
    del seen

    def run(number: int) -> int:
        return number

    work = celery.task(run)

    def send_one() -> Mapping[str, Any]:
        work.apply_async((1,), task_id="one", headers={"other": "kept"}, priority=3)
        message = dict(published(celery))
        message["properties"].pop("delivery_tag")
        return message

    instrumented = send_one()
    CeleryInstrumentor().uninstrument()
    plain = send_one()
    assert instrumented["headers"].pop(HEADER)
    assert instrumented == plain
    assert plain["headers"]["other"] == "kept"
    CeleryInstrumentor().instrument()
    modeltally.shutdown()
    modeltally.configure(endpoint="nonsense")
    assert send_one() == plain


def test_failures_of_tasks_are_theirs(seen: Captured, celery: Celery) -> None:
    """An exception reaches whoever waits for it, and what runs afterwards is not taken for the task's."""

    def fail() -> None:
        with modeltally.model_request("m"):
            raise LookupError("theirs")

    with pytest.raises(LookupError, match="theirs"):
        celery.task(fail).apply().get()
    with modeltally.model_request("outside"):
        pass
    failed, outside = seen.all()
    assert failed["error.type"] == "LookupError"
    assert failed["modeltally.attempt"] == 1
    assert "modeltally.attempt" not in outside


def test_delay_on_purpose_is_no_wait(seen: Captured, celery: Celery, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that was not to run before a time has waited since then, or since it was sent if that came later."""

    def run() -> None:
        with modeltally.model_request("m"):
            pass

    work = celery.task(run)
    sent_at = 1_700_000_000
    for due_at in (sent_at + 100, sent_at - 100):
        with monkeypatch.context() as clock:
            clock.setattr(_clock, "time_ns", lambda: sent_at * 10**9)
            headers = modeltally.inject({}, project="posters")
        with monkeypatch.context() as clock:
            clock.setattr(_clock, "time_ns", lambda: (sent_at + 105) * 10**9)
            clock.setattr(time, "time", lambda: float(sent_at + 105))
            request = {"id": "one", "eta": datetime.fromtimestamp(due_at, UTC).isoformat(), **headers}
            work.push_request(**request, called_directly=False)
            signals.task_prerun.send(sender=work, task=work)
            work.run()
            signals.task_postrun.send(sender=work, task=work)
            work.pop_request()
    delayed, late = seen.all()
    assert delayed["modeltally.queue.duration"] == 5
    assert late["modeltally.queue.duration"] == 105


def test_instrumentor_is_one_and_leaves_nothing_behind(celery: Celery) -> None:
    """However often it is called there is one receiver for each signal, and afterwards none."""
    del celery
    assert CeleryInstrumentor() is CeleryInstrumentor()
    CeleryInstrumentor().instrument(skip_dep_check=True)
    watched = (signals.before_task_publish, signals.task_prerun, signals.task_postrun)
    assert [len(one.receivers) for one in watched] == [1, 1, 1]
    CeleryInstrumentor().uninstrument()
    CeleryInstrumentor().uninstrument()
    assert [len(one.receivers) for one in watched] == [0, 0, 0]
    assert not CeleryInstrumentor().is_instrumented


@pytest.mark.parametrize("is_skipped", [True, False])
def test_missing_celery_is_no_error(monkeypatch: pytest.MonkeyPatch, *, is_skipped: bool) -> None:
    """Where there is no celery nothing happens; who asked for it by hand is told."""
    monkeypatch.setitem(sys.modules, "celery", None)
    CeleryInstrumentor().instrument(skip_dep_check=is_skipped)
    assert not CeleryInstrumentor().is_instrumented
    assert _guard.problems() == ({} if is_skipped else {"celery": 1})
