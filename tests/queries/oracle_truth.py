"""The truth the oracle holds the store against: plain Python over the copies that were sent."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable

US = 10**6
HOUR_US = 3600 * US
DAY_US = 24 * HOUR_US
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FIRST_DAY = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
FIRST_US = (FIRST_DAY - EPOCH) // dt.timedelta(microseconds=1)

OPERATIONS = ("model.request", "model.download", "model.load", "pattern.run")
KINDS = ("all", "model", "pattern", "project", "error_type", "service")
KINDS_WITH_USERS = ("all", "model", "pattern", "project")


def moment(us: int) -> dt.datetime:
    """The UTC time of microseconds since 1970."""
    return EPOCH + dt.timedelta(microseconds=us)


def month_of(us: int) -> dt.date:
    """The first day of the month of a time."""
    return moment(us).date().replace(day=1)


def stretch(us: int, per: str, zone: str) -> tuple[dt.datetime, int]:
    """The period and the slot of a moment, in a zone."""
    there = moment(us // HOUR_US * HOUR_US).astimezone(ZoneInfo(zone))
    slots = {
        "hour_of_day": there.hour,
        "day_of_week": there.weekday(),
        "hour_of_week": there.weekday() * 24 + there.hour,
    }
    midnight = there.replace(hour=0, minute=0)
    periods = {
        "hour": there,
        "day": midnight,
        "week": midnight - dt.timedelta(days=there.weekday()),  # of the clock on the wall, whatever hours a day has
        "month": midnight.replace(day=1),
    }
    return periods.get(per, EPOCH).astimezone(dt.UTC), slots.get(per, 0)


@dataclass(frozen=True)
class Copy:
    """One span as it travels; copies of an operation share start, trace and span id."""

    start_ns: int
    trace_id: int
    span_id: int
    received_ms: int
    operation: str
    outcome: str
    is_counted: bool
    is_unfinished: bool
    model: str
    pattern: str
    error_type: str
    service: str
    user: int
    duration_us: int
    cold_start: bool
    input_tokens: int
    moved_bytes: int
    size_bytes: int
    quality_ppm: int | None
    project: str = ""
    # the service whose span this copy marks, where it is not its own
    marked_service: str = ""
    # of what is asked of events alone
    cached_tokens: int = 0
    cost_millionths: int | None = None
    currency: str = ""
    context: str = ""
    context_type: str = ""

    @property
    def identity(self) -> tuple[int, int, int]:
        """What makes two spans copies of one operation."""
        return self.start_ns, self.trace_id, self.span_id

    @property
    def start_us(self) -> int:
        """Start in whole microseconds, as windows compare it."""
        return self.start_ns // 1000

    @property
    def owner(self) -> str:
        """The service whose span a copy speaks of."""
        return self.marked_service or self.service


def winner(copies: Iterable[Copy]) -> Copy:
    """The copy that stands for an identity: one that is not counted takes out those of its owner, and no others."""
    known = list(copies)
    nested = {copy.owner for copy in known if not copy.is_counted}

    def rank(copy: Copy) -> tuple[int, bool, int]:
        standing = 1 if not copy.is_counted else 2 if copy.service in nested else 0
        return standing, copy.is_unfinished, copy.received_ms

    return min(known, key=rank)


def generate(count: int, *, days: int, rng: random.Random, users_from: int = 1) -> list[Copy]:
    """Operations over some days: hour and day edges, shared span ids, unfinished, nested and cancelled ones."""
    weights = [1 / (rank + 1) for rank in range(30)]
    made: list[Copy] = []
    for _ in range(count):
        start_us = FIRST_US + rng.randrange(days * DAY_US)
        if rng.random() < 0.1:  # just on, before or after an edge
            edge = rng.choice([HOUR_US, DAY_US])
            start_us = max(FIRST_US, start_us // edge * edge + rng.choice([0, 0, 1, edge - 1, -1]))
        trace_id, span_id = rng.getrandbits(128), rng.getrandbits(64)
        if made and rng.random() < 0.03:  # seeded services repeat ids: only the triple is an identity
            span_id = rng.choice(made[-1000:]).span_id
            if rng.random() < 0.5:
                trace_id = rng.choice(made[-1000:]).trace_id
        operation = rng.choices(OPERATIONS, [80, 5, 5, 10])[0]
        outcome = rng.choices(["success", "partial_success", "failure", "error", "cancelled"], [85, 3, 3, 6, 3])[0]
        unfinished = rng.random() < 0.01
        number = rng.choices(range(30), weights)[0]
        failed = outcome in {"failure", "error"} and not unfinished
        draw = span_id % 12  # an id is as good as a draw, and leaves every other draw as it was
        made.append(
            Copy(
                start_ns=start_us * 1000 + rng.randrange(1000),
                trace_id=trace_id,
                span_id=span_id,
                received_ms=start_us // 1000 + rng.randrange(100, 60_000) + rng.choice([0, 0, -1, 1]) * 6 * 3600_000,
                operation=operation,
                outcome="" if unfinished else outcome,
                is_counted=rng.random() >= 0.1,
                is_unfinished=unfinished,
                model=""
                if operation == "pattern.run"
                else (f"m{number:02d}" if rng.random() < 0.95 else f"alias{number % 5}"),
                pattern=f"p{number % 6}" if operation == "pattern.run" else "",
                error_type=rng.choice(["timeout", "out_of_memory", "ValueError"]) if failed else "",
                service=f"s{rng.randrange(4)}",
                user=rng.randrange(users_from, users_from + 300) * 2654435761 % 2**61 if rng.random() < 0.9 else 0,
                duration_us=0 if rng.random() < 0.01 else max(1, int(math.exp(rng.gauss(14, 1.5)))),
                cold_start=rng.random() < 0.05,
                input_tokens=rng.randrange(4000),
                moved_bytes=rng.randrange(10**9) if operation == "model.download" else 0,
                size_bytes=rng.randrange(10**10) if operation == "model.download" else 0,
                quality_ppm=rng.randrange(10**6 + 1) if operation == "pattern.run" else None,
                project=rng.choice(["", "atlas", "comet"]),
                cached_tokens=trace_id % 3000 if draw % 3 == 0 else 0,
                cost_millionths=trace_id % 10**7 if draw % 4 == 0 else None,
                currency=("USD", "EUR", "")[draw % 3] if draw % 4 == 0 else "",
                context=f"c{trace_id % 40}" if draw % 2 else "",
                context_type=("", "review", "c1")[trace_id % 3],
            )
        )
    return made


def started(copy: Copy, *, delay_ms: int) -> Copy:
    """The copy a long operation leaves while it runs."""
    return replace(
        copy, outcome="", is_unfinished=True, error_type="", received_ms=copy.received_ms + delay_ms, quality_ppm=None
    )


def marker(copy: Copy, *, delay_ms: int) -> Copy:
    """The copy that says: this one ran inside another operation, do not count it."""
    return replace(copy, is_counted=False, received_ms=copy.received_ms + delay_ms)


def marker_of_another(copy: Copy, *, delay_ms: int, names_it: bool) -> Copy:
    """The copy another service sends: it takes the operation out only where it names the service it speaks of."""
    own = replace(marker(copy, delay_ms=delay_ms), service="marking")
    return replace(own, marked_service=copy.service) if names_it else own


def _slot(duration_us: int) -> int:
    return -32768 if duration_us == 0 else math.ceil(math.log2(duration_us) * 32) - 1


@dataclass
class Figures:
    """The expected figures of one key."""

    rows: list[Copy] = field(default_factory=list)

    def expected(self, *, kind: str, as_of_us: int, abandoned_after_us: int) -> dict[str, object]:
        """The figures, by the names of the view's columns."""
        rows = self.rows
        by_outcome: dict[str, int] = defaultdict(int)
        for row in rows:
            by_outcome[row.outcome] += 1
        unfinished = [row for row in rows if row.is_unfinished]
        abandoned = sum(row.start_us <= as_of_us - abandoned_after_us for row in unfinished)
        in_flight = len(unfinished) - abandoned
        rated = len(rows) - by_outcome["cancelled"] - in_flight
        durations = sorted(r.duration_us for r in rows if not r.is_unfinished and r.outcome != "cancelled")
        total_us = sum(durations)
        count = len(durations)
        qualities = [row.quality_ppm for row in rows if row.quality_ppm is not None]
        users = {row.user for row in rows if row.user} if kind in KINDS_WITH_USERS else set()
        squares = count * sum(d * d for d in durations) - total_us**2
        good = by_outcome["success"] + by_outcome["partial_success"] / 2
        return {
            "operations": len(rows),
            "successes": by_outcome["success"],
            "partial_successes": by_outcome["partial_success"],
            "failed": by_outcome["failure"],
            "errors": by_outcome["error"],
            "cancelled": by_outcome["cancelled"],
            "abandoned": abandoned,
            "in_flight": in_flight,
            "success_rate": good / rated if rated else None,
            "error_rate": (by_outcome["error"] + abandoned) / rated if rated else None,
            "users": len(users),
            "durations": count,
            "total_ms": total_us / 1000,
            "p50_ms": _quantile(durations, 50),
            "p95_ms": _quantile(durations, 95),
            "p99_ms": _quantile(durations, 99),
            "min_ms": durations[0] / 1000 if durations else None,
            "max_ms": durations[-1] / 1000 if durations else None,
            "stddev_ms": math.sqrt(squares / (count * (count - 1))) / 1000 if count > 1 else None,
            "cold_starts": sum(row.cold_start for row in rows),
            "input_tokens": sum(row.input_tokens for row in rows),
            "moved_bytes": sum(row.moved_bytes for row in rows),
            "size_bytes": max(row.size_bytes for row in rows),
            "mean_quality": sum(qualities) / len(qualities) / 1e6 if qualities else None,
            "first_used_at": moment(min(row.start_us for row in rows)),
            "last_used_at": moment(max(row.start_us for row in rows)),
        }


