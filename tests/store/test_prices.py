"""Prices: what is no price is refused, with what would be one."""

from __future__ import annotations

import datetime as dt
import random
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import ModelTallyError
from queries.given import EPOCH, Given, Operation, empty, give

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import EmbeddedStore
    from support.stores import Template

GOOD = {"model": "flux", "unit": "gpu-hour", "amount": "2.5", "currency": "USD", "valid_from": "2026-03-01"}
EVER = {"since": dt.datetime(2000, 1, 1, tzinfo=dt.UTC), "until": dt.datetime(2149, 6, 6, tzinfo=dt.UTC)}
MARCH = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def opened(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open one store for all tests."""
    with template.opened(tmp_path_factory.mktemp("prices"), clock=lambda: EPOCH) as store:
        yield store


@pytest.fixture
def store(opened: EmbeddedStore) -> EmbeddedStore:
    """Give every test an empty store."""
    empty(opened)
    return opened


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"unit": "gpu-day"}, "did you mean 'gpu_hour'"),
        ({"unit": None}, "a price needs unit"),
        ({"model": " "}, "a price needs model"),
        ({"model": "a\0b"}, "control characters are not allowed"),
        ({"model": "m" * 100_000}, "longer than 65536 characters"),
        ({"amount": None}, "a price needs amount"),
        ({"amount": "cheap"}, "amount = 'cheap' is no number"),
        ({"amount": "nan"}, "amount = 'nan' is no price"),
        ({"amount": "sNaN"}, "amount = 'sNaN' is no price"),
        ({"amount": "inf"}, "amount = 'inf' is no price"),
        ({"amount": float("nan")}, "amount = 'nan' is no price"),
        ({"amount": "-1"}, "amount = '-1' is no price; give a number from 0 to 1,000,000,000"),
        ({"amount": "1e999999"}, "is no price"),
        ({"amount": "1e-999999"}, "has more than 6 decimals"),
        ({"amount": "0.0000001"}, "has more than 6 decimals"),
        ({"currency": "dollars"}, "currency = 'DOLLARS' is no currency"),
        ({"currency": None}, "a price needs currency"),
        ({"valid_from": None}, "a price needs valid_from"),
        ({"valid_from": "yesterday"}, "valid_from = 'yesterday' is no day"),
        ({"valid_from": "2026-03-01T10:00"}, "prices go by whole days in UTC"),
        ({"valid_from": "1999-12-31"}, "valid_from = 1999-12-31 is not from 2000-01-01 to 2149-06-06"),
        ({"valid_until": "2026-03-01"}, "valid_until = 2026-03-01 is not after valid_from = 2026-03-01"),
        ({"valid_until": "2026-02-01"}, "no day would have this price"),
        ({"valid_until": "2200-01-01"}, "valid_until = 2200-01-01 is not from 2000-01-01 to 2149-06-06"),
        ({"as_of": "soon"}, "as_of = 'soon' is no time"),
    ],
)
def test_mistake_is_named(store: EmbeddedStore, wrong: dict[str, object], message: str) -> None:
    """What is missing, unknown or no price is named with what would be one; nothing is stored."""
    with pytest.raises(ModelTallyError) as raised:
        store.run("set_price", {**GOOD, **wrong})
    assert message in str(raised.value)
    assert store.read("prices_by_model", EVER) == []


@pytest.mark.parametrize("model", ["it's", 'a"b', "ü - 模型", "x'); DROP TABLE prices --", "*", "m" * 10_000])
def test_any_name_of_a_model_is_a_name(store: EmbeddedStore, model: str) -> None:
    """Quotes, other scripts and what looks like SQL are parts of a name."""
    store.run("set_price", {**GOOD, "model": model})
    assert [row["model"] for row in store.read("prices_by_model", EVER)] == [model]


@pytest.mark.parametrize(
    ("amount", "stored"), [("0.0", 0), (0, 0), ("1000000000", 1e9), (" 0.000001 ", 1e-6), ("1E3", 1e3)]
)
def test_amounts_at_the_edges_are_prices(store: EmbeddedStore, amount: object, stored: float) -> None:
    """Nothing, a millionth and the most there may be are prices."""
    store.run("set_price", {**GOOD, "amount": amount})
    assert [row["amount"] for row in store.read("prices_by_model", EVER)] == [stored]


def test_costs_are_exact_whatever_the_prices(store: EmbeddedStore) -> None:
    """Thousands of costs that no binary fraction holds add up to the nearest number there is of the exact sum."""
    rng = random.Random(20260302)
    amounts = {unit: f"{rng.randrange(10**9)}.{rng.randrange(10**6):06d}" for unit in ("input_tokens", "gpu_hour")}
    for unit, amount in amounts.items():
        store.run("set_price", {**GOOD, "unit": unit, "amount": amount})
    tokens = [rng.randrange(10**10) for _ in range(300)]
    busy_ms = [rng.randrange(1, 10**9) for _ in tokens]
    give(
        store,
        Given(
            operations=[
                Operation(at=MARCH, ms=ms, attributes={"gen_ai.usage.input_tokens": str(count)})
                for ms, count in zip(busy_ms, tokens, strict=True)
            ]
        ),
    )
    (row,) = store.read(
        "cost_by_subject",
        {"kind": "all", "operation": "model.request", "since": MARCH, "until": MARCH + dt.timedelta(days=1),
         "as_of": MARCH + dt.timedelta(days=1), "abandoned_after_seconds": 3600},
    )  # fmt: skip
    by_tokens = Fraction(amounts["input_tokens"]) * sum(tokens) / 10**6
    by_time = Fraction(amounts["gpu_hour"]) * sum(busy_ms) / 3_600_000
    assert row["priced"] == len(tokens)
    for name, exact in (
        ("cost_of_tokens", by_tokens),
        ("cost_of_gpu_time", by_time),
        ("cost_by_price", by_tokens + by_time),
    ):
        assert abs(Fraction(float(str(row[name]))) / exact - 1) < Fraction(1, 2**51)
