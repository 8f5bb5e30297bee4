"""What a receiver gets, and what becomes of alerts that it does not take."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest

from alerts.receiver import HUGE, Receiver, receiving
from alerts.states import KEY, NOW, after, alert
from modeltally import webhook
from modeltally.alerts.state import Key, Status, event_id
from modeltally.alerts.tell import BEGIN_WITHIN_SECONDS, payload, payload_of, tell, text_of
from modeltally.server.local import JOB_TIMEOUT_SECONDS
from modeltally.settings import Settings
from modeltally.webhook import signature_of
from support.ports import refused_url

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = "s3cret"
BAD_NAME = "<!channel> & <script>alert(1)</script>\n\u202e\x1b[31mred" + "x" * 10_000


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a receiver."""
    with receiving() as server:
        yield server


def settings_for(receiver: Receiver | str, **values: str) -> Settings:
    """Settings that send to a receiver."""
    url = receiver if isinstance(receiver, str) else receiver.url
    return Settings.model_validate({"alerts_webhook_url": url, **values})


def no_sleep(_: float) -> None:
    """Do not wait."""


def test_what_is_sent_says_everything(receiver: Receiver) -> None:
    """Rule, subject, value against threshold, window, since when, evidence, what to do, where to look; signed."""
    settings = settings_for(receiver, alerts_webhook_secret=SHARED, page_url="https://usage.example/")
    told = tell([alert(Key("low_success_rate", "model", "black-forest-labs/FLUX.1"))], settings=settings)
    assert (len(told.alerts), told.untold, told.error) == (1, [], None)
    (content,), (headers,) = receiver.came, receiver.headers
    (one,) = content["alerts"]
    assert content["version"] == 1
    assert content["text"] == one["text"]
    assert one | {"event_id": "", "sentence": "", "todo": "", "text": ""} == {
        "event_id": "",
        "alert": "low_success_rate",
        "severity": "warning",
        "status": "firing",
        "is_reminder": False,
        "kind": "model",
        "subject": "black-forest-labs/FLUX.1",
        "sentence": "",
        "value": 0.5,
        "comparison": "<",
        "threshold": 0.8,
        "unit": "share of one",
        "operations": 40,
        "window_since": "2026-03-02T10:00:00Z",
        "window_until": "2026-03-02T11:00:00Z",
        "since_at": "2026-03-02T11:00:00Z",
        "resolved_at": None,
        "evidence": {"failures": 20},
        "todo": "",
        "link": "https://usage.example/models/black-forest-labs%2FFLUX.1",
        "text": "",
    }
    assert "modeltally stats failures-by-model" in one["todo"]
    assert headers["modeltally-id"] == content["event_id"]
    assert headers["content-type"] == "application/json"
    assert headers["modeltally-signature"].startswith("sha256=")


def test_signature_is_of_what_was_sent(receiver: Receiver) -> None:
    """Whoever knows the secret can check a delivery by its headers and its bytes."""
    settings = settings_for(receiver, alerts_webhook_secret=SHARED)
    tell([alert()], settings=settings)
    (headers,) = receiver.headers
    body = json.dumps(payload([alert()], settings=settings)).encode()
    at, event = int(headers["modeltally-timestamp"]), headers["modeltally-id"]
    assert headers["modeltally-signature"] == signature_of(body, secret=SHARED, event_id=event, at=at)


def test_texts_are_for_people_and_no_markup() -> None:
    """A name cannot call a channel, break a line, turn it around or fill the screen; in JSON it stays as it is."""
    bad = alert(Key("high_error_rate", "model", BAD_NAME), value=1.0, threshold=0.2)
    text = text_of(bad)
    assert text.startswith("critical: model &lt;!channel&gt; &amp; &lt;script&gt;")
    assert not set("\n\u202e\x1b<>") & set(text)
    assert len(text) < 500
    assert payload_of(bad, settings=Settings())["subject"] == BAD_NAME
    assert payload_of(bad, settings=Settings())["link"] is None


def test_texts_say_what_it_is() -> None:
    """Beginning, reminder and end read differently."""
    told = alert(told=Status.FIRING, told_at=NOW)
    assert text_of(alert()).startswith(
        "warning: model flux: low_success_rate 0.5 &lt; 0.8 share of one since 2026-03-02 11:00 UTC."
    )
    assert "model flux: still low_success_rate" in text_of(told)
    over = told.changed(status=Status.RESOLVED, resolved_at=after(5))
    assert text_of(over) == "resolved: model flux: low_success_rate, which began 2026-03-02 11:00 UTC"
    assert payload_of(over, settings=Settings())["resolved_at"] == "2026-03-02T11:05:00Z"
    assert text_of(alert(Key("operations_lost", "", ""), value=3, threshold=0)).startswith(
        "critical: operations_lost 3 &gt; 0 count"
    )


