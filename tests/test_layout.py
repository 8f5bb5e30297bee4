"""The layout is the data flow: each part of the package imports only what lies before it."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "instrumentation" / "modeltally"
# What each part may import of the others; errors, settings and keys are everybody's but instrument's.
ALLOWED = {
    "instrument": set[str](),
    "instrumentors": {"instrument"},
    "testing": {"instrument"},
    "comfyui": {"instrument"},
    "store": set[str](),
    "asgi": set[str](),
    "threads": set[str](),
    "webhook": set[str](),
    "receiver": {"store", "instrument", "asgi", "threads"},
    "clickhouse": {"store", "asgi"},
    "analytics": {"store", "instrument"},
    "recommend": {"analytics", "store"},
    "availability": {"analytics", "recommend", "store"},
    "alerts": {"analytics", "recommend", "store", "webhook"},
    "show": {"alerts", "analytics", "asgi", "availability", "recommend", "store", "threads", "webhook"},
    "jobs": {"alerts", "receiver", "recommend", "show", "store", "webhook"},
    "server": {"analytics", "receiver", "clickhouse", "show", "store", "jobs", "asgi", "threads"},
    "connect": {"analytics", "server", "jobs", "store"},
    "doctor": {"connect", "server", "show", "analytics", "store", "instrument"},
    "replay": {"instrument"},
    "demo": {"replay"},
    "compat": {"analytics", "availability", "connect", "instrument", "recommend", "show", "store"},
    "cli": {
        "alerts",
        "analytics",
        "availability",
        "comfyui",
        "connect",
        "demo",
        "doctor",
        "instrument",
        "jobs",
        "recommend",
        "replay",
        "server",
        "show",
        "store",
    },
}
COMMON = {"errors", "settings", "keys"}
MODULES = {
    ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): file
    for file in PACKAGE.rglob("*.py")
}


PUBLIC_FACE = {"__init__"}


def _imported_parts(part: str) -> set[str]:
    found = set()
    files = [*(PACKAGE / part).rglob("*.py"), *PACKAGE.glob(f"{part}.py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "modeltally":
                names = [f"modeltally.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            else:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {name.split(".")[1] for name in names if name.startswith("modeltally.")}
    return found - {part}


def test_every_part_has_its_rule() -> None:
    """A new folder or module needs a rule of what it may import."""
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - PUBLIC_FACE - COMMON
    assert (folders | modules) - COMMON == set(ALLOWED)


def test_no_arrow_leads_upwards() -> None:
    """A part may import only what stands before it in the table, so that no circle can be written."""
    before: set[str] = set()
    for part, allowed in ALLOWED.items():
        assert allowed <= before, part
        before.add(part)


@pytest.mark.parametrize("part", ALLOWED)
def test_part_imports_only_what_lies_before_it(part: str) -> None:
    """No part imports what comes after it in the data flow."""
    common = set() if part == "instrument" else COMMON
    assert _imported_parts(part) <= ALLOWED[part] | common


def test_reducer_is_pure() -> None:
    """The reducer needs nothing of ours but the words for outcomes, and errors: no store, no settings."""
    reducer = {name: file for name, file in MODULES.items() if name.startswith("modeltally.analytics.reducer")}
    assert reducer
    for name, file in reducer.items():
        others = _imported_modules(file) - reducer.keys()
        assert others <= {"modeltally.errors", "modeltally.instrument._names"}, name


def _imported_modules(file: Path) -> set[str]:
    """Return what a module imports, for types alone as well: modules, and what may be one of a package's."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & MODULES.keys()


def test_no_circle_of_imports() -> None:
    """Modules can be read one after the other: none imports another that leads back to it, be it for a type."""
    lines = TopologicalSorter({name: _imported_modules(file) for name, file in MODULES.items()})
    try:
        lines.prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))
