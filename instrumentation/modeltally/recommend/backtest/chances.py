"""Asks at each full hour how likely each model is used, and compares with what came."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from modeltally.recommend.backtest.errors import PolicyError
from modeltally.recommend.policies.contract import HOUR_SECONDS, Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from modeltally.recommend.policies.contract import Policy, Request, Window

__all__ = ["BINS", "Bin", "Judged", "judge", "replay_chance"]

# where the bins of the reliability table begin; the extremes are told apart, since most that is said lies there
BINS: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.97)
_LIKELY: Final = 0.5
_Trail = list[tuple[float, bool, str]]


@dataclass(frozen=True, slots=True)
class Bin:
    """What was said between two chances, and what came.

    Attributes:
        least: Where it begins.
        most: Where it ends, itself not in it but for 1.
        questions: How often it was said.
        said: The mean of what was said.
        came: How often it came, as a share.
    """

    least: float
    most: float
    questions: int
    said: float
    came: float


@dataclass(frozen=True, slots=True)
class Judged:
    """How good what a policy said was.

    Attributes:
        hours: Within how many hours a use was to come.
        questions: How often it was asked.
        base_rate: The share of questions after which a use came.
        brier: Mean squared distance of what was said from what came; 0 is perfect.
        skill: 1 - Brier / Brier of saying the base rate; None where one of them is nothing.
        calibration_error: Mean distance of said and came in ten bins of equal width, by the questions in them.
        likely: How often 0.5 or more was said.
        likely_said: The mean of that; None where it was never said.
        likely_came: How often a use came then, as a share.
        bins: The reliability table.
    """

    policy: str
    is_oracle: bool
    hours: int
    questions: int
    base_rate: float | None
    brier: float | None
    skill: float | None
    calibration_error: float | None
    likely: int
    likely_said: float | None
    likely_came: float | None
    bins: tuple[Bin, ...]

    def row(self) -> dict[str, object]:
        """Give it as a row."""
        return asdict(self)


def judge(policy: Policy, hours: int, answers: Sequence[tuple[float, bool]]) -> Judged:
    """Compare what was said with what came.

    Args:
        policy: Whose answers they are.
        hours: Within how many hours a use was to come.
        answers: What was said and whether it came.

    Returns:
        The figures.
    """
    count = len(answers)
    base = _mean(came for _, came in answers)
    brier = _mean((said - came) ** 2 for said, came in answers)
    constant = base * (1 - base) if base is not None else 0.0
    likely = [answer for answer in answers if answer[0] >= _LIKELY]
    tenths = [[answer for answer in answers if min(9, int(answer[0] * 10)) == tenth] for tenth in range(10)]
    error = sum(abs(sum(said for said, _ in tenth) - sum(came for _, came in tenth)) for tenth in tenths)
    return Judged(
        policy=policy.name,
        is_oracle=policy.is_oracle,
        hours=hours,
        questions=count,
        base_rate=base,
        brier=brier,
        skill=1 - brier / constant if brier is not None and constant else None,
        calibration_error=error / count if count else None,
        likely=len(likely),
        likely_said=_mean(said for said, _ in likely),
        likely_came=_mean(came for _, came in likely),
        bins=tuple(_bins(answers)),
    )


def _bins(answers: Sequence[tuple[float, bool]]) -> Iterable[Bin]:
    for least, most in zip(BINS, (*BINS[1:], 1.0), strict=True):
        inside = [answer for answer in answers if least <= answer[0] and (answer[0] < most or most == 1.0)]
        if inside:
            said, came = (sum(column) / len(inside) for column in zip(*inside, strict=True))
            yield Bin(least, most, len(inside), said, came)


def _mean(values: Iterable[float]) -> float | None:
    told = list(values)
    return math.fsum(told) / len(told) if told else None


class _Questions:
    """Asks at full hours, and notes what came of it."""

    def __init__(self, policy: Policy, setting: Setting, window: Window, trail: _Trail | None) -> None:
        self._made = policy.make(setting)
        self._window = window
        self._trail = trail
        self._length = setting.hours * HOUR_SECONDS
        self._open: deque[tuple[float, dict[str, float]]] = deque()
        self._uses: dict[str, deque[float]] = {}
        self.answers: list[tuple[float, bool]] = []

    def use(self, request: Request) -> None:
        """Note a use."""
        self._made.used(request)
        self._uses.setdefault(request.model, deque()).append(request.at)

    def ask(self, at: float) -> None:
        """Ask at a full hour."""
        self.close(at)
        told = self._made.chances(at)
        for model, said in told.items():
            if not 0.0 <= said <= 1.0:
                raise PolicyError(f"said {said!r} of {model!r}; allowed: a chance from 0 to 1")
            if self._trail is not None:
                self._trail.append((at, False, f"{model} {said!r}"))
        if self._window.holds(at) and at + self._length <= self._window.until:
            self._open.append((at, {model: said for model, said in told.items() if model in self._uses}))

    def close(self, at: float) -> None:
        """Judge what was asked so long ago that what it was about is over."""
        while self._open and self._open[0][0] + self._length <= at:
            then, told = self._open.popleft()
            for model, said in told.items():
                uses = self._uses[model]
                while uses and uses[0] < then:
                    uses.popleft()
                self.answers.append((said, bool(uses) and uses[0] < then + self._length))


def replay_chance(
    policy: Policy,
    requests: Sequence[Request],
    window: Window,
    *,
    hours: int,
    trail: _Trail | None = None,
) -> Judged:
    """Replay requests, and ask at each full hour of the window after which the hours asked about are in it.

    Args:
        policy: What is asked.
        requests: Every request in the order of time; those before the window warm the state.
        window: What is judged.
        hours: Within how many hours a use is to come.
        trail: Takes of each answer the time, and what was said of which model.

    Returns:
        How good the answers were.

    Raises:
        PolicyError: The policy said something that is no chance.
    """
    setting = Setting(hours=hours, future=requests if policy.is_oracle else ())
    questions = _Questions(policy, setting, window, trail)
    asks_at: float | None = None
    for request in requests:
        if request.at >= window.until:
            break
        while asks_at is not None and asks_at <= request.at:
            questions.ask(asks_at)
            asks_at += HOUR_SECONDS
        if asks_at is None:
            asks_at = (request.at // HOUR_SECONDS + 1) * HOUR_SECONDS
        questions.use(request)
    while asks_at is not None and asks_at < window.until:
        questions.ask(asks_at)
        asks_at += HOUR_SECONDS
    questions.close(window.until)
    return judge(policy, hours, questions.answers)
