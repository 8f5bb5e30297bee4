"""Every job, once: what it does, how often the scheduler runs it, which stores can.

Whatever lists jobs is made from ``JOBS``: the jobs of a store, the scheduler of a server, ``modeltally jobs``.
"""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from modeltally.alerts.look import alerts_now, run_alerts
from modeltally.alerts.rules import check_rules_off
from modeltally.errors import InputError, StoreError
from modeltally.receiver.spool.refused import FOLDER, damaged_segments, forget_users
from modeltally.recommend.advise import run_advice
from modeltally.recommend.judge import run_judge
from modeltally.recommend.kinds import ADVICE, GUARDED
from modeltally.recommend.record import ADVISE
from modeltally.show.report.job import run_reports
from modeltally.store import transfer_jobs
from modeltally.store.aliases import known_aliases, set_alias
from modeltally.store.check import run_checks
from modeltally.store.erasure import erase_user, erased_users, finish_erasures
from modeltally.store.layer_names import known_layers, set_layer
from modeltally.store.prices import set_price
from modeltally.store.retention import expire
from modeltally.store.rollup import Roller
from modeltally.store.sql import as_utc

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from modeltally.settings import Settings
    from modeltally.store import DatabaseStore, Row, StoreJob

__all__ = ["JOBS", "Job", "Where", "intervals", "runners", "summary"]


class Where(enum.Enum):
    """Which stores can run a job."""

    ANYWHERE = "any store"
    DIRECTORY = "a data directory"


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Attributes:
        name: What it is called.
        run: Does it; takes a store and parameters, gives the rows it reports.
        every: The setting with the seconds between two runs; None where it runs only when it is asked for.
        where: Which stores can run it.
        counts: For one that runs at intervals: the column of its rows that is summed up, None for the rows themselves,
            and what they are.
        is_apart: It waits for others than the store, so a scheduler gives it a thread of its own.
        wants_failures: It takes the errors of jobs whose last run failed, as ``failed_jobs``.
    """

    name: str
    run: StoreJob
    every: str | None = None
    where: Where = Where.ANYWHERE
    counts: tuple[str | None, str] = (None, "rows")
    is_apart: bool = False
    wants_failures: bool = False


def _roll(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    as_of = store.as_of(parameters)
    # half erased, a user would be numbered twice
    finish_erasures(store.database, as_of=as_of)
    return Roller(store.database).run(as_of=as_of)


def _expire(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    dropped = expire(
        store.database,
        as_of=store.as_of(parameters),
        event_retention_days=store.settings.event_retention_days,
        landing_retention_days=store.settings.landing_retention_days,
        metrics_retention_days=store.settings.metrics_retention_days,
    )
    _forget_set_aside(store)  # what came here since an erasure
    return dropped


def _erase_user(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    user_hash = str(parameters.get("user_hash", ""))
    report = erase_user(store.database, user_hash=user_hash, as_of=store.as_of(parameters))
    _forget_set_aside(store)
    return report


def _forget_set_aside(store: DatabaseStore) -> None:
    """Take erased users out of what the spools beside a store in this process set aside."""
    is_erased = erased_users(store.database) if store.database.is_embedded else None
    if is_erased is None:
        return
    try:
        forget_users(store.settings.dir, is_erased)
    except OSError as error:
        raise StoreError(f"what the spool set aside may still hold an erased user: {error}; run it again") from error


def _damaged_files(store: DatabaseStore) -> list[str]:
    """Name what the spools beside a store in this process found damaged."""
    if not store.database.is_embedded:
        return []
    folders = sorted(store.settings.dir.glob(f"*/{FOLDER}"))
    return [str(path) for folder in folders for path in damaged_segments(folder.parent)]


def _alerts(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    return run_alerts(store, parameters, damaged_files=lambda: _damaged_files(store))


def _alerts_now(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    return alerts_now(store, parameters, damaged_files=lambda: _damaged_files(store))


def _advise(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Give every kind of advice that was not given yet on this day (UTC), so that there is something to judge later."""
    as_of = store.as_of(parameters)
    given = {
        row["kind"]
        for row in store.read("recommendations_last", {"as_of": as_of})
        if row["policy"] == GUARDED and as_utc(row["advised_at"]).date() == as_utc(as_of).date()
    }
    asked = {"as_of": as_of, "count_imports": parameters.get("count_imports", False)}
    made = []
    for advice in ADVICE.values():
        if advice.name not in given:
            rows = run_advice(advice, store, asked)
            advised = sum(row["verdict"] == ADVISE for row in rows)
            made.append({"kind": advice.name, "advised": advised, "said": len(rows)})
    return made


