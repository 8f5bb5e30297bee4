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
    "EVENT_NAMES",
    "EXCEPTION_TYPE",
    "MAX_OPEN_NAMES",
    "MAX_OWN_NAMES",
    "METRIC_NAME",
    "METRIC_PREFIXES",
    "METRIC_UNIT",
    "OPEN_NAMES",
    "POINT_ATTRIBUTES",
    "POINT_OPEN_NAMES",
    "RESOURCE_ATTRIBUTES",
    "SCOPE_NAME",
    "SCOPE_VERSION",
    "SPAN_ATTRIBUTES",
    "SPAN_SUBJECTS",
    "SPAN_VERB",
    "USER_IDS",
    "is_own_name",
]

# Not allowed: the first that says something is replaced by the keyed hash of its value. The standard's; then those of
# Traceloop, OpenLIT and LiteLLM.
USER_IDS: Final = (
    "user.id",
    "enduser.id",
    "gen_ai.user",
    "gen_ai.request.user",
    "llm.user",
    "traceloop.association.properties.user_id",
)

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

# The same in the words of others, which the store reads as well: OpenInference, Traceloop, OpenLIT, LiteLLM, vLLM, and
# OpenTelemetry's own of before.
_OTHERS: Final = frozenset(
    {
        "embedding.model_name",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.cost.total_cost",
        "gen_ai.is_streaming",
        "gen_ai.latency.time_in_queue",
        "gen_ai.latency.time_to_first_token",
        "gen_ai.request.id",
        "gen_ai.request.is_stream",
        "gen_ai.server.time_to_first_token",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.completion_tokens",
        "gen_ai.usage.cost",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "gen_ai.usage.prompt_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.cost.total",
        "llm.finish_reason",
        "llm.is_streaming",
        "llm.model_name",
        "llm.provider",
        "llm.request.type",
        "llm.system",
        "llm.token_count.completion",
        "llm.token_count.completion_details.reasoning",
        "llm.token_count.prompt",
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_write",
        "logfire.span_type",
        "openinference.span.kind",
        "operation.cost",
        "traceloop.association.properties.conversation_id",
        "traceloop.association.properties.session_id",
    }
)

SPAN_ATTRIBUTES: Final = _LIFECYCLE | _STANDARD | _OTHERS | {attribute.name for attribute in names.ATTRIBUTES.values()}

# One per reason of a loss, kind of a problem or mark of an operation, so the last part of these names is open.
OPEN_NAMES: Final = re.compile(
    f"(?:{re.escape(names.HEARTBEAT_DROPPED)}|{re.escape(names.HEARTBEAT_PROBLEMS)})" + r"\.[a-z_]{1,40}"
    f"|{re.escape(names.MARK)}" + r"\.[a-z][a-z0-9_]{0,39}"
)
MAX_OPEN_NAMES: Final = 64

# What a host calls attributes of its own begins with a prefix of its own. These are not: they are ours, or the
# conventions under which libraries write prompts, people, addresses, command lines and whole bodies.
_TAKEN_PREFIXES: Final = frozenset(
    {
        *("modeltally", "gen_ai", "llm", "ai", "traceloop", "openinference", "openlit", "langfuse", "langsmith", "mcp"),
        *("input", "output", "prompt", "prompts", "completion", "completions", "message", "messages", "content"),
        *("chat", "conversation", "document", "embedding", "retrieval", "reranker", "tool", "metadata", "body"),
        *("user", "users", "enduser", "email", "mail", "phone", "geo", "client", "session", "cookie", "browser"),
        *("http", "url", "uri", "net", "network", "peer", "server", "source", "destination", "dns", "tls", "rpc"),
        *("db", "graphql", "messaging", "file", "process", "exception", "log", "event", "code", "thread", "otel"),
        *("request", "response", "query", "text"),
    }
)
MAX_OWN_NAMES: Final = 256
_MAX_NAME_CHARACTERS: Final = 256
# Words with dots between them, as they stand in code.
_OWN_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_\-]*(?:\.[A-Za-z0-9_\-]+)+")


