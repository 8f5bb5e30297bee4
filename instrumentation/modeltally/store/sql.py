"""The SQL files: where they are, what they are called, which parameters they take.

All SQL is in ``queries/``, one statement per file; the wheel carries the folder as ``modeltally/sql``. A file's name is
the name of its view or statement. Parameters are ClickHouse's own, ``{name:Type}``; a caller's values never become text
of a statement. Where a file calls a view of ours, the view's text is put in when the file is loaded.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.errors import ParameterError, UnknownNameError
from modeltally.store import _include
from modeltally.store._include import PARAMETER, RELATION, calls, filled, include, without_comments
from modeltally.store.allowed import check_value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

__all__ = [
    "ON_EACH_SHARD",
    "IngestView",
    "Statement",
    "as_utc",
    "cover_asked",
    "ingest",
    "over_given_buckets",
    "purpose",
    "relations",
    "root",
    "schema",
    "statement",
    "time_of",
    "view",
    "view_names",
    "views_as_written",
    "views_in_order",
    "views_to_install",
    "with_tables_alike",
]

# Views that must be answered from one state of one shard's rows; all others read these.
ON_EACH_SHARD: Final = ("usage_cover", "usage_figures")
# The long views that most others read.
_BASES: Final = ("cover_of_window", "trend_of_counts", "usage_figures", "usage_operations", "usage_summary")
_NAME = re.compile(r"\{(\w+):Identifier\}")
_UNSIGNED = re.compile(r"UInt(8|16|32|64)")
_ARRAY = re.compile(r"Array\((.+)\)")
_INGEST = re.compile(
    r"CREATE MATERIALIZED VIEW IF NOT EXISTS (?P<name>\w+) TO (?P<target>\w+) AS\s+(?P<query>.+)", re.DOTALL
)
_MADE_LIKE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+) AS (\w+)")
_ADDS_COLUMN = re.compile(r"ALTER TABLE (?P<table>\w+)(?P<change>\s+ADD COLUMN\b.+)", re.DOTALL)
_IS_COMMENT: Final = re.compile("--").match
_END_OF_SENTENCE: Final = re.compile(r"[.:;](?: |$)")
# The longest text a parameter may hold: subjects are at most 4 KiB, nothing else comes near.
_MAX_TEXT = 64 * 1024
# Times that the engine can compare with those it stores, and move by years.
_FIRST_YEAR: Final = 1970
_LAST_YEAR: Final = 2200
# Categories of characters: what controls a terminal, and halves of characters, which bytes that are no UTF-8 become.
_NO_TEXT: Final = frozenset({"Cc", "Cs"})
# The most values a list may hold: the hours of eleven years.
_MAX_VALUES = 100_000


@dataclass(frozen=True)
class Statement:
    """One SQL file.

    Attributes:
        name: What it is called.
        text: What it says, with the text of every view it calls in the place of the call.
        over_shards: The same, with calls left where a view answers for each shard; empty where it comes from no file.
    """

    name: str
    text: str
    over_shards: str = field(default="", repr=False)

    @cached_property
    def body(self) -> str:
        """The statement without its comments."""
        return without_comments(self.text)

    @property
    def is_removal(self) -> bool:
        """Whether it takes away a table of an earlier version, which must wait until nothing reads it."""
        return self.body.startswith("DROP ")

    @property
    def calls_shards(self) -> bool:
        """Whether there is anything in it that on a cluster each shard answers for itself."""
        return self.over_shards not in {"", self.text}

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The ClickHouse type of each parameter, by name; names of tables are filled in by :meth:`with_names`."""
        return {name: kind for name, kind in PARAMETER.findall(self.body) if kind != "Identifier"}

    def with_names(self, names: Mapping[str, str]) -> Statement:
        """Fill in the names of tables and databases, which the engine takes as parameters in few places.

        Args:
            names: A name of ours for each ``{name:Identifier}``; more may be given.

        Raises:
            ParameterError: One is missing, or is no plain name.
        """

        def fill(found: re.Match[str]) -> str:
            name = names.get(found[1], "")
            if not re.fullmatch(r"[A-Za-z_]\w*", name, flags=re.ASCII):
                raise ParameterError(f"{self.name}: {found[1]} = {name[:80]!r} is no name of a table or database")
            return name

        return Statement(self.name, _NAME.sub(fill, self.text), _NAME.sub(fill, self.over_shards))

    def bind(self, values: Mapping[str, object]) -> dict[str, object]:
        """Check and convert the values of a call.

        Args:
            values: A value for each parameter; times as aware datetimes or ISO 8601 text (UTC where no zone is given),
                arrays as lists.

        Returns:
            The values as the client wants them.

        Raises:
            ParameterError: One is missing, is not taken, or does not fit its type.
        """
        unknown = sorted(set(values) - set(self.parameters))
        if unknown:
            raise ParameterError(
                f"{self.name} takes no parameter {unknown[0]!r}; it takes {', '.join(self.parameters)}"
            )
        missing = [name for name in self.parameters if name not in values]
        if missing:
            raise ParameterError(f"{self.name} needs the parameter {missing[0]!r} ({self.parameters[missing[0]]})")
        return {name: self._convert(name, kind, values[name]) for name, kind in self.parameters.items()}

    def _convert(self, name: str, kind: str, value: object) -> object:
        convert = _converter(kind)
        if convert is None:
            raise ParameterError(f"{self.name}: {name} has the type {kind}, which no caller can pass")
        try:
            converted = convert(value)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"{self.name}: {name} = {str(value)[:80]!r} is no {kind}: {error}") from None
        try:
            check_value(name, converted)
        except ValueError as error:
            raise ParameterError(f"{self.name}: {name} = {str(value)[:80]!r} {error}") from None
        return converted


