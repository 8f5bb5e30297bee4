"""The oracle: every roll and view against a truth kept in Python, after every step of a hostile history.

Run it alone with ``make oracle N=200000 SEED=1``; ``make test`` runs it with 20,000 operations. The controls break
one rule of the store each, and must be caught; each stops at the first wrong answer.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import math
import random
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modeltally.errors import StoreError
from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import sql
from modeltally.store.client import Database
from modeltally.store.embedded import EmbeddedStore
from modeltally.store.rollup import Roller
from queries.oracle_events import Evaluated, EventTruth, Price, asked, evaluations_of, prices, rows_by_key, view_of
from queries.oracle_truth import (
    DAY_US,
    FIRST_DAY,
    FIRST_US,
    HOUR_US,
    KINDS,
    OPERATIONS,
    Copy,
    Truth,
    generate,
    marker,
    marker_of_another,
    moment,
    started,
)
from store.answers import FINEST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modeltally.store.client import Row

DAYS = 120
ZONES = ("UTC", "Asia/Tokyo", "Europe/Berlin")
Key = tuple[str, dt.datetime, int]
END = FIRST_DAY + dt.timedelta(days=DAYS)
_COLUMNS = (
    "Timestamp",
    "TraceId",
    "SpanId",
    "SpanName",
    "ServiceName",
    "SpanAttributes",
    "Duration",
    "ReceivedAt",
)

# What each control breaks: file -> (text, replacement).
CONTROLS: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "identity by span id alone": {
        "figures_raw": (("LIMIT 1 BY start, trace_id, span_id", "LIMIT 1 BY span_id"),),
    },
    "append-only rolls": {
        "0010_create_usage_rolls": (("ReplacingMergeTree(consumed)", "MergeTree"),),
        "figures_rolled": (("FROM usage_rolls AS r FINAL", "FROM usage_rolls AS r"),),
        "roll/roll_parts": (("FROM usage_rolls FINAL", "FROM usage_rolls"),),
    },
    "dirtiness by clock": {
        "usage_coverage": (
            ("'UTC') AS hour, count()", "'UTC') AS hour, max(toUnixTimestamp64Milli(received_at))::UInt64"),
            ("stored = hour_rolled", "stored <= hour_rolled"),
        ),
        "roll/roll_events": (("count() AS rows", "max(toUnixTimestamp64Milli(received_at))::UInt64 AS rows"),),
    },
    "slices never rolled again": {
        "slices_of_hours": (("consumed = stored", "consumed > 0"),),
    },
    "events by span id alone": {
        "usage_operations": (("LIMIT 1 BY e.start, e.trace_id, e.span_id", "LIMIT 1 BY e.span_id"),),
    },
    "the price set first counts": {
        "cost_by_subject": (("-toUnixTimestamp64Micro(tuple", "toUnixTimestamp64Micro(tuple"),),
    },
    "the oldest evaluation counts": {
        "0013_create_evaluations": (("ReplacingMergeTree(evaluated_at)", "MergeTree"),),
        "evaluations_of_operations": (("argMax(e.score_ppm", "argMin(e.score_ppm"),),
    },
    "any copy that does not count wins": {
        "figures_raw": (("(start, trace_id, span_id, service) IN (", "(start, trace_id, span_id, '') NOT IN ("),),
    },
}


class _Broken(Database):
    """A database whose statements are changed on the way in, wherever a file's text stands; for controls."""

    edits: list[tuple[str, str]]

    def change(self, edits: dict[str, tuple[tuple[str, str], ...]]) -> None:
        texts = {path.stem: path.read_text() for path in sql.root().rglob("*.sql")}
        for file, pairs in edits.items():
            for old, _ in pairs:
                assert old in texts[file.split("/")[-1]], f"the control's text {old!r} is not in {file}"
        self.edits = [pair for pairs in edits.values() for pair in pairs]

    def _edited(self, statement: sql.Statement) -> sql.Statement:
        text = statement.text
        for old, new in self.edits:
            text = text.replace(old, new)
        return sql.Statement(statement.name, text)

    def query(self, statement: sql.Statement, *args: object, **kwargs: object) -> list[Row]:
        return super().query(self._edited(statement), *args, **kwargs)  # type: ignore[arg-type] # passed through

    def command(self, statement: sql.Statement, *args: object, **kwargs: object) -> None:
        super().command(self._edited(statement), *args, **kwargs)  # type: ignore[arg-type] # passed through

    def install_view(self, view: sql.Statement) -> None:
        super().install_view(self._edited(view))


