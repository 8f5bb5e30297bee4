"""The advice which models may go: what it names, which guard stops it, and what never changes that."""

from __future__ import annotations

import datetime as dt
import random
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from modeltally.settings import Settings
from queries.given import EPOCH, Alias, Given, Heartbeat, Operation, empty, give
from recommend.fleets import FIRST, GIB, download, drawn, end_of, fill, named_by_rule_r, used_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import EmbeddedStore
    from support.stores import Template

FLEET = drawn(7)
DAYS = 300
# nothing is left out for the size of a run
AT_ONCE = Settings(cleanup_run_models=1000, cleanup_run_bytes_share=1)


@pytest.fixture(scope="module")
def opened(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open one store for the module; each run of a job is a second after the one before."""
    ticks = count()
    with template.opened(
        tmp_path_factory.mktemp("cleanup"), clock=lambda: EPOCH + dt.timedelta(seconds=next(ticks))
    ) as store:
        yield store


@pytest.fixture(scope="module")
def held() -> list[str]:
    """Remember what the store holds."""
    return []


@pytest.fixture
def store(opened: EmbeddedStore, held: list[str]) -> EmbeddedStore:
    """Give it empty, with settings that leave nothing out."""
    empty(opened)
    held.clear()
    opened.settings = AT_ONCE
    return opened


@pytest.fixture
def fleet(opened: EmbeddedStore, held: list[str]) -> EmbeddedStore:
    """Give it with a fleet and nothing else."""
    if held != ["fleet"]:
        empty(opened)
        fill(opened, FLEET, watched=range(DAYS))
        held[:] = ["fleet"]
    opened.settings = AT_ONCE
    return opened


def said(store: EmbeddedStore, day: int, **asked: object) -> dict[str, dict[str, Any]]:
    """What the job says at the end of a day, by model."""
    return {str(row["subject"]): row for row in store.run("recommend_cleanup", {"as_of": end_of(day), **asked})}


def advised(store: EmbeddedStore, day: int, **asked: object) -> set[str]:
    """Which models it advises away."""
    return {model for model, row in said(store, day, **asked).items() if row["verdict"] == "advise"}


def test_job_names_what_the_policy_of_the_backtest_names(fleet: EmbeddedStore) -> None:
    """Through spans, rolls and the job comes what rule R says of the days, on each day asked about, and it is right."""
    fleet.run("roll", {"as_of": end_of(DAYS)})
    for day in (119, 148):
        assert advised(fleet, day) == set()
    regrets = 0
    for day in (179, 240, 299):
        named = advised(fleet, day)
        assert named == named_by_rule_r(FLEET, day + 1) != set()
        regrets += sum(any(day < used <= day + 90 for used in FLEET[model]) for model in named)
    assert regrets == 0


def test_row_says_what_it_rests_on(fleet: EmbeddedStore) -> None:
    """Evidence, window, coverage, horizon and what would refute it stand in the row."""
    rows = said(fleet, 299)
    row = next(row for row in rows.values() if row["verdict"] == "advise")
    evidence = row["evidence"]
    assert row["action"] == "offload"
    assert row["confidence"] == pytest.approx(evidence["unused_30_days_chance"], abs=1e-4)
    assert row["confidence"] >= 0.95
    assert (row["horizon_seconds"], row["coverage"], row["policy_version"]) == (30 * 86_400, 1.0, 2)
    assert row["refuted_by"] == "a use within 30, 60 or 90 days"
    assert row["refutation"]["figure"] == "uses"
    assert (evidence["watched_days"], evidence["longest_visible_cycle_days"]) == (300, 150)
    assert "watched 300 days: cycles longer than 150 days cannot be seen" in row["reason"]
    assert {"idle_days", "longest_pause_days", "pauses_so_long", "pauses_ended_within_30_days", "class"} <= set(
        evidence
    )
    assert {row["evidence"]["class"] for row in rows.values()} >= {"never used", "several uses"}


def test_run_names_few_and_the_largest_first(fleet: EmbeddedStore) -> None:
    """A run names three models and a tenth of the bytes at most; the others wait, and say for what."""
    every = said(fleet, 299)
    wanted = {model for model, row in every.items() if row["verdict"] == "advise"}
    fleet.settings = Settings()
    rows = said(fleet, 299)
    chosen = {model for model, row in rows.items() if row["verdict"] == "advise"}
    waiting = {model for model, row in rows.items() if row["verdict"] == "candidate"}
    assert len(chosen) == 3
    assert chosen | waiting == wanted
    sizes = {model: every[model]["evidence"]["size_bytes"] for model in wanted}
    assert sum(sizes[model] for model in chosen) <= 0.1 * sum((1 + number % 30) * GIB for number in range(len(FLEET)))
    assert max(sizes.values()) == max(sizes[model] for model in chosen)
    assert all(rows[model]["reason"].startswith("turn: ") for model in waiting)
    assert all(rows[model]["action"] == "" for model in waiting)


def test_silence_of_the_collector_names_nothing_new(store: EmbeddedStore) -> None:
    """Seven days without anything: nothing is named while it lasts, nor for two weeks after; then nothing too early."""
    hole = range(250, 257)
    holed = {model: [day for day in days if day not in hole] for model, days in FLEET.items()}
    fill(store, holed, watched=range(250))
    alive = Heartbeat(at=FIRST + dt.timedelta(days=257), times=DAYS - 257, instance="p2")
    give(store, Given(heartbeats=[alive]), first_id=500_000)
    before = advised(store, 249)
    assert before
    for day in (252, 256, 257, 260, 268):
        rows = said(store, day)
        assert not any(row["verdict"] == "advise" for row in rows.values())
        assert rows["*"]["reason"].startswith(("silence: ", "hole: nothing was watching on "))
    # days that nobody watched are no days of idling: 272 stands where 265 stood
    whole = {model: [day - 7 * (day >= 257) for day in days] for model, days in holed.items()}
    assert advised(store, 272) == named_by_rule_r(whole, 266)


def test_import_names_nothing_new(store: EmbeddedStore) -> None:
    """What an import tells of the past spares models, and never brings one closer to going."""
    fill(store, FLEET, watched=range(DAYS))
    young = [download("young", day=DAYS - 60), download("seen", day=DAYS - 120)]
    give(store, Given(operations=young), first_id=400_000)
    before = advised(store, DAYS - 1)
    long_ago = FIRST - dt.timedelta(days=400)
    told = [
        Operation(at=long_ago, model=model, received_at=end_of(DAYS - 2), times=9, every_seconds=86_400)
        for model in ("young", "seen", "only told", *FLEET)
    ]
    spared = min(before)
    late = Operation(at=FIRST + dt.timedelta(days=DAYS - 40), model=spared, received_at=end_of(DAYS - 2))
    give(store, Given(operations=[*told, late]), first_id=600_000)
    after = said(store, DAYS - 1)
    assert {model for model, row in after.items() if row["verdict"] == "advise"} <= before - {spared}
    assert after["only told"]["reason"].startswith("age: here for 2 days")


def test_more_use_never_raises_the_wish_to_delete(store: EmbeddedStore) -> None:
    """Whatever is used more, later than before, is named only if it was named without; a thousand uses are one."""
    numbers = random.Random(11)
    models = [model for model, days in FLEET.items() if not days or days[-1] < 100]
    fill(store, FLEET, watched=range(DAYS))
    before = advised(store, DAYS - 1)
    more: dict[str, list[int]] = {}
    for model in models:
        first = FLEET[model][-1] + 1 if FLEET[model] else 1
        more[model] = sorted(numbers.sample(range(first, DAYS), numbers.randrange(1, 4)))
    for batch in range(3):  # each model by itself would take a store each
        chosen = models[batch::3]
        give(store, Given(operations=[one for model in chosen for one in used_on(model, more[model] * 3)]),
             first_id=700_000 + 10_000 * batch)  # fmt: skip
        after = advised(store, DAYS - 1)
        assert after & set(chosen) <= before
        before |= after


@pytest.mark.parametrize(
    ("watched", "verdicts", "reason"),
    [
        (149, {"refused"}, "history: watched for 149 days, 180 are needed"),
        (
            165,
            {"refused", "candidate"},
            "history: watched for 165 days, 180 are needed before any model is advised away",
        ),
        (
            179,
            {"refused", "candidate"},
            "history: watched for 179 days, 180 are needed before any model is advised away",
        ),
    ],
)
def test_short_history_names_nothing(fleet: EmbeddedStore, watched: int, verdicts: set[str], reason: str) -> None:
    """Under 150 watched days there is evidence alone, under 180 there are candidates, and no advice."""
    rows = said(fleet, watched - 1)
    assert {row["verdict"] for row in rows.values()} == verdicts
    assert rows["*"]["reason"].startswith(reason)
    assert all(row["action"] == "" for row in rows.values())
    assert all(row["evidence"]["watched_days"] == watched for row in rows.values())


def test_clock_set_back_names_nothing_of_later(fleet: EmbeddedStore) -> None:
    """Asked as of a moment long past, as a clock set back asks, what came later is not known, and nothing is named."""
    assert advised(fleet, 20) == set()
    assert said(fleet, -500) == {}


def _odd(store: EmbeddedStore, *operations: Operation, aliases: tuple[Alias, ...] = ()) -> None:
    fill(store, FLEET, watched=range(DAYS))
    give(store, Given(operations=list(operations), aliases=list(aliases)), first_id=800_000)


def test_model_without_a_size_is_not_named(store: EmbeddedStore) -> None:
    """Nobody knows what would be gained: the row says what would tell."""
    _odd(store, download("unsized", size_bytes=0))
    row = said(store, DAYS - 1)["unsized"]
    assert row["verdict"] == "refused"
    assert row["reason"].startswith("size: unknown, so nobody knows what would be gained: run the inventory")


def test_model_under_two_names_is_not_named(store: EmbeddedStore) -> None:
    """A name that ends like that of a model in use is not named; an alias makes both one."""
    daily = used_on("/models/Photo.safetensors", range(DAYS))
    _odd(store, download("lab/photo"), *daily)
    row = said(store, DAYS - 1)["lab/photo"]
    assert row["reason"].startswith("names: it may be the model '/models/Photo.safetensors', which is in use")
    give(store, Given(aliases=[Alias(alias="/models/Photo.safetensors", name="lab/photo")]), first_id=900_000)
    assert "lab/photo" not in said(store, DAYS - 1)


def test_source_that_was_seen_lately_lets_delete(store: EmbeddedStore) -> None:
    """Weights whose source was seen lately are advised to be deleted, all others to be moved away."""
    _odd(store)
    store.settings = AT_ONCE.model_copy(update={"cleanup_source_days": 400})
    actions = {row["action"] for row in said(store, DAYS - 1).values() if row["verdict"] == "advise"}
    assert actions == {"delete"}


def test_prices_decide_where_they_are_told(store: EmbeddedStore) -> None:
    """Where a return costs more than the disk, nothing is named; a price of zero tells nothing; none is negative."""
    year = 365
    size = {"modeltally.model.size": "5000000000"}
    operations = [
        Operation(at=FIRST, model="busy", times=year, every_seconds=86_400),
        *(
            Operation(at=FIRST, model=name, times=30, attributes=size, every_seconds=86_400)
            for name in ("idle", "other")
        ),
    ]
    give(store, Given(operations=operations, heartbeats=[Heartbeat(at=FIRST, times=year)]))
    row = said(store, year - 1)["idle"]
    assert (row["verdict"], row["evidence"]["break_even_chance"]) == ("advise", None)
    assert row["evidence"]["return_chance"] > 0.01
    priced = {"cleanup_disk_price": 0.01, "cleanup_gone_price": 1000, "cleanup_gone_chance": 1}
    store.settings = AT_ONCE.model_copy(update=priced)
    row = said(store, year - 1)["idle"]
    assert row["verdict"] == "refused"
    assert row["reason"].startswith("price: ")
    # 5 GB for three months at 0.01 a month each, beside 1000 if it is wanted back
    assert row["evidence"]["break_even_chance"] == pytest.approx(5 * 0.01 * 3 / 1000)
    with pytest.raises(ValidationError, match="cleanup_disk_price"):
        Settings(cleanup_disk_price=-1)


def test_loss_names_nothing(store: EmbeddedStore) -> None:
    """Operations that were dropped may have been the use that would spare a model."""
    _odd(store)
    give(store, Given(heartbeats=[Heartbeat(at=FIRST + dt.timedelta(days=250), instance="p3", dropped=3)]), first_id=1)
    rows = said(store, DAYS - 1)
    assert not any(row["verdict"] == "advise" for row in rows.values())
    assert rows["*"]["reason"] == "loss: 3 operations were dropped before they were stored"
