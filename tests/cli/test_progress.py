"""What a terminal shows while a command works, and that nothing else is shown it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from modeltally.cli._progress import WaitingBar, working


def drawn(console: Console) -> str:
    """Give what was drawn."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_nobody_can_measure_is_named_on_a_terminal_alone(*, is_terminal: bool) -> None:
    """A person sees that it goes on and what it is; a log file stays clean."""
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=60)
    with working("starting a server [x]", console=console):
        pass
    assert ("starting a server [x]" in drawn(console)) == is_terminal


def test_full_bar_says_what_is_still_being_done() -> None:
    """When all is handed over the bar names what it waits for, and who is waited for before that."""
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with WaitingBar("log.csv", total=10, console=console) as bar:
        bar.wait(3.0)
        bar.advance_to(10)
        bar.say("storing")
    assert "log.csv (storing)" in drawn(console)
    assert "waiting for the server" not in drawn(console).splitlines()[-1]
