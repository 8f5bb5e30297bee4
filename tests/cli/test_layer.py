"""``layer``: what instrumentations of others stand for, set, shown and taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from modeltally.cli._exit import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from cli.conftest import Run
    from support.stores import Template


@pytest.fixture(scope="module")
def directory(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an empty store."""
    folder = tmp_path_factory.mktemp("layer") / "data"
    template.copy(folder)
    return folder


def test_layer_is_set_shown_and_taken_back(here: Run, directory: Path) -> None:
    """For every service, and for one by itself."""
    where = ("--format", "json", "--dir", directory)
    (row,) = json.loads(here("layer", "litellm", "gateway", *where).stdout)
    assert (row["scope"], row["service"], row["layer"]) == ("litellm", "", "gateway")
    both = json.loads(here("layer", "litellm", "separate", "--service", "agents", *where).stdout)
    assert [(row["service"], row["layer"]) for row in both] == [("", "gateway"), ("agents", "separate")]
    assert len(json.loads(here("layer", "litellm", "--remove", *where).stdout)) == 1
    assert json.loads(here("layer", "litellm", "--remove", "--service", "agents", *where).stdout) == []
    assert "names tell them; set one: modeltally layer" in here("layer", "--dir", directory).stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("litellm",), "an instrumentation also needs its layer"),
        (("--remove",), "--remove takes back what was said of one"),
        (("litellm", "gatway"), "did you mean 'gateway'?"),
        (("nobody", "--remove"), "no name with a layer that was set is named 'nobody'"),
        (("", "gateway"), "a layer needs the scope it is of"),
    ],
)
def test_mistake_is_named(here: Run, directory: Path, arguments: tuple[str, ...], message: str) -> None:
    """What cannot be done is said, and nothing is changed."""
    failed = here("layer", *arguments, "--dir", directory)
    assert failed.returncode == ExitCode.USAGE
    assert message in failed.stderr
    assert json.loads(here("layer", "--format", "json", "--dir", directory).stdout) == []
