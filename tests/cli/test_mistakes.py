"""Mistakes on the command line, and its help: in this process, since only parsing is at stake."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from modeltally.cli import main
from modeltally.cli._app import COMMANDS, _Loader
from modeltally.cli._exit import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's settings and terminal out of it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("MODELTALLY_DIR", raising=False)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command line and give its code and what it printed, spaces and frames flattened."""
    with pytest.raises(SystemExit) as ended:
        main(list(map(str, arguments)))
    printed = capsys.readouterr()
    code = ended.value.code
    assert isinstance(code, int)
    return code, _flat(printed.out), _flat(printed.err)


def _flat(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("stat",), ExitCode.USAGE, "Did you mean 'stats'?"),
        (("stats", "modles"), ExitCode.USAGE, "did you mean 'models'?"),
        (("stats", "models", "--sinec", "7d"), ExitCode.USAGE, "--since"),
        (("stats", "models", "--since", "7x"), ExitCode.USAGE, "--since '7x' is not a date"),
        (("up", "--otlp-prot", "1"), ExitCode.USAGE, "--otlp-port"),
        (
            ("stats", "models", "--since", "2024-12-01", "--until", "2024-11-01"),
            ExitCode.USAGE,
            "is not before --until",
        ),
        (("stats", "models", "--format", "xml"), ExitCode.USAGE, "json"),
        (("stats", "attribute"), ExitCode.USAGE, "--name acme.team"),
        (("recommend", "cleenup"), ExitCode.USAGE, "did you mean 'cleanup'?"),
        (("recommend", "cleanup", "--since", "7d"), ExitCode.USAGE, "takes no --since"),
        (("recommend", "performance", "--policy", "seed"), ExitCode.USAGE, "takes no --policy"),
        (("replay", os.devnull, "--endpoint", "ftp://x"), ExitCode.USAGE, "ftp://x"),
        (("replay", "missing.csv"), ExitCode.USAGE, "error: cannot read missing.csv: No such file or directory"),
        (("replay", "/"), ExitCode.USAGE, "error: cannot read /: Is a directory"),
        (("demo", "--days", "3"), ExitCode.USAGE, "--days"),
    ],
)
def test_bad_input_is_one_message_with_the_nearest_name(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: ExitCode, message: str
) -> None:
    """A mistake on the command line is answered with what was meant or allowed, and never with a traceback."""
    assert code == (ended := run(capsys, *arguments))[0]
    assert message in ended[2]
    assert "Traceback" not in ended[2]
    assert ended[1] == ""


def test_directory_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Asking a directory that does not exist makes none, and says how to start one."""
    code, _, message = run(capsys, "stats", "models", "--dir", tmp_path / "nowhere")
    assert code == ExitCode.USAGE
    assert "modeltally up" in message
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("command", ["up", "migrate", "replay", "stats", "recommend", "doctor", "check", "demo"])
def test_help_of_every_command_has_an_example(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """--help shows a line that can be run."""
    code, shown, _ = run(capsys, command, "--help")
    assert code == ExitCode.OK
    assert f"Example: modeltally {command}" in shown


def test_help_of_recommend_says_what_takes_a_window(capsys: pytest.CaptureFixture[str]) -> None:
    """The others take none, which the reader sees before being refused."""
    assert (
        "--since DATE For performance and pattern, which alone take a window" in run(capsys, "recommend", "--help")[1]
    )


def test_help_lists_every_command_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command has a line in --help that is not cut off, and a module that can be loaded."""
    _, shown, _ = run(capsys, "--help")
    for name, (line, example) in COMMANDS.items():
        assert f"{name} {line}" in shown
        assert example.startswith(f"modeltally {name}")
        assert name in _Loader()
    assert "..." not in shown.partition("Commands:")[2]


def test_help_documents_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """The table of exit codes is part of --help."""
    _, shown, _ = run(capsys, "--help")
    for code in ExitCode:
        assert f"{code.value} {code.meaning}" in shown
