"""The local server, and whether what services did is all in the store."""

from __future__ import annotations

import collections
import datetime as dt
import time
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import modeltally
from modeltally.analytics.readers import read
from modeltally.analytics.topics.quality import COMPLETENESS, FOREIGN
from modeltally.analytics.topics.usage import OPERATIONS
from modeltally.analytics.window import Window
from modeltally.connect import has_store, open_reader
from modeltally.doctor.findings import Finding, fail, ok, warn
from modeltally.errors import ModelTallyError, ServerError, SettingError
from modeltally.instrument._checks import ConfigError
from modeltally.instrument._destination import find_destination
from modeltally.show.units import clean_text, format_value

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from modeltally.analytics.topics.quality import CompletenessRow, ForeignRow
    from modeltally.server.client import RemoteStore
    from modeltally.settings import Settings
    from modeltally.store import Store

__all__ = ["examine_completeness", "examine_server", "send_one"]

STATUS_SECONDS: Final = 5.0
SENT_OPERATION: Final = "doctor.test"
DELIVERY_SECONDS: Final = 10.0
VISIBLE_SECONDS: Final = 20.0
_LOOK_AGAIN_SECONDS: Final = 0.2
_WINDOW: Final = dt.timedelta(hours=24)
_FOREIGN_WINDOW: Final = dt.timedelta(hours=1)
_OLD_SPOOL_SECONDS: Final = 60.0
_FULL_SHARE: Final = 0.9
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound
_NO_USER_KEY: Final = "no_user_key"


def examine_server(server: RemoteStore | None, settings: Settings) -> Generator[Finding, None, bool]:
    """Look at the server of the data directory: where it is and how it does.

    Args:
        server: The server, None when none runs.
        settings: Name the data directory.

    Yields:
        What is found.

    Returns:
        Whether the data directory can be asked: by the server, or because none runs.
    """
    if server is None:
        yield ok("server", f"none runs on {settings.dir}; `modeltally up` starts one")
        return True
    address = server.address
    grpc = f", gRPC {address.otlp_grpc_url}" if address.otlp_grpc_url else ""
    clickhouse = f", ClickHouse {address.clickhouse_url}" if address.clickhouse_url else ""
    where = f"OTLP {address.otlp_url}{grpc}, status {address.http_url}/status{clickhouse}"
    yield ok("server", f"process {address.pid} on {settings.dir}: {where}")
    try:
        status = server.status(timeout_seconds=STATUS_SECONDS)  # a server that hangs is a finding, not to be waited for
    except ServerError as error:
        reason = type(error.__cause__ or error).__name__
        yield fail("server", f"it does not answer: {reason}", f"look at its log, or restart process {address.pid}")
        return False
    yield from _examine_status(status)
    return True


def _examine_status(status: Mapping[str, Any]) -> Iterator[Finding]:
    for name in ("spool", "metrics_spool"):
        if name in status:
            yield from _judge_spool(name.replace("_", " "), status[name] or {})
    if status.get("engine_damage"):
        yield _damaged(status["engine_damage"])
    if status.get("problem") and status["problem"] not in {status.get("store_failure"), status.get("engine_damage")}:
        yield fail("server", _line(status["problem"]), "its log says why")
    if status.get("store_failure"):
        failure = _line(status["store_failure"])
        yield fail("server", f"the store takes nothing: {failure}", "mend that; spans wait in the spool")
    yield from _judge_jobs(status)
    for name, todo in (
        ("quarantined", "table usage_quarantine has each with its reason"),
        ("refused", "senders got an error: see their log"),
    ):
        counts = status.get(name) or {}
        if counts:
            yield warn("server", f"{name} since it started: {_counts(counts)}", todo)


