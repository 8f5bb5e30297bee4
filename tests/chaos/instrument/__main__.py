"""Fuzzed calls through the wrappers: every kind of object at every entry point, with faults behind and around.

``python tests/chaos/instrument --calls 1000000 --seed 1 --controls`` prints how often each object met each
entry point, how often each fault was there, and what was not as it must be: an exception that is not the host's, a
result that is another object, a context that was not restored, operations that are in none of the counts. ``--only
CASE`` runs one case again. The control is the same run with the guard switched off: it must let exceptions through,
or this run could not see them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any, Final

TESTS = Path(__file__).parents[2]
PACKAGE = TESTS.parent / "instrumentation" / "modeltally"
UNGUARDED: Final = "--unguarded"


def switch_guard_off() -> None:
    """Make the guard let everything through, before the library's modules take it."""
    package = types.ModuleType("modeltally")
    package.__path__ = [str(PACKAGE)]
    sys.modules["modeltally"] = package
    from modeltally.instrument import _guard  # noqa: PLC0415 - with a package that imports nothing else

    def guarded(default: object) -> Any:
        del default
        return lambda function: function

    _guard.guarded = guarded
    del sys.modules["modeltally"]


def control(calls: int, seed: int) -> int:
    """Run without the guard in a process of its own, and say how much it let through."""
    command = [sys.executable, __file__, UNGUARDED, "--calls", str(calls), "--seed", str(seed), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    try:
        foreign = int(json.loads(done.stdout.splitlines()[-1])["foreign"])
    except (ValueError, IndexError):
        sys.stdout.write(f"the control did not end in order: {done.stderr[-2000:]}\n")
        return 0
    sys.stdout.write(
        f"control, the same without the guard: {calls} calls, {foreign} foreign exceptions (target above 0)\n"
    )
    return foreign


def main() -> int:
    """Run, print, and exit with 1 when something is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="CASE", help="run this case alone")
    parser.add_argument("--controls", action="store_true", help="run the control, which must fail, as well")
    parser.add_argument("--control-calls", type=int, default=5000)
    parser.add_argument("--json", action="store_true", help="print one line of JSON only")
    parser.add_argument(UNGUARDED, action="store_true", help="switch the guard off")
    options = parser.parse_args()
    sys.path.insert(0, str(TESTS))
    if options.unguarded:
        switch_guard_off()
    from chaos.instrument import run  # noqa: PLC0415 - only now: it imports the library

    is_one = options.only is not None
    result = run.only(options.only, options.seed) if is_one else run.run(options.calls, options.seed)
    if options.json:
        sys.stdout.write(json.dumps({"foreign": result.foreign, "is_good": result.is_good}) + "\n")
    else:
        run.print_result(result)
    is_seen = not options.controls or control(options.control_calls, options.seed) > 0
    return 0 if result.is_good and is_seen else 1


if __name__ == "__main__":
    sys.exit(main())
