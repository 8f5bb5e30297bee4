"""What a library's modules and classes hold, by identity: the same before and after."""

from __future__ import annotations

import sys
from types import ModuleType

__all__ = ["everything_of"]


def everything_of(library: str) -> dict[tuple[str, str], int]:
    """Identify every attribute of every module of a library, and of every class in them."""
    found: dict[tuple[str, str], int] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != library or not isinstance(module, ModuleType):
            continue
        for attribute, value in list(vars(module).items()):
            found[name, attribute] = id(value)
            if isinstance(value, type) and value.__module__ == name:
                for own, inner in list(vars(value).items()):
                    found[f"{name}.{attribute}", own] = id(inner)
    return found
