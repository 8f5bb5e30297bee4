"""What programs are told of alerts by the interface: as the last look left it, and by which rules."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING, Any

from modeltally.alerts.rules import RULES
from modeltally.server.client import find_server

if TYPE_CHECKING:
    from support.servers import StartServer

OTHERS = ", ".join(RULES.keys() - {"job_failed", "not_looked_at"})


def test_alerts_are_answered_with_their_rules(start_server: StartServer) -> None:
    """What is pending, fires and was over lately is told apart; each rule says its thresholds and whether it is on."""
    server = start_server(alerts_off=OTHERS, alerts_quality=0.65)
    remote = find_server(server.directory)
    assert remote is not None

    url = f"{server.address.http_url}/api/v1/alerts"

    def answer() -> dict[str, Any]:
        with urllib.request.urlopen(url, timeout=60) as response:  # noqa: S310 - a server of ours
            told: dict[str, Any] = json.load(response)
            return told

    def look(*failed: str) -> None:
        remote.run("alerts", {"failed_jobs": dict.fromkeys(failed, "no <b>room</b>")})

    assert answer()["firing"] == answer()["resolved"] == []
    look("roll")
    assert [one["subject"] for one in answer()["pending"]] == ["roll"]
    look("roll", "expire")
    (firing,) = answer()["firing"]
    assert firing["alert"] == "job_failed"
    assert (firing["severity"], firing["status"], firing["kind"]) == ("warning", "firing", "job")
    assert firing["evidence"] == {"error": "no <b>room</b>"}
    assert firing["told_at"] is None
    assert firing["since_at"] < answer()["as_of"]
    look()
    look()
    assert [one["subject"] for one in answer()["resolved"]] == ["roll"]
    rules = {rule["alert"]: rule for rule in answer()["rules"]}
    assert rules.keys() == RULES.keys()
    assert rules["low_quality"]["settings"] == {"alerts_quality": 0.65}
    assert [name for name, rule in rules.items() if rule["is_on"]] == ["job_failed", "not_looked_at"]


def test_a_look_of_the_server_is_in_its_status(start_server: StartServer) -> None:
    """The server looks by itself, in a thread of its own, and says what came of it beside its other jobs."""
    server = start_server(alerts_off=OTHERS, alerts_interval_seconds=0.05)
    remote = find_server(server.directory)
    assert remote is not None
    while not (last := remote.status()["last_alerts"]):
        pass
    assert last["error"] is None
    (report,) = last["report"]
    assert report == {
        "firing": 0,
        "pending": 0,
        "told": 0,
        "untold": 0,
        "has_webhook": False,
        "delivery_failures": 0,
        "delivery_error": None,
    }
