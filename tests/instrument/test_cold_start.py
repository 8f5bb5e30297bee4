"""A request that waited for a load says so, whichever code loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import modeltally
from modeltally.testing import capture

if TYPE_CHECKING:
    from modeltally.testing import Captured


def requests(seen: Captured) -> list[tuple[object, object]]:
    """Return cold start and load duration of each request."""
    return [
        (attributes.get("modeltally.model.cold_start"), attributes.get("modeltally.model.load.duration"))
        for attributes in seen.all()
        if attributes["modeltally.operation"] == "model.request"
    ]


def test_request_that_waited_for_loads_has_their_duration() -> None:
    """Two loads inside it are added up; the next request finds the model there."""
    with capture(user_key="key") as seen:
        assert seen.clock is not None
        with modeltally.model_request("m"):
            for seconds in (2, 3):
                with modeltally.load("m"):
                    seen.clock.advance(seconds)
        with modeltally.model_request("m"):
            pass
    assert requests(seen) == [(True, 5.0), (None, None)]


def test_what_the_caller_says_of_a_load_stays() -> None:
    """A service that measures by itself knows better."""
    with capture(user_key="key") as seen:
        assert seen.clock is not None
        with modeltally.model_request("m", cold_start=False, load_duration_seconds=1.5), modeltally.load("m"):
            seen.clock.advance(2)
    assert requests(seen) == [(False, 1.5)]


def test_load_outside_of_a_request_is_nobodys() -> None:
    """It was done ahead."""
    with capture(user_key="key") as seen:
        with modeltally.load("m"):
            pass
        with modeltally.model_request("m"):
            pass
    assert requests(seen) == [(None, None)]