@dataclass(frozen=True)
class IngestView(Statement):
    """A materialised view: what it fills, and the query that says with what.

    Raises:
        RuntimeError: On the first use, where the file makes anything else.
    """

    @cached_property
    def _parts(self) -> re.Match[str]:
        found = _INGEST.fullmatch(self.body)
        if found is None or found["name"] != self.name:
            raise RuntimeError(f"ingest/{self.name}.sql does not make the materialised view of its name")
        return found

    @property
    def target(self) -> str:
        """The table it fills, for ever: a view that fills another has another name."""
        return self._parts["target"]

    @property
    def redefinition(self) -> Statement:
        """What gives the view, where it is there already, the query of its file."""
        return Statement(self.name, f"ALTER TABLE {self.name} MODIFY QUERY\n{self._parts['query']}")

    def reads(self, table: str) -> bool:
        """Tell whether rows inserted into a table go through this view."""
        return re.search(rf"\bFROM {table}\b", self._parts["query"]) is not None


def as_utc(value: object) -> dt.datetime:
    """Read a time; text and naive times are UTC.

    Raises:
        ValueError: It is not a time.
    """
    moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def time_of(parameters: Mapping[str, object], name: str) -> dt.datetime | None:
    """Read the time a job was given under a name, None where it was given none.

    Raises:
        ParameterError: It is not a time.
    """
    value = parameters.get(name)
    try:
        return None if value is None else as_utc(value)
    except ValueError as error:
        raise ParameterError(f"{name} = {str(value)[:80]!r} is no time: {error}") from None


def _converter(kind: str) -> Callable[[object], object] | None:
    """What makes a value of a ClickHouse type from a caller's, raising TypeError or ValueError where it cannot."""
    if found := _ARRAY.fullmatch(kind):
        convert = _converter(found[1])
        return None if convert is None else lambda value: [convert(item) for item in _items(value)]
    if found := _UNSIGNED.fullmatch(kind):
        return lambda value: _unsigned(value, int(found[1]))
    return _CONVERTERS.get(kind)


def _microseconds(value: object) -> str:
    moment = as_utc(value)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"not in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def _whole_seconds(value: object) -> int:
    moment = as_utc(value)
    if moment.microsecond:
        raise ValueError("not a whole second")
    return _unsigned(int(moment.timestamp()), 32)


def _date(value: object) -> str:
    return dt.date.fromisoformat(str(value)).isoformat()


def _plain_text(value: object) -> str:
    text = str(value)
    if len(text) > _MAX_TEXT:
        raise ValueError(f"longer than {_MAX_TEXT} characters")
    if not text.isprintable() and any(unicodedata.category(character) in _NO_TEXT for character in text):
        raise ValueError("control characters are not allowed")
    return text


def _float(value: object) -> float:
    number = float(value)  # type: ignore[arg-type] # anything float() refuses is an error that says so
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _unsigned(value: object, bits: int) -> int:
    number = int(str(value))
    if not 0 <= number < 2**bits:
        raise ValueError(f"not in 0..{2**bits - 1}")
    return number