class _Caught(Exception):  # noqa: N818 - the end of a control, not an error
    """A control gave a wrong answer, which is all it is run for."""


class Oracle:
    """One history, one store, one truth."""

    def __init__(
        self, directory: Path, *, seed: int, edits: dict[str, tuple[tuple[str, str], ...]] | None = None
    ) -> None:
        self.rng = random.Random(seed)
        self.seed = seed
        self.is_control = bool(edits)
        name = f"oracle_{abs(hash((seed, str(edits)))) % 10**9}"
        database = (_Broken if edits else Database).open_directory(directory, name=name)
        if isinstance(database, _Broken):
            database.change(edits or {})
        self.store = EmbeddedStore(database, settings=Settings(), jobs=runners())
        self.store.migrate()
        for table in ("otel_traces", "usage_events"):  # what a power cut would lose is no question here
            text = f"ALTER TABLE {table} MODIFY SETTING fsync_after_insert = 0"
            self.store.database.command(sql.Statement("no_fsync", text))
        # a control may count hours in other units than rows; they must not cut the work into windows of an hour
        self.roller = Roller(database, max_rows=2**63) if edits else Roller(database)
        self.truth = Truth()
        self.events = EventTruth(self.truth)
        self.compared = 0
        self.wrong = 0
        self.first_difference = ""

    # -- doing

    def send(self, copies: Sequence[Copy]) -> None:
        """Store copies the way the collector does: rows of otel_traces, in batches."""
        self.truth.add(copies)
        self.insert(copies)

    def insert(self, copies: Sequence[Copy]) -> None:
        """Insert without telling the truth."""
        size = 20_000
        for at in range(0, len(copies), size):
            self.store.database.insert_rows("otel_traces", _COLUMNS, [_span(c) for c in copies[at : at + size]])

    def roll(self) -> None:
        """Roll all that is dirty at some moment of the last two days: what began after it, or shortly before, fills."""
        self.roller.run(as_of=END - dt.timedelta(seconds=self.rng.randrange(2 * 86400)))

    def settle(self) -> None:
        """Roll all that is dirty long after everything began, so that no hour fills any more."""
        self.roller.run(as_of=END + dt.timedelta(days=14))

    def alias(self, kind: str, alias: str, name: str, *, edited: int) -> None:
        """Give an alias its name."""
        self.truth.aliases[kind, alias] = name
        self.store.database.command(
            sql.statement("set_alias"),
            {"kind": kind, "alias": alias, "name": name, "as_of": FIRST_DAY + dt.timedelta(days=edited)},
        )

    def set_price(self, price: Price) -> None:
        """Set a price, or take one away."""
        self.events.set_price(price)
        self.store.run("set_price", price.parameters())

    def evaluate(self, evaluated: Sequence[Evaluated]) -> None:
        """Store evaluations, the way the collector does."""
        self.events.evaluate(evaluated)
        rows = [_evaluation(one, number) for number, one in enumerate(evaluated)]
        self.store.database.insert_rows("otel_traces", _COLUMNS, rows)

    def erase(self, user: int) -> None:
        """Erase a user."""
        self.truth.erase(user)
        self.store.run("erase_user", {"user_hash": f"{user:016x}", "as_of": FIRST_DAY})

    def expire(self, *, as_of: dt.datetime) -> None:
        """Expire what is past its retention, and tell the truth which months that was."""
        gone = {
            dt.date.fromisoformat(str(row["partition"]))
            for row in self.store.run("expire", {"as_of": as_of})
            if row["table"] == "usage_events"
        }
        assert gone, f"nothing expired as of {as_of}"
        self.truth.frozen |= gone
        self.truth.dropped |= gone

    # -- asking

    def check(self, step: str) -> None:
        """Compare random windows with the truth."""
        began = time.perf_counter()
        wrong = 0
        for question in self._questions(step):
            expected, got = self.truth.answer(**question), self._ask(question)  # type: ignore[arg-type] # one record
            self.compared += 1
            difference = _difference(expected, got)
            if difference:
                wrong += 1
                self.first_difference = self.first_difference or f"{step}: {question}: {difference}"
        for view, kind, operation, since, until in asked(random.Random(f"{step}{self.compared}"), days=DAYS):
            want = self.events.answer(view, kind, operation, since, until)
            rows = rows_by_key(view, self.store.read(view, view_of(kind, operation, since, until)))
            self.compared += 1
            difference = _difference(want, rows)
            if difference:
                wrong += 1
                said = f"{view} {kind} {operation} {since} {until}"
                self.first_difference = self.first_difference or f"{step}: {said}: {difference}"
        self.wrong += wrong
        seconds = time.perf_counter() - began
        print(f"{'ok   ' if not wrong else 'WRONG'} {step:58s} {wrong} wrong, {seconds:.1f} s", flush=True)  # noqa: T201 - a script's progress
        if wrong and self.is_control:
            raise _Caught

    def _questions(self, step: str) -> list[dict[str, object]]:
        rng = random.Random(f"{step}{self.compared}{self.seed}")
        end = FIRST_US + DAYS * DAY_US
        a, b = sorted(FIRST_US + rng.randrange(DAYS * DAY_US) for _ in range(2))
        short = FIRST_US + rng.randrange(DAYS * DAY_US)
        zone = rng.choice(ZONES)
        asked: list[tuple[str, str, str, str, str, int, int]] = [
            ("model", "model.request", "subject", "", "UTC", FIRST_US, end),
            ("model", "model.request", "", "", "UTC", a, b + 1),
            ("model", "model.request", "subject", "", "UTC", short, short + rng.randrange(60 * 10**6, 3 * HOUR_US)),
            ("model", "model.request", "", rng.choice(("hour_of_day", "hour_of_week", "hour")), zone, a, b + 1),
            ("model", "model.request", "", rng.choice(("day", "day_of_week")), "UTC", a, b + 1),
            ("model", "model.request", "subject", rng.choice(("week", "month", "day")), "UTC", a, b + 1),
            ("all", "model.request", "", rng.choice(("week", "month", "day")), zone, a, b + 1),
            # the last days have slices
            ("all", "model.request", "", "", "UTC", end - rng.randrange(3 * DAY_US), end - rng.randrange(HOUR_US)),
            ("model", "model.request", "subject", "", "UTC", end - 2 * DAY_US + 7, end - rng.randrange(DAY_US)),
            ("all", "model.load", "", "", "UTC", a // DAY_US * DAY_US, b + 1),
        ]
        for kind in rng.sample(KINDS, 2):
            since = FIRST_US + rng.randrange((DAYS - 1) * DAY_US)
            until = since + 1 + rng.randrange(20 * DAY_US)
            operation = "pattern.run" if kind == "pattern" else rng.choice((*OPERATIONS[:3], "nested model.request"))
            asked.append((kind, operation, "subject", "", "UTC", since, until))
        return [
            {
                "kind": kind,
                "operation": operation,
                "by": by,
                "per": per,
                "zone": zone,
                "since_us": since,
                "until_us": until,
                "as_of_us": until,
                "abandoned_after_us": rng.randrange(5 * DAY_US),
            }
            for kind, operation, by, per, zone, since, until in asked
        ]

    def _ask(self, question: dict[str, object]) -> dict[Key, dict[str, object]]:
        finest = FINEST.get(str(question["per"]), "hour") if question["zone"] == "UTC" else "hour"
        rows = self.store.read(
            "usage_summary",
            {
                "kind": question["kind"],
                "operation": question["operation"],
                "by": question["by"],
                "per": question["per"],
                "zone": question["zone"],
                "finest": finest,
                "since": moment(int(str(question["since_us"]))),
                "until": moment(int(str(question["until_us"]))),
                "as_of": moment(int(str(question["as_of_us"]))),
                "abandoned_after_seconds": int(str(question["abandoned_after_us"])) / 10**6,
            },
        )
        return {
            (str(row["key"]), sql.as_utc(row["period"]), int(str(row["slot"]))): row
            for row in rows
            if row["operations"]
        }


def _difference(expected: Mapping[Any, Mapping[str, object]], got: Mapping[Any, Mapping[str, object]]) -> str:
    if expected.keys() != got.keys():
        return f"keys {sorted(expected.keys() ^ got.keys(), key=str)[:5]} on one side only"
    for key, figures in expected.items():
        for name, value in figures.items():
            given = got[key][name]
            same = (
                math.isclose(value, given, rel_tol=1e-9)
                if isinstance(value, float) and isinstance(given, float)
                else value == given
            )
            if not same:
                return f"{key!r} {name}: expected {value!r}, got {given!r}"
    return ""


def _evaluation(one: Evaluated, number: int) -> list[object]:
    start_ns, trace_id, span_id = one.identity
    attributes = {
        "modeltally.operation": "evaluation",
        "modeltally.evaluation.name": one.name,
        "modeltally.evaluation.trace_id": f"{trace_id:032x}",
        "modeltally.evaluation.span_id": f"{span_id:016x}",
        "modeltally.evaluation.start": str(start_ns),
        "modeltally.quality.score": f"{one.score_ppm / 10**6:.6f}",
        "modeltally.quality.source": one.source,
    }
    own = f"{one.at_us * 1000 + number % 1000:032x}"
    return [one.at_us * 1000, own, own[16:], "evaluate", "judge", attributes, 0, moment(one.at_us)]


def _span(copy: Copy) -> list[object]:
    attributes = {
        "modeltally.operation": copy.operation,
        "modeltally.outcome": copy.outcome,
        "modeltally.unfinished": "true" if copy.is_unfinished else "",
        "modeltally.nested": "" if copy.is_counted else "true",
        "modeltally.model.id": copy.model,
        "modeltally.pattern.id": copy.pattern,
        "modeltally.project": copy.project,
        "modeltally.nested.service": copy.marked_service,
        "error.type": copy.error_type,
        "user.hash": f"{copy.user:016x}" if copy.user else "",
        "modeltally.model.cold_start": "true" if copy.cold_start else "",
        "gen_ai.usage.input_tokens": str(copy.input_tokens),
        "modeltally.download.bytes": str(copy.moved_bytes),
        "modeltally.model.size": str(copy.size_bytes),
        "gen_ai.usage.cache_read.input_tokens": str(copy.cached_tokens),
        "modeltally.cost.amount": "" if copy.cost_millionths is None else f"{copy.cost_millionths / 10**6:.6f}",
        "modeltally.cost.currency": copy.currency,
        "modeltally.context.id": copy.context,
        "modeltally.context.type": copy.context_type,
        "modeltally.quality.score": "" if copy.quality_ppm is None else str(copy.quality_ppm / 10**6),
    }
    return [
        copy.start_ns,
        f"{copy.trace_id:032x}",
        f"{copy.span_id:016x}",
        copy.operation,
        copy.service,
        {name: value for name, value in attributes.items() if value},
        0 if copy.is_unfinished else copy.duration_us * 1000 + 999,
        moment(copy.received_ms * 1000),
    ]


def run(
    directory: Path, *, operations: int, seed: int, edits: dict[str, tuple[tuple[str, str], ...]] | None = None
) -> Oracle:
    """Play the whole history.

    Args:
        directory: Where the engine keeps its files.
        operations: How many operations the first wave has; later waves add about half as many.
        seed: Repeats the run.
        edits: What a control breaks; a control ends at its first wrong answer.

    Returns:
        The oracle, with how many answers it compared and how many were wrong.
    """
    o = Oracle(directory, seed=seed, edits=edits)
    try:
        with contextlib.suppress(_Caught):
            _play(o, operations)
    except BaseException:  # whatever ends it, the next one of this process opens a store of its own
        o.store.close()
        raise
    return o


def _play(o: Oracle, operations: int) -> None:
    rng = o.rng
    ops = generate(operations, days=DAYS, rng=rng)
    late: list[Copy] = []
    first: list[Copy] = []
    for op in ops:
        (late if rng.random() < 0.08 else first).append(op)
    late = [replace(op, received_ms=op.received_ms + 9 * 86400_000) for op in late]
    replays = [_replayed(op, rng) for op in rng.sample(ops, operations // 5)]
    extra = _extra_copies(ops, rng)
    before, after = extra[::2], extra[1::2]
    for wave in (first, late, replays, before, after):
        rng.shuffle(wave)
    half = len(first) // 2
    evaluated = evaluations_of(rng.sample(ops, operations // 8), rng, days=DAYS)
    rng.shuffle(evaluated)
    told = list(prices(rng, 60, days=DAYS, since=0))
    some = len(evaluated) // 3

    for price in told[:30]:
        o.set_price(price)
    o.evaluate(evaluated[:some])
    _half_by_half(o, before, first)
    o.evaluate(evaluated[some : 2 * some])
    for price in told[30:]:
        o.set_price(price)
    o.check("evaluated, and other prices")
    o.roll()
    o.check("rolled")
    o.send(after)
    o.check("started copies and markers after their originals, dirty")
    o.send(replays[::2])
    o.check("a tenth replayed in other batches, dirty")
    o.roll()
    o.check("rolled")
    o.send(replays[1::2] + first[: half // 4])
    o.check("another tenth, and a batch again, dirty")
    o.roll()
    o.send(late)
    o.check("nine days late, dirty")
    o.roll()
    o.check("rolled")
    o.evaluate(evaluated[some // 2 :][::-1])
    for price in told[::3]:
        o.set_price(replace(price, is_removed=True, set_at=price.set_at + dt.timedelta(days=1)))
    o.check("evaluated, again, in another order, and some prices taken away")
    _edit_aliases(o)
    _erase_users(o, ops, replays)
    _new_users_without_numbers(o, operations // 10)
    _two_rollers(o, operations // 5)
    _reads_beside_writes_and_rolls(o, operations // 5)
    _expire_months(o, operations // 20, first)


def _half_by_half(o: Oracle, before: list[Copy], first: list[Copy]) -> None:
    half = len(first) // 2
    o.send(before)
    o.send(first[:half])
    o.check("half inserted, started copies and markers first, nothing rolled")
    o.roll()
    o.check("rolled")
    o.send(first[half:])
    o.check("other half, dirty")
    o.roller.roll_events("hour", o.roller.dirty().hours[:200], as_of=END)
    o.check("stopped after some hours")
    o.roller.roll_events("hour", o.roller.dirty().hours, as_of=END)
    o.check("hours rolled, days not")
    o.roller.roll_parts("day", o.roller.dirty().days, as_of=END)
    o.check("days rolled, weeks not")


def _replayed(op: Copy, rng: random.Random) -> Copy:
    later = replace(op, received_ms=op.received_ms + rng.randrange(-3600_000, 10**8))
    if rng.random() < 0.3 and not op.is_unfinished:  # a conflicting copy: the first received counts
        later = replace(later, duration_us=op.duration_us + 7, user=op.user + 1 if op.user else 0)
    return later


def _extra_copies(ops: list[Copy], rng: random.Random) -> list[Copy]:
    finished = [op for op in ops if not op.is_unfinished]
    copies = [started(op, delay_ms=rng.randrange(-9000, 9000)) for op in rng.sample(finished, len(ops) // 10)]
    copies += [marker(op, delay_ms=rng.randrange(-9000, 9000)) for op in rng.sample(ops, len(ops) // 20)]
    return copies + [
        marker_of_another(op, delay_ms=rng.randrange(-9000, 9000), names_it=rng.random() < 0.5)
        for op in rng.sample(ops, len(ops) // 20)
    ]


def _edit_aliases(o: Oracle) -> None:
    for number in range(5):
        o.alias("model", f"alias{number}", f"m{number:02d}", edited=1)
    o.check("aliases given")
    o.alias("model", "m07", "m01", edited=2)
    o.alias("model", "alias3", "m09", edited=3)
    o.check("an alias edited")


def _erase_users(o: Oracle, ops: list[Copy], replays: list[Copy]) -> None:
    # a landing table of 120 days would make each erasure rewrite 120 partitions; in life it holds a week
    o.store.database.command(sql.Statement("clear_landing", "TRUNCATE TABLE otel_traces"))
    victims = sorted({op.user for op in ops if op.user})[:2]
    for user in victims:
        o.erase(user)
    o.check("users erased")
    o.send([replace(op, received_ms=op.received_ms + 5 * 10**8) for op in replays if op.user in victims])
    o.check("their operations replayed, dirty")
    o.roll()
    o.check("rolled")


def _new_users_without_numbers(o: Oracle, count: int) -> None:
    o.send(generate(count, days=DAYS, rng=o.rng, users_from=1000))
    o.check("users never seen, dirty")
    o.roller.number_users(_whole_hours(o))
    o.check("numbered, roller stopped")
    o.send(generate(count // 4, days=DAYS, rng=o.rng, users_from=2000))
    o.store.database.command(sql.statement("roll/roll_events"), {"grain": "hour", "as_of": END, **_whole_hours(o)})
    o.check("rolled without numbering: hours with new users stay dirty")
    o.roll()
    o.check("rolled")


def _whole_hours(o: Oracle) -> dict[str, object]:
    hours = [hour.start for hour in o.roller.dirty().hours]
    return {"raw_hours": hours, "raw_slices": [], "since": FIRST_DAY, "until": END}


def _two_rollers(o: Oracle, count: int) -> None:
    stop = threading.Event()
    errors: list[StoreError] = []

    def roll() -> None:
        roller = Roller(o.store.database, max_rows=2 * count)
        while not stop.is_set():
            try:
                roller.run(as_of=END - dt.timedelta(hours=random.Random(DAYS).randrange(30)))
            except StoreError as error:
                errors.append(error)
                return

    threads = [threading.Thread(target=roll) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        wave = generate(count, days=DAYS, rng=o.rng, users_from=1000)
        step = max(1, len(wave) // 5)
        for at in range(0, len(wave), step):
            o.send(wave[at : at + step])
        o.check("two rollers running, writer just stopped")
        o.check("two rollers running")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not errors, errors[0]
    o.roll()
    o.check("rollers stopped, rolled")


def _reads_beside_writes_and_rolls(o: Oracle, count: int) -> None:
    """While rows come and are rolled an answer has all that was stored before it was asked, and nothing twice.

    Every operation is new and counts, so each figure only grows: it lies between what was stored when the question was
    put and what was sent when it was answered.
    """
    began = time.perf_counter()
    wave = [
        replace(op, is_counted=True, operation="model.request", model="m00")
        for op in generate(count, days=DAYS, rng=o.rng)
    ]
    # half of it into the hours that have slices
    last_day = FIRST_US + (DAYS - 1) * DAY_US
    wave[::2] = [
        replace(op, start_ns=op.start_ns % (DAY_US * 1000) + last_day * 1000, received_ms=(last_day + DAY_US) // 1000)
        for op in wave[::2]
    ]
    end = FIRST_US + DAYS * DAY_US
    windows = [(FIRST_US, end), (end - 2 * DAY_US + 7, end - HOUR_US // 3), (end - 40 * DAY_US, end)]
    before = {window: _requests(o, window) for window in windows}
    done = threading.Event()
    sent = stored = 0

    def write() -> None:
        nonlocal sent, stored
        step = max(1, len(wave) // 60)
        for at in range(0, len(wave), step):
            sent = at + step
            o.insert(wave[at : at + step])
            stored = at + step
        done.set()

    def roll() -> None:
        while not done.is_set():
            o.roller.run(as_of=END - dt.timedelta(hours=5))

    threads = [threading.Thread(target=write), threading.Thread(target=roll)]
    for thread in threads:
        thread.start()
    wrong = asked = 0
    while not done.is_set() or not asked:
        for window in windows:
            least = before[window] + _within(wave[:stored], window)
            got = _requests(o, window)
            most = before[window] + _within(wave[:sent], window)
            asked += 1
            wrong += not least <= got <= most
    for thread in threads:
        thread.join()
    o.compared += asked
    o.wrong += wrong
    o.truth.add(wave)
    seconds = time.perf_counter() - began
    said = f"asked {asked} times beside writes and rolls"
    print(f"{'ok   ' if not wrong else 'WRONG'} {said:58s} {wrong} wrong, {seconds:.1f} s", flush=True)  # noqa: T201 - a script's progress
    if wrong and o.is_control:
        raise _Caught
    o.check("writer and roller stopped")
    o.roll()
    o.check("rolled")


def _requests(o: Oracle, window: tuple[int, int]) -> int:
    question: dict[str, object] = {
        "kind": "all",
        "operation": "model.request",
        "by": "",
        "per": "",
        "zone": "UTC",
        "since_us": window[0],
        "until_us": window[1],
        "as_of_us": window[1],
        "abandoned_after_us": 0,
    }
    return sum(int(str(row["operations"])) for row in o._ask(question).values())


def _within(copies: Sequence[Copy], window: tuple[int, int]) -> int:
    return sum(window[0] <= copy.start_us < window[1] for copy in copies)


def _expire_months(o: Oracle, count: int, first: list[Copy]) -> None:
    o.send(generate(count, days=DAYS, rng=o.rng))
    o.expire(as_of=FIRST_DAY + dt.timedelta(days=31 + 9 + 2 + 90))
    o.check("January expired, the rest dirty")
    o.send(generate(count, days=45, rng=o.rng) + first[:100])
    o.check("late rows into January")
    o.roll()
    o.check("rolled")
    o.expire(as_of=FIRST_DAY + dt.timedelta(days=31 + 28 + 9 + 2 + 90))
    o.send(generate(count, days=80, rng=o.rng))
    o.check("February expired, late rows again, dirty")
    o.roll()
    o.check("rolled")
    context = o.store.read("answer_context", {"since": FIRST_DAY, "until": FIRST_DAY + dt.timedelta(days=DAYS)})[0]
    o.compared += 1
    # identities: usage_late collapses copies when parts merge, so at least as many rows as identities
    o.wrong += int(str(context["late"])) < len(o.truth.late)
    o.settle()
    o.check("nothing fills any more")
    dirty = o.roller.dirty()
    o.compared += 1
    o.wrong += bool(dirty.hours or dirty.days or dirty.weeks)


def main() -> int:
    """Run from the command line; 0 when every answer was right and every control was caught."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--controls", action="store_true", help="also run the controls, which must fail")
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="oracle-"))
    failed = False
    try:
        began = time.perf_counter()
        o = run(directory, operations=options.operations, seed=options.seed)
        minutes = (time.perf_counter() - began) / 60
        answers = f"{o.compared} answers, {o.wrong} wrong, {minutes:.1f} min"
        report(f"{options.operations} operations, seed {options.seed}: {answers}")
        failed = o.wrong > 0
        if failed:
            report(o.first_difference)
        if options.controls:
            for name, edits in CONTROLS.items():
                broken = run(directory, operations=min(options.operations, 5000), seed=options.seed, edits=edits)
                caught = broken.wrong > 0
                report(f"control {name!r}: {'caught' if caught else 'NOT CAUGHT'} after {broken.compared} answers")
                failed |= not caught
        o.store.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return int(failed)


report: Callable[[str], None] = print

if __name__ == "__main__":
    sys.exit(main())
