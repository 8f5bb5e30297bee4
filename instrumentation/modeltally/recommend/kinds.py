"""What advice there is: one record a kind, with the rules that give it and the settings each rule goes by."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime  # noqa: TC003 - the row type is read at run time
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, cast
from zoneinfo import ZoneInfo

from modeltally.errors import InputError, UnknownNameError
from modeltally.recommend.cleanup import make_cleanup
from modeltally.recommend.constants import CLEANUP_REGRET, PERFORMANCE_REGRET, PRELOAD_REGRET, REGRET_LEAST
from modeltally.recommend.record import Refutation
from modeltally.recommend.rules.downloading import download_again
from modeltally.recommend.rules.judging_patterns import judge_patterns
from modeltally.recommend.rules.keeping_alive import keep_alive
from modeltally.recommend.rules.loading_ahead import load_ahead
from modeltally.recommend.rules.looking_into import look_into
from modeltally.recommend.rules.own import own_rules
from modeltally.recommend.rules.pins import keep_loaded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from modeltally.analytics.window import Window
    from modeltally.recommend.record import Made, Occasion
    from modeltally.store import Store

__all__ = [
    "ADVICE",
    "ASKED",
    "CHOOSABLE",
    "GUARDED",
    "POLICIES",
    "WATCHFUL",
    "WINDOWED",
    "Advice",
    "AdviceRow",
    "Limit",
    "Rule",
    "advice_named",
    "advise",
    "asked_of",
    "parameters_of",
]

GUARDED = "guarded"
SEED = "seed"
ASKED = ("slots", "room_bytes", "zone")
"""What some kinds of advice may be asked with."""
_MOST_ASKED = 2**50
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
        takes: What may be asked for besides: some of ``ASKED``.
        is_pressing: What it advises stands on the first screen, among what needs somebody.
    """

    name: str
    title: str
    sentence: str
    verb: str
    next_step: str
    when_empty: str
    rules: Mapping[str, Rule] = field(default_factory=dict)
    has_window: bool = False
    takes: tuple[str, ...] = ()
    is_pressing: bool = True

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
        "Nothing is deleted by itself. Ask who else needs the model; `modeltally models remove --advised` then says"
        " what would go from this machine, and with --apply moves it into a trash."
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
    next_step="Load it before its next use; `modeltally recommend keepalive` says in which hours to keep it.",
    when_empty="no model is likely to be asked for so soon",
    rules={
        GUARDED: Rule(
            make=load_ahead,
            days_back=28,
            wants_history=True,
            version=2,
            action="load",
            limit=Limit(regret=PRELOAD_REGRET, least_judged=int(REGRET_LEAST)),
        ),
        SEED: Rule(
            "preload_seed",
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
            is_unsafe=True,
            measured=(
                "On a published trace of image requests it said to be 89 % sure, and 64 % of 1,237 models it named were"
                " asked for in time."
            ),
        ),
    },
)
KEEP = Advice(
    "keep",
    title="Keep",
    sentence="Which models to keep loaded where not all fit.",
    verb="keep loaded",
    next_step="Pin them until the next hour, and let the others come and go: the one used last the longest ago first.",
    when_empty="no model was used of late",
    rules={
        GUARDED: Rule(
            make=keep_loaded,
            days_back=30,
            wants_history=True,
            action="keep loaded",
            limit=Limit(regret=PRELOAD_REGRET, least_judged=int(REGRET_LEAST)),
        )
    },
    takes=("slots", "room_bytes"),
    is_pressing=False,
)
KEEPALIVE = Advice(
    "keepalive",
    title="Keep alive",
    sentence="How long each model stays loaded after a use, and in which hours it is kept warm.",
    verb="keep warm",
    next_step="`modeltally recommend keepalive --export` writes it for Ollama, vLLM, llama-swap, ComfyUI and cron.",
    when_empty="no model was used in the last seven days",
    rules={
        GUARDED: Rule(
            make=keep_alive,
            days_back=7,
            wants_history=True,
            limit=Limit(regret=PRELOAD_REGRET, least_judged=int(REGRET_LEAST)),
        )
    },
    takes=("zone",),
    is_pressing=False,
)
DOWNLOAD = Advice(
    "download",
    title="Downloads",
    sentence="Which models to download, and in which order.",
    verb="download",
    next_step="Download it with the tool that brought it, for example `hf download`, and check its files again.",
    when_empty="no model's files are known to be corrupted or missing, and no download failed last",
    rules={GUARDED: Rule(make=download_again, days_back=30)},
)
PATTERN = Advice(
    "pattern",
    title="Patterns",
    sentence="Which patterns to promote, to look into, to retire and to keep.",
    verb="look into",
    next_step="`modeltally stats patterns` and `modeltally stats success --kind pattern` show how they do.",
    when_empty="no pattern has a run that was rated",
    rules={GUARDED: Rule(make=judge_patterns, days_back=30)},
    has_window=True,
)
OWN = Advice(
    "own",
    title="Own rules",
    sentence="What your own rules say: docs/own-rules.md.",
    verb="look into",
    next_step="The rule in brackets said so.",
    when_empty="no rule of your own has anything to say; docs/own-rules.md shows how to add one",
    rules={GUARDED: Rule(make=own_rules, days_back=30)},
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
            make=look_into,
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

ADVICE: dict[str, Advice] = {
    advice.name: advice for advice in (CLEANUP, PRELOAD, PERFORMANCE, KEEP, KEEPALIVE, DOWNLOAD, PATTERN, OWN)
}


POLICIES: tuple[str, ...] = tuple(dict.fromkeys(policy for advice in ADVICE.values() for policy in advice.rules))
# Which kinds take a window, which have a rule to choose, which go by the days that were watched.
WINDOWED: tuple[str, ...] = tuple(advice.name for advice in ADVICE.values() if advice.has_window)
CHOOSABLE: tuple[str, ...] = tuple(advice.name for advice in ADVICE.values() if len(advice.rules) > 1)
WATCHFUL: tuple[str, ...] = tuple(advice.name for advice in ADVICE.values() if advice.rules[GUARDED].wants_history)


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
    asked: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Write what was asked as the job of the advice takes it.

    Args:
        advice: The kind of advice.
        window: The window asked about, and the time of the answer.
        has_bounds: The window was given; without one the advice looks at its own.
        policy: The name of a rule; None for the guarded one.
        count_imports: The days of an import are days on which something was watching.
        asked: What else was asked for, by its name among ``ASKED``; None stands for what was not.

    Returns:
        The job's parameters.

    Raises:
        InputError: The advice takes no window, no policy, does not go by the days that were watched, or does not take
            what else was asked for.
    """
    given = {name: value for name, value in (asked or {}).items() if value is not None}
    unwanted = [name for name in given if name not in advice.takes]
    if unwanted:
        takers = ", ".join(other.name for other in ADVICE.values() if unwanted[0] in other.takes)
        raise InputError(f"advice {advice.name!r} takes no {unwanted[0]}; only {takers} does")
    if has_bounds and not advice.has_window:
        raise InputError(
            f"advice {advice.name!r} takes no --since or --until: it looks at the whole history up to --as-of"
        )
    if policy is not None and len(advice.rules) == 1:
        raise InputError(f"advice {advice.name!r} takes no --policy; only {', '.join(CHOOSABLE)} does")
    rule = advice.rules.get(policy or GUARDED)
    if count_imports and rule is not None and not rule.wants_history:
        raise InputError(
            f"advice {advice.name!r} by the {policy or GUARDED} rule takes no --count-imports; the guarded rules of"
            f" {', '.join(WATCHFUL)} do"
        )
    parameters = window.parameters()
    if not has_bounds:
        parameters = {"as_of": parameters["as_of"]}
    parameters |= asked_of(advice, given)
    return parameters | {"policy": policy or GUARDED} | ({"count_imports": True} if count_imports else {})


def asked_of(advice: Advice, parameters: Mapping[str, object]) -> dict[str, object]:
    """Read what an advice was asked with besides the usual.

    Args:
        advice: The kind of advice.
        parameters: Those of its job.

    Returns:
        What :attr:`Advice.takes` names and was given.

    Raises:
        InputError: A number is none or out of range, or there is no such time zone.
    """
    found: dict[str, object] = {}
    for name in advice.takes:
        value = parameters.get(name)
        if value is None:
            continue
        if name == "zone":
            try:
                ZoneInfo(str(value))
            except (KeyError, ValueError, OSError):
                raise InputError(f"zone = {value!r} is no time zone; give one of the IANA database") from None
        elif not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MOST_ASKED:
            raise InputError(f"{name} = {value!r} is not allowed; allowed: 1 to {_MOST_ASKED}")
        found[name] = value
    return found


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
