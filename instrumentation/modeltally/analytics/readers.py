"""Rows of a topic, and nothing beside them: give a store, a topic and a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from modeltally.analytics.arguments import check_stretches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.analytics.topic import R, Topic
    from modeltally.analytics.window import Window
    from modeltally.settings import Settings
    from modeltally.store import Store

__all__ = ["read", "values_of"]


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
        InputError: The window is cut into more stretches than anybody reads.
        ParameterError: An argument is missing or unknown.
        StoreError: The database refused or failed.
        ServerError: The server could not be asked, or failed.
    """
    check_stretches(topic, window, arguments or {})
    values = values_of(topic, window, settings=settings, arguments=arguments)
    return cast("list[R]", store.read(topic.view, values))


def values_of(
    topic: Topic[R], window: Window, *, settings: Settings, arguments: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Give the parameters of a topic's view.

    Args:
        topic: What is asked.
        window: The window of the query.
        settings: When an operation without an end counts as abandoned, and the like.
        arguments: What the topic wants to know beside that, by parameter.

    Returns:
        A value for each parameter.
    """
    values = window.parameters() if topic.has_as_of else window.bounds()
    return {**values, **{name: getattr(settings, name) for name in topic.settings}, **(arguments or {})}
