"""What all instrumentors share: find the library, check its version, hook in, undo, warn once.

A library is one module here, named as the library is imported, with one class::

    class CeleryInstrumentor(Instrumentor):
        library = "celery"
        versions = ("5.0", "6")
        loss = "tasks do not carry who asked for them"

        def hooks(self, module: Any) -> Iterable[Hook]:
            yield self.patch(module.Celery, "send_task", around)

Nothing else needs to know of it: ``_installed`` starts the module of every library that is there. The library itself
is never imported here; it is hooked into at the end of its own import.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import re
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from modeltally.instrument._guard import guarded, log, problem
from modeltally.instrument.libraries._imports import after_import

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Hook", "Instrumentor", "is_there", "library_version", "patched"]


class Hook(NamedTuple):
    """One place where a library calls us.

    Attributes:
        install: Begin; may raise anything when the library lacks the place.
        remove: End; leave alone what others have put over it.
    """

    install: Callable[[], object]
    remove: Callable[[], object]


class Instrumentor:
    """Instruments one library, in the form that ``opentelemetry-instrument`` expects; one of each kind in a process."""

    library: ClassVar[str]
    """The name it is imported by."""
    versions: ClassVar[tuple[str, str]]
    """The first version that is known, and the first one that is not any more."""
    loss: ClassVar[str]
    """What is missing where it cannot be instrumented, for the log."""
    modules: ClassVar[tuple[str, ...]] = ()
    """Which of its modules are hooked into, each after its import; only the library itself where none is named."""
    distribution: ClassVar[str] = ""
    """What it is installed as, where that is not the name it is imported by."""

    _only: ClassVar[Any] = None
    _is_on: bool
    _installed: dict[str, tuple[Hook, ...]]
    _classes: dict[tuple[type, str], Hook]

    def __new__(cls) -> Self:
        """Return the one there is."""
        if "_only" not in cls.__dict__:
            only = super().__new__(cls)
            only._is_on, only._installed, only._classes = False, {}, {}
            cls._only = only
        made: Self = cls._only
        return made

    def hooks(self, module: Any) -> Iterable[Hook]:
        """Yield the hooks into a module; may raise anything when it lacks one of the places.

        Args:
            module: One of :attr:`modules`, imported.
        """
        raise NotImplementedError

    def patch(self, owner: Any, name: str, around: Callable[..., Any], *, everywhere: bool = False) -> Hook:
        """Create a hook as :func:`patched` does, in effect while the library is instrumented."""
        return patched(owner, name, around, is_on=lambda: self._is_on, everywhere=everywhere)

    @guarded(None)
    def hook_into(self, kind: type, arounds: Mapping[str, Callable[..., Any]], *, but: str) -> None:
        """Hook into the methods that a class and its bases have themselves, once each; undone with everything else.

        Args:
            kind: The class.
            arounds: What is called in place of each method, by its name.
            but: The name of the base that is hooked into already.
        """
        for base in kind.__mro__:
            for name, around in arounds.items():
                own = vars(base).get(name)
                if callable(own) and base.__name__ != but and (base, name) not in self._classes:
                    hook = self.patch(base, name, around)
                    hook.install()
                    self._classes[base, name] = hook

    @property
    def is_instrumented(self) -> bool:
        """Whether the library calls us, or will once it is imported."""
        return self._is_on

    @property
    def hooked(self) -> tuple[str, ...]:
        """The modules that are hooked into by now."""
        return tuple(self._installed)

    def instrumentation_dependencies(self) -> tuple[str, ...]:
        """Return what it instruments, as OpenTelemetry asks for it."""
        first, last = self.versions
        return (f"{self.distribution or self.library} >= {first}, < {last}",)

    @guarded(None)
    def instrument(self, **kwargs: Any) -> None:
        """Begin; repeated calls change nothing. What is not imported yet is hooked into at the end of its import.

        Args:
            **kwargs: What ``opentelemetry-instrument`` passes. With ``skip_dep_check`` a missing library is no problem.
        """
        if self._is_on:
            return
        if not is_there(self.library):
            if kwargs.get("skip_dep_check"):
                log.debug("%s is not installed; nothing to instrument", self.library)
            else:
                problem(self.library, "%s is not installed; nothing is instrumented", self.library)
            return
        version = self.unknown_version()
        if version is not None:
            self._refuse(version)
            return
        self._is_on = True
        for name in self.modules or (self.library,):
            after_import(name, self._imported)

    @guarded(None)
    def uninstrument(self, **kwargs: Any) -> None:
        """End; repeated calls change nothing.

        Args:
            **kwargs: Ignored.
        """
        del kwargs
        self._is_on = False
        installed, self._installed = self._installed, {}
        classes, self._classes = self._classes, {}
        for hooks in (tuple(classes.values()), *reversed(installed.values())):
            for hook in reversed(hooks):
                hook.remove()

    def _imported(self, module: Any) -> None:
        name = module.__name__
        if not self._is_on or name in self._installed:
            return
        hooks = self._install(module)
        if hooks is None:
            self._refuse("it lacks what is hooked into")
            self.uninstrument()
        else:
            self._installed[name] = hooks

    def _install(self, module: Any) -> tuple[Hook, ...] | None:
        """Install all hooks of a module, or none."""
        installed: list[Hook] = []
        try:
            for hook in self.hooks(module):
                hook.install()
                installed.append(hook)
        except Exception:  # noqa: BLE001 - the library is not what it was: which of its parts is missing does not matter
            for hook in reversed(installed):
                hook.remove()
            return None
        return tuple(installed)

    def _refuse(self, why: str) -> None:
        problem(
            self.library,
            "this version of %s is not known (%s; give %s or newer, below %s): %s",
            *(self.library, why, *self.versions, self.loss),
        )

    def unknown_version(self) -> str | None:
        """Return the library's version if it is outside the known range; None if it is within or cannot be read."""
        version = _installed_version(self.distribution or self.library)
        return None if version is None or self.is_known(version) else version

    def is_known(self, version: str) -> bool:
        """Return whether a version is within the known range."""
        first, last = map(_release, self.versions)
        return first <= _release(version) < last


