"""Charts as pictures, drawn by a process of its own: the renderer takes 200 MB, and may be ended when it takes long."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from modeltally.errors import ModelTallyError, SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["DrawingError", "can_draw", "draw", "run_child"]

TIMEOUT_SECONDS: Final = 60.0
# each takes 200 MB: more wait
_AT_ONCE: Final = threading.BoundedSemaphore(2)
_EXTRA: Final = "install it with: pip install 'modeltally[report]'"


class DrawingError(ModelTallyError):
    """The process that draws failed, or took too long."""


def can_draw() -> bool:
    """Tell whether what draws charts is installed."""
    return find_spec("vl_convert") is not None


def draw(
    specs: Sequence[Mapping[str, Any]],
    *,
    format_name: str = "svg",
    scale: float = 2.0,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> list[bytes]:
    """Draw charts.

    Args:
        specs: Vega-Lite specs with their data.
        format_name: ``svg`` or ``png``.
        scale: Pixels of a PNG for each of the spec.
        timeout_seconds: How long all of them may take.

    Returns:
        A picture of each. An SVG says its description, has its patterns in it, and neither scripts nor links.

    Raises:
        SettingError: The renderer is not installed.
        DrawingError: It failed, or took too long.
    """
    if not specs:
        return []
    if not can_draw():
        raise SettingError(f"drawing charts needs vl-convert; {_EXTRA}")
    asked = {"specs": list(specs), "format": format_name, "scale": scale}
    answer = run_child("modeltally.show.charts._drawing", json.dumps(asked).encode(), timeout_seconds=timeout_seconds)
    pictures = json.loads(answer)
    return [bytes.fromhex(one) if format_name == "png" else one.encode() for one in pictures]


def run_child(module: str, given: bytes, *, timeout_seconds: float) -> bytes:
    """Run a module of ours in a process of its own.

    Args:
        module: Its name.
        given: Its standard input.
        timeout_seconds: After which it is ended.

    Returns:
        Its standard output.

    Raises:
        DrawingError: It failed, or took too long.
    """
    command = [sys.executable, "-P", "-m", module]  # -P: no module of the working directory
    if not _AT_ONCE.acquire(timeout=timeout_seconds):
        raise DrawingError("others are being drawn, and it is not the turn of this one; ask again later")
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=timeout_seconds, check=False)  # noqa: S603 - our own interpreter and module
    except subprocess.TimeoutExpired:
        raise DrawingError(f"drawing took longer than {timeout_seconds:.0f} s; ask for a shorter window") from None
    except OSError as error:
        raise DrawingError(f"the process that draws cannot be started: {error}") from error
    finally:
        _AT_ONCE.release()
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise DrawingError(f"drawing failed ({done.returncode}): {lines[-1][:500]}")
    return done.stdout
