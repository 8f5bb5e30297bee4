"""``modeltally models``: what is on this machine's disks and in its model servers, and whether it is whole."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modeltally.availability.found import KINDS
from modeltally.availability.verify import Level
from modeltally.cli._console import error_console, guarded, output_console, print_rows
from modeltally.cli._exit import ExitCode
from modeltally.cli._models_downloads import add_downloads
from modeltally.cli._models_removal import add_removal
from modeltally.cli._options import TABLE, Directory, Format, Quiet
from modeltally.cli._receiving import recording
from modeltally.cli._stores import find_places, last_used, read_declaration
from modeltally.errors import InputError

if TYPE_CHECKING:
    from modeltally.availability.declared import DeclaredModels
    from modeltally.availability.inventory import Entry, Inventory
    from modeltally.availability.reading import Throttle
    from modeltally.availability.verify import Verdict

__all__ = ["models"]

models = typer.Typer(
    name="models",
    help="Show the models on this machine's disks and in its model servers, and check their files.",
    epilog="Example: modeltally models list",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

Stores = Annotated[
    list[str] | None,
    typer.Option(
        "--store",
        metavar="KIND=WHERE",
        show_default=False,
        help=f"Look here instead of where programs keep models by default; may be repeated. Kinds: {', '.join(KINDS)}.",
    ),
]
Declared = Annotated[
    Path | None,
    typer.Option(
        "--declared", envvar="MODELTALLY_MODELS", help="A file of the models that should be there.", show_default=False
    ),
]


def _command(name: str, line: str, example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def register(function: Callable[..., None]) -> Callable[..., None]:
        epilog = f"Example: modeltally models {example}"
        return models.command(name, short_help=line, epilog=epilog)(guarded(function))

    return register


@_command("list", "List models, their state, their bytes.", "list --store comfyui=~/ComfyUI")
def _list(
    *,
    store: Stores = None,
    declared: Declared = None,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """List every model, what state it is in, what it takes, and what removing it would free.

    Nothing is read of a model's files, and no model server takes it for use.
    """
    from modeltally.cli._models_shown import COLUMNS, LEFTOVERS, MODELS, inventory_rows

    inventory = _inventory(store, read_declaration(declared))
    rows, rest = inventory_rows(inventory, _last_used(directory))
    if output_format != TABLE:
        print_rows([*rows, *rest], output_format, columns=COLUMNS)
    else:
        from modeltally.cli._table import write_table

        console = output_console()
        write_table(rows, MODELS, console=console)
        if rest:
            write_table(rest, LEFTOVERS, console=console)
    _tell(inventory)


@_command("show", "Show the files of one model.", "show Wan-AI/Wan2.2-T2V-A14B")
def _show(
    model: Annotated[str, typer.Argument(help="Its name, STORE:NAME, or a declared name or alias.")],
    *,
    store: Stores = None,
    declared: Declared = None,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Show one model: its revisions, its files, what is missing or of the wrong size."""
    import dataclasses

    from modeltally.cli._models_shown import FILES, entry_row, file_rows

    inventory = _inventory(store, read_declaration(declared))
    entry = inventory.find(model)
    loaded = {each.name: each for each in inventory.loaded}
    row = entry_row(entry, loaded, _last_used(directory))
    del row["path"], row["what"]
    files = file_rows(entry.model)
    if output_format != TABLE:
        print_rows([{**row, "file_list": files}] if output_format == "json" else files, output_format)
        return
    from modeltally.analytics.topic import Layout
    from modeltally.cli._table import write_table

    console = output_console()
    row["revisions"] = [
        f"{text}: {each.exclusive_bytes:,} bytes of its own"
        for text, each in zip(_texts(row["revisions"]), (r for r in entry.model.revisions if r.name), strict=True)
    ]
    write_table([row], Layout(entry.model.name, is_record=True), console=console)
    if entry.declared is not None:
        told = {name: value for name, value in entry.declared.model_dump(mode="json", by_alias=True).items() if value}
        write_table([told], dataclasses.replace(FILES, title="Declared", columns=(), is_record=True), console=console)
    write_table([{**each, "revision": str(each["revision"])[:12]} for each in files], FILES, console=console)


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


@_command("verify", "Check the files of models.", "verify Wan-AI/Wan2.2-T2V-A14B --level sums --limit 100MB")
def _verify(  # noqa: PLR0913 - each is a flag
    model: Annotated[
        list[str] | None, typer.Argument(help="Which models. With --all every one.", show_default=False)
    ] = None,
    *,
    level: Annotated[
        Level,
        typer.Option(help="sizes looks at names and lengths; headers reads the heads of weights; sums reads it all."),
    ] = Level.SIZES,
    all_: Annotated[bool, typer.Option("--all", help="Check every model.")] = False,
    revision: Annotated[
        str, typer.Option(metavar="NAME", help="A branch, tag or commit. Default: the one in use.", show_default=False)
    ] = "",
    limit: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Read at most so much a second: 100MB.", show_default=False)
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Ask the hub which files belong to a revision without a list of them.")
    ] = False,
    endpoint: Annotated[
        str | None,
        typer.Option(
            help="Base address of the receiver that the checks are reported to. Default: what the environment names,"
            " else the server of the data directory, else nowhere.",
            show_default=False,
        ),
    ] = None,
    store: Stores = None,
    declared: Declared = None,
    output_format: Format = TABLE,
    quiet: Quiet = False,
    directory: Directory = None,
) -> None:
    """Check the files of models; nothing is changed, and Ctrl-C stops it at any time.

    Exit code 6 says that a file is missing or damaged.
    """
    from modeltally.cli._models_shown import CHECKED, VERDICTS, checked_rows, verdict_row
    from modeltally.cli._table import write_table

    if not model and not all_:
        raise InputError("say which models to check, or --all")
    throttle = _throttle(limit)
    inventory = _inventory(store, read_declaration(declared), is_online=online)
    chosen = [inventory.find(name) for name in model or ()] or [each for each in inventory.entries if each.model.files]
    if revision:
        _check_revision(chosen, revision)
    rows, faults, verdicts = [], [], []
    with recording(endpoint, directory) as is_recorded:
        try:
            for entry, verdict in _verdicts(chosen, level, revision, throttle, is_recorded=is_recorded, quiet=quiet):
                verdicts.append(verdict)
                rows.append(verdict_row(verdict, store=entry.model.store, at=datetime.now(UTC)))
                faults += checked_rows(verdict)
        finally:  # what was checked before Ctrl-C is told
            if output_format != TABLE:
                print_rows(rows, output_format)
            else:
                write_table(rows, VERDICTS, console=output_console())
                if faults:
                    write_table(faults, CHECKED, console=output_console())
            _tell(inventory)
    if any(verdict.is_healthy is False for verdict in verdicts) or any(
        each.model.state == "missing" for each in chosen
    ):
        raise typer.Exit(ExitCode.FOUND)


