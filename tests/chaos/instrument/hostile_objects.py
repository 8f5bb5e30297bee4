"""Classes of objects that raise, lie, never end or use the library while they are asked; values are in ``hostile``.

Exceptions that an object of ours raises are told from everybody else's by :func:`is_hosts`.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import enum
import errno
import itertools
import sys
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Generator

TAG: Final = "hostile"


class HostError(Exception):
    """An exception of the host's own."""


class HostInterrupt(BaseException):
    """An interruption of the host's own, as KeyboardInterrupt is one."""


ERRORS: Final[tuple[Callable[[], Exception], ...]] = (
    lambda: HostError(TAG),
    lambda: ValueError(TAG),
    lambda: TypeError(TAG),
    lambda: RuntimeError(TAG),
    lambda: KeyError(TAG),
    lambda: AttributeError(TAG),
    lambda: RecursionError(TAG),
    lambda: MemoryError(TAG),
    lambda: StopIteration(TAG),
    lambda: AssertionError(TAG),
    lambda: TimeoutError(TAG),
    lambda: OSError(errno.ENOSPC, TAG),
    lambda: UnicodeEncodeError("utf-8", TAG, 0, 1, TAG),
)
INTERRUPTS: Final[tuple[Callable[[], BaseException], ...]] = (
    lambda: HostInterrupt(TAG),
    lambda: KeyboardInterrupt(TAG),
    lambda: SystemExit(TAG),
    lambda: GeneratorExit(TAG),
    lambda: asyncio.CancelledError(TAG),
)

_arguments: Final = BaseException.__dict__["args"].__get__


def is_hosts(error: BaseException) -> bool:
    """Tell whether an exception was made here: its class is ours, or it carries the tag."""
    if issubclass(type(error), HostError | HostInterrupt | BaseExceptionGroup):
        return True
    with contextlib.suppress(Exception):
        return any(type(argument) is str and argument == TAG for argument in _arguments(error))
    return False


class Tensor:
    """As torch's: of several elements, so that it is neither a number nor a truth value."""

    shape = (3, 1024, 1024)

    def __len__(self) -> int:
        return 3

    def __bool__(self) -> bool:
        raise RuntimeError(TAG, "Boolean value of Tensor with more than one value is ambiguous")

    def __float__(self) -> float:
        raise ValueError(TAG, "only one element tensors can be converted to Python scalars")

    def __index__(self) -> int:
        raise TypeError(TAG, "only integer tensors of a single element can be converted to an index")

    def __eq__(self, other: object) -> Any:
        return self

    __hash__ = object.__hash__

    def __iter__(self) -> Any:
        return itertools.repeat(self)

    def __repr__(self) -> str:
        raise MemoryError(TAG)


class OneTensor(Tensor):
    """Of one element."""

    def __float__(self) -> float:
        return 0.5

    def __index__(self) -> int:
        return 7


class Color(enum.StrEnum):
    """A text enumeration."""

    RED = "red"


class Number(enum.IntEnum):
    """A number enumeration."""

    SEVEN = 7


class Flags(enum.IntFlag):
    """Flags."""

    ONE = 1


class Anything(enum.Enum):
    """An enumeration of objects."""

    TENSOR = Tensor()


class BadZone(dt.tzinfo):
    """A time zone that knows no offset."""

    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
        """Raise."""
        raise HostError(TAG, moment)

    dst = utcoffset

    def tzname(self, moment: dt.datetime | None) -> str:
        """Raise."""
        raise HostError(TAG, moment)


DUNDERS: Final = (
    "__str__",
    "__repr__",
    "__format__",
    "__hash__",
    "__eq__",
    "__ne__",
    "__lt__",
    "__len__",
    "__bool__",
    "__index__",
    "__int__",
    "__float__",
    "__iter__",
    "__next__",
    "__contains__",
    "__getitem__",
    "__getattr__",
    "__getattribute__",
    "__call__",
    "__bytes__",
    "__reduce_ex__",
    "__dir__",
    "__copy__",
    "__deepcopy__",
    "__enter__",
    "__await__",
    "__aiter__",
)


def raiser(make_error: Callable[[], BaseException]) -> Callable[..., Any]:
    """Make a method that raises."""

    def method(*_args: Any, **_kwargs: Any) -> Any:
        raise make_error()

    return method