def is_there(library: str) -> bool:
    """Return whether a library can be imported; it is not."""
    try:
        return importlib.util.find_spec(library) is not None
    except (ImportError, ValueError):  # it is imported, and has put another object in its place, as kombu does
        return library in sys.modules


@functools.cache
def library_version(distribution: str) -> str | None:
    """Return the version of a library that is installed, looked up once: every request names it."""
    return _installed_version(distribution)


def _installed_version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - takes longer to load than the rest

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def patched(
    owner: Any, name: str, around: Callable[..., Any], *, is_on: Callable[[], bool], everywhere: bool = False
) -> Hook:
    """Create a hook that wraps a function of a library.

    Args:
        owner: The class or module that has it.
        name: Its name there.
        around: Called as ``around(function, instance, args, kwargs)`` in its place; it calls the function.
        is_on: Asked at each call: when somebody else has put theirs over ours, which then cannot be taken out, it is
            passed over.
        everywhere: Also in all modules that have imported the function by now, by ``from ... import``.
    """
    import wrapt  # noqa: PLC0415 - who instruments nothing does not wait for it

    original: Any = inspect.getattr_static(owner, name)
    is_inherited = name not in vars(owner)
    replacement = wrapt.FunctionWrapper(original, around, enabled=is_on)
    places = [(owner, name), *(_imported_elsewhere(original, owner) if everywhere else ())]

    def install() -> None:
        for place, known_as in places:
            setattr(place, known_as, replacement)

    def remove() -> None:
        # those who have imported it since have ours
        since = _imported_elsewhere(replacement, owner) if everywhere else []
        for place, known_as in dict.fromkeys([*places, *since]):
            if vars(place).get(known_as) is not replacement:
                continue
            if is_inherited:
                delattr(place, known_as)
            else:
                setattr(place, known_as, original)

    return Hook(install, remove)


def _imported_elsewhere(function: Any, owner: Any) -> list[tuple[Any, str]]:
    """Name the modules that have a function, and as what."""
    return [
        (module, name)
        for module in list(sys.modules.values())
        if isinstance(module, ModuleType) and module is not owner
        for name, value in list(vars(module).items())
        if value is function
    ]


def _release(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version; a release candidate counts as its release."""
    matched = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(number) for number in matched.group().split(".")] if matched else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
