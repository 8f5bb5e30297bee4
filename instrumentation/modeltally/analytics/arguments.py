"""What topics want to know beside the window: who, what, and how time is cut; and how it is read from flags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modeltally.analytics.topic import Argument
from modeltally.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from modeltally.analytics.topic import R, Topic
    from modeltally.analytics.window import Window

__all__ = [
    "BUCKET",
    "BY",
    "BY_IF_ANY",
    "BY_OR_ALL",
    "BY_OR_USER",
    "OF",
    "OPERATION",
    "OPERATION_OF",
    "USER",
    "WITHIN",
    "ZONE",
    "arguments_of",
    "check_stretches",
]

KINDS: Final = ("model", "pattern", "project", "agent", "context_type", "file_type", "service")
BUCKETS: Final = {"hour": 3600, "day": 86_400, "week": 604_800, "month": 2_419_200}
# No table, and no plot, holds more.
_MAX_STRETCHES: Final = 20_000

BY = Argument("kind", flag="--by", what="whose figures", example="model", default="model", allowed=KINDS)
BY_OR_ALL = Argument("kind", flag="--by", what="whose figures", example="model", default="all", allowed=("all", *KINDS))
BY_OR_USER = Argument(
    "kind", flag="--by", what="whose figures", example="user", default="model", allowed=("all", "user", *KINDS)
)
BY_IF_ANY = Argument("kind", flag="--by", what="what --of names", example="model", default="model", allowed=KINDS)
OF = Argument("subject", flag="--of", what="the one to look at, by its name", example="flux", default="")
# What is counted where nobody says what.
OPERATION_OF: Final = {"pattern": "pattern.run", "": "model.request"}
OPERATION = Argument(
    "operation",
    flag="--operation",
    what="the kind of operation to count",
    example="model.load",
    default=OPERATION_OF,
    default_by="kind",
)
USER = Argument("user", flag="--user", what="the user, by id or hash", example="alice", default="")
BUCKET = Argument(
    "bucket", flag="--bucket", what="how time is cut", example="hour", default="day", allowed=tuple(BUCKETS)
)
WITHIN = Argument(
    "within_hours",
    flag="--within",
    what="how many hours ahead to look",
    example="4",
    default="1",
    allowed=tuple(map(str, range(1, 25))),
)
ZONE = Argument("zone", flag="--tz", what="the time zone in which days begin", example="Europe/Berlin", default="UTC")


def arguments_of(topic: Topic[R], given: Mapping[str, str | None], *, topics: Iterable[Topic[R]]) -> dict[str, object]:
    """Read what was given beside the window, as the topic wants it.

    Args:
        topic: What is asked.
        given: Values by parameter; None where none was given.
        topics: All topics, to say which of them takes what this one does not.

    Returns:
        The topic's arguments, with defaults.

    Raises:
        InputError: The topic needs one that is missing, takes none and has one, or has one that is not allowed.
    """
    wanted = {argument.parameter for argument in topic.arguments}
    others = [
        (argument.flag, other.name)
        for other in topics
        for argument in other.arguments
        if given.get(argument.parameter) is not None and argument.parameter not in wanted
    ]
    if others:
        flags, takers = (dict.fromkeys(names) for names in zip(*others, strict=True))
        raise InputError(
            f"topic {topic.name!r} takes no {' and no '.join(flags)};"
            f" only {', '.join(takers)} {'does' if len(takers) == 1 else 'do'}"
        )
    values: dict[str, object] = {}
    for argument in topic.arguments:
        value = given.get(argument.parameter)
        values[argument.parameter] = _default(topic, argument, values) if not value else _allowed(argument, value)
    if values.get(OF.parameter) and values.get(BY.parameter) == "all":  # who is named is one of a kind
        if given.get(BY.parameter):
            raise InputError(f"--by all is all together, and --of names one: {BY.flag} {BY.example}, say")
        values[BY.parameter] = BY.default
    return values


def check_stretches(topic: Topic[R], window: Window, arguments: Mapping[str, object]) -> None:
    """Refuse a window that is cut into more stretches than anybody reads.

    Raises:
        InputError: It is; the message says what does.
    """
    bucket = str(arguments.get(BUCKET.parameter, ""))
    if BUCKET not in topic.arguments:
        return
    stretches = int((window.until - window.since).total_seconds() / BUCKETS[bucket])
    if stretches > _MAX_STRETCHES:
        coarser = next(
            (name for name, seconds in BUCKETS.items() if stretches * BUCKETS[bucket] / seconds <= _MAX_STRETCHES), ""
        )
        raise InputError(
            f"--bucket {bucket} cuts this window into {stretches:,} stretches; at most {_MAX_STRETCHES:,} are answered:"
            f" choose a shorter window, or --bucket {coarser}"
        )


def _default(topic: Topic[R], argument: Argument, values: Mapping[str, object]) -> str:
    default = argument.default
    if default is None:
        raise InputError(f"topic {topic.name!r} needs {argument.what}, for example {argument.flag} {argument.example}")
    if isinstance(default, str):
        return default
    return default.get(str(values.get(argument.default_by, "")), default[""])


def _allowed(argument: Argument, value: str) -> str:
    if argument.allowed and value not in argument.allowed:
        raise UnknownNameError(f"value of {argument.flag}", value, argument.allowed)
    if argument is ZONE:
        from modeltally.store.allowed import check_value  # noqa: PLC0415 - the store is slow to import

        try:
            check_value(ZONE.parameter, value)
        except ValueError as error:
            raise InputError(f"--tz {value[:80]!r} {error}") from None
    return value
