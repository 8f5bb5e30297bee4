"""Ends that Python's own exit handlers do not see: SIGTERM, and the servers that manage processes."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import modeltally
from instrument.services import PREPARE, WARM, Load, Service, ask, listening
from modeltally.instrument import _guard
from modeltally.instrument.process import sigterm
from support.sink import Answer, Sink
from support.waiting import wait_until

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator


def script(code: str, sink: Sink, folder: Path) -> Service:
    """Run a script that has the helpers of ``PREPARE``."""
    return Service(["-c", WARM + PREPARE + code], sink, folder)


def goodbyes(sink: Sink) -> int:
    """Count the instances that said goodbye."""
    return sum(beat["goodbye"] is True for beat in sink.heartbeats)


def instances(sink: Sink) -> int:
    """Count the instances that were heard of: their threads have imported what they need."""
    return len({span.resource["service.instance.id"] for span in sink.spans})


# SIGTERM


WAITING = "configure()\nrequest(500)\nprint('ready')\nwait()"


def test_everything_is_delivered_when_the_process_is_terminated(sink: Sink, tmp_path: Path) -> None:
    """SIGTERM delivers, then ends the process with the very status it has without us."""
    with script(WAITING, sink, tmp_path) as service:
        service.wait_for("ready\n")
        assert service.end(signal.SIGTERM) == -signal.SIGTERM
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    assert goodbyes(sink) == 1
    assert service.text == "ready\n"


def test_terminated_process_ends_when_nobody_takes_its_spans(sink: Sink, tmp_path: Path) -> None:
    """A collector that hangs delays the end and does not prevent it; what was lost is said."""
    sink.answer = Answer(is_hanging=True)
    with script(WAITING, sink, tmp_path) as service:
        service.wait_for("ready\n")
        assert service.end(signal.SIGTERM) == -signal.SIGTERM
    assert "500 operations were not delivered" in service.text


def test_second_signal_ends_the_process_at_once(sink: Sink, tmp_path: Path) -> None:
    """Who cannot wait for delivery does not have to: the loss is not even said any more."""
    sink.answer = Answer(is_hanging=True)
    with script(WAITING, sink, tmp_path) as service:
        service.wait_for("ready\n")
        service.process.send_signal(signal.SIGTERM)
        assert sink.wait_for(lambda: bool(sink.paths))
        assert service.end(signal.SIGTERM) == -signal.SIGTERM
    assert service.text == "ready\n"


HOSTS = """
import signal
def ended(signum, frame):
    print("host", signal.getsignal(signum) is ended)
    sys.exit(3)
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_hosts_own_handler_is_left_alone(sink: Sink, tmp_path: Path, when: str) -> None:
    """Installed before or after us it is the one that runs, and its exit delivers."""
    install = "signal.signal(signal.SIGTERM, ended)\n"
    code = {"before": install + "configure()\n", "after": "configure()\n" + install}[when]
    with script(HOSTS + code + WAITING.removeprefix("configure()\n"), sink, tmp_path) as service:
        service.wait_for("ready\n")
        assert service.end(signal.SIGTERM) == 3
    assert service.text == "ready\nhost True\n"
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"


def test_handler_that_calls_the_former_one_decides_about_the_end(sink: Sink, tmp_path: Path) -> None:
    """Called by a later handler ours delivers and returns, and what is recorded afterwards is delivered as well."""
    code = """
import signal
configure()
former = signal.getsignal(signal.SIGTERM)
def ended(signum, frame):
    former(signum, frame)
    print("goes on")
    raise InterruptedError
signal.signal(signal.SIGTERM, ended)
request(3)
print("ready")
try:
    wait()
except InterruptedError:
    request(4)
"""
    with script(code, sink, tmp_path) as service:
        service.wait_for("ready\n")
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("goes on")
        assert service.end() == 0
    assert service.text == "ready\ngoes on\n"
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    assert service.tally().done == 7


def test_ignored_signal_stays_ignored(sink: Sink, tmp_path: Path) -> None:
    """A host that ignores SIGTERM goes on ignoring it."""
    code = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    code += WAITING.replace("wait()", "time.sleep(0.2)")
    with script(code, sink, tmp_path) as service:
        service.wait_for("ready\n")
        assert service.end(signal.SIGTERM) == 0
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"


@pytest.fixture
def handler() -> Iterator[None]:
    """Leave SIGTERM as it was."""
    former = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, former)


