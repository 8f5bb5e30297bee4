"""`modeltally check`: every invariant, with a server and without, and what it says of a store that is broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.conftest import start_server, stop_server
from modeltally.cli._exit import ExitCode
from modeltally.store import sql
from modeltally.store.check import checks, run_checks

if TYPE_CHECKING:
    from cli.conftest import Run, RunningServer
    from support.stores import Template

BREAK = sql.Statement(
    "break",
    "INSERT INTO users (user_hash, number) SELECT 1 AS user_hash, number FROM numbers(7)"
    " UNION ALL SELECT number + 100, 50 FROM numbers(7)",
)


def test_check_asks_every_invariant(run: Run, filled: RunningServer) -> None:
    """A store that is well passes, and the answer names every check there is with the rule it holds to."""
    answer = run("check", "--dir", filled.directory)
    assert answer.returncode == ExitCode.OK, answer.stderr
    assert answer.stdout == f"all {len(checks()) + 1} invariants hold\n"
    rows = json.loads(run("check", "--dir", filled.directory, "--format", "json").stdout)
    assert [row["check"] for row in rows] == [*(check.name for check in checks()), "spool_is_whole"]
    assert all(row["broken_rows"] == 0 and row["first_rows"] == [] for row in rows)
    (rule,) = [row["rule"] for row in rows if row["check"] == "roll_keys_unique"]
    assert rule == "A roll names each operation of each subject once."


@pytest.mark.slow(seconds=6, why="a server and six commands")
def test_check_shows_what_is_broken(run: Run, home: Path, template: Template, tmp_path: Path) -> None:
    """A broken invariant is named with its count and its first rows, by the directory and by a server alike."""
    with template.opened(tmp_path / "data") as store:
        store.database.command(BREAK)
    opened = run("check", "--dir", tmp_path / "data")
    asked = run("check", "--dir", tmp_path / "data", "--format", "json")
    assert (opened.returncode, asked.returncode) == (ExitCode.FOUND, ExitCode.FOUND)
    assert "BROKEN  users_numbered_once: 2 rows" in opened.stdout
    assert "A user has one number, and a number one user" in opened.stdout
    assert '"what": "number", "value": 50, "occurrences": 7' in opened.stdout
    assert f"1 of {len(checks()) + 1} invariants are broken (users_numbered_once)" in opened.stdout
    (broken,) = [row for row in json.loads(asked.stdout) if row["broken_rows"]]
    assert broken["broken_rows"] == len(broken["first_rows"]) == 2
    server = start_server(tmp_path / "data", home)
    try:
        served = run("check", "--dir", tmp_path / "data", "--format", "json")
    finally:
        stop_server(server)
    assert served.returncode == ExitCode.FOUND
    assert json.loads(served.stdout) == json.loads(asked.stdout)


def test_check_names_damage_of_the_spool(here: Run, template: Template, tmp_path: Path) -> None:
    """A segment that the disk damaged is found by check, with its file, until somebody has taken it away."""
    template.copy(tmp_path / "data")
    kept = tmp_path / "data" / "metrics_spool" / "refused" / "a.spool.damaged"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"damaged")
    answer = here("check", "--dir", tmp_path / "data")
    assert answer.returncode == ExitCode.FOUND
    assert "BROKEN  spool_is_whole: 1 rows" in answer.stdout
    assert str(kept) in answer.stdout.replace("\n", "")
    assert "look after the disk" in answer.stdout
    kept.unlink()
    assert here("check", "--dir", tmp_path / "data").returncode == ExitCode.OK


@pytest.mark.parametrize("how", ["a flipped bit", "a file that is gone"])
def test_check_names_damage_of_the_engine(template: Template, tmp_path: Path, how: str) -> None:
    """A table of which a file is damaged or missing is named, and the other invariants are still asked."""
    with template.opened(tmp_path / "data") as store:
        store.database.command(BREAK)
        path = sql.Statement("path", "SELECT path FROM system.parts WHERE table = 'users' AND active")
        part = Path(str(store.database.query(path)[0]["path"]))
        (data,) = part.glob("data.bin")
        content = bytearray(data.read_bytes())
        content[20] ^= 1
        data.unlink()
        if how == "a flipped bit":
            data.write_bytes(content)
        report = {row["check"]: row for row in run_checks(store, {})}
    assert report["tables_are_whole"]["first_rows"] == [{"table": "users"}]
    assert set(report) == {"tables_are_whole", *(check.name for check in checks())}


def test_check_of_a_directory_that_is_not_there_is_refused(here: Run, tmp_path: Path) -> None:
    """There is nothing to check, and nothing is made."""
    assert here("check", "--dir", tmp_path / "nowhere").returncode == ExitCode.USAGE
    assert not (tmp_path / "nowhere").exists()
