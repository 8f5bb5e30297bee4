"""What a host tells of its disks: each item of a look, as the values of one operation ``inventory``."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.availability.disk import legible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from modeltally.availability.held import HeldModel, Leftover
    from modeltally.availability.inventory import Inventory

__all__ = ["Told", "Volume", "at_home", "items_of", "volume_of"]

# the values of one operation, by the keywords of `modeltally.record`
Told = dict[str, str | int]
_REFS_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Volume:
    """A disk.

    Attributes:
        name: Where it is mounted.
        size_bytes: What it holds.
        free_bytes: What is free of it for this user.
    """

    name: str
    size_bytes: int
    free_bytes: int


def at_home(path: str) -> str:
    """Write a path below the user's home with ``~``, so that the user's name is not told."""
    home = os.path.expanduser("~").rstrip(os.sep)  # noqa: PTH111 - a text, as the path is
    if home and (path == home or path.startswith(home + os.sep)):
        return "~" + path[len(home) :]
    return path


def volume_of(path: Path) -> Volume | None:
    """Find the disk that a path lies on.

    Args:
        path: It, or what is there of it.

    Returns:
        The disk; None where it cannot be asked.
    """
    try:
        place = Path(os.path.realpath(path))
        while not place.exists() and place != place.parent:
            place = place.parent
        usage = shutil.disk_usage(place)
        while not place.is_mount() and place != place.parent:
            place = place.parent
    except OSError:
        return None
    return Volume(legible(place), usage.total, usage.free)


def items_of(inventory: Inventory, *, volume_at: Callable[[Path], Volume | None] = volume_of) -> Iterator[Told]:
    """Tell of every store that could be looked into, of what it holds, and of the disks.

    Args:
        inventory: What a look found.
        volume_at: Finds the disk of a path.

    Yields:
        Each item. The row of a store says how many items it tells of, so that a look of which a part was lost is seen
        to be none; a store that could not be looked into is left out, so that what was last seen of it stays.
    """
    volumes: dict[str, Volume] = {}
    for listing in inventory.listings:
        if not listing.is_readable:
            continue
        place = {"store_kind": listing.store, "store_location": at_home(listing.location)}
        volume = None if "://" in listing.location else volume_at(Path(listing.location))
        if volume is not None:
            volumes[volume.name] = volume
        items = [*_models(listing.models), *(_leftover(each) for each in listing.leftovers)]
        head: Told = {
            "inventory_item": "store",
            "inventory_items": len(items),
            "inventory_bytes": sum(each.size_bytes for each in listing.models),
            "inventory_freed_bytes": sum(each.size_bytes for each in listing.leftovers),
        }
        if volume is not None:
            head["volume_name"] = at_home(volume.name)
        for item in (head, *items):
            yield {**place, **item}
    for volume in volumes.values():
        yield {
            "inventory_item": "volume",
            "volume_name": at_home(volume.name),
            "volume_bytes": volume.size_bytes,
            "volume_free_bytes": volume.free_bytes,
        }


def _models(models: Sequence[HeldModel]) -> Iterator[Told]:
    for model in models:
        yield {
            "inventory_item": "model",
            "model": model.name,
            "model_state": model.state.value,
            "inventory_files": len(model.files),
            "inventory_bytes": model.size_bytes,
            "inventory_freed_bytes": model.exclusive_bytes,
            **({"model_type": model.kind} if model.kind else {}),
        }
        for revision in model.revisions:
            if revision.name:
                yield {
                    "inventory_item": "revision",
                    "model": model.name,
                    "model_commit": revision.name,
                    "model_revision": ",".join(revision.refs[:_REFS_SHOWN]),
                    "inventory_files": len(revision.files),
                    "inventory_freed_bytes": revision.exclusive_bytes,
                }


def _leftover(leftover: Leftover) -> Told:
    told: Told = {
        "inventory_item": "leftover",
        "leftover_kind": leftover.what,
        "inventory_files": 1,
        "inventory_freed_bytes": leftover.size_bytes,
    }
    return {**told, "model": leftover.model} if leftover.model else told
