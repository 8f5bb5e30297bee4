"""`modeltally demo`: the whole path, and exactly the advice that was planted."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from cli.conftest import run_command
from docs_tables import ROOT
from modeltally.demo import GROWING, NEVER_USED, SLOW, STALE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow(seconds=150, why="simulated days", whole=True)


def advice(kind: str, directory: Path, home: Path, *flags: str) -> list[dict[str, Any]]:
    """Ask the kept directory for advice in JSON; its simulated days came at once, as an import's do."""
    counted = () if kind == "performance" else ("--count-imports",)
    answer = run_command("recommend", kind, *flags, *counted, "--dir", directory, "--format", "json", home=home)
    assert answer.returncode == 0, answer.stderr
    rows: list[dict[str, Any]] = json.loads(answer.stdout)
    return rows


def advised(rows: list[dict[str, Any]]) -> set[str]:
    """Name the models that something is advised for."""
    return {row["subject"] for row in rows if row["verdict"] != "refused"}


def test_demo_of_thirty_days_names_what_was_planted(tmp_path: Path) -> None:
    """The seed's preload names the growing model, performance the slow one; cleanup refuses and shows the stale one."""
    directory = tmp_path / "data"
    shown = run_command("demo", "--dir", directory, home=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert max(len(line) for line in shown.stdout.splitlines() if str(directory) not in line) <= 80
    titles = (
        "Overview",
        "Models",
        "Failures",
        "Preload",
        "Performance",
        "Cleanup",
        "Accuracy of the advice",
        "Verdicts",
    )
    for title in (*titles, "What next"):
        assert f"\n{title}" in shown.stdout
    # the table of the README is one of these
    (printed,) = re.findall(r"```text\nModels\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    header, _, *lines = printed.splitlines()
    assert header.strip() in shown.stdout
    assert all(line.split()[0] in shown.stdout for line in lines)
    assert advised(advice("preload", directory, tmp_path, "--policy", "seed")) == {GROWING.name}
    # what is likely within the hour depends on the hour
    for row in advice("preload", directory, tmp_path):
        if row["verdict"] == "advise":
            assert row["evidence"]["times_like_now"] >= row["evidence"]["came_in_time"] > 0
    assert advised(advice("performance", directory, tmp_path)) == {SLOW.name}
    cleanup = advice("cleanup", directory, tmp_path)
    assert advised(cleanup) == set()
    (stale,) = (row for row in cleanup if row["subject"] == STALE.name)
    assert stale["reason"].startswith("history")
    assert 23 <= stale["evidence"]["idle_days"] <= 25


def test_demo_of_a_year_advises_cleanup(tmp_path: Path) -> None:
    """With a long history cleanup names exactly the stale and the never used model, one of them to go first."""
    directory = tmp_path / "data"
    shown = run_command("demo", "--days", "365", "--dir", directory, home=tmp_path, timeout_seconds=600)
    assert shown.returncode == 0, shown.stderr
    cleanup = advice("cleanup", directory, tmp_path)
    assert advised(cleanup) == {STALE.name, NEVER_USED.name}
    assert [row["verdict"] for row in cleanup if row["subject"] in {STALE.name, NEVER_USED.name}].count("advise") == 1
    assert advised(advice("performance", directory, tmp_path)) == {SLOW.name}
    verdicts = run_command("stats", "verdicts", "--since", "90d", "--dir", directory, "--format", "json", home=tmp_path)
    assert "right" in {row["verdict"] for row in json.loads(verdicts.stdout)["rows"]}


def test_demo_wants_a_directory_of_its_own(tmp_path: Path) -> None:
    """Simulated traffic never ends up among real one: not in a used directory, not in the one of the environment."""
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "user.key").touch()
    refused = run_command("demo", "--dir", tmp_path / "used", home=tmp_path)
    assert refused.returncode == 2
    assert "not an empty directory" in refused.stderr
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["user.key"]