def _items(value: object) -> list[object] | tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError("not a list")
    if len(value) > _MAX_VALUES:
        raise ValueError(f"more than {_MAX_VALUES} values")
    return value


# The types that parameters have, beside unsigned integers and arrays; a time without its zone is none of them.
_CONVERTERS: Final[Mapping[str, Callable[[object], object]]] = {
    "DateTime64(6, 'UTC')": _microseconds,
    "DateTime('UTC')": _whole_seconds,
    "Date": _date,
    "String": _plain_text,
    "Float64": _float,
}


@cache
def root() -> Path:
    """The folder that holds the SQL: in the installed package, else in the checkout it was installed from."""
    installed = Path(__file__).parents[1] / "sql"
    return installed if installed.is_dir() else Path(__file__).parents[3] / "queries"


@cache
def statement(name: str) -> Statement:
    """Read one statement of ``jobs/``, named by its path without the ending, for example ``roll/number_users``.

    Raises:
        RuntimeError: It calls a view in another way than the view wants.
    """
    return _loaded(name, (root() / "jobs" / f"{name}.sql").read_text(), _views())


def schema() -> list[Statement]:
    """The numbered schema files, in order, a column that one adds also added to the tables made like its table."""
    return with_tables_alike(
        [Statement(path.stem, path.read_text()) for path in sorted((root() / "schema").glob("*.sql"))]
    )


def with_tables_alike(files: Sequence[Statement]) -> list[Statement]:
    """Put behind each file that adds a column the same for every table that was made like its table.

    Args:
        files: Schema files; ``CREATE TABLE b AS a`` says that ``b`` has the columns of ``a``.

    Returns:
        The files and, named after its table, each further change.
    """
    patterns = {made[1]: made[2] for file in files if (made := _MADE_LIKE.match(file.body))}

    def alike(table: str) -> list[str]:
        return [name for other, pattern in patterns.items() if pattern == table for name in (*alike(other), other)]

    whole = []
    for file in files:
        whole.append(file)
        if found := _ADDS_COLUMN.match(file.body):
            # what was made last comes first: rows pass through the earlier ones to it
            whole += [
                Statement(file.name.removesuffix(found["table"]) + other, f"ALTER TABLE {other}{found['change']}")
                for other in alike(found["table"])
            ]
    return whole


def ingest() -> list[IngestView]:
    """Every materialised view, each after those that take on what it fills: so no row is left on its way."""
    found = {path.stem: IngestView(path.stem, path.read_text()) for path in sorted((root() / "ingest").glob("*.sql"))}
    after = {name: [other.name for other in found.values() if other.reads(file.target)] for name, file in found.items()}
    return [found[name] for name in TopologicalSorter(after).static_order()]


def _loaded(
    name: str, text: str, views: Mapping[str, Statement], instead: Mapping[str, str] | None = None
) -> Statement:
    """A file with the views that it calls, or others instead of them, put in."""

    def whole(callee: str) -> str | None:
        return views[callee].text if callee in views else None

    def over_shards(callee: str) -> str | None:
        return None if callee not in views or callee in ON_EACH_SHARD else views[callee].over_shards

    body = without_comments(text)
    alone, among = include(name, body, whole, instead=instead), include(name, body, over_shards)
    return Statement(name, alone, among)


