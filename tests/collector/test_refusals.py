"""Bodies that are no OTLP, or made to be costly: the collector refuses each, lives on, and takes what is good."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

from collector.conftest import settle
from modeltally.store import open_store
from receiver.bodies import JSON, PROTOBUF, Sender, body
from support.stores import ask

if TYPE_CHECKING:
    from collector.running import Collector, StubStore


# what is wrong -> body, headers
def refused() -> dict[str, tuple[bytes, dict[str, str]]]:
    """Make what is refused, with its headers: only when it is needed, since one of them takes a second."""
    return {
        "cut short": (body()[:-3], {"Content-Type": PROTOBUF}),
        "no protobuf": (b"\xff\xff\xff", {"Content-Type": PROTOBUF}),
        "a length of 2**63": (b"\x0a" + b"\xff" * 8 + b"\x7f", {"Content-Type": PROTOBUF}),
        "a wrong wire type": (b"\x0d\x01\x00\x00\x00", {"Content-Type": PROTOBUF}),
        "no JSON": (b"{", {"Content-Type": JSON}),
        "JSON of another shape": (b'{"resourceSpans": 1}', {"Content-Type": JSON}),
        "JSON five thousand deep": (b"[" * 5000, {"Content-Type": JSON}),
        "gzip cut short": (b"\x1f\x8b\x08\x00", {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}),
        "no gzip": (b"no gzip at all", {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"}),
        "a text": (body(), {"Content-Type": "text/plain"}),
        "no type": (body(), {"Accept": "*/*"}),
        "another compression": (body(), {"Content-Type": PROTOBUF, "Content-Encoding": "brotli"}),
        "bytes that unpack to 400 MB": (
            gzip.compress(bytes(400 * 1024**2), 1),
            {"Content-Type": PROTOBUF, "Content-Encoding": "gzip"},
        ),
    }


def test_bad_bodies_are_refused_and_good_ones_stored(collector: Collector, store: StubStore) -> None:
    """Each gets an error of its client's making, between good bodies that are all stored; nothing else is."""
    sender = Sender(collector.url)
    bodies = refused()
    statuses = {}
    for number, (what, (content, headers)) in enumerate(bodies.items()):
        statuses[what] = sender.send(content, headers=headers).status
        assert sender.send(body(1, seed=number)).status == 200, what
    assert {what: status for what, status in statuses.items() if not 400 <= status < 500} == {}
    assert sender.send(b"").status == 200  # a request without anything is one
    sender.close()
    settle(collector, store)
    opened = open_store(store.directory)
    try:
        assert ask(opened, "SELECT count() AS spans FROM otel_traces") == [{"spans": len(bodies)}]
    finally:
        opened.close()
