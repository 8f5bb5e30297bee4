"""A store with a little use in it, and the reports made of it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.analytics.statistics import Statistics
from modeltally.analytics.window import Window
from modeltally.show.report.kinds import REPORTS, make_report
from modeltally.show.report.parts import Asked
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.show.report.model import Report
    from modeltally.store import EmbeddedStore
    from support.stores import Template

SINCE = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
UNTIL = dt.datetime(2026, 3, 8, tzinfo=dt.UTC)
AS_OF = dt.datetime(2026, 3, 8, 6, 30, tzinfo=dt.UTC)
EARLIER = SINCE - dt.timedelta(days=5)
ZONE = "Europe/Berlin"
HOUR = 3600


@pytest.fixture(scope="module")
def store(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Fill a store with a week of two models, a pattern, loads, downloads, failures and a price."""
    gib = 2**30
    given = Given(
        operations=[
            Operation(at=SINCE, model="acme/painter", times=80, every_seconds=2 * HOUR, user=1, ms=1500),
            Operation(at=SINCE, model="acme/painter", times=5, every_seconds=24 * HOUR, user=2, ms=90_000,
                      outcome="error", error_type="out_of_memory"),
            Operation(at=EARLIER, model="writer", times=11, every_seconds=24 * HOUR, ms=250, user=3,
                      attributes={"gen_ai.usage.input_tokens": "100", "gen_ai.usage.output_tokens": "20"}),
            Operation(at=SINCE, model="writer", outcome="cancelled", user=3),
            Operation(at=SINCE, operation="model.load", model="acme/painter", times=3, every_seconds=48 * HOUR, ms=8000,
                      attributes={"modeltally.model.size": str(7 * gib)}),
            Operation(at=SINCE, operation="model.download", model="acme/painter", ms=60_000,
                      attributes={"modeltally.download.size": str(7 * gib), "modeltally.download.bytes": str(7 * gib)}),
            Operation(at=SINCE, operation="pattern.run", pattern="storyboard", times=9, every_seconds=12 * HOUR),
        ],
    )  # fmt: skip
    with template.opened(tmp_path_factory.mktemp("report") / "data", clock=lambda: AS_OF) as opened:
        give(opened, given)
        yield opened


@pytest.fixture(scope="module")
def asked(store: EmbeddedStore) -> Asked:
    """Ask about the week, in a zone that is not UTC."""
    statistics = Statistics(store, settings=store.settings)
    window = Window(SINCE, UNTIL, AS_OF)
    return Asked(statistics=statistics, store=store, window=window, zone=ZONE, count_imports=True)


class Reports(dict[str, "Report"]):
    """Makes each report when it is first asked for."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def __missing__(self, name: str) -> Report:
        self[name] = make_report(REPORTS[name], self._asked, generated_at=AS_OF)
        return self[name]


@pytest.fixture(scope="module")
def reports(asked: Asked) -> dict[str, Report]:
    """Give every report, each made once."""
    return Reports(asked)
