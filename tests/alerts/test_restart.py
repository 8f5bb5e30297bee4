"""What a process told of alerts is known to the next one, by whichever store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alerts.receiver import receiving
from alerts.states import after
from modeltally.alerts.rules import RULES
from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import ServedStore, open_store
from modeltally.store.client import Database
from store.served import PASSWORD, served

if TYPE_CHECKING:
    from pathlib import Path

    from support.stores import Template

OTHERS = ", ".join(RULES.keys() - {"job_failed", "not_looked_at"})


def test_what_was_told_is_known_after_a_restart(template: Template, tmp_path: Path) -> None:
    """A process that starts anew neither tells it again, nor forgets to tell its end or what nobody took."""
    directory = template.copy(tmp_path / "data")

    def look_once(minutes: float, *failed: str) -> dict[str, Any]:
        settings = Settings.model_validate(
            {"dir": directory, "alerts_webhook_url": receiver.url, "alerts_hold_looks": 1, "alerts_off": OTHERS}
        )
        store = open_store(directory, settings=settings, jobs=runners())
        try:
            asked = {"as_of": after(minutes), "failed_jobs": dict.fromkeys(failed, "no room")}
            return store.run("alerts", asked)[0]
        finally:
            store.close()

    with receiving() as receiver:
        receiver.statuses = [204, *[404] * 3]
        assert look_once(0, "roll")["told"] == 1
        report = look_once(5, "roll", "expire")
        assert (report["told"], report["untold"], report["delivery_failures"]) == (0, 1, 1)
        assert look_once(10, "expire")["told"] == 2
        told = receiver.told()
    assert told[0] == ("job_failed", "roll", "firing")
    assert told[1:4] == [("job_failed", "expire", "firing")] * 3
    assert sorted(told[4:]) == [("job_failed", "expire", "firing"), ("job_failed", "roll", "resolved")]


def test_looks_beside_a_clickhouse_server(template: Template, tmp_path: Path) -> None:
    """Each runner of jobs knows what the one before told; disk and files are the server's own affair."""
    directory = template.copy(tmp_path / "data")
    jobs = runners(is_served=True)
    with receiving() as receiver, served(directory / "chdb") as server:
        settings = Settings.model_validate(
            {
                "dir": tmp_path,
                "alerts_webhook_url": receiver.url,
                "alerts_hold_looks": 1,
                "alerts_disk_percent": 0.000001,
            }
        )
        told = []
        for minutes in (0, 5):
            store = ServedStore(Database.open_url(server.url, password=PASSWORD), settings=settings, jobs=jobs)
            (report,) = store.run("alerts", {"as_of": after(minutes), "failed_jobs": {"roll": "no room"}})
            told.append((report["firing"], report["told"]))
            store.close()
        assert told == [(1, 1), (1, 0)]
        assert receiver.told() == [("job_failed", "roll", "firing")]
