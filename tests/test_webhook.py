"""A webhook gets a signed POST, a few tries, and nothing that it could lead elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import threading
from typing import TYPE_CHECKING

import pytest

from modeltally import webhook
from modeltally.errors import DeliveryError
from modeltally.webhook import deliver
from support.ports import refused_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BODY = b'{"one": 1}'
SHARED = "s3cret"


class Receiver(http.server.ThreadingHTTPServer):
    """Answers each POST with the next of its statuses, and keeps what came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses: list[int] = []
        self.came: list[tuple[dict[str, str], bytes]] = []
        self.released = threading.Event()

    @property
    def address(self) -> str:
        """Where it listens, with a path that nobody is told."""
        return f"http://127.0.0.1:{self.server_port}/hidden-path?key=hidden-key"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Answer."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.came.append((headers, self.rfile.read(int(self.headers["Content-Length"]))))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        if status == 0:  # a server that says nothing
            self.server.released.wait(30)
            return
        self.send_response(status)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Retry-After", "7")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a receiver."""
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def send(url: str, *, waits: list[float] | None = None, attempts: int = 3, secret: str | None = None) -> None:
    """Deliver the body at a fixed time."""
    deliver(
        url,
        BODY,
        content_type="application/json",
        secret=secret,
        event_id="report-1",
        attempts=attempts,
        clock=lambda: 1_700_000_000.5,
        sleep=(waits if waits is not None else []).append,
    )


def test_delivery_is_signed(receiver: Receiver) -> None:
    """The signature is the HMAC of id, time and body; without a secret there is none."""
    send(receiver.address, secret=SHARED)
    send(receiver.address)
    (headers, body), (plain, _) = receiver.came
    assert body == BODY
    expected = hmac.new(SHARED.encode(), b"report-1.1700000000." + BODY, hashlib.sha256).hexdigest()
    assert headers["modeltally-signature"] == f"sha256={expected}"
    assert headers["modeltally-timestamp"] == "1700000000"
    assert headers["modeltally-id"] == headers["idempotency-key"] == "report-1"
    assert headers["content-type"] == "application/json"
    assert "modeltally-signature" not in plain


def test_what_may_pass_is_tried_again(receiver: Receiver) -> None:
    """A busy receiver is asked again after what it asks for, with the same id."""
    receiver.statuses = [503, 429]
    waits: list[float] = []
    send(receiver.address, waits=waits)
    assert waits == [7.0, 7.0]
    assert [headers["modeltally-id"] for headers, _ in receiver.came] == ["report-1"] * 3


def test_pauses_grow_while_nobody_answers() -> None:
    """Where nobody listens the pauses double, and the error names the host alone."""
    waits: list[float] = []
    with (
        refused_url() as place,
        pytest.raises(DeliveryError, match="cannot be reached: ConnectionError; tried 4 times") as caught,
    ):
        send(f"{place.replace('//', '//user:word@')}/hidden-path?key=hidden-key", waits=waits, attempts=4)
    assert waits == [1.0, 2.0, 4.0]
    assert f"{place} " in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("hidden", "word"))


@pytest.mark.parametrize(("status", "why"), [(302, "leads elsewhere"), (404, "another try will not change")])
def test_what_will_not_pass_is_said_at_once(receiver: Receiver, status: int, why: str) -> None:
    """A redirect is not followed, and a refusal not repeated."""
    receiver.statuses = [status]
    with pytest.raises(DeliveryError, match=f"answered {status}, which {why}") as caught:
        send(receiver.address)
    assert len(receiver.came) == 1
    assert "hidden" not in str(caught.value)


def test_silence_is_bounded(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that never answers is given up."""
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.2)
    receiver.statuses = [0, 0]
    with pytest.raises(DeliveryError, match="did not answer within 0 s; tried 2 times"):
        send(receiver.address, attempts=2)


def test_login_comes_from_the_address_alone(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the address holds is sent; what a .netrc knows of the host is not."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    send(receiver.address)
    send(receiver.address.replace("http://", "http://a%40b:c@"))
    assert "authorization" not in receiver.came[0][0]
    assert receiver.came[1][0]["authorization"] == "Basic YUBiOmM="


@pytest.mark.parametrize("url", ["", "ftp://host/x", "http://", "http://[::1", "http://h:99999/", "http://h/a\nb", "h"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Only http and https are posted to."""
    with pytest.raises(DeliveryError, match="http:// or https:// and a host"):
        send(url)


@pytest.mark.parametrize("event_id", ["", "a b", "a\r\nX: y", "é", "x" * 201])
def test_an_id_that_no_header_holds_is_refused(event_id: str) -> None:
    """An id cannot bring headers of its own."""
    with pytest.raises(DeliveryError, match="visible ASCII"):
        deliver("http://127.0.0.1:1/", BODY, content_type="text/plain", secret=None, event_id=event_id)
