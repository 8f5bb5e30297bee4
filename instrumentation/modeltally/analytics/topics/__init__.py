"""What may be asked: one record for each view that people and programs read, in a module for each group.

A record and the type of its rows are all that a view needs beside its SQL and its case: the command, its help and the
documentation are made from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modeltally.analytics.topics import (
    advice,
    answer_quality,
    cost,
    disk,
    evaluations,
    lifecycle,
    over_time,
    patterns,
    quality,
    subjects,
    usage,
)
from modeltally.errors import UnknownNameError

if TYPE_CHECKING:
    from modeltally.analytics.topic import Topic

__all__ = ["TOPICS", "topic_named"]

_MODULES = (
    usage,
    subjects,
    over_time,
    quality,
    evaluations,
    answer_quality,
    lifecycle,
    disk,
    patterns,
    cost,
    advice,
)

TOPICS: dict[str, Topic[Any]] = {topic.name: topic for module in _MODULES for topic in module.TOPICS}


def topic_named(name: str) -> Topic[Any]:
    """Find a topic.

    Args:
        name: What people call it.

    Returns:
        The topic.

    Raises:
        UnknownNameError: There is none of that name; the message offers the nearest.
    """
    if name not in TOPICS:
        raise UnknownNameError("topic of stats", name, TOPICS)
    return TOPICS[name]
