"""Runs of one set-up: with us, with nobody taking our spans, switched off, and without us; and what they must share."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from hosts import environments, keywords
from hosts.workload import CUSTOM
from modeltally.instrument import _names as names
from modeltally.instrument._privacy import Hasher, fingerprint
from support.sink import Answer, SeenSpan, Sink

__all__ = [
    "CONTROLS",
    "MATRIX",
    "QUICK",
    "Case",
    "Row",
    "Run",
    "check",
    "check_control",
    "compare_host",
    "compare_records",
    "run",
]

TIMEOUT_SECONDS: Final = 240.0
MAX_THREADS: Final = 2
SERVICE: Final = Path(__file__).with_name("service.py")
MAX_DIFFERENCES: Final = 3
LATE_ANSWERS: Final = {"unreachable", "metrics_unreachable"}  # a busy machine's; what they cost would be dropped
CORRELATION_ID: Final = names.ATTRIBUTES["correlation_id"].name


@dataclass(frozen=True)
class Case:
    """One set-up in one form.

    Attributes:
        name: In the table.
        setup: One of :data:`hosts.setups.SETUPS`.
        form: ``plain``, ``threads``, or one of the two of a service that forks workers.
        workers: How many threads or processes share the work.
        environment: Whose packages it runs with; None for the project's.
        command: What starts the script, beside Python.
        variables: Of its environment.
    """

    name: str
    setup: str
    form: str = "plain"
    workers: int = 1
    environment: str | None = None
    command: tuple[str, ...] = ("python",)
    variables: dict[str, str] = field(default_factory=dict)


QUICK: Final = (
    Case("api only", "api only"),
    Case("provider before", "before"),
    Case("provider after", "after"),
    Case("ratio 0.1", "ratio 0.1"),
    Case("8 threads", "before", form="threads", workers=8),
    Case("prefork, configured before", "before", form="prefork, configured before", workers=5),
    Case("prefork, configured after", "before", form="prefork, configured after", workers=5),
)
_NO_EXPORT: Final = {f"OTEL_{signal}_EXPORTER": "none" for signal in ("TRACES", "METRICS", "LOGS")}
_DATADOG: Final = {
    "DD_SERVICE": "host",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_STARTUP_LOGS": "false",
}
MATRIX: Final = (
    *QUICK,
    Case("ratio 0.0", "ratio 0.0"),
    Case("remote parents", "remote parents"),
    Case("vendor sampler", "vendor sampler"),
    Case(
        "opentelemetry-distro",
        "distro",
        environment="distro",
        command=("opentelemetry-instrument", "python"),
        variables={**_NO_EXPORT, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
    ),
    Case("logfire", "logfire", environment="logfire"),
    Case(
        "ddtrace",
        "ddtrace",
        environment="ddtrace",
        command=("ddtrace-run", "python"),
        variables={**_DATADOG, "DD_TRACE_OTEL_ENABLED": "true"},
    ),
    Case(
        "ddtrace by itself",
        "ddtrace",
        environment="ddtrace",
        command=("ddtrace-run", "python"),
        variables=_DATADOG,
    ),
)

# what the matrix must find fault with: plain spans through the host's provider, with and without its sampler
CONTROLS: Final = (Case("ratio 0.1", "ratio 0.1"), Case("provider before", "before"))


@dataclass(frozen=True)
class Run:
    """What one process left.

    Attributes:
        report: What it wrote down itself.
        spans: What it sent us.
        errors: What it printed.
    """

    report: dict[str, Any]
    spans: list[SeenSpan]
    errors: str


@dataclass
class Row:
    """A line of the table; every difference is told in words as well."""

    name: str
    sent: int
    stored: int = 0
    distinct: int = 0
    complete: int = 0
    in_place: int = 0
    is_output_identical: bool = True
    is_random_unchanged: bool = True
    threads_added: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether each operation arrived once, with everything that was said of it, in its place."""
        return {self.stored, self.distinct, self.complete, self.in_place} == {self.sent}


