"""Objects that a service may hand to a wrapper, by mistake or by nature: huge, odd, cyclic, raising, lying.

Each family is a function from a random source to one object; what they are made of is in ``hostile_objects``.
"""

from __future__ import annotations

import array
import asyncio
import collections
import datetime as dt
import decimal
import fractions
import functools
import io
import itertools
import re
import sys
import types
import weakref
from typing import TYPE_CHECKING, Any, Final
from unittest import mock

import numpy as np
import wrapt

from chaos.instrument.hostile_objects import (
    DUNDERS,
    ERRORS,
    INTERRUPTS,
    TAG,
    Anything,
    Awaitable,
    BadZone,
    Color,
    Endless,
    Flags,
    Frozen,
    HostError,
    Lazy,
    Liar,
    Number,
    OfRaising,
    OfSilent,
    OneTensor,
    Pair,
    RaisingMetaError,
    Reentrant,
    SilentMetaError,
    Slotted,
    Tensor,
    hostile_class,
    raiser,
)

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence

__all__ = ["FAMILIES", "as_error", "release"]

HUGE_CHARACTERS: Final = 100_000_000
DEPTH: Final = 3000


def as_error(thing: Any) -> BaseException:
    """Make something that can be raised of an object: itself, if it can."""
    if issubclass(type(thing), BaseException):
        error: BaseException = thing
        return error
    return HostError(TAG, thing)


def release(thing: Any) -> None:
    """Close what complains when nobody awaited it."""
    kind = type(thing)
    if kind is types.CoroutineType or kind is types.GeneratorType:  # not `in`: a class may refuse to compare
        thing.close()


# -- families ----------------------------------------------------------------------------------------------------------


def _made(source: random.Random, makers: Sequence[Callable[[], Any]]) -> Any:
    return source.choice(makers)()


def _plain(source: random.Random) -> Any:
    return source.choice([None, True, 0, -1, 1.5, "m", "", "org/model:7", ("a", "b"), ["a"], {"a": 1}, frozenset("a")])


@functools.cache
def _huge_things() -> tuple[Any, ...]:
    text, content = "x" * HUGE_CHARACTERS, b"x" * HUGE_CHARACTERS
    return (
        text,
        content,
        memoryview(content),
        "ä" * 5_000_000,
        list(range(1_000_000)),
        dict.fromkeys(map(str, range(100_000)), 1.0),
        ("x" * 5_000_000,) * 100,
    )


def _huge(source: random.Random) -> Any:
    return source.choice(_huge_things())


def _surrogates(source: random.Random) -> Any:
    lone = "model\udcff/\ud800name"
    return source.choice(
        [lone, lone * 5000, [lone, lone], {lone: lone}, "\0\x1b[31m\r\n", "\u202e\ufeff", "e\u0301" * 9]
    )


def _floats(source: random.Random) -> Any:
    return source.choice([float("nan"), float("inf"), float("-inf"), -0.0, 5e-324, 1.7e308, [float("nan")]])


def _integers(source: random.Random) -> Any:
    return source.choice([2**63, -(2**63) - 1, 2**64, 10**5000, -(10**5000), [10**5000], {"n": 10**5000}])


def _decimals(source: random.Random) -> Any:
    return source.choice(
        [
            decimal.Decimal("7.5"),
            decimal.Decimal("NaN"),
            decimal.Decimal("sNaN"),
            decimal.Decimal("Infinity"),
            decimal.Decimal("1e999999"),
            fractions.Fraction(1, 3),
            fractions.Fraction(10**400),
            1 + 2j,
        ]
    )


def _numpy(source: random.Random) -> Any:
    return source.choice(
        [
            np.float32(1.5),
            np.float64("nan"),
            np.int64(7),
            np.uint64(2**64 - 1),
            np.bool_(True),  # noqa: FBT003 - numpy's own constructor
            np.str_("text"),
            np.bytes_(b"bytes"),
            np.datetime64("2026-01-01"),
            np.array(7),
            np.array([1.5]),
            np.zeros(1000),
            np.array([object()], dtype=object),
            np.array([], dtype=np.float32),
            np.ma.masked,
        ]
    )


def _tensors(source: random.Random) -> Any:
    return source.choice([Tensor(), OneTensor(), [Tensor()], {"image": Tensor()}])


def _enums(source: random.Random) -> Any:
    return source.choice([Color.RED, Number.SEVEN, Flags.ONE, Anything.TENSOR, Color])


def _datetimes(source: random.Random) -> Any:
    naive = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - the point
    return source.choice(
        [
            naive,
            naive.replace(tzinfo=dt.UTC),
            naive.replace(tzinfo=BadZone()),
            dt.datetime.min.replace(tzinfo=dt.UTC),
            dt.datetime.max.replace(tzinfo=dt.UTC),
            dt.date(2026, 1, 1),
            dt.timedelta.max,
            BadZone(),
        ]
    )


def _bytes(source: random.Random) -> Any:
    return source.choice([b"", b"\xff\xfe", bytearray(b"x"), memoryview(b"abc"), array.array("d", [1.5]), io.BytesIO()])


def _raising(source: random.Random) -> Any:
    return object.__new__(hostile_class(source, ERRORS))


def _interrupting(source: random.Random) -> Any:
    return object.__new__(hostile_class(source, INTERRUPTS))


def _endless_generator() -> Generator[int, None, None]:
    while True:
        yield 1


def _infinite(source: random.Random) -> Any:
    return source.choice(
        [itertools.count(), itertools.repeat("x"), Endless(), _endless_generator(), iter(int, 1), range(10**18)]
    )


