"""The advice which models may go: rule R over the days that were watched, behind guards that each can stop it.

Days on which nothing was watching are no days of history, of age or of idling: nobody knows what was used on them.
What an import tells of the past spares a model, and never brings it closer to going.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from modeltally.recommend.constants import (
    CANDIDATE_WATCHED_DAYS,
    CLEANUP_CHANCE,
    FEW_USES,
    HOLE_DAYS,
    LEAST_IDLE_DAYS,
    LONGEST_PAUSES,
)
from modeltally.recommend.policies.cleanup import Idle, Life
from modeltally.recommend.policies.hazard import CarriedHazard
from modeltally.recommend.record import ADVISE, EVERY_MODEL, REFUSED, Made
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from modeltally.recommend.policies.hazard import HazardTable
    from modeltally.recommend.record import Occasion
    from modeltally.settings import Settings

__all__ = ["CANDIDATE", "Known", "make_cleanup"]

CANDIDATE: Final = "candidate"
"""The verdict on a model that nothing but time, or the size of a run, stops."""
_MONTH: Final = 30
_CERTAIN: Final = 0.99
_QUARTER: Final = 90
_DAY: Final = dt.timedelta(days=1)
_EXPIRES: Final = dt.timedelta(days=7)
_DAY_SECONDS: Final = 86_400.0
_GIGABYTE: Final = 10**9
_GIB: Final = 2**30
_HIGH_BYTES: Final = 10 * _GIB
# what the same weights are often called by beside their name
_SUFFIXES: Final = (".safetensors", ".gguf", ".ckpt", ".pth", ".pt", ".bin", ".onnx")


@dataclass(frozen=True, slots=True)
class Known:
    """One model, by the numbers of watched days.

    Attributes:
        row: What is stored of it.
        life: How it was used while something was watching.
        last: The last day of use, what an import tells of included; the day before it was there until there is one.
        longest: The longest pause between two of these days.
        downloaded: The day of its last download; -1 where none is known.
    """

    row: Mapping[str, Any]
    life: Life
    last: int
    longest: int
    downloaded: int

    @property
    def model(self) -> str:
        """Its name."""
        return str(self.row["model"])

    @property
    def size_bytes(self) -> int:
        """What would become free: what hosts say of their disks, else what downloads said; 0 where nobody did."""
        freed = self.row["freed_bytes"]
        return int((self.row["size_bytes"] if freed is None else freed) or 0)

    @property
    def is_used(self) -> bool:
        """Tell whether any use of it is known."""
        return bool(self.life.days_used or self.row["days_told"])

    def idle(self, today: int) -> Idle:
        """Tell how it stands."""
        settled = self.life.settled if self.life.days_used >= FEW_USES - 1 else max(self.life.settled, self.last)
        return Idle(
            age_days=today - max(self.life.arrived, self.downloaded) + 1,
            idle_days=today - self.last,
            longest_days=self.longest,
            days_used=self.life.days_used,
            settled_days=today - settled,
        )


def make_cleanup(occasion: Occasion) -> list[Made]:
    """Say of each model that idles, or was never used, whether it may go, and why not.

    Args:
        occasion: When it is asked.

    Returns:
        What is advised, the largest first, what would be, and what each guard stopped; first, where no model may be
        advised away, why.
    """
    rows = occasion.store.read(
        "days_of_models", {"as_of": occasion.as_of, "count_imports": int(occasion.count_imports)}
    )
    if not rows:
        return []
    return _Run(occasion, rows).said()


class _Run:
    """One run: what is known, and the judgement."""

    def __init__(self, occasion: Occasion, rows: Sequence[Mapping[str, Any]]) -> None:
        self._occasion = occasion
        self._settings: Settings = occasion.store.settings
        self._watched = occasion.watched
        self._today = max(len(occasion.watched) - 1, 0)
        since = occasion.as_of - dt.timedelta(days=self._settings.cleanup_history_days)
        (losses,) = occasion.store.read("losses_since", {"since": since, "as_of": occasion.as_of})
        self._lost = int(str(losses["dropped"] or 0))
        self._ended: list[int] = []
        hazard = CarriedHazard()
        self._models = [self._known(row, hazard) for row in rows]
        self._idle = {known.model: known.idle(self._today) for known in self._models}
        self._table: HazardTable = hazard.table(
            (idle.idle_days, idle.days_used, known.life.longest)
            for known, idle in ((known, self._idle[known.model]) for known in self._models)
        )
        self._ended.sort()
        self._pauses = sorted([*self._ended, *(idle.idle_days for idle in self._idle.values())])
        self._begin = min(sql.as_utc(row["first_seen_at"]) for row in rows)
        self._bytes = sum(known.size_bytes for known in self._models)
        self._alike = _alike(self._models, self._idle)

    def _at(self, day: dt.date) -> int:
        """Number a day by the watched days; one that was not watched counts as the next that was."""
        return min(bisect_left(self._watched, day), self._today)

    def _known(self, row: Mapping[str, Any], hazard: CarriedHazard) -> Known:
        life = Life.beginning(self._at(row["here_since"]))
        live = sorted({max(self._at(day), life.arrived) for day in row["days_used"]})
        for day in live:
            idle = life.idle(day - 1)
            hazard.ended(idle.idle_days, days_used=idle.days_used, longest_days=idle.longest_days)
            self._ended.append(idle.idle_days)
            life.use(day)
        every = sorted({*live, *(self._at(day) for day in row["days_told"])})
        pauses = [later - before for before, later in pairwise(every)]
        downloaded = row["downloaded_at"]
        return Known(
            row,
            life,
            last=max([life.last, *every[-1:]]),
            longest=max([life.longest, *pauses]),
            downloaded=-1 if downloaded is None else self._at(sql.as_utc(downloaded).date()),
        )

    def said(self) -> list[Made]:
        """Give every row."""
        stopped = self._stops_all()
        judged = [self._judged(known, stopped) for known in self._models if self._is_shown(known)]
        wanted = [made for made in judged if made.verdict == ADVISE]
        if stopped is None:
            chosen = self._chosen(wanted)
            judged = [made if made.verdict != ADVISE else chosen[made.subject] for made in judged]
        return [*([self._of_run(stopped)] if stopped is not None else []), *judged]

    def _is_shown(self, known: Known) -> bool:
        last = known.row["last_used_at"]
        days = dt.timedelta(days=self._settings.cleanup_evidence_idle_days)
        return last is None or sql.as_utc(last) <= self._occasion.as_of - days

    def _stops_all(self) -> str | None:
        """Tell why no model may be advised away; None where one may."""
        watched, needed = len(self._watched), self._settings.cleanup_history_days
        if watched < needed:
            return (
                f"history: watched for {_days(watched)}, {needed:g} are needed before any model is advised away;"
                f" {_cycle(watched)}"
            )
        if self._occasion.is_silent:
            seen = self._occasion.seen_at
            return (
                f"silence: nothing was seen since {seen:%Y-%m-%d %H:%M:%S}; what was used after that is not known"
                if seen is not None
                else "silence: nothing was ever seen"
            )
        end = self._occasion.as_of.astimezone(dt.UTC).date()
        first = end - dt.timedelta(days=int(HOLE_DAYS))
        hole = int(HOLE_DAYS) - sum(first <= day < end for day in self._watched)
        if hole > 1:
            return (
                f"hole: nothing was watching on {hole} of the last {HOLE_DAYS:g} days; what was used on them is not"
                " known, and what came back since is too little to tell"
            )
        if self._lost:
            return f"loss: {self._lost:,} operations were dropped before they were stored"
        return None

    def _of_run(self, reason: str) -> Made:
        return Made(
            subject=EVERY_MODEL,
            verdict=REFUSED,
            reason=reason,
            evidence={
                "watched_days": len(self._watched),
                "longest_visible_cycle_days": len(self._watched) // 2,
                "models": len(self._models),
                "known_loss": self._lost,
            },
            **self._times(),
        )

    def _times(self) -> dict[str, Any]:
        as_of = self._occasion.as_of
        return {"window_since": self._begin, "window_until": as_of, "expires_at": as_of + _EXPIRES}

    def _judged(self, known: Known, stopped: str | None) -> Made:
        idle = self._idle[known.model]
        chance = self._chance(known, idle, _MONTH)
        is_early = (
            stopped is not None and stopped.startswith("history") and len(self._watched) >= CANDIDATE_WATCHED_DAYS
        )
        own = self._stops(known, idle, chance)
        if stopped is not None and not is_early:
            verdict, reason = REFUSED, stopped.partition(";")[0]
        elif own is not None:
            verdict, reason = REFUSED, own
        elif is_early:
            verdict, reason = CANDIDATE, f"{stopped}; until then nothing is to be deleted"
        else:
            verdict, reason = ADVISE, self._sentence(known, idle, chance)
        return Made(
            subject=known.model,
            verdict=verdict,
            reason=reason,
            action=self._action(known) if verdict == ADVISE else "",
            confidence=chance,
            horizon_seconds=_MONTH * _DAY_SECONDS,
            priority=_priority(known.size_bytes) if verdict == ADVISE else "",
            evidence=self._evidence(known, idle, chance),
            **self._times(),
        )

    def _chance(self, known: Known, idle: Idle, days: int) -> float:
        return self._table.unused(idle.idle_days, days, days_used=idle.days_used, longest_days=known.life.longest)

    def _least_idle(self, known: Known, idle: Idle) -> float:
        if not known.is_used:
            return self._settings.cleanup_never_used_days
        return max(self._settings.cleanup_threshold_days, LEAST_IDLE_DAYS, LONGEST_PAUSES * idle.longest_days)

    def _stops(self, known: Known, idle: Idle, chance: float) -> str | None:
        """Tell which guard stops one model, as a code and a sentence."""
        return (
            self._too_young(known, idle)
            or self._too_busy(known, idle)
            or self._too_uncertain(known, chance)
            or self._too_cheap(known, idle)
        )

    def _too_young(self, known: Known, idle: Idle) -> str | None:
        settings = self._settings
        least = settings.cleanup_age_days if known.is_used else settings.cleanup_never_used_days
        return None if idle.age_days >= least else f"age: here for {_days(idle.age_days)}, {least:g} are needed"

    def _too_busy(self, known: Known, idle: Idle) -> str | None:
        least, few = self._least_idle(known, idle), self._settings.cleanup_few_uses_idle_days
        if idle.idle_days <= least:
            return f"idle: for {_days(idle.idle_days)}, more than {least:g} are needed"
        if idle.settled_days <= few:
            return (
                f"idle: for {_days(idle.settled_days)} since one of its few days of use; more than {few:g} are needed"
            )
        return None

    def _too_uncertain(self, known: Known, chance: float) -> str | None:
        if (other := self._alike.get(known.model)) is not None:
            return (
                f"names: it may be the model {other!r}, which is in use; if it is, say so with `modeltally alias set`,"
                " and if it is not, rename one of them"
            )
        if chance < CLEANUP_CHANCE:
            return (
                f"chance: {_percent(chance)} that nobody uses it within {_MONTH} days, {CLEANUP_CHANCE:.0%} are needed"
            )
        return None

    def _too_cheap(self, known: Known, idle: Idle) -> str | None:
        if known.row["hosts"] == 0:
            return "gone: no host that reports its disks has it under this name; `modeltally alias` names it as they do"
        if known.row["freed_bytes"] == 0:
            return "size: nothing would become free, since other models hold its files"
        if not known.size_bytes:
            return "size: unknown, so nobody knows what would be gained: run the inventory, `modeltally agent`"
        returning = 1 - self._chance(known, idle, _QUARTER)
        equal = self._worth(known, 1 - returning)["break_even_chance"]
        if equal is not None and returning > equal:
            return (
                f"price: {returning:.1%} that somebody wants it back within {_QUARTER} days, and deleting it pays below"
                f" {equal:.1%} alone"
            )
        return None

    def _action(self, known: Known) -> str:
        """Weights whose source nobody saw lately are moved away, never deleted."""
        seen = known.row["source_seen_at"]
        days = dt.timedelta(days=self._settings.cleanup_source_days)
        return "delete" if seen is not None and sql.as_utc(seen) > self._occasion.as_of - days else "offload"

    def _sentence(self, known: Known, idle: Idle, chance: float) -> str:
        action = self._action(known)
        how = (
            f"not used for {_days(idle.idle_days)}, longest pause before {_days(idle.longest_days)}"
            if known.is_used
            else f"never used on the {_days(idle.age_days)} it is here"
        )
        source = "" if action == "delete" else "; nobody saw its source lately, so it is to be kept elsewhere"
        return (
            f"{action}: {how}{source}; {_percent(chance)} that nobody uses it within {_MONTH} days;"
            f" {_cycle(len(self._watched))}"
        )

    def _evidence(self, known: Known, idle: Idle, chance: float) -> dict[str, Any]:
        row = known.row
        first = bisect_left(self._ended, idle.idle_days)
        quarter = self._chance(known, idle, _QUARTER)
        return {
            "class": _class_of(known),
            "uses": row["uses"],
            "days_used": known.life.days_used,
            "last_used_at": _moment(row["last_used_at"]),
            "idle_days": idle.idle_days,
            "idle_limit_days": self._least_idle(known, idle),
            "longest_pause_days": idle.longest_days,
            "pauses_so_long": len(self._pauses) - bisect_left(self._pauses, idle.idle_days),
            "pauses_ended_within_30_days": bisect_right(self._ended, idle.idle_days + _MONTH) - first,
            "pauses_ended_within_90_days": bisect_right(self._ended, idle.idle_days + _QUARTER) - first,
            "first_seen_at": _moment(row["first_seen_at"]),
            "downloaded_at": _moment(row["downloaded_at"]),
            "age_days": idle.age_days,
            "size_bytes": known.size_bytes or None,
            "hosts": row["hosts"],
            "unused_30_days_chance": round(chance, 4),
            "unused_90_days_chance": round(quarter, 4),
            "watched_days": len(self._watched),
            "longest_visible_cycle_days": len(self._watched) // 2,
            "known_loss": self._lost,
            "source_seen_at": _moment(row["source_seen_at"]),
            "names": list(row["names"]),
            **self._worth(known, quarter),
        }

    def _worth(self, known: Known, quarter: float) -> dict[str, float | None]:
        """Weigh the disk against a return by the team's own prices: at which chance of one both cost the same."""
        settings, size = self._settings, known.size_bytes
        seconds = size / settings.cleanup_fetch_bytes_per_second
        again = seconds / 3600 * settings.cleanup_waiting_price + size / _GIGABYTE * settings.cleanup_transfer_price
        lost = settings.cleanup_gone_chance * settings.cleanup_gone_price
        disk = size / _GIGABYTE * settings.cleanup_disk_price * _QUARTER / _MONTH
        is_priced = bool(size and settings.cleanup_disk_price > 0 and again + lost > 0)
        return {
            "return_chance": round(1 - quarter, 4),
            "refetch_seconds": round(seconds) if size else None,
            "disk_price_90_days": round(disk, 4) if size and settings.cleanup_disk_price > 0 else None,
            "return_price": round(again + lost, 4) if size and again + lost > 0 else None,
            "break_even_chance": float(f"{disk / (again + lost):.4g}") if is_priced else None,
        }

    def _chosen(self, wanted: Sequence[Made]) -> dict[str, Made]:
        """Choose what one run may name: the largest first, then those that idle longest."""
        settings = self._settings
        room = settings.cleanup_run_bytes_share * self._bytes
        order = sorted(
            wanted, key=lambda made: (-made.evidence["size_bytes"], -made.evidence["idle_days"], made.subject)
        )
        chosen: dict[str, Made] = {}
        count = 0
        for made in order:
            size = made.evidence["size_bytes"]
            if count < settings.cleanup_run_models and size <= room:
                room -= size
                count += 1
                chosen[made.subject] = made
            else:
                chosen[made.subject] = _later(made, settings)
        return chosen


