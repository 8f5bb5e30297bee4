"""Record the spans of other instrumentations: each has the same conversation, in an environment of its own.

Run by ``make record-dialects``. What belongs to this machine is replaced: its names, paths, ports and process ids.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from dialects.answers import answers
from dialects.recorded import FOLDER, write_request
from libraries.fake_endpoint import running_endpoint
from support.sink import Answer, Listener

REPOSITORY = FOLDER.parents[1]
ENVIRONMENTS = REPOSITORY / ".dialects"
EXPORTER = "opentelemetry-exporter-otlp-proto-http"
TALK_SECONDS = 120

_CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_OPT_IN = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}
_LITELLM = {"OTEL_EXPORTER": "otlp_http", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
# They read the base endpoint and not the one of traces.
_BASE_ENDPOINT = ("litellm", "openlit", "logfire", "pydantic_ai")


@dataclass(frozen=True)
class Dialect:
    """What is installed for a dialect and how its prompts are let in.

    Attributes:
        packages: What is installed, besides the exporter.
        how: What is special about the recording.
        environment: Variables of the talk.
    """

    packages: tuple[str, ...]
    how: str
    environment: dict[str, str] = field(default_factory=dict)


# Older versions only where the newest do not go together: openai-v2 wants a util-genai and an openai of its time,
# google-genai's instrumentation refuses 3, and the newest LiteLLM passes by what instrumentations of openai wrap.
DIALECTS = {
    "openai_genai": Dialect(
        ("opentelemetry-instrumentation-genai-openai", "openai"),
        "OpenAIInstrumentor, content in spans",
        {_CAPTURE: "SPAN_ONLY"},
    ),
    "openai_v2": Dialect(
        ("opentelemetry-instrumentation-openai-v2", "opentelemetry-util-genai<1", "openai<3"),
        "OpenAIInstrumentor without opt-in, which writes content into logs alone",
        {_CAPTURE: "true"},
    ),
    "openai_v2_latest": Dialect(
        ("opentelemetry-instrumentation-openai-v2", "opentelemetry-util-genai<1", "openai<3"),
        "OpenAIInstrumentor with OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental, content in spans",
        {_CAPTURE: "SPAN_ONLY", **_OPT_IN},
    ),
    "google_genai": Dialect(
        ("opentelemetry-instrumentation-google-genai", "google-genai<3"),
        "GoogleGenAiSdkInstrumentor, content in spans",
        {_CAPTURE: "SPAN_ONLY", **_OPT_IN},
    ),
    "traceloop_openai": Dialect(
        ("opentelemetry-instrumentation-openai", "openai"),
        "OpenAIInstrumentor, content in spans, which is its default",
    ),
    "traceloop_sdk": Dialect(
        ("traceloop-sdk", "openai", "httpx"),  # which it needs and openai 3 no longer brings
        "Traceloop.init, calls inside a workflow, association properties of a user and a session",
    ),
    "openinference_openai": Dialect(
        ("openinference-instrumentation-openai", "openai"),
        "OpenAIInstrumentor, content in spans, which is its default; one call with using_attributes",
    ),
    "openinference_litellm": Dialect(
        ("openinference-instrumentation-litellm", "litellm"),
        "LiteLLMInstrumentor, content in spans, which is its default",
        _LITELLM,
    ),
    "openlit": Dialect(("openlit>=1.45", "openai"), "openlit.init with content and prices"),
    "logfire_openai": Dialect(
        ("logfire", "openai"), "logfire.instrument_openai, sent by OTLP instead of to Logfire's service"
    ),
    "pydantic_ai": Dialect(
        ("pydantic-ai-slim[openai]", "logfire"),
        "logfire.instrument_pydantic_ai, content in spans, which is its default",
    ),
    "litellm": Dialect(("litellm",), 'litellm.callbacks = ["otel"], content in spans, which is its default', _LITELLM),
    "litellm_latest": Dialect(
        ("litellm",),
        'litellm.callbacks = ["otel"] with OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental, content in spans',
        {**_LITELLM, _CAPTURE: "SPAN_ONLY", **_OPT_IN},
    ),
    "litellm_over_openai": Dialect(
        ("litellm<1.90", "pydantic-settings", "opentelemetry-instrumentation-genai-openai"),
        'litellm.callbacks = ["otel"] and OpenAIInstrumentor below it: one call, seen by two',
        {**_LITELLM, _CAPTURE: "SPAN_ONLY"},
    ),
    "pydantic_ai_over_openai": Dialect(
        ("pydantic-ai-slim[openai]", "logfire"),
        "logfire.instrument_pydantic_ai and logfire.instrument_openai: one call, seen by two",
    ),
    "langchain_over_openai": Dialect(
        ("opentelemetry-instrumentation-langchain", "opentelemetry-instrumentation-openai", "langchain-openai"),
        "LangchainInstrumentor and OpenAIInstrumentor below it: one call, seen by two",
    ),
}
# Attributes that tell of this machine, and what is told instead.
FIXED = {
    "process.pid": {"intValue": "1"},
    "host.name": {"stringValue": "recorder"},
    "host.id": {"stringValue": "0" * 32},
    "host.arch": {"stringValue": "amd64"},
    "os.version": {"stringValue": "6.12"},
    "process.runtime.description": {"stringValue": platform.python_version()},
    "service.version": {"stringValue": "1.0"},  # Logfire looks for the commit of the folder it runs in
    "service.instance.id": {"stringValue": "00000000-0000-4000-8000-000000000001"},
}
# An attribute with one value, as it is written over six lines; its value is a text or a number.
ATTRIBUTE = re.compile(r'\{\s+"key": (".*"),\s+"value": \{\s+("\w+": (?:"(?:[^"\\]|\\.)*"|[^"\[{\n]+))\s+\}\s+\}')
# Whose versions a file names, besides what is installed for the dialect.
ALSO_NAMED = {
    "langchain-core",
    "openai",
    "opentelemetry-instrumentation-openai",
    "opentelemetry-sdk",
    "opentelemetry-semantic-conventions",
    "opentelemetry-util-genai",
    "openinference-instrumentation",
    "openinference-semantic-conventions",
}


def main() -> None:
    """Record the dialects that are named, else all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dialects", nargs="*", metavar="DIALECT", help=f"one of {', '.join(DIALECTS)}")
    parser.add_argument("--uv", default="uv", help="the program that makes environments")
    options = parser.parse_args()
    for name in options.dialects or DIALECTS:
        python = environment(name, options.uv)
        write(name, record(name, python), versions(name, python, options.uv))


