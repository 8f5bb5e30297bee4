"""Processes that start, run and end in odd ways: each delivers what it recorded, and says nothing of ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from support.sink import Sink

PREPARE = """
import os
import modeltally
from modeltally.instrument import _runtime
_runtime.EXIT_SECONDS = 60.0
def configure(**more):
    modeltally.configure(endpoint=os.environ["SINK"], metrics=False, **more)
def request():
    with modeltally.model_request("m"):
        pass
"""
LATE = """
def late():
    import modeltally
    with modeltally.model_request("m"):
        pass
"""
FULL = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
def fill():
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, 0))
    except OSError:
        return held
"""


class Process(NamedTuple):
    """A script, how many operations must arrive, and how Python is started."""

    code: str
    operations: int = 1
    flags: tuple[str, ...] = ()
    before: str = ""


PROCESSES: dict[str, Process] = {
    # it runs after ours, which has said goodbye: that one is lost, and the log says so
    "exit handler from before the import": Process(
        "configure()\nrequest()", before=f"import atexit{LATE}atexit.register(late)\n"
    ),
    "first operation in an exit handler": Process(f"configure()\nimport atexit{LATE}atexit.register(late)"),
    "thread that outlives the main one": Process(
        """
configure()
request()
import threading, time
def work():
    threading.main_thread().join()
    request()
threading.Thread(target=work).start()
""",
        2,
    ),
    "last job of a pool": Process(
        """
configure()
import threading
from concurrent.futures import ThreadPoolExecutor
def work():
    threading.main_thread().join(0.2)
    request()
ThreadPoolExecutor(1).submit(work)
"""
    ),
    "finalizer": Process(
        """
configure()
request()
import weakref
class Held: ...
held = Held()
weakref.finalize(held, request)
""",
        2,
    ),
    "asynchronous stream that is held until the end": Process(
        """
configure()
import asyncio
@modeltally.model_request("m")
async def count():
    yield 1
    yield 2
held = count()
async def main():
    await anext(held)
asyncio.run(main())
"""
    ),
    "end without an end": Process("configure()\nrequest()\nassert modeltally.flush(60)\nos._exit(0)"),
    "without assertions and docstrings": Process("configure()\nrequest()", flags=("-OO",)),
    "isolated": Process("configure()\nrequest()", flags=("-I",)),
    "warnings are errors": Process("configure()\nrequest()", flags=("-W", "error")),
    "development mode": Process("configure()\nrequest()", flags=("-X", "dev", "-W", "error")),
    "modules imported again": Process(
        """
configure()
request()
assert modeltally.flush(60)
import sys
for name in [name for name in sys.modules if name.startswith("modeltally")]:
    del sys.modules[name]
import modeltally
configure()
request()
""",
        2,
    ),
    "package reloaded": Process(
        "configure()\nrequest()\nimport importlib\nimportlib.reload(modeltally)\nrequest()", operations=2
    ),
    "configured ten times": Process(
        """
for number in range(10):
    configure(service_name=str(number))
    request()
import threading
assert threading.active_count() == 2, threading.enumerate()
""",
        10,
    ),
    "no descriptor at first": Process(
        f"""
{FULL}
_runtime.RESTART_SECONDS = 0.05
configure()
held = fill()
request()
while "background start" not in modeltally.counters().problems:
    pass
for each in held:
    os.close(each)
request()
assert modeltally.flush(60)
""",
        2,
    ),
    "no descriptor for a while": Process(
        f"""
{FULL}
configure()
request()
assert modeltally.flush(60)
held = fill()
request()
for each in held:
    os.close(each)
request()
assert modeltally.flush(60)
""",
        3,
    ),
    "package without metadata": Process(
        """
import importlib.metadata
version = importlib.metadata.version
def hidden(name):
    if name == "modeltally":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = hidden
configure()
request()
"""
    ),
    "closed output": Process("import sys\nconfigure()\nsys.stdout.close()\nsys.stderr.close()\nrequest()"),
    "no output": Process("import sys\nsys.stdout = sys.stderr = None\nconfigure()\nrequest()"),
    "no working directory": Process(
        "import tempfile\nplace = tempfile.mkdtemp()\nos.chdir(place)\nos.rmdir(place)\nconfigure()\nrequest()"
    ),
    "logging handler that makes requests": Process(
        """
import logging
class Handler(logging.Handler):
    def emit(self, record):
        request()
logging.getLogger().addHandler(Handler())
request()
configure()
request()
""",
        # one is lost before there is a configuration, and tells the handler, whose own is told of no more
        1,
    ),
    "debugger that looks at every variable": Process(
        """
import sys
configure()
def trace(frame, event, argument):
    frame.f_locals
    return trace
@modeltally.model_request("m")
def count():
    return (number for number in range(3))
sys.settrace(trace)
assert list(count()) == [0, 1, 2]
sys.settrace(None)
"""
    ),
}


