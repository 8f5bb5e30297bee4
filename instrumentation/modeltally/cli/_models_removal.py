"""``modeltally models remove|undo|trash|purge``: taking models away, and bringing them back."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modeltally.cli._console import error_console, guarded, output_console, print_rows
from modeltally.cli._exit import ExitCode
from modeltally.cli._options import TABLE, Directory, Format
from modeltally.errors import InputError, ModelTallyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modeltally.availability.guards import Use
    from modeltally.availability.removal import Advised, RemovalResult, Remover
    from modeltally.availability.trash import Step
    from modeltally.settings import Settings

__all__ = ["add_removal", "removal_rows", "trash_rows"]

_LOG = "removals.jsonl"
COLUMNS = ("what", "model", "store", "removed_bytes", "freed_bytes", "brought_by", "trash", "why")

Stores = Annotated[
    list[str] | None,
    typer.Option(
        "--store",
        metavar="KIND=WHERE",
        help="Look here instead of where programs keep models by default; may be repeated.",
        show_default=False,
    ),
]
Declared = Annotated[
    Path | None,
    typer.Option(
        "--declared", envvar="MODELTALLY_MODELS", help="A file of the models that should be there.", show_default=False
    ),
]
TrashFolder = Annotated[
    Path | None,
    typer.Option(
        "--trash", help="The trash; it must be on the models' disk. Default: beside each store.", show_default=False
    ),
]
Receiver = Annotated[
    str | None,
    typer.Option(
        help="Base address of the receiver that removals are told to. Default: what the environment names, else the"
        " server of the data directory, else nowhere.",
        show_default=False,
    ),
]


def _remove(  # noqa: PLR0913 - each is a flag
    model: Annotated[
        list[str] | None,
        typer.Argument(help="Models, by their names in their store or as declared.", show_default=False),
    ] = None,
    *,
    revision: Annotated[
        str, typer.Option(metavar="NAME", help="Only this branch, tag or commit of one model.", show_default=False)
    ] = "",
    leftovers: Annotated[bool, typer.Option("--leftovers", help="Also what no model needs.")] = False,
    advised: Annotated[
        bool, typer.Option("--advised", help="The models that `modeltally recommend cleanup` names now.")
    ] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; without this it is only said what would go.")] = False,
    confirm: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What would otherwise be asked to be typed.", show_default=False),
    ] = None,
    trash: TrashFolder = None,
    store: Stores = None,
    declared: Declared = None,
    endpoint: Receiver = None,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Move models into the trash beside their store, from where `undo` brings them back; a dry run without --apply.

    Nothing is removed that is loaded, open in a process, pinned, being downloaded, or needed by another model. The
    trash frees no bytes until it is purged.
    """
    from modeltally.availability.removal import Advised
    from modeltally.cli._receiving import recording
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    names = model or []
    if not names and not leftovers and not advised:
        raise InputError("say which models to remove, or --advised, or --leftovers")
    if revision and len(names) != 1:
        raise InputError("--revision is of one model: name that model alone")
    wanted = [*(Advised(name, revision) for name in names), *(_advised(settings) if advised else ())]
    with _remover(settings, store, declared, trash) as remover:
        policy = "guarded" if advised else "asked for"
        result = remover.remove(wanted, dry_run=True, policy=policy, leftovers=leftovers)
        if apply and result.advised:
            if output_format == TABLE:
                _show(result, settings, output_format)
            _confirm(result, confirm)
            with recording(endpoint, directory) as is_recorded:
                remover.record = _recorder(is_recorded=is_recorded)
                result = remover.remove(wanted, dry_run=False, policy=policy, leftovers=leftovers)
    _show(result, settings, output_format)
    if result.errors:
        raise typer.Exit(ExitCode.FOUND)


def _undo(
    removal: Annotated[str, typer.Argument(help="What `trash` calls it, or the name of the model.")],
    *,
    trash: TrashFolder = None,
    store: Stores = None,
    endpoint: Receiver = None,
    directory: Directory = None,
) -> None:
    """Bring back what a removal took; what has come under the same name since stays as it is."""
    from modeltally.cli._receiving import recording
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    with _remover(settings, store, None, trash) as remover, recording(endpoint, directory) as is_recorded:
        remover.record = _recorder(is_recorded=is_recorded)
        kept = remover.undo(removal)
    output_console().print(f"{removal} is back", markup=False)
    for path in kept:
        error_console().print(f"left as it is, since it is another one by now: {path}", markup=False, soft_wrap=True)


