"""Given/expect cases: what a case file may say, and how what is given comes into a store.

A case file is named after its view or its job's file. Times are UTC; a window is half open. An operation is written
short: what it does not say is a successful request of one second to the model ``flux``. Operations with the same ``id``
and the same start are copies of one.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from modeltally.store import DatabaseStore

# ten times as fast as the one written in Python, where it was built
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
FOLDER = Path(__file__).with_name("cases")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
TABLES = (
    "alerts",
    "aliases",
    "evaluations",
    "frozen_months",
    "heartbeats",
    "inventory_items",
    "layer_days",
    "layers",
    "other_spans",
    "otel_traces",
    "prices",
    "recommendations",
    "tombstones",
    "usage_events",
    "usage_late",
    "usage_quarantine",
    "usage_rolls",
    "users",
    "verdicts",
)
_COLUMNS = (
    "Timestamp",
    "TraceId",
    "SpanId",
    "SpanName",
    "ServiceName",
    "ResourceAttributes",
    "SpanAttributes",
    "Duration",
    "ReceivedAt",
)
# What a quantile read from log buckets may be off.
_QUANTILE_TOLERANCE = 0.011


def _utc(value: object) -> dt.datetime:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    return sql.as_utc(value)


Time = Annotated[dt.datetime, BeforeValidator(_utc)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Operation(_Strict):
    """One span, or ``times`` of them, each ``every_seconds`` after the one before."""

    at: Time
    id: int | None = None
    operation: str = "model.request"
    model: str = "flux"
    pattern: str = ""
    outcome: str = "success"
    ms: float = 1000
    user: int = 0
    error_type: str = ""
    service: str = "painter"
    instance: str = ""
    nested: bool = False
    unfinished: bool = False
    # receipt, counted from the start; or at one time for all, as an import comes
    received_after_seconds: float = 60
    received_at: Time | None = None
    attributes: dict[str, str] = Field(default_factory=dict)
    # for spans no exporter of ours would send
    trace_id: str | None = None
    span_id: str | None = None
    host: str = ""
    times: int = 1
    every_seconds: int = 60

    def rows(self, first_id: int) -> Iterator[list[object]]:
        """Rows of ``otel_traces``, in the order of the columns inserted."""
        for number in range(self.times):
            identity = self.id if self.id is not None else first_id + number
            start = self.at + dt.timedelta(seconds=number * self.every_seconds)
            yield [
                (start - EPOCH) // dt.timedelta(microseconds=1) * 1000,
                f"{identity:032x}" if self.trace_id is None else self.trace_id,
                f"{identity:016x}" if self.span_id is None else self.span_id,
                self.operation,
                self.service,
                {"service.instance.id": self.instance} | ({"host.name": self.host} if self.host else {}),
                {name: value for name, value in self._attributes().items() if value},
                # what ends before it starts wraps, as the collector's exporter writes it
                0 if self.unfinished else round(self.ms * 1_000_000) % 2**64,
                self.received_at or start + dt.timedelta(seconds=self.received_after_seconds),
            ]

    def _attributes(self) -> dict[str, str]:
        return {
            "modeltally.operation": self.operation,
            "modeltally.outcome": "" if self.unfinished else self.outcome,
            "modeltally.unfinished": "true" if self.unfinished else "",
            "modeltally.nested": "true" if self.nested else "",
            "modeltally.model.id": self.model if self.operation.startswith("model.") else "",
            "modeltally.pattern.id": self.pattern,
            "error.type": self.error_type,
            "user.hash": f"{self.user:016x}" if self.user else "",
            **self.attributes,
        }


class Alias(_Strict):
    """A name given to an alias; an empty name takes it away."""

    alias: str
    name: str
    kind: str = "model"
    at: Time = EPOCH


class Evaluation(_Strict):
    """What was said of an operation after it ran: of the one with this id that began then."""

    at: Time
    of: int
    of_at: Time
    score: float | str = 1
    name: str = "sharpness"
    source: str = "user"
    times: int = 1

    def span(self) -> Operation:
        """The span that carries it."""
        return Operation(
            at=self.at,
            operation="evaluation",
            times=self.times,
            every_seconds=0,
            attributes={
                "modeltally.evaluation.name": self.name,
                "modeltally.evaluation.trace_id": f"{self.of:032x}",
                "modeltally.evaluation.span_id": f"{self.of:016x}",
                "modeltally.evaluation.start": str((self.of_at - EPOCH) // dt.timedelta(microseconds=1) * 1000),
                "modeltally.quality.score": str(self.score),
                "modeltally.quality.source": self.source,
            },
        )


class Heartbeat(_Strict):
    """What one process says of itself, cumulated since it started; ``times``, each ``every_seconds`` after the last."""

    at: Time
    instance: str = "p1"
    service: str = "painter"
    started: int = 0
    finished: int = 0
    dropped: int = 0
    in_flight: int = 0
    goodbye: bool = False
    reasons: dict[str, int] = Field(default_factory=dict)
    problems: dict[str, int] = Field(default_factory=dict)
    received_after_seconds: float = 60
    times: int = 1
    every_seconds: int = 86400

    def span(self) -> Operation:
        """The span that carries it."""
        numbers = {
            **{name: getattr(self, name) for name in ("started", "finished", "dropped", "in_flight")},
            **{f"dropped.{reason}": count for reason, count in self.reasons.items()},
            **{f"problems.{kind}": count for kind, count in self.problems.items()},
            "goodbye": str(self.goodbye).lower(),
        }
        return Operation(
            at=self.at,
            operation="heartbeat",
            service=self.service,
            instance=self.instance,
            received_after_seconds=self.received_after_seconds,
            times=self.times,
            every_seconds=self.every_seconds,
            attributes={f"modeltally.heartbeat.{name}": str(value) for name, value in numbers.items()},
        )


class Item(_Strict):
    """What a host says of its disks: ``times`` the same, each ``every_seconds`` after the last."""

    at: Time
    item: str
    host: str = "box"
    store: str = "huggingface"
    location: str = "~/hub"
    model: str = ""
    revision: str = ""
    leftover: str = ""
    state: str = ""
    cleanup: str = ""
    items: int | None = None
    files: int | None = None
    size: int | str | None = None
    freed: int | None = None
    volume: str = ""
    volume_size: int | None = None
    free: int | None = None
    id: int | None = None
    times: int = 1
    every_seconds: int = 86400

    def span(self) -> Operation:
        """The span that carries it."""
        said = {
            "inventory.item": self.item,
            "inventory.items": self.items,
            "inventory.files": self.files,
            "inventory.size": self.size,
            "inventory.freed": self.freed,
            "model.id": self.model,
            "model.commit": self.revision,
            "model.state": self.state,
            "leftover.kind": self.leftover,
            "cleanup.id": self.cleanup,
            "volume.name": self.volume,
            "volume.size": self.volume_size,
            "volume.free": self.free,
            # a disk belongs to no store
            **({} if self.item == "volume" else {"store.kind": self.store, "store.location": self.location}),
        }
        return Operation(
            at=self.at,
            id=self.id,
            operation="inventory",
            host=self.host,
            times=self.times,
            every_seconds=self.every_seconds,
            attributes={f"modeltally.{name}": str(value) for name, value in said.items() if value not in (None, "")},
        )


class Run(_Strict):
    """A job that ran."""

    job: str
    ask: dict[str, Any] = Field(default_factory=dict)


class Given(_Strict):
    """What is in the store."""

    operations: list[Operation] = Field(default_factory=list)
    aliases: list[Alias] = Field(default_factory=list)
    heartbeats: list[Heartbeat] = Field(default_factory=list)
    evaluations: list[Evaluation] = Field(default_factory=list)
    inventory: list[Item] = Field(default_factory=list)
    # users erased after the operations came
    erased: list[int] = Field(default_factory=list)
    # jobs that ran after all that
    runs: list[Run] = Field(default_factory=list)


class Step(_Strict):
    """What happens after a job ran: more comes in, another job runs, or something is asked."""

    given: Given | None = None
    run: str | None = None
    read: str | None = None
    query: str | None = None
    ask: dict[str, Any] = Field(default_factory=dict)
    expect: list[dict[str, Any]] | None = None


class Case(_Strict):
    """One sentence, and what shows that it is true."""

    name: str
    given: Given = Field(default_factory=Given)
    ask: dict[str, Any] = Field(default_factory=dict)
    settings: dict[str, Any] = Field(default_factory=dict)
    # also asked with the session in a zone whose days start elsewhere
    other_zone: bool = False
    # None: a job may return what it likes, the steps after it tell
    expect: list[dict[str, Any]] | None = None
    # where the answer itself says what it was read from, it is another one while the newest hours fill
    expect_filling: list[dict[str, Any]] | None = None
    # and once rolled
    expect_rolled: list[dict[str, Any]] | None = None
    then: list[Step] = Field(default_factory=list)


class CaseFile(_Strict):
    """The cases of one view or job."""

    view: str | None = None
    job: str | None = None
    # expressions over the installed view, in their order, where its columns cannot travel or its rows have no order
    select: list[str] = Field(default_factory=list)
    # the kind of subject the view reads, where its parameters do not say
    kind: str = "model"
    ask: dict[str, Any] = Field(default_factory=dict)
    cases: list[Case]


def case_files() -> dict[str, CaseFile]:
    """Read every case file, by its name without the ending."""
    return {
        path.stem: CaseFile.model_validate(yaml.load(path.read_text(), Loader=_LOADER))  # noqa: S506 - it is a safe one
        for path in sorted(FOLDER.glob("*.yaml"))
    }


def empty(store: DatabaseStore) -> None:
    """Take every row out of every table of data."""
    for table in TABLES:
        store.database.command(sql.Statement("empty", f"TRUNCATE TABLE {table}"))


def rows_of(given: Given, *, first_id: int = 1) -> list[Sequence[object]]:
    """Give the spans of what is given, as rows of ``otel_traces``."""
    rows: list[Sequence[object]] = []
    for operation in given.operations:
        rows.extend(operation.rows(first_id + len(rows)))
    for beat in given.heartbeats:
        rows.extend(beat.span().rows(first_id + len(rows)))
    for evaluation in given.evaluations:
        rows.extend(evaluation.span().rows(first_id + len(rows)))
    for item in given.inventory:
        rows.extend(item.span().rows(first_id + len(rows)))
    return rows


def give_rows(store: DatabaseStore, rows: Sequence[Sequence[object]]) -> None:
    """Hand spans over in one part."""
    if rows:
        store.database.insert_rows("otel_traces", _COLUMNS, rows)


def give(store: DatabaseStore, given: Given, *, first_id: int = 1) -> None:
    """Bring what is given into a store, the way it comes in life."""
    give_rows(store, rows_of(given, first_id=first_id))
    for alias in given.aliases:
        values = {"kind": alias.kind, "alias": alias.alias, "name": alias.name, "as_of": alias.at}
        store.database.command(sql.statement("set_alias"), values)
    for user in given.erased:
        store.run("erase_user", {"user_hash": f"{user:016x}", "as_of": EPOCH})
    for run in given.runs:
        store.run(run.job, run.ask)


def differences(expected: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Compare rows with what is expected of them: the columns named, in this order of rows."""
    if len(expected) != len(rows):
        return [f"expected {len(expected)} rows, got {len(rows)}: {rows}"]
    return [
        f"row {number}, {column}: expected {value!r}, got {row[column]!r}"
        for number, (wanted, row) in enumerate(zip(expected, rows, strict=True))
        for column, value in wanted.items()
        if not _same(column, value, row[column])
    ]


def _same(column: str, expected: Any, given: Any) -> bool:
    if column == "evidence" and isinstance(given, str):
        given = json.loads(given)
    if isinstance(expected, dict) and isinstance(given, dict):
        return all(name in given and _same(name, value, given[name]) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(given, list | tuple):
        return len(expected) == len(given) and all(map(_same, [column] * len(given), expected, given))
    if isinstance(given, dt.datetime) and expected is not None:
        return _utc(expected) == sql.as_utc(given)
    if isinstance(expected, int | float) and isinstance(given, int | float):
        is_quantile = column in {"p50_ms", "p95_ms", "p99_ms"}
        return math.isclose(expected, given, rel_tol=_QUANTILE_TOLERANCE if is_quantile else 1e-9)
    return bool(expected == given)
