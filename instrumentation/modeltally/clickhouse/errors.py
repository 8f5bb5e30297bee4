"""Refusals of the ClickHouse interface: the code, text and HTTP status that a ClickHouse server answers with."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["Code", "RefusedQueryError", "from_engine"]

_MESSAGE: Final = re.compile(
    r"Code: (?P<code>\d+)\. DB::Exception: (?P<text>.*)\((?P<name>[A-Z0-9_]+)\)\.?\s*$", re.DOTALL
)
# The engine repeats itself where an error passes several of its layers.
_REPEATED: Final = re.compile(
    r"(?:Code: \d+\. DB::Exception: )+(?P<text>.*?)(?: \([A-Z0-9_]+\) \(version [^)]*\)\.?)*\s*", re.DOTALL
)
# What is ours around a query, and would only confuse.
_WRAPPED: Final = re.compile(r": (?:While executing|In scope SELECT formatQuerySingleLine\().*", re.DOTALL)
_ANY_CODE: Final = 1002


class Code:
    """The codes this interface answers with by itself, with their names."""

    BAD_ARGUMENTS = (36, "BAD_ARGUMENTS")
    UNKNOWN_FUNCTION = (46, "UNKNOWN_FUNCTION")
    NOT_IMPLEMENTED = (48, "NOT_IMPLEMENTED")
    SYNTAX_ERROR = (62, "SYNTAX_ERROR")
    UNKNOWN_FORMAT = (73, "UNKNOWN_FORMAT")
    UNKNOWN_DATABASE = (81, "UNKNOWN_DATABASE")
    TIMEOUT_EXCEEDED = (159, "TIMEOUT_EXCEEDED")
    READONLY = (164, "READONLY")
    TOO_MANY_SIMULTANEOUS_QUERIES = (202, "TOO_MANY_SIMULTANEOUS_QUERIES")
    SOCKET_TIMEOUT = (209, "SOCKET_TIMEOUT")
    QUERY_IS_TOO_LARGE = (229, "QUERY_IS_TOO_LARGE")
    CANNOT_DECOMPRESS = (271, "CANNOT_DECOMPRESS")
    QUERY_WAS_CANCELLED = (394, "QUERY_WAS_CANCELLED")
    TOO_MANY_ROWS_OR_BYTES = (396, "TOO_MANY_ROWS_OR_BYTES")
    SETTING_CONSTRAINT_VIOLATION = (452, "SETTING_CONSTRAINT_VIOLATION")
    ACCESS_DENIED = (497, "ACCESS_DENIED")
    AUTHENTICATION_FAILED = (516, "AUTHENTICATION_FAILED")


# As a server maps them, but for 202: a client may try that again, and knows it by 503. Everything else is 500.
_STATUS: Final = {
    400: (6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376, 427, 441, 675, 676),
    401: (194,),
    403: (192, 193, 497, 512, 516),
    404: (46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511),
    408: (159,),
    411: (381,),
    413: (229,),
    415: (779,),
    501: (48,),
    503: (76, 202, 209, 439),
}
_STATUS_BY_CODE: Final = {code: status for status, codes in _STATUS.items() for code in codes}


class RefusedQueryError(Exception):
    """A query that is not answered.

    Attributes:
        code: ClickHouse's number of what is wrong.
        name: ClickHouse's name of it.
        text: What is wrong, in a sentence.
    """

    def __init__(self, code: tuple[int, str], text: str) -> None:
        """Take what is wrong.

        Args:
            code: The number and the name, for example one of ``Code``.
            text: A sentence.
        """
        super().__init__(text)
        self.code, self.name = code
        self.text = text

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _STATUS_BY_CODE.get(self.code, 500)

    def message(self, version: str) -> str:
        """Write the body of the answer.

        Args:
            version: The engine's version, which a server names too.
        """
        return f"Code: {self.code}. DB::Exception: {self.text} ({self.name}) (version {version})\n"


def from_engine(error: Exception) -> RefusedQueryError:
    """Read what the engine raised."""
    message = str(error)
    found = _MESSAGE.search(message)
    if found is None:
        return RefusedQueryError((_ANY_CODE, "UNKNOWN_EXCEPTION"), message.strip() or type(error).__name__)
    text = found["text"].strip()
    repeated = _REPEATED.fullmatch(text)
    if repeated is not None:
        text = repeated["text"]
    return RefusedQueryError((int(found["code"]), found["name"]), _WRAPPED.sub("", text).strip())
