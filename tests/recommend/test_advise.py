"""The advice jobs: what they take, what they store, what they give back."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.errors import ParameterError
from modeltally.recommend.kinds import ADVICE
from modeltally.settings import Settings
from queries.given import Given, Operation, empty, give
from recommend.conftest import AS_OF
from support.stores import ask

if TYPE_CHECKING:
    from modeltally.store import EmbeddedStore

STORED = (
    "SELECT kind, policy, as_of, subject, verdict, evidence, window_since, window_until, expires_at, is_unsafe"
    " FROM recommendations FINAL ORDER BY ALL"
)


def test_advice_is_given_back_with_its_evidence_as_a_record(store: EmbeddedStore) -> None:
    """Evidence is text in the table and a record in the answer."""
    (advice,) = store.run("recommend_cleanup", {"as_of": AS_OF})
    assert advice["subject"] == "idle"
    assert isinstance(advice["evidence"], dict)
    assert advice["evidence"]["uses"] == 10
    (stored,) = ask(store, STORED)
    assert isinstance(stored["evidence"], str)


@pytest.mark.parametrize("job", sorted(advice.job for advice in ADVICE.values()))
def test_every_row_is_stored_with_its_window_and_expiry(store: EmbeddedStore, job: str) -> None:
    """An advice says what it looked at and until when it may be followed."""
    store.run(job, {"as_of": AS_OF})
    for row in ask(store, STORED):
        assert row["as_of"] == AS_OF
        assert row["window_since"] < row["window_until"] <= AS_OF
        assert row["expires_at"] > AS_OF


def test_run_at_the_same_moment_gives_the_same_rows_once(store: EmbeddedStore) -> None:
    """A job that is repeated, or killed and repeated, stores nothing twice."""
    first = store.run("recommend_cleanup", {"as_of": AS_OF})
    stored = ask(store, STORED)
    assert store.run("recommend_cleanup", {"as_of": AS_OF.isoformat()}) == first
    assert ask(store, STORED) == stored


def test_run_at_another_moment_is_kept_beside_the_first(store: EmbeddedStore) -> None:
    """Every run stays, so that advice can be judged later."""
    store.run("recommend_cleanup", {"as_of": AS_OF})
    store.run("recommend_cleanup", {"as_of": AS_OF + dt.timedelta(days=1)})
    assert [row["as_of"] for row in ask(store, STORED)] == [AS_OF, AS_OF + dt.timedelta(days=1)]


def test_policies_do_not_mix(store: EmbeddedStore) -> None:
    """The plain rule's rows are its own, marked unsafe; the guarded ones never are."""
    seed = store.run("recommend_cleanup", {"as_of": AS_OF, "policy": "seed"})
    guarded = store.run("recommend_cleanup", {"as_of": AS_OF, "policy": "guarded"})
    assert {row["policy"] for row in seed} == {"seed"}
    assert all(row["is_unsafe"] for row in seed)
    assert {row["policy"] for row in guarded} == {"guarded"}
    assert not any(row["is_unsafe"] for row in guarded)


def test_unknown_policy_is_refused(store: EmbeddedStore) -> None:
    """The message names the policies there are, and nothing is stored."""
    with pytest.raises(ParameterError, match="policy = 'bold' is not one of guarded, seed"):
        store.run("recommend_cleanup", {"as_of": AS_OF, "policy": "bold"})
    assert ask(store, STORED) == []


def test_moment_that_is_no_time_is_refused(store: EmbeddedStore) -> None:
    """A job never falls back to now when it cannot read the time it was given."""
    with pytest.raises(ParameterError, match="as_of = 'last week' is no time"):
        store.run("recommend_cleanup", {"as_of": "last week"})
    with pytest.raises(ParameterError, match="since = 'last week' is no time"):
        store.run("recommend_performance", {"as_of": AS_OF, "since": "last week"})


def test_advice_goes_by_the_settings(store: EmbeddedStore) -> None:
    """An operator's thresholds decide, and the refusal shows them."""
    store.settings = Settings(cleanup_threshold_days=365)
    try:
        (refusal,) = store.run("recommend_cleanup", {"as_of": AS_OF})
    finally:
        store.settings = Settings()
    assert refusal["verdict"] == "refused"
    assert refusal["reason"] == "idle: for 190 days, more than 365 are needed"


def test_window_of_the_performance_advice_can_be_chosen(store: EmbeddedStore) -> None:
    """Without a window the last seven days are looked at."""
    (usual,) = store.run("recommend_performance", {"as_of": AS_OF})
    assert (usual["window_since"], usual["window_until"]) == (AS_OF - dt.timedelta(days=7), AS_OF)
    chosen = {"as_of": AS_OF, "since": "2026-02-01", "until": "2026-02-02T00:00:00"}
    (advice,) = store.run("recommend_performance", chosen)
    assert advice["window_since"] == dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    assert advice["window_until"] == dt.datetime(2026, 2, 2, tzinfo=dt.UTC)


def test_name_of_a_model_is_only_text(store: EmbeddedStore) -> None:
    """Quotes, braces and JSON in a model's name reach the advice as they are."""
    name = 'a\'b"c{d}\\{"uses": 7}'
    more = Operation(at=AS_OF - dt.timedelta(days=1), model=name, ms=900_000)
    give(store, Given(operations=[more]), first_id=5000)
    try:
        advised = store.run("recommend_performance", {"as_of": AS_OF})
    finally:
        empty(store)
    assert [row["subject"] for row in advised] == [name, "busy"]
