"""On which line of a TOML text each key stands: a second pass over what a real parser has accepted."""

from __future__ import annotations

import re
import tomllib
from typing import Final

__all__ = ["KeyPath", "lines_of"]

KeyPath = tuple[str | int, ...]

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_OTHER_VALUE: Final = re.compile(r"[^,\]}\n#]+")


def lines_of(text: str) -> dict[KeyPath, int]:
    """Find the line of every key, table and element of an array.

    Args:
        text: A valid TOML document.

    Returns:
        The line, from 1, by the path of keys and positions that leads there. Of a table that several places add to, it
        is the first of them.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    """Goes through the text once; what it meets is known to be well formed."""

    def __init__(self, text: str) -> None:
        self._text = text.replace("\r\n", "\n")
        self._at = 0
        self.lines: dict[KeyPath, int] = {}
        self._arrays: dict[KeyPath, int] = {}

    def document(self) -> None:
        table: KeyPath = ()
        while True:
            self._skip(newlines=True)
            if self._at >= len(self._text):
                return
            if self._takes("[["):
                table = self._header(is_array=True)
            elif self._takes("["):
                table = self._header(is_array=False)
            else:
                self._pair(table)

    def _header(self, *, is_array: bool) -> KeyPath:
        line = self._line()
        *front, last = self._key()
        path = self._extended((), front, line)
        if is_array:
            self._takes("]]")
            number = self._arrays.get((*path, last), -1) + 1
            self._arrays[(*path, last)] = number
            self._note((*path, last), line)
            path = (*path, last, number)
        else:
            self._takes("]")
            path = self._extended(path, [last], line)
        self._note(path, line)
        return path

    def _extended(self, path: KeyPath, keys: list[str], line: int) -> KeyPath:
        """Follow keys; one that names an array of tables means its last table."""
        for key in keys:
            path = (*path, key)
            self._note(path, line)
            if path in self._arrays:
                path = (*path, self._arrays[path])
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self._line()
        *front, last = self._key()
        path = (*self._extended(table, front, line), last)
        self._note(path, line)
        self._skip()
        self._takes("=")
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip()
        if self._takes("["):
            number = 0
            while self._goes_on("]"):
                self._note((*path, number), self._line())
                self._value((*path, number))
                number += 1
        elif self._takes("{"):
            while self._goes_on("}"):
                self._pair(path)
        elif self._text[self._at : self._at + 1] in ('"', "'"):
            self._string()
        elif matched := _OTHER_VALUE.match(self._text, self._at):
            self._at = matched.end()

    def _goes_on(self, end: str) -> bool:
        """Pass what separates the elements of an array or an inline table; False after its end."""
        self._skip(newlines=True)
        while self._takes(","):
            self._skip(newlines=True)
        return self._at < len(self._text) and not self._takes(end)

    def _key(self) -> list[str]:
        keys = []
        while True:
            self._skip()
            if self._text[self._at : self._at + 1] in ('"', "'"):
                keys.append(self._string())
            else:
                matched = _BARE.match(self._text, self._at)
                keys.append(matched[0] if matched else "")
                self._at = matched.end() if matched else len(self._text)
            self._skip()
            if not self._takes("."):
                return keys

    def _string(self) -> str:
        begin, quote = self._at, self._text[self._at]
        triple = quote * 3
        if self._text.startswith(triple, begin):
            self._at += 3
            self._to_end(triple)
            while self._takes(quote):  # a text may end with quotes of its own
                pass
            return ""  # never a key
        self._at += 1
        self._to_end(quote)
        return str(tomllib.loads(f"key = {self._text[begin : self._at]}")["key"])

    def _to_end(self, quotes: str) -> None:
        while self._at < len(self._text) and not self._takes(quotes):
            self._at += 2 if self._text[self._at] == "\\" and quotes[0] == '"' else 1

    def _skip(self, *, newlines: bool = False) -> None:
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif char in " \t" or (newlines and char == "\n"):
                self._at += 1
            else:
                return

    def _takes(self, text: str) -> bool:
        if not self._text.startswith(text, self._at):
            return False
        self._at += len(text)
        return True

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _note(self, path: KeyPath, line: int) -> None:
        self.lines.setdefault(path, line)