def environment(name: str, uv: str) -> Path:
    """Make the environment of a dialect unless it is there; give its Python."""
    key = "+".join(DIALECTS[name].packages)
    folder = ENVIRONMENTS / "".join(letter if letter.isalnum() or letter in "+-" else "_" for letter in key)
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)])
        run([uv, "pip", "install", "--quiet", "--python", str(python), EXPORTER, *DIALECTS[name].packages])
        (folder / "ready").touch()
    return python


def versions(name: str, python: Path, uv: str) -> dict[str, str]:
    """Give the versions of what a dialect's spans come from."""
    listed = run([uv, "pip", "list", "--quiet", "--format", "json", "--python", str(python)])
    named = ALSO_NAMED | {re.split(r"[<>=\[]", package)[0] for package in DIALECTS[name].packages}
    return {package["name"]: package["version"] for package in json.loads(listed) if package["name"] in named}


def record(name: str, python: Path) -> Any:
    """Have the conversation through a dialect; give the spans it sent, in one request as OTLP/JSON."""
    bodies: list[bytes] = []
    lock = threading.Lock()

    def take(path: str, body: bytes, headers: dict[str, str]) -> Answer:
        del headers
        if path.endswith("/v1/traces"):
            with lock:
                bodies.append(body)
        return Answer()

    sink = Listener(take)
    try:
        with running_endpoint() as endpoint:
            endpoint.answers.update(answers())
            base = "OTEL_EXPORTER_OTLP_ENDPOINT"
            traces = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{sink.url}/v1/traces"}
            where = {base: sink.url} if name.startswith(_BASE_ENDPOINT) else traces
            inherited = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "PYTHON"))}
            told = {"OTEL_SERVICE_NAME": "recorder", **where, **DIALECTS[name].environment}
            command = [str(python), str(FOLDER / "talk.py"), name, endpoint.url]
            run(command, env={**inherited, **told})
            replaced = {
                **{f"{path}/": "/app/" for path in (REPOSITORY, Path.home(), Path(sys.base_prefix))},
                platform.node(): "recorder",
                endpoint.url.rpartition(":")[2]: "8000",
                sink.url.rpartition(":")[2]: "4318",
            }
    finally:
        sink.close()
    return neutralized(write_request(merged(bodies)), replaced)


