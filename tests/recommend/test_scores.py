"""What the keeper's scores rest on: the least of a ranking, decayed uses, and the table of users."""

from __future__ import annotations

import math
import random

import pytest

from modeltally.recommend.scores.decayed import DecayedUses
from modeltally.recommend.scores.least import NOTHING, Keys, Part, Ranking
from modeltally.recommend.scores.pair_table import PairTable

FAST, SLOW, PLAIN = Part(60.0, 1.0), Part(9_000.0, 0.02), Part(None, 1.0)


@pytest.mark.parametrize("parts", [(FAST, SLOW), (PLAIN, SLOW)])
def test_least_is_what_looking_at_each_finds(parts: tuple[Part, Part]) -> None:
    """Whatever is put in, changed and removed, the walk finds the model of the least score."""
    drawn = random.Random(7)
    ranking, keys = Ranking(*parts), dict[str, Keys]()
    for step in range(3_000):
        model, at = f"m{drawn.randrange(60)}", step / 10
        if drawn.random() < 0.2:
            ranking.remove(model)
            keys.pop(model, None)
        else:
            first = drawn.random() if parts[0] is PLAIN else drawn.choice((NOTHING, at / 60 + drawn.random()))
            keys[model] = Keys(drawn.choice((0.0, first)), at / 9_000 + drawn.random() * 3)
            ranking.put(model, keys[model])
        stays = set(drawn.sample(sorted(keys), len(keys) // 3))
        scores = {model: ranking.sum_of(key, at) for model, key in keys.items() if model not in stays}
        found = ranking.least(at, without=stays)
        assert (found is None) == (not scores)
        assert found is None or scores[found] == min(scores.values())
    assert len(ranking) == len(keys) > 20


def test_uses_count_half_after_their_half_life() -> None:
    """A use counts 1, half after one half-life, a quarter after two, and its key says the same."""
    uses = DecayedUses(100.0)
    assert uses.count("a", 0) == 0
    assert uses.key("a") == NOTHING
    uses.add("a", 1_000)
    uses.add("a", 1_100)
    assert [uses.count("a", at) for at in (1_100, 1_200, 1_300)] == [1.5, 0.75, 0.375]
    assert math.isclose(2 ** (uses.key("a") - 1_300 / 100), 0.375)
    uses.add("b", 1_300)
    assert uses.ranked(1_300) == ["b", "a"]
    uses.forget_below(0.5, 1_300, except_for=lambda _: False)
    assert "a" not in uses
    assert "b" in uses


def test_users_who_come_back_at_once_are_learnt() -> None:
    """Where users of one kind of session come back after a minute, and of another never, the shares say so."""
    table = PairTable()
    at = 0.0
    for session in range(400):
        at += 20_000
        for place in range(4):
            table.used("often", at + 60 * place, f"u{session}")
        table.used("once", at + 1_000, f"v{session}")
    table.passed(at + 200_000)
    told = {(begin, place, is_left): (chance, seen) for begin, place, is_left, chance, seen in table.chances()}
    # a session's second and third use are alike: all are used again after 60 s
    assert told[30.0, 1, False][0] > 0.98
    # of the first, those of the other model never
    assert told[30.0, 0, False][0] == pytest.approx(0.5, abs=0.02)
    assert told[240.0, 2, False][0] == pytest.approx(0, abs=0.01)
    assert told[240.0, 2, False][1] == pytest.approx(400)
    assert all(0 < chance < 1 for chance, _ in told.values())


def test_user_who_went_to_another_model_counts_as_gone() -> None:
    """A user counts for one model at full, and for the one before as somebody who left."""
    table = PairTable()
    assert table.used("a", 0, "u") == ("a",)
    assert table.used("b", 10, "u") == ("b", "a")
    assert table.used("b", 20, "u") == ("b",)
    [(_, pair_a), (_, pair_b)] = sorted((model, pair) for (model, _), pair in table._pairs.items())
    assert (pair_a.left_at, pair_b.left_at, pair_b.uses) == (10, None, 2)
    table.passed(20 + 86_400)
    assert table.keys("a").first == table.keys("b").first == 0
    assert table.evidence("a", 20 + 86_400)["users_of_day"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_letting_time_pass_more_often_changes_nothing_but_rounding(seed: int) -> None:
    """Pairs and what was learnt are the same whether time was told of at each use or only at the end."""
    drawn = random.Random(seed)
    often, seldom = PairTable(), PairTable()
    at = 0.0
    for _ in range(1_500):
        at += drawn.choice((1, 5, 40, 700, 9_000))
        use = f"m{drawn.randrange(4)}", at, f"u{drawn.randrange(6)}"
        often.passed(at)
        often.used(*use)
        seldom.used(*use)
    often.passed(at)
    seldom.passed(at)
    one, other = often.state(), seldom.state()
    assert [pair[:6] for pair in one["pairs"]] == [pair[:6] for pair in other["pairs"]]
    assert one["seen"] == pytest.approx(other["seen"])
    assert one["hits"] == pytest.approx(other["hits"])
