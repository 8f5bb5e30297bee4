"""What long commands share: the way to the server, and a bar that also says when it waits."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

import modeltally
from modeltally.errors import InputError
from modeltally.instrument._checks import ConfigError
from modeltally.instrument._destination import find_destination
from modeltally.keys import ensure_user_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from rich.console import Console

__all__ = ["WaitingBar", "exporting_to", "working"]

_SHUTDOWN_SECONDS = 5.0


@contextlib.contextmanager
def exporting_to(endpoint: str | None, *, service_name: str, directory: Path) -> Iterator[str]:
    """Switch this process's telemetry on, as a service does, and off again.

    Args:
        endpoint: Base address of the receiver; None for what the environment names.
        service_name: What this process calls itself.
        directory: The data directory whose key hashes users, unless the environment names a key.

    Yields:
        The address, without credentials.

    Raises:
        InputError: It is no address.
    """
    try:
        address = find_destination(endpoint, None).shown
    except ConfigError as error:
        raise InputError(str(error)) from error
    modeltally.configure(
        endpoint=endpoint,
        service_name=service_name,
        user_key=os.environ.get("MODELTALLY_USER_KEY") or ensure_user_key(directory),
        metrics=False,  # they would count what happened long ago as of now
    )
    try:
        yield address
    finally:
        modeltally.shutdown(timeout_seconds=_SHUTDOWN_SECONDS)


@contextlib.contextmanager
def working(what: str, *, console: Console) -> Iterator[None]:
    """Show on a terminal that something is being done which nobody can measure, and that it goes on.

    Args:
        what: What is being done.
        console: Where to draw; on anything but a terminal nothing is said.
    """
    if not console.is_terminal:
        yield
        return
    with console.status(Text(what)):
        yield


class WaitingBar:
    """A progress bar on stderr; on anything but a terminal it keeps silent until the end."""

    def __init__(self, label: str, *, total: int | None, console: Console) -> None:
        """Prepare the bar.

        Args:
            label: What is being done.
            total: How much there is; None when nobody knows.
            console: Where to draw.
        """
        self._label = label
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            SpinnerColumn(finished_text=""),
            console=console,
            disable=console.quiet,
        )
        self._task = self._progress.add_task(label, total=total)

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the bar as it stands."""
        self._progress.stop()

    def advance_to(self, done: int) -> None:
        """Show how much is done."""
        self._progress.update(self._task, completed=done)

    def show(self, done: int, total: int) -> None:
        """Show how much is done, and of how much."""
        self._progress.update(self._task, completed=done, total=total)

    def say(self, what: str) -> None:
        """Show what is being done now that all is handed over."""
        self._progress.update(self._task, description=f"{self._label} ({what})")

    def wait(self, waited_seconds: float) -> None:
        """Show that the server is being waited for; 0 when that is over."""
        note = f" (waiting for the server, {waited_seconds:.0f} s)" if waited_seconds else ""
        self._progress.update(self._task, description=self._label + note)
