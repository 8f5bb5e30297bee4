"""The record of an advice: what every kind of advice leaves, so that it can be followed, and judged later."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from modeltally.store import DatabaseStore

__all__ = ["ADVISE", "EVERY_MODEL", "REFUSED", "Made", "Occasion", "Refutation"]

ADVISE: Final = "advise"
REFUSED: Final = "refused"
EVERY_MODEL: Final = "*"
"""The subject of what is said of the run itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refutation:
    """What would refute an advice: a figure of its subject beyond a limit, after some time.

    Attributes:
        words: The same as a sentence for people.
        figure: One of the figures the judge can measure, ``modeltally.recommend.judge.FIGURES``.
        more_than: It is refuted by more than so much.
        less_than: It is refuted by less than so much.
        after_seconds: How long after the advice the judge looks, each by itself; none means when the advice expires.
        from_seconds: How long after the advice the time begins that the figure is measured over.
    """

    words: str
    figure: str
    more_than: float | None = None
    less_than: float | None = None
    after_seconds: tuple[float, ...] = ()
    from_seconds: float = 0.0

    def as_json(self) -> str:
        """Write it for the judge."""
        told = {
            "figure": self.figure,
            "more_than": self.more_than,
            "less_than": self.less_than,
            "after_seconds": list(self.after_seconds),
        }
        told |= {"from_seconds": self.from_seconds} if self.from_seconds else {}
        return json.dumps({name: value for name, value in told.items() if value not in (None, [])})

    @classmethod
    def of_json(cls, text: str, *, words: str = "") -> Refutation:
        """Read what ``as_json`` wrote."""
        told = json.loads(text)
        return cls(
            words=words,
            figure=told["figure"],
            more_than=told.get("more_than"),
            less_than=told.get("less_than"),
            after_seconds=tuple(told.get("after_seconds", ())),
            from_seconds=told.get("from_seconds", 0.0),
        )


@dataclass(frozen=True, slots=True)
class Occasion:
    """When advice is asked for, and what a rule may look at.

    Attributes:
        store: Where what was used is read, and the settings are.
        as_of: The time of the advice; a rule looks at nothing later.
        since: Where its window begins; None where it looks at the whole history.
        until: Where its window ends.
        count_imports: The days of an import are days on which something was watching.
        watched: The days (UTC) on which something was watching up to then, in order.
        seen_at: When anything was seen last; None where nothing ever was.
        is_silent: That is too long ago to tell what is in use.
        asked: What was asked for besides, by name: what :attr:`Advice.takes` names.
    """

    store: DatabaseStore
    as_of: dt.datetime
    since: dt.datetime | None
    until: dt.datetime
    count_imports: bool
    watched: tuple[dt.date, ...]
    seen_at: dt.datetime | None
    is_silent: bool
    asked: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a rule says of one subject.

    Attributes:
        subject: The model or pattern; ``*`` stands for the run itself.
        verdict: ``advise``, ``refused``, or a word of the rule for what is only shown.
        reason: Why, as a code, a colon and a sentence.
        action: What to do, in a word or two; empty where nothing is advised.
        confidence: The chance that the advice is not refuted within the horizon; None where nobody knows.
        horizon_seconds: What the confidence is for.
        priority: high, medium or low; empty where nothing is advised.
        evidence: The figures it rests on.
        window_since: Where what it looked at begins.
        window_until: Where it ends.
        expires_at: When it is not to be followed any more.
        refutation: What would refute it; None for that of its rule.
    """

    subject: str
    verdict: str
    reason: str
    window_since: dt.datetime
    window_until: dt.datetime
    expires_at: dt.datetime
    action: str = ""
    confidence: float | None = None
    horizon_seconds: float | None = None
    priority: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    refutation: Refutation | None = None
