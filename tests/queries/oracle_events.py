"""What the oracle asks of events alone - costs, contexts, evaluations - and the truth of it."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from queries.oracle_truth import DAY_US, FIRST_US, moment

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator, Sequence

    from modeltally.store.client import Row
    from queries.oracle_truth import Copy, Truth

__all__ = ["Evaluated", "EventTruth", "Price", "asked", "evaluations_of", "prices", "rows_by_key", "view_of"]

Rows = dict[tuple[object, ...], dict[str, object]]
_NEVER = dt.date(2149, 6, 6)
_UNITS = ("input_tokens", "cached_tokens", "request", "gpu_hour")
_KINDS = ("model", "project", "service", "all")
_COLUMNS = {
    "cost_by_subject": (
        "operations", "reported", "cost_reported", "priced", "unpriced", "cost_by_price", "cost_of_tokens",
        "cost_of_requests", "cost_of_gpu_time", "busy_hours",
    ),
    "contexts_by_subject": ("operations", "contexts", "context_types", "operations_in_context"),
    "evaluations_by_subject": ("evaluated", "mean_score", "min_score", "max_score", "last_score"),
    "success_by_subject": ("judged", "evaluated", "mean_quality"),
}  # fmt: skip
_KEYS = {
    "cost_by_subject": ("subject", "currency"),
    "contexts_by_subject": ("subject",),
    "evaluations_by_subject": ("subject", "evaluation", "source", "is_operation_known"),
    "success_by_subject": ("subject",),
}


@dataclass(frozen=True)
class Price:
    """A price, as the job takes it."""

    model: str
    unit: str
    amount: str
    currency: str
    first: dt.date
    end: dt.date
    set_at: dt.datetime
    is_removed: bool = False

    def parameters(self) -> dict[str, object]:
        """What the job is told."""
        return {
            "model": self.model or "all",
            "unit": self.unit,
            "amount": self.amount,
            "currency": self.currency,
            "valid_from": self.first,
            "valid_until": self.end,
            "as_of": self.set_at,
            "is_removed": self.is_removed,
        }


@dataclass(frozen=True)
class Evaluated:
    """What somebody said of an operation."""

    identity: tuple[int, int, int]
    name: str
    source: str
    at_us: int
    score_ppm: int


def prices(rng: random.Random, count: int, *, days: int, since: int) -> Iterator[Price]:
    """Make prices of a few models and of all, over parts of the history, each set later than the one before."""
    for number in range(count):
        first = moment(FIRST_US + rng.randrange(-20, days) * DAY_US).date()
        yield Price(
            model=rng.choice(("", "m00", "m01", "m02", "alias1", "m07")),
            unit=rng.choice(_UNITS),
            amount=f"{rng.randrange(200)}.{rng.randrange(10**6):06d}",
            currency=rng.choice(("USD", "USD", "EUR")),
            first=first,
            end=_NEVER if rng.random() < 0.5 else first + dt.timedelta(days=rng.randrange(1, 60)),
            set_at=moment(FIRST_US + (since + number) * 10**6),
        )


def evaluations_of(copies: Sequence[Copy], rng: random.Random, *, days: int) -> list[Evaluated]:
    """Evaluate some operations, most of them several times, and some that nobody sent."""
    found = []
    for number, copy in enumerate(copies):
        start_ns, trace_id, span_id = copy.identity
        identity = (start_ns, trace_id + 1, span_id) if rng.random() < 0.05 else copy.identity
        found += [
            Evaluated(
                identity=identity,
                name=rng.choice(("wit", "taste")),
                source=rng.choice(("user", "model", "")),
                # no two at the same moment: then none would be the newest
                at_us=FIRST_US + (rng.randrange(days * 86400) * 10**6) + number * 8 + turn,
                score_ppm=rng.randrange(10**6 + 1),
            )
            for turn in range(rng.randrange(1, 5))
        ]
    return found


class EventTruth:
    """What the store must answer of events."""

    def __init__(self, truth: Truth) -> None:
        """Look at what was sent through the truth of all operations."""
        self.truth = truth
        self.prices: dict[tuple[str, str, dt.date], Price] = {}
        self.newest: dict[tuple[tuple[int, int, int], str, str], Evaluated] = {}

    def set_price(self, price: Price) -> None:
        """Take a price in the place of the one of its model, unit and day."""
        self.prices[price.model, price.unit, price.first] = price

    def evaluate(self, evaluated: Iterable[Evaluated]) -> None:
        """Take evaluations in, in any order."""
        for one in evaluated:
            key = (one.identity, one.name, one.source)
            if key not in self.newest or one.at_us > self.newest[key].at_us:
                self.newest[key] = one

    def answer(self, view: str, kind: str, operation: str, since_us: int, until_us: int) -> Rows:
        """The expected rows of a view, by key."""
        copies = self.truth.readable(operation, since_us, until_us)
        if view == "cost_by_subject":
            return self._costs(kind, copies)
        if view == "contexts_by_subject":
            return self._contexts(kind, copies)
        if view == "evaluations_by_subject":
            return self._evaluations(kind, copies, since_us, until_us)
        return self._qualities(kind, operation, copies, since_us, until_us)

    def _subject(self, kind: str, copy: Copy) -> str:
        subject = "" if kind == "all" else str(getattr(copy, kind))
        return self.truth.name_of("model", subject) if kind == "model" else subject

    def _price(self, model: str, unit: str, day: dt.date) -> Price | None:
        valid = [
            price
            for price in self.prices.values()
            if price.unit == unit
            and not price.is_removed
            and self.truth.name_of("model", price.model) in {"", model}
            and price.first <= day < price.end
        ]
        return max(valid, key=lambda price: (price.model != "", price.set_at), default=None)

    def _items(self, copy: Copy) -> list[tuple[str, str, Fraction]]:
        model = self.truth.name_of("model", copy.model)
        if not model:
            return []
        day = moment(copy.start_us).date()
        is_done = not copy.is_unfinished and copy.outcome != "cancelled"
        cached = self._price(model, "cached_tokens", day) if copy.cached_tokens else None
        full = copy.input_tokens - (min(copy.cached_tokens, copy.input_tokens) if cached else 0)
        found = [(cached, "cost_of_tokens", Fraction(copy.cached_tokens, 10**6))] if cached else []
        for unit, column, is_said, many in (
            ("input_tokens", "cost_of_tokens", copy.input_tokens > 0, Fraction(full, 10**6)),
            ("request", "cost_of_requests", is_done and copy.operation == "model.request", Fraction(1)),
            ("gpu_hour", "cost_of_gpu_time", is_done, Fraction(copy.duration_us, 3_600_000_000)),
        ):
            price = self._price(model, unit, day) if is_said else None
            if price:
                found.append((price, column, many))
        return [(price.currency, column, Fraction(price.amount) * many) for price, column, many in found]

    def _costs(self, kind: str, copies: Iterable[Copy]) -> Rows:
        whole: dict[str, dict[str, int]] = defaultdict(lambda: {"operations": 0, "unpriced": 0, "busy_us": 0})
        sums: dict[tuple[str, str], dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for copy in copies:
            subject, items = self._subject(kind, copy), self._items(copy)
            whole[subject]["operations"] += 1
            whole[subject]["unpriced"] += not items
            if not copy.is_unfinished and copy.outcome != "cancelled":
                whole[subject]["busy_us"] += copy.duration_us
            for currency, column, cost in items:
                sums[subject, currency][column] += cost
            for currency in {currency for currency, *_ in items}:
                sums[subject, currency]["priced"] += 1
            if copy.cost_millionths is not None:
                sums[subject, copy.currency]["reported"] += 1
                sums[subject, copy.currency]["cost_reported"] += Fraction(copy.cost_millionths, 10**6)
        for subject in whole:
            if not any(key[0] == subject for key in sums):
                sums[subject, ""]["priced"] = Fraction()
        return {(subject, currency): _cost_row(whole[subject], of) for (subject, currency), of in sums.items()}

    def _contexts(self, kind: str, copies: Iterable[Copy]) -> Rows:
        groups: dict[str, list[Copy]] = defaultdict(list)
        for copy in copies:
            groups[self._subject(kind, copy)].append(copy)
        found: Rows = {}
        for subject, own in groups.items():
            places = [copy.context or copy.context_type for copy in own]
            found[subject,] = {
                "operations": len(own),
                "contexts": len({*places} - {""}),
                "context_types": len({copy.context_type for copy in own} - {""}),
                "operations_in_context": sum(place != "" for place in places),
            }
        return found

    def _evaluations(self, kind: str, copies: Iterable[Copy], since_us: int, until_us: int) -> Rows:
        asked_of = {copy.identity: self._subject(kind, copy) for copy in copies}
        groups: dict[tuple[object, ...], list[Evaluated]] = defaultdict(list)
        for (identity, name, source), one in self.newest.items():
            if identity in asked_of:
                groups[asked_of[identity], name, source, True].append(one)
            elif since_us <= identity[0] // 1000 < until_us and not self._is_stored(identity):
                groups["", name, source, False].append(one)
        return {
            key: {
                "evaluated": len(own),
                "mean_score": sum(one.score_ppm for one in own) / len(own) / 1e6,
                "min_score": min(one.score_ppm for one in own) / 1e6,
                "max_score": max(one.score_ppm for one in own) / 1e6,
                "last_score": max(own, key=lambda one: (one.at_us, one.score_ppm)).score_ppm / 1e6,
            }
            for key, own in groups.items()
        }

    def _is_stored(self, identity: tuple[int, int, int]) -> bool:
        copy = self.truth.copies.get(identity)
        return copy is not None and moment(copy.start_us).date().replace(day=1) not in self.truth.dropped

    def _qualities(self, kind: str, operation: str, copies: Iterable[Copy], since_us: int, until_us: int) -> Rows:
        said: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for (identity, *_), one in self.newest.items():
            said[identity].append(one.score_ppm)
        afterwards: dict[str, list[int]] = defaultdict(list)
        for copy in copies:
            scores = said.get(copy.identity)
            if scores and copy.quality_ppm is None:
                afterwards[self._subject(kind, copy)].append((2 * sum(scores) + len(scores)) // (2 * len(scores)))
        groups = self.truth.groups(
            kind=kind, operation=operation, by="subject", per="", zone="UTC", since_us=since_us, until_us=until_us
        )
        found: Rows = {}
        for (subject, *_), figures in groups.items():
            own = [copy.quality_ppm for copy in figures.rows if copy.quality_ppm is not None]
            more = afterwards.get(subject, [])
            judged = len(own) + len(more)
            found[subject,] = {
                "judged": judged,
                "evaluated": len(more),
                "mean_quality": (sum(own) + sum(more)) / judged / 1e6 if judged else None,
            }
        return found


def _cost_row(whole: dict[str, int], of: dict[str, Fraction]) -> dict[str, object]:
    parts = {column: of.get(column) for column in ("cost_of_tokens", "cost_of_requests", "cost_of_gpu_time")}
    priced, reported = int(of.get("priced", 0)), int(of.get("reported", 0))
    return {
        "operations": whole["operations"],
        "unpriced": whole["unpriced"],
        "busy_hours": whole["busy_us"] / 3.6e9,
        "reported": reported,
        "cost_reported": float(of["cost_reported"]) if reported else None,
        "priced": priced,
        "cost_by_price": float(sum(part for part in parts.values() if part is not None)) if priced else None,
        **{column: None if part is None else float(part) for column, part in parts.items()},
    }


def asked(rng: random.Random, *, days: int) -> Iterator[tuple[str, str, str, int, int]]:
    """What to ask: view, kind, operation and window."""
    end = FIRST_US + days * DAY_US
    for view in _COLUMNS:
        since, until = sorted(FIRST_US + rng.randrange(days * DAY_US) for _ in range(2))
        if rng.random() < 0.3:
            since, until = FIRST_US, end
        operation = rng.choice(("model.request", "model.request", "model.load", "pattern.run"))
        yield view, rng.choice(_KINDS), operation, since, until + 1


def view_of(kind: str, operation: str, since_us: int, until_us: int) -> dict[str, object]:
    """The parameters of each of these views."""
    return {
        "kind": kind,
        "operation": operation,
        "since": moment(since_us),
        "until": moment(until_us),
        "as_of": moment(until_us),
        "abandoned_after_seconds": 3600.0,
    }


def rows_by_key(view: str, rows: Iterable[Row]) -> Rows:
    """Rows as the truth has them."""
    return {
        tuple(bool(row[name]) if name.startswith("is_") else row[name] for name in _KEYS[view]): {
            name: row[name] for name in _COLUMNS[view]
        }
        for row in rows
    }
