"""How long pages take on a large store: ``make bench-show-page``.

The store is the one that ``make bench-store`` makes and keeps; it is copied, brought up to date and served by a server
whose time stands at the end of the events. Cold is a server that was just started, and has answered one page of another
window; warm is the same page again. Figures are printed beside their limits and fail nothing.
"""

from __future__ import annotations

import argparse
import http.client
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

from bench.store.__main__ import DEFAULT_CACHE, _count
from bench.store.stores import END, Shape, rolled_store
from bench.store.usage import apart
from modeltally.server import LocalServer
from support.servers import QUIET, settings_for
from support.stores import copy_store

PAGES = ("/", "/users", "/failures", "/patterns", "/loads", "/disk", "/topics/models", "/topics/time")
FIRST_BYTE_MS, WARM_MS, COLD_MS = 100, 400, 1000


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=_count, default=20_000_000)
    parser.add_argument("--models", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache", type=Path, default=DEFAULT_CACHE)
    options = parser.parse_args()
    rolled, _ = apart(rolled_store, options.cache, Shape(options.size, seed=options.seed, models=options.models))
    with tempfile.TemporaryDirectory(dir=options.cache, prefix="scratch-") as name:
        directory = copy_store(rolled, Path(name) / "data")
        # no job in the middle of a page: what it costs is measured elsewhere
        quiet = settings_for(directory, **QUIET)
        cold: list[tuple[float, float]] = []
        for _ in range(options.rounds):
            with LocalServer(quiet, clock=lambda: END) as server:
                _get(server, "/?window=1h")
                first, last, size = _get(server, "/")
                cold.append((first, last))
        _say("/ cold", cold, size, COLD_MS)
        with LocalServer(quiet, clock=lambda: END) as server:
            for path in PAGES:
                _get(server, path)
                # what nobody waits for comes after the page, and is there the next time
                time.sleep(3)
                taken = [_get(server, path) for _ in range(options.rounds)]
                _say(f"{path} warm", [(one[0], one[1]) for one in taken], taken[0][2], WARM_MS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _print(f"memory of the process at most {peak:,.0f} MiB")
    return 0


def _get(server: LocalServer, path: str) -> tuple[float, float, int]:
    """Get a page: milliseconds to its first and last byte, and how many there are."""
    connection = http.client.HTTPConnection(urlsplit(server.address.http_url).netloc, timeout=120)
    begun = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    size = len(response.read(1))
    first = time.perf_counter()
    size += len(response.read())
    last = time.perf_counter()
    connection.close()
    if response.status != http.client.OK:
        raise SystemExit(f"{path} answered {response.status}")
    return (first - begun) * 1000, (last - begun) * 1000, size


def _say(what: str, taken: list[tuple[float, float]], size: int, limit: int) -> None:
    first, last = (statistics.median(part) for part in zip(*taken, strict=True))
    _print(
        f"{what:24} first byte {first:7,.1f} ms (limit {FIRST_BYTE_MS}), last byte {last:8,.1f} ms (limit {limit:,}),"
        f" {size / 1024:,.0f} KiB"
    )


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a bench prints


if __name__ == "__main__":
    sys.exit(main())