def hostile_class(source: random.Random, errors: Any, bases: tuple[type, ...] = ()) -> type:
    """Make a class some or all of whose methods raise."""
    chosen = DUNDERS if source.random() < 0.5 else source.sample(DUNDERS, source.randrange(1, 6))
    namespace: dict[str, Any] = {name: raiser(source.choice(errors)) for name in chosen}
    if source.random() < 0.3:
        namespace["__class__"] = property(raiser(source.choice(errors)))
    return type("Hostile", bases, namespace)


class Endless:
    """Claims to be long, and never ends."""

    def __len__(self) -> int:
        return sys.maxsize

    def __getitem__(self, index: object) -> int:
        return 1

    def __iter__(self) -> Any:
        return itertools.count()

    def keys(self) -> Any:
        """Name keys without end."""
        return itertools.count()


class Slotted:
    """Has neither a dictionary nor weak references."""

    __slots__ = ("value",)


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    """A frozen dataclass."""

    value: Any = None


class Pair(NamedTuple):
    """A tuple with names."""

    first: Any
    second: Any


class RaisingMeta(type):
    """A metaclass that answers nothing."""

    def __instancecheck__(cls, _instance: object) -> bool:
        raise HostError(TAG)

    def __subclasscheck__(cls, _kind: type) -> bool:
        raise HostError(TAG)

    def __eq__(cls, other: object) -> bool:
        raise HostError(TAG)

    def __hash__(cls) -> int:
        raise HostError(TAG)

    def __repr__(cls) -> str:
        raise HostError(TAG)

    def __bool__(cls) -> bool:
        raise HostError(TAG)

    @property
    def __name__(cls) -> str:  # type: ignore[override]  # hostile on purpose
        raise HostError(TAG)

    @property
    def __mro__(cls) -> Any:
        raise HostError(TAG)


class SilentMeta(type):
    """A metaclass of which no attribute can be read."""

    def __getattribute__(cls, name: str) -> Any:
        raise HostError(TAG, name)


class OfRaising(metaclass=RaisingMeta):
    """Its class answers nothing."""


class OfSilent(metaclass=SilentMeta):
    """Of its class no attribute can be read."""


class RaisingMetaError(HostError, metaclass=RaisingMeta):
    """An exception of such a class."""


class SilentMetaError(HostError, metaclass=SilentMeta):
    """An exception of such a class."""


on_reentry: list[Callable[[], None]] = []


class Reentrant:
    """Uses the library while it is asked, and when it is collected."""

    def _answer(self, value: Any) -> Any:
        for action in on_reentry:
            action()
        return value

    def __str__(self) -> str:
        return str(self._answer("reentrant"))

    __repr__ = __str__

    def __index__(self) -> int:
        return int(self._answer(7))

    def __float__(self) -> float:
        return float(self._answer(0.5))

    def __len__(self) -> int:
        return int(self._answer(1))

    def __bool__(self) -> bool:
        return bool(self._answer(1))

    def __eq__(self, other: object) -> bool:
        return bool(self._answer(other is self))

    def __hash__(self) -> int:
        return int(self._answer(1))

    def __iter__(self) -> Any:
        return iter([self._answer(1)])

    def __getitem__(self, key: object) -> Any:
        return self._answer(key)

    def __setitem__(self, key: object, value: object) -> None:
        self._answer((key, value))

    def keys(self) -> Any:
        """Name one key."""
        return [self._answer("modeltally-context")]

    def __del__(self) -> None:
        self._answer(None)


class Awaitable:
    """Can be awaited and is no coroutine."""

    def __await__(self) -> Generator[None, None, int]:
        yield
        return 1


class Liar:
    """Says that it is something else."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    @property  # type: ignore[misc]  # hostile on purpose
    def __class__(self) -> type:
        return self._kind


def unbound() -> Any:
    """Raise as a lazy object does that stands for nothing yet."""
    raise RuntimeError(TAG, "working outside of request context")


class Lazy:
    """A proxy to nothing yet, as web frameworks have them."""

    __call__: Any = property(lambda _: unbound())

    def __getattr__(self, name: str) -> Any:
        return unbound()

    __class__: Any = property(lambda _: unbound())