def test_a_storm_is_a_few_deliveries(receiver: Receiver) -> None:
    """A hundred alerts go in one POST; a chat is shown twenty of them, and how many more there are."""
    many = [alert(Key("unused", "model", f"m{number:03}")) for number in range(250)]
    assert len(tell(many, settings=settings_for(receiver)).alerts) == 250
    assert [len(content["alerts"]) for content in receiver.came] == [100, 100, 50]
    assert [content["text"].count("\n") for content in receiver.came] == [20, 20, 20]
    assert receiver.came[0]["text"].endswith("and 80 more")
    ids = [one["event_id"] for content in receiver.came for one in content["alerts"]]
    assert len(set(ids)) == 250


def test_a_moment_of_failure_is_tried_again_with_the_same_id(receiver: Receiver) -> None:
    """A receiver that is busy for a moment gets it within the same look."""
    receiver.statuses = [503, 500]
    told = tell([alert()], settings=settings_for(receiver), sleep=no_sleep)
    assert told.error is None
    assert len({content["event_id"] for content in receiver.came}) == 1
    assert {content["alerts"][0]["event_id"] for content in receiver.came} == {event_id(alert())}
    assert len(receiver.came) == 3


@pytest.mark.parametrize(("status", "why"), [(302, "leads elsewhere"), (404, "another try"), (503, "answered 503")])
def test_what_is_refused_waits(receiver: Receiver, status: int, why: str) -> None:
    """A redirect is not followed; what is not taken stays untold, with the reason, and the rest is not tried."""
    receiver.statuses = [status] * 9
    many = [alert(Key("unused", "model", f"m{number:03}")) for number in range(150)]
    told = tell(many, settings=settings_for(receiver), sleep=no_sleep)
    assert (told.alerts, len(told.untold)) == ([], 150)
    assert why in str(told.error)
    assert "/hook" not in str(told.error)
    assert receiver.elsewhere == 0
    assert {len(content["alerts"]) for content in receiver.came} == {100}


def test_what_was_taken_before_a_failure_is_told(receiver: Receiver) -> None:
    """Only the rest waits."""
    receiver.statuses = [204, 404, 404, 404]
    many = [alert(Key("unused", "model", f"m{number:03}")) for number in range(150)]
    told = tell(many, settings=settings_for(receiver), sleep=no_sleep)
    assert (len(told.alerts), len(told.untold)) == (100, 50)


def test_an_answer_without_end_is_not_read(receiver: Receiver) -> None:
    """A receiver that answers with gigabytes has taken it."""
    receiver.statuses = [HUGE]
    assert tell([alert()], settings=settings_for(receiver)).error is None


def test_nobody_there_and_no_tls_wait(receiver: Receiver) -> None:
    """A port without a listener, and one that speaks no TLS, are said by the host alone."""
    with refused_url() as url:
        assert "cannot be reached" in str(tell([alert()], settings=settings_for(url), sleep=no_sleep).error)
    secure = settings_for(receiver.url.replace("http:", "https:"))
    assert "cannot be reached: SSLError" in str(tell([alert()], settings=secure, sleep=no_sleep).error)
    assert receiver.came == []


def test_a_receiver_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs one attempt, not one for each piece: after three seconds no new one is begun."""
    monkeypatch.setattr(webhook, "TIMEOUT_SECONDS", 0.05)
    seconds = iter([0.0, 0.0, 3.0, *[3.0] * 9])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = tell(
            [alert()],
            settings=settings_for(f"http://127.0.0.1:{silent.getsockname()[1]}/hook"),
            clock=lambda: next(seconds),
            sleep=no_sleep,
        )
    assert "did not answer" in str(told.error)
    assert "tried once" in str(told.error)
    assert told.untold == [alert()]


def test_a_stop_waits_for_no_receiver() -> None:
    """What a look may take at most is less than a stop of the server waits for a job."""
    assert BEGIN_WITHIN_SECONDS + webhook.TIMEOUT_SECONDS < JOB_TIMEOUT_SECONDS


def test_without_a_webhook_nothing_is_told_and_nothing_is_wrong() -> None:
    """What fires waits for one to be set."""
    told = tell([alert()], settings=Settings())
    assert (told.alerts, told.untold, told.error) == ([], [alert()], None)


@pytest.mark.parametrize("url", ["ftp://host/x", "http://", "https:///path", "http://a b/", "host", "http://h/\n"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """The message does not show it: paths of webhooks are secrets."""
    with pytest.raises(ValueError, match="address that begins with"):
        settings_for(url)


def test_key_is_what_an_alert_is_about() -> None:
    """Two subjects of one rule are two alerts, with two ids."""
    other = alert(Key(KEY.rule, KEY.kind, "sdxl"))
    assert event_id(other) != event_id(alert())
