"""What needs a person: at most five lines, the worst first, each with where to look.

A new source is a function in ``SOURCES``: it says which questions it asks, and makes lines of the answers.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modeltally.alerts.kept import known_alerts
from modeltally.alerts.rules import RULES, Severity
from modeltally.alerts.state import Status
from modeltally.analytics.topics.quality import COMPLETENESS, FAILURES_BY_MODEL
from modeltally.analytics.topics.usage import MODELS
from modeltally.recommend.kinds import ADVICE
from modeltally.recommend.record import ADVISE, EVERY_MODEL
from modeltally.show.page.asking import Question, advice, asks, of_state
from modeltally.show.page.cells import count_word, shortened
from modeltally.show.units import clean_text, format_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modeltally.alerts.state import Alert
    from modeltally.settings import Settings
    from modeltally.show.backend import Backend
    from modeltally.show.page.state import PageState

__all__ = ["MIN_RATED", "MOST", "SOURCES", "Level", "Need", "Source", "is_failing", "needs_of"]

MOST: Final = 5
# of fewer requests a rate says nothing
MIN_RATED: Final = 10
_ALERTS_SECONDS: Final = 30.0
# rules about what another source tells with more words
_TOLD_BY_OTHERS: Final = frozenset({"low_success_rate", "high_error_rate", "operations_lost", "store_damaged"})


_PRESSING: Final = {name: kind for name, kind in ADVICE.items() if kind.is_pressing}


class Level(enum.IntEnum):
    """How bad it is."""

    ERROR = 0
    WARNING = 1
    ADVICE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A line.

    Attributes:
        level: How bad it is.
        text: What is the matter.
        href: Where to look.
        link: What the link says.
        subject: The name that the line is about, which comes from outside; it stands before the text.
    """

    level: Level
    text: str
    href: str
    link: str
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """Something that lines come from.

    Attributes:
        name: What it is called.
        questions: What it asks.
        lines: Makes lines of the answers.
    """

    name: str
    questions: Callable[[PageState], Mapping[str, Question]]
    lines: Callable[[Mapping[str, Any], PageState, Settings], Sequence[Need]]


def is_failing(row: Mapping[str, Any], settings: Settings) -> bool:
    """Tell whether a model fails more often than it may: of ten requests or more, by the setting of the advice."""
    rate = row["success_rate"]
    return rate is not None and row["requests"] >= MIN_RATED and rate < settings.performance_success_rate


def needs_of(found: Mapping[str, Mapping[str, Any]], state: PageState, settings: Settings) -> list[Need]:
    """Make the lines of all sources.

    Args:
        found: The answers, by source.
        state: The page's address.
        settings: What counts as bad.

    Returns:
        The lines, the worst first.
    """
    lines = [line for source in SOURCES for line in source.lines(found[source.name], state, settings)]
    return sorted(lines, key=lambda line: line.level)


def _problems(found: Mapping[str, Any], state: PageState, settings: Settings) -> list[Need]:
    del settings
    problem = found["problem"]
    if not problem:
        return []
    return [Need(level=Level.ERROR, text=str(problem), href=state.link("/health"), link="health")]


def _losses(found: Mapping[str, Any], state: PageState, settings: Settings) -> list[Need]:
    del settings
    lines = []
    for row in found["processes"].rows:
        lost = row["dropped"] or 0
        missing = row["unexplained"] or 0
        if not lost and not missing:
            continue
        reasons = ", ".join(row["dropped_by_reason"]) if row["dropped_by_reason"] else ""
        words = [f"lost {count_word(lost, 'operation')}{f' ({reasons})' if reasons else ''}"] if lost else []
        words += [f"{count_word(missing, 'operation')} never came"] if missing else []
        text = "; ".join(words)
        lines.append(
            (
                lost + missing,
                Need(
                    level=Level.ERROR,
                    subject=row["service"] or "(no name)",
                    text=text,
                    href=state.link("/health"),
                    link="why",
                ),
            )
        )
    lines.sort(key=lambda line: -line[0])
    return _summed([line for _, line in lines], "other processes lost operations", state.link("/health"))


