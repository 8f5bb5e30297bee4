"""How models on disk are shown: one row a model, rows of what is left over, the files of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modeltally.analytics.topic import Layout
from modeltally.availability.disk import legible

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from modeltally.availability.held import HeldModel, Leftover, LoadedModel, Revision
    from modeltally.availability.inventory import Entry, Inventory
    from modeltally.availability.verify import Verdict

__all__ = [
    "CHECKED",
    "COLUMNS",
    "FILES",
    "LEFTOVERS",
    "MODELS",
    "VERDICTS",
    "checked_rows",
    "entry_row",
    "file_rows",
    "health_of",
    "inventory_rows",
    "verdict_row",
]

Row = dict[str, object]

COLUMNS: Final = (
    "what",
    "model",
    "store",
    "kind",
    "state",
    "reason",
    "revisions",
    "files",
    "size_bytes",
    "freed_bytes",
    "loaded",
    "last_used_at",
    "declared",
    "priority",
    "shared_with",
    "location",
    "path",
)
MODELS: Final = Layout(
    "Models",
    columns=(
        "model",
        "store",
        "state",
        "revisions",
        "files",
        "size_bytes",
        "freed_bytes",
        "loaded",
        "priority",
        "last_used_at",
        "reason",
    ),
    first_to_give_way=("reason", "revisions", "files", "priority", "loaded", "last_used_at", "size_bytes"),
    when_empty="no model was found; name a place with --store, for example --store folder=/data/models",
)
LEFTOVERS: Final = Layout(
    "What no model needs",
    columns=("what", "model", "store", "freed_bytes", "path"),
    first_to_give_way=("store", "model"),
    when_empty="nothing",
)
FILES: Final = Layout(
    "Files",
    columns=("file", "revision", "size_bytes", "expected_bytes", "problem", "path"),
    first_to_give_way=("path", "expected_bytes", "revision"),
    when_empty="none is known",
)
CHECKED: Final = Layout(
    "Files that are not good",
    columns=("model", "file", "found", "size_bytes", "level"),
    first_to_give_way=("level", "size_bytes", "model"),
)
VERDICTS: Final = Layout(
    "Checks",
    columns=("model", "health", "integrity_rate", "files", "missing", "corrupted", "read_bytes", "level", "revision"),
    first_to_give_way=("revision", "level", "read_bytes", "missing", "corrupted"),
    when_empty="no model was found",
)
_SHOWN_DIGITS: Final = 12
_LATEST: Final = ":latest"


def inventory_rows(inventory: Inventory, last_used: Mapping[str, object]) -> tuple[list[Row], list[Row]]:
    """Make a row of every model, and one of whatever no model needs.

    Args:
        inventory: What was found.
        last_used: When a model was last used, by the name that services say.

    Returns:
        The models, largest first, and the rest, largest first. All rows have the same columns.
    """
    loaded: dict[str, LoadedModel] = {}
    for each in inventory.loaded:
        for name in (each.name, each.name.removesuffix(_LATEST)):
            loaded.setdefault(name, each)
    rows = [entry_row(entry, loaded, last_used) for entry in inventory.entries]
    rest = [_leftover_row(leftover) for leftover in inventory.leftovers]
    return _largest_first(rows, "size_bytes"), _largest_first(rest, "freed_bytes")


def _largest_first(rows: list[Row], column: str) -> list[Row]:
    return sorted(rows, key=lambda row: (-int(str(row[column] or 0)), str(row["model"])))


def entry_row(entry: Entry, loaded: Mapping[str, LoadedModel], last_used: Mapping[str, object]) -> Row:
    """Make the row of a model.

    Args:
        entry: The model.
        loaded: What is in memory, by name.
        last_used: When a model was last used, by the name that services say.
    """
    model, declared = entry.model, entry.declared
    names = [model.name, model.name.removesuffix(_LATEST), *(() if declared is None else declared.names)]
    in_memory = next((loaded[name].state for name in names if name in loaded), None)
    used = [last_used[name] for name in names if name in last_used]
    return {
        "what": "model",
        "model": model.name,
        "store": model.store,
        "kind": model.kind,
        "state": model.state.value,
        "reason": model.reason,
        "revisions": [_revision(each) for each in model.revisions if each.name],
        "files": len({file.path for file in model.files if not file.is_missing}),
        "size_bytes": model.size_bytes,
        "freed_bytes": model.exclusive_bytes if model.files else None,
        "loaded": in_memory,
        "last_used_at": max(used, key=str) if used else None,
        "declared": None if declared is None else declared.model,
        "priority": None if declared is None else declared.priority.value,
        "shared_with": list(model.shared_with),
        "location": model.location,
        "path": "",
    }


def _leftover_row(leftover: Leftover) -> Row:
    row: Row = dict.fromkeys(COLUMNS)
    row |= {
        "what": leftover.what,
        "model": leftover.model,
        "store": leftover.store,
        "kind": "",
        "state": "",
        "reason": "",
        "revisions": [],
        "size_bytes": leftover.size_bytes,
        "freed_bytes": leftover.size_bytes,
        "shared_with": [],
        "location": leftover.location,
        "path": legible(leftover.path),
    }
    return row


def _revision(revision: Revision) -> str:
    shown = revision.name[:_SHOWN_DIGITS]
    return f"{shown} ({', '.join(revision.refs)})" if revision.refs else shown


def file_rows(model: HeldModel) -> list[Row]:
    """Make a row of every file of every revision of a model."""
    return [
        {
            "file": file.name,
            "revision": revision.name,
            "size_bytes": file.size_bytes,
            "expected_bytes": file.expected_bytes,
            "sum": None if file.digest is None else f"{file.digest.algorithm}:{file.digest.value}",
            "problem": file.problem,
            "path": legible(file.path),
        }
        for revision in model.revisions
        for file in revision.files
    ]


def verdict_row(verdict: Verdict, *, store: str, at: dt.datetime) -> Row:
    """Make the row of a check.

    Args:
        verdict: What was found.
        store: The kind of store.
        at: When.
    """
    return {
        "model": verdict.model,
        "store": store,
        "revision": verdict.revision,
        "level": verdict.level.value,
        "health": health_of(verdict),
        "integrity_rate": verdict.integrity_score,
        "files": len(verdict.files),
        "missing": verdict.missing,
        "corrupted": verdict.corrupted,
        "unchecked": sum(each.is_good is None for each in verdict.files),
        "summed": sum(each.level == "sums" for each in verdict.files),
        "read_bytes": sum(each.read_bytes for each in verdict.files),
        "checked_at": at,
        "faults": [f"{each.file.name} {each.found}" for each in verdict.files if each.found],
    }


def health_of(verdict: Verdict) -> str:
    """Say in a word what a check found."""
    if not verdict.files:
        return "nothing to check"
    if verdict.is_healthy is None:
        return "unchecked"
    if verdict.is_healthy:
        return "healthy"
    return "damaged" if verdict.corrupted else "incomplete"


def checked_rows(verdict: Verdict) -> list[Row]:
    """Make a row of every file that a check did not find good."""
    return [
        {
            "model": verdict.model,
            "file": each.file.name,
            "found": each.found,
            "size_bytes": each.file.size_bytes,
            "level": each.level.value,
            "path": legible(each.file.path),
        }
        for each in verdict.files
        if not each.is_good
    ]