def _cyclic(source: random.Random) -> Any:
    items: list[Any] = ["a"]
    items.extend([items] * 3)
    table: dict[str, Any] = {"a": 1}
    table["self"] = table
    space = types.SimpleNamespace()
    space.self = space
    pair = ([],)  # type: ignore[var-annotated]  # holds itself, which no type says
    pair[0].append(pair)
    error = HostError(TAG)
    error.args = (TAG, error)
    return source.choice([items, table, space, pair, error])


@functools.cache
def _deep_things() -> tuple[Any, ...]:
    items: Any = None
    pairs: Any = None
    table: Any = None
    error = HostError(TAG)
    for _ in range(DEPTH):
        items, pairs, table, outer = [items], (pairs,), {"a": table}, HostError(TAG)
        outer.__context__ = error
        error = outer
    return items, pairs, table, error


def _deep(source: random.Random) -> Any:
    return source.choice(_deep_things())


def _closed(source: random.Random) -> Any:
    return source.choice(
        [
            Slotted(),
            Frozen(),
            Pair(object(), Slotted()),
            re.compile("x"),
            collections.deque("ab"),
            types.MappingProxyType({"a": 1}),
            sys,
            len,
            _closed.__code__,
            functools.partial(len, "x"),
            slice(1),
            NotImplemented,
            ...,
            type,
            object(),
        ]
    )


def _metaclasses(source: random.Random) -> Any:
    return source.choice([OfRaising(), OfSilent(), OfRaising, OfSilent, RaisingMetaError(TAG), SilentMetaError(TAG)])


def _mocks(source: random.Random) -> Any:
    return _made(
        source,
        [
            mock.Mock,
            mock.MagicMock,
            mock.NonCallableMagicMock,
            mock.AsyncMock,
            lambda: mock.Mock(side_effect=HostError(TAG)),
            lambda: mock.create_autospec(len),
            lambda: mock.sentinel.thing,
            lambda: mock.MagicMock(spec=int),
        ],
    )


def _subclasses(source: random.Random) -> Any:
    base, value = source.choice(
        [
            (str, "text"),
            (str, "x" * 5000),
            (bytes, b"bytes"),
            (int, 7),
            (float, 0.5),
            (dict, {"a": 1}),
            (list, ["a", 1]),
            (tuple, ("a", 1)),
            (set, {1}),
        ]
    )
    kept = ("__getattribute__", "__getattr__")
    chosen = [name for name in DUNDERS if name not in kept or source.random() < 0.5]
    kind = type("Subclass", (base,), {name: raiser(source.choice(ERRORS)) for name in chosen})
    return base.__new__(kind, value) if base not in (dict, list, set) else _filled(base, kind, value)


def _filled(base: Any, kind: type, value: Any) -> Any:
    made = base.__new__(kind)
    base.__init__(made, value)
    return made


def _exceptions(source: random.Random) -> Any:
    made = hostile_class(source, ERRORS, (source.choice([HostError, HostError, TimeoutError, MemoryError, OSError]),))
    if source.random() < 0.3:
        return HostError(TAG, "\ud800", b"\xff", "x" * 10**6)
    return made(TAG)


def _groups(source: random.Random) -> Any:
    inner = [source.choice(ERRORS)() for _ in range(3)]
    group = ExceptionGroup(TAG, inner)
    if source.random() < 0.5:
        group = ExceptionGroup("\ud800", [group, HostError(TAG)])
    return source.choice([group, BaseExceptionGroup(TAG, [source.choice(INTERRUPTS)(), *inner])])


def _control(source: random.Random) -> Any:
    return _made(source, [*INTERRUPTS, lambda: StopIteration(TAG), lambda: StopAsyncIteration(TAG)])


def _reentrant(source: random.Random) -> Any:
    one = Reentrant()
    return source.choice([one, [one], {"a": one}, HostError(TAG, one)])


async def _coroutine() -> int:
    return 1


async def _stream() -> AsyncGenerator[int, None]:
    yield 1


def _awaitables(source: random.Random) -> Any:
    return _made(source, [_coroutine, _stream, Awaitable, _endless_generator, lambda: asyncio.Event().wait])


def _dead() -> Any:
    class Gone:
        pass

    return weakref.proxy(Gone())


def _proxies(source: random.Random) -> Any:
    kinds = (str, int, dict, list, ValueError, types.FunctionType, types.GeneratorType, types.CoroutineType)
    return _made(
        source,
        [
            lambda: Liar(source.choice(kinds)),
            Lazy,
            _dead,
            lambda: wrapt.ObjectProxy("text"),
            lambda: wrapt.ObjectProxy(Tensor()),
            lambda: types.SimpleNamespace(__float__=1, __index__="x"),
        ],
    )


FAMILIES: Final[dict[str, Callable[[random.Random], Any]]] = {
    "plain": _plain,
    "huge": _huge,
    "surrogates": _surrogates,
    "floats": _floats,
    "integers": _integers,
    "decimals": _decimals,
    "numpy": _numpy,
    "tensors": _tensors,
    "enums": _enums,
    "datetimes": _datetimes,
    "bytes": _bytes,
    "raising": _raising,
    "interrupting": _interrupting,
    "infinite": _infinite,
    "cyclic": _cyclic,
    "deep": _deep,
    "closed": _closed,
    "metaclasses": _metaclasses,
    "mocks": _mocks,
    "subclasses": _subclasses,
    "exceptions": _exceptions,
    "groups": _groups,
    "control": _control,
    "reentrant": _reentrant,
    "awaitables": _awaitables,
    "proxies": _proxies,
}