class _TraceSink(Sink):
    """Takes spans; metrics are accepted and left alone."""

    def _receive(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        return super()._receive(path, body, headers) if path.endswith("/traces") else Answer()


def run(case: Case, wrappers: str, *, operations: int, is_reachable: bool = True) -> Run:
    """Run a case in a process of its own.

    Args:
        case: The case.
        wrappers: ``on``, ``killed`` by the switch, ``absent``, or ``control`` for plain spans.
        operations: How many; a multiple of a block's.
        is_reachable: Whether somebody takes our spans.

    Returns:
        What it left.

    Raises:
        RuntimeError: The process failed; the message has its output.
    """
    python = environments.python_of(case.environment)
    sink = _TraceSink()
    with tempfile.TemporaryDirectory(prefix="modeltally-host-") as folder, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: refused as long as we hold it
        refused = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        report = Path(folder, "report.json")
        order = {
            "setup": case.setup,
            "form": case.form,
            "workers": case.workers,
            "wrappers": wrappers,
            "operations": operations,
            "endpoint": sink.url if is_reachable else refused,
            "is_reachable": is_reachable,
            "report": str(report),
        }
        command = [str(python.with_name(part)) for part in case.command]
        try:
            ended = subprocess.run(
                [*command, str(SERVICE), json.dumps(order)],
                check=False,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                cwd=folder,
                env=_environment(case, wrappers, folder, refused),
            )
        finally:
            sink.close()
        if ended.returncode:
            raise RuntimeError(f"{case.name}, {wrappers}: exit code {ended.returncode}\n{ended.stdout}{ended.stderr}")
        return Run(json.loads(report.read_text(encoding="utf-8")), sink.spans, ended.stderr)


def _environment(case: Case, wrappers: str, folder: str, refused: str) -> dict[str, str]:
    """Leave the developer's own settings out; without us the package cannot even be found in a host's environment."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "MODELTALLY_", "DD_"))}
    paths = [environments.ROOT / "tests", *([environments.ROOT / "instrumentation"] if wrappers != "absent" else [])]
    return {
        **kept,
        **case.variables,
        **({"DD_TRACE_AGENT_URL": refused} if case.environment == "ddtrace" else {}),
        **({"MODELTALLY_DISABLED": "1"} if wrappers == "killed" else {}),
        "MODELTALLY_DIR": folder,
        "OPENBLAS_NUM_THREADS": "1",  # numpy's threads come and go with forks
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        # a console script finds its own environment's Python first
        "PATH": os.pathsep.join([str(environments.python_of(case.environment).parent), os.environ.get("PATH", "")]),
    }


def check(case: Case, *, operations: int) -> Row:
    """Run a case with us, refused, switched off and without us, and compare.

    Args:
        case: The case.
        operations: How many; a multiple of a block's.

    Returns:
        Its line of the table.
    """
    environments.python_of(case.environment)  # once, before the runs want it at the same time
    row = Row(case.name, operations)
    wanted = [("on", True), ("on", False), ("killed", True), ("absent", True)]
    found: dict[tuple[str, bool], Run] = {}

    def work(wrappers: str, *, is_reachable: bool) -> None:
        try:
            found[wrappers, is_reachable] = run(case, wrappers, operations=operations, is_reachable=is_reachable)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            row.differences.append(str(error))

    for pair in (wanted[:2], wanted[2:]):  # two at a time: what they measure is no time
        threads = [threading.Thread(target=work, args=(name,), kwargs={"is_reachable": up}) for name, up in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if len(found) < len(wanted):
        row.is_output_identical = False
        return row
    compare_records(row, found["on", True])
    absent = found["absent", True]
    for (wrappers, is_reachable), made in found.items():
        name = wrappers if is_reachable else "refused"
        compare_host(row, name, made, absent)
        if name != "on" and made.spans:
            row.differences.append(f"{name}: {len(made.spans)} spans arrived")
    return row


def compare_records(row: Row, made: Run) -> None:
    """See that each operation arrived once, with everything that was said of it, in its place."""
    operations = [span for span in made.spans if span.attributes.get(names.OPERATION) != names.HEARTBEAT]
    operations = [span for span in operations if names.UNFINISHED not in span.attributes]
    row.stored = len(operations)
    row.distinct = len({(span.trace_id, span.span_id) for span in operations})
    by_index = {int(str(span.attributes.get(CUSTOM, -1))): span for span in operations}
    hasher = Hasher("key")
    for index in range(row.sent):
        span = by_index.get(index)
        if span is None:
            _tell(row, f"operation {index} is missing")
            continue
        wrong = {
            name: (value, span.attributes.get(name))
            for name, value in _expected(index, hasher).items()
            if span.attributes.get(name) != value or type(span.attributes.get(name)) is not type(value)
        }
        row.complete += not wrong
        if wrong:
            _tell(row, f"operation {index} arrived with other attributes: {wrong}")
        place = _place(made.report["parents"], index, by_index)
        row.in_place += place == (span.trace_id, span.parent_id)
        if place != (span.trace_id, span.parent_id):
            _tell(row, f"operation {index} is at {(span.trace_id, span.parent_id)}, not at {place}")
    for numbers in made.report["numbers"]:
        if numbers.get("dropped") or numbers.get("problems", {}).keys() - LATE_ANSWERS:
            row.differences.append(f"on: its own numbers are {numbers}")


def _expected(index: int, hasher: Hasher) -> dict[str, object]:
    """Work out the attributes of an operation."""
    place, operation = index % keywords.BLOCK, keywords.operation_of(index)
    expected: dict[str, object] = {names.OPERATION: operation, CUSTOM: index, names.SOURCE: names.SOURCE_WRAPPER}
    for keyword, value in keywords.values_of(index).items():
        if keyword == names.USER_KEYWORD:
            expected[names.USER_HASH] = hasher.user(str(value))
        elif keyword in names.PROMPT_KEYWORDS:
            hash_name, length_name = names.PROMPT_KEYWORDS[keyword]
            prompt = fingerprint(str(value))
            expected |= {hash_name: hasher.prompt(prompt), length_name: prompt.length}
        else:
            attribute = names.ATTRIBUTES[keyword]
            expected[attribute.name] = attribute.type(value)
    outcome = names.SUCCESS
    if place in keywords.RAISING:
        outcome, expected[names.ERROR_TYPE] = names.ERROR, "Refused"
    elif place == keywords.CANCELLED:
        outcome = names.CANCELLED
    expected[names.OUTCOME] = outcome
    if place != keywords.PATTERN:
        is_stream = place in {10, 12, 13, keywords.CANCELLED}
        expected[names.MODEL_ID] = keywords.STREAM_MODEL if is_stream else keywords.REQUEST_MODEL
    return expected


def _place(parents: dict[str, list[str]], index: int, by_index: dict[int, SeenSpan]) -> tuple[str, str]:
    """Work out trace id and parent: the host's current span, else a new trace."""
    if index % keywords.BLOCK == keywords.INNER:
        outer = by_index.get(index - 1)
        return (outer.trace_id, outer.span_id) if outer is not None else ("", "")
    trace_id, span_id = parents[str(index)]
    # a new trace's id is the operation's own
    return (trace_id, span_id) if trace_id else (by_index[index].trace_id, "")


def compare_host(row: Row, name: str, made: Run, absent: Run) -> None:
    """See that the host's traces, results and process are what they are without us."""
    report = made.report
    if report["output"] != absent.report["output"]:
        row.is_output_identical = False
        _tell(row, f"{name}: {_first_difference(report['output'], absent.report['output'])}")
    if report["changes"] != absent.report["changes"]:
        row.differences.append(f"{name}: {', '.join(report['changes'])} changed")
        row.is_random_unchanged = row.is_random_unchanged and not {"random", "numpy"} & set(report["changes"])
    if report["context_changes"] != absent.report["context_changes"]:
        row.differences.append(f"{name}: the host's context changed {report['context_changes']} times")
    added = report["threads_added"] - absent.report["threads_added"]
    row.threads_added = max(row.threads_added, added)
    if added > MAX_THREADS:
        row.differences.append(f"{name}: {added} threads more than without us")
    if "Traceback" in made.errors and "Traceback" not in absent.errors:
        row.differences.append(f"{name}: it printed {made.errors[:2000]}")


def _first_difference(ours: list[str], theirs: list[str]) -> str:
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=False)):
        if mine != other:
            at = next((i for i, pair in enumerate(zip(mine, other, strict=False)) if pair[0] != pair[1]), 0)
            start = max(0, at - 200)
            return f"line {number} is\n  {mine[start : at + 200]}\nand without us\n  {other[start : at + 200]}"
    longer = max(ours, theirs, key=len)
    surplus = longer[min(len(ours), len(theirs))]
    return f"{len(ours)} lines of output, and {len(theirs)} without us; the first one too many is\n  {surplus[:400]}"


def _tell(row: Row, text: str) -> None:
    """Tell of the first few differences: thousands say no more."""
    if len(row.differences) < MAX_DIFFERENCES:
        row.differences.append(text)


def check_control(case: Case, *, operations: int) -> Row:
    """Run a case with plain spans instead of us, and compare likewise.

    Args:
        case: The case.
        operations: How many; a multiple of a block's.

    Returns:
        Its line of the table: with differences, or the comparison sees nothing.
    """
    row = Row(f"control: {case.name}", operations)
    made = run(case, "control", operations=operations)
    compare_host(row, "control", made, run(case, "absent", operations=operations))
    spans = [span for span in made.spans if CORRELATION_ID in span.attributes]
    row.stored = len(spans)
    row.distinct = len({span.attributes[CORRELATION_ID] for span in spans})
    return row
