"""How each peer is set up: tracer provider with a batch processor, meter provider, no content, no network.

The most that can be said for a peer is said: its own switches against recording content are used, queues are large
enough to lose nothing, exporters do nothing, and whatever it brings for other libraries stays off.
"""

from __future__ import annotations

import json
import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from bench.overhead.openai_call import MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.overhead.sdk import Providers

__all__ = ["PEERS"]


def _openai_v2(client: Any, providers: Providers) -> None:
    del client
    module: Any = import_module("opentelemetry.instrumentation.openai_v2")
    module.OpenAIInstrumentor().instrument(tracer_provider=providers.tracer, meter_provider=providers.meter)


def _genai_openai(client: Any, providers: Providers) -> None:
    del client
    module: Any = import_module("opentelemetry.instrumentation.genai.openai")
    module.OpenAIInstrumentor().instrument(tracer_provider=providers.tracer, meter_provider=providers.meter)


def _openinference(client: Any, providers: Providers) -> None:
    """It has no metrics."""
    del client
    module: Any = import_module("openinference.instrumentation.openai")
    config: Any = import_module("openinference.instrumentation").TraceConfig(
        hide_inputs=True, hide_outputs=True, hide_input_messages=True, hide_output_messages=True
    )
    module.OpenAIInstrumentor().instrument(tracer_provider=providers.tracer, config=config)


def _traceloop(client: Any, providers: Providers) -> None:
    del client
    os.environ["TRACELOOP_TRACE_CONTENT"] = "false"
    module: Any = import_module("opentelemetry.instrumentation.openai")
    module.OpenAIInstrumentor().instrument(tracer_provider=providers.tracer, meter_provider=providers.meter)


def _openlit(client: Any, providers: Providers) -> None:
    """Left alone it would fetch its prices from the network, print events, and instrument whatever it knows."""
    del client
    trace.set_tracer_provider(providers.tracer)
    metrics.set_meter_provider(providers.meter)
    os.environ["OTEL_LOGS_EXPORTER"] = "none"
    openlit: Any = import_module("openlit")
    others = [name for name in import_module("openlit._instrumentors").MODULE_NAME_MAP if name != "openai"]
    with tempfile.TemporaryDirectory() as folder:
        prices = Path(folder) / "prices.json"
        prices.write_text(json.dumps({"chat": {MODEL: {"promptPrice": 0.00015, "completionPrice": 0.0006}}}))
        openlit.init(
            capture_message_content=False, disable_events=True, disabled_instrumentors=others, pricing_json=str(prices)
        )


def _logfire(client: Any, providers: Providers) -> None:
    """It brings providers of its own, around ours; content of requests cannot be switched off."""
    logfire: Any = import_module("logfire")
    logfire.configure(
        send_to_logfire=False,
        console=False,
        inspect_arguments=False,
        additional_span_processors=[BatchSpanProcessor(providers.exporter, max_queue_size=65_536)],
        metrics=logfire.MetricsOptions(additional_readers=[InMemoryMetricReader()]),
    )
    logfire.instrument_openai(client)


PEERS: Final[dict[str, Callable[[Any, Providers], None]]] = {
    "openai-v2": _openai_v2,
    "genai-openai": _genai_openai,
    "openinference": _openinference,
    "traceloop": _traceloop,
    "openlit": _openlit,
    "logfire": _logfire,
}
