"""`modeltally backtest` as somebody types it: figures, formats, notes, plugins, and what is typed wrong."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.cli._exit import ExitCode
from modeltally.recommend.constants import CONSTANTS
from recommend.plugins import write

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run, RunningServer

PLUGINS = """
from modeltally.recommend.policies.contract import Policy

class Mru:
    def __init__(self, setting):
        self.last = {}
    def victim(self, loaded, at):
        return max(loaded, key=lambda model: (self.last.get(model, 0), model))
    def used(self, request):
        self.last[request.model] = request.at

class Nobody(Mru):
    def victim(self, loaded, at):
        return "nobody"

class Raises(Mru):
    def victim(self, loaded, at):
        raise OSError("the disk is gone")

MRU = Policy("keep", "mru", "The model that was used last goes.", Mru)
NOBODY = Policy("keep", "nobody", "", Nobody)
RAISES = Policy("keep", "raises", "", Raises)
TAKEN = Policy("keep", "lru", "", Mru)
ODD = Policy("magic", "odd", "", Mru)
ALL = Policy("keep", "all", "", Mru)
"""
NAMES = {
    "mru": "MRU",
    "nobody": "NOBODY",
    "raises": "RAISES",
    "taken": "TAKEN",
    "odd": "ODD",
    "all": "ALL",
    "what": "Mru",
    "gone": "no",
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Write a log of twelve requests, one unfinished, two of one moment, over two days."""
    path = tmp_path / "log.csv"
    rows = ["time,model,user,status"]
    rows += [f"2026-03-02 10:{minute:02}:00,{model},u{minute % 2},ok" for minute, model in enumerate("abcabacb")]
    rows += ["2026-03-03 10:00:00,b,u1,ok", "2026-03-03 10:00:00,a,u2,ok", "2026-03-03 10:01:00,c,u2,ok"]
    path.write_text("\n".join([*rows, "2026-03-03 10:02:00,c,u2,PENDING", ""]))
    return path


def told(run: Run, *arguments: object) -> list[dict[str, Any]]:
    """Run a backtest that answers in JSON."""
    answer = run("backtest", *arguments, "--format", "json")
    assert answer.returncode == ExitCode.OK, answer.stderr
    rows: list[dict[str, Any]] = json.loads(answer.stdout)
    return rows


def test_keep_gives_an_object_a_policy_and_number_of_slots(here: Run, log: Path) -> None:
    """Every policy has a row for each number of slots, with the figures by name; oracles are marked."""
    rows = told(here, "keep", log, "--slots", "1,2", "--since", "2026-03-03")
    policies = ["belady", "lru", "lfu", "gdsf", "s3fifo", "two_half_lives", "pair_table", "pins"]
    assert [(row["policy"], row["slots"]) for row in rows] == [(name, slots) for name in policies for slots in (1, 2)]
    wanted = {"policy", "slots", "users", "cold_starts", "late", "loads", "useless_loads", "warm_hours"}
    assert all(wanted <= row.keys() for row in rows)
    assert [row["policy"] for row in rows if row["users"]] == ["pair_table"] * 2
    assert [row["policy"] for row in rows if row["is_oracle"]] == ["belady"] * 2
    # c and b are loaded by then; a, b, c come: a goes in first of one moment
    lru = next(row for row in rows if (row["policy"], row["slots"]) == ("lru", 2))
    assert (lru["requests"], lru["cold_starts"], lru["loads"]) == (3, 2, 2)


def test_table_says_what_its_words_mean(here: Run, log: Path) -> None:
    """The table has a note on its figures, on what was left out, on holes, and names who knows the future."""
    answer = here("backtest", "keep", log)
    assert answer.returncode == ExitCode.OK
    assert "note: 1 rows with the status PENDING are left out: they have not ended" in answer.stderr
    assert "knows the future, which nobody can: belady" in answer.stdout
    assert "cold starts: requests whose model was not ready" in answer.stdout


