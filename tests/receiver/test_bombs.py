"""Bodies that are small on the wire and large in memory are refused cheaply."""

from __future__ import annotations

import gzip
import threading
from typing import TYPE_CHECKING

import pytest

from modeltally.receiver.pieces import PIECE_BYTES, TooManyItemsError, limit_fields
from receiver.bodies import ATTRIBUTES, all_spans, body, post, put, request
from support.memory import measured
from support.stores import stored

if TYPE_CHECKING:
    from modeltally.server import LocalServer

EMPTY_SPANS = 5_000_000
EMPTY_ATTRIBUTES = 5_000_000
GZIP_MEMBERS = 800_000


def nested(number: int, content: bytes) -> bytes:
    """Wrap bytes as a length-delimited field."""
    length = len(content)
    out = bytearray([number << 3 | 2])
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    out.append(length)
    return bytes(out) + content


def bombs() -> dict[str, bytes]:
    """Bodies that are small on the wire and large in memory."""
    deep = b"\x08\x01"
    for _ in range(5000):
        deep = nested(5, nested(1, deep))
    return {
        "many empty spans": gzip.compress(nested(1, nested(2, b"\x12\x00" * EMPTY_SPANS))),
        "many empty resources": gzip.compress(b"\x0a\x00" * EMPTY_SPANS),
        "many empty attributes": gzip.compress(nested(1, nested(2, nested(2, b"\x4a\x00" * EMPTY_ATTRIBUTES)))),
        "many empty values": gzip.compress(
            nested(1, nested(2, nested(2, nested(9, nested(2, nested(5, b"\x0a\x00" * EMPTY_ATTRIBUTES))))))
        ),
        "a thousand to one": gzip.compress(bytes(200_000_000)),
        "many gzip members": gzip.compress(b"") * GZIP_MEMBERS,
        "nested deeply": gzip.compress(nested(1, nested(2, nested(2, nested(9, nested(2, deep)))))),
    }


def test_bombs_cost_little_memory_and_others_are_served(server: LocalServer) -> None:
    """With the usual limits: each bomb is refused or defused, memory grows by less than 200 MB, others get 200."""
    packed = bombs()
    assert post(server.address, body(500)).status == 200
    assert server.wait_until_stored()
    answers: dict[str, int] = {}

    def throw(name: str) -> None:
        answers[name] = post(server.address, packed[name], encoding="gzip", packed=True).status

    throwers = [threading.Thread(target=throw, args=(name,)) for name in packed]
    with measured() as memory:
        for thrower in throwers:
            thrower.start()
        others = [post(server.address, body(20, seed=100 + number)).status for number in range(5)]
        for thrower in throwers:
            thrower.join()
    assert answers == {
        "many empty spans": 413,
        "many empty resources": 413,
        "many empty attributes": 413,
        "many empty values": 200,  # the one attribute is left out as too large to be kept
        "a thousand to one": 413,
        "many gzip members": 400,
        "nested deeply": 200,  # likewise left out
    }
    assert set(others) == {200}
    assert memory.grown_mb < 200


UNKNOWN_GROUP = b"\xfb\x07\x08\x01\xfc\x07"  # a field of no number we know that holds a number


@pytest.mark.parametrize(
    "before",
    [
        b"",
        UNKNOWN_GROUP,
        b"\x92\x80\x00\x00",  # a number written longer than need be
        b"\xf9\x07" + bytes(8) + b"\xfd\x07" + bytes(4) + b"\xf8\x07\xff\x01",
    ],
    ids=["plain", "group", "long tag", "numbers"],
)
def test_a_message_is_counted_whatever_comes_first(before: bytes) -> None:
    """Nothing that a parser reads hides how many items follow."""
    with pytest.raises(TooManyItemsError):
        limit_fields(before + b"\x12\x00" * 600_000, 50_000, "spans")


@pytest.mark.parametrize("before", [b"\x0f", b"\x12" + b"\x80" * 2_000_000], ids=["no wire type", "endless number"])
def test_what_is_no_protobuf_is_left_to_the_parser(before: bytes) -> None:
    """A sender is told that the body is malformed, not that it is too large."""
    limit_fields(before + b"\x12\x00" * 600_000, 50_000, "spans")


def test_as_many_items_as_allowed_pass() -> None:
    """The limit is of the items: a resource, a scope and a schema beside them are none."""
    spans = nested(2, b"\x4a\x02\x0a\x00" * 6) * 50_000
    message = nested(1, b"") + spans + nested(3, b"schema")
    assert len(message) > PIECE_BYTES
    limit_fields(message, 50_000, "spans")


def test_a_large_body_is_stored_whole(server: LocalServer) -> None:
    """A body parsed in pieces keeps each span with its own resource and scope."""
    made = request(3000, seed=1)
    made.MergeFrom(request(2000, seed=2, scope="modeltally.other", resource={"service.name": "second"}))
    large = next(all_spans(made))
    put(large.attributes, {"gen_ai.input.messages": "x" * 2_000_000})
    content = made.SerializeToString()
    assert len(content) > 3_000_000
    assert post(server.address, content).status == 200
    assert server.wait_until_stored()
    assert server.counters["traces"]["filtered_attributes"] == 1
    server.stop()
    rows = stored(
        server.directory,
        "SELECT ServiceName, ScopeName, count() AS spans, uniqExact(SpanId) AS ids, sum(length(SpanAttributes)) AS sum"
        " FROM otel_traces GROUP BY ServiceName, ScopeName ORDER BY ServiceName",
    )
    assert [tuple(row.values()) for row in rows] == [
        ("painter", "modeltally", 3000, 3000, 3000 * len(ATTRIBUTES)),
        ("second", "modeltally.other", 2000, 2000, 2000 * len(ATTRIBUTES)),
    ]
