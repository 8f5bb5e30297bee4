"""The fenced blocks of the design documents, by document and place; the documents are no part of this repository."""

from __future__ import annotations

import ast
import inspect
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMPAT", "DOCUMENTS", "fenced", "run"]

COMPAT = "modeltally.compat"
DOCUMENTS = Path(os.environ.get("MODELTALLY_SEEDS", Path(__file__).parents[3] / "shared" / "seeds"))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)


def fenced(document: int) -> list[tuple[str, str]]:
    """Give the blocks of a document in order, each with its language."""
    (path,) = DOCUMENTS.glob(f"{document}-*.md")
    return _FENCE.findall(path.read_text(encoding="utf-8"))


async def run(text: str, namespace: dict[str, Any], imports: Mapping[str, str]) -> None:
    """Run a block as it stands, with only its imports mapped and what has no body given one.

    Args:
        text: The block.
        namespace: What its placeholders mean; what it defines is there afterwards.
        imports: Which module stands for which; the documents' own all stand for ``modeltally.compat``.
    """
    tree = _Imports(imports).visit(ast.parse(_with_bodies(text)))
    code = compile(tree, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, namespace)  # noqa: S307 - running them is the purpose
    if inspect.iscoroutine(running):
        await running


class _Imports(ast.NodeTransformer):
    """Maps imports."""

    def __init__(self, imports: Mapping[str, str]) -> None:
        self.imports = imports

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        module = node.module or ""
        is_theirs = module.partition(".")[0] in {"backend", "pattern_learning", "src"}
        node.module = self.imports.get(module, COMPAT if is_theirs else module)
        return node

    def visit_Import(self, node: ast.Import) -> ast.Import:
        for alias in node.names:
            if alias.name in self.imports:
                alias.asname = alias.asname or alias.name
                alias.name = self.imports[alias.name]
        return node


def _with_bodies(text: str) -> str:
    """Give a suite of comments alone, and a signature alone, the body that Python asks for."""
    lines = text.splitlines()
    if len(lines) == 1 and re.match(r"(async )?def ", lines[0]) and not lines[0].endswith(":"):
        return f"{lines[0]}: ..."
    whole = []
    for at, line in enumerate(lines):
        whole.append(line)
        indent = len(line) - len(line.lstrip())
        following = [later for later in lines[at + 1 :] if later.strip() and not later.lstrip().startswith("#")]
        opens = line.rstrip().endswith(":") and not line.lstrip().startswith("#")
        if opens and (not following or len(following[0]) - len(following[0].lstrip()) <= indent):
            whole.append(" " * (indent + 4) + "pass")
    return "\n".join(whole)
