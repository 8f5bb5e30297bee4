"""Blocks that are left however they end, and by the one who entered them.

A signal handler of the host's may raise just as ``__exit__`` begins, before the first statement in it; a manager that
somebody keeps would stay entered for ever. But then the ``with`` statement drops the ``__exit__`` that it loaded before
the block, which nobody else holds. Ours is a new object for each block: its destructor leaves a block that is still
open. It also knows what it entered, in whatever context it is left and whoever else uses the same manager.

It is callable without Python code of its own, so that no traceback keeps it. Only ``contextlib.ExitStack`` keeps it,
in a circle with the exception: there it waits for the garbage collection.
"""

from __future__ import annotations

from _thread import get_ident
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

__all__ = ["Block", "BlockExit", "Entered", "enter", "leave", "leave_async"]


class Block:
    """One passage through a block: what it entered, and what was current before it."""

    __slots__ = ("entered", "exit", "former", "manager")

    entered: Any
    former: Any
    exit: ref[Any]
    manager: Any

    def leave(self, error: BaseException | None) -> None:
        """Undo what was entered; the block raised that error, if any."""
        raise NotImplementedError

    def drop(self) -> None:
        """Undo what was entered, of a block that is over and was not left."""
        raise NotImplementedError

    def is_current(self) -> bool:
        """Return whether what it entered is the innermost of its kind here."""
        raise NotImplementedError


class _Exit(partial[Any]):
    """What the statement holds: the function that leaves, with its block."""

    __slots__ = ()


class Entered(_Exit):
    """The same while the block is open.

    A class of its own, because a destructor is a place where the exception of a signal handler is lost: there is none
    where all went well.
    """

    __slots__ = ()

    def __del__(self) -> None:
        """Leave the block: nothing else will."""
        self.args[0].drop()


class BlockExit:
    """``__exit__`` of a manager, which has a list ``by_hand``: at each look a new exit."""

    __slots__ = ("_kind", "_leaves", "_leaves_given")

    def __init__(self, kind: type[Block], leaves: Callable[..., Any]) -> None:
        """Take the kind of block, and :func:`leave` or :func:`leave_async`."""
        self._kind = kind
        self._leaves = leaves
        self._leaves_given = _given_async if leaves is leave_async else _given

    def __get__(self, manager: Any, _owner: object = None) -> _Exit:
        """Load it; of the class, as ``contextlib.ExitStack`` does, it is given the manager when it is called."""
        block = self._kind()
        block.entered, block.manager = None, manager
        loaded = _Exit(self._leaves_given if manager is None else self._leaves, block)
        _loaded[get_ident()] = block.exit = ref(loaded)
        return loaded


# by thread: the exit that was loaded last; a `with` statement enters next
_loaded: Final[dict[int, ref[_Exit]]] = {}


def enter(manager: Any, kind: type[Block], entered: object, former: object) -> None:
    """Note what a manager's ``__enter__`` has entered."""
    reference = _loaded.pop(get_ident(), None)
    loaded = None if reference is None else reference()
    block = None if loaded is None else loaded.args[0]
    if block is None or loaded is None or (block.manager is not manager and block.manager is not None):
        block = kind()  # by hand
        block.manager = None
        loaded = _Exit(leave, block)
        block.exit = ref(loaded)
        manager.by_hand += (loaded,)
    block.entered, block.former = entered, former
    loaded.__class__ = Entered


def leave(
    block: Block, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
) -> None:
    """Leave a block."""
    if block.entered is None:  # not entered by the statement that loaded it
        _leave_by_hand(block.manager, error)
        return
    block.leave(error)  # where that fails the destructor does it
    entered = block.exit()
    if entered is not None:
        entered.__class__ = _Exit


def leave_async(
    block: Block, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> Done:
    """Leave a block of ``async with``: at once, since the statement drops what it called before it awaits."""
    leave(block, kind, error, trace)
    return DONE


def _given(block: Block, manager: Any, *error: Any) -> None:
    block.manager = manager
    leave(block, *error)


def _given_async(block: Block, manager: Any, *error: Any) -> Done:
    _given(block, manager, *error)
    return DONE


class Done:
    """There is nothing to wait for."""

    __slots__ = ()

    def __await__(self) -> Iterator[None]:
        """Return at once."""
        return iter(())


DONE: Final = Done()


def _leave_by_hand(manager: Any, error: BaseException | None) -> None:
    """Leave what is current, of what was entered without a statement, or else what was entered last."""
    entered = list(manager.by_hand)
    if entered:
        mine = next((one for one in reversed(entered) if one.args[0].is_current()), entered[-1])
        try:
            leave(mine.args[0], None, error, None)
        finally:
            manager.by_hand[:] = [one for one in manager.by_hand if one is not mine]