@pytest.mark.parametrize("kind", ["keepalive", "chance"])
def test_other_kinds_answer_in_every_format(here: Run, log: Path, kind: str) -> None:
    """A table, JSON and CSV of the same policies."""
    rows = told(here, kind, log)
    table = here("backtest", kind, log)
    told_in_csv = list(csv.DictReader(io.StringIO(here("backtest", kind, log, "--format", "csv").stdout)))
    assert [row["policy"] for row in rows] == [row["policy"] for row in told_in_csv]
    assert all(row["policy"] in table.stdout for row in rows)


def test_users_are_left_out_where_nobody_knows_them(here: Run, log: Path, tmp_path: Path) -> None:
    """With --no-users, or a log without users, what goes by them is left out of all; asked for by name it says why."""
    without = tmp_path / "without.csv"
    without.write_text("time,model\n2026-03-02,a\n2026-03-03,b\n")
    for arguments in (("keep", log, "--no-users"), ("keep", without)):
        assert not any(row["users"] for row in told(here, *arguments))
        answer = here("backtest", *arguments, "--policy", "pair_table")
        assert answer.returncode == ExitCode.USAGE
        assert "policy 'pair_table' goes by who asks" in answer.stderr


def test_cleanup_replays_days_of_use(here: Run, tmp_path: Path) -> None:
    """A file of days gives a row for each rule and day; before 180 days nothing is named by the guarded rules."""
    path = tmp_path / "fleet.csv"
    rows = ["model,arrived_day,size_bytes,day,uses"]
    rows += [f"daily,0,100,{day},1" for day in range(400)]
    rows += [f"left,0,900,{day},1" for day in range(20)]
    path.write_text("\n".join([*rows, "never,5,50,,0", ""]))
    answer = {(row["policy"], row["watched_days"]): row for row in told(here, "cleanup", path)}
    assert [answer["rule_a", day]["named"] for day in (120, 149, 180, 300)] == [0, 0, 2, 2]
    assert [answer["idle_30", day]["named"] for day in (120, 149)] == [2, 2]
    late = answer["rule_a", 300]
    assert (late["bytes_freed"], late["oracle_share"], late["unused_90"], late["regrets"]) == (950, 1, 1, 0)
    dated = here("backtest", "cleanup", path, "--since", "2026-01-01")
    assert dated.returncode == ExitCode.USAGE
    assert "has no dates" in dated.stderr


def test_plugins_are_replayed_beside_ours(run: Run, log: Path, tmp_path: Path) -> None:
    """A plugin has its rows; those that fail, or are none, are named with what is wrong, and the others go on."""
    folder = tmp_path / "site"
    folder.mkdir()
    write(folder, PLUGINS, NAMES)
    environment = {"PYTHONPATH": str(folder)}
    answer = run("backtest", "keep", log, "--slots", "2", "--format", "json", environment=environment)
    assert answer.returncode == ExitCode.OK, answer.stderr
    rows = {row["policy"]: row for row in json.loads(answer.stdout)}
    assert rows["mru"]["requests"] == rows["lru"]["requests"] == 11
    assert not {"nobody", "raises", "odd"} & rows.keys()
    for sentence in (
        "policy 'nobody' is left out: it named 'nobody' to unload; what is loaded is a, b",
        "policy 'raises' is left out: it raised OSError: the disk is gone",
        "the policy plugin 'taken' (policies_of_a_stranger:TAKEN) is left out: there is another policy named 'lru'",
        "'odd' (policies_of_a_stranger:ODD) is left out: it is a Policy of kind 'magic'; allowed: a Policy of",
        "'all' (policies_of_a_stranger:ALL) is left out: its name is 'all'; allowed: a text that is not 'all'",
        "'what' (policies_of_a_stranger:Mru) is left out: it is type; allowed: a Policy",
        "'gone' (policies_of_a_stranger:no) is left out: importing it raised AttributeError",
    ):
        assert sentence in answer.stderr
    alone = run("backtest", "keep", log, "--slots", "2", "--policy", "raises", environment=environment)
    assert alone.returncode == ExitCode.USAGE
    assert "policy 'raises' is left out: it raised OSError: the disk is gone" in alone.stderr


