"""The real collector and the store behind it, each in a process of its own, on free ports of this machine."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import psutil

from support.environment import clean_environment
from support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REPOSITORY: Final = Path(__file__).parents[2]
CONFIGURATIONS: Final = REPOSITORY / "collector_config"
BINARY: Final = Path(os.environ.get("MODELTALLY_COLLECTOR", REPOSITORY / ".collector" / "modeltally-collector"))
MISSING: Final = f"{BINARY} is missing: build it with `make collector` (Go 1.25 or newer, about three minutes)"

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 60.0


@dataclass
class Usage:
    """What a process has used.

    Attributes:
        cpu_seconds: Time on processors, of the kernel as well.
        peak_bytes: The most memory it held.
    """

    cpu_seconds: float = 0.0
    peak_bytes: int = 0


def usage_of(pid: int) -> Usage:
    """Say what a running process has used so far."""
    times = psutil.Process(pid).cpu_times()
    status = Path(f"/proc/{pid}/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return Usage(times.user + times.system, int(peak.split()[1]) * 1024)


class Running:
    """A process that can be stopped, killed and measured."""

    def __init__(self) -> None:
        """Begin without a process."""
        self.process: subprocess.Popen[bytes] | None = None

    def kill(self) -> None:
        """Kill it with -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Stop it as an operator does; gives its exit code."""
        return self._end(signal.SIGTERM)

    def usage(self) -> Usage:
        """Say what it has used so far."""
        if self.process is None:
            return Usage()
        return usage_of(self.process.pid)

    def _end(self, number: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            if process.stdout is not None:
                process.stdout.close()

    def __exit__(self, *_: object) -> None:
        self.stop()


class StubStore(Running):
    """ClickHouse's HTTP interface in front of the engine; it can go away and come back on the same port."""

    def __init__(self, directory: Path, *, max_body_bytes: int = 2**40) -> None:
        """Take a data directory.

        Args:
            directory: The data directory, as of ``modeltally up``.
            max_body_bytes: The largest insert taken.
        """
        super().__init__()
        self.directory = directory
        self.port = free_port()
        self.max_body_bytes = max_body_bytes

    @property
    def dsn(self) -> str:
        """Where it listens; what it takes is not compressed."""
        return f"http://127.0.0.1:{self.port}?compress=none"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [sys.executable, str(Path(__file__).with_name("stub.py")), "--directory", str(self.directory)]
        command += ["--port", str(self.port), "--max-body-bytes", str(self.max_body_bytes)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment())
        if self.process.stdout is None or self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("the stub of ClickHouse did not start")

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True)
        self.start()
        return self


@dataclass
class Collector(Running):
    """The collector on the shipped configuration, with ports and directories of its own.

    Attributes:
        directory: Where its queue and its log are.
        dsn: The ClickHouse it writes to.
        configurations: Names of files in ``collector_config``, or paths; later ones win.
        environment: Further variables.
        prefix: A command to run it under.
    """

    directory: Path
    dsn: str
    configurations: Sequence[str | Path] = ("collector.yaml",)
    environment: Mapping[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    queue: Path = field(init=False)
    otlp_port: int = field(init=False)
    grpc_port: int = field(init=False)
    health_port: int = field(init=False)
    metrics_port: int = field(init=False)

    def __post_init__(self) -> None:
        super().__init__()
        self.queue = self.directory / "queue"
        self.otlp_port, self.grpc_port, self.health_port, self.metrics_port = (free_port() for _ in range(4))

    @property
    def url(self) -> str:
        """Where it takes OTLP over HTTP."""
        return f"http://127.0.0.1:{self.otlp_port}"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.directory / "collector.log"

    def variables(self) -> dict[str, str]:
        """The environment it runs in."""
        return {
            **clean_environment(),
            "CLICKHOUSE_ENDPOINT": self.dsn,
            "MODELTALLY_QUEUE_DIR": str(self.queue),
            "MODELTALLY_OTLP_HTTP": f"127.0.0.1:{self.otlp_port}",
            "MODELTALLY_OTLP_GRPC": f"127.0.0.1:{self.grpc_port}",
            "MODELTALLY_HEALTH": f"127.0.0.1:{self.health_port}",
            "MODELTALLY_METRICS_PORT": str(self.metrics_port),
            **self.environment,
        }

    def command(self, *more: str) -> list[str]:
        """The command that runs it."""
        files = [name if isinstance(name, Path) else CONFIGURATIONS / name for name in self.configurations]
        return [*self.prefix, str(BINARY), *more, *(f"--config={file}" for file in files)]

    def start(self, *, is_awaited: bool = True) -> None:
        """Start it; returns once it answers, unless nobody waits.

        Raises:
            RuntimeError: It ended, or did not answer in time; the end of its log says why.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, env=self.variables())
        if is_awaited:
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until its health check answers.

        Raises:
            RuntimeError: It ended, or did not answer in time.
        """
        deadline = time.monotonic() + START_SECONDS
        while self.process is not None and self.process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.get(self.health_port, "/")[0] == 200:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"the collector did not start:\n{self.log.read_text()[-4000:]}")

    def validate(self) -> subprocess.CompletedProcess[str]:
        """Ask it whether its configuration is right."""
        command = self.command("validate")
        return subprocess.run(command, capture_output=True, text=True, env=self.variables(), check=False, timeout=60)

    def figures(self, name: str) -> float:
        """Add up what it says of itself under a name, over all labels."""
        lines = self.get(self.metrics_port, "/metrics")[1].decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))

    def queue_bytes(self) -> int:
        """How large the queue's files are on disk."""
        return sum(path.stat().st_blocks * 512 for path in self.queue.iterdir() if path.is_file())

    def wait_until_drained(self, *, timeout_seconds: float = 120.0) -> bool:
        """Wait until nothing is queued; tells whether that came."""
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.figures("otelcol_exporter_queue_size") == 0:
                    return True
            time.sleep(0.1)
        return False

    @staticmethod
    def get(port: int, path: str) -> tuple[int, bytes]:
        """Get something from one of its ports."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()

    def __enter__(self) -> Self:
        self.start()
        return self
