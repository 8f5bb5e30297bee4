"""Prices of the team's own: what it pays for tokens, requests and GPU time, valid on whole days in UTC.

A price that is set overrides what was set before for the days on which it is valid, and changes what is answered of
them, however long ago they were. What the model of an operation is called today decides, not what it was called then.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final

from modeltally.errors import ParameterError, UnknownNameError
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.store._database_store import DatabaseStore
    from modeltally.store.client import Row

__all__ = ["EVERY_MODEL", "UNITS", "set_price"]

# What is paid for, and how much of it a price is for.
UNITS: Final = {
    "input_tokens": "a million tokens that go in",
    "cached_tokens": "a million of those that are read from a cache",
    "output_tokens": "a million tokens that come out",
    "request": "a request that ended",
    "gpu_hour": "an hour that operations take",
}
EVERY_MODEL: Final = "all"
_FIRST_DAY, _NO_END = dt.date(2000, 1, 1), dt.date(2149, 6, 6)
_CURRENCY: Final = re.compile("[A-Z]{3}")
_DECIMALS: Final = 6
# A sum of costs stays far below what its whole number can hold.
_MOST: Final = Decimal(10) ** 9


def set_price(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Set a price, or take one away.

    Args:
        store: Where.
        parameters: ``model`` (or ``all``), ``unit``, ``valid_from``, and either ``amount`` and ``currency``, with
            ``valid_until`` where it ends, or ``is_removed``.

    Returns:
        One row: what is stored now.

    Raises:
        ParameterError: A value is missing or cannot be used; the message says what can.
        UnknownNameError: There is no such unit.
        StoreError: The engine refused.
    """
    is_removed = bool(parameters.get("is_removed"))
    unit = _text(parameters, "unit").replace("-", "_")
    if unit not in UNITS:
        raise UnknownNameError("unit of prices", unit, UNITS)
    model = _text(parameters, "model")
    first, end = _day(parameters, "valid_from"), _day(parameters, "valid_until", default=_NO_END)
    if end <= first:
        raise ParameterError(f"valid_until = {end} is not after valid_from = {first}: no day would have this price")
    amount, currency = Decimal(0), ""
    if not is_removed:
        amount, currency = _amount(parameters), _text(parameters, "currency").upper()
        if not _CURRENCY.fullmatch(currency):
            raise ParameterError(f"currency = {currency[:80]!r} is no currency; give three letters, for example USD")
    store.database.command(
        sql.statement("set_price"),
        {
            "model": "" if model == EVERY_MODEL else model,
            "unit": unit,
            "valid_from": first,
            "valid_until": end,
            "amount_millionths": int(amount.scaleb(_DECIMALS)),
            "currency": currency,
            "is_removed": int(is_removed),
            "as_of": store.as_of(parameters),
        },
    )
    return [{"model": model, "unit": unit, "valid_from": first, "is_removed": is_removed}]


def _text(parameters: Mapping[str, object], name: str) -> str:
    text = str(parameters.get(name) or "").strip()
    if not text:
        raise ParameterError(f"a price needs {name}")
    return text


def _amount(parameters: Mapping[str, object]) -> Decimal:
    text = _text(parameters, "amount") if parameters.get("amount") != 0 else "0"
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ParameterError(f"amount = {text[:80]!r} is no number; give one like 0.15") from None
    if not amount.is_finite() or not 0 <= amount <= _MOST:
        raise ParameterError(f"amount = {text[:80]!r} is no price; give a number from 0 to {_MOST:,}")
    if amount != round(amount, _DECIMALS):
        raise ParameterError(f"amount = {text[:80]!r} has more than {_DECIMALS} decimals; give it rounded")
    return amount


def _day(parameters: Mapping[str, object], name: str, *, default: dt.date | None = None) -> dt.date:
    value = parameters.get(name)
    if not value and default is not None:
        return default
    try:
        day = dt.date.fromisoformat(str(value or ""))
    except ValueError:
        what = f"{name} = {str(value)[:80]!r} is no day" if value else f"a price needs {name}"
        raise ParameterError(f"{what}; give one like 2026-03-01: prices go by whole days in UTC") from None
    if not _FIRST_DAY <= day <= _NO_END:
        raise ParameterError(f"{name} = {day} is not from {_FIRST_DAY} to {_NO_END}")
    return day
