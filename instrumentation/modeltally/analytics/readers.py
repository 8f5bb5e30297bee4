"""Typed reading: give a store, a topic and a window, get the topic's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from modeltally.analytics.topics import TOPICS
from modeltally.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.analytics.topic import R, Topic
    from modeltally.analytics.window import Window
    from modeltally.settings import Settings
    from modeltally.store import Store

__all__ = ["arguments_of", "read"]


def read(
    store: Store,
    topic: Topic[R],
    window: Window,
    *,
    settings: Settings,
    arguments: Mapping[str, object] | None = None,
) -> list[R]:
    """Read the rows of a topic.

    Args:
        store: What answers.
        topic: What is asked.
        window: The window of the query.
        settings: When an operation without an end counts as abandoned, and the like.
        arguments: What the topic wants to know beside that, by parameter.

    Returns:
        Its rows, in the view's order.

    Raises:
        ParameterError: An argument is missing or unknown.
        StoreError: The database refused or failed.
        ServerError: The server could not be asked, or failed.
    """
    values = window.parameters() if topic.has_as_of else window.bounds()
    values |= {name: getattr(settings, name) for name in topic.settings}
    return cast("list[R]", store.read(topic.view, {**values, **(arguments or {})}))


def arguments_of(topic: Topic[R], given: Mapping[str, str | None]) -> dict[str, object]:
    """Read what was given beside the window, as the topic wants it.

    Args:
        topic: What is asked.
        given: Values by parameter; None where none was given.

    Returns:
        The topic's arguments, with defaults.

    Raises:
        InputError: The topic needs one that is missing, or takes none and has one.
    """
    wanted = {argument.parameter for argument in topic.arguments}
    if any(value is not None for parameter, value in given.items() if parameter not in wanted):
        takers = {argument.flag: other.name for other in TOPICS.values() for argument in other.arguments}
        flags = [flag for flag in takers if flag not in {argument.flag for argument in topic.arguments}]
        raise InputError(
            f"topic {topic.name!r} takes no {' and no '.join(flags)};"
            f" only {', '.join(dict.fromkeys(takers[flag] for flag in flags))} does"
        )
    values: dict[str, object] = {}
    for argument in topic.arguments:
        value = given.get(argument.parameter) or argument.default
        if value is None:
            raise InputError(
                f"topic {topic.name!r} needs {argument.what}, for example {argument.flag} {argument.example}"
            )
        values[argument.parameter] = value
    return values
