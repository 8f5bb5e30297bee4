"""Expands what Grafana and its ClickHouse plugin expand, in their order, so that a panel's SQL can be run without them.

Grafana cannot run here. First comes what the browser does: ``$__conditionalAll`` and variables. Then what the plugin's
backend does, which is all that an alert rule gets: comments go, and macros are replaced from the innermost outwards, as
4.20.0 does it. The outputs are those that the plugin documents for each macro; ``test_macros.py`` lists them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt

__all__ = ["ALL", "Asked", "UnknownMacroError", "backend", "browser", "expand"]

ALL = "$__all"
Values = Mapping[str, str | list[str]]
# A text, a name in backticks, a comment to the end of its line, a comment between marks.
_LEXED = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|--[^\n]*|/\*.*?\*/", re.DOTALL)
_CALL = re.compile(r"\$__(\w+)")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")
_PLAIN_VARIABLE = re.compile(r"(?<=\$\{)\w+(?=\})|(?<=\$)\w+")
_CONDITIONAL = "$__conditionalAll("
_UNITS = {"s": 1, "m": 60, "h": 3600}
_DAYS = "({0} >= {since_day} AND {0} <= {until_day})"
# How many arguments a macro takes (0: none, and none is looked at), and what stands in its place.
_MACROS = {
    "fromTime": (0, "{since}"),
    "toTime": (0, "{until}"),
    "fromTime_ms": (0, "{since_ms}"),
    "toTime_ms": (0, "{until_ms}"),
    "interval_s": (0, "{seconds}"),
    "timeFilter": (1, "{0} >= {since} AND {0} <= {until}"),
    "timeFilter_ms": (1, "{0} >= {since_ms} AND {0} <= {until_ms}"),
    "dateFilter": (1, "{0} >= {since_day} AND {0} <= {until_day}"),
    "dateTimeFilter": (2, _DAYS + " AND ({1} >= {since} AND {1} <= {until})"),
    "dt": (2, _DAYS + " AND ({1} >= {since} AND {1} <= {until})"),
    "timeFrom": (1, "{0} >= {since}"),
    "timeTo": (1, "{0} <= {until}"),
    "timeInterval": (1, "toStartOfInterval(toDateTime({0}), INTERVAL {seconds} second)"),
    "timeInterval_ms": (1, "toStartOfInterval(toDateTime64({0}, 3), INTERVAL {milliseconds} millisecond)"),
    "timeGroup": (2, "toStartOfInterval(toDateTime({0}), INTERVAL {seconds} second)"),
}


class UnknownMacroError(ValueError):
    """A macro that only the browser knows, or nobody, has come to the backend."""


@dataclass(frozen=True)
class Asked:
    """What Grafana asks with.

    Attributes:
        since: Where the time range begins.
        until: Where it ends.
        interval_seconds: The interval of the panel.
        zone: The zone of the dashboard, as Grafana says it: ``utc`` or a name of a zone.
        variables: The chosen values of each variable; :data:`ALL` for all of them.
    """

    since: dt.datetime
    until: dt.datetime
    interval_seconds: float = 3600
    zone: str = "utc"
    variables: Values = field(default_factory=dict)


def expand(text: str, asked: Asked) -> str:
    """Do what happens to a panel's SQL before the engine gets it."""
    return backend(browser(text, asked), asked)


def browser(text: str, asked: Asked) -> str:
    """Do what happens in the browser: first conditions on variables, then the variables themselves."""
    start = text.rfind(_CONDITIONAL)
    while start != -1:
        condition, variable = _arguments(text, start + len(_CONDITIONAL) - 1)
        named = _PLAIN_VARIABLE.search(variable.strip())
        chosen = asked.variables[named[0]] if named else "something"
        joined = chosen if isinstance(chosen, str) else ",".join(chosen)
        replaced = "1=1" if joined in {"", ALL} else condition
        text = text.replace(f"{_CONDITIONAL}{condition},{variable})", replaced, 1)
        start = text.rfind(_CONDITIONAL)
    known: dict[str, str | list[str]] = {**asked.variables, "__timezone": asked.zone}

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[3]
        return _formatted(known[name], found[2]) if name in known else found[0]

    return _VARIABLE.sub(value, text)


def backend(text: str, asked: Asked) -> str:
    """Do what happens in the plugin's backend, to alert rules as well.

    Raises:
        UnknownMacroError: There is a macro that it does not know.
    """
    text = _LEXED.sub(lambda found: found[0] if found[0][0] in "'`" else "", text)
    while True:
        calls = list(_CALL.finditer(text))
        if not calls:
            return text.strip()
        # the last one has none in its arguments
        last = calls[-1]
        end, arguments = last.end(), []
        if text[end : end + 1] == "(":
            arguments = _arguments(text, end)
            end += sum(len(argument) + 1 for argument in arguments) + 1
        text = text[: last.start()] + _macro(last[1], [a.strip() for a in arguments], asked) + text[end:]


def _macro(name: str, arguments: list[str], asked: Asked) -> str:
    if name not in _MACROS or (_MACROS[name][0] and len(arguments) != _MACROS[name][0]):
        raise UnknownMacroError(f"$__{name} with {len(arguments)} arguments")
    since, until = asked.since, asked.until
    times = {
        "since": f"toDateTime({int(since.timestamp())})",
        "until": f"toDateTime({int(until.timestamp())})",
        "since_ms": f"fromUnixTimestamp64Milli({round(since.timestamp() * 1000)})",
        "until_ms": f"fromUnixTimestamp64Milli({round(until.timestamp() * 1000)})",
        "since_day": f"toDate('{since:%Y-%m-%d}')",
        "until_day": f"toDate('{until:%Y-%m-%d}')",
        "seconds": str(max(int(asked.interval_seconds), 1)),
        "milliseconds": str(max(int(asked.interval_seconds * 1000), 1)),
    }
    if name == "timeGroup":
        length = arguments[1].strip("'\"")
        times["seconds"] = str(int(length[:-1]) * _UNITS[length[-1]])
    return _MACROS[name][1].format(*arguments, **times)


def _formatted(value: str | list[str], how: str | None) -> str:
    if how == "singlequote":
        values = [value] if isinstance(value, str) else value
        return ",".join("'" + one.replace("'", "\\'") + "'" for one in values)
    return value if isinstance(value, str) else "'" + "','".join(value) + "'"


def _arguments(text: str, opened: int) -> list[str]:
    """Split what stands between a bracket and the one that closes it at the commas that are in no other."""
    depth, last, found = 0, opened + 1, []
    for bracket in re.finditer(r"[(),]", text[opened:]):
        place = opened + bracket.start()
        depth += {"(": 1, ")": -1}.get(bracket[0], 0)
        if depth == 0 or (depth == 1 and bracket[0] == ","):
            found.append(text[last:place])
            last = place + 1
        if depth == 0:
            return found
    raise UnknownMacroError(f"a bracket is never closed: {text[opened : opened + 80]}")
