"""Whether a difference is more than chance: against sums over every case, and against figures of textbooks."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import combinations

import pytest

from modeltally.recommend.significance import at_least, corrected, fisher_exact, mann_whitney


def _hypergeometric_tail(hits: int, seen: int, other_hits: int, other_seen: int) -> float:
    total_hits = hits + other_hits
    ways = math.comb(seen + other_seen, total_hits)
    cases = range(hits, min(seen, total_hits) + 1)
    return sum(math.comb(seen, one) * math.comb(other_seen, total_hits - one) for one in cases) / ways


def test_fisher_is_the_sum_over_every_table() -> None:
    """Counts of every small table give what adding up the hypergeometric terms gives."""
    for seen in range(1, 7):
        for other_seen in range(1, 7):
            for hits in range(seen + 1):
                for other_hits in range(other_seen + 1):
                    if hits + other_hits:
                        exact = _hypergeometric_tail(hits, seen, other_hits, other_seen)
                        assert fisher_exact(hits, seen, other_hits, other_seen) == pytest.approx(exact, abs=1e-12)


def test_fisher_of_the_tea_lady() -> None:
    """Three of four cups told apart is 17 of 70."""
    assert fisher_exact(3, 4, 1, 4) == pytest.approx(17 / 70)


def test_fisher_of_many_requests_is_small_and_quick() -> None:
    """Large counts neither overflow nor come out above one."""
    assert 0 < fisher_exact(900, 100_000, 300, 100_000) < 1e-50
    assert fisher_exact(300, 100_000, 900, 100_000) == pytest.approx(1)
    assert fisher_exact(100_000, 100_000, 0, 1_000_000) < 1e-100


def test_nothing_seen_proves_nothing() -> None:
    """An empty side, or no hit at all, gives a p of one."""
    assert fisher_exact(0, 0, 3, 5) == 1
    assert fisher_exact(3, 5, 0, 0) == 1
    assert fisher_exact(0, 5, 0, 5) == 1
    assert mann_whitney({}, {1: 3}) == (1.0, 0.5)


@pytest.mark.parametrize("counts", [(3, 2, 0, 1), (0, 1, 3, 2), (-1, 2, 0, 1)])
def test_counts_that_cannot_be_are_refused(counts: tuple[int, int, int, int]) -> None:
    """More hits than seen, or fewer than none, is a mistake of the caller."""
    with pytest.raises(ValueError, match="is not from 0"):
        fisher_exact(*counts)


def test_ranks_agree_with_every_way_to_divide_the_values() -> None:
    """The normal approximation of ten values of each side is near the share of all divisions that are as extreme."""
    drawn = random.Random(3)
    first = [drawn.gauss(0.9, 1) for _ in range(8)]
    second = [drawn.gauss(0, 1) for _ in range(8)]
    values = sorted([*first, *second])
    ranks = {value: place for place, value in enumerate(values)}
    observed = sum(ranks[value] for value in first)
    sums = [sum(places) for places in combinations(range(16), 8)]
    exact = sum(one >= observed for one in sums) / len(sums)
    found = mann_whitney(Counter(ranks[value] for value in first), Counter(ranks[value] for value in second))
    assert found.p == pytest.approx(exact, abs=0.01)
    wins = sum(one > other for one in first for other in second)
    assert found.superiority == pytest.approx(wins / 64)


def test_ties_are_half_a_win_and_prove_nothing() -> None:
    """Two groups of one and the same value cannot be told apart."""
    assert mann_whitney({5: 1000}, {5: 1000}) == (1.0, 0.5)


def test_same_values_are_seldom_called_different() -> None:
    """Of a thousand pairs of groups of one kind, about one in a hundred has a p below a hundredth."""
    drawn = random.Random(11)

    def group() -> Counter[int]:
        return Counter(int(drawn.expovariate(0.2)) for _ in range(40))

    assert 2 <= sum(mann_whitney(group(), group()).p < 0.01 for _ in range(1000)) <= 22


def test_binomial_tail_is_the_sum() -> None:
    """So many or more of so many at a rate, added up term by term."""
    for hits in range(9):
        exact = sum(math.comb(8, one) * 0.8**one * 0.2 ** (8 - one) for one in range(hits, 9))
        assert at_least(hits, 8, 0.8) == pytest.approx(exact)
    assert at_least(0, 0, 0.8) == 1
    assert at_least(1, 5, 0) == 0
    assert at_least(5, 5, 1) == 1
    with pytest.raises(ValueError, match="hits = 9"):
        at_least(9, 8, 0.8)
    with pytest.raises(ValueError, match=r"rate = 1\.5"):
        at_least(1, 8, 1.5)


def test_correction_counts_the_looks() -> None:
    """The p of one of many looks is that many times larger, and never above one."""
    assert corrected(0.001, 20) == pytest.approx(0.02)
    assert corrected(0.2, 20) == 1
    assert corrected(0.2, 0) == 0.2
