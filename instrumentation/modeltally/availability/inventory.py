"""All models of this machine together: every store looked into, beside what is declared."""

from __future__ import annotations

import dataclasses
import difflib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from modeltally.availability._hub_repository import Wanted
from modeltally.availability.held import HeldModel, Listing
from modeltally.availability.states import ModelAvailabilityStatus
from modeltally.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from modeltally.availability.declared import DeclaredModel, DeclaredModels
    from modeltally.availability.found import Places
    from modeltally.availability.held import Inode, Leftover, LoadedModel
    from modeltally.availability.store import ModelStore

__all__ = ["Entry", "Inventory", "take_inventory", "wanted_of"]

_SHOWN_NAMES: Final = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that is there, or should be.

    Attributes:
        model: What is there; one in state MISSING or UNKNOWN where nothing is.
        declared: What is declared of it; None where nothing is.
    """

    model: HeldModel
    declared: DeclaredModel | None = None


@dataclass(frozen=True, slots=True)
class Inventory:
    """What was found in all stores.

    Attributes:
        listings: What was found in each.
        entries: The models, those that are declared and not there among them.
        loaded: What servers hold in memory.
    """

    listings: tuple[Listing, ...]
    entries: tuple[Entry, ...]
    loaded: tuple[LoadedModel, ...] = field(default=())

    @property
    def leftovers(self) -> tuple[Leftover, ...]:
        """What no model needs, of all stores."""
        return tuple(leftover for listing in self.listings for leftover in listing.leftovers)

    @property
    def problems(self) -> tuple[str, ...]:
        """What could not be seen."""
        return tuple(f"{listing.store}: {problem}" for listing in self.listings for problem in listing.problems)

    def find(self, name: str) -> Entry:
        """Return the model that goes by a name.

        Args:
            name: Its name in its store, ``STORE:NAME``, or a declared name or alias.

        Raises:
            UnknownNameError: None does.
            InputError: Several do.
        """
        for same in (lambda text: text, str.casefold):
            found = [each for each in self.entries if same(name) in map(same, _names_of(each))]
            if len(found) == 1:
                return found[0]
            if found:
                places = ", ".join(f"{each.model.store}:{each.model.name}" for each in found)
                where = (
                    ""
                    if len({each.model.store for each in found}) == len(found)
                    else (f" in {', '.join(each.model.location for each in found)}; look into one of them with --store")
                )
                raise InputError(f"model {name[:80]!r} is there {len(found)} times: {places}{where}")
        names = sorted({each.model.name for each in self.entries})
        if len(names) > _SHOWN_NAMES:
            names = difflib.get_close_matches(name, names, n=_SHOWN_NAMES, cutoff=0.3) or names[:_SHOWN_NAMES]
        raise UnknownNameError("model", name, names)


def _names_of(entry: Entry) -> list[str]:
    model = entry.model
    declared = () if entry.declared is None else entry.declared.names
    return [model.name, f"{model.store}:{model.name}", *declared]


def wanted_of(declared: DeclaredModels | None) -> dict[str, Wanted]:
    """Give what is declared of models of the hub, by their names there."""
    models = () if declared is None else declared.models
    return {each.name_there: Wanted(each.revision, each.files) for each in models if each.store == "huggingface"}


def take_inventory(places: Places, declared: DeclaredModels | None = None) -> Inventory:
    """Look into all stores. Nothing is read of any model, and no server takes it for use.

    Args:
        places: Where to look.
        declared: What should be there.

    Returns:
        What was found; a store that cannot be looked into is told of among the problems.
    """
    listings = [_listing_of(store) for store in places.stores]
    loaded = tuple(model for store in (*places.stores, *places.servers) for model in store.loaded())
    models = _with_shares([model for listing in listings for model in listing.models])
    return Inventory(tuple(listings), tuple(_entries(models, listings, declared)), loaded)


def _listing_of(store: ModelStore) -> Listing:
    try:
        return store.listing()
    except OSError as error:  # a disk that goes away while it is looked at
        return Listing(store.kind, store.location, is_readable=False, problems=(f"{store.location}: {error}",))


def _with_shares(models: list[HeldModel]) -> list[HeldModel]:
    """Tell of each model which others need some of its files on disk."""
    owners: dict[Inode, set[int]] = defaultdict(set)
    for number, model in enumerate(models):
        for file in model.files:
            if file.inode is not None:
                owners[file.inode].add(number)
    others: dict[int, set[int]] = defaultdict(set)
    for sharing in owners.values():
        if len(sharing) > 1:
            for number in sharing:
                others[number] |= sharing - {number}
    return [
        dataclasses.replace(
            model, shared_with=tuple(sorted(f"{models[other].store}:{models[other].name}" for other in others[number]))
        )
        if number in others
        else model
        for number, model in enumerate(models)
    ]


def _entries(models: list[HeldModel], listings: list[Listing], declared: DeclaredModels | None) -> list[Entry]:
    by_name: dict[tuple[str, str], DeclaredModel] = {}
    for each in () if declared is None else declared.models:
        for name in each.names:
            by_name.setdefault((each.store, name), each)
    entries = []
    seen = set()
    for model in models:
        # the server of Ollama holds what is declared for its folder
        matched = by_name.get((model.store.removesuffix("-server"), model.name))
        if matched is not None:
            seen.add(matched.model)
        entries.append(Entry(model, matched))
    absent = [each for each in (() if declared is None else declared.models) if each.model not in seen]
    return [*entries, *(Entry(_absent(each, listings), each) for each in absent)]


def _absent(declared: DeclaredModel, listings: list[Listing]) -> HeldModel:
    """Say of a declared model that it is missing, or that nobody can tell."""
    looked = [listing for listing in listings if listing.store.removesuffix("-server") == declared.store]
    unreadable = [listing.location for listing in looked if not listing.is_readable]
    if looked and not unreadable:
        state, reason = ModelAvailabilityStatus.MISSING, "declared, and not there"
    else:
        why = f"{unreadable[0]} cannot be looked into" if unreadable else f"no store of kind {declared.store} was found"
        state, reason = ModelAvailabilityStatus.UNKNOWN, f"declared, and {why}"
    location = looked[0].location if looked else ""
    return HeldModel(declared.name_there, declared.store, location, state, reason)
