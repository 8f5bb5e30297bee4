"""For packages that instrument a library of their own: what ours are made of.

A class of :class:`Instrumentor` is named under the entry point group ``modeltally_instrumentor``, by the name the
library is imported by. It is started by ``modeltally run``, ``opentelemetry-instrument`` and
:func:`modeltally.auto_instrument`.
"""

from modeltally.instrument.libraries._calls import Call, watching
from modeltally.instrument.libraries._instrumentor import Hook, Instrumentor, patched

__all__ = ["Call", "Hook", "Instrumentor", "patched", "watching"]
