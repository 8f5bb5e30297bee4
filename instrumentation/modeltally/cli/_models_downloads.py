"""``modeltally models pull|pause|resume|cancel|queue|repair``: fetching models, and the queue of what is fetched."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modeltally.availability.declared import ModelPriority
from modeltally.availability.downloads.record import Lane
from modeltally.cli._console import error_console, guarded, output_console, print_rows
from modeltally.cli._exit import ExitCode
from modeltally.cli._options import TABLE, Directory, Format, Quiet
from modeltally.cli._receiving import recording
from modeltally.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from modeltally.availability.declared import DeclaredModel
    from modeltally.availability.downloads.queue import DownloadQueue
    from modeltally.availability.downloads.record import Download
    from modeltally.settings import Settings

__all__ = ["add_downloads"]

_POLL_SECONDS = 0.2
_ENDPOINT_HELP = (
    "Base address of the receiver that downloads are reported to. Default: what the environment names, else the server"
    " of the data directory, else nowhere."
)

Names = Annotated[list[str], typer.Argument(help="Models, by their names on the hub, or ids of downloads.")]
Cache = Annotated[
    Path | None,
    typer.Option(help="The cache of huggingface_hub to fetch into. Default: the usual one.", show_default=False),
]
Hub = Annotated[
    str, typer.Option(metavar="URL", help="The hub's address. Default: that of huggingface_hub.", show_default=False)
]
Limit = Annotated[
    str | None,
    typer.Option(metavar="BYTES", help="At most so much a second: 10MB. Default: as set.", show_default=False),
]
Receiver = Annotated[str | None, typer.Option(help=_ENDPOINT_HELP, show_default=False)]
Declared = Annotated[
    Path | None,
    typer.Option(
        "--declared", envvar="MODELTALLY_MODELS", help="A file of the models that should be there.", show_default=False
    ),
]
Background = Annotated[bool, typer.Option("--queue-only", help="Only put it in the queue; nothing is fetched here.")]


def _pull(  # noqa: PLR0913 - each is a flag
    model: Annotated[
        list[str] | None,
        typer.Argument(help="Models, by their names on the hub, or declared ones.", show_default=False),
    ] = None,
    *,
    missing: Annotated[bool, typer.Option("--missing", help="Every declared model that is not there.")] = False,
    revision: Annotated[
        str, typer.Option(metavar="NAME", help="A branch, tag or commit. Default: the main branch.", show_default=False)
    ] = "",
    files: Annotated[
        list[str] | None,
        typer.Option(
            "--file",
            metavar="PATTERN",
            help="Only files such as '*.safetensors'; may be repeated.",
            show_default=False,
        ),
    ] = None,
    priority: Annotated[
        ModelPriority | None,
        typer.Option(help="How soon; CRITICAL goes before all others, at once.", show_default=False),
    ] = None,
    lane: Annotated[
        Lane,
        typer.Option(help="resumable goes on from the byte and keeps to a limit; fast does neither; auto chooses."),
    ] = Lane.AUTO,
    limit: Limit = None,
    cache: Cache = None,
    hub: Hub = "",
    queue_only: Background = False,
    endpoint: Receiver = None,
    declared: Declared = None,
    output_format: Format = TABLE,
    quiet: Quiet = False,
    directory: Directory = None,
) -> None:
    """Fetch models into the cache of huggingface_hub, one after the other, going on where an earlier attempt ended.

    Ctrl-C stops, and keeps what came; `modeltally models pull` without a name goes on with all that waits.
    """
    from modeltally.availability.declared import read_declared
    from modeltally.availability.downloads.rates import bytes_per_second

    queue, settings = _opened(directory)
    rate = None if limit is None else bytes_per_second(limit)
    known = None if declared is None else read_declared(declared)
    wanted = _declared_models(model or [], known.models if known else (), is_missing=missing)
    asked = []
    for name in model or []:
        one = wanted.pop(name, None)
        asked.append((name if one is None else one.name_there, one))
    asked += [(one.name_there, one) for one in wanted.values()]
    if missing and cache is None:
        asked = [(name, one) for name, one in asked if one is None or not _is_there(one, known)]
    ids = [
        queue.add(
            name,
            cache=_cache(cache),
            revision=revision or ("" if one is None else one.revision),
            files=files or (() if one is None else one.files),
            endpoint=hub,
            priority=priority or (ModelPriority.MEDIUM if one is None else one.priority),
            lane=lane,
            limit_bytes_per_second=rate,
        ).id
        for name, one in asked
    ]
    for each in ids:
        if queue.get(each).state != "queued":
            queue.resume(each)
    if not ids and (model or missing):
        error_console(is_quiet=quiet).print("nothing is missing", markup=False)
    _work(queue, settings, ids, queue_only=queue_only, endpoint=endpoint, directory=directory, quiet=quiet,
          output_format=output_format)  # fmt: skip


def _repair(  # noqa: PLR0913 - each is a flag
    model: Annotated[list[str], typer.Argument(help="Models, by their names on the hub.")],
    *,
    limit: Limit = None,
    cache: Cache = None,
    hub: Hub = "",
    queue_only: Background = False,
    endpoint: Receiver = None,
    output_format: Format = TABLE,
    quiet: Quiet = False,
    directory: Directory = None,
) -> None:
    """Read every file of a model that is there, and fetch anew those that have another sum than they should.

    A damaged file stays where it is until the good one takes its place.
    """
    from modeltally.availability.downloads.rates import bytes_per_second
    from modeltally.availability.downloads.record import DownloadReason

    queue, settings = _opened(directory)
    rate = None if limit is None else bytes_per_second(limit)
    ids = []
    for name in model:
        folder = _cache(cache) / f"models--{name.replace('/', '--')}"
        if not folder.is_dir():
            raise InputError(f"there is nothing of {name} in {_cache(cache)}; fetch it: modeltally models pull {name}")
        ids.append(
            queue.add(
                name, cache=_cache(cache), endpoint=hub, reason=DownloadReason.CORRUPTED, limit_bytes_per_second=rate
            ).id
        )
    _work(queue, settings, ids, queue_only=queue_only, endpoint=endpoint, directory=directory, quiet=quiet,
          output_format=output_format)  # fmt: skip


def _pause(model: Names, *, output_format: Format = TABLE, directory: Directory = None) -> None:
    """Pause downloads, whoever runs them; what has come is kept, and stays paused until `resume`."""
    queue, _ = _opened(directory)
    _shown([queue.pause(queue.find(name).id) for name in model], output_format)


def _resume(
    model: Names,
    *,
    queue_only: Background = False,
    endpoint: Receiver = None,
    output_format: Format = TABLE,
    quiet: Quiet = False,
    directory: Directory = None,
) -> None:
    """Have downloads that are paused, or failed, go on from where they are."""
    queue, settings = _opened(directory)
    ids = [queue.resume(queue.find(name).id).id for name in model]
    _work(queue, settings, ids, queue_only=queue_only, endpoint=endpoint, directory=directory, quiet=quiet,
          output_format=output_format)  # fmt: skip


def _cancel(model: Names, *, output_format: Format = TABLE, directory: Directory = None) -> None:
    """Give up downloads, whoever runs them: unfinished files go, whole files stay."""
    queue, _ = _opened(directory)
    _shown([queue.cancel(queue.find(name).id) for name in model], output_format)


def _queue(*, output_format: Format = TABLE, directory: Directory = None) -> None:
    """Show downloads: the running one, those that wait in their order, paused ones, and the last that are over."""
    queue, _ = _opened(directory)
    _shown(queue.all(), output_format)


def _opened(directory: Path | None) -> tuple[DownloadQueue, Settings]:
    from modeltally.availability.downloads.queue import DownloadQueue
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    return DownloadQueue(settings.dir), settings


def _cache(cache: Path | None) -> Path:
    from modeltally.availability.found import hub_folder

    return cache.expanduser() if cache is not None else hub_folder(os.environ, Path.home())[0]


def _declared_models(
    names: Sequence[str], known: Sequence[DeclaredModel], *, is_missing: bool
) -> dict[str, DeclaredModel]:
    if is_missing and not known:
        raise InputError("--missing takes a file of declared models: --declared models.toml")
    found = {name: one for one in known for name in one.names if name in names}
    if is_missing:
        given = {one.model for one in found.values()}
        found |= {one.model: one for one in known if one.store == "huggingface" and one.model not in given}
    for name, one in found.items():
        if one.store != "huggingface":
            raise InputError(f"{name} is of {one.store}, and only models of the hub are fetched")
    return found


def _is_there(one: DeclaredModel, known: object) -> bool:
    from modeltally.availability.found import places_of
    from modeltally.availability.inventory import take_inventory, wanted_of

    places = places_of(os.environ, Path.home(), wanted=wanted_of(known))  # type: ignore[arg-type] # what was read
    try:
        return take_inventory(places, known).find(one.model).model.state == "available"  # type: ignore[arg-type] # the same
    except UnknownNameError:
        return False


def _work(
    queue: DownloadQueue,
    settings: Settings,
    ids: list[str],
    *,
    queue_only: bool,
    endpoint: str | None,
    directory: Path | None,
    quiet: bool,
    output_format: str,
) -> None:
    """Work through the queue, or watch who does, until what was asked for is over."""
    if not queue_only:
        with recording(endpoint, directory) as is_recorded:
            try:
                _fetch(queue, settings, ids, is_recorded=is_recorded, quiet=quiet)
            finally:  # what came before Ctrl-C is told
                _shown([each for each in queue.all() if not ids or each.id in ids], output_format)
    else:
        _shown([queue.get(each) for each in ids], output_format)
    if any(each.state == "failed" for each in queue.all() if each.id in ids):
        raise typer.Exit(ExitCode.FOUND)


def _fetch(queue: DownloadQueue, settings: Settings, ids: list[str], *, is_recorded: bool, quiet: bool) -> None:
    from modeltally.availability.downloads.rates import Rates
    from modeltally.availability.downloads.runner import Runner
    from modeltally.availability.downloads.told import tell_over
    from modeltally.cli._downloads_bar import DownloadsBar

    def over(one: Download) -> None:
        if is_recorded:
            tell_over(one)

    day, night = settings.download_bytes_per_second, settings.download_night_bytes_per_second
    rates = Rates.of(day, night, settings.download_night_hours)
    console = error_console(is_quiet=quiet or not sys.stderr.isatty())
    with DownloadsBar(console=console) as bar:
        runner = Runner(queue, rates=rates, told=bar.show, over=over)
        failed: list[BaseException] = []
        ended = threading.Event()

        def run() -> None:
            try:
                while not _is_over(queue, ids):
                    if runner.run(until_idle=True) or runner.is_stopping:
                        return
                    bar.show_all(queue.all())  # another process works: watch it
                    time.sleep(_POLL_SECONDS)
            except BaseException as error:  # noqa: BLE001 - raised below, where it is told
                failed.append(error)
            finally:
                ended.set()

        threading.Thread(target=run, name="modeltally-downloads", daemon=True).start()
        _waited(ended, runner.stop, lambda: bool(ids) and _is_over(queue, ids))
        if failed:
            raise failed[0]


def _waited(ended: threading.Event, stop: Callable[[], None], is_over: Callable[[], bool]) -> None:
    """Wait until what was asked for is over; on Ctrl-C stop, and keep what came.

    An event and no join: one that is interrupted takes the thread for ended, up to Python 3.12.
    """
    try:
        while not ended.wait(_POLL_SECONDS) and not is_over():
            pass
    finally:
        stop()
        ended.wait()


def _is_over(queue: DownloadQueue, ids: list[str]) -> bool:
    states = {each.id: each.state.value for each in queue.all()}
    return bool(ids) and all(states.get(each) not in ("queued", "downloading") for each in ids)


def _shown(found: Sequence[Download], output_format: str) -> None:
    from modeltally.cli._downloads_shown import DOWNLOADS, download_row

    rows = [download_row(each) for each in found]
    if output_format != TABLE:
        print_rows(rows, output_format)
        return
    from modeltally.cli._table import write_table
    from modeltally.show.units import clean_text

    write_table(rows, DOWNLOADS, console=output_console())
    for each in found:
        if each.action_required and each.is_open | (each.state == "failed"):
            error_console().print(
                f"{clean_text(each.model)}: {clean_text(each.action_required)}", markup=False, soft_wrap=True
            )


_COMMANDS = (
    ("pull", _pull, "Fetch models.", "pull Wan-AI/Wan2.2-T2V-A14B --limit 50MB"),
    ("repair", _repair, "Fetch anew what is damaged.", "repair Wan-AI/Wan2.2-T2V-A14B"),
    ("pause", _pause, "Pause downloads.", "pause Wan-AI/Wan2.2-T2V-A14B"),
    ("resume", _resume, "Have paused or failed downloads go on.", "resume Wan-AI/Wan2.2-T2V-A14B"),
    ("cancel", _cancel, "Give up downloads.", "cancel Wan-AI/Wan2.2-T2V-A14B"),
    ("queue", _queue, "Show what is fetched, what waits, what is over.", "queue --format json"),
)


def add_downloads(models: typer.Typer) -> None:
    """Add these commands to a group.

    Args:
        models: The group.
    """
    for name, function, line, example in _COMMANDS:
        models.command(name, short_help=line, epilog=f"Example: modeltally models {example}")(guarded(function))
