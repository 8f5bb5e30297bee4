"""modeltally: which generative models your services really use, how well, at what cost."""

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
