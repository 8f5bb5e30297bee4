"""Records hold their values compactly, and give back exactly what they were given."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from modeltally.instrument import _names as names
from modeltally.instrument._packed import MAX_SHAPES, Packed, Shapes
from modeltally.instrument._privacy import Hashed, fingerprint
from modeltally.instrument._record import Record

if TYPE_CHECKING:
    from modeltally.instrument._scalars import Stored


def packed(values: dict[str, Stored], shapes: Shapes) -> Packed:
    """Return a packed record of those values."""
    record = Record(names.MODEL_LOAD, trace_id=1, span_id=1, parent_id=0, sampled=True, start_ns=1)
    record.values = dict(values)
    return Packed(record, shapes)


def test_values_are_given_back_whatever_came_before() -> None:
    """Equal, in order and of the same types, for shapes and values that come, change and go."""
    rng = random.Random(20241120)
    keywords = list(names.ATTRIBUTES)
    digests: list[Stored] = [fingerprint("a prompt"), Hashed("0123456789abcdef", "01234567")]
    constants: list[Stored] = ["a", 1, 1.0, True, False, 0, 0.0, "", float("nan"), "\udcff", 2**80, *digests]
    shapes = Shapes()
    given: list[dict[str, Stored]] = []
    records: list[Packed] = []
    for index in range(20 * MAX_SHAPES):
        names_of_values = keywords[: rng.choice([0, 1, 2, 15, 60, index % len(keywords)])]
        fresh = rng.choice([0.0, 0.1, 0.9])
        values = {
            name: f"{name} {index}" if rng.random() < fresh else constants[(len(name) + index // 500) % len(constants)]
            for name in names_of_values
        }
        given.append(values)
        records.append(packed(values, shapes))
    for values, record in zip(given, records, strict=True):
        assert list(map(repr, record.record().values.items())) == list(map(repr, values.items()))
    assert len(shapes.by_keys) <= MAX_SHAPES


def test_everything_is_given_back() -> None:
    """Ids up to their greatest, times, outcome, error, flags and the host's own attributes."""
    record = Record(
        names.MODEL_REQUEST, trace_id=2**128 - 1, span_id=2**64 - 1, parent_id=7, sampled=False, start_ns=10**18
    )
    record.host_id, record.end_ns, record.outcome, record.source = 9, 10**18 + 5, names.ERROR, names.SOURCE_AUTO
    record.error_type, record.error_site, record.error_message = "ValueError", "m:f", "why"
    record.nested = record.unfinished = True
    record.is_counted = False
    record.custom, record.values = {"acme.team": "red"}, {"model": "flux"}
    again = Packed(record, Shapes()).record()
    kept = [name for name in Record.__slots__ if name != "size"]
    assert [getattr(again, name) for name in kept] == [getattr(record, name) for name in kept]


def test_record_is_charged_for_its_own_values_only() -> None:
    """What the one before held already costs nothing more; a long text of its own costs its length."""
    shapes = Shapes()
    task = "x" * 1000
    first, second = packed({"task": task, "seed": 1}, shapes), packed({"task": task, "seed": 2}, shapes)
    third = packed({"task": f"{3:1000}", "seed": 1}, shapes)
    assert first.memory_bytes > second.memory_bytes + 1000
    assert third.memory_bytes > second.memory_bytes + 900
