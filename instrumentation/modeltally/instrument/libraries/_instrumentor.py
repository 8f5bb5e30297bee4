"""What all instrumentors share: find the library, check its version, hook in, undo, warn once.

A library is one module here, named as the library is imported, with one class::

    class CeleryInstrumentor(Instrumentor):
        library = "celery"
        versions = ("5.0", "6")
        loss = "tasks do not carry who asked for them"

        def hooks(self, library: Any) -> Iterable[Hook]:
            yield patched(library.Celery, "send_task", around, is_on=lambda: self.is_instrumented)

Nothing else needs to know of it: ``_installed`` starts the module of every library that is there.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import inspect
import re
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from modeltally.instrument._guard import guarded, log, problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Hook", "Instrumentor", "patched"]


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

    _only: ClassVar[Any] = None
    _installed: tuple[Hook, ...]

    def __new__(cls) -> Self:
        """Return the one there is."""
        if "_only" not in cls.__dict__:
            only = super().__new__(cls)
            only._installed = ()
            cls._only = only
        made: Self = cls._only
        return made

    def hooks(self, library: Any) -> Iterable[Hook]:
        """Yield the hooks; may raise anything when the library lacks one of the places.

        Args:
            library: The imported package.
        """
        raise NotImplementedError

    @property
    def is_instrumented(self) -> bool:
        """Whether the library calls us."""
        return bool(self._installed)

    def instrumentation_dependencies(self) -> tuple[str, ...]:
        """Return what it instruments, as OpenTelemetry asks for it."""
        first, last = self.versions
        return (f"{self.library} >= {first}, < {last}",)

    @guarded(None)
    def instrument(self, **kwargs: Any) -> None:
        """Begin; repeated calls change nothing.

        Args:
            **kwargs: What ``opentelemetry-instrument`` passes. With ``skip_dep_check`` a missing library is no problem.
        """
        if self.is_instrumented:
            return
        try:
            library = importlib.import_module(self.library)
        except ImportError:
            if kwargs.get("skip_dep_check"):
                log.debug("%s is not installed; nothing to instrument", self.library)
            else:
                problem(self.library, "%s cannot be imported; nothing is instrumented", self.library)
            return
        version = self._unknown_version()
        if version is not None or not self._install(library):
            problem(
                self.library,
                "this version of %s is not known (%s; give %s or newer, below %s): %s",
                *(self.library, version or "it lacks what is hooked into", *self.versions, self.loss),
            )

    @guarded(None)
    def uninstrument(self, **kwargs: Any) -> None:
        """End; repeated calls change nothing.

        Args:
            **kwargs: Ignored.
        """
        del kwargs
        installed, self._installed = self._installed, ()
        for hook in reversed(installed):
            hook.remove()

    def _install(self, library: Any) -> bool:
        """Install all hooks, or none."""
        installed: list[Hook] = []
        try:
            for hook in self.hooks(library):
                hook.install()
                installed.append(hook)
        except Exception:  # noqa: BLE001 - the library is not what it was: which of its parts is missing does not matter
            for hook in reversed(installed):
                hook.remove()
            return False
        self._installed = tuple(installed)
        return True

    def _unknown_version(self) -> str | None:
        """Return the library's version if it is outside the known range; None if it is within or cannot be read."""
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            version = importlib.metadata.version(self.library)
            first, last = map(_release, self.versions)
            return None if first <= _release(version) < last else version
        return None


def patched(owner: Any, name: str, around: Callable[..., Any], *, is_on: Callable[[], bool]) -> Hook:
    """Create a hook that wraps a function of a library.

    Args:
        owner: The class or module that has it.
        name: Its name there.
        around: Called as ``around(function, instance, args, kwargs)`` in its place; it calls the function.
        is_on: Asked at each call: when somebody else has put theirs over ours, which then cannot be taken out, it is
            passed over.
    """
    import wrapt  # noqa: PLC0415 - who instruments nothing does not wait for it

    original: Any = inspect.getattr_static(owner, name)
    is_inherited = name not in vars(owner)
    replacement = wrapt.FunctionWrapper(original, around, enabled=is_on)

    def remove() -> None:
        if vars(owner).get(name) is not replacement:
            return
        if is_inherited:
            delattr(owner, name)
        else:
            setattr(owner, name, original)

    return Hook(lambda: setattr(owner, name, replacement), remove)


def _release(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version; a release candidate counts as its release."""
    matched = re.match(r"\d+(?:\.\d+)*", version)
    numbers = [int(number) for number in matched.group().split(".")] if matched else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
