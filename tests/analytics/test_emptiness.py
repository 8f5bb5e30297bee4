"""What is said of a window in which nothing began."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from modeltally.analytics.emptiness import why_empty
from modeltally.analytics.window import Window
from modeltally.settings import Settings
from queries.given import Given, Operation, empty, give

if TYPE_CHECKING:
    from collections.abc import Iterator

    from modeltally.store import EmbeddedStore
    from support.stores import Template

AS_OF = dt.datetime(2026, 7, 20, tzinfo=dt.UTC)
WEEK = Window(AS_OF - dt.timedelta(days=7), AS_OF, AS_OF)


@pytest.fixture(scope="module")
def opened(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Open one store for a module."""
    with template.opened(tmp_path_factory.mktemp("emptiness"), clock=lambda: AS_OF) as store:
        yield store


@pytest.fixture
def store(opened: EmbeddedStore) -> EmbeddedStore:
    """Empty the store."""
    empty(opened)
    return opened


def test_empty_store_says_how_to_fill_it(store: EmbeddedStore) -> None:
    """Who has sent nothing yet is told what to start."""
    reason = why_empty(store, WEEK, settings=Settings())
    assert reason is not None
    assert reason.startswith("nothing is stored yet: start `modeltally up`")


def test_empty_window_names_what_there_is(store: EmbeddedStore) -> None:
    """The window, what is stored instead, and flags that find it."""
    began = dt.datetime(2024, 11, 15, 8, 30, tzinfo=dt.UTC)
    give(store, Given(operations=[Operation(at=began, times=2, every_seconds=86_400)]))
    assert why_empty(store, WEEK, settings=Settings()) == (
        "nothing began between 2026-07-13 00:00 and 2026-07-20 00:00 UTC; what is stored began between"
        " 2024-11-15 08:30 and 2024-11-16 08:30: try --since 2024-11-15 --until 2024-11-17"
    )


def test_spans_of_others_are_told_of(store: EmbeddedStore) -> None:
    """Who instruments by other means sees that the spans came, and that none of them is a request."""
    other = Operation(
        at=AS_OF - dt.timedelta(days=1), operation="", attributes={"gen_ai.operation.name": "execute_tool"}
    )
    give(store, Given(operations=[other]))
    reason = why_empty(store, WEEK, settings=Settings())
    assert reason is not None
    assert "1 spans of other instrumentations came" in reason
    assert "none of which is a request to a model" in reason


def test_window_that_holds_anything_is_not_empty(store: EmbeddedStore) -> None:
    """A download alone is something."""
    give(store, Given(operations=[Operation(at=AS_OF - dt.timedelta(days=1), operation="model.download")]))
    assert why_empty(store, WEEK, settings=Settings()) is None
