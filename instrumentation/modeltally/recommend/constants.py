"""Every number that the policies go by, with what it is and where it comes from: ``modeltally backtest constants``.

The trace is that of GenTD26 (alibaba/clusterdata, cluster-trace-v2026-GenAI): 14,266 requests of 15 to 30 November
2024. The fleets are simulated: seven kinds, 500 models, 400 days. Only the standard library is imported, since
services that keep models by these numbers import them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

__all__ = ["CONSTANTS", "Constant"]

_Value = TypeVar("_Value", float, tuple[float, ...])

_TRACE: Final = "fitted on 15-24 November of the trace, chosen on 25-30 November"
_PUBLISHED: Final = "as its authors published it"
_FLEETS: Final = "picked on simulated fleets, seeds 0 to 2, and shown on seeds 20 to 22"
_SAFE: Final = "a guard, set for safety and not fitted"
_ROUGH: Final = "set by judgement; figures do not depend on it much"


@dataclass(frozen=True, slots=True)
class Constant:
    """One number, or the edges of cells.

    Attributes:
        name: Its name; the ending says the unit.
        value: The number, or the edges in rising order.
        used_by: What goes by it.
        meaning: What it is.
        source: Where it comes from.
    """

    name: str
    value: float | tuple[float, ...]
    used_by: str
    meaning: str
    source: str


CONSTANTS: Final[list[Constant]] = []


def _noted(name: str, value: _Value, used_by: str, meaning: str, source: str) -> _Value:
    CONSTANTS.append(Constant(name, value, used_by, meaning, source))
    return value


# What stays loaded.
SHORT_HALF_LIFE_SECONDS: Final = _noted(
    "short_half_life_seconds", 180.0, "two_half_lives", "after which a use counts half in the short memory", _TRACE
)
LONG_HALF_LIFE_SECONDS: Final = _noted(
    "long_half_life_seconds", 3 * 86_400.0, "two_half_lives", "after which a use counts half in the long memory", _TRACE
)
LONG_WEIGHT: Final = _noted(
    "long_weight", 0.003, "two_half_lives", "how much a use in the long memory counts beside one in the short", _TRACE
)
HORIZON_SECONDS: Final = _noted(
    "horizon_seconds", 180.0, "pair_table", "within which a user's next use is expected, or not", _TRACE
)
NEW_PAIR_HALF_LIFE_SECONDS: Final = _noted(
    "new_pair_half_life_seconds", 86_400.0, "pair_table", "after which a user new to a model counts half", _TRACE
)
PAIR_DAY_SECONDS: Final = _noted(
    "pair_day_seconds", 86_400.0, "pair_table", "after which a user who stayed away is forgotten", _TRACE
)
SESSION_SECONDS: Final = _noted(
    "session_seconds", 1_800.0, "pair_table", "a pause so long ends a user's session with a model", _TRACE
)
PAIR_IDLE_EDGES_SECONDS: Final = _noted(
    "pair_idle_edges_seconds",
    (15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 1_800.0, 3_600.0, 7_200.0),
    "pair_table",
    "where the cells by the time since a user's last use begin",
    _TRACE,
)
PAIR_USES_EDGES: Final = _noted(
    "pair_uses_edges", (2.0, 4.0, 10.0), "pair_table", "where the cells by the uses of a session begin", _TRACE
)
PAIR_PRIOR_HITS: Final = _noted(
    "pair_prior_hits", 0.5, "pair_table", "uses that a cell is taken to have seen before anything was seen", _ROUGH
)
PAIR_PRIOR_SEEN: Final = _noted(
    "pair_prior_seen", 5.0, "pair_table", "how often a cell is taken to have been seen before anything was", _ROUGH
)
JITTER_SECONDS: Final = _noted(
    "jitter_seconds",
    300.0,
    "two_half_lives, pair_table",
    "a time so much earlier than the last is that of a late message; one yet earlier is a clock that was set back",
    _ROUGH,
)
PINNED_SHARE: Final = _noted(
    "pinned_share", 0.5, "pins", "of the slots, at most, that are pinned: more starve the other models", _TRACE
)
PINS_RENEWED_SECONDS: Final = _noted(
    "pins_renewed_seconds", 3_600.0, "pins", "after which the pins are chosen anew", _TRACE
)
PINS_HALF_LIFE_SECONDS: Final = _noted(
    "pins_half_life_seconds", 86_400.0, "pins", "after which a use counts half, with fewer than many_slots", _TRACE
)
PINS_LONG_HALF_LIFE_SECONDS: Final = _noted(
    "pins_long_half_life_seconds", 3 * 86_400.0, "pins", "the same from many_slots on", _TRACE
)
MANY_SLOTS: Final = _noted("many_slots", 8.0, "pins", "from so many slots on the long half-life is used", _TRACE)
S3_SMALL_SHARE: Final = _noted(
    "s3_small_share", 0.1, "s3fifo", "of the slots, at least one, that are for models on trial", _PUBLISHED
)
S3_MOST_USES: Final = _noted("s3_most_uses", 3.0, "s3fifo", "uses beyond these are not counted", _PUBLISHED)

# How long a model stays loaded where there is room.
BURST_HALF_LIFE_SECONDS: Final = _noted(
    "burst_half_life_seconds",
    1_800.0,
    "log_ttl, schedule",
    "after which a use counts half in n, see a (1 + ln n)",
    _TRACE,
)
SCHEDULE_DAYS: Final = _noted(
    "schedule_days", 7.0, "schedule", "days, up to today, that the hours of the day are looked at on", _TRACE
)
SCHEDULE_LEAST_DAYS: Final = _noted(
    "schedule_least_days", 4.0, "schedule", "of them on which an hour must have been used to be kept warm", _TRACE
)
SCHEDULE_LEAST_TTL_SECONDS: Final = _noted(
    "schedule_least_ttl_seconds",
    720.0,
    "recommend keepalive",
    "the pause that must pay before hours of the day are kept warm besides: next to a shorter one they cost more",
    _TRACE,
)
LOAD_SECONDS: Final = _noted(
    "load_seconds",
    22.0,
    "all that load ahead of use",
    "how long a load takes where --load-seconds says nothing",
    "the mean of 7,531 loads of base models beside the trace, 22.0 s",
)

# The chance that a model is used within some hours.
CHANCE_IDLE_EDGES_HOURS: Final = _noted(
    "chance_idle_edges_hours",
    (0.05, 0.15, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 24.0, 36.0, 48.0, 72.0, 120.0, 240.0),
    "level_table, hour_table",
    "where the cells by the hours since the last use begin",
    _TRACE,
)
CHANCE_USE_EDGES: Final = _noted(
    "chance_use_edges",
    (0.001, 0.15, 0.3, 0.6, 1.1, 2.2, 4.5, 10.0, 30.0),
    "level_table, hour_table",
    "where the cells by the mean uses in this hour of the day begin",
    _TRACE,
)
CHANCE_DAYS: Final = _noted("chance_days", 7.0, "level_table, hour_table", "days that this mean is over", _TRACE)
LEVEL_HOURS: Final = _noted(
    "level_hours", 3.0, "level_table", "last hours whose uses, against those of other days, are the level", _TRACE
)
LEVEL_PRIOR: Final = _noted("level_prior", 3.0, "level_table", "uses added to both sides of the level", _TRACE)
LEVEL_LEAST: Final = _noted("level_least", 0.2, "level_table", "the lowest level", _TRACE)
LEVEL_MOST: Final = _noted("level_most", 5.0, "level_table", "the highest level", _TRACE)
CELL_PRIOR: Final = _noted(
    "cell_prior", 10.0, "level_table, hour_table", "how often the row of the same idle time counts in a cell", _TRACE
)
ROW_PRIOR_HITS: Final = _noted("row_prior_hits", 0.5, "level_table, hour_table", "uses added to a row", _ROUGH)
ROW_PRIOR_SEEN: Final = _noted("row_prior_seen", 5.0, "level_table, hour_table", "questions added to a row", _ROUGH)

# What may be deleted.
CANDIDATE_WATCHED_DAYS: Final = _noted(
    "candidate_watched_days", 150.0, "rule_r, rule_a", "watched days before which nothing is named", _SAFE
)
DELETE_WATCHED_DAYS: Final = _noted(
    "delete_watched_days", 180.0, "rule_r, rule_a", "watched days before which nothing is to be deleted", _FLEETS
)
LEAST_AGE_DAYS: Final = _noted(
    "least_age_days", 45.0, "rule_r, rule_a", "days since a model was first seen before which it stays", _SAFE
)
LEAST_IDLE_DAYS: Final = _noted(
    "least_idle_days", 120.0, "rule_r, rule_a", "days without a use before which a model stays", _FLEETS
)
LONGEST_PAUSES: Final = _noted(
    "longest_pauses", 3.0, "rule_r, rule_a", "times the longest pause so far that a model must idle", _FLEETS
)
FEW_USES: Final = _noted("few_uses", 4.0, "rule_r, rule_a", "uses below which the pauses say little", _FLEETS)
FEW_USES_IDLE_DAYS: Final = _noted(
    "few_uses_idle_days", 150.0, "rule_r, rule_a", "days without a use before which such a model stays", _FLEETS
)
CLEANUP_CHANCE: Final = _noted(
    "cleanup_chance", 0.95, "rule_r", "least chance of no use within 30 days by the carried hazard", _FLEETS
)
HAZARD_STEP_DAYS: Final = _noted("hazard_step_days", 5.0, "rule_r", "length of the steps of a pause", _FLEETS)
HAZARD_FIRST: Final = _noted("hazard_first", 0.06, "rule_r", "chance that a pause ends in a step, before any", _FLEETS)
HAZARD_WEIGHT: Final = _noted(
    "hazard_weight",
    20.0,
    "rule_r",
    "pauses that the hazard of the step before counts for",
    _FLEETS + "; 5 to 60 are alike",
)
HAZARD_CLASS_WEIGHT: Final = _noted(
    "hazard_class_weight", 8.0, "rule_r", "pauses that the hazard of all models counts for in a class", _FLEETS
)
HAZARD_RATIO_EDGES: Final = _noted(
    "hazard_ratio_edges", (0.5, 1.0, 1.5, 2.0), "rule_r", "where the classes by idle / longest pause begin", _FLEETS
)

# What goes with the trouble of a model.
CAUSE_MOST_P: Final = _noted(
    "cause_most_p",
    0.01,
    "recommend performance, recommend pattern",
    "the most that chance may explain a difference, after correction for the number of looks, before it is told",
    _SAFE,
)
CAUSE_LEAST_SUPERIORITY: Final = _noted(
    "cause_least_superiority",
    0.64,
    "recommend performance",
    "how likely a request with the value takes longer than one without: a medium effect (Cohen's d of 0.5)",
    _PUBLISHED,
)
CAUSE_MOST_REQUESTS: Final = _noted(
    "cause_most_requests",
    100_000.0,
    "recommend performance",
    "requests of all models, the newest, that are looked at one by one for causes",
    _ROUGH,
)
CAUSE_MOST_MODELS: Final = _noted(
    "cause_most_models",
    50.0,
    "recommend performance",
    "models, those asked most, that causes are looked for of",
    _ROUGH,
)
CAUSES_TOLD: Final = _noted("causes_told", 3.0, "recommend performance", "likely causes told of a model", _ROUGH)

HOLE_DAYS: Final = _noted(
    "hole_days", 14.0, "cleanup", "last days of which at most one may be unwatched before anything is named", _SAFE
)

# How often advice may be wrong before its rule suspends itself.
CLEANUP_REGRET: Final = _noted(
    "cleanup_regret", 0.02, "judge", "part of what was to be deleted that may be used again within 90 days", _SAFE
)
PRELOAD_REGRET: Final = _noted(
    "preload_regret", 0.5, "judge", "part of what was to be loaded that may go unused", _SAFE
)
PERFORMANCE_REGRET: Final = _noted(
    "performance_regret", 0.5, "judge", "part of what was to be looked into that may mend itself", _ROUGH
)
REGRET_LEAST: Final = _noted(
    "regret_least",
    20.0,
    "judge",
    "judged pieces of advice, of those that delete nothing, before they suspend a rule",
    _SAFE,
)