@pytest.mark.usefixtures("handler")
def test_signal_belongs_to_us_only_while_there_is_something_to_deliver(sink: Sink) -> None:
    """Configured it is handled, configured otherwise or shut down it is the system's; a foreign handler stays."""
    configure = modeltally.configure
    configure(endpoint=sink.url)
    assert signal.getsignal(signal.SIGTERM) is sigterm._on_sigterm
    configure(endpoint=sink.url)
    assert signal.getsignal(signal.SIGTERM) is sigterm._on_sigterm
    configure(endpoint=sink.url, handle_sigterm=False)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    configure(endpoint=sink.url)
    modeltally.shutdown()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    configure(endpoint=sink.url)
    configure(endpoint="nonsense")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    thread = threading.Thread(target=configure, kwargs={"endpoint": sink.url})
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    configure(endpoint=sink.url)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    modeltally.shutdown()
    assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler


@pytest.mark.usefixtures("handler")
def test_first_process_of_a_container_is_left_alone(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system ignores SIGTERM there unless it has a handler: it would not end, so there is nothing to deliver at."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    modeltally.configure(endpoint=sink.url)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.usefixtures("handler")
def test_other_threads_may_configure_and_shut_down(sink: Sink) -> None:
    """Where signals cannot be arranged nothing is arranged, and nothing is said."""
    modeltally.configure(endpoint=sink.url)
    thread = threading.Thread(target=modeltally.shutdown)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is sigterm._on_sigterm
    assert _guard.problems() == {}


def test_event_loop_may_take_the_signal_over(sink: Sink, tmp_path: Path) -> None:
    """A handler of asyncio's replaces ours as it would replace the system's."""
    code = """
import asyncio, signal
configure()
async def main():
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    request(5)
    print("ready")
    await ended.wait()
    loop.remove_signal_handler(signal.SIGTERM)
    print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
asyncio.run(main())
"""
    with script(code, sink, tmp_path) as service:
        service.wait_for("ready\n")
        assert service.end(signal.SIGTERM) == 0
    assert service.text == "ready\nTrue\n"
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"


# In a loop so tight that nearly every signal meets our own code; each child of one process is terminated at another
# moment. What it had started is in its goodbye.
TIGHT = """
configure()
def one():
    {body}
for _ in range({children}):
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        one()
        os.write(into, b"x")
        while True:
            one()
    os.close(into)
    os.read(out, 1)
    os.close(out)
    print(child)
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
BODIES = {
    "nested": """with modeltally.pattern_run("p"):
        with modeltally.model_request("m"):
            pass""",
    "records": "modeltally.record('model.request', model='m', started_at=10**18, ended_at=10**18)",
    "waiting": """with modeltally.model_request("m"):
        pass
    modeltally.flush(10)""",
}


@pytest.mark.slow(seconds=6, why="fifty children ended by a signal")
@pytest.mark.parametrize(("body", "children"), [("nested", 26), ("records", 12), ("waiting", 12)])
def test_signal_may_come_at_any_moment(sink: Sink, tmp_path: Path, body: str, children: int) -> None:
    """Wherever the main thread is, in whatever lock: it ends by the signal, and everything it started arrives."""
    moments = random.Random(f"moments of {body}")
    with script(TIGHT.format(body=BODIES[body], children=children), sink, tmp_path) as service:
        for number in range(children):
            assert wait_until(lambda number=number: service.text.count("\n") == 2 * number + 1), service.text  # type: ignore[misc]
            time.sleep(moments.uniform(0.0, 0.04))
            os.kill(int(service.text.splitlines()[-1]), signal.SIGTERM)
        assert service.end() == 0
    assert Counter(service.text.splitlines())["ended -15"] == children, service.text
    started = {
        item.resource["service.instance.id"]: item.attributes["modeltally.heartbeat.started"]
        for item in sink.spans
        if item.attributes.get("modeltally.heartbeat.goodbye")
    }
    assert len(started) == children
    assert Counter(item.resource["service.instance.id"] for item in sink.operations) == started
    assert len({item.span_id for item in sink.operations}) == len(sink.operations)


BELOW = """
import asyncio
configure()
request(3)
@modeltally.load("caller")
def plain():
    print("ready")
    wait()
@modeltally.load("caller")
def stream():
    yield plain.__wrapped__()
@modeltally.load("caller")
async def coroutine():
    plain.__wrapped__()
@modeltally.load("caller")
async def async_stream():
    yield plain.__wrapped__()
async def first(items):
    async for item in items:
        return item
"""


@pytest.mark.parametrize(
    "call", ["plain()", "next(stream())", "asyncio.run(coroutine())", "asyncio.run(first(async_stream()))"]
)
def test_signal_in_watched_code_delivers(sink: Sink, tmp_path: Path, call: str) -> None:
    """Below every wrapper the caller's code is the caller's: the handler does not wait for it to return."""
    with script(BELOW + call, sink, tmp_path) as service:
        service.wait_for("ready\n")
        assert service.end(signal.SIGTERM) == -signal.SIGTERM
    assert Counter(item.attributes["modeltally.operation"] for item in sink.operations) == {
        "model.request": 3,
        "model.load": 1,
    }


def test_modules_that_run_the_callers_code_have_their_names() -> None:
    """The handler knows them by name: a module that is moved must be moved there as well."""
    package = Path(sigterm.__file__).parents[1]
    assert {path.stem for path in package.iterdir()} >= set(sigterm.OPEN)
    assert sigterm.PACKAGE == "modeltally.instrument"


def test_signal_waits_for_no_lock_that_never_comes(sink: Sink, tmp_path: Path) -> None:
    """A main thread that is caught in our code by the host's logging ends all the same."""
    code = """
import logging
class Caught(logging.Handler):
    def emit(self, record):
        print("caught")
        os.read(os.pipe()[0], 1)
logging.getLogger("modeltally").addHandler(Caught())
configure()
modeltally.current_operation().set()
modeltally.record("nonsense", started_at=0)
"""
    with script(code, sink, tmp_path) as service:
        service.wait_for("caught")
        assert service.end(signal.SIGTERM) == -signal.SIGTERM


def test_terminated_children_deliver(sink: Sink, tmp_path: Path) -> None:
    """A forked child inherits the handler, so that multiprocessing's terminate() is an orderly end."""
    code = """
import multiprocessing
def work(ready):
    request(20)
    ready.set()
    wait()
configure()
context = multiprocessing.get_context("fork")
for _ in range(2):
    ready = context.Event()
    child = context.Process(target=work, args=(ready,))
    child.start()
    ready.wait()
    child.terminate()
    child.join()
    print(child.exitcode)
"""
    with script(code, sink, tmp_path) as service:
        assert service.end() == 0, service.text
    assert service.text == "-15\n-15\n"
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    assert service.tally().done == 40


# gunicorn


# A short interval, so that it shows when a worker's thread has begun; what was done since is there for the end.
WSGI = (
    PREPARE
    + """
configure(0.5)
def app(environ, start_response):
    request()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""
)
ASGI = (
    WARM
    + PREPARE
    + """
if os.environ["PATIENT"]:
    from modeltally.instrument.process import uvicorn
    uvicorn.MOST_SECONDS = 60.0
configure()
async def app(scope, receive, send):
    assert scope["type"] == "http"
    request()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})