@pytest.mark.slow(seconds=25, why="twenty odd processes")
@pytest.mark.parametrize("process", PROCESSES.values(), ids=PROCESSES)
def test_odd_process_delivers_what_it_recorded(sink: Sink, tmp_path: Path, process: Process) -> None:
    """Every operation arrives, and nothing is printed but what the log says at worst."""
    script = tmp_path / "script.py"
    script.write_text(process.before + PREPARE + process.code)
    done = subprocess.run(
        [sys.executable, *process.flags, str(script)],
        env={**os.environ, "SINK": sink.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    finished = [span for span in sink.operations if "modeltally.outcome" in span.attributes]
    assert len({span.span_id for span in finished}) == len(finished) == process.operations, done.stderr


@pytest.mark.slow(seconds=2, why="a process that leaves its parents")
def test_daemon_delivers_what_it_recorded(sink: Sink, tmp_path: Path) -> None:
    """It forks twice, leaves its session and closes its descriptors, after it was configured."""
    script = tmp_path / "script.py"
    script.write_text(
        PREPARE
        + """
configure()
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.closerange(0, 3)
request()
"""
    )
    subprocess.run([sys.executable, str(script)], env={**os.environ, "SINK": sink.url}, check=True, timeout=60)
    assert sink.wait_for(lambda: len(sink.operations) == 1)


SERVED: Final = """
import asyncio, json, sys, threading
@modeltally.model_request("m", user="u")
def plain(number):
    return number
@modeltally.model_request("m")
async def awaited(number):
    return number
@modeltally.model_request("m")
def streamed(number):
    yield number
@modeltally.model_request("m")
def failing():
    raise ValueError
def serve():
    for number in range(20):
        assert plain(number) == number and list(streamed(number)) == [number]
        with modeltally.load("m"):
            pass
        try:
            failing()
        except ValueError:
            pass
        try:
            awaited(number).send(None)
        except StopIteration as end:
            assert end.value == number
wrong = []
threading.excepthook = lambda arguments: wrong.append(str(arguments.exc_value))
def serve_at_once():
    threads = [threading.Thread(target=serve) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
configure()
is_busy = sys.argv[1] == "busy"
if is_busy:
    request()
    assert modeltally.flush(60)
held = fill()
serve_at_once()
if sys.argv[2] == "freed":
    for each in held:
        os.close(each)
    assert modeltally.flush(60)
else:
    modeltally.shutdown(1)
counters = modeltally.counters()
print(json.dumps([counters.started - is_busy, counters.exported - is_busy, counters.lost, wrong]))
"""


@pytest.mark.slow(seconds=4, why="four processes")
@pytest.mark.parametrize("end", ["freed", "never freed"])
@pytest.mark.parametrize("start", ["idle", "busy"])
def test_service_with_64_descriptors_works_and_knows_what_is_lost(
    sink: Sink, tmp_path: Path, start: str, end: str
) -> None:
    """All are taken: calls work. With a connection from before everything comes, else what does not is counted."""
    script = tmp_path / "script.py"
    script.write_text(PREPARE + FULL + SERVED)
    done = subprocess.run(
        [sys.executable, str(script), start, end],
        env={**os.environ, "SINK": sink.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    started, exported, lost, wrong = json.loads(done.stdout)
    assert (started, wrong) == (8 * 20 * 5, [])
    assert exported == len(sink.operations) - (start == "busy")
    assert exported == (started if end == "freed" or start == "busy" else 0)
    assert lost == started - exported
