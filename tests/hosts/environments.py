"""Environments for hosts whose packages do not fit into the project's; made once, kept in ``.venv-hosts``."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["PINS", "ROOT", "python_of"]

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / ".venv-hosts"
READY: Final = "pins.txt"  # in a finished environment: what it was made from

_COMMON: Final = ("numpy==2.4.6", "protobuf==7.36.2", "requests==2.34.2", "wrapt==2.5.2")

# The newest sets that agree with each other: opentelemetry-distro is a release behind the SDK.
PINS: Final[dict[str, tuple[str, ...]]] = {
    "distro": (
        "opentelemetry-distro==0.66b1",
        "opentelemetry-exporter-otlp==1.45.1",
        "opentelemetry-instrumentation-requests==0.66b1",
        "opentelemetry-instrumentation-threading==0.66b1",
        "opentelemetry-sdk==1.45.1",
        *_COMMON,
    ),
    "logfire": (
        "logfire==5.4.0",
        "opentelemetry-exporter-otlp==1.45.2",
        "opentelemetry-sdk==1.45.2",
        *_COMMON,
    ),
    "ddtrace": (
        "ddtrace==4.16.0",
        "opentelemetry-exporter-otlp==1.45.2",
        "opentelemetry-sdk==1.45.2",
        *_COMMON,
    ),
}


def python_of(environment: str | None) -> Path:
    """Return an environment's Python, making the environment where it is not there yet.

    Args:
        environment: One of :data:`PINS`; None for the one this runs in.

    Raises:
        subprocess.CalledProcessError: It cannot be made; what uv says is on the standard error.
    """
    if environment is None:
        return Path(sys.executable)
    folder, pins = FOLDER / environment, "\n".join(PINS[environment])
    python, ready = folder / "bin" / "python", folder / READY
    if not ready.is_file() or ready.read_text(encoding="utf-8") != pins:
        shutil.rmtree(folder, ignore_errors=True)
        _uv("venv", "--python", sys.executable, str(folder))
        _uv("pip", "install", "--python", str(python), *PINS[environment])
        ready.write_text(pins, encoding="utf-8")
    return python


def _uv(*arguments: str) -> None:
    found = shutil.which("uv") or str(ROOT / ".venv-tools" / "bin" / "uv")
    subprocess.run([found, "--quiet", *arguments], check=True, env={**os.environ, "UV_SYSTEM_CERTS": "1"})
