"""``alias``: several names of a subject, set, shown and taken away."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from cli.conftest import rows_of
from modeltally.cli._exit import ExitCode
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run
    from support.stores import Template

MARCH = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def directory(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a data directory with requests to one model under two names; no server runs on it."""
    folder = tmp_path_factory.mktemp("alias") / "data"
    with template.opened(folder) as store:
        give(store, Given(operations=[Operation(at=MARCH, model="flux"), Operation(at=MARCH, model="./it's flux")]))
    return folder


@pytest.mark.slow(seconds=8, why="eight commands")
def test_alias_is_set_shown_used_and_removed(here: Run, directory: Path) -> None:
    """What is set is listed and counts as its name in ``stats models``; what is removed counts by itself again."""
    where = ("--format", "json", "--dir", directory)
    window = ("--since", "2026-03-02", "--until", "2026-03-03", "--as-of", "2026-03-03")
    (row,) = json.loads(here("alias", "./it's flux", "flux", *where).stdout)
    assert (row["alias"], row["name"]) == ("./it's flux", "flux")
    (model,) = rows_of(here("stats", "models", *window, *where).stdout)
    assert (model["model"], model["requests"]) == ("flux", 2)
    assert json.loads(here("alias", *where).stdout) == [row]
    assert json.loads(here("alias", "./it's flux", "--remove", *where).stdout) == []
    assert len(rows_of(here("stats", "models", *window, *where).stdout)) == 2
    assert "no alias is set; set one: modeltally alias" in here("alias", "--dir", directory).stdout


@pytest.mark.slow(seconds=8, why="seven commands")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("flux-dev",), "an alias also needs the name it goes by"),
        (("--remove",), "--remove takes one alias away"),
        (("a", "b", "--remove"), "--remove takes one alias away"),
        (("flux", "flux"), "'flux' cannot be an alias of 'flux': it would lead to itself"),
        (("nobody", "--remove"), "no alias of a model is named 'nobody'"),
        (("a", "b", "--kind", "modle"), "did you mean 'model'?"),
        (("a", ""), "an alias needs name"),
    ],
)
def test_mistake_is_named(here: Run, directory: Path, arguments: tuple[str, ...], message: str) -> None:
    """What cannot be done is said, and nothing is changed."""
    done = here("alias", *arguments, "--dir", directory)
    assert done.returncode == ExitCode.USAGE
    assert message in done.stderr
    assert json.loads(here("alias", "--format", "json", "--dir", directory).stdout) == []