def _check_revision(chosen: list[Entry], revision: str) -> None:
    for entry in chosen:
        revisions = entry.model.revisions
        if not any(revision in each.refs or each.name.startswith(revision) for each in revisions):
            known = ", ".join(each.refs[0] if each.refs else each.name[:12] for each in revisions if each.name)
            raise InputError(f"{entry.model.name} has no revision {revision!r} here; there are: {known or 'none'}")


@_command("declare", "Declare the models that are there.", "declare --out models.toml")
def _declare(
    *,
    out: Annotated[Path, typer.Option(help="Where to write.")] = Path("models.toml"),
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    store: Stores = None,
) -> None:
    """Write a file that declares the models that are there, to be edited: priority, pin, task, aliases."""
    from modeltally.availability.declaring import declaration_of, write_declaration

    inventory = _inventory(store, None)
    text, left_out = declaration_of(inventory)
    write_declaration(text, out, is_forced=force)
    console = output_console()
    console.print(f"{text.count('[[models]]')} models declared in {out}", markup=False, soft_wrap=True)
    for why in left_out:
        error_console().print(f"left out: {_clean(why)}", markup=False, soft_wrap=True)
    _tell(inventory)


def _verdicts(
    entries: list[Entry],
    level: Level,
    revision: str,
    throttle: Throttle | None,
    *,
    is_recorded: bool,
    quiet: bool,
) -> Iterator[tuple[Entry, Verdict]]:
    from modeltally.availability.verify import bytes_to_read, check
    from modeltally.cli._progress import WaitingBar

    def files_of(entry: Entry) -> Any:
        return (file for each in entry.model.revisions[:1] for file in each.files)

    total = sum(bytes_to_read(files_of(entry), level) for entry in entries)
    console = error_console(is_quiet=quiet or not total or not sys.stderr.isatty())
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        bar.advance_to(done)

    with WaitingBar("reading", total=total, console=console) as bar:
        for entry in entries:
            bar.say(_clean(entry.model.name))
            with _recorded(entry, level, is_recorded=is_recorded) as tell:
                verdict = check(entry.model, level, revision=revision, throttle=throttle, advance=advance)
                tell(verdict)
            yield entry, verdict


@contextlib.contextmanager
def _recorded(entry: Entry, level: Level, *, is_recorded: bool) -> Iterator[Callable[[Verdict], None]]:
    """Have a check be an operation of the model, by the name that services call it."""
    if not is_recorded:
        yield lambda _: None
        return
    import modeltally
    from modeltally.cli._models_shown import health_of

    name = entry.model.name if entry.declared is None else entry.declared.model
    with modeltally.health_check(name, check_kind=level.value, model_size_bytes=entry.model.size_bytes) as operation:

        def tell(verdict: Verdict) -> None:
            operation.set(
                model_commit=verdict.revision or None,
                health_status=health_of(verdict),
                integrity_score=verdict.integrity_score,
                files_checked=len(verdict.files),
                files_missing=verdict.missing,
                files_corrupted=verdict.corrupted,
            )

        yield tell


def _inventory(stores: list[str] | None, declared: DeclaredModels | None, *, is_online: bool = False) -> Inventory:
    from modeltally.availability.inventory import take_inventory
    from modeltally.cli._progress import working

    places = find_places(stores, declared, is_online=is_online)
    where = ", ".join(store.location for store in places.stores)
    with working(f"looking into {_clean(where)}", console=error_console()):
        return take_inventory(places, declared)


def _last_used(directory: Path | None) -> dict[str, object]:
    """Ask the store, where there is one, when each model was last used."""
    from modeltally.settings import load_settings

    return last_used(load_settings(dir=directory)) or {}


def _throttle(limit: str | None) -> Throttle | None:
    from modeltally.availability.downloads.rates import bytes_per_second
    from modeltally.availability.reading import Throttle

    rate = None if limit is None else bytes_per_second(limit)
    return None if rate is None else Throttle(rate)


def _tell(inventory: Inventory) -> None:
    for problem in inventory.problems:
        error_console().print(f"note: {_clean(problem)}", markup=False, soft_wrap=True)


def _clean(text: str) -> str:
    from modeltally.show.units import clean_text

    return clean_text(text)


add_downloads(models)
add_removal(models)
