"""``modeltally migrate``: bring the schema of a store up to date, or show what it is on a cluster."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modeltally.cli._console import error_console, output_console
from modeltally.cli._options import Directory
from modeltally.errors import InputError

if TYPE_CHECKING:
    from modeltally.settings import Settings

__all__ = ["migrate"]


def migrate(
    *,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Name of a ClickHouse cluster, as its servers' remote_servers has it: replicated tables on every"
            " shard. Only with --dry-run.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the statements for --cluster, each read by the engine's parser; run none."
        ),
    ] = False,
    directory: Directory = None,
) -> None:
    """Bring the schema of a data directory up to date; stored data stays."""
    from modeltally.connect import migrate as bring_up_to_date
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    if cluster is not None:
        if not dry_run:
            raise InputError(
                f"--cluster {cluster} cannot be applied from here yet: add --dry-run, read the statements, and run them"
                " with clickhouse-client on one node of the cluster"
            )
        _print_for_cluster(settings, cluster)
        return
    if dry_run:
        raise InputError("--dry-run goes with --cluster NAME; without one, migrate changes nothing that is stored")
    is_done = bring_up_to_date(settings)
    done = "the schema is up to date"
    said = done if is_done else "a server is running there; it brought the schema up to date when it started"
    output_console().print(f"{settings.store or settings.dir}: {said}", soft_wrap=True)


def _print_for_cluster(settings: Settings, cluster: str) -> None:
    from modeltally.connect import checked_for_cluster

    with tempfile.TemporaryDirectory(prefix="modeltally-") as scratch:
        statements = checked_for_cluster(settings.model_copy(update={"dir": Path(scratch)}), cluster)
    for statement in statements:
        sys.stdout.write(f"-- {statement.name}\n{statement.body};\n\n")
    error_console().print(
        f"{len(statements)} statements, all understood by the engine's parser; they have not run on a cluster",
        soft_wrap=True,
    )
