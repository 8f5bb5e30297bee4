"""Which names pass the filter; everything else is dropped before anything is written to disk.

Other libraries' spans carry prompts, command lines and user ids, so the lists name what is known to be harmless. A
name of ours passes because the instrumentation knows it; a new standard name is one line below. On spans of ours the
host's developers have attributes of their own as well, and those pass by the form of their name.
"""

from __future__ import annotations

import re
from typing import Final

from modeltally.instrument import _names as names

__all__ = [
    "EVENT_ATTRIBUTES",
    "MAX_OPEN_NAMES",
    "MAX_OWN_NAMES",
    "METRIC_NAME",
    "METRIC_PREFIXES",
    "OPEN_NAMES",
    "POINT_ATTRIBUTES",
    "POINT_OPEN_NAMES",
    "RESOURCE_ATTRIBUTES",
    "SPAN_ATTRIBUTES",
    "USER_ID",
    "is_own_name",
]

# Not allowed: replaced by the keyed hash of its value.
USER_ID: Final = "user.id"

_LIFECYCLE: Final = frozenset(
    {
        names.OPERATION,
        names.OUTCOME,
        names.UNFINISHED,
        names.NESTED,
        names.NESTED_SERVICE,
        names.SOURCE,
        names.ERROR_TYPE,
        names.ERROR_SITE,
        names.ERROR_MESSAGE,  # written only where the host asked for it
        names.USER_HASH,
        names.USER_KEY_ID,
        names.PROMPT_HASH,
        names.PROMPT_LENGTH,
        names.NEGATIVE_PROMPT_HASH,
        names.NEGATIVE_PROMPT_LENGTH,
        names.EVALUATION_NAME,
        names.EVALUATION_TRACE_ID,
        names.EVALUATION_SPAN_ID,
        names.EVALUATION_START,
        names.HEARTBEAT_STARTED,
        names.HEARTBEAT_FINISHED,
        names.HEARTBEAT_DROPPED,
        names.HEARTBEAT_SEQUENCE,
        names.HEARTBEAT_IN_FLIGHT,
        names.HEARTBEAT_GOODBYE,
    }
)

# What any library's generative spans say without quoting anybody. Left out on purpose: messages, instructions, tool
# arguments and results, stop sequences, retrieved documents, evaluation explanations.
_STANDARD: Final = frozenset(
    {
        names.REQUEST_MODEL,
        "gen_ai.agent.id",
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.system",
        "gen_ai.request.encoding_formats",
        "gen_ai.request.frequency_penalty",
        "gen_ai.request.max_tokens",
        "gen_ai.request.presence_penalty",
        "gen_ai.request.stream",
        "gen_ai.request.temperature",
        "gen_ai.request.top_k",
        "gen_ai.request.top_p",
        "gen_ai.response.finish_reasons",
        "gen_ai.response.id",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.workflow.name",
        "server.address",
        "server.port",
    }
)

SPAN_ATTRIBUTES: Final = _LIFECYCLE | _STANDARD | {attribute.name for attribute in names.ATTRIBUTES.values()}

# One per reason of a loss, kind of a problem or mark of an operation, so the last part of these names is open.
OPEN_NAMES: Final = re.compile(
    f"(?:{re.escape(names.HEARTBEAT_DROPPED)}|{re.escape(names.HEARTBEAT_PROBLEMS)})" + r"\.[a-z_]{1,40}"
    f"|{re.escape(names.MARK)}" + r"\.[a-z][a-z0-9_]{0,39}"
)
MAX_OPEN_NAMES: Final = 64

# What a host calls attributes of its own begins with a prefix of its own. These are not: they are ours, or the
# conventions under which libraries write prompts, people, addresses and command lines.
_TAKEN_PREFIXES: Final = frozenset(
    {
        *("modeltally", "gen_ai", "llm", "traceloop", "openinference", "input", "output"),
        *("user", "enduser", "http", "url", "net", "client", "db", "process", "exception"),
    }
)
MAX_OWN_NAMES: Final = 256
_MAX_NAME_CHARACTERS: Final = 256


def is_own_name(name: str) -> bool:
    """Tell whether an attribute of a span of ours has a name that its host chose."""
    prefix, dot, rest = name.partition(".")
    return bool(prefix and dot and rest) and prefix.lower() not in _TAKEN_PREFIXES and len(name) <= _MAX_NAME_CHARACTERS


RESOURCE_ATTRIBUTES: Final = frozenset(
    {
        "service.name",
        "service.namespace",
        "service.version",
        "service.instance.id",
        "host.name",
        "process.pid",
        "deployment.environment.name",
        "deployment.environment",
        "telemetry.sdk.language",
        "telemetry.sdk.name",
        "telemetry.sdk.version",
        "telemetry.distro.name",
        "telemetry.distro.version",
    }
)

EVENT_ATTRIBUTES: Final = frozenset({"exception.type"})

# The metrics that are taken: ours, and what the standard says of generative calls, of hardware and of exporting.
METRIC_PREFIXES: Final = (f"{names.SCOPE}.", "gen_ai.", "hw.", "otel.sdk.")
METRIC_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.\-/]{0,254}")  # as the standard has it for instruments

# What series may differ by: few values each, and never a person, a text or an id of one call.
POINT_ATTRIBUTES: Final = frozenset(
    {
        names.OPERATION,
        names.OUTCOME,
        names.SOURCE,
        names.ERROR_TYPE,
        names.REQUEST_MODEL,
        names.MODEL_ID,
        names.OPERATION_NAME,
        *(
            names.ATTRIBUTES[keyword].name
            for keyword in (
                *("device", "download_protocol", "load_source", "model_type", "output_type", "pattern_kind"),
                *("pattern_name", "provider", "response_model", "task", "unload_reason", "health_status"),
            )
        ),
        "reason",
        "token.type",
        "token.modality",
        "gen_ai.system",
        "gen_ai.token.type",
        "gen_ai.token.modality",
        "server.address",
        "server.port",
        "http.response.status_code",
        "rpc.grpc.status_code",
        "rpc.response.status_code",
        "network.io.direction",
        "otel.component.name",
        "otel.component.type",
        "otel.metric.overflow",
        "otel.span.parent.origin",
        "otel.span.sampling_result",
    }
)
POINT_OPEN_NAMES: Final = re.compile(r"hw\.[a-z_.]{1,60}")