def _quantile(durations: list[int], percent: int) -> float | None:
    """Nearest rank, as a log bucket gives it back; exact nearest rank is held against 1.1 %."""
    if not durations:
        return None
    exact = durations[(len(durations) * percent + 99) // 100 - 1]
    given = 0.0 if exact == 0 else 2 ** ((_slot(exact) + 0.5) / 32)
    assert abs(given - exact) <= 0.011 * exact, (given, exact)
    return given / 1000


class Truth:
    """What the store must answer."""

    def __init__(self) -> None:
        self.received: dict[tuple[int, int, int], list[Copy]] = defaultdict(list)
        self.copies: dict[tuple[int, int, int], Copy] = {}
        self.late: set[tuple[int, int, int]] = set()
        self.frozen: set[dt.date] = set()
        self.dropped: set[dt.date] = set()
        self.aliases: dict[tuple[str, str], str] = {}
        self.tombstones: set[int] = set()

    def add(self, copies: Iterable[Copy]) -> None:
        """Take copies in as they arrive now."""
        for sent in copies:
            copy = replace(sent, user=0) if sent.user in self.tombstones else sent
            if month_of(copy.start_us) in self.frozen:
                self.late.add(copy.identity)
                continue
            self.received[copy.identity].append(copy)
            self.copies[copy.identity] = winner(self.received[copy.identity])

    def erase(self, user: int) -> None:
        """Erase a user: a new one nobody knows stands in."""
        self.tombstones.add(user)
        for identity, copies in self.received.items():
            if any(copy.user == user for copy in copies):
                erased = [replace(copy, user=-user) if copy.user == user else copy for copy in copies]
                self.received[identity] = erased
                self.copies[identity] = winner(erased)

    def name_of(self, kind: str, subject: str) -> str:
        """What a subject is called."""
        return self.aliases.get((kind, subject), subject)

    def readable(self, operation: str, since_us: int, until_us: int) -> list[Copy]:
        """The operations of a window whose events are still there."""
        return [
            copy
            for copy in self.copies.values()
            if copy.is_counted
            and copy.operation == operation
            and since_us <= copy.start_us < until_us
            and month_of(copy.start_us) not in self.dropped
        ]

    def answer(  # noqa: PLR0913 - a question has as many parts
        self,
        *,
        kind: str,
        operation: str,
        by: str,
        per: str,
        zone: str,
        since_us: int,
        until_us: int,
        as_of_us: int,
        abandoned_after_us: int,
    ) -> dict[tuple[str, dt.datetime, int], dict[str, object]]:
        """The expected rows of ``usage_summary``, by key and stretch. A window over dropped events has whole hours."""
        groups = self.groups(
            kind=kind, operation=operation, by=by, per=per, zone=zone, since_us=since_us, until_us=until_us
        )
        return {
            key: figures.expected(kind=kind, as_of_us=as_of_us, abandoned_after_us=abandoned_after_us)
            for key, figures in groups.items()
        }

    def groups(
        self, *, kind: str, operation: str, by: str, per: str, zone: str, since_us: int, until_us: int
    ) -> dict[tuple[str, dt.datetime, int], Figures]:
        """The operations behind the rows of ``usage_summary``."""
        since_hour, until_hour = since_us // HOUR_US * HOUR_US, -(-until_us // HOUR_US) * HOUR_US
        groups: dict[tuple[str, dt.datetime, int], Figures] = defaultdict(Figures)
        for copy in self.copies.values():
            at = copy.start_us
            seen_as = copy.operation if copy.is_counted else f"nested {copy.operation}"
            if not since_hour <= at < until_hour or seen_as != operation:
                continue
            if not since_us <= at < until_us and month_of(at) not in self.dropped:
                continue
            subject = "" if kind == "all" else getattr(copy, kind)
            if not subject and kind != "all":
                continue
            name = self.name_of(kind, subject)
            groups[name if by == "subject" else "", *stretch(at, per, zone)].rows.append(copy)
        return groups
