"""Carrying a removal out: what is asked for is looked at anew, held against every guard, and moved into the trash."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from modeltally.availability.disk import legible
from modeltally.availability.guards import Use, open_files, reasons_against
from modeltally.availability.removal_plan import plan_leftover, plan_model
from modeltally.availability.status import CleanupResult
from modeltally.availability.told import at_home, volume_of
from modeltally.availability.trash import Trash, trash_beside
from modeltally.errors import InputError, ModelTallyError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from modeltally.availability.declared import DeclaredModels
    from modeltally.availability.held import Leftover
    from modeltally.availability.inventory import Entry, Inventory
    from modeltally.availability.removal_plan import Plan
    from modeltally.availability.status import RetentionPolicy
    from modeltally.availability.told import Told
    from modeltally.availability.trash import Removal, Step

__all__ = ["Advised", "Refused", "RemovalResult", "Remover", "Trashed", "told_of"]

DEFAULT_POLICY: Final = "asked for"


@dataclass(frozen=True, slots=True)
class Advised:
    """A model whose removal is asked for.

    Attributes:
        name: What it is called, in its store or by services.
        revision: The revision that alone shall go; empty for the whole model.
        advised_at: When an advice said so; None where somebody asks for it by name.
        expires_at: Until when the advice holds; None where there is none.
    """

    name: str
    revision: str = ""
    advised_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """What was not removed, and why."""

    model: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Trashed:
    """What was removed, or would be.

    Attributes:
        model: The model.
        store: The kind of store.
        location: Which one.
        removed_bytes: What goes with it.
        bytes_freed_when_purged: What becomes free once the trash lets go of it.
        trash_id: What brings it back; empty in a dry run.
        notes: What to know.
    """

    model: str
    store: str
    location: str
    removed_bytes: int
    bytes_freed_when_purged: int
    trash_id: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemovalResult:
    """What a cleanup did, or would do.

    Attributes:
        policy: By which rule it was advised.
        dry_run: Nothing was changed.
        looked_at: How many models were looked at.
        kept: What was asked for and not removed, with the reasons.
        advised: The models that may go.
        removed: What went.
        bytes_freed_now: Bytes that are free by now: none while the trash holds them.
        bytes_freed_when_purged: Bytes that become free once it lets go.
        trash_ids: What brings them back, in order.
        errors: What failed.
    """

    policy: str = DEFAULT_POLICY
    dry_run: bool = True
    looked_at: int = 0
    kept: tuple[Refused, ...] = ()
    advised: tuple[Trashed, ...] = ()
    removed: tuple[Trashed, ...] = ()
    bytes_freed_now: int = 0
    bytes_freed_when_purged: int = 0
    trash_ids: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Remover:
    """Removes models of this machine's stores, brings them back, purges them.

    Attributes:
        look: Takes an inventory; asked anew before anything is removed.
        declared: What should be there.
        use_of: Tells the use of a model, by all its names.
        trash: The trash to use; None for the one beside each store.
        clock: Tells the time, aware.
        tell: Takes each step as it is done.
        record: Takes what is to be told of it, as the values of an operation ``inventory``.
        proc: Where the system tells of its processes.
    """

    look: Callable[[], Inventory]
    declared: DeclaredModels | None = None
    use_of: Callable[[Sequence[str]], Use] = lambda _: Use(is_known=False)
    trash: Path | None = None
    clock: Callable[[], datetime] = _now
    tell: Callable[[Step], object] = lambda _: None
    record: Callable[[Told], object] = lambda _: None
    proc: Path = field(default_factory=lambda: Path("/proc"))

    def remove(
        self, wanted: Iterable[Advised], *, dry_run: bool = True, policy: str = DEFAULT_POLICY, leftovers: bool = False
    ) -> RemovalResult:
        """Remove models, each as a whole or not at all.

        Args:
            wanted: Which.
            dry_run: Only say what would go.
            policy: By which rule it was advised.
            leftovers: Remove as well what no model needs.

        Returns:
            What went, what was kept and why.

        Raises:
            InputError: A name stands for several models.
            UnknownNameError: No model goes by a name that is asked for.
        """
        inventory = self.look()
        kept: list[Refused] = []
        advised: list[Trashed] = []
        plans: list[tuple[Plan, Trashed, Advised | None]] = []
        for each in wanted:
            try:
                entry = inventory.find(each.name)
            except UnknownNameError:
                if each.advised_at is None:
                    raise
                kept.append(Refused(each.name, ("it is not on the disks of this machine",)))
                continue
            planned, reasons = self._judged(each, entry, inventory)
            if planned is None or reasons:
                kept.append(Refused(each.name, tuple(reasons)))
                continue
            said = Trashed(
                planned.model,
                planned.store,
                planned.location,
                planned.removed_bytes,
                planned.freed_bytes,
                notes=planned.notes,
            )
            advised.append(said)
            plans.append((planned, said, each))
        for left in inventory.leftovers if leftovers else ():
            try:
                planned = self._plan_left(left)
            except InputError as error:
                kept.append(Refused(legible(left.path), (str(error),)))
                continue
            if planned is not None:
                said = Trashed(
                    f"{left.what} {legible(left.path.name)}",
                    left.store,
                    left.location,
                    planned.removed_bytes,
                    planned.freed_bytes,
                )
                advised.append(said)
                plans.append((planned, said, None))
        result = RemovalResult(
            policy=policy,
            dry_run=dry_run,
            looked_at=len(inventory.entries),
            kept=tuple(kept),
            advised=tuple(advised),
            bytes_freed_when_purged=sum(each.bytes_freed_when_purged for each in advised),
        )
        return result if dry_run else self._carry_out(result, plans)

    def for_manager(self, policy: RetentionPolicy) -> Callable[[Sequence[Entry]], CleanupResult]:
        """Give what a :class:`ModelAvailabilityManager` takes to remove models by its policy.

        Args:
            policy: The policy that chooses them.
        """

        def remove(going: Sequence[Entry]) -> CleanupResult:
            names = {f"{each.model.store}:{each.model.name}": each.model.name for each in going}
            done = self.remove([Advised(name) for name in names], dry_run=policy.dry_run, policy="retention")
            return CleanupResult(
                policy=policy,
                dry_run=done.dry_run,
                looked_at=done.looked_at,
                kept={names.get(each.model, each.model): "; ".join(each.reasons) for each in done.kept},
                advised=tuple(each.model for each in done.advised),
                removed=tuple(each.model for each in done.removed),
                bytes_freed_now=done.bytes_freed_now,
                bytes_freed_when_purged=done.bytes_freed_when_purged,
                trash_id=",".join(done.trash_ids),
                errors=dict(each.split(": ", 1) for each in done.errors),
            )

        return remove

    def _carry_out(self, result: RemovalResult, plans: list[tuple[Plan, Trashed, Advised | None]]) -> RemovalResult:
        removed: list[Trashed] = []
        kept, errors = list(result.kept), []
        for plan, said, asked in plans:
            trash = self.trash_of(plan.root)
            try:
                with trash.alone():
                    fresh, reasons = (plan, []) if asked is None else self._again(asked)
                    if fresh is None or reasons:
                        kept.append(Refused(said.model, tuple(reasons)))
                        continue
                    removal = trash.take(fresh)
            except ModelTallyError as error:
                errors.append(f"{said.model}: {error}")
                continue
            removed.append(
                Trashed(
                    said.model,
                    said.store,
                    said.location,
                    fresh.removed_bytes,
                    fresh.freed_bytes,
                    removal.id,
                    said.notes,
                )
            )
            self.record({**told_of(removal, "removed"), "inventory_bytes": fresh.removed_bytes})
        return RemovalResult(
            policy=result.policy,
            dry_run=False,
            looked_at=result.looked_at,
            kept=tuple(kept),
            advised=result.advised,
            removed=tuple(removed),
            bytes_freed_when_purged=sum(each.bytes_freed_when_purged for each in removed),
            trash_ids=tuple(each.trash_id for each in removed),
            errors=tuple(errors),
        )

    def _again(self, asked: Advised) -> tuple[Plan | None, list[str]]:
        """Look at a model once more, just before it goes: it may be in use by now."""
        inventory = self.look()
        return self._judged(asked, inventory.find(asked.name), inventory)

    def _judged(self, asked: Advised, entry: Entry, inventory: Inventory) -> tuple[Plan | None, list[str]]:
        """Plan a removal and say what stands against it."""
        model = entry.model
        others = [
            other.model
            for other in inventory.entries
            if other.model is not model and (other.model.store, other.model.location) == (model.store, model.location)
        ]
        try:
            plan = plan_model(model, others, revision=asked.revision)
        except (InputError, OSError) as error:
            return None, [str(error)]
        if asked.expires_at is not None and asked.expires_at <= self.clock():
            return plan, [f"the advice expired at {asked.expires_at:%Y-%m-%d %H:%M}: ask for it anew"]
        if asked.advised_at is not None and asked.advised_at > self.clock() + timedelta(minutes=5):
            return plan, [
                f"the advice is of {asked.advised_at:%Y-%m-%d %H:%M}, which has not come yet: is the clock right?"
            ]
        names = sorted({model.name, asked.name.partition(":")[2] or asked.name, asked.name, *_declared_names(entry)})
        reasons = reasons_against(
            model,
            names,
            loaded=inventory.loaded,
            declared=self.declared,
            opened=open_files(plan.inodes, self.proc),
            inodes=plan.inodes,
            use=self.use_of(names),
            advised_at=asked.advised_at,
        )
        return plan, reasons

    def _plan_left(self, left: Leftover) -> Plan | None:
        if left.what in ("downloading", "detached revision"):
            return None  # the one is being written, the other goes by its model's name and revision
        plan = plan_leftover(left)
        held = open_files(plan.inodes, self.proc).holders
        if held:
            raise InputError(f"it is open in process {min(min(processes) for processes in held.values())}")
        return plan

    def trash_of(self, root: Path) -> Trash:
        """Give the trash of a store's folder."""
        return Trash(self.trash or trash_beside(root), clock=self.clock, tell=self.tell)

    def trashes(self) -> list[Trash]:
        """Give every trash of this machine's stores that is there."""
        roots = [Path(listing.location) for listing in self.look().listings if "://" not in listing.location]
        folders = [self.trash] if self.trash else [trash_beside(Path(root).resolve()) for root in roots]
        return [Trash(each, clock=self.clock, tell=self.tell) for each in dict.fromkeys(folders) if each.is_dir()]

    def find(self, name: str) -> tuple[Trash, Removal]:
        """Find a removal by its id, or the newest of a model.

        Raises:
            InputError: None is there.
        """
        known: list[str] = []
        for trash in self.trashes():
            for removal in reversed(trash.removals()):
                known.append(removal.id)
                if name in (removal.id, removal.plan.model):
                    return trash, removal
        raise InputError(f"no removal {name[:80]!r} is in the trash; there are: {', '.join(known) or 'none'}")

    def undo(self, name: str) -> list[str]:
        """Bring back what a removal took.

        Args:
            name: Its id, or the name of the model.

        Returns:
            What was left as it is, since something else has its name by now.

        Raises:
            InputError: There is no such removal.
            StoreError: The disk refused, or another removal is under way.
        """
        trash, removal = self.find(name)
        with trash.alone():
            kept = trash.undo(removal)
        self.record(told_of(removal, "restored"))
        return kept

    def purge(self, names: Sequence[str] = (), *, older_than_days: float = 0.0, free_bytes: int = 0) -> dict[str, int]:
        """Let go of removals for good.

        Args:
            names: Which, by their ids or models; none for those that are old enough.
            older_than_days: Where no name is given, the days after which one is let go.
            free_bytes: Where no name is given, let the oldest go whatever their age until so many bytes are free.

        Returns:
            Bytes that became free, by removal.

        Raises:
            InputError: There is no such removal.
            StoreError: The disk refused, or another removal is under way.
        """
        found = self.to_purge(names, older_than_days=older_than_days, free_bytes=free_bytes)
        freed: dict[str, int] = {}
        for trash, removal in found:
            with trash.alone():
                freed[removal.id] = trash.purge(removal)
            self.record({**told_of(removal, "purged"), "inventory_freed_bytes": freed[removal.id]})
        return freed

    def to_purge(
        self, names: Sequence[str] = (), *, older_than_days: float = 0.0, free_bytes: int = 0
    ) -> list[tuple[Trash, Removal]]:
        """Say what :meth:`purge` would let go, by the same arguments."""
        return [self.find(name) for name in names] or self._old(older_than_days, free_bytes)

    def _old(self, days: float, free_bytes: int) -> list[tuple[Trash, Removal]]:
        there = [(trash, removal) for trash in self.trashes() for removal in trash.removals()]
        there.sort(key=lambda each: each[1].removed_at)
        limit = self.clock() - timedelta(days=days)
        if not free_bytes:
            return [each for each in there if each[1].removed_at <= limit]
        chosen = []
        going: dict[Path, int] = {}
        for trash, removal in there:
            volume = volume_of(trash.folder)
            if volume is not None and volume.free_bytes + going.get(trash.folder, 0) < free_bytes:
                going[trash.folder] = going.get(trash.folder, 0) + trash.held_bytes(removal)
                chosen.append((trash, removal))
        return chosen


def told_of(removal: Removal, item: str) -> Told:
    """Say what an operation ``inventory`` tells of a removal."""
    told: Mapping[str, str | int] = {
        "inventory_item": item,
        "cleanup_id": removal.id,
        "store_kind": removal.plan.store,
        "store_location": at_home(removal.plan.location),
        "inventory_freed_bytes": 0,
    }
    return {**told, **({"model": removal.plan.model} if removal.plan.model else {})}


def _declared_names(entry: Entry) -> tuple[str, ...]:
    return () if entry.declared is None else tuple(entry.declared.names)
