"""``modeltally demo``: simulated days through the whole path, then the statistics and the advice."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from modeltally.analytics.readers import read
from modeltally.analytics.statistics import Statistics
from modeltally.analytics.topics.advice import ACCURACY, VERDICTS
from modeltally.analytics.topics.quality import FAILURES
from modeltally.analytics.topics.usage import MODELS, OVERVIEW
from modeltally.analytics.window import Window, format_moment
from modeltally.cli._advice import print_advice, print_suspensions
from modeltally.cli._console import error_console, output_console
from modeltally.cli._progress import WaitingBar, exporting_to, working
from modeltally.cli._table import write_notes, write_table
from modeltally.connect import temporary_server
from modeltally.demo import LONGEST_DAYS, SHORTEST_DAYS, plan
from modeltally.errors import InputError, ServerError, StoreError
from modeltally.recommend.kinds import CLEANUP, GUARDED, PERFORMANCE, PRELOAD, SEED, advise, parameters_of
from modeltally.replay import Feed
from modeltally.server.client import RemoteStore
from modeltally.settings import Settings, load_settings
from modeltally.show.report.parts import Asked
from modeltally.show.report.pdf import can_set
from modeltally.show.report.place import write_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from modeltally.analytics.topic import Topic
    from modeltally.replay import Delivered
    from modeltally.store import Store

__all__ = ["demo"]

_SEED = 1
# a history so long lets cleanup advise
_CLEANUP_DAYS = 365
_SERVICE_NAME = "demo-studio"
_PATIENCE_SECONDS = 60.0
# where in the simulated days advice is given, to be judged at their end
_SHOWN_VERDICTS = 40
_LOOKED_BACK = (0.47, 0.6, 0.73)
_TOPICS: tuple[Topic[Any], ...] = (OVERVIEW, MODELS, FAILURES)
_JUDGED: tuple[Topic[Any], ...] = (ACCURACY, VERDICTS)
_KINDS = (PRELOAD, PERFORMANCE, CLEANUP)


def demo(
    *,
    days: Annotated[int, typer.Option(min=SHORTEST_DAYS, max=LONGEST_DAYS, help="How many days to simulate.")] = 30,
    directory: Annotated[
        Path | None,
        # not from the environment: simulated traffic must not end up among real one
        typer.Option(
            "--dir", help="An empty directory to keep the data in. Default: a temporary one.", show_default=False
        ),
    ] = None,
    reports: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write every report in every format to this folder as well.", show_default=False
        ),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the temporary directory.")] = False,
) -> None:
    """Send simulated days of a small studio through the whole path, then print statistics and advice."""
    console = output_console()
    ends_at = datetime.now(UTC)
    with _data_directory(directory, keep=keep) as data:
        settings = load_settings(dir=data, roll_interval_seconds=3600.0)
        with contextlib.ExitStack() as running:
            with working("starting a server", console=error_console()):
                server = running.enter_context(temporary_server(settings))
            delivered = _send(days, ends_at, endpoint=server.address.otlp_url, settings=settings)
            store = RemoteStore(server.address)
            window = Window(since=ends_at - timedelta(days=days), until=ends_at, as_of=datetime.now(UTC))
            with working("storing and rolling up", console=error_console()):
                if not server.wait_until_stored():
                    raise StoreError(
                        "what the server acknowledged did not reach the database in time; please report this"
                    )
                store.run("roll", {"as_of": format_moment(window.as_of)})
            _print_answers(store, window, settings=settings, console=console)
            _judge(store, window, settings=settings, console=console)
            if reports is not None:
                _write_reports(store, window, reports, settings=settings, console=console)
        _print_next(days, delivered, data if keep or directory is not None else None, console=console)


@contextlib.contextmanager
def _data_directory(directory: Path | None, *, keep: bool) -> Iterator[Path]:
    if directory is not None:
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise InputError(f"--dir {directory} is not an empty directory; the demonstration needs one of its own")
        yield directory
        return
    temporary = Path(tempfile.mkdtemp(prefix="modeltally-demo-"))
    try:
        yield temporary
    finally:
        if not keep:
            shutil.rmtree(temporary, ignore_errors=True)


def _send(days: int, ends_at: datetime, *, endpoint: str, settings: Settings) -> Delivered:
    """Hand every planned operation to the public wrappers, over a real socket."""
    begins_at = ends_at - timedelta(days=days)
    with (
        exporting_to(endpoint, service_name=_SERVICE_NAME, directory=settings.dir) as address,
        WaitingBar(f"{days} simulated days", total=days, console=error_console()) as bar,
    ):
        feed = Feed(address=address, patience_seconds=_PATIENCE_SECONDS, on_wait=bar.wait)
        for operation in plan(days, _SEED, ends_at):
            feed.add(operation)
            bar.advance_to((operation.started_at - begins_at).days)
        feed.flush()
        bar.advance_to(days)
        delivered = feed.delivered()
    if delivered.lost:
        raise ServerError(f"{delivered.lost:,} operations of the demonstration were lost; please report this")
    return delivered


def _print_answers(store: Store, window: Window, *, settings: Settings, console: Console) -> None:
    shown: set[str] = set()
    for topic in _TOPICS:
        shown |= {*write_table(read(store, topic, window, settings=settings), topic.layout, console=console)}
    write_notes(shown, console=console)
    for kind in _KINDS:
        # the simulated days came all at once, as an import's do
        count_imports = kind.rules[GUARDED].wants_history
        asked = parameters_of(kind, window, has_bounds=kind.has_window, count_imports=count_imports)
        print_advice(advise(store, kind, asked), kind, console=console)


def _judge(store: Store, window: Window, *, settings: Settings, console: Console) -> None:
    """Give the advice of earlier days as it would have been given then, and judge it by what followed."""
    length = window.until - window.since
    with working("advice of earlier days, and what became of it", console=error_console()):
        for part in _LOOKED_BACK:
            moment = format_moment(window.since + length * part)
            for kind in _KINDS:
                counts = {"count_imports": True} if kind.rules[GUARDED].wants_history else {}
                store.run(kind.job, {"as_of": moment, **counts})
            store.run(CLEANUP.job, {"as_of": moment, "policy": SEED})
        store.run("judge", {"as_of": format_moment(window.as_of), "count_imports": True})
    judged = Window(window.since, window.as_of + timedelta(seconds=1), window.as_of + timedelta(seconds=1))
    for topic in _JUDGED:
        rows = read(store, topic, judged, settings=settings)
        write_table(rows[:_SHOWN_VERDICTS], topic.layout, console=console)
        print_suspensions(rows, console=console)


def _write_reports(store: Store, window: Window, folder: Path, *, settings: Settings, console: Console) -> None:
    statistics = Statistics(store, settings=settings, keeps_answers=False)
    asked = Asked(statistics=statistics, store=store, window=window, zone="UTC", count_imports=True)
    with working("writing reports", console=error_console()):
        written = write_all(asked, folder, generated_at=window.as_of)
    left_out = "" if can_set() else "; for PDF and charts: pip install 'modeltally[report]'"
    console.print()
    console.print(Text(f"{len(written)} reports are in {folder}{left_out}"), soft_wrap=True)


def _print_next(days: int, delivered: Delivered, kept: Path | None, *, console: Console) -> None:
    """Say what happened and what to run next."""
    lines = [
        f"{delivered.started:,} operations of {days} simulated days went from wrappers to the store.",
        "",
        "What next:",
    ]
    if kept is not None:
        lines += [f"  modeltally stats hours --dir {kept}", f"  modeltally up --dir {kept}"]
    else:
        lines += ["  modeltally demo --keep        keep the data, to ask it more"]
    if days < _CLEANUP_DAYS:
        lines += [f"  modeltally demo --days {_CLEANUP_DAYS}    a history long enough for cleanup to advise"]
    lines += [
        "  modeltally up                 a server for your own services; in each of them:",
        "",
        '      modeltally.configure(service_name="my-service")',
        '      with modeltally.model_request("my-model", user="u1") as request:',
        "          ...",
    ]
    console.print()
    console.print(Text("\n".join(lines)), soft_wrap=True)