def _later(made: Made, settings: Settings) -> Made:
    reason = (
        f"turn: {made.reason.partition(': ')[2]}; a run names {settings.cleanup_run_models} models and"
        f" {settings.cleanup_run_bytes_share:.0%} of all bytes at most, the largest first"
    )
    return replace(made, verdict=CANDIDATE, reason=reason, action="", priority="")


def _alike(models: Iterable[Known], idle: Mapping[str, Idle]) -> dict[str, str]:
    """Name for each model another one whose name ends alike and that is in use: they may be one."""
    groups: dict[str, list[Known]] = defaultdict(list)
    for known in models:
        groups[_stem(known.model)].append(known)
    found = {}
    for group in groups.values():
        used = [known for known in group if known.is_used and idle[known.model].idle_days <= LEAST_IDLE_DAYS]
        for known in group:
            others = [other.model for other in used if other is not known]
            if others:
                found[known.model] = min(others)
    return found


def _stem(name: str) -> str:
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2].casefold()
    for suffix in _SUFFIXES:
        last = last.removesuffix(suffix)
    return last


def _class_of(known: Known) -> str:
    if not known.is_used:
        return "never used"
    return "few uses" if known.life.days_used < FEW_USES else "several uses"


def _priority(size_bytes: int) -> str:
    if size_bytes >= _HIGH_BYTES:
        return "high"
    return "medium" if size_bytes >= _GIB else "low"


def _days(days: int) -> str:
    return "1 day" if days == 1 else f"{days:,} days"


def _percent(chance: float) -> str:
    return "over 99%" if chance > _CERTAIN else f"{chance:.0%}"


def _cycle(watched: int) -> str:
    return f"watched {_days(watched)}: cycles longer than {_days(math.floor(watched / 2))} cannot be seen"


def _moment(value: object) -> str | None:
    return None if value is None else sql.as_utc(value).isoformat(timespec="seconds")
