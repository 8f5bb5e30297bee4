"""A process that is told to stop, however often and at whatever moment, stops."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from support.waiting import PATIENCE_SECONDS

# a signal at every step of what waits for one and of what one runs
STEPPED = """
import signal, sys
from modeltally.server.stopping import stopped_by_signals

NUMBER = signal.Signals({number})
WITHIN = ("stopping.py", "threading.py")
steps = 0

def trace(frame, event, _):
    global steps
    if not frame.f_code.co_filename.endswith(WITHIN):
        return None
    frame.f_trace_opcodes = True
    if event == "opcode":
        steps += 1
        signal.raise_signal(NUMBER)
    return trace

with stopped_by_signals() as stop:
    sys.settrace(trace)
    if {first}:
        signal.raise_signal(NUMBER)
    stop.wait(0.01)
    sys.settrace(None)
    print("asked" if stop.wait(0) else "not asked", "in steps" if steps > 3 else steps)
"""


@pytest.mark.parametrize("first", [False, True], ids=["while it waits", "before it waits"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_at_every_step_are_one_request_to_stop(number: signal.Signals, *, first: bool) -> None:
    """A supervisor and whoever passes its signal on ask at once; what holds a lock then would wait for itself."""
    done = subprocess.run(
        [sys.executable, "-c", STEPPED.format(number=int(number), first=first)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ("asked in steps", "")


def test_nobody_asked() -> None:
    """Without a signal it waits its time, and says that nobody asked."""
    program = STEPPED.format(number=int(signal.SIGTERM), first=False).replace("sys.settrace(trace)", "pass")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "not asked 0"