def _judge_jobs(status: Mapping[str, Any]) -> Iterator[Finding]:
    roll = status.get("last_roll") or {}
    if roll.get("error"):
        yield warn("server", f"the last roll failed: {_line(roll['error'])}", "answers stay right, and get slower")
    elif roll.get("at"):
        yield ok("server", f"last roll {roll['at']}, {roll.get('seconds')} s")
    for look in (status.get("last_alerts") or {}).get("report") or []:
        if look.get("delivery_error"):
            why = _line(look["delivery_error"])
            yield warn("server", f"{look.get('untold')} alerts wait to be told: {why}", "they are told by a later look")


def _judge_spool(name: str, spool: Mapping[str, Any]) -> Iterator[Finding]:
    used, cap, age = (float(spool.get(key) or 0) for key in ("bytes", "cap_bytes", "oldest_age_seconds"))
    room = f"{format_value('x_bytes', used)} of {format_value('x_bytes', cap)}"
    what = f"{name} {room}, oldest {format_value('x_seconds', age)}"
    if (cap and used > _FULL_SHARE * cap) or age > _OLD_SPOOL_SECONDS:
        yield warn("server", what, "the store takes less than comes in: see its failure, its disk and its load")
    else:
        yield ok("server", what)
    damaged = int(spool.get("damaged_segments") or 0)
    if damaged:
        lost = f", {spool['damaged_records']} records since it started" if spool.get("damaged_records") else ""
        yield fail(
            "server",
            f"{name}: the disk damaged {damaged} segments{lost}; what was sound is stored",
            "see `modeltally check` for the files and look after the disk; delete them to be told no more",
        )
    if spool.get("set_aside"):
        yield warn("server", f"{name}: {spool['set_aside']} segments set aside", "usage_quarantine says why")


def examine_completeness(settings: Settings, *, now: dt.datetime) -> Iterator[Finding]:
    """Look at the processes of the last 24 hours: whose operations are all here, whose are not.

    Args:
        settings: Name the data directory.
        now: The end of the 24 hours.
    """
    if not has_store(settings):
        yield ok("completeness", f"nothing to compare: there is no database in {settings.dir}")
        return
    try:
        with open_reader(settings) as store:
            damage = store.damage() if hasattr(store, "damage") else None  # a server has said so itself
            rows = read(store, COMPLETENESS, Window(now - _WINDOW, until=now, as_of=now), settings=settings)
            others = read(store, FOREIGN, Window(now - _FOREIGN_WINDOW, until=now, as_of=now), settings=settings)
    except SettingError:
        yield ok("completeness", "not looked at: no server runs, and the engine is not installed here")
    except ModelTallyError as error:
        yield fail("completeness", f"the store cannot be asked: {_line(error)}", "see `modeltally check`")
    else:
        if damage:
            yield _damaged(damage)
        yield from _judge(rows)
        if others:
            yield _others(others)


def _others(rows: list[ForeignRow]) -> Finding:
    requests, spans = sum(row["requests"] for row in rows), sum(row["spans"] for row in rows)
    if not requests:
        said = f"{spans:,} spans of other instrumentations in the last hour, and no request to a model among them"
        return warn("completeness", said, "see `modeltally stats foreign`, and wrap these calls")
    said = f"other instrumentations told of {requests:,} requests in the last hour; their samplers may leave some out"
    return ok("completeness", said)


def _damaged(damage: object) -> Finding:
    todo = "look after the disk, and restore what you have a copy of"
    return fail("store", f"the engine's files are damaged: {_line(damage)}", todo)