def _trash(
    *,
    trash: TrashFolder = None,
    store: Stores = None,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Show what is in the trash, what purging it would free, and when it is old enough for that."""
    from modeltally.analytics.topic import Layout
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    with _remover(settings, store, None, trash) as remover:
        rows = trash_rows(remover, settings)
    if output_format != TABLE:
        print_rows(rows, output_format, columns=_TRASH)
        return
    from modeltally.cli._table import write_table

    layout = Layout("Trash", columns=_TRASH, first_to_give_way=("state", "store"), when_empty="nothing is in the trash")
    write_table(rows, layout, console=output_console())


def _purge(  # noqa: PLR0913 - each is a flag
    removal: Annotated[
        list[str] | None,
        typer.Argument(help="What `trash` calls them. Default: what is old enough.", show_default=False),
    ] = None,
    *,
    all_: Annotated[bool, typer.Option("--all", help="Everything, however new.")] = False,
    free: Annotated[
        str | None,
        typer.Option(metavar="BYTES", help="The oldest, until so much of the disk is free: 100GB.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this it is only said what would go.")] = False,
    trash: TrashFolder = None,
    store: Stores = None,
    endpoint: Receiver = None,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Let go of what is in the trash, for good: this frees the bytes, and nothing brings it back."""
    from modeltally.cli._receiving import recording
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    days = 0.0 if all_ else settings.trash_days
    with _remover(settings, store, None, trash) as remover:
        going = remover.to_purge(removal or (), older_than_days=days, free_bytes=_bytes(free))
        rows = [
            {
                "trash": each.id,
                "model": each.plan.model,
                "removed_at": each.removed_at,
                "freed_bytes": place.held_bytes(each),
                "purged": yes,
            }
            for place, each in going
        ]
        if yes:
            with recording(endpoint, directory) as is_recorded:
                remover.record = _recorder(is_recorded=is_recorded)
                freed = remover.purge([each.id for _, each in going]) if going else {}
            for row in rows:
                row["freed_bytes"] = freed[str(row["trash"])]
    if output_format != TABLE:
        print_rows(rows, output_format, columns=("trash", "model", "removed_at", "freed_bytes", "purged"))
        return
    from modeltally.analytics.topic import Layout
    from modeltally.cli._table import write_table

    title = "Purged" if yes else "Would be purged"
    empty = "nothing in the trash is old enough" if not removal else "nothing"
    write_table(rows, Layout(title, when_empty=empty), console=output_console())
    if rows and not yes:
        error_console().print("nothing is done yet: add --yes to do it", markup=False)


_TRASH = ("trash", "model", "store", "state", "removed_at", "purged_from", "removed_bytes", "freed_bytes")


def trash_rows(remover: Remover, settings: Settings) -> list[dict[str, Any]]:
    """Give what is in the trash, as rows.

    Args:
        remover: Knows the trash.
        settings: Say for how many days it is kept.
    """
    return [
        {
            "trash": each.id,
            "model": each.plan.model,
            "store": each.plan.store,
            "state": each.state,
            "removed_at": each.removed_at,
            "purged_from": each.removed_at + timedelta(days=settings.trash_days),
            "removed_bytes": each.plan.removed_bytes,
            "freed_bytes": trash.held_bytes(each),
        }
        for trash in remover.trashes()
        for each in trash.removals()
    ]


def removal_rows(result: RemovalResult, brought: frozenset[str]) -> list[dict[str, Any]]:
    """Give what a removal did, or would do, as rows.

    Args:
        result: What it said.
        brought: The models that were fetched by modeltally.
    """
    rows: list[dict[str, Any]] = [
        {
            "what": "removed" if each.trash_id else "would be removed",
            "model": each.model,
            "store": each.store,
            "removed_bytes": each.removed_bytes,
            "freed_bytes": each.bytes_freed_when_purged,
            # what it did not bring it never removes without saying so
            "brought_by": "modeltally" if each.model in brought else "others",
            "trash": each.trash_id,
            "why": "; ".join(each.notes),
        }
        for each in (result.advised if result.dry_run else result.removed)
    ]
    rows += [{"what": "kept", "model": each.model, "why": "; ".join(each.reasons)} for each in result.kept]
    rows += [{"what": "failed", "model": "", "why": each} for each in result.errors]
    return [{name: row.get(name) for name in COLUMNS} for row in rows]


def _show(result: RemovalResult, settings: Settings, output_format: str) -> None:
    rows = removal_rows(result, _brought(settings))
    if output_format == "json":
        print_rows([{**asdict(result), "rows": rows}], output_format)
        return
    if output_format != TABLE:
        print_rows(rows, output_format, columns=COLUMNS)
        return
    from modeltally.analytics.topic import Layout
    from modeltally.cli._table import write_table

    layout = Layout("Removal", columns=COLUMNS, first_to_give_way=("store",), when_empty="nothing is to be removed")
    write_table(rows, layout, console=output_console())
    console = error_console()
    if any(row["brought_by"] == "others" for row in rows):
        console.print("modeltally did not fetch what is marked `others`: ask who needs it", markup=False)
    if result.dry_run and result.advised:
        console.print("nothing is removed yet: add --apply to do it", markup=False)
    for each in result.removed:
        day = datetime.now(UTC) + timedelta(days=settings.trash_days)
        console.print(
            f"`modeltally models undo {each.trash_id}` brings {each.model} back; its bytes become free once it is"
            f" purged: from {day:%d %B} on, or at once by `modeltally models purge {each.trash_id} --yes`",
            markup=False,
            soft_wrap=True,
        )


def _confirm(result: RemovalResult, confirm: str | None) -> None:
    models = [each.model for each in result.advised]
    wanted = models[0] if len(models) == 1 else f"remove {len(models)}"
    if confirm is None:
        if not sys.stdin.isatty():
            raise InputError(f"nobody can be asked: give --confirm {json.dumps(wanted)} to remove it")
        confirm = typer.prompt(f"Type {wanted!r} to do it", default="", show_default=False)
    if confirm != wanted:
        raise InputError(f"{confirm[:80]!r} is not {wanted!r}: nothing was removed")


@contextlib.contextmanager
def _remover(
    settings: Settings, store: Sequence[str] | None, declared: Path | None, trash: Path | None
) -> Iterator[Remover]:
    """Make what removes models, with a log of every step in the data directory."""
    from modeltally.availability.inventory import take_inventory
    from modeltally.availability.removal import Remover
    from modeltally.cli._stores import find_places, read_declaration

    known = read_declaration(declared)
    places = find_places(list(store) if store else None, known)
    with contextlib.ExitStack() as stack:
        yield Remover(
            lambda: take_inventory(places, known),
            known,
            _uses(settings),
            trash.absolute() if trash is not None else None,
            tell=_step_log(settings, stack),
        )


def _step_log(settings: Settings, stack: contextlib.ExitStack) -> Callable[[Step], object]:
    """Write each step as a line of JSON; a log that cannot be written ends nothing half-way."""
    opened: list[Any] = []

    def tell(step: Step) -> None:
        if not opened:
            try:
                settings.dir.mkdir(parents=True, exist_ok=True)
                opened.append(stack.enter_context((settings.dir / _LOG).open("a", encoding="utf-8")))
            except OSError as error:
                error_console().print(f"steps are not logged: {error}", markup=False, soft_wrap=True)
                opened.append(io.StringIO())
        with contextlib.suppress(OSError):
            opened[0].write(json.dumps({"at": datetime.now(UTC).isoformat(), **step}) + "\n")
            opened[0].flush()

    return tell


def _recorder(*, is_recorded: bool) -> Callable[[Any], object]:
    def record(item: Any) -> None:
        if is_recorded:
            import modeltally

            now = datetime.now(UTC)
            modeltally.record("inventory", started_at=now, ended_at=now, source="agent", wait=True, **item)

    return record


def _uses(settings: Settings) -> Callable[[Sequence[str]], Use]:
    """Make what tells when a model was last used, from the store, if there is one."""

    def use_of(names: Sequence[str]) -> Use:
        from modeltally.availability.guards import Use
        from modeltally.cli._stores import last_used

        known = last_used(settings)
        if known is None:
            return Use(is_known=False)
        found = [at for name in names if isinstance(at := known.get(name), datetime)]
        return Use(max(found, default=None))

    return use_of


def _advised(settings: Settings) -> list[Advised]:
    """Ask for the advice of now: what it names may go."""
    from modeltally.analytics.window import parse_window
    from modeltally.availability.removal import Advised
    from modeltally.connect import open_reader
    from modeltally.recommend.kinds import advice_named, advise, parameters_of

    advice = advice_named("cleanup")
    now = datetime.now(UTC)
    window = parse_window(None, None, None, now=now)
    with open_reader(settings) as reader:
        rows = advise(reader, advice, parameters_of(advice, window))
    return [
        Advised(row["subject"], advised_at=window.as_of, expires_at=row["expires_at"])
        for row in rows
        if row["verdict"] == "advise"
    ]


def _brought(settings: Settings) -> frozenset[str]:
    """Name the models that were fetched by the queue of downloads."""
    from modeltally.availability.downloads.queue import DownloadQueue
    from modeltally.availability.downloads.record import DownloadState

    with contextlib.suppress(ModelTallyError, OSError):
        return frozenset(each.model for each in DownloadQueue(settings.dir).all() if each.state is DownloadState.DONE)
    return frozenset()


def _bytes(text: str | None) -> int:
    from modeltally.availability.downloads.rates import bytes_per_second

    return 0 if text is None else int(bytes_per_second(text) or 0)


_COMMANDS = (
    ("remove", _remove, "Move models into the trash.", "remove Wan-AI/Wan2.2-T2V-A14B --apply"),
    ("undo", _undo, "Bring back what was removed.", "undo Wan-AI/Wan2.2-T2V-A14B"),
    ("trash", _trash, "Show what is in the trash.", "trash --format json"),
    ("purge", _purge, "Free the bytes in the trash, for good.", "purge --free 100GB --yes"),
)


def add_removal(models: typer.Typer) -> None:
    """Add these commands to a group.

    Args:
        models: The group.
    """
    for name, function, line, example in _COMMANDS:
        models.command(name, short_help=line, epilog=f"Example: modeltally models {example}")(guarded(function))