class _Views(Mapping[str, Statement]):
    """Every view by its name, put together when it is asked for: a command reads a few of them."""

    def __init__(self, instead: Mapping[str, str]) -> None:
        self._instead = instead
        self._paths = {path.stem: path for path in sorted((root() / "views").rglob("*.sql"))}
        self._loaded: dict[str, Statement] = {}
        self._loading: list[str] = []
        self._lock = threading.RLock()  # what is being put together is one thread's

    def __getitem__(self, name: str) -> Statement:
        if name in self._loaded:
            return self._loaded[name]
        path = self._paths[name]
        with self._lock:
            if name in self._loading:
                raise RuntimeError(f"views read each other in a circle: {', '.join((*self._loading, name))}")
            self._loading.append(name)
            try:
                self._loaded[name] = _loaded(name, path.read_text(), self, self._instead)
            finally:
                self._loading.pop()
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def purpose(self, name: str) -> str:
        """Give the first sentence of a view's header."""
        lines = self._paths[name].read_text().splitlines()
        said = " ".join(line.removeprefix("--").strip() for line in itertools.takewhile(_IS_COMMENT, lines))
        return _END_OF_SENTENCE.split(said, maxsplit=1)[0]

    def calling(self, name: str, left: Collection[str]) -> str:
        """Give the text of a view with all views put in but these, whose calls stay."""

        def text(callee: str) -> str | None:
            return None if callee not in self or callee in left else self.calling(callee, left)

        return include(name, without_comments(self._paths[name].read_text()), text)

    def in_order(self) -> list[Statement]:
        """Give each after the views it reads."""
        texts = {name: without_comments(path.read_text()) for name, path in self._paths.items()}
        named = re.compile(r"\b(" + "|".join(map(re.escape, texts)) + r")\b")
        reads = {name: sorted({*named.findall(text)} - {name}) for name, text in texts.items()}
        return [self[name] for name in TopologicalSorter(reads).static_order()]


@cache
def _views(*instead: tuple[str, str]) -> _Views:
    """Every view; with pairs, calls of the first answered by the second."""
    return _Views(dict(instead))


def view_names() -> list[str]:
    """The name of every view."""
    return sorted(_views())


def purpose(name: str) -> str:
    """What a view is for: the first sentence of its header, or the part of it that stands by itself.

    Raises:
        KeyError: There is no such view.
    """
    return _views().purpose(name)


def view(name: str) -> Statement:
    """Read one view by its name.

    Raises:
        UnknownNameError: There is none of that name; the error offers the nearest.
    """
    try:
        return _views()[name]
    except KeyError:
        raise UnknownNameError("view", name, _views()) from None


@cache
def relations(name: str) -> frozenset[str]:
    """What a view reads from, by name: tables, and what it calls so itself.

    Raises:
        UnknownNameError: There is no such view.
    """
    return frozenset(RELATION.findall(view(name).body))


def over_given_buckets(name: str, *, is_rolled: bool) -> Statement:
    """A view that reads the buckets it is given instead of asking what serves its window.

    Args:
        name: The view.
        is_rolled: All buckets are rolled: no events are read.
    """
    figures = "figures_rolled" if is_rolled else "figures_of_buckets"
    return _views(("usage_figures", figures), ("usage_cover", "cover_given"))[name]


# A value that is an expression may say its parameters, texts, types and functions; another name means nothing outside.
_OF_ITSELF: Final = re.compile(PARAMETER.pattern + r"|'[^']*'|::\w+|\b\w+(?=\()")
_SAID_ELSEWHERE: Final = re.compile(r"\b(?!(?:AND|OR|NOT|IN)\b)[A-Za-z_]\w*")


@cache
def cover_asked(name: str) -> Statement | None:
    """Which cover the figures of a view are of; None where there is none, more than one, or only the view can tell.

    Returns:
        The statement that asks for the cover and for its window, by parameters of the view.
    """
    asked = {
        tuple((parameter, call[parameter]) for parameter in ("since", "until", "finest"))
        for call in calls(name, _views()[name].over_shards, ON_EACH_SHARD)
    }
    if len(asked) != 1:
        return None
    return Statement(
        f"{name}, its cover", filled(name, "cover_of_window", _views()["cover_of_window"].text, dict(asked.pop()))
    )


def views_in_order() -> list[Statement]:
    """Every view, each after the views it reads."""
    return _views().in_order()


def views_to_install(*, is_embedded: bool) -> list[Statement]:
    """Every view as a database keeps it, each after the views it reads.

    Args:
        is_embedded: The database is read anew by each process that opens it, all views with it. There the long views
            that most others read stay calls: opening takes 0.3 instead of 0.7 CPU s, asking for a view by its name
            0.5 instead of 0.35. A server reads its views once, and keeps them whole.
    """
    if not is_embedded:
        return views_in_order()
    return [Statement(view.name, _views().calling(view.name, _BASES)) for view in views_in_order()]


def views_as_written(*, is_embedded: bool) -> str:
    """What decides how :func:`views_to_install` come out, which takes a tenth of a second to put together."""
    files = [Path(_include.__file__), *sorted((root() / "views").rglob("*.sql"))]
    return "\n".join([str(is_embedded and _BASES), *(file.read_text() for file in files)])