def _failing(found: Mapping[str, Any], state: PageState, settings: Settings) -> list[Need]:
    causes: dict[str, tuple[int, str]] = {}
    for row in found["causes"].rows if found["causes"] is not None else ():
        if row["failures"] > causes.get(row["model"], (0, ""))[0]:
            causes[row["model"]] = (row["failures"], row["error_type"])
    bad = [row for row in found["models"].rows if is_failing(row, settings)]
    bad.sort(key=lambda row: row["success_rate"] * row["requests"] - row["requests"])
    lines = []
    for row in bad:
        cause = clean_text(causes.get(row["model"], (0, ""))[1])
        text = (
            f"fails: {format_value('error_rate', 1 - row['success_rate'])} of {count_word(row['requests'], 'request')}"
        )
        text += f", mostly {shortened(cause, 60)}" if cause else ""
        lines.append(
            Need(
                level=Level.WARNING,
                subject=row["model"],
                text=text,
                href=state.link("/failures", q=row["model"][:200]),
                link="failures",
            )
        )
    return _summed(lines, "other models fail", state.link("/", tab="failing"))


def _advised(found: Mapping[str, Any], state: PageState, settings: Settings) -> list[Need]:
    del settings
    lines = []
    for name, kind in _PRESSING.items():
        for row in found[name][1] if found[name] is not None else ():
            if row["verdict"] != ADVISE or row["subject"] == EVERY_MODEL:
                continue
            text = f"{clean_text(row['action']) or kind.verb}: {clean_text(str(row['reason']))}"
            lines.append(
                Need(level=Level.ADVICE, subject=row["subject"], text=text, href=state.link("/advice"), link="advice")
            )
    return _summed(lines, "more pieces of advice", state.link("/advice"))


def _firing(found: Mapping[str, Any], state: PageState, settings: Settings) -> list[Need]:
    del settings
    lines = []
    for alert in found["alerts"] or ():
        rule = RULES.get(alert.key.rule)
        if rule is None or alert.status is not Status.FIRING or rule.name in _TOLD_BY_OTHERS:
            continue
        if rule.severity is Severity.NOTICE:
            continue
        is_model = alert.key.kind == "model"
        said = f"{rule.sentence[:1].lower()}{rule.sentence[1:].rstrip('.')}"
        lines.append(
            Need(
                level=Level.ERROR if rule.severity is Severity.CRITICAL else Level.WARNING,
                subject=alert.key.subject,
                text=f"{said}, since {alert.since_at:%Y-%m-%d %H:%M} UTC",
                href=state.link("/", q=alert.key.subject[:200]) if is_model else state.link("/health"),
                link="look",
            )
        )
    return _summed(lines, "other alerts fire", "/api/v1/alerts")


def _summed(lines: list[Need], word: str, href: str, *, most: int = 2) -> list[Need]:
    """Keep the first lines of a source, and say how many more there are."""
    if len(lines) <= most + 1:
        return lines
    rest = len(lines) - most
    return [*lines[:most], Need(level=lines[0].level, text=f"{rest:,} {word}", href=href, link="all")]


def _known(backend: Backend) -> list[Alert]:
    return list(known_alerts(backend.store).values())


SOURCES: Final = (
    Source("problem", lambda _: {"problem": of_state("problem", lambda backend: backend.problem())}, _problems),
    Source(
        "loss",
        lambda state: {"processes": asks(COMPLETENESS, state.window, max_age_seconds=10.0)},
        _losses,
    ),
    Source(
        "failing",
        lambda state: {
            "models": asks(MODELS, state.window),
            "causes": asks(FAILURES_BY_MODEL, state.window, max_age_seconds=30.0, is_optional=True),
        },
        _failing,
    ),
    Source(
        "alerts",
        lambda _: {"alerts": Question("alerts", _known, _ALERTS_SECONDS, is_optional=True)},
        _firing,
    ),
    Source(
        "advice",
        lambda state: {name: advice(kind, state.window, is_optional=True) for name, kind in _PRESSING.items()},
        _advised,
    ),
)