def _judge(rows: list[CompletenessRow]) -> Iterator[Finding]:
    verdicts = collections.Counter(row["verdict"] for row in rows)
    if not rows:
        yield ok("completeness", "no process spoke in the last 24 hours")
        return
    yield ok("completeness", f"processes of the last 24 hours: {_counts(verdicts)}")
    see = "modeltally stats completeness --since 24h"
    for verdict, meaning in (
        ("incomplete", "said goodbye and started more than is here or was dropped"),
        ("ended without goodbye", "were killed, and what they had not sent is lost"),
        ("never reported", "sent operations and no heartbeat: nobody can tell what is missing"),
    ):
        if verdicts[verdict]:
            missing = sum(row["unexplained"] or 0 for row in rows if row["verdict"] == verdict)
            tail = {"incomplete": f": {missing:,} operations", "never reported": ""}.get(
                verdict, f": at least {missing:,} operations" if missing else "; how much is unknown"
            )
            yield warn("completeness", f"{verdicts[verdict]:,} {meaning}{tail}", see)
    dropped = _sum(row["dropped_by_reason"] for row in rows)
    problems = _sum(row["problems_by_kind"] for row in rows)
    if dropped:
        yield warn("completeness", f"dropped in their life: {_counts(dropped)}", "see the services' log")
    if problems:
        todo = "give the services the user key" if _NO_USER_KEY in problems else "see the services' log"
        yield warn("completeness", f"problems, no operation lost by them: {_counts(problems)}", todo)


def send_one(server: RemoteStore | None, settings: Settings) -> Iterator[Finding]:
    """Send one operation named ``doctor.test`` the way a service does, and look for it in the local store.

    Args:
        server: The server of the data directory, None when none runs.
        settings: What the store goes by.
    """
    try:
        destination = find_destination(None, None)
    except ConfigError:
        return  # was said already
    began_at = dt.datetime.now(dt.UTC)
    modeltally.configure(service_name="modeltally-doctor", export_interval_seconds=0.1, metrics=False)
    with modeltally.operation(SENT_OPERATION):
        pass
    modeltally.flush(DELIVERY_SECONDS)
    modeltally.shutdown(timeout_seconds=2.0)
    counters = modeltally.counters()
    if not counters.exported:
        reasons = _counts(counters.dropped) or _counts(counters.problems) or "no reason was given"
        yield fail("test", f"one operation was sent and not taken: {reasons}", "see the lines above")
        return
    yield ok("test", f"one operation {SENT_OPERATION!r} was sent and taken")
    if server is None:
        return
    if not _is_same_place(destination.url, server.address.otlp_url):
        yield ok("test", "it went elsewhere than to the local server, so it is not looked for in the local store")
        return
    seconds = _wait_until_visible(server, settings, since=began_at)
    if seconds is None:
        yield fail("test", f"it is not in the local store after {VISIBLE_SECONDS:g} s", "see the server's lines above")
    else:
        yield ok("test", f"it is in the local store, {seconds:.1f} s after it began")


def _is_same_place(url: str, other_url: str) -> bool:
    """Compare host and port; this machine has several names."""
    one, other = urlsplit(url), urlsplit(other_url)
    hosts = {one.hostname, other.hostname}
    return one.port == other.port and (len(hosts) == 1 or hosts <= _THIS_MACHINE)


def _wait_until_visible(store: Store, settings: Settings, *, since: dt.datetime) -> float | None:
    until = since + dt.timedelta(seconds=DELIVERY_SECONDS + VISIBLE_SECONDS)
    window = Window(since, until=until, as_of=until)
    deadline = time.monotonic() + VISIBLE_SECONDS
    while time.monotonic() < deadline:
        try:
            rows = read(store, OPERATIONS, window, settings=settings)
        except ModelTallyError:
            return None
        if any(row["operation"] == SENT_OPERATION for row in rows):
            return (dt.datetime.now(dt.UTC) - since).total_seconds()
        time.sleep(_LOOK_AGAIN_SECONDS)
    return None


def _sum(counts: Iterable[Mapping[str, int]]) -> collections.Counter[str]:
    total: collections.Counter[str] = collections.Counter()
    for each in counts:
        total.update(each)
    return +total


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{clean_text(str(name))} {count:,}" for name, count in sorted(counts.items()))


def _line(value: object) -> str:
    return clean_text(str(value).partition("\n")[0])[:300]