"""
)


def gunicorn(listener: socket.socket, sink: Sink, folder: Path, *options: str) -> Service:
    """Start gunicorn with two workers."""
    (folder / "service.py").write_text(WSGI)
    command = ["-m", "gunicorn", "service:app", "--bind", f"fd://{listener.fileno()}", "--workers", "2"]
    return Service([*command, "--no-control-socket", *options], sink, folder, pass_fds=[listener.fileno()])


@pytest.mark.slow(seconds=14, why="gunicorn")
@pytest.mark.parametrize(
    ("kind", "preload"), [("sync", ()), ("gthread", ("--preload",)), ("gevent", ()), ("gevent", ("--preload",))]
)
def test_everything_is_delivered_by_gunicorn(sink: Sink, tmp_path: Path, kind: str, preload: tuple[str, ...]) -> None:
    """Workers are replaced under load (HUP), and stopped: each operation arrives once."""
    with listening() as (listener, path), gunicorn(listener, sink, tmp_path, "-k", kind, *preload) as service:
        load = Load(path)
        try:
            assert wait_until(lambda: instances(sink) == 2), service.text
            service.process.send_signal(signal.SIGHUP)
            assert wait_until(lambda: instances(sink) == 4), service.text
        finally:
            load.stop()
        assert service.end(signal.SIGTERM) == 0, service.text
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    assert goodbyes(sink) == 4


# uvicorn


def uvicorn(listener: socket.socket, sink: Sink, folder: Path, *options: str) -> Service:
    """Start uvicorn."""
    (folder / "service.py").write_text(ASGI)
    command = ["-m", "uvicorn", "service:app", "--fd", str(listener.fileno()), "--lifespan", "off"]
    return Service([*command, *options], sink, folder, pass_fds=[listener.fileno()])


@pytest.mark.slow(seconds=2, why="uvicorn")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_everything_is_delivered_by_uvicorn(sink: Sink, tmp_path: Path, signum: signal.Signals) -> None:
    """It raises the signal it was stopped by once more; the status is the one it has without us."""
    with listening() as (listener, path), uvicorn(listener, sink, tmp_path) as service:
        for _ in range(20):
            ask(path)
        assert service.end(signum) == (-signal.SIGTERM if signum == signal.SIGTERM else 0), service.text
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    assert goodbyes(sink) == 1


@pytest.mark.slow(seconds=2, why="uvicorn")
def test_everything_is_delivered_by_workers_of_uvicorn(sink: Sink, tmp_path: Path) -> None:
    """They import the application when the server has the signal already, and end by it without an exit handler."""
    with listening() as (listener, path), uvicorn(listener, sink, tmp_path, "--workers", "2") as service:
        load = Load(path)
        try:
            assert wait_until(lambda: len(load.answers) == 2), service.text
            before = set(load.answers)
            service.process.send_signal(signal.SIGHUP)
            assert wait_until(lambda: len(set(load.answers) - before) == 2), service.text
        finally:
            load.stop()
        assert service.end(signal.SIGTERM) == 0, service.text
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    assert goodbyes(sink) == 4


def another_answers(path: str, former: str) -> bool:
    """Tell whether a process other than the former one answers; a request that the reload cuts off tells nothing."""
    try:
        return ask(path) != former
    except (OSError, http.client.HTTPException):
        return False


def changes_process(file: Path, path: str, former: str) -> bool:
    """Change a service's file; tells whether another process answers soon."""
    changed_at = file.stat().st_mtime + 5
    file.write_text(ASGI + "\n")
    os.utime(file, (changed_at, changed_at))
    return wait_until(lambda: another_answers(path, former), timeout_seconds=10)