def is_own_name(name: str) -> bool:
    """Tell whether an attribute of a span of ours has a name that its host chose."""
    prefix = name.partition(".")[0].lower()
    is_word = len(name) <= _MAX_NAME_CHARACTERS and _OWN_NAME.fullmatch(name) is not None
    return is_word and prefix not in _TAKEN_PREFIXES


# Names of things that a sender chooses freely, so that they may be texts: what is not of these forms is replaced.
# A scope is ours, or a library that is known to say who it is.
SCOPE_NAME: Final = re.compile(
    r"modeltally(?:\.[a-z][a-z0-9_]{0,39}){0,3}"
    r"|(?:@opentelemetry/|(?:go\.|io\.)?opentelemetry[./]|OpenTelemetry\.|openinference\.)[A-Za-z0-9_./\-]{1,120}"
    r"|@opentelemetry|ai|anthropic|google-genai|langchain|langfuse|langfuse-sdk|langsmith|litellm|llama_index"
    r"|mistralai|openai|openai-agents|pydantic-ai|strands-agents|telemetrygen|traceloop|traceloop\.tracer"
    r"|(?:vllm|sglang|logfire|openlit)(?:\.[a-z][a-z0-9_]{0,39}){0,4}"
)
SCOPE_VERSION: Final = re.compile(r"v?[0-9][0-9A-Za-z.+_\-]{0,63}")
# A span is called by what is done, and maybe by what it is done to, which its attributes say as well.
SPAN_VERB: Final = re.compile(
    "chat|create_agent|create_memory|delete_memory|embeddings|execute_tool|generate_content|image_generation"
    "|invoke_agent|invoke_workflow|plan|rerank|retrieval|search_memory|speech|text_completion|transcription"
    "|update_memory|upsert_memory"
    "|download|evaluate|health_check|heartbeat|inventory|load|offload|pattern|unload"
    r"|[a-z][a-z0-9_]{0,31}(?:\.[a-z][a-z0-9_]{0,31}){1,3}"  # what a host calls operations of its own
)
SPAN_SUBJECTS: Final = (
    names.REQUEST_MODEL,
    names.MODEL_ID,
    "gen_ai.agent.name",
    "gen_ai.workflow.name",
    names.ATTRIBUTES["pattern_name"].name,
    names.EVALUATION_NAME,
)
EVENT_NAMES: Final = frozenset(
    {
        "event",  # what the others are called
        "exception",
        "gen_ai.assistant.message",
        "gen_ai.choice",
        "gen_ai.client.inference.operation.details",
        "gen_ai.content.completion",
        "gen_ai.content.prompt",
        "gen_ai.evaluation.result",
        "gen_ai.system.message",
        "gen_ai.tool.message",
        "gen_ai.user.message",
    }
)
# A class, in whichever language.
EXCEPTION_TYPE: Final = re.compile(r"[A-Za-z_$*][A-Za-z0-9_$.:<>`\[\]/*\-]{0,255}")

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
        # for an engine whose spans do not say which model it serves
        names.REQUEST_MODEL,
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
# The units of the standard's metrics and of ours; a description is never kept, since no form tells a text from another.
METRIC_UNIT: Final = re.compile(
    r"(?:1|%|[numkMGT]?s|[kMGT]?i?By|[kMGT]?i?bit|min|h|d|[kMG]?Hz|rpm|m?V|m?A|[mk]?W|[mk]?J|Cel|m/s"
    r"|\{(?:batch|call|command|cpu|data_point|error|fault|frame|image|item|log_record|model|operation|packet|problem"
    r"|record|request|span|step|token|transition)\})(?:/(?:s|min|h))?"
)
POINT_OPEN_NAMES: Final = re.compile(r"hw\.[a-z_.]{1,60}")
