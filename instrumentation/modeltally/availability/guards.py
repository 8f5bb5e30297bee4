"""What stands against a removal at the moment it is carried out: use, open files, declarations, downloads."""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.availability.states import ModelAvailabilityStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from datetime import datetime

    from modeltally.availability.declared import DeclaredModels
    from modeltally.availability.held import HeldModel, Inode, LoadedModel

__all__ = ["OpenFiles", "Use", "open_files", "reasons_against"]

_MOVING: Final = frozenset(
    {
        ModelAvailabilityStatus.DOWNLOADING,
        ModelAvailabilityStatus.UPDATING,
        ModelAvailabilityStatus.QUEUED,
        ModelAvailabilityStatus.PAUSED,
    }
)
_MAPPED: Final = re.compile(r"^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+)\s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """Which files processes of this machine hold.

    Attributes:
        holders: The processes by the file they hold.
        unseen: How many processes this user may not look into.
        is_known: There is a way to ask at all, which is Linux's.
    """

    holders: Mapping[Inode, Collection[int]]
    unseen: int = 0
    is_known: bool = True


def open_files(wanted: Collection[Inode], proc: Path = Path("/proc")) -> OpenFiles:
    """Find which processes have files open, or mapped into their memory as loaders of safetensors do.

    Args:
        wanted: The files.
        proc: Where the system tells of its processes.
    """
    if not (proc / "self" / "fd").is_dir():
        return OpenFiles({}, is_known=False)
    holders: dict[Inode, set[int]] = {}
    unseen = 0
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        try:
            for inode in _held_by(process):
                if inode in wanted:
                    holders.setdefault(inode, set()).add(int(process.name))
        except PermissionError:
            unseen += 1
        except OSError:
            continue  # it ended meanwhile
    return OpenFiles(holders, unseen)


def _held_by(process: Path) -> Iterator[Inode]:
    with os.scandir(process / "fd") as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                found = Path(entry.path).stat()
                yield found.st_dev, found.st_ino
    for major, minor, number in _MAPPED.findall((process / "maps").read_text(errors="replace")):
        if number != "0":
            yield os.makedev(int(major, 16), int(minor, 16)), int(number)


@dataclass(frozen=True, slots=True)
class Use:
    """What is known of a model's use.

    Attributes:
        last_used_at: When it was last asked; None where it never was, as far as anybody told.
        is_known: There is a store that tells; without one nothing is known.
    """

    last_used_at: datetime | None = None
    is_known: bool = True


def reasons_against(
    model: HeldModel,
    names: Collection[str],
    *,
    loaded: Collection[LoadedModel],
    declared: DeclaredModels | None,
    opened: OpenFiles,
    inodes: Collection[Inode],
    use: Use,
    advised_at: datetime | None,
) -> list[str]:
    """Say why a model must not go now.

    Args:
        model: The model, as it was just listed.
        names: What services and servers call it.
        loaded: What servers hold in memory.
        declared: What should be there.
        opened: Which files are held.
        inodes: The files that would go.
        use: What is known of its use.
        advised_at: When its removal was advised; None where somebody asks for it by name.

    Returns:
        The reasons; none where it may go.
    """
    found = []
    if model.state in _MOVING:
        found.append(f"it is {model.state.value}: cancel the download first")
    called = {name.casefold() for name in names}
    found += [
        f"it is {each.state} in {each.server} {each.location}: unload it first"
        for each in loaded
        if each.name.casefold() in called and each.state != "unloaded"
    ]
    holding = sorted({process for inode in inodes for process in opened.holders.get(inode, ())})
    if holding:
        shown = ", ".join(map(str, holding[:3]))
        found.append(f"its files are open in process {shown}{', ...' if len(holding) > 3 else ''}")  # noqa: PLR2004 - enough to find it by
    found += _declared_against(called, declared, is_advised=advised_at is not None)
    if advised_at is not None:
        if not use.is_known:
            found.append("nobody tells whether it was used since it was advised")
        elif use.last_used_at is not None and use.last_used_at >= advised_at:
            found.append(f"it was used at {use.last_used_at:%Y-%m-%d %H:%M}, after it was advised")
    return found


def _declared_against(called: set[str], declared: DeclaredModels | None, *, is_advised: bool) -> Iterator[str]:
    for one in declared.models if declared is not None else ():
        if called & {name.casefold() for name in one.names}:
            if one.pin:
                yield "it is pinned in the declaration: take the pin away first"
            if is_advised and one.priority in ("CRITICAL", "HIGH"):
                yield f"its priority is declared {one.priority}"
        elif one.base and one.base.casefold() in called:
            yield f"{one.model} is declared to be based on it"
