"""Names of operations, outcomes and attributes.

A new attribute that callers set is one line in :class:`modeltally.instrument._values.Values`, from which
:data:`ATTRIBUTES` is made.
"""

from __future__ import annotations

import re
from typing import Any, Final

from modeltally.instrument._values import Attribute, Values

SCOPE: Final = "modeltally"

# keywords whose value is copied as it is, and as what it travels; read from the annotations, which are objects there
_ANNOTATED: Final[dict[str, Any]] = {
    keyword: kind for keyword, kind in Values.__annotations__.items() if hasattr(kind, "__metadata__")
}
ATTRIBUTES: Final[dict[str, Attribute]] = {
    keyword: Attribute(kind.__metadata__[0].name, kind.__origin__.__args__[0]) for keyword, kind in _ANNOTATED.items()
}

# operations
MODEL_REQUEST: Final = "model.request"
MODEL_DOWNLOAD: Final = "model.download"
MODEL_LOAD: Final = "model.load"
MODEL_UNLOAD: Final = "model.unload"
MODEL_OFFLOAD: Final = "model.offload"
MODEL_HEALTH_CHECK: Final = "model.health_check"
PATTERN_RUN: Final = "pattern.run"
INVENTORY: Final = "inventory"
EVALUATION: Final = "evaluation"
HEARTBEAT: Final = "heartbeat"

RECORDABLE: Final = frozenset(
    {MODEL_REQUEST, MODEL_DOWNLOAD, MODEL_LOAD, MODEL_UNLOAD, MODEL_OFFLOAD, MODEL_HEALTH_CHECK, PATTERN_RUN}
)
MODEL_OPERATIONS: Final = RECORDABLE - {PATTERN_RUN}

# what a host may call operations of its own: a prefix, then a name; the prefixes of ours are refused
_CUSTOM: Final = re.compile(r"(?!(?:model|pattern|modeltally|gen_ai)\.)[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+")
MAX_OPERATION: Final = 64

# outcomes
SUCCESS: Final = "success"
FAILURE: Final = "failure"
PARTIAL_SUCCESS: Final = "partial_success"
ERROR: Final = "error"
CANCELLED: Final = "cancelled"

OUTCOMES: Final = frozenset({SUCCESS, FAILURE, PARTIAL_SUCCESS, ERROR, CANCELLED})
BAD_OUTCOMES: Final = frozenset({FAILURE, ERROR})

# where a record comes from
SOURCE_WRAPPER: Final = "wrapper"
SOURCE_AUTO: Final = "auto"
SOURCE_IMPORT: Final = "import"
SOURCE_AGENT: Final = "agent"
SOURCES: Final = frozenset({SOURCE_WRAPPER, SOURCE_AUTO, SOURCE_IMPORT, SOURCE_AGENT})

# error types that are not a class name
TIMEOUT: Final = "timeout"
OUT_OF_MEMORY: Final = "out_of_memory"
QUALITY_GATE: Final = "quality_gate"

# set by the lifecycle, never by a caller's keyword
OPERATION: Final = "modeltally.operation"
OUTCOME: Final = "modeltally.outcome"
UNFINISHED: Final = "modeltally.unfinished"
NESTED: Final = "modeltally.nested"
# on a record that marks a span of another instrumentation as nested: the service of that span, where it is another
NESTED_SERVICE: Final = "modeltally.nested.service"
SOURCE: Final = "modeltally.source"
ERROR_TYPE: Final = "error.type"
ERROR_SITE: Final = "modeltally.error.site"
ERROR_MESSAGE: Final = "modeltally.error.message"
MARK: Final = "modeltally.mark"
USER_HASH: Final = "user.hash"
USER_KEY_ID: Final = "modeltally.user.key_id"
PROMPT_HASH: Final = "modeltally.prompt.hash"
PROMPT_LENGTH: Final = ATTRIBUTES["prompt_length"].name
NEGATIVE_PROMPT_HASH: Final = "modeltally.negative_prompt.hash"
NEGATIVE_PROMPT_LENGTH: Final = ATTRIBUTES["negative_prompt_length"].name
MODEL_ID: Final = ATTRIBUTES["model"].name
REQUEST_MODEL: Final = "gen_ai.request.model"
OPERATION_NAME: Final = ATTRIBUTES["operation_name"].name
LORA_COUNT: Final = ATTRIBUTES["lora_count"].name
EVALUATION_NAME: Final = "modeltally.evaluation.name"
EVALUATION_TRACE_ID: Final = "modeltally.evaluation.trace_id"
EVALUATION_SPAN_ID: Final = "modeltally.evaluation.span_id"
EVALUATION_START: Final = "modeltally.evaluation.start"
HEARTBEAT_STARTED: Final = "modeltally.heartbeat.started"
HEARTBEAT_FINISHED: Final = "modeltally.heartbeat.finished"
HEARTBEAT_DROPPED: Final = "modeltally.heartbeat.dropped"
HEARTBEAT_PROBLEMS: Final = "modeltally.heartbeat.problems"
HEARTBEAT_SEQUENCE: Final = "modeltally.heartbeat.sequence"
HEARTBEAT_IN_FLIGHT: Final = "modeltally.heartbeat.in_flight"
HEARTBEAT_GOODBYE: Final = "modeltally.heartbeat.goodbye"

UNKNOWN_MODEL: Final = "unknown"
GENERATE_CONTENT: Final = "generate_content"
PATTERN_OPERATION_NAMES: Final = {"workflow": "invoke_workflow", "agent": "invoke_agent"}

# keywords that need more than a copy
MODEL_KEYWORD: Final = "model"
USER_KEYWORD: Final = "user"
PROMPT_KEYWORDS: Final = {
    "prompt": (PROMPT_HASH, PROMPT_LENGTH),
    "negative_prompt": (NEGATIVE_PROMPT_HASH, NEGATIVE_PROMPT_LENGTH),
}
PATTERN_NAME_KEYWORD: Final = "pattern_name"

# attributes that only the lifecycle or a keyword sets
PREFIX: Final = "modeltally."
OWN: Final = frozenset({ERROR_TYPE, USER_HASH, REQUEST_MODEL, *(attribute.name for attribute in ATTRIBUTES.values())})

# what an inner operation tells the enclosing one of the same kind
FACTS_FOR_OUTER: Final = ("response_model", "input_tokens", "output_tokens", "time_to_first_chunk_seconds")


def is_custom(operation: str) -> bool:
    """Tell whether an operation's name is one that a host may give: ``acme.upscale``, at most 64 characters."""
    return len(operation) <= MAX_OPERATION and _CUSTOM.fullmatch(operation) is not None
