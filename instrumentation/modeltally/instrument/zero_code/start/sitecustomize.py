"""Run by every Python that starts below ``modeltally run``: libraries are instrumented once they are imported.

Its folder is put first on ``PYTHONPATH``, which worker processes inherit. It needs the standard library alone and loads
nothing else until one of the known libraries is imported. Then it steps aside for the ``sitecustomize`` that would have
run without it.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_WATCHED = "MODELTALLY_RUN_LIBRARIES"


class _Watch:
    """Sees which library is imported first."""

    def __init__(self, libraries: frozenset[str]) -> None:
        self._libraries = libraries

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        """Instrument everything as one of the libraries is about to be imported; it is found as hooks will have it."""
        del path, target
        if name not in self._libraries or self not in sys.meta_path:
            return None
        sys.meta_path.remove(self)
        _instrument()
        return importlib.util.find_spec(name)


def _instrument() -> None:
    try:
        from modeltally.instrument.libraries._installed import auto_instrument
    except ImportError as error:
        # another environment than the one `modeltally run` is installed in
        sys.stderr.write(
            f"modeltally: nothing is instrumented in {sys.executable}: {error}; install modeltally there\n"
        )
    else:
        auto_instrument()


def _step_aside() -> None:
    """Run the next `sitecustomize`, as Python itself would; what it raises is Python's to report."""
    sys.path[:] = [path for path in sys.path if os.path.abspath(path or os.curdir) != _HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is None or spec.loader is None:
        return
    module = importlib.util.module_from_spec(spec)
    sys.modules["sitecustomize"] = module
    spec.loader.exec_module(module)


def _begin() -> None:
    libraries = frozenset(os.environ.get(_WATCHED, "").split(","))
    if libraries & sys.modules.keys():  # a `.pth` file has imported one
        _instrument()
    else:
        sys.meta_path.insert(0, _Watch(libraries))


_begin()
_step_aside()
