"""What advice there is: one record a kind, with the rules that give it and the settings each rule goes by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - the row type is read at run time
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, cast

from modeltally.errors import InputError, UnknownNameError
from modeltally.recommend.cleanup import make_cleanup
from modeltally.recommend.constants import CLEANUP_REGRET, PERFORMANCE_REGRET, PRELOAD_REGRET, REGRET_LEAST
from modeltally.recommend.record import Refutation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modeltally.analytics.window import Window
    from modeltally.recommend.record import Made, Occasion
    from modeltally.store import Store

__all__ = [
    "ADVICE",
    "GUARDED",
    "POLICIES",
    "Advice",
    "AdviceRow",
    "Limit",
    "Rule",
    "advice_named",
    "advise",
    "parameters_of",
]

GUARDED = "guarded"
_DAY_SECONDS = 86_400.0


class AdviceRow(TypedDict):
    """What an advice says of one subject, or why it says nothing."""

    kind: Annotated[str, "The kind of advice."]
    policy: Annotated[str, "The rule that gave it."]
    policy_version: Annotated[int, "The version of the rule."]
    subject: Annotated[str, "The model; * stands for the run itself."]
    action: Annotated[str, "What to do with it; empty where nothing is advised."]
    verdict: Annotated[str, "What it says: advise, refused, or what was seen."]
    reason: Annotated[str, "Why, as a code and a sentence."]
    confidence: Annotated[float | None, "How sure it is: the chance that it is not refuted within the horizon."]
    horizon_seconds: Annotated[float | None, "For how long that is said."]
    priority: Annotated[str, "How soon to act."]
    evidence: Annotated[dict[str, Any], "The figures it rests on."]
    window_since: Annotated[datetime, "Where the window it looked at begins."]
    window_until: Annotated[datetime, "Where it ends."]
    expires_at: Annotated[datetime, "When it is not to be followed any more."]
    coverage: Annotated[float | None, "The part of the window's days on which something was watching."]
    refuted_by: Annotated[str, "What would refute it."]
    refutation: Annotated[dict[str, Any], "The same for programs: a figure, its limit, and when the judge looks."]
    verdicts: Annotated[list[dict[str, Any]], "What became of earlier advice of this rule about it, newest first."]
    is_unsafe: Annotated[bool, "It comes from a rule without guards."]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How often the advice of a rule may be wrong before the rule suspends itself.

    Attributes:
        regret: The part of judged advice that may be wrong.
        least_judged: Of fewer judged pieces of advice that part says nothing.
        days: How far back verdicts count.
    """

    regret: float
    least_judged: int = 1
    days: int = 180


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to come to an advice: a statement whose rows are what it says, or a function that gives them.

    Attributes:
        statement: The file below ``queries/jobs/recommend/``; None where ``make`` makes the rows.
        settings: The setting behind each of its parameters.
        days_back: How many days before its end its window begins: a number or a setting; None for no window.
        is_whole_days: Its window ends at the last midnight (UTC), else at the time of the answer.
        wants_history: It advises only after enough days on which something was watching.
        make: Makes the rows in Python, of what views tell.
        version: Counts up when the rule advises otherwise than before; verdicts on earlier versions do not suspend it.
        action: What its advice is to do, where its rows do not say.
        refutation: What would refute its advice, where its rows do not say; None where nothing can judge it.
        horizon_seconds: What the confidence of its advice is for, where its rows do not say.
        limit: When it suspends itself; None for never.
        is_unsafe: It has no guards.
        measured: How often it was right where that was measured before, as a sentence.
    """

    statement: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    days_back: int | str | None = None
    is_whole_days: bool = False
    wants_history: bool = False
    make: Callable[[Occasion], Iterable[Made]] | None = None
    version: int = 1
    action: str = ""
    refutation: Refutation | None = None
    horizon_seconds: float | None = None
    limit: Limit | None = None
    is_unsafe: bool = False
    measured: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """One kind of advice.

    Attributes:
        name: What people call it.
        title: What stands above it.
        sentence: What it advises.
        verb: What to do with the model.
        next_step: How to do that, or what to look at first.
        when_empty: What no row means.
        rules: Its rules by the name of the policy; each has one called guarded.
        has_window: It looks at a window that may be given; otherwise at the whole history up to ``as_of``.
    """

    name: str
    title: str
    sentence: str
    verb: str
    next_step: str
    when_empty: str
    rules: Mapping[str, Rule] = field(default_factory=dict)
    has_window: bool = False

    @property
    def job(self) -> str:
        """The job that gives it."""
        return f"recommend_{self.name}"


CLEANUP = Advice(
    "cleanup",
    title="Cleanup",
    sentence="Which models may go.",
    verb="delete",
    next_step=(
        "Nothing is deleted by itself. Ask who else needs the model, then remove it with the tool that brought it, for"
        " example `hf cache rm`."
    ),
    when_empty="no model is worth removing",
    rules={
        GUARDED: Rule(
            make=make_cleanup,
            wants_history=True,
            version=2,
            refutation=Refutation(
                words="a use within 30, 60 or 90 days",
                figure="uses",
                more_than=0,
                after_seconds=(30 * _DAY_SECONDS, 60 * _DAY_SECONDS, 90 * _DAY_SECONDS),
            ),
            limit=Limit(regret=CLEANUP_REGRET),
        ),
        "seed": Rule(
            "cleanup_seed",
            settings={
                "min_uses_per_day": "cleanup_seed_uses_per_day",
                "min_success_rate": "cleanup_seed_success_rate",
                "abandoned_after_seconds": "abandoned_after_seconds",
            },
            days_back=30,
            action="delete",
            refutation=Refutation(
                words="a use within 30, 60 or 90 days",
                figure="uses",
                more_than=0,
                after_seconds=(30 * _DAY_SECONDS, 60 * _DAY_SECONDS, 90 * _DAY_SECONDS),
            ),
            is_unsafe=True,
            measured=(
                "Over seven kinds of simulated fleets, on day 180, 81 % of what it names is unused for 30 days,"
                " 73 % for 90; of the worst kind 58 %."
            ),
        ),
    },
)
PRELOAD = Advice(
    "preload",
    title="Preload",
    sentence="Which models to load before they are asked for.",
    verb="load",
    next_step="Load it before its next use, and keep it until the busy hours are over.",
    when_empty="no model's use is rising towards a peak",
    rules={
        GUARDED: Rule(
            "preload",
            settings={
                "history_days": "preload_history_days",
                "min_uses_per_day": "preload_threshold_frequency",
                "min_success_rate": "preload_success_rate",
                "min_probability": "preload_probability",
                "unknown_load_seconds": "preload_unknown_load_seconds",
                "abandoned_after_seconds": "abandoned_after_seconds",
            },
            days_back=28,
            is_whole_days=True,
            wants_history=True,
            action="load",
            refutation=Refutation(words="no request before it expires", figure="requests", less_than=1),
            limit=Limit(regret=PRELOAD_REGRET, least_judged=int(REGRET_LEAST)),
        )
    },
)
PERFORMANCE = Advice(
    "performance",
    title="Performance",
    sentence="Which models are slow, unsteady or unreliable.",
    verb="look into",
    next_step="`modeltally stats failures` and `modeltally stats latency` show how they fail and how long they take.",
    when_empty="every model is quick, steady and reliable",
    rules={
        GUARDED: Rule(
            "performance",
            settings={
                "slow_seconds": "performance_slow_seconds",
                "min_success_rate": "performance_success_rate",
                "abandoned_after_seconds": "abandoned_after_seconds",
            },
            days_back="performance_tracking_window_days",
            action="look into",
            refutation=Refutation(
                words="no slow, failing or unsteady week after it, though it was used",
                figure="findings",
                less_than=1,
                after_seconds=(7 * _DAY_SECONDS,),
            ),
            horizon_seconds=7 * _DAY_SECONDS,
            limit=Limit(regret=PERFORMANCE_REGRET, least_judged=int(REGRET_LEAST)),
        )
    },
    has_window=True,
)

ADVICE: dict[str, Advice] = {advice.name: advice for advice in (CLEANUP, PRELOAD, PERFORMANCE)}


POLICIES: tuple[str, ...] = tuple(dict.fromkeys(policy for advice in ADVICE.values() for policy in advice.rules))


def advice_named(name: str) -> Advice:
    """Find a kind of advice.

    Args:
        name: What people call it.

    Returns:
        The kind.

    Raises:
        UnknownNameError: There is none of that name; the message offers the nearest.
    """
    if name not in ADVICE:
        raise UnknownNameError("kind of advice", name, ADVICE)
    return ADVICE[name]


def parameters_of(
    advice: Advice,
    window: Window,
    *,
    has_bounds: bool = False,
    policy: str | None = None,
    count_imports: bool = False,
) -> dict[str, object]:
    """Write what was asked as the job of the advice takes it.

    Args:
        advice: The kind of advice.
        window: The window asked about, and the time of the answer.
        has_bounds: The window was given; without one the advice looks at its own.
        policy: The name of a rule; None for the guarded one.
        count_imports: The days of an import are days on which something was watching.

    Returns:
        The job's parameters.

    Raises:
        InputError: The advice takes no window, no policy, or does not go by the days that were watched.
    """
    if has_bounds and not advice.has_window:
        raise InputError(
            f"advice {advice.name!r} takes no --since or --until: it looks at the whole history up to --as-of"
        )
    if policy is not None and len(advice.rules) == 1:
        takers = ", ".join(other.name for other in ADVICE.values() if len(other.rules) > 1)
        raise InputError(f"advice {advice.name!r} takes no --policy; only {takers} does")
    rule = advice.rules.get(policy or GUARDED)
    if count_imports and rule is not None and not rule.wants_history:
        takers = ", ".join(other.name for other in ADVICE.values() if other.rules[GUARDED].wants_history)
        raise InputError(
            f"advice {advice.name!r} by the {policy or GUARDED} rule takes no --count-imports; the guarded rules of"
            f" {takers} do"
        )
    parameters = window.parameters()
    if not has_bounds:
        parameters = {"as_of": parameters["as_of"]}
    return parameters | {"policy": policy or GUARDED} | ({"count_imports": True} if count_imports else {})


def advise(store: Store, advice: Advice, parameters: Mapping[str, object]) -> list[AdviceRow]:
    """Ask for advice.

    Args:
        store: What answers.
        advice: The kind of advice.
        parameters: What ``parameters_of`` made of the query.

    Returns:
        Every advice and every refusal.

    Raises:
        StoreError: The database refused or failed.
        ServerError: The server could not be asked, or failed.
    """
    return cast("list[AdviceRow]", store.run(advice.job, parameters))
