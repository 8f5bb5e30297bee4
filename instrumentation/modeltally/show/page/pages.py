"""The other pages: users, patterns, failures, loads, disk, advice, health, all topics; each is a list of blocks."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from modeltally.analytics.rows import columns_of
from modeltally.analytics.topics import TOPICS
from modeltally.analytics.topics.advice import ACCURACY, CALIBRATION, VERDICTS
from modeltally.analytics.topics.disk import CLEANUP_EFFECT, DISK, INVENTORY, RUBBISH
from modeltally.analytics.topics.lifecycle import DOWNLOADS, LOADS, MEMORY, RESIDENCY, STAYS, STORAGE
from modeltally.analytics.topics.patterns import PATTERNS, TOGETHER
from modeltally.analytics.topics.quality import COMPLETENESS, FAILURES, FAILURES_BY_MODEL, FOREIGN, LATENCY
from modeltally.analytics.topics.subjects import BY_USER, BY_USER_AND_MODEL
from modeltally.analytics.topics.usage import OPERATIONS, USERS
from modeltally.recommend.kinds import ADVICE, AdviceRow
from modeltally.recommend.record import ADVISE
from modeltally.show.page.asking import advice, of_state
from modeltally.show.page.blocks import Block, Page
from modeltally.show.page.cells import shortened
from modeltally.show.page.common import said_block, topic_block, trust_block
from modeltally.show.page.figures import UNUSED_DAYS, unused_since
from modeltally.show.page.queue import queue_block
from modeltally.show.page.tables import table_of
from modeltally.show.units import clean_text, column_header, format_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modeltally.recommend.kinds import Advice
    from modeltally.settings import Settings
    from modeltally.show.page.state import PageState

__all__ = ["MENU", "PAGES", "user_page"]

_SLOW_SECONDS: Final = 30.0
_EVERY: Final = "*"
_ALL: Final = "(all)"
# the parts of the process's state that people look at, with the words for them
_STATE_PARTS: Final = {
    "pid": "process",
    "uptime_seconds": "running for",
    "problem": "problem",
    "engine_damage": "damage",
}


def _users(state: PageState, settings: Settings) -> Page:
    del settings
    return Page(
        title="Users",
        section="/users",
        intro="Who uses models. Users are known by a hash alone, unless a service sends none.",
        blocks=[
            trust_block(state),
            topic_block(
                BY_USER,
                state,
                is_sorted=True,
                empty="no request says its user: give `user=` to the wrapper, or set it in the context of a request",
            ),
            topic_block(USERS, state, title="By day (UTC)", most=60, max_age_seconds=_SLOW_SECONDS),
        ],
    )


def user_page(user: str, state: PageState) -> Page:
    """Make the page of one user.

    Args:
        user: The hash.
        state: The page's address.
    """
    return Page(
        title=f"User {shortened(clean_text(user), 40)}",
        section="/users",
        blocks=[
            trust_block(state),
            topic_block(
                BY_USER,
                state,
                name="user",
                title="In this window",
                columns=tuple(column.name for column in BY_USER.columns if column.name != "user"),
                keep=lambda row: row["user"] == user,
            ),
            topic_block(BY_USER_AND_MODEL, state, {"user": user}, title="Models asked"),
            Block(
                name="erase",
                title="Forget this user",
                template="erase.html",
                view=lambda _: {"user": user},
            ),
        ],
    )


def _patterns(state: PageState, settings: Settings) -> Page:
    del settings
    return Page(
        title="Patterns",
        section="/patterns",
        intro="Reusable agents, workflows and code patterns: how effective each is, and which are used together.",
        blocks=[
            trust_block(state),
            topic_block(
                PATTERNS,
                state,
                is_sorted=True,
                empty="no run of a pattern ended in this window; `modeltally.pattern_run` records them",
            ),
            topic_block(TOGETHER, state, most=25, max_age_seconds=_SLOW_SECONDS),
        ],
    )


def _failures(state: PageState, settings: Settings) -> Page:
    del settings
    return Page(
        title="Failures",
        section="/failures",
        intro="What goes wrong, with which model, and since when.",
        blocks=[
            trust_block(state),
            topic_block(FAILURES, state, most=25),
            topic_block(FAILURES_BY_MODEL, state, is_sorted=True, max_age_seconds=_SLOW_SECONDS),
            topic_block(LATENCY, state, title="How long finished requests took", most=25),
        ],
    )


def _loads(state: PageState, settings: Settings) -> Page:
    del settings
    return Page(
        title="Loads and memory",
        section="/loads",
        intro="How often models are loaded, how long requests wait for that, and what they take while they are there.",
        blocks=[
            trust_block(state),
            topic_block(
                STAYS,
                state,
                name="now",
                title="Loaded now",
                columns=("model", "device", "service", "loaded_at", "requests", "busy_seconds", "idle_seconds"),
                keep=lambda row: row["closed_by"] == "open",
                order=lambda row: -row["idle_seconds"],
                max_age_seconds=10.0,
                is_live=True,
                empty="no model that was loaded in this window is loaded now",
            ),
            topic_block(LOADS, state, is_sorted=True),
            topic_block(RESIDENCY, state, most=25, max_age_seconds=_SLOW_SECONDS),
            topic_block(MEMORY, state, most=25, max_age_seconds=_SLOW_SECONDS),
            topic_block(
                STAYS,
                state,
                name="stays",
                title="Latest stays",
                order=lambda row: -row["loaded_at"].timestamp(),
                most=25,
                max_age_seconds=10.0,
            ),
        ],
    )


def _disk(state: PageState, settings: Settings) -> Page:
    del settings
    return Page(
        title="Disk",
        section="/disk",
        intro="What models take against their use, and how full the disks are, as downloads, loads and hosts tell.",
        blocks=[
            trust_block(state),
            topic_block(
                STORAGE,
                state,
                is_sorted=True,
                columns=(
                    "model",
                    "size_bytes",
                    "share_of_bytes",
                    "requests",
                    "share_of_requests",
                    "last_used_at",
                    "last_seen_at",
                ),
            ),
            topic_block(
                STORAGE,
                state,
                name="unused",
                title=f"Not asked for {UNUSED_DAYS} days or more",
                columns=("model", "size_bytes", "last_used_at", "last_seen_at"),
                keep=lambda row: unused_since(row, state),
                order=lambda row: -(row["size_bytes"] or 0),
                most=25,
                empty=f"every model was asked for within {UNUSED_DAYS} days",
            ),
            topic_block(
                DISK,
                state,
                columns=(
                    "host",
                    "volume",
                    "free_bytes",
                    "used_share",
                    "models_bytes",
                    "rubbish_bytes",
                    "days_until_full",
                    "days_until_full_low",
                    "days_until_full_high",
                ),
            ),
            topic_block(
                INVENTORY,
                state,
                columns=("model", "host", "store", "state", "size_bytes", "freed_bytes", "requests", "last_used_at"),
                most=100,
            ),
            topic_block(
                RUBBISH, state, columns=("host", "store", "leftover", "model", "freed_bytes", "seen_at"), most=25
            ),
            topic_block(
                CLEANUP_EFFECT,
                state,
                title="Trash, and what removals came to",
                columns=("model", "removed_at", "removed_bytes", "freed_bytes", "state", "is_back"),
                most=25,
            ),
            said_block(
                "removing",
                "Removing a model",
                "Nothing is removed from here. `modeltally models remove` on the host moves a model into a trash, from"
                " where it comes back; before that, ask the advice, which says how long its use was watched.",
                href=state.link("/advice"),
                link="advice on cleaning up",
            ),
        ],
    )


def _downloads(state: PageState, settings: Settings) -> Page:
    del settings
    return Page(
        title="Downloads",
        section="/downloads",
        blocks=[
            trust_block(state),
            topic_block(
                DOWNLOADS,
                state,
                is_sorted=True,
                is_live=True,
                empty="no download began in this window: they are recorded by `modeltally.download` and by the"
                " instrumented huggingface_hub",
            ),
            queue_block(),
        ],
    )


def _advice(state: PageState, settings: Settings) -> Page:
    del settings
    return Page(
        title="Advice",
        section="/advice",
        intro="What to do with models, each with the figures it rests on; nothing is done by itself. An answer holds"
        " for a quarter of an hour.",
        blocks=[
            trust_block(state),
            *(_advice_block(kind, state) for kind in ADVICE.values()),
            topic_block(ACCURACY, state),
            topic_block(CALIBRATION, state),
            topic_block(VERDICTS, state),
        ],
    )


def _advice_block(kind: Advice, state: PageState) -> Block:
    columns = [
        column
        for column in columns_of(AdviceRow)
        if column.name in {"subject", "verdict", "action", "priority", "confidence", "reason", "expires_at"}
    ]
    by_name = {column.name: column for column in columns}
    columns = [
        by_name[name] for name in ("subject", "verdict", "action", "priority", "confidence", "reason", "expires_at")
    ]

    def where(column: str, value: Any) -> str:
        return state.link(f"/models/{quote(str(value), safe='')}") if column == "subject" and value != _ALL else ""

    def view(found: Mapping[str, Any]) -> Mapping[str, Any]:
        as_of, rows = found["advice"]
        shown = [{**row, "subject": _ALL if row["subject"] == _EVERY else row["subject"]} for row in rows]
        advised = [row for row in shown if row["verdict"] == ADVISE]
        refused = [row for row in shown if row["verdict"] != ADVISE]
        tables = [
            table_of(part, columns, caption=caption, state=state, empty=empty, most=25, where=where)
            for part, caption, empty in (
                (advised, f"{kind.title}: advised", kind.when_empty if not refused else "nothing, see below why"),
                (refused, f"{kind.title}: not advised, and why", ""),
            )
            if part or caption.endswith("advised")
        ]
        evidence = [
            (row["subject"], [(column_header(name), _evidence(name, value)) for name, value in row["evidence"].items()])
            for row in shown[:25]
        ]
        return {
            "kind": kind,
            "tables": tables,
            "evidence": evidence,
            "counts": (len(advised), len(refused)),
            "as_of": f"{state.local(as_of):%Y-%m-%d %H:%M} {state.zone_name}",
            "advised": bool(advised),
        }

    return Block(
        name=f"advice-{kind.name}",
        title=kind.title,
        template="advice.html",
        view=view,
        questions={"advice": advice(kind, state.window)},
        note=kind.sentence,
    )


def _health(state: PageState, settings: Settings) -> Page:
    return Page(
        title="Health",
        section="/health",
        intro="Whether figures are fresh and complete, and how the server is.",
        blocks=[
            trust_block(state),
            Block(
                name="server",
                title="Server",
                template="server.html",
                view=lambda found: _server(found["status"], state, settings),
                questions={"status": of_state("status", lambda backend: backend.status())},
                is_live=True,
            ),
            topic_block(COMPLETENESS, state, title="Processes: is all here that they did?", is_sorted=True),
            topic_block(FOREIGN, state, most=25),
            topic_block(OPERATIONS, state, title="What is recorded", most=25),
            Block(name="check", title="Check the store", template="check.html", view=lambda _: {}),
        ],
    )


def _server(status: Mapping[str, Any], state: PageState, settings: Settings) -> Mapping[str, Any]:
    """Put the state of the process into groups of names and values."""
    process = [
        (
            word,
            "none"
            if status[name] is None
            else str(status[name])
            if name == "pid"
            else format_value(name, status[name]),
        )
        for name, word in _STATE_PARTS.items()
        if name in status
    ]
    groups = [("Process", process)]
    groups += [
        (_group_name(name), _pairs(value, state))
        for name, value in status.items()
        if isinstance(value, dict) and value and name != "versions"
    ]
    counted = [
        (column_header(name), format_value(name, value))
        for name, value in status.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name not in _STATE_PARTS
    ]
    if counted:
        groups.append(("Received", counted))
    versions = status.get("versions")
    if isinstance(versions, dict):
        groups.append(("Versions", [(name, str(value)) for name, value in versions.items()]))
    groups.append(
        (
            "Kept",
            [
                ("events", f"{settings.event_retention_days} days"),
                ("spans as received", f"{settings.landing_retention_days} days"),
                ("metrics", f"{settings.metrics_retention_days} days"),
            ],
        )
    )
    return {"groups": groups, "problem": status.get("problem")}


def _group_name(name: str) -> str:
    words = name.removeprefix("last_").replace("_", " ")
    return f"Last {words}" if name.startswith("last_") else words.capitalize()


def _pairs(values: Mapping[str, Any], state: PageState) -> list[tuple[str, str]]:
    return [(column_header(name) or "at", _state_value(name, value, state)) for name, value in values.items()]


def _state_value(name: str, value: Any, state: PageState) -> str:
    """Write a value of the process's state: times of the page's zone, lists of rows as words."""
    if name == "at" and isinstance(value, str):
        return f"{state.local(datetime.fromisoformat(value)):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return "; ".join(", ".join(f"{key} {format_value(key, item)}" for key, item in row.items()) for row in value)
    return format_value("size_bytes" if name == "bytes" else name, value)


def _evidence(name: str, value: Any) -> str:
    return shortened(format_value(name, value), 160)


def _all_topics(state: PageState, settings: Settings) -> Page:
    del settings
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for topic in TOPICS.values():
        groups.setdefault(topic.group, []).append((topic.name, state.link(f"/topics/{topic.name}"), topic.sentence))
    return Page(
        title="All figures",
        section="/topics",
        intro="Everything that may be asked: each as a table, as CSV and JSON, and with its SQL.",
        blocks=[
            Block(name="topics", title="", template="topics.html", view=lambda _: {"groups": groups}),
        ],
    )


PAGES: Final[Mapping[str, Callable[[PageState, Settings], Page]]] = {
    "/users": _users,
    "/patterns": _patterns,
    "/failures": _failures,
    "/loads": _loads,
    "/downloads": _downloads,
    "/disk": _disk,
    "/advice": _advice,
    "/health": _health,
    "/topics": _all_topics,
}

MENU: Final[Sequence[tuple[str, str]]] = (
    ("/", "Overview"),
    ("/users", "Users"),
    ("/patterns", "Patterns"),
    ("/failures", "Failures"),
    ("/loads", "Loads"),
    ("/downloads", "Downloads"),
    ("/disk", "Disk"),
    ("/advice", "Advice"),
    ("/health", "Health"),
    ("/topics", "All figures"),
)