@pytest.mark.slow(seconds=2, why="uvicorn")
def test_everything_is_delivered_when_uvicorn_reloads(sink: Sink, tmp_path: Path) -> None:
    """A changed file replaces the process; what the former one did has arrived."""
    with listening() as (listener, path), uvicorn(listener, sink, tmp_path, "--reload") as service:
        former = ask(path)
        # the watcher takes the first state it sees for the old one, and does not say when that was
        assert any(changes_process(tmp_path / "service.py", path, former) for _ in range(6)), service.text
        assert service.end(signal.SIGTERM) == 0, service.text
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    assert service.tally().done >= 2


@pytest.mark.slow(seconds=2, why="uvicorn")
def test_hanging_collector_does_not_keep_uvicorn(sink: Sink, tmp_path: Path) -> None:
    """Its workers end by the signal all the same."""
    sink.answer = Answer(is_hanging=True)
    with listening() as (listener, path), uvicorn(listener, sink, tmp_path, "--workers", "2") as service:
        ask(path)
        assert service.end(signal.SIGTERM) == 0, service.text
    assert "1 operations were not delivered" in service.text


def test_server_that_a_script_runs_leaves_the_script_as_it_is(sink: Sink, tmp_path: Path) -> None:
    """Configured before, inside or not at all by the application: what runs after the server is delivered too."""
    code = """
import uvicorn
{before}
async def app(scope, receive, send):
    {inside}
    request()
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": b""}})
config = uvicorn.Config(app, fd={fd}, lifespan="off", limit_max_requests=1)
shutdown = uvicorn.Server.shutdown
uvicorn.Server(config).run()
assert uvicorn.Server.shutdown is shutdown
request(2)
print("over")
"""
    for before, inside in (("configure()", "pass"), ("pass", "configure()")):
        with listening() as (listener, path):
            text = WARM + PREPARE + code.format(before=before, inside=inside, fd=listener.fileno())
            with Service(["-c", text], sink, tmp_path, pass_fds=[listener.fileno()]) as service:
                ask(path)
                assert service.end() == 0, service.text
    assert service.text.count("over") == 2
    assert service.tally().is_exact, f"{service.tally()}\n{service.text}"
    assert service.tally().done == 6


def test_unknown_version_of_uvicorn_is_left_alone(sink: Sink, tmp_path: Path) -> None:
    """One whose shutdown is not what we know is not touched, and one warning says so."""
    code = """
import uvicorn
class Other(uvicorn.Server):
    shutdown = None
server = Other(uvicorn.Config("none"))
with server.capture_signals():
    configure()
    configure()
assert "shutdown" not in vars(server)
print(modeltally.counters().problems)
"""
    with script(code, sink, tmp_path) as service:
        assert service.end() == 0, service.text
    warning, problems = service.text.splitlines()
    assert "uvicorn" in warning
    assert json.loads(problems.replace("'", '"')) == {"uvicorn": 2}
