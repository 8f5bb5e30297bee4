"""What the package imports is what it says it needs."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import itertools
import os
import sys
import sysconfig
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SITE = Path(sysconfig.get_path("purelib"))
# compression is Python's from 3.14 on
OURS_OR_PYTHONS = sys.stdlib_module_names | {"modeltally", "__future__", "compression"}


def imported() -> Iterator[str]:
    """Give the module of every import, but for ``libraries/`` and the test kit, which work where a host has theirs."""
    for file in (ROOT / "instrumentation" / "modeltally").rglob("*.py"):
        if file.parent.name == "libraries" or file.name == "testing.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                module = node.module or ""
                shared = (SITE / module.replace(".", "/")).is_dir() and importlib.util.find_spec(module)
                is_namespace = shared and shared.origin is None
                yield from (f"{module}.{alias.name}" if is_namespace else module for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)


def test_every_import_is_declared() -> None:
    """Each imported module belongs to a distribution that ``pyproject.toml`` names itself."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    declared = {canonicalize_name(Requirement(text).name) for text in required}
    owners = {
        str(path): canonicalize_name(distribution.name)
        for distribution in importlib.metadata.distributions()
        for path in distribution.files or ()
    }
    undeclared = {}
    for name in {name for name in imported() if name.partition(".")[0] not in OURS_OR_PYTHONS}:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        owner = owners.get(os.path.relpath(spec.origin, SITE))
        if owner not in declared:
            undeclared[name] = owner
    assert undeclared == {}


def test_server_asks_for_the_api_that_its_framework_needs_and_the_base_does_not() -> None:
    """FastAPI needs a newer opentelemetry-api than services do: the extra says so, the base keeps its own."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    def oldest(texts: list[str]) -> Version:
        (found,) = (Requirement(text) for text in texts if Requirement(text).name == "opentelemetry-api")
        return min(Version(one.version) for one in found.specifier if one.operator == ">=")

    framework = [text for text in importlib.metadata.requires("fastapi") or [] if "extra ==" not in text]
    assert oldest(project["dependencies"]) == Version("1.43")
    assert oldest(project["optional-dependencies"]["server"]) == oldest(framework) == Version("1.44")
