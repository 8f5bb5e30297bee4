"""The include step: a call of a view, ``name(parameter = value, ...)``, becomes the view's text with the values.

The engine analyses a view with parameters again at each level that calls it, which takes longer than most answers; the
same text in place of the call is analysed once. So each definition stays in one file, and is put where it is called
when the calling file is loaded. The values are those that stand in the calling file, never a user's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

__all__ = ["PARAMETER", "RELATION", "calls", "filled", "include", "without_comments"]

PARAMETER: Final = re.compile(r"\{(\w+):((?:[^{}]|\([^{}]*\))+)\}")
_TEXT: Final = r"'(?:[^'\\]|\\.|'')*'"
_LITERAL: Final = re.compile(rf"{_TEXT}|\d+(?:\.\d+)?")
_COMMENT: Final = re.compile(rf"({_TEXT})|--[^\n]*", re.DOTALL)
# What decides where a call and its values begin and end.
_MARK: Final = re.compile(
    rf"""(?P<quoted>{_TEXT} | "(?:[^"\\]|\\.)*" | `(?:[^`\\]|\\.)*`)
    | (?P<call>\b(?:FROM|JOIN)\s+)(?P<name>\w+)\s*\(
    | (?P<mark>[()\[\]{{}},])
    | (?P<open>['"`])""",
    re.DOTALL | re.VERBOSE,
)
_NAMED: Final = re.compile(r"(\w+) AS \(\s*(?:SELECT|WITH)\b")
RELATION: Final = re.compile(r"\b(?:FROM|JOIN)\s+(\w+)\b(?!\s*[(.])")


def without_comments(text: str) -> str:
    """A statement without its comments; what looks like one inside a text stays."""
    return _COMMENT.sub(lambda found: found[1] or "", text).strip()


def include(
    name: str, body: str, view: Callable[[str], str | None], *, instead: Mapping[str, str] | None = None
) -> str:
    """Put the text of every view in the place of its call.

    Args:
        name: The calling file, for errors.
        body: Its statement, without comments.
        view: Gives the text of a view, in which nothing is left to put in, and None for every other name.
        instead: Views whose calls others answer. With them, a value that nobody takes any more is dropped, and a
            parameter that no call gives stays one, for whoever asks the whole.

    Returns:
        The statement in which no such call is left.

    Raises:
        RuntimeError: A call is not closed, gives a parameter that the view does not take, or leaves one out; or the
            file names a part of its own like a table that the view reads, which would hide the table.
    """
    parts, position = [], 0
    own = set(_NAMED.findall(body))
    for start, end, called, given in _calls(name, body, view):
        callee = (instead or {}).get(called, called)
        text = view(callee) or ""
        values = _fitted(text, given) if instead else given
        hidden = own & (set(RELATION.findall(text)) - set(_NAMED.findall(text)))
        if hidden:
            raise RuntimeError(f"{name}: {min(hidden)} hides from {callee} the table of that name; call it otherwise")
        parts += [body[position:start], f"(\n{filled(name, callee, text, values)}\n)"]
        position = end
    return "".join([*parts, body[position:]])


def calls(name: str, body: str, views: Collection[str]) -> list[Mapping[str, str]]:
    """The values, by parameter, of each call of one of these views in a statement without comments."""
    return [values for *_, values in _calls(name, body, lambda callee: "" if callee in views else None)]


def _calls(
    name: str, body: str, view: Callable[[str], str | None]
) -> Iterator[tuple[int, int, str, Mapping[str, str]]]:
    """Where each call begins, at the view's name, and ends; whom it calls, with which values."""
    position = 0
    while found := _MARK.search(body, position):
        position = found.end()
        if found["name"] and view(found["name"]) is not None:
            arguments, position = _arguments(name, found["name"], body, found.end())
            yield found.end("call"), position, found["name"], arguments


def _arguments(name: str, callee: str, body: str, start: int) -> tuple[dict[str, str], int]:
    """The values of a call by parameter, and where the call ends."""
    values: dict[str, str] = {}
    depth, begin = 1, start
    for found in _MARK.finditer(body, start):
        if found["open"]:
            break
        mark = found["mark"] or ("(" if found["name"] else "")
        depth += (mark in {"(", "[", "{"}) - (mark in {")", "]", "}"})
        if (depth == 1 and mark == ",") or depth == 0:
            given = body[begin : found.start()].strip()
            parameter, equals, value = (part.strip() for part in given.partition("="))
            if not (equals and value and re.fullmatch(r"\w+", parameter)) and (given or values):
                raise RuntimeError(f"{name}: {given[:80]!r} in the call of {callee} is not parameter = value")
            if parameter in values:
                raise RuntimeError(f"{name}: the call of {callee} gives {parameter} twice")
            values |= {parameter: value} if given else {}
            begin = found.end()
        if depth == 0:
            return values, found.end()
    raise RuntimeError(f"{name}: the call of {callee} is not closed")


def filled(name: str, callee: str, text: str, values: Mapping[str, str]) -> str:
    """The text of a view with a call's values for its parameters."""
    taken = {parameter for parameter, _ in PARAMETER.findall(text)}
    for parameter in sorted(values.keys() - taken):
        raise RuntimeError(f"{name}: {callee} takes no parameter {parameter!r}; it takes {', '.join(sorted(taken))}")
    for parameter in sorted(taken - values.keys()):
        raise RuntimeError(f"{name}: the call of {callee} does not give the parameter {parameter!r}")
    return PARAMETER.sub(lambda found: _value(values[found[1]], found[2]), text)


def _fitted(text: str, values: Mapping[str, str]) -> dict[str, str]:
    """The values that a view takes, and its own parameters where the call does not give them."""
    return {parameter: values.get(parameter, f"{{{parameter}:{kind}}}") for parameter, kind in PARAMETER.findall(text)}


def _value(value: str, kind: str) -> str:
    """A value as the view would have it: of the parameter's type."""
    passed_on = PARAMETER.fullmatch(value)
    if passed_on is not None and passed_on[2] == kind:
        return value
    is_text = re.fullmatch(_TEXT, value, re.DOTALL) is not None
    if kind == "String" and is_text:
        return value
    is_simple = passed_on is not None or _LITERAL.fullmatch(value) is not None
    return f"{value if is_simple else f'({value})'}::{kind}"
