"""The process of a host: runs the workload once, with us or without, and writes down what there is to compare.

Started by the driver as ``python service.py ORDER``, ORDER being JSON; see :class:`hosts.runs.Order`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace

from hosts import keywords
from hosts.setups import SETUPS, Setup, set_worker
from hosts.standins import Control, Nothing
from hosts.workload import Workload

if TYPE_CHECKING:
    from hosts.standins import Wrappers

EXIT_SECONDS: Final = 60.0
LOOKS: Final = 10
LOOK_SECONDS: Final = 0.02


class Watch:
    """What of the process must stay as it is."""

    def __init__(self) -> None:
        """Seed the generators that belong to the host, and look at everything."""
        self._numpy: Any = importlib.import_module("numpy") if importlib.util.find_spec("numpy") else None
        random.seed(20)
        if self._numpy is not None:
            self._numpy.random.seed(20)
        self._before = self._look()
        self._threads = _threads()
        self.threads_added = 0

    def count_threads(self) -> None:
        """Look how many threads there are, once those that have just ended are gone from the system's list too."""
        counts = []
        for _ in range(LOOKS):
            counts.append(_threads())
            time.sleep(LOOK_SECONDS)
        self.threads_added = max(self.threads_added, min(counts) - self._threads)

    def changes(self) -> list[str]:
        """Name what is different from before."""
        now = self._look()
        return [name for name, value in self._before.items() if now[name] != value]

    def _look(self) -> dict[str, object]:
        return {
            "random": _digest(random.getstate()),
            "numpy": "" if self._numpy is None else _digest(self._numpy.random.get_state()),
            "environment": dict(os.environ),
            "signals": {
                number: signal.getsignal(number) for number in signal.valid_signals() if number != signal.SIGTERM
            },
            "hooks": (sys.excepthook, threading.excepthook, sys.getrecursionlimit(), sys.getswitchinterval()),
        }


def _threads() -> int:
    tasks = Path("/proc/self/task")
    return len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()


def _digest(state: object) -> str:
    return hashlib.sha256(repr(state).encode()).hexdigest()


def _wrappers(order: dict[str, Any]) -> Wrappers:
    chosen: Any = Nothing()
    if order["wrappers"] in {"on", "killed"}:
        chosen = importlib.import_module("modeltally")
    elif order["wrappers"] == "control":
        chosen = Control()
    wrappers: Wrappers = chosen
    return wrappers


def _configure(order: dict[str, Any]) -> None:
    """Switch us on, with everything that is on by default; export often, so that it happens during the run."""
    if order["wrappers"] in {"on", "killed"}:
        importlib.import_module("modeltally").configure(
            endpoint=order["endpoint"],
            user_key="key",
            export_interval_seconds=0.05,
            heartbeat_interval_seconds=0.2,
            metrics_interval_seconds=0.2,
        )
    elif order["wrappers"] == "control":
        export: Any = importlib.import_module("opentelemetry.sdk.trace.export")
        otlp: Any = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        exporter = otlp.OTLPSpanExporter(f"{order['endpoint']}/v1/traces")
        # room for everything: what is lost is lost by the sampler
        _provider().add_span_processor(export.BatchSpanProcessor(exporter, max_queue_size=1_000_000))


def _deliver(order: dict[str, Any]) -> dict[str, Any]:
    """Deliver what is waiting; return our own numbers."""
    if order["wrappers"] == "control":
        _provider().force_flush()
    if order["wrappers"] not in {"on", "killed"}:
        return {}
    modeltally = importlib.import_module("modeltally")
    modeltally.shutdown(timeout_seconds=EXIT_SECONDS if order["is_reachable"] else 0.5)
    counters = modeltally.counters()
    return {
        "started": counters.started,
        "exported": counters.exported,
        "dropped": dict(counters.dropped),
        "problems": dict(counters.problems),
    }


def _provider() -> Any:
    return trace.get_tracer_provider()


def _share(order: dict[str, Any], wrappers: Wrappers, setup: Setup, index: int) -> dict[str, Any]:
    """Run a worker's part of the blocks, and return what it saw."""
    set_worker(index)
    workload = Workload(wrappers, setup)
    for block in range(index, order["operations"] // keywords.BLOCK, order["workers"]):
        workload.run(block)
    return {
        "output": [*setup.lines(index), repr(workload.results)],
        "parents": workload.parents,
        "context_changes": workload.context_changes,
    }


def _in_threads(order: dict[str, Any], wrappers: Wrappers, setup: Setup, watch: Watch) -> list[dict[str, Any]]:
    shares: dict[int, dict[str, Any]] = {}

    def work(index: int) -> None:
        shares[index] = _share(order, wrappers, setup, index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(order["workers"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    watch.count_threads()
    return [shares[index] for index in range(order["workers"])]


def _in_processes(order: dict[str, Any], wrappers: Wrappers, setup: Setup, watch: Watch) -> list[dict[str, Any]]:
    """Fork a process for each share but the first, which is the parent's own."""
    if order["form"] == "prefork, configured before":
        _configure(order)
        # by now the parent has a thread of ours, which the children have not
        shares = [_share(order, wrappers, setup, 0)]
    children = []
    for index in range(1, order["workers"]):
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            if order["form"] == "prefork, configured after":
                _configure(order)
            share = _share(order, wrappers, setup, index)
            watch.count_threads()
            share.update(numbers=_deliver(order), changes=watch.changes(), threads_added=watch.threads_added)
            share["output"] += setup.lines(-1)
            Path(f"{order['report']}.{index}").write_text(json.dumps(share))
            sys.exit(0)
        children.append(child)
    failed = [child for child in children if os.waitpid(child, 0)[1]]
    if failed:
        raise SystemExit(f"{len(failed)} forked processes failed")
    if order["form"] == "prefork, configured after":
        _configure(order)
        shares = [_share(order, wrappers, setup, 0)]
    watch.count_threads()
    return shares + [json.loads(Path(f"{order['report']}.{index}").read_text()) for index in range(1, order["workers"])]


def main() -> None:
    """Run the workload."""
    order: dict[str, Any] = json.loads(sys.argv[1])
    setup = SETUPS[order["setup"]]()
    setup.before()
    watch = Watch()
    wrappers = _wrappers(order)
    if order["form"].startswith("prefork"):
        shares = _in_processes(order, wrappers, setup, watch)
    else:
        _configure(order)
        setup.after()
        if order["form"] == "threads":
            shares = _in_threads(order, wrappers, setup, watch)
        else:
            shares = [_share(order, wrappers, setup, 0)]
            watch.count_threads()
    numbers = [share.pop("numbers") for share in shares if "numbers" in share] + [_deliver(order)]
    changes = {change for share in shares for change in share.get("changes", ())} | set(watch.changes())
    report = {
        # the last are spans of threads that are not the workload's: ours make none
        "output": [line for share in shares for line in share["output"]] + setup.lines(-1),
        "parents": {index: ids for share in shares for index, ids in share["parents"].items()},
        "context_changes": sum(share["context_changes"] for share in shares),
        "changes": sorted(changes),
        "threads_added": max([watch.threads_added, *(share.get("threads_added", 0) for share in shares)]),
        "numbers": numbers,
    }
    Path(order["report"]).write_text(json.dumps(report))


if __name__ == "__main__":
    main()