def test_store_is_replayed_without_a_file(here: Run, filled: RunningServer) -> None:
    """Without a file the events of the store are replayed: what ended, of every model."""
    rows = told(here, "keep", "--dir", filled.directory, "--until", "2024-12-01", "--policy", "lru", "--slots", "2")
    assert [(row["requests"], row["cold_starts"], row["slots"]) for row in rows] == [(4, 2, 2)]


@pytest.mark.parametrize("kind", ["keep", "keepalive", "chance"])
def test_figures_are_drawn(here: Run, log: Path, tmp_path: Path, kind: str) -> None:
    """--plot draws what was replayed into a file, with the policies' names, beside the figures."""
    file = tmp_path / "plot.svg"
    answer = here("backtest", kind, log, "--plot", file, "--format", "json")
    assert answer.returncode == ExitCode.OK, answer.stderr
    rows = json.loads(answer.stdout)
    drawn = file.read_text()
    assert drawn.startswith("<svg")
    # what a policy has no bar, point or line for has no name there either
    named = [row["policy"] for row in rows if kind != "keepalive" or (row["cold_starts"] and row["warm_hours"])]
    assert all(f">{name}<" in drawn for name in named)
    assert f"drawn into {file}" in answer.stderr.replace("\n", "")


def test_constants_are_printed_with_their_source(here: Run) -> None:
    """Each number stands there with its value, its meaning and where it comes from."""
    table = here("backtest", "constants").stdout
    rows = told(here, "constants")
    assert len(rows) == len(CONSTANTS) == len({row["name"] for row in rows})
    assert all(row["meaning"] and row["source"] and row["used_by"] for row in rows)
    assert all(f"{row['name']} = " in table for row in rows)
    assert "short_half_life_seconds = 180" in table
    assert "Source: fitted on 15-24 November" in " ".join(table.split())


def test_policies_are_listed(here: Run) -> None:
    """Every policy is there with its kind and what it does."""
    rows = told(here, "policies")
    assert {row["kind"] for row in rows} == {"keep", "keepalive", "chance", "cleanup"}
    assert all(row["sentence"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("kep", "LOG"), "did you mean 'keep'"),
        (("keep", "LOG", "--policy", "lur"), "did you mean 'lru'"),
        (("keep", "LOG", "--policy", ""), "no policy is named ''"),
        (("keep", "LOG", "--slots", "4,0"), "'4,0' is not allowed"),
        (("keep", "LOG", "--slots", "four"), "'four' is not allowed"),
        (("chance", "LOG", "--slots", "4"), "backtest chance takes no --slots; only keep does"),
        (("keep", "LOG", "--load-seconds", "-1"), "--load-seconds"),
        (("keep", "LOG", "--load-seconds", "nan"), "--load-seconds"),
        (("chance", "LOG", "--hours", "0"), "--hours"),
        (("keep", "LOG", "--since", "2027-01-01", "--until", "2027-01-02"), "no request of log.csv is from 2027"),
        (("keep", "LOG", "--since", "2026-03-04", "--until", "2026-03-03"), "is not before"),
        (("keep", "nothing.csv"), "cannot read nothing.csv: No such file"),
        (("cleanup", "LOG"), "2 days of use are too few"),
        (("constants", "LOG"), "takes no file"),
        (("keep", "LOG", "--plot", "plot.pdf"), "plot.pdf does not end as a picture; allowed: .svg, .png"),
        (("keep", "LOG", "--plot", "nowhere/plot.svg"), "there is no folder nowhere"),
    ],
)
def test_mistakes_are_met_with_a_sentence(here: Run, log: Path, arguments: tuple[str, ...], message: str) -> None:
    """What is typed wrong ends with the code of bad input, and says what is allowed."""
    answer = here("backtest", *(log if word == "LOG" else word for word in arguments))
    assert answer.returncode == ExitCode.USAGE, answer.stderr
    assert message in " ".join(answer.stderr.split())
    assert "Traceback" not in answer.stderr
