"""All instrumentors at once: which there are, which are wanted, and what became of each.

Those of ours are the modules of this folder, named as the library is imported, with two underscores for a dot. Others
come by the entry point group ``modeltally_instrumentor``, whose names are those of the libraries.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from modeltally.instrument import _runtime, libraries
from modeltally.instrument._guard import guarded, problem, swallow
from modeltally.instrument.libraries._instrumentor import Instrumentor, is_there

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

__all__ = ["CHOSEN", "GROUP", "Found", "InstalledInstrumentor", "auto_instrument", "check_chosen", "found", "known"]

GROUP: Final = "modeltally_instrumentor"
CHOSEN: Final = "MODELTALLY_INSTRUMENT"
NONE: Final = "none"
_DOT: Final = "__"  # in the name of a module of ours
_DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


class Found(NamedTuple):
    """What is to be said of one library.

    Attributes:
        library: The name it is imported by.
        instrumentor: Who instruments it; None where that could not be loaded, or the library is not there.
        left_out: The variable or argument by which it was left out; empty where it was not.
    """

    library: str
    instrumentor: Instrumentor | None
    left_out: str


def known() -> dict[str, EntryPoint | None]:
    """Name the libraries that there are instrumentors for, with the entry point of each that is not ours."""
    ours = (module.name for module in pkgutil.iter_modules(libraries.__path__))
    every: dict[str, EntryPoint | None] = {name.replace(_DOT, "."): None for name in ours if not name.startswith("_")}
    for entry_point in _entry_points():
        every.setdefault(entry_point.name, entry_point)
    return every


def auto_instrument(only: Iterable[str] | None = None) -> tuple[str, ...]:
    """As :func:`modeltally.auto_instrument`."""
    return _instrument(only, skip_dep_check=True)


@guarded(())
def _instrument(only: Iterable[str] | None, **kwargs: Any) -> tuple[str, ...]:
    """Instrument what is wanted; without settings by the service itself those of the environment are in effect."""
    if _runtime.current() is None:
        _runtime.configure()
    names = []
    for each in found(only):
        if each.instrumentor is not None and not each.left_out:
            each.instrumentor.instrument(**kwargs)
            names += [each.library] * each.instrumentor.is_instrumented
    return tuple(names)


def found(only: Iterable[str] | None = None) -> list[Found]:
    """Look for every known library.

    Args:
        only: As :func:`modeltally.auto_instrument`.
    """
    every = known()
    wanted, by = _wanted(only, every)
    disabled = {name.strip() for name in os.environ.get(_DISABLED, "").split(",")}
    said = []
    for name, entry_point in sorted(every.items()):
        left_out = "" if name in wanted else by
        if {f"modeltally_{name}", "modeltally", "*"} & disabled:
            left_out = _DISABLED
        said += [Found(name, instrumentor, left_out) for instrumentor in _instrumentors(name, entry_point)]
    return said


def check_chosen(names: str, every: Iterable[str]) -> None:
    """Refuse names of libraries that there is no instrumentor for.

    Args:
        names: The names, with commas; ``none`` for none.
        every: Those that there are, as :func:`known` gives them.

    Raises:
        ValueError: One of them is not known; the message says which, and the nearest.
    """
    for name in (each.strip() for each in names.split(",")):
        if name and name != NONE and name not in every:
            import difflib  # noqa: PLC0415 - where somebody mistyped

            nearest = difflib.get_close_matches(name, every, n=1)
            meant = f"did you mean {nearest[0]!r}? " if nearest else ""
            raise ValueError(f"there is no instrumentor for {name[:64]!r}; {meant}there are {', '.join(sorted(every))}")


def _wanted(only: Iterable[str] | None, every: Iterable[str]) -> tuple[set[str], str]:
    """Say which libraries are wanted, and by what the others are left out."""
    text = os.environ.get(CHOSEN, "").strip() if only is None else ",".join(map(str, only))
    if only is None and not text:
        return set(every), ""
    by = CHOSEN if only is None else "auto_instrument(only=...)"
    names = [name.strip() for name in text.split(",")]
    for name in names:
        try:
            check_chosen(name, every)
        except ValueError as error:
            problem(CHOSEN, "%s: %s", by, str(error))
    return {*every}.intersection(names), by


def _instrumentors(library: str, entry_point: EntryPoint | None) -> list[Instrumentor | None]:
    """Load who instruments a library, where it is there."""
    if not is_there(library):
        return [None]
    try:
        if entry_point is not None:
            return [entry_point.load()()]
        module = importlib.import_module(f"{libraries.__name__}.{library.replace('.', _DOT)}")
    except Exception as error:  # noqa: BLE001 - somebody else's code, or a library that ours cannot be loaded beside
        swallow(f"instrumentor of {library}", error)
        return [None]
    kinds = (
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Instrumentor) and kind.__module__ == module.__name__
    )
    return [kind() for kind in kinds]


@guarded(())
def _entry_points() -> tuple[EntryPoint, ...]:
    from importlib.metadata import entry_points  # noqa: PLC0415 - reads every installed package's files

    return tuple(entry_points(group=GROUP))


class InstalledInstrumentor:
    """The same for ``opentelemetry-instrument``, by its entry point; there is one of it in a process."""

    _only: Self | None = None

    def __new__(cls) -> Self:
        """Return the one there is."""
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def instrument(self, **kwargs: Any) -> None:
        """Begin.

        Args:
            **kwargs: What ``opentelemetry-instrument`` passes.
        """
        _instrument(None, **kwargs)

    @guarded(None)
    def uninstrument(self, **kwargs: Any) -> None:
        """End.

        Args:
            **kwargs: What ``opentelemetry-instrument`` passes.
        """
        for each in found():
            if each.instrumentor is not None:
                each.instrumentor.uninstrument(**kwargs)
