"""Records hold their values compactly, and give back exactly what they were given."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from modeltally.instrument import _names as names
from modeltally.instrument._record import MAX_SHAPES, Record, Shapes

if TYPE_CHECKING:
    from modeltally.instrument._values import Stored


def packed(values: dict[str, Stored], shapes: Shapes) -> Record:
    """Return a packed record of those values."""
    record = Record(names.MODEL_LOAD, trace_id=1, span_id=1, parent_id=0, sampled=True, start_ns=1)
    record.values = dict(values)
    record.pack(shapes)
    return record


def test_values_are_given_back_whatever_came_before() -> None:
    """Equal, in order and of the same types, for shapes and values that come, change and go."""
    rng = random.Random(20241120)
    keywords = list(names.ATTRIBUTES)
    constants: list[Stored] = ["a", 1, 1.0, True, False, 0, 0.0, "", float("nan")]
    shapes: Shapes = {}
    given: list[dict[str, Stored]] = []
    records: list[Record] = []
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
        assert list(map(repr, record.unpacked().items())) == list(map(repr, values.items()))
    assert len(shapes) <= MAX_SHAPES


def test_record_is_charged_for_its_own_values_only() -> None:
    """What the one before held already costs nothing more; a long text of its own costs its length."""
    shapes: Shapes = {}
    task = "x" * 1000
    first, second = packed({"task": task, "seed": 1}, shapes), packed({"task": task, "seed": 2}, shapes)
    third = packed({"task": f"{3:1000}", "seed": 1}, shapes)
    assert first.memory_bytes > second.memory_bytes + 1000
    assert third.memory_bytes > second.memory_bytes + 900
