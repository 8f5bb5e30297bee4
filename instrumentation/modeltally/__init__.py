"""modeltally: which generative models your services really use, how well, at what cost.

What watches calls is imported when the first of it is asked for, and all of it then, so that no call of a service waits
for an import or fails with one; a part of the package that needs none of it, such as ``modeltally.recommend.keep``,
comes without OpenTelemetry.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modeltally.instrument._context import current_operation
    from modeltally.instrument._counters import Counters
    from modeltally.instrument._inbound import InboundContext
    from modeltally.instrument._live import LiveFigures
    from modeltally.instrument._operation import Operation
    from modeltally.instrument._record import OperationRef
    from modeltally.instrument._runtime import configure, counters, flush, live, shutdown
    from modeltally.instrument._values import Values
    from modeltally.instrument.auto import auto_instrument
    from modeltally.instrument.carrier import extract, inject
    from modeltally.instrument.manual import ManualOperation, begin
    from modeltally.instrument.recording import evaluate, record
    from modeltally.instrument.wrap import (
        download,
        health_check,
        load,
        model_request,
        offload,
        operation,
        pattern_run,
        unload,
    )

__all__ = [
    "Counters",
    "InboundContext",
    "LiveFigures",
    "ManualOperation",
    "Operation",
    "OperationRef",
    "Values",
    "auto_instrument",
    "begin",
    "configure",
    "counters",
    "current_operation",
    "download",
    "evaluate",
    "extract",
    "flush",
    "health_check",
    "inject",
    "live",
    "load",
    "model_request",
    "offload",
    "operation",
    "pattern_run",
    "record",
    "shutdown",
    "unload",
]

_MODULES = {
    "instrument._context": ("current_operation",),
    "instrument._counters": ("Counters",),
    "instrument._inbound": ("InboundContext",),
    "instrument._live": ("LiveFigures",),
    "instrument._operation": ("Operation",),
    "instrument._record": ("OperationRef",),
    "instrument._runtime": ("configure", "counters", "flush", "live", "shutdown"),
    "instrument._values": ("Values",),
    "instrument.auto": ("auto_instrument",),
    "instrument.carrier": ("extract", "inject"),
    "instrument.manual": ("ManualOperation", "begin"),
    "instrument.recording": ("evaluate", "record"),
    "instrument.wrap": (
        "download",
        "health_check",
        "load",
        "model_request",
        "offload",
        "operation",
        "pattern_run",
        "unload",
    ),
}
_WHERE = {name: f"modeltally.{module}" for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what the names stand for, all at once."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals().update({known: getattr(importlib.import_module(module), known) for known, module in _WHERE.items()})
    return globals()[name]


def __dir__() -> list[str]:
    """Name all there is, imported or not."""
    return sorted({*globals(), *__all__})
