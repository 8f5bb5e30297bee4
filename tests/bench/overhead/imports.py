"""Measures what importing the package costs beyond the SDK, each time in a fresh process; writes JSON."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Final

SCRIPT: Final = """
import json, sys, time
started = time.perf_counter()
import opentelemetry.sdk.trace
import opentelemetry.sdk.metrics
sdk = time.perf_counter() - started
before = set(sys.modules)
started = time.perf_counter()
import modeltally
modeltally.configure
ours = time.perf_counter() - started
print(json.dumps([sdk, ours, sorted(set(sys.modules) - before)]))
"""
ALONE: Final = """
import json, sys, time
started = time.perf_counter()
import modeltally
modeltally.configure
print(json.dumps([time.perf_counter() - started, sorted(sys.modules)]))
"""
# of a service's time these would take seconds; none of them is needed to watch a call
HEAVY: Final = (
    "asyncio",
    "chdb",
    "clickhouse_connect",
    "google.protobuf",
    "numpy",
    "pydantic",
    "requests",
    "rich",
    "starlette",
    "torch",
    "typer",
    "uvicorn",
)


def fresh(script: str) -> list[object]:
    """Run a script in a fresh interpreter and return what it says."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    said: list[object] = json.loads(done.stdout)
    return said


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    fresh(SCRIPT)  # writes the compiled files, if there are none
    beyond, alone = [], []
    for _ in range(arguments.rounds):
        beyond.append(fresh(SCRIPT))
        alone.append(fresh(ALONE))
    loaded = alone[0][1]
    assert isinstance(loaded, list)
    json.dump(
        {
            "sdk": [said[0] for said in beyond],
            "ours": [said[1] for said in beyond],
            "alone": [said[0] for said in alone],
            "modules": beyond[0][2],
            "heavy": [name for name in HEAVY if name in loaded],
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
