"""What a policy is, built in or a plugin: an object that is told what was used, and asked what to do.

It is told in the order of time, and never of what comes later. One that knows that, to show what could be reached, says
so by ``is_oracle``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

__all__ = [
    "DAY_SECONDS",
    "ENTRY_POINTS",
    "HOUR_SECONDS",
    "KINDS",
    "ChancePolicy",
    "CleanupPolicy",
    "DayOfFleet",
    "KeepAlivePolicy",
    "KeepPolicy",
    "Policy",
    "Request",
    "Setting",
    "Window",
]

HOUR_SECONDS: Final = 3600.0
DAY_SECONDS: Final = 86_400.0
KINDS: Final = ("keep", "keepalive", "chance", "cleanup")
# a plugin is an entry point of this group that gives a Policy
ENTRY_POINTS: Final = "modeltally.policies"


class Request(NamedTuple):
    """One use of a model.

    Attributes:
        at: When it began, in seconds since 1970 (UTC).
        model: What was asked for.
        user: Who asked; empty where nobody knows.
    """

    at: float
    model: str
    user: str = ""


class Window(NamedTuple):
    """What is counted, in seconds since 1970 (UTC): what began before it only warms the state.

    Attributes:
        since: Its begin.
        until: Its end, itself not in it.
    """

    since: float
    until: float

    def holds(self, at: float) -> bool:
        """Tell whether a moment is in the window."""
        return self.since <= at < self.until


@dataclass(frozen=True, slots=True)
class Setting:
    """What a policy is made for.

    Attributes:
        slots: How many models fit; for what keeps models in slots.
        load_seconds: How long a load takes.
        hours: Within how many hours a use is to be expected; for chances.
        future: Every request there is, for an oracle; empty for all others.
    """

    slots: int = 0
    load_seconds: float = 0.0
    hours: int = 1
    future: Sequence[Request] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy by its name.

    Attributes:
        kind: One of ``KINDS``.
        name: Its name in ``--policy``.
        sentence: What it does.
        make: Makes one that knows nothing yet.
        has_users: It goes by who asks.
        is_oracle: It knows the future: what nobody can reach.
        renewed_seconds: For keep: how often it is asked which models to load besides; None for never.
    """

    kind: str
    name: str
    sentence: str
    make: Callable[[Setting], Any]
    has_users: bool = False
    is_oracle: bool = False
    renewed_seconds: float | None = None


class KeepPolicy(Protocol):
    """Says what goes when another model needs a slot; :attr:`Policy.renewed_seconds` also what is to be loaded."""

    def victim(self, loaded: Collection[str], at: float) -> str:
        """Name the loaded model that goes."""

    def used(self, request: Request) -> None:
        """Note a use; the model is loaded by then."""


class KeepAlivePolicy(Protocol):
    """Says how long a model stays loaded after a use, and may keep hours of the day warm."""

    def used(self, request: Request) -> float:
        """Note a use, and say for how many seconds the model stays loaded after it."""

    def scheduled(self, day: float) -> Iterable[tuple[str, int]]:
        """Name models and hours of the day (UTC) in which they are kept warm.

        Args:
            day: The midnight at which the day begins.
        """


class ChancePolicy(Protocol):
    """Says at each full hour how likely each model that was ever seen is used within the hours of its setting."""

    def used(self, request: Request) -> None:
        """Note a use."""

    def chances(self, at: float) -> Mapping[str, float]:
        """Give the chance of each model."""


class DayOfFleet(NamedTuple):
    """What happened on one day.

    Attributes:
        day: Its number.
        arrived: The models that were first there on it.
        uses: How often each model was used on it.
    """

    day: int
    arrived: Sequence[str]
    uses: Mapping[str, int]


class CleanupPolicy(Protocol):
    """Says at the end of a day which models may go."""

    def passed(self, day: DayOfFleet) -> None:
        """Note a day; days come in order, and none is left out."""

    def named(self) -> Collection[str]:
        """Name the models that may go after the last day."""

    def chances(self, days: int) -> Mapping[str, float]:
        """Give the chance of each model not to be used on the next days; of those that nothing is known of, none."""
