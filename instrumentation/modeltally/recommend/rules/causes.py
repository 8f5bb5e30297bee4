"""Why a model is slow, failing or unsteady: what those of its requests have in common that fare worst.

Of every value of every dimension (cold starts, device, memory, scheduler, each parameter, version) the requests with it
are held against the model's others: failures by Fisher's exact test, durations by the Mann-Whitney U test. The p of
each is corrected for the number of all these looks, of all models. What is left is told with its counts: it goes with
the trouble, which need not mean that it brings it.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from modeltally.recommend.constants import CAUSE_LEAST_SUPERIORITY, CAUSE_MOST_P, CAUSES_TOLD
from modeltally.recommend.significance import corrected, fisher_exact, mann_whitney

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Cause", "Group", "causes"]

_BUCKETS_OF_OCTAVE: Final = 32
# figures of fewer requests on either side prove nothing that anybody should act on
_LEAST: Final = 5
# of a duration that was not told
_NONE: Final = -32768
_ERROR: Final = "error"
_COLD: Final = "cold start"
# says the same as the cold requests do
_REDUNDANT: Final = {(_COLD, "warm"), ("memory", "low")}


class Group(NamedTuple):
    """The requests to a model that have a value in common.

    Attributes:
        model: The model.
        dimension: What they have in common; empty for all its requests.
        value: The value.
        requests: How many could have failed.
        failures: How many of them failed.
        durations: How many took how long, by log bucket.
    """

    model: str
    dimension: str
    value: str
    requests: int
    failures: int
    durations: Mapping[int, int]


class Cause(NamedTuple):
    """What goes with the trouble of a model.

    Attributes:
        dimension: What is in common.
        value: Its value.
        effect: failing, or slow.
        sentence: The same with figures.
        p: The chance of that by chance, corrected for all looks.
        requests: Requests with the value.
        failures: How many of them failed.
        other_requests: The model's others.
        other_failures: How many of these failed.
        median_seconds: Of those with the value; None where no duration was told.
        other_median_seconds: Of the others.
    """

    dimension: str
    value: str
    effect: str
    sentence: str
    p: float
    requests: int
    failures: int
    other_requests: int
    other_failures: int
    median_seconds: float | None
    other_median_seconds: float | None


def causes(groups: Iterable[Group]) -> dict[str, list[Cause]]:
    """Find the likely causes.

    Args:
        groups: All groups of all models that are looked into, each model's group of all among them.

    Returns:
        Of each model its causes, the surest first; at most three.
    """
    all_groups = list(groups)
    whole = {group.model: group for group in all_groups if not group.dimension}
    compared = [
        (group, _others(whole[group.model], group))
        for group in all_groups
        if group.dimension and group.dimension != _ERROR and group.model in whole
    ]
    pairs = [
        (group, others)
        for group, others in compared
        if min(group.requests, others.requests) >= _LEAST and (group.dimension, group.value) not in _REDUNDANT
    ]
    looks = 2 * len(pairs)  # failing and slow
    found: dict[str, list[Cause]] = {}
    for group, others in pairs:
        found.setdefault(group.model, []).extend(_of(group, others, looks))
    for group in all_groups:
        if group.dimension == _ERROR:
            cause = _of_error(group, whole[group.model])
            if cause is not None:
                found.setdefault(group.model, []).append(cause)
    return {
        model: sorted(told, key=lambda cause: (cause.p, -cause.failures, cause.dimension, cause.value))[
            : int(CAUSES_TOLD)
        ]
        for model, told in found.items()
    }


def _of(group: Group, others: Group, looks: int) -> list[Cause]:
    found = []
    what = f"{group.dimension} {group.value}" if group.dimension != _COLD else "cold starts"
    p = corrected(fisher_exact(group.failures, group.requests, others.failures, others.requests), looks)
    if p <= CAUSE_MOST_P:
        rates = (
            f"{group.failures:,} of {group.requests:,} fail, of the others {others.failures:,} of {others.requests:,}"
        )
        found.append(_cause(group, others, "failing", f"{what}: {rates}", p))
    ranks = mann_whitney(group.durations, others.durations)
    p = corrected(ranks.p, looks)
    # with many requests the slightest difference is sure, and of no use
    if p <= CAUSE_MOST_P and ranks.superiority >= CAUSE_LEAST_SUPERIORITY:
        medians = f"median {_median(group):.3g} s, of the others {_median(others):.3g} s"
        found.append(_cause(group, others, "slow", f"{what}: {medians}", p))
    return found


def _of_error(group: Group, whole: Group) -> Cause | None:
    """Name a type of error that most failures are of."""
    if group.failures < _LEAST or group.failures * 2 < whole.failures:
        return None
    memory = ", memory runs out" if "memory" in group.value.lower() else ""
    sentence = f"error {group.value}: {group.failures:,} of {whole.failures:,} failures{memory}"
    # no test: that failures are of one type is counted, not inferred
    return _cause(group, _others(whole, group), "failing", sentence, 0.0)


def _cause(group: Group, others: Group, effect: str, sentence: str, p: float) -> Cause:
    return Cause(
        dimension=group.dimension,
        value=group.value,
        effect=effect,
        sentence=sentence,
        p=p,
        requests=group.requests,
        failures=group.failures,
        other_requests=others.requests,
        other_failures=others.failures,
        median_seconds=_median(group) if sum(group.durations.values()) else None,
        other_median_seconds=_median(others) if sum(others.durations.values()) else None,
    )


def _others(whole: Group, group: Group) -> Group:
    durations = Counter(whole.durations)
    durations.subtract(group.durations)
    return Group(
        whole.model,
        group.dimension,
        "",
        max(0, whole.requests - group.requests),
        max(0, whole.failures - group.failures),
        {bucket: count for bucket, count in durations.items() if count > 0},
    )


def _median(group: Group) -> float:
    """Give the median of durations in log buckets, in seconds, within 1.1 %."""
    half = math.ceil(sum(group.durations.values()) / 2)
    reached = 0
    for bucket in sorted(group.durations):
        reached += group.durations[bucket]
        if reached >= half:
            return 0.0 if bucket == _NONE else float(2.0 ** ((bucket + 0.5) / _BUCKETS_OF_OCTAVE) / 1e6)
    return math.nan