_ADVICE_JOBS = tuple(Job(advice.job, functools.partial(run_advice, advice)) for advice in ADVICE.values())

JOBS: dict[str, Job] = {
    job.name: job
    for job in (
        Job("roll", _roll, every="roll_interval_seconds", counts=("buckets", "buckets rolled")),
        Job("expire", _expire, every="expire_interval_seconds", counts=(None, "partitions dropped")),
        Job("reports", run_reports, every="reports_check_seconds", counts=(None, "reports made"), is_apart=True),
        Job(
            "alerts",
            _alerts,
            every="alerts_interval_seconds",
            counts=("told", "alerts told"),
            is_apart=True,
            wants_failures=True,
        ),
        Job("alerts_now", _alerts_now, wants_failures=True),
        Job("erase_user", _erase_user),
        Job("set_price", set_price),
        Job("set_alias", set_alias),
        Job("known_aliases", known_aliases),
        Job("set_layer", set_layer),
        Job("known_layers", known_layers),
        Job("check", run_checks),
        *_ADVICE_JOBS,
        Job("advise", _advise, every="advice_interval_seconds", counts=("advised", "pieces of advice"), is_apart=True),
        Job("judge", run_judge, every="advice_interval_seconds", counts=(None, "verdicts"), is_apart=True),
        # with files beside the engine, where a server's are not
        Job("export_begin", transfer_jobs.export_begin, where=Where.DIRECTORY),
        Job("export_piece", transfer_jobs.export_piece, where=Where.DIRECTORY),
        Job("export_end", transfer_jobs.export_end, where=Where.DIRECTORY),
        Job("import_begin", transfer_jobs.import_begin),
        Job("import_piece", transfer_jobs.import_piece),
        Job("import_publish", transfer_jobs.import_publish),
        Job("import_abort", transfer_jobs.import_abort),
    )
}


def runners(*, is_served: bool = False) -> dict[str, StoreJob]:
    """Give what a store runs, by name.

    Args:
        is_served: The store is on a ClickHouse server; a job that cannot run there says so.

    Returns:
        A function for each job.
    """
    return {
        job.name: _refusal(job.name) if is_served and job.where is Where.DIRECTORY else job.run for job in JOBS.values()
    }


def intervals(settings: Settings) -> dict[str, float]:
    """Give the jobs that run by themselves, and the seconds between two runs of each.

    Args:
        settings: Hold the seconds.

    Returns:
        Seconds by name.

    Raises:
        SettingError: A rule for alerts that is switched off is none.
    """
    check_rules_off(settings)
    return {job.name: getattr(settings, job.every) for job in JOBS.values() if job.every is not None}


def summary(name: str, rows: Sequence[Row]) -> Row:
    """Sum up in one row what a job that runs by itself has done.

    Args:
        name: The job.
        rows: What it reported.

    Returns:
        The job, how many changes it made, and what they are.
    """
    column, what = JOBS[name].counts
    changes = len(rows) if column is None else sum(int(str(row[column])) for row in rows)
    return {"job": name, "changes": changes, "what": what}


def _refusal(name: str) -> StoreJob:
    def refuse(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
        del store, parameters
        raise InputError(
            f"{name.partition('_')[0]} works on a data directory, with files beside the engine; on a ClickHouse server"
            " use its own BACKUP"
        )

    return refuse
