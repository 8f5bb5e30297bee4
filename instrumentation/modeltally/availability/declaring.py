"""Writing a ``models.toml`` from what is there."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.availability.declared import SOURCES, read_declared
from modeltally.availability.states import ModelAvailabilityStatus
from modeltally.errors import InputError

if TYPE_CHECKING:
    from modeltally.availability.held import HeldModel
    from modeltally.availability.inventory import Inventory

__all__ = ["declaration_of", "write_declaration"]

_HEAD: Final = """\
# The models that should be on this machine. `modeltally models list --declared FILE` says which of them are.
# A table may also say: base, task, priority (CRITICAL, HIGH, MEDIUM, LOW), pin, files, aliases, price.
"""
_THERE: Final = frozenset({ModelAvailabilityStatus.AVAILABLE, ModelAvailabilityStatus.UPDATING})
_NO_MODELS: Final = frozenset({"dataset", "space"})
_MAIN: Final = "main"
_MODE: Final = 0o644


def declaration_of(inventory: Inventory) -> tuple[str, list[str]]:
    """Write what is there as declarations.

    Args:
        inventory: What was found.

    Returns:
        The text, and why some models are not in it.
    """
    tables, left_out = [_HEAD], []
    taken: set[str] = set()
    for entry in inventory.entries:
        model = entry.model
        kind = model.store.removesuffix("-server")
        if model.kind in _NO_MODELS or kind not in SOURCES:
            continue
        name = model.name if model.name.casefold() not in taken else f"{kind}:{model.name}"
        if not name.isprintable():
            left_out.append(f"{model.name!r}: its name has characters that cannot be printed")
        elif model.state not in _THERE:
            left_out.append(f"{model.name} is {model.state}{f': {model.reason}' if model.reason else ''}")
        elif name.casefold() in taken:
            left_out.append(f"{model.name} is in {model.location} twice")
        else:
            taken.add(name.casefold())
            tables.append(_table(name, kind, model))
    return "\n".join(tables), left_out


def _table(name: str, kind: str, model: HeldModel) -> str:
    lines = ["[[models]]", f"model = {_quoted(name)}"]
    source = kind if name == model.name else f"{kind}:{model.name}"
    lines.append(f"source = {_quoted(source)}")
    chosen = model.revisions[0] if model.revisions else None
    # main is what counts where nothing is said; a revision without a name was chosen by its commit
    if kind == "huggingface" and chosen is not None and _MAIN not in chosen.refs:
        lines.append(f"revision = {_quoted(chosen.refs[0] if chosen.refs else chosen.name)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Write a text as TOML does, which is as JSON does for what can be printed."""
    return json.dumps(text, ensure_ascii=False)


def write_declaration(text: str, path: Path, *, is_forced: bool = False) -> None:
    """Write a file of declared models: whole or not at all.

    Args:
        text: Its content.
        path: Where; nothing may be there yet.
        is_forced: What is there is replaced.

    Raises:
        InputError: Something is there, or it cannot be written.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        read_declared(Path(temporary))
        Path(temporary).chmod(_MODE & ~_umask())
        if not is_forced:
            path.touch(exist_ok=False)  # the name is ours from here on
        Path(temporary).replace(path)
    except FileExistsError as error:
        raise InputError(f"{path} is there already; --force replaces it, --out names another file") from error
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
