"""The trash: what was removed from a store lies beside it on the same disk, until it is brought back or purged.

A removal goes through states, each written and synced before the next begins: ``planned`` (nothing has gone; the trash
takes hold of every file by a hard link), ``removing`` (names go), ``removed``; then ``restoring`` until nothing of it
is left, or ``purging``. Whoever is killed at any point leaves a state from which the next one goes on: what was only
planned is dropped, everything else is done to its end. Hard links free no byte until they are purged.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from modeltally.availability.disk import legible, look
from modeltally.availability.removal_plan import FILE, FOLDER, LINK, Entry, Plan
from modeltally.errors import InputError, StoreError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["FOLDER_NAME", "Removal", "Trash", "trash_beside"]

FOLDER_NAME: Final = ".modeltally-trash"
PLANNED, REMOVING, REMOVED = "planned", "removing", "removed"
RESTORING, PURGING = "restoring", "purging"
_STATES: Final = frozenset({PLANNED, REMOVING, REMOVED, RESTORING, PURGING})
_MANIFEST: Final = "manifest.json"
_VERSION: Final = 1
_ID: Final = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6}")
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV})

Step = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Removal:
    """What one removal took.

    Attributes:
        id: What it is called.
        state: How far it is.
        removed_at: When it began.
        plan: What went.
    """

    id: str
    state: str
    removed_at: datetime
    plan: Plan


def trash_beside(root: Path) -> Path:
    """Say where the trash of a store is: beside it, for within a cache its own program would wonder."""
    return root.parent / FOLDER_NAME


class Trash:
    """The trash of one store."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        tell: Callable[[Step], object] = lambda _: None,
    ) -> None:
        """Say where it is; it is made when something comes into it.

        Args:
            folder: The trash.
            clock: Tells the time, aware.
            tell: Takes each step as it is done.
        """
        self.folder = folder
        self._clock = clock
        self._tell = tell

    def removals(self) -> list[Removal]:
        """Give what lies in it, the oldest first; what cannot be read is left out.

        Two stores beside each other have one trash; see ``Removal.plan.root`` for whose each is.
        """
        found = []
        with contextlib.suppress(OSError):
            for path in sorted(self.folder.iterdir()):
                if _ID.fullmatch(path.name):
                    with contextlib.suppress(InputError):
                        found.append(self._read(path.name))
        return found

    def find(self, name: str) -> Removal:
        """Return a removal by its id, or the newest of a model by the model's name.

        Raises:
            UnknownNameError: There is none.
        """
        removals = self.removals()
        for each in reversed(removals):
            if name in (each.id, each.plan.model):
                return each
        raise UnknownNameError("removal", name, [each.id for each in removals] or ["none"])

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep every other process of ours out, and finish what one that was killed left.

        Raises:
            StoreError: Another one is at work, or the trash cannot be used.
        """
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"the trash {legible(self.folder)} cannot be used: {error.strerror or error}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise StoreError(
                    f"another removal is under way in {legible(self.folder)}: wait for its end, nothing was changed"
                ) from error
            self.finish()
            yield
        finally:
            os.close(descriptor)

    def finish(self) -> list[Removal]:
        """Do to its end what was begun and not ended; give what was finished."""
        finished = []
        self._drop_unnamed()
        for removal in self.removals():
            if removal.state == PLANNED:
                self._drop(removal)  # nothing of it had gone
            elif removal.state == REMOVING:
                self._take_away(removal)
            elif removal.state == RESTORING:
                self._bring_back(removal)
            elif removal.state == PURGING:
                self._drop(removal)
            else:
                continue
            finished.append(removal)
        return finished

    def take(self, plan: Plan) -> Removal:
        """Move what is planned into the trash; call it within :meth:`alone`.

        Args:
            plan: What goes.

        Returns:
            The removal.

        Raises:
            InputError: A file has changed since it was planned, or lies on another disk than the trash.
            StoreError: The disk refused; nothing has gone.
        """
        began = self._clock()
        removal = Removal(f"{began:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}", PLANNED, began, plan)
        place = self.folder / removal.id
        try:
            self._check(plan)
            (place / "files").mkdir(parents=True)
            self._write(removal)
            for number, entry in enumerate(plan.entries):
                if entry.kind == FILE:
                    self._hold(entry, place / "files" / str(number))
                    self._tell({"step": "hold", "path": legible(entry.path), "bytes": entry.size_bytes})
            _sync(place / "files")
        except (InputError, StoreError):
            self._drop(removal)
            raise
        except OSError as error:
            self._drop(removal)
            raise StoreError(
                f"{plan.model or plan.location}: {error.strerror or error}: {legible(error.filename or place)};"
                " nothing was removed"
            ) from error
        removal = replace(removal, state=REMOVING)
        self._write(removal)
        return self._take_away(removal)

    def undo(self, removal: Removal) -> list[str]:
        """Bring back what a removal took; call it within :meth:`alone`.

        Args:
            removal: The removal.

        Returns:
            What is there anew under a name that was to come back, and was left as it is.

        Raises:
            StoreError: The disk refused; the next try goes on from there.
        """
        removal = replace(removal, state=RESTORING)
        self._write(removal)
        return self._bring_back(removal)

    def purge(self, removal: Removal) -> int:
        """Let go of what a removal took, for good; call it within :meth:`alone`.

        Args:
            removal: The removal.

        Returns:
            Bytes that became free: of files that no other name holds.
        """
        removal = replace(removal, state=PURGING)
        self._write(removal)
        return self._drop(removal)

    def held_bytes(self, removal: Removal) -> int:
        """Say what would become free by purging it: bytes of files that only the trash has a name for."""
        place = self.folder / removal.id / "files"
        found = (look(place / str(number), follow=False) for number in range(len(removal.plan.entries)))
        return sum(each.st_size for each in found if each is not None and each.st_nlink == 1)

    def _check(self, plan: Plan) -> None:
        device = self.folder.stat().st_dev
        for entry in plan.entries:
            path = Path(entry.path)
            found = look(path, follow=False)
            if found is None or (found.st_dev, found.st_ino) != (entry.device, entry.number):
                raise InputError(f"{legible(path)} is another file than when it was looked at: look again")
            if entry.kind == FILE and (found.st_size, found.st_mtime_ns) != (entry.size_bytes, entry.modified_ns):
                raise InputError(f"{legible(path)} has changed since it was looked at: look again")
            if entry.kind == FILE and found.st_dev != device:
                raise InputError(
                    f"{legible(path)} lies on another disk than the trash {legible(self.folder)}, so there would be no"
                    " way back: nothing is removed"
                )
            if not entry.stays and not _may_unlink(path, found.st_uid):
                raise InputError(
                    f"{legible(path)} may not be removed by this user: its folder is read-only or another user's;"
                    " nothing is removed"
                )

    def _hold(self, entry: Entry, place: Path) -> None:
        try:
            os.link(entry.path, place, follow_symlinks=False)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno in _NO_LINKS:
                raise StoreError(
                    f"{legible(entry.path)} cannot have a second name ({error.strerror}), so there would be no way"
                    " back: nothing was removed"
                ) from error
            raise
        found = place.stat(follow_symlinks=False)
        if (found.st_dev, found.st_ino) != (entry.device, entry.number):
            raise InputError(f"{legible(entry.path)} is another file than when it was looked at: look again")

    def _take_away(self, removal: Removal) -> Removal:
        """Remove every name; what is another file by now, as one that came back meanwhile, stays."""
        place = self.folder / removal.id / "files"
        for number, entry in enumerate(removal.plan.entries):
            if entry.stays:
                continue
            path = Path(entry.path)
            if entry.kind == FOLDER:
                with contextlib.suppress(OSError):  # what came into it meanwhile stays
                    path.rmdir()
                    self._tell({"step": "remove", "path": legible(path), "bytes": 0})
                continue
            found = look(path, follow=False)
            is_same = found is not None and (found.st_dev, found.st_ino) == (entry.device, entry.number)
            if entry.kind == FILE and not is_same:
                continue
            if found is None or (entry.kind == FILE and look(place / str(number), follow=False) is None):
                continue
            if entry.kind == LINK and not _leads_to(path, entry.target):
                continue
            with _locked_shared(entry):
                path.unlink()
            self._tell({"step": "remove", "path": legible(path), "bytes": entry.size_bytes})
        for folder in {Path(entry.path).parent for entry in removal.plan.entries}:
            _sync(folder)
        removal = replace(removal, state=REMOVED)
        self._write(removal)
        return removal

    def _bring_back(self, removal: Removal) -> list[str]:
        place = self.folder / removal.id / "files"
        kept: list[str] = []
        entries = list(enumerate(removal.plan.entries))
        folders = [entry for _, entry in reversed(entries) if entry.kind == FOLDER]
        lists = {f"{entry.path}.refs" for _, entry in entries if entry.line}
        try:
            for entry in folders:
                Path(entry.path).mkdir(parents=True, exist_ok=True)
            for number, entry in reversed(entries):
                is_back = entry.kind == FOLDER or self._return(entry, place / str(number))
                if not is_back and entry.path not in lists:  # to a list that is there again its line is added
                    kept.append(entry.path)
                    self._tell({"step": "keep", "path": legible(entry.path), "bytes": 0})
            for entry in reversed(folders):  # the deepest first, since each changes the time of the one above
                Path(entry.path).chmod(entry.mode)
                os.utime(entry.path, ns=(entry.modified_ns, entry.modified_ns))
        except OSError as error:
            raise StoreError(
                f"{legible(error.filename or removal.id)} cannot be brought back: {error.strerror or error}; nothing of"
                f" it is lost, try again: modeltally models undo {removal.id}"
            ) from error
        self._drop(removal)
        return [legible(path) for path in kept]

    def _return(self, entry: Entry, held: Path) -> bool:
        """Bring one name back; gives False where another file has it by now."""
        path = Path(entry.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        found = look(path, follow=False)
        if entry.kind == LINK:
            if found is not None and not _leads_to(path, entry.target):
                return False
            if found is None:
                path.symlink_to(entry.target)
            os.utime(path, ns=(entry.modified_ns, entry.modified_ns), follow_symlinks=False)
        elif found is None and look(held, follow=False) is None:
            return False  # it had come back before, and was taken away since
        elif found is None:
            with _locked_shared(entry):
                os.link(held, path)
        elif (found.st_dev, found.st_ino) != (entry.device, entry.number):
            # under a shared file's name is the same content, though another file; its list must know of this user
            self._list_again(entry)
            return bool(entry.line) and found.st_size == entry.size_bytes
        self._list_again(entry)
        self._tell({"step": "restore", "path": legible(path), "bytes": entry.size_bytes})
        return True

    def _list_again(self, entry: Entry) -> None:
        """Have the list of users beside a shared file name this one, where its program took it out meanwhile."""
        if not entry.line:
            return
        manifest = Path(f"{entry.path}.refs")
        with _locked_shared(entry):
            try:
                listed = manifest.read_bytes().decode().splitlines()
            except FileNotFoundError:
                listed = []  # the last other user went meanwhile; where it had been the last itself, it is back by now
            missing = [line for line in entry.line.splitlines() if line not in listed]
            if missing:
                descriptor = os.open(manifest, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
                with os.fdopen(descriptor, "ab") as file:
                    if not listed:
                        os.fchmod(descriptor, 0o666)  # as its program does: other users' models may need the file
                    file.write("".join(f"{line}\n" for line in missing).encode())

    def _drop(self, removal: Removal) -> int:
        place = self.folder / removal.id
        freed = 0
        for path in sorted(place.glob("files/*"), key=lambda each: int(each.name) if each.name.isdigit() else 0):
            found = look(path, follow=False)
            if found is not None:
                freed += found.st_size if found.st_nlink == 1 else 0
                path.unlink()
                if removal.state == PURGING:
                    self._tell({"step": "purge", "path": legible(path), "bytes": found.st_size})
        shutil.rmtree(place, ignore_errors=True)
        _sync(self.folder)
        return freed

    def _drop_unnamed(self) -> None:
        """Drop what was begun and has no manifest yet: nothing had been planned."""
        with contextlib.suppress(OSError):
            for path in self.folder.iterdir():
                if _ID.fullmatch(path.name) and not (path / _MANIFEST).exists():
                    shutil.rmtree(path, ignore_errors=True)

    def _write(self, removal: Removal) -> None:
        place = self.folder / removal.id
        plan = removal.plan
        content = {
            "version": _VERSION,
            "id": removal.id,
            "state": removal.state,
            "removed_at": removal.removed_at.isoformat(),
            "model": plan.model,
            "store": plan.store,
            "location": plan.location,
            "root": os.fspath(plan.root),
            "revision": plan.revision,
            "entries": [asdict(entry) for entry in plan.entries],
        }
        new = place / f"{_MANIFEST}.new"
        with new.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(place / _MANIFEST)
        _sync(place)
        self._tell({"step": removal.state, "id": removal.id, "model": plan.model})

    def _read(self, name: str) -> Removal:
        try:
            content: dict[str, Any] = json.loads((self.folder / name / _MANIFEST).read_bytes())
            if content["version"] != _VERSION or content["state"] not in _STATES:
                raise ValueError("of a version that is not known here")  # noqa: TRY301 - told with the others
            plan = Plan(
                content["model"],
                content["store"],
                content["location"],
                Path(content["root"]),
                tuple(Entry(**entry) for entry in content["entries"]),
                content["revision"],
            )
            return Removal(name, content["state"], datetime.fromisoformat(content["removed_at"]), plan)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(f"removal {name} in {legible(self.folder)} cannot be read: {error}") from error


def _may_unlink(path: Path, owner: int) -> bool:
    """Tell whether this user may take a name out of its folder."""
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return False
    folder = look(path.parent)
    is_sticky = folder is not None and bool(folder.st_mode & 0o1000)
    return not is_sticky or os.geteuid() in (0, owner, folder.st_uid if folder is not None else -1)


def _leads_to(path: Path, target: str) -> bool:
    return path.is_symlink() and os.fspath(path.readlink()) == target


def _sync(folder: Path) -> None:
    """Have the names in a folder be on disk; some file systems cannot be asked that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _locked_shared(entry: Entry) -> Iterator[None]:
    """Keep huggingface_hub away from a shared file meanwhile, by the lock that it takes itself."""
    if not entry.line:
        yield
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(f"{entry.path}.lock", flags, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
