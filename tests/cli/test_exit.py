"""Every error raised on purpose has an exit code of its own choosing."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from modeltally import errors
from modeltally.cli._exit import ExitCode, exit_code_for

if TYPE_CHECKING:
    from cli.conftest import Run


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_has_an_exit_code(name: str) -> None:
    """No error raised on purpose ends a command as if nobody had foreseen it."""
    kind = getattr(errors, name)
    error = kind("view", "x", ["y"]) if kind is errors.UnknownNameError else kind("said why")
    assert (exit_code_for(error) is ExitCode.UNEXPECTED) == (kind is errors.ModelTallyError)


def test_directory_in_use_is_told_from_other_database_errors() -> None:
    """A script can tell that a directory is taken from a database that failed."""
    assert exit_code_for(errors.StoreInUseError("taken")) is ExitCode.DIRECTORY_IN_USE
    assert exit_code_for(errors.StoreError("failed")) is ExitCode.DATABASE


def test_version_is_that_of_the_package(run: Run) -> None:
    """`--version` prints what is installed."""
    answer = run("--version")
    assert answer.returncode == ExitCode.OK
    assert answer.stdout.strip() == f"modeltally {version('modeltally')}"
