"""Which names may pass the door; everything else is dropped before anything is written to disk.

Other libraries' spans carry prompts, command lines and user ids, so the lists name what is known to be harmless. A
name of ours passes because the instrumentation knows it; a new standard name is one line below.
"""

from __future__ import annotations

import re
from typing import Final

from modeltally.instrument import _names as names

__all__ = [
    "EVENT_ATTRIBUTES",
    "HEARTBEAT_DROPS",
    "MAX_HEARTBEAT_DROPS",
    "RESOURCE_ATTRIBUTES",
    "SPAN_ATTRIBUTES",
    "USER_ID",
]

# Not allowed: replaced by the keyed hash of its value.
USER_ID: Final = "user.id"

_LIFECYCLE: Final = frozenset(
    {
        names.OPERATION,
        names.OUTCOME,
        names.UNFINISHED,
        names.NESTED,
        names.SOURCE,
        names.ERROR_TYPE,
        names.ERROR_SITE,
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

# One per reason of a loss, so the last part of the name is open.
HEARTBEAT_DROPS: Final = re.compile(re.escape(names.HEARTBEAT_DROPPED) + r"\.[a-z_]{1,40}")
MAX_HEARTBEAT_DROPS: Final = 32

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
