"""The demonstration: simulated traffic of a small studio, through the whole path."""

from modeltally.demo._plan import LONGEST_DAYS, SHORTEST_DAYS, plan
from modeltally.demo._specs import GROWING, MODELS, NEVER_USED, SLOW, STALE

__all__ = [
    "GROWING",
    "LONGEST_DAYS",
    "MODELS",
    "NEVER_USED",
    "SHORTEST_DAYS",
    "SLOW",
    "STALE",
    "plan",
]
