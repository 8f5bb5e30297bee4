"""``price``: what the team pays, set, shown and taken away."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from cli.conftest import rows_of
from modeltally.cli._exit import ExitCode
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run
    from support.stores import Template

MARCH = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
FROM = ("--from", "2026-03-01")


@pytest.fixture(scope="module")
def directory(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a data directory with two requests; no server runs on it."""
    folder = tmp_path_factory.mktemp("price") / "data"
    with template.opened(folder) as store:
        give(store, Given(operations=[Operation(at=MARCH, times=2, ms=3_600_000)]))
    return folder


def test_price_is_set_shown_used_and_removed(here: Run, directory: Path) -> None:
    """What is set is listed and counts in ``stats cost``; what is removed is listed no more."""
    where = ("--format", "json", "--dir", directory)
    done = here("price", "flux", "gpu-hour", "2.50", "usd", *FROM, *where)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["model"], row["unit"], row["amount"], row["currency"]) == ("flux", "gpu_hour", 2.5, "USD")
    assert (row["valid_from"], row["valid_until"]) == ("2026-03-01", None)
    window = ("--since", "2026-03-02", "--until", "2026-03-03", "--as-of", "2026-03-03")
    (cost,) = rows_of(here("stats", "cost", *window, *where).stdout)
    assert (cost["subject"], cost["cost_by_price"], cost["unpriced"]) == ("flux", 5, 0)
    assert json.loads(here("price", "flux", "gpu-hour", *FROM, "--remove", *where).stdout) == []
    shown = here("price", "--dir", directory)
    assert "no price is set; set one: modeltally price" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("flux",), "a price also needs unit, amount, currency, --from"),
        (("flux", "gpu-hour", "2.5", "USD"), "a price also needs --from"),
        (("flux", "gpu-hour", "--remove"), "a price also needs --from"),
        (FROM, "are for a price; say model and unit first"),
    ],
)
def test_mistake_is_named(here: Run, directory: Path, arguments: tuple[str, ...], message: str) -> None:
    """What is missing is named before anything is opened."""
    done = here("price", *arguments, "--dir", directory)
    assert done.returncode == ExitCode.USAGE
    assert message in done.stderr


def test_negative_price_is_refused(here: Run, directory: Path) -> None:
    """A price below nothing is none, though its sign looks like a flag."""
    done = here("price", *FROM, "--dir", directory, "--", "flux", "gpu-hour", "-1", "USD")
    assert done.returncode == ExitCode.USAGE
    assert "amount = '-1' is no price; give a number from 0 to 1,000,000,000" in done.stderr