def run(command: list[str], **more: Any) -> str:
    """Run a program; its output, if it ends well.

    Raises:
        SystemExit: It did not; what it said is shown.
    """
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TALK_SECONDS * 3, **more)
    if ended.returncode:
        sys.exit(f"{' '.join(command)}: exit code {ended.returncode}\n{ended.stderr[-4000:]}")
    said: str = ended.stdout
    return said


def merged(bodies: list[bytes]) -> ExportTraceServiceRequest:
    """Join requests: a resource and a scope once each, their spans in the order they began."""
    groups: dict[tuple[bytes, str], dict[tuple[bytes, str], list[Any]]] = {}
    firsts: dict[tuple[bytes, str], Any] = {}
    scopes: dict[tuple[bytes, str], Any] = {}
    for body in bodies:
        for resource_spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = (resource_spans.resource.SerializeToString(deterministic=True), resource_spans.schema_url)
            firsts[resource] = resource_spans
            for scope_spans in resource_spans.scope_spans:
                scope = (scope_spans.scope.SerializeToString(deterministic=True), scope_spans.schema_url)
                scopes[scope] = scope_spans
                groups.setdefault(resource, {}).setdefault(scope, []).extend(scope_spans.spans)
    made = ExportTraceServiceRequest()
    for resource, by_scope in groups.items():
        target = made.resource_spans.add(resource=firsts[resource].resource, schema_url=firsts[resource].schema_url)
        for scope, spans in by_scope.items():
            target.scope_spans.add(
                scope=scopes[scope].scope,
                schema_url=scopes[scope].schema_url,
                spans=sorted(spans, key=lambda span: span.start_time_unix_nano),
            )
    return made


def neutralized(content: Any, replaced: dict[str, str]) -> Any:
    """Replace what belongs to this machine in all texts of a JSON value; names of attributes stay."""
    if isinstance(content, list):
        return [neutralized(item, replaced) for item in content]
    if isinstance(content, dict):
        made = {key: neutralized(value, replaced) for key, value in content.items()}
        return {**made, "value": FIXED[content["key"]]} if content.get("key") in FIXED else made
    if isinstance(content, str):
        if content in replaced:
            return replaced[content]
        for old, new in replaced.items():
            # a number alone may be anything
            content = content.replace(old, new) if not old.isdigit() else content.replace(f":{old}", f":{new}")
    return content


def write(name: str, content: Any, packages: dict[str, str]) -> None:
    """Write a dialect's file."""
    head = {
        "packages": packages,
        "python": platform.python_version(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "how": DIALECTS[name].how,
    }
    file = FOLDER / "recorded" / f"{name}.json"
    text = json.dumps({"recorded": head, "request": content}, indent=1, ensure_ascii=False)
    file.write_text(ATTRIBUTE.sub(r'{"key": \1, "value": {\2}}', text) + "\n")
    spans = sum(len(scope["spans"]) for resource in content["resourceSpans"] for scope in resource["scopeSpans"])
    sys.stdout.write(f"{file.relative_to(REPOSITORY)}: {spans} spans\n")


if __name__ == "__main__":
    main()
