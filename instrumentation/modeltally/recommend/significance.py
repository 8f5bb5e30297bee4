"""Tests of whether a difference is more than chance, of counts and histograms, with the standard library alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Ranks", "at_least", "corrected", "fisher_exact", "mann_whitney"]


def fisher_exact(hits: int, seen: int, other_hits: int, other_seen: int) -> float:
    """Give the chance that so many or more of the hits fall among ``seen`` when nothing tells the two apart.

    Fisher's exact test, one-sided (Fisher 1922): the upper tail of the hypergeometric distribution.

    Args:
        hits: Hits among ``seen``.
        seen: How many were seen.
        other_hits: Hits among the others.
        other_seen: How many others there are.

    Returns:
        p; 1 where nothing was seen on one side, or nothing hit.

    Raises:
        ValueError: A count is negative, or there are more hits than seen.
    """
    for name, part, whole in (("hits", hits, seen), ("other_hits", other_hits, other_seen)):
        if not 0 <= part <= whole:
            raise ValueError(f"{name} = {part} is not from 0 to {whole}")
    total_hits, total = hits + other_hits, seen + other_seen
    if seen == 0 or other_seen == 0 or total_hits == 0:
        return 1.0
    # terms fall fast beyond the mean: a sum from the observed one on, each from the one before
    most = min(seen, total_hits)
    term = math.exp(
        _log_choose(total_hits, hits) + _log_choose(total - total_hits, seen - hits) - _log_choose(total, seen)
    )
    tail = 0.0
    for count in range(hits, most + 1):
        tail += term
        left = total - total_hits - seen + count + 1
        term *= (total_hits - count) * (seen - count) / ((count + 1) * left) if left else 0.0
        if term < tail * 1e-17 and count * total > seen * total_hits:
            break
    return min(1.0, tail)


class Ranks(NamedTuple):
    """How two groups of values compare.

    Attributes:
        p: The chance of ranks so high or higher when nothing tells the two apart.
        superiority: How likely a value of the first is above one of the second; ties count half.
    """

    p: float
    superiority: float


def mann_whitney(first: Mapping[int, int], second: Mapping[int, int]) -> Ranks:
    """Tell whether values of one group tend to be higher than those of another, by their histograms.

    The Mann-Whitney U test (Mann and Whitney 1947), one-sided, normal approximation with correction for ties and
    continuity. Values in one bucket are ties.

    Args:
        first: Counts by bucket, buckets in the order of their values.
        second: The same of the other group.

    Returns:
        p and the superiority; 1 and a half where a group is empty.
    """
    n, m = sum(first.values()), sum(second.values())
    if n == 0 or m == 0:
        return Ranks(1.0, 0.5)
    below, wins, ties = 0, 0.0, 0
    for bucket in sorted({*first, *second}):
        one, other = first.get(bucket, 0), second.get(bucket, 0)
        wins += one * (below + other / 2)
        below += other
        ties += (one + other) ** 3 - (one + other)
    total = n + m
    variance = n * m / 12 * ((total + 1) - ties / (total * (total - 1))) if total > 1 else 0.0
    superiority = wins / (n * m)
    if variance <= 0:
        return Ranks(1.0, superiority)
    z = (wins - n * m / 2 - 0.5) / math.sqrt(variance)
    return Ranks(min(1.0, math.erfc(z / math.sqrt(2)) / 2), superiority)


def at_least(hits: int, seen: int, rate: float) -> float:
    """Give the chance of so many hits or more at a rate: the exact binomial test, one-sided.

    Args:
        hits: How many hit.
        seen: Of how many.
        rate: At which each hits, from 0 to 1.

    Raises:
        ValueError: A count is negative, there are more hits than seen, or the rate is none.
    """
    if not 0 <= hits <= seen:
        raise ValueError(f"hits = {hits} is not from 0 to {seen}")
    if not 0 <= rate <= 1:
        raise ValueError(f"rate = {rate!r} is not from 0 to 1")
    if hits == 0 or rate == 1:
        return 1.0
    if rate == 0:
        return 0.0
    logs = (
        _log_choose(seen, count) + count * math.log(rate) + (seen - count) * math.log1p(-rate)
        for count in range(hits, seen + 1)
    )
    return min(1.0, math.fsum(math.exp(one) for one in logs))


def corrected(p: float, looks: int) -> float:
    """Correct the p of the smallest of several tests: Bonferroni, whatever they have in common.

    Args:
        p: The p of one test.
        looks: How many there were.
    """
    return min(1.0, p * max(1, looks))


def _log_choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
