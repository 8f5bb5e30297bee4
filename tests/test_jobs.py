"""The table of jobs: every list of jobs is made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from modeltally.errors import InputError, UnknownNameError
from modeltally.jobs import JOBS, Where, intervals, runners, summary
from modeltally.recommend.kinds import ADVICE
from modeltally.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from support.stores import Template


def test_jobs_that_run_by_themselves_name_a_setting() -> None:
    """The seconds between two runs are settings, and they are what the scheduler gets."""
    told = {"roll": 5, "expire": 3600, "reports": 60, "alerts": 300, "advise": 3600, "judge": 3600}
    assert intervals(Settings(roll_interval_seconds=5)) == told
    assert {job.every for job in JOBS.values() if job.every} <= set(Settings.model_fields)


def test_every_store_knows_every_job() -> None:
    """A store that cannot run a job says why; none is unknown anywhere."""
    assert set(runners()) == set(runners(is_served=True)) == set(JOBS)
    assert {advice.job for advice in ADVICE.values()} <= set(JOBS)
    changed = {name for name in JOBS if runners()[name] is not runners(is_served=True)[name]}
    assert changed == {job.name for job in JOBS.values() if job.where is Where.DIRECTORY}


def test_unknown_job_is_answered_with_the_nearest(template: Template, tmp_path: Path) -> None:
    """A misspelt job gets the one that was meant."""
    with template.opened(tmp_path) as store, pytest.raises(UnknownNameError, match="did you mean 'roll'"):
        store.run("rol", {})


def test_job_of_a_directory_is_refused_on_a_server(template: Template, tmp_path: Path) -> None:
    """The refusal says what works instead."""
    with template.opened(tmp_path) as store, pytest.raises(InputError, match="export works on a data directory"):
        runners(is_served=True)["export_begin"](store, {})


def test_summary_counts_what_a_job_changed() -> None:
    """Rows are counted, or what they count is added up."""
    rolled = [{"buckets": 2, "kind": "model"}, {"buckets": 3, "kind": "pattern"}]
    assert summary("roll", rolled) == {"job": "roll", "changes": 5, "what": "buckets rolled"}
    assert summary("expire", [{}, {}]) == {"job": "expire", "changes": 2, "what": "partitions dropped"}
