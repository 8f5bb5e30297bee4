"""The command that writes reports."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from modeltally.cli._app import app
from modeltally.errors import InputError
from modeltally.show.report.place import write_file
from queries.given import Given, Operation, give

if TYPE_CHECKING:
    from pathlib import Path

    from support.stores import Template

SINCE = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
WINDOW = ("--since", "2026-03-01", "--until", "2026-03-08", "--as-of", "2026-03-08")


@pytest.fixture(scope="module")
def directory(template: Template, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fill a data directory with a download."""
    folder = tmp_path_factory.mktemp("reports") / "data"
    download = Operation(at=SINCE, operation="model.download", model="flux")
    with template.opened(folder) as store:
        give(store, Given(operations=[download]))
    return str(folder)


@pytest.mark.slow(seconds=6, why="every format")
def test_a_report_is_written_where_it_is_wanted(directory: str, tmp_path: Path) -> None:
    """To a file by its ending, which it replaces whole, or to standard output as Markdown."""
    path = tmp_path / "storage.json"
    path.write_text("old")
    asked = ["report", "storage", *WINDOW, "--dir", directory]
    written = CliRunner().invoke(app, [*asked, "--output", str(path), "--tz", "Asia/Tokyo"])
    assert (written.exit_code, written.output) == (0, "")
    report = json.loads(path.read_text())
    assert (report["report"], report["zone"]) == ("storage", "Asia/Tokyo")
    assert [path.name for path in tmp_path.iterdir()] == ["storage.json"]
    printed = CliRunner().invoke(app, asked)
    assert printed.stdout.startswith("# Storage analysis\n")
    assert "| flux |" in printed.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["storages"], "did you mean 'storage'"),
        (["storage", "--format", "docx"], "there are: csv, html, json, md, pdf"),
        (["storage", "--output", "report.docx"], "ends with no format"),
        (["storage", "--tz", "Mars"], "no time zone"),
        (["storage", "--since", "2026-03-08", "--until", "2026-03-01"], "is not before"),
    ],
)
def test_what_is_wrong_is_said(directory: str, flags: list[str], message: str) -> None:
    """A wrong report, format, ending, zone or window is one line, and nothing is written."""
    answer = CliRunner().invoke(app, ["report", *flags, "--dir", directory])
    assert answer.exit_code == 2
    assert message in answer.output


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A folder that is missing is an error that names the file; a link is followed, a device written to."""
    with pytest.raises(InputError, match="cannot write"):
        write_file(tmp_path / "missing" / "usage.pdf", b"content")
    with pytest.raises(InputError, match="cannot write"):
        write_file(tmp_path / "a\0b", b"content")
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_file(link, b"new")
    assert (link.is_symlink(), target.read_bytes()) == (True, b"new")
