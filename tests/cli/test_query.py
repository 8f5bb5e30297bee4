"""``query`` and ``erase-user``: views by their name, and users forgotten."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest

from cli.conftest import rows_of
from modeltally.cli._exit import ExitCode
from modeltally.instrument._privacy import Hasher
from modeltally.keys import ensure_user_key
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run
    from support.stores import Template

MARCH = dt.datetime(2026, 3, 2, 10, tzinfo=dt.UTC)
WINDOW = ("--since", "2026-03-02", "--until", "2026-03-03", "--as-of", "2026-03-03", "--format", "json")


@pytest.fixture(scope="module")
def directory(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fill a data directory with requests of two users; no server runs on it."""
    folder = tmp_path_factory.mktemp("query")
    key = ensure_user_key(folder / "data")
    hashes = [int(str(Hasher(key).user(name)), 16) for name in ("alice", "bob")]
    with template.opened(folder / "data") as store:
        requests = [Operation(at=MARCH, user=user, times=times) for user, times in zip(hashes, (2, 3), strict=True)]
        give(store, Given(operations=requests))
    return folder / "data"


def test_view_is_read_by_its_name(here: Run, directory: Path) -> None:
    """The window and what settings say need not be given; what else the view wants is."""
    done = here("query", "usage_frequency", "--param", "kind=model", "--param", "operation=model.request", *WINDOW,
               "--dir", directory)  # fmt: skip
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert (row["subject"], row["operations"], row["users"]) == ("flux", 5, 2)


def test_views_are_listed_with_what_they_say_and_need(here: Run, directory: Path) -> None:
    """Without a name there is a row for each view that can be asked, and nothing is opened for it."""
    done = here("query", "--format", "json", "--dir", directory / "nowhere")
    assert done.returncode == 0, done.stderr
    views = {row["view"]: row for row in json.loads(done.stdout)}
    assert views["usage_frequency"]["needs"] == "kind, operation"
    assert views["residency"]["what"] == "When each model was loaded where, and until when"
    assert not views.keys() & {"usage_figures", "figures_raw", "cover_given"}
    assert not (directory / "nowhere").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("usage_frequenzy",), "did you mean 'usage_frequency'"),
        (("usage_frequency",), "also needs --param kind=... (String), --param operation=... (String)"),
        (("usage_frequency", "--param", "kind"), "--param 'kind' is not NAME=VALUE"),
        (("usage_frequency", "--param", "kind=model", "--param", "operation=x", "--param", "colour=red"), "colour"),
        (("users_by_day", "--param", "abandoned_after_seconds=soon"), "abandoned_after_seconds = 'soon'"),
    ],
)
def test_mistake_is_named(here: Run, directory: Path, arguments: tuple[str, ...], message: str) -> None:
    """What is missing, unknown or of the wrong type is named, with what is allowed."""
    done = here("query", *arguments, "--dir", directory)
    assert done.returncode == ExitCode.USAGE
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow(seconds=8, why="nine commands, each opens the store")
def test_user_is_named_by_id_or_hash_and_forgotten(here: Run, directory: Path) -> None:
    """An id is hashed with the directory's key; once erased nothing leads to the user, and the figures stay."""

    def requests_of(user: str) -> int:
        done = here("stats", "by-user-and-model", "--user", user, *WINDOW, "--dir", directory)
        assert done.returncode == 0, done.stderr
        return sum(row["requests"] for row in rows_of(done.stdout))

    hashed = str(Hasher(ensure_user_key(directory)).user("bob"))
    assert (requests_of("alice"), requests_of("bob"), requests_of(hashed)) == (2, 3, 3)
    asked = here("erase-user", "bob", "--dir", directory)
    assert asked.returncode == 0
    assert f"user {hashed} would be forgotten" in asked.stdout.replace("\n", " ")
    assert requests_of("bob") == 3
    assert here("erase-user", "bob", "--yes", "--dir", directory).returncode == 0
    assert (requests_of("alice"), requests_of("bob")) == (2, 0)
    overview = rows_of(here("stats", "overview", *WINDOW, "--dir", directory).stdout)
    assert [(row["requests"], row["users"]) for row in overview] == [(5, 2)]


def test_id_without_a_key_is_refused(here: Run, template: Template, tmp_path: Path) -> None:
    """Without a key an id cannot be found; the message says where the key would be."""
    directory = template.copy(tmp_path / "data")
    done = here("erase-user", "alice", "--yes", "--dir", directory)
    assert done.returncode == ExitCode.USAGE
    assert "there is no key to hash an id with" in done.stderr.replace("\n", " ")


def test_nobody_is_erased_where_there_is_no_store(here: Run, tmp_path: Path) -> None:
    """A mistyped directory is no store and none is made there."""
    done = here("erase-user", "00000000000000fa", "--yes", "--dir", tmp_path / "none")
    assert done.returncode == ExitCode.USAGE
    assert not (tmp_path / "none").exists()
