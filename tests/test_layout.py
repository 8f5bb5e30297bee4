"""The layout is the data flow: each part of the package imports only what lies before it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "instrumentation" / "modeltally"
# What each part may import of the others; errors, settings and keys are everybody's but instrument's.
ALLOWED = {
    "instrument": set[str](),
    "store": set[str](),
    "receiver": {"store", "instrument"},
    "clickhouse": {"store"},
    "server": {"receiver", "clickhouse", "store", "instrument"},
    "recommend": {"store"},
    "replay": {"instrument"},
    "demo": {"replay"},
    "cli": {"store", "server", "recommend", "replay", "demo", "instrument"},
}
COMMON = {"errors", "settings", "keys"}


def _imported_parts(part: str) -> set[str]:
    found = set()
    for file in (PACKAGE / part).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {name.split(".")[1] for name in names if name.startswith("modeltally.")}
    return found - {part}


def test_every_part_has_its_rule() -> None:
    """A new folder needs a rule of what it may import."""
    assert {path.parent.name for path in PACKAGE.glob("*/__init__.py")} == set(ALLOWED)


@pytest.mark.parametrize("part", ALLOWED)
def test_part_imports_only_what_lies_before_it(part: str) -> None:
    """No part imports what comes after it in the data flow."""
    common = set() if part == "instrument" else COMMON
    assert _imported_parts(part) <= ALLOWED[part] | common
