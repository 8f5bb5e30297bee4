"""Senders that speak HTTP in their own way are understood, and those that speak another protocol are told so."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from receiver.bodies import body

if TYPE_CHECKING:
    from modeltally.server import LocalServer

SPANS = 3
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def said(server: LocalServer, *parts: bytes, after: bytes = b"") -> bytes:
    """Send parts over one connection, the later ones once something came; gives all that came until it was closed."""
    url = urlsplit(server.address.otlp_url)
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.sendall(parts[0])
        came = b""
        for part in parts[1:]:
            while after not in came:
                came += connection.recv(65_536)
            connection.sendall(part)
        while more := connection.recv(65_536):
            came += more
    return came


def head(server: LocalServer, *lines: str, version: str = "1.1", method: str = "POST") -> bytes:
    """Write the head of a request with spans in protobuf."""
    host = urlsplit(server.address.otlp_url).netloc
    first = [f"{method} /v1/traces HTTP/{version}", f"Host: {host}", "Content-Type: application/x-protobuf"]
    return "\r\n".join([*first, *lines, "", ""]).encode()


def taken(server: LocalServer, *parts: bytes, after: bytes = b"") -> tuple[int, int]:
    """Send parts; gives how many answers said 200, and how many spans were taken."""
    before = server.counters["traces"]["items"]
    came = said(server, *parts, after=after)
    return came.count(b" 200 OK\r\n"), server.counters["traces"]["items"] - before


def test_body_in_chunks_is_one_body(small_server: LocalServer) -> None:
    """Its length need not be known, however it is cut."""
    content = body(SPANS, seed=1)
    cut = len(content) // 3
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (content[:cut], content[cut:]))
    request = head(small_server, "Transfer-Encoding: chunked", "Connection: close") + chunks + b"0\r\n\r\n"
    assert taken(small_server, request) == (1, SPANS)


def test_sender_that_asks_first_is_told_to_go_on(small_server: LocalServer) -> None:
    """A body announced with Expect: 100-continue is asked for, and taken when it comes."""
    content = body(SPANS, seed=2)
    announced = head(small_server, f"Content-Length: {len(content)}", "Expect: 100-continue", "Connection: close")
    assert taken(small_server, announced, content, after=b"100 Continue") == (1, SPANS)


def test_requests_sent_without_waiting_are_all_answered(small_server: LocalServer) -> None:
    """Three requests in one piece get three answers."""
    contents = [body(SPANS, seed=seed) for seed in (20, 21, 22)]
    ends = ("Connection: keep-alive", "Connection: keep-alive", "Connection: close")
    requests = [
        head(small_server, f"Content-Length: {len(content)}", end) + content
        for content, end in zip(contents, ends, strict=True)
    ]
    assert taken(small_server, b"".join(requests)) == (3, 3 * SPANS)


def test_old_http_is_answered_and_closed(small_server: LocalServer) -> None:
    """HTTP/1.0 knows no kept connections."""
    content = body(SPANS, seed=4)
    request = head(small_server, f"Content-Length: {len(content)}", version="1.0") + content
    assert taken(small_server, request) == (1, SPANS)


def test_offer_of_another_protocol_is_passed_over(small_server: LocalServer) -> None:
    """A request that would rather go on in HTTP/2 is answered in HTTP/1.1."""
    content = body(SPANS, seed=5)
    offer = ("Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    request = head(small_server, f"Content-Length: {len(content)}", *offer) + content
    assert taken(small_server, request) == (1, SPANS)


@pytest.mark.parametrize(
    "spoken", [HTTP2_PREFACE, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)], ids=["h2", "tls"]
)
def test_another_protocol_is_refused_and_not_waited_for(small_server: LocalServer, spoken: bytes) -> None:
    """HTTP/2 without asking, and TLS, are answered in HTTP/1.1 with what is wrong, and the connection is closed."""
    came = said(small_server, spoken)
    assert came.startswith(b"HTTP/1.1 4")


def test_deflated_body_is_refused_with_what_is_taken(small_server: LocalServer) -> None:
    """The protocol asks for gzip alone; what is not taken is named."""
    content = body(SPANS, seed=6)
    request = head(small_server, f"Content-Length: {len(content)}", "Content-Encoding: deflate", "Connection: close")
    came = said(small_server, request + content)
    assert came.startswith(b"HTTP/1.1 415")
    assert b"gzip" in came
