"""Instrumenting the libraries that a service uses, from its own code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modeltally.instrument._guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["auto_instrument"]


@guarded(())
def auto_instrument(only: Iterable[str] | None = None) -> tuple[str, ...]:
    """Instrument the libraries that are installed and known, as ``modeltally run`` does.

    Nothing is imported: a library is hooked into at once if it is imported already, else at the end of its import.
    Repeated calls change nothing. Where :func:`modeltally.configure` was not called yet, it is, with what the
    environment says.

    Args:
        only: The names of those that are wanted, as they are imported, for example ``["diffusers", "celery"]``. Else
            those that ``MODELTALLY_INSTRUMENT`` names, else all.

    Returns:
        The names of the libraries that are instrumented now or will be once they are imported.
    """
    # who instruments by hand does not wait for it
    from modeltally.instrument.libraries import _installed  # noqa: PLC0415 - named above

    return _installed.auto_instrument(only)
