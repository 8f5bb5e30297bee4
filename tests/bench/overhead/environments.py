"""The environments of the peers: one for each, made by uv, kept between runs, with everything in it pinned."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["ENVIRONMENTS", "ROOT", "Unavailable", "python_of", "search_path"]

ROOT: Final = Path(__file__).parents[3]
FOLDER: Final = ROOT / ".venv-bench"

# what is not pinned below is taken as it was on that day
AS_OF: Final = "2026-11-25T00:00:00Z"
# the newest client that every peer supports: 3.x is built on another HTTP library
OPENAI: Final = "openai==2.54.0"
SDK: Final = "opentelemetry-sdk==1.45.2"
# what the package imports beside OpenTelemetry: its small record is measured in each of them
OURS: Final = ("wrapt==2.5.2", "opentelemetry-exporter-otlp-proto-http")  # of the version that the SDK there has

ENVIRONMENTS: Final[dict[str, tuple[str, ...]]] = {
    "modeltally": (OPENAI, SDK, "opentelemetry-exporter-otlp-proto-http==1.45.2"),
    "openai-v2": (
        OPENAI,
        SDK,
        "opentelemetry-instrumentation-openai-v2==2.4b0",
        "opentelemetry-util-genai==0.4b0",  # it takes any newer one, and does not start with those
    ),
    "genai-openai": (OPENAI, SDK, "opentelemetry-instrumentation-genai-openai==1.3b0"),
    "openinference": (OPENAI, SDK, "openinference-instrumentation-openai==0.1.66"),
    "traceloop": (OPENAI, SDK, "opentelemetry-instrumentation-openai==0.62.4"),
    "openlit": (OPENAI, "openlit==1.45.0"),  # pins the SDK at 1.45.1
    "logfire": (OPENAI, SDK, "logfire==5.4.0"),
}


class Unavailable(RuntimeError):  # noqa: N818 - a state of the machine, told with its remedy
    """An environment cannot be made here; the message says why."""


def python_of(name: str) -> Path:
    """Return the interpreter of an environment, making it first where it is missing or pinned otherwise.

    Args:
        name: One of :data:`ENVIRONMENTS`.

    Raises:
        Unavailable: It cannot be made; an unfinished one is made anew the next time.
    """
    folder = FOLDER / name
    python = folder / "bin" / "python"
    packages = (*ENVIRONMENTS[name], *OURS)
    recipe = "\n".join((sys.version, AS_OF, *packages))
    stamp = hashlib.sha256(recipe.encode()).hexdigest()
    marker = folder / "made-from"
    if marker.exists() and marker.read_text() == stamp:
        return python
    uv = _uv()
    _run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    _run(uv, "pip", "install", "--quiet", "--exclude-newer", AS_OF, "--python", str(python), *packages)
    marker.write_text(stamp)
    return python


def search_path() -> str:
    """Return ``PYTHONPATH`` for an environment: these scripts, and the package as it stands in this tree."""
    return os.pathsep.join((str(ROOT / "tests"), str(ROOT / "instrumentation")))


def _uv() -> str:
    found = os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".venv-tools" / "bin" / "uv")
    if shutil.which(found) is None:
        raise Unavailable(f"no uv at {found}: run `make setup`, or name one in the variable UV")
    return found


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise Unavailable(f"`{' '.join(command)}` failed: {done.stderr.strip()[-500:]}")
