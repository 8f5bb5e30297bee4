"""What alerts there are: one record a rule, with what it looks at, its threshold and what to do about it.

The rules about models and patterns, and their thresholds, are the health checks that a user of patterns asked for:
success below 0.80, errors above 0.20, a p95 above twice the median, a p95 above 500 ms and a p99 above a second,
quality below 0.70, a failed quality gate, a week without use. Those of time go by the class of an operation, as the
verdict of ``stats speed`` does: a picture may take minutes. The others are about the store itself.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from modeltally.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from modeltally.alerts.facts import Facts
    from modeltally.analytics.window import Window
    from modeltally.settings import Settings

__all__ = ["JOB_FAILED", "NOT_LOOKED_AT", "RULES", "SEVERITIES", "Found", "Rule", "Severity", "check_rules_off"]

# A p99 is of at least so many times as many operations as a rate: of a hundred it is the second slowest.
_P99_TIMES: Final = 5
# From twice the limit of its class on the verdict of speed is slow.
_SLOW_TIMES: Final = 2


class Severity(enum.StrEnum):
    """How soon somebody has to look."""

    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"


SEVERITIES: Final = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a look found the matter.

    Attributes:
        kind: The kind of its subject: model, pattern, job, rule; empty for the store as a whole.
        subject: Its name.
        value: What was measured.
        threshold: What it is above, or below.
        operations: How many operations the value is of; None where it is of none.
        window: What was looked at.
        evidence: The figures beside it.
    """

    kind: str
    subject: str
    value: float
    threshold: float
    operations: int | None
    window: Window
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that may be the matter.

    Attributes:
        name: What people and programs call it.
        sentence: What it says.
        severity: How soon somebody has to look.
        is_above: The value is above its threshold, else below it.
        unit: What value and threshold are measured in.
        threshold: The setting that holds the threshold, and the others it goes by.
        looks_at: What is looked at.
        todo: What to do about it.
        find: Finds it.
    """

    name: str
    sentence: str
    severity: Severity
    is_above: bool = True
    unit: str
    threshold: tuple[str, ...]
    looks_at: str
    todo: str
    find: Callable[[Facts], Iterable[Found]]

    @property
    def comparison(self) -> str:
        """How value and threshold stand to each other."""
        return ">" if self.is_above else "<"


def _is_beyond(value: object, threshold: float, *, is_above: bool) -> bool:
    if not isinstance(value, int | float):
        return False
    return value > threshold if is_above else value < threshold


def _success(
    column: str, setting: str, *, is_above: bool, counted: Callable[[Mapping[str, Any]], int], least: int | None = None
) -> Callable[[Facts], Iterator[Found]]:
    """Look at a column of ``success``, of subjects with enough operations."""

    def find(facts: Facts) -> Iterator[Found]:
        threshold = getattr(facts.settings, setting)
        enough = facts.settings.alerts_min_operations if least is None else least
        for kind, row in facts.success():
            if counted(row) >= enough and _is_beyond(row[column], threshold, is_above=is_above):
                names = ("operations", "failures", "errors", "abandoned", "timeouts", "quality_gate_failures", "judged")
                yield Found(
                    kind=kind,
                    subject=str(row["subject"]),
                    value=float(row[column]),
                    threshold=float(threshold),
                    operations=counted(row),
                    window=facts.window,
                    evidence={name: row[name] for name in names},
                )

    return find


def _speed(
    column: str, threshold_of: Callable[[Mapping[str, Any], Settings], float], *, times: int = 1
) -> Callable[[Facts], Iterator[Found]]:
    """Look at a column of ``speed``, of subjects with enough operations that finished."""

    def find(facts: Facts) -> Iterator[Found]:
        enough = times * facts.settings.alerts_min_operations
        for kind, row in facts.speed():
            threshold = threshold_of(row, facts.settings)
            if row["operations"] >= enough and _is_beyond(row[column], threshold, is_above=True):
                names = ("mean_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms", "limit_ms", "verdict")
                yield Found(
                    kind=kind,
                    subject=str(row["subject"]),
                    value=float(row[column]),
                    threshold=threshold,
                    operations=int(row["operations"]),
                    window=facts.window,
                    evidence={name: row[name] for name in names},
                )

    return find


def _rated(row: Mapping[str, Any]) -> int:
    return int(row["operations"]) - int(row["cancelled"]) - int(row["in_flight"])


def _unused(facts: Facts) -> Iterator[Found]:
    threshold = facts.settings.alerts_unused_hours
    for kind, row in facts.last_uses():
        hours = float(row["hours_since_last_use"])
        if hours > threshold:
            yield Found(
                kind=kind,
                subject=str(row["subject"]),
                value=hours,
                threshold=threshold,
                operations=int(row["operations"]),
                window=facts.history,
                evidence={name: row[name] for name in ("last_used_at", "active_days", "users")},
            )


def _of_store(facts: Facts, value: float | None, threshold: float, **evidence: object) -> Iterator[Found]:
    if value is not None and value > threshold:
        yield Found(
            kind="",
            subject="",
            value=float(value),
            threshold=float(threshold),
            operations=None,
            window=facts.window,
            evidence=evidence,
        )


def _lost(facts: Facts) -> Iterator[Found]:
    return _of_store(facts, facts.context()["known_loss"], facts.settings.alerts_lost)


def _silent(facts: Facts) -> Iterator[Found]:
    received_at = facts.live_data_received_at()
    if received_at is not None:
        minutes = (facts.as_of - received_at).total_seconds() / 60
        yield from _of_store(facts, minutes, facts.settings.alerts_no_data_minutes, last_received_at=received_at)


def _disk(facts: Facts) -> Iterator[Found]:
    disk = facts.disk()
    if disk is not None:
        percent = 100 * (disk.total - disk.free) / disk.total if disk.total else 0.0
        evidence = {"total_bytes": disk.total, "free_bytes": disk.free}
        yield from _of_store(facts, percent, facts.settings.alerts_disk_percent, **evidence)


def _behind(facts: Facts) -> Iterator[Found]:
    return _of_store(facts, facts.settled()["dirty_hours"], facts.settings.alerts_hours_behind)


def _quarantined(facts: Facts) -> Iterator[Found]:
    return _of_store(facts, facts.context()["quarantined"], facts.settings.alerts_quarantined)


def _damaged(facts: Facts) -> Iterator[Found]:
    damages = facts.damages()
    return _of_store(facts, len(damages), 0, first=damages[:5])


def _failed_jobs(facts: Facts) -> Iterator[Found]:
    for name, error in sorted(facts.failed_jobs.items()):
        yield Found(
            kind="job",
            subject=name,
            value=1.0,
            threshold=0.0,
            operations=None,
            window=facts.window,
            evidence={"error": error},
        )


def _blind(facts: Facts) -> Iterator[Found]:
    for name, error in sorted(facts.blind.items()):
        yield Found(
            kind="rule",
            subject=name,
            value=1.0,
            threshold=0.0,
            operations=None,
            window=facts.window,
            evidence={"error": error},
        )


_SUCCESS: Final = "`stats success` of models and patterns"
_SPEED: Final = "`stats speed` of models and patterns"
# only the process that runs jobs knows
JOB_FAILED: Final = "job_failed"
# it tells of the others, and is asked last
NOT_LOOKED_AT: Final = "not_looked_at"

RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule(
            name="low_success_rate",
            sentence="Too few operations succeed.",
            severity=Severity.WARNING,
            is_above=False,
            unit="share of one",
            threshold=("alerts_success_rate",),
            looks_at=_SUCCESS,
            todo="`modeltally stats failures-by-model` says what goes wrong; look at what changed since it began.",
            find=_success("success_rate", "alerts_success_rate", is_above=False, counted=_rated),
        ),
        Rule(
            name="high_error_rate",
            sentence="Too many operations raise an error or never end.",
            severity=Severity.CRITICAL,
            unit="share of one",
            threshold=("alerts_error_rate",),
            looks_at=_SUCCESS,
            todo="`modeltally stats failures` names the errors; look at the service's log for the newest of them.",
            find=_success("error_rate", "alerts_error_rate", is_above=True, counted=_rated),
        ),
        Rule(
            name="uneven_duration",
            sentence="The slowest operations take many times as long as the usual ones.",
            severity=Severity.NOTICE,
            unit="ms",
            threshold=("alerts_uneven_factor",),
            looks_at=_SPEED,
            todo="`modeltally stats parameters` and `stats loads` show whether sizes differ, or loads are waited for.",
            find=_speed("p95_ms", lambda row, settings: settings.alerts_uneven_factor * float(row["p50_ms"])),
        ),
        Rule(
            name="slow_p95",
            sentence="One operation in twenty takes longer than its class should.",
            severity=Severity.WARNING,
            unit="ms",
            threshold=("excellent_ms", "performance_slow_seconds"),
            looks_at=f"{_SPEED}: above the limit of the class",
            todo="`modeltally stats time` shows since when, `modeltally recommend performance` what it may be.",
            find=_speed("p95_ms", lambda row, _: float(row["limit_ms"])),
        ),
        Rule(
            name="slow_p99",
            sentence="One operation in a hundred takes longer than twice what its class should.",
            severity=Severity.WARNING,
            unit="ms",
            threshold=("excellent_ms", "performance_slow_seconds"),
            looks_at=f"{_SPEED}: above twice the limit of the class",
            todo="Look at the longest operations: a cold start, a full queue or a huge request is behind most of them.",
            find=_speed("p99_ms", lambda row, _: _SLOW_TIMES * float(row["limit_ms"]), times=_P99_TIMES),
        ),
        Rule(
            name="low_quality",
            sentence="Results are judged worse than they should be.",
            severity=Severity.WARNING,
            is_above=False,
            unit="share of one",
            threshold=("alerts_quality",),
            looks_at=f"{_SUCCESS}: mean quality of what was judged",
            todo="`modeltally stats evaluations` shows by which judge; look at what changed: prompt, model, settings.",
            find=_success("mean_quality", "alerts_quality", is_above=False, counted=lambda row: int(row["judged"])),
        ),
        Rule(
            name="failed_quality_gates",
            sentence="Results failed a quality gate.",
            severity=Severity.WARNING,
            unit="count",
            threshold=("alerts_quality_gate_failures",),
            looks_at=_SUCCESS,
            todo="`modeltally stats success` counts them; the service's log says which gate refused what.",
            find=_success(
                "quality_gate_failures", "alerts_quality_gate_failures", is_above=True, counted=_rated, least=1
            ),
        ),
        Rule(
            name="unused",
            sentence="It was used, and is no longer.",
            severity=Severity.NOTICE,
            unit="hours",
            threshold=("alerts_unused_hours",),
            looks_at="`stats frequency` of models and patterns, over all that is stored",
            todo="`modeltally recommend cleanup` says whether it may go.",
            find=_unused,
        ),
        Rule(
            name="operations_lost",
            sentence="Processes say that they lost operations.",
            severity=Severity.CRITICAL,
            unit="count",
            threshold=("alerts_lost",),
            looks_at="what processes say of themselves",
            todo="`modeltally stats completeness` names the process and the reason; is the receiver reachable?",
            find=_lost,
        ),
        Rule(
            name="no_data",
            sentence="Data came within the last seven days, and none comes now.",
            severity=Severity.WARNING,
            unit="minutes",
            threshold=("alerts_no_data_minutes",),
            looks_at="when the newest heartbeat or operation was received, imports excepted",
            todo="`modeltally doctor` says where it stops: services, addresses, the server.",
            find=_silent,
        ),
        Rule(
            name="disk_filling",
            sentence="The disk of the data directory is nearly full; a full one stores nothing.",
            severity=Severity.CRITICAL,
            unit="percent",
            threshold=("alerts_disk_percent",),
            looks_at="the file system that the data directory is on; nothing where a ClickHouse server is the store",
            todo="Make room, move the directory (`modeltally export`), or keep events for fewer days.",
            find=_disk,
        ),
        Rule(
            name="rollup_behind",
            sentence="Hours that are over have no current rollup; answers are right, and slow.",
            severity=Severity.WARNING,
            unit="count",
            threshold=("alerts_hours_behind",),
            looks_at="the seven days that ended four hours ago",
            todo="`last_roll` in the server's /status says why; beside a ClickHouse server `modeltally jobs` must run.",
            find=_behind,
        ),
        Rule(
            name="quarantine_growing",
            sentence="Spans come that cannot be counted.",
            severity=Severity.WARNING,
            unit="count",
            threshold=("alerts_quarantined",),
            looks_at="what was quarantined in the window",
            todo="`modeltally doctor` names the reasons; the sender has to be mended.",
            find=_quarantined,
        ),
        Rule(
            name="store_damaged",
            sentence="Files of the store are damaged or gone.",
            severity=Severity.CRITICAL,
            unit="count",
            threshold=(),
            looks_at="tables, their parts and the spools of a data directory",
            todo="`modeltally check` names them. Look after the disk; bring the store back from a backup or an export.",
            find=_damaged,
        ),
        Rule(
            name=JOB_FAILED,
            sentence="The last run of a job failed.",
            severity=Severity.WARNING,
            unit="count",
            threshold=(),
            looks_at="how the jobs of the process that looks ended last",
            todo="The evidence and the server's log hold the error.",
            find=_failed_jobs,
        ),
        Rule(
            name=NOT_LOOKED_AT,
            sentence="A rule could not be looked at, so nobody knows.",
            severity=Severity.CRITICAL,
            unit="count",
            threshold=(),
            looks_at="the look itself",
            todo="The evidence holds the error; `modeltally check` says whether the store is sound.",
            find=_blind,
        ),
    )
}


def check_rules_off(settings: Settings) -> None:
    """See that the rules which are switched off are rules.

    Raises:
        SettingError: One is none.
    """
    unknown = sorted(settings.rules_off - RULES.keys())
    if unknown:
        raise SettingError(f"setting 'alerts_off' names {unknown[0][:80]!r}, no rule; there are: {', '.join(RULES)}")
