"""What waits until a module is imported: hooking into a library must not import it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from modeltally.instrument._guard import swallow

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["after_import"]


def after_import(name: str, call: Callable[[Any], object]) -> None:
    """Call a function with a module once it has been imported: at once if it is, else at the end of its import.

    Args:
        name: The module's full name; it need not be there.
        call: What to do with the module, or with what the module has put in its place; what it raises is counted and
            goes no further.
    """
    import wrapt  # noqa: PLC0415 - who instruments nothing does not wait for it

    def imported(module: Any) -> None:
        try:
            call(sys.modules.get(name, module))
        except Exception as error:  # noqa: BLE001 - see `_guard`
            swallow(f"import of {name}", error)

    wrapt.register_post_import_hook(imported, name)
