"""The engine's reading of a query, as ``EXPLAIN AST`` prints it: one node a line, as deep as it is indented."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modeltally.clickhouse.errors import Code, RefusedQueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Node", "parse"]


@dataclass
class Node:
    """A node.

    Attributes:
        kind: What the engine calls it.
        name: What stands behind, without an alias.
        alias: What the query calls it; empty for nothing.
        children: The nodes below it.
    """

    kind: str
    name: str
    alias: str = ""
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        left = [self]
        while left:
            node = left.pop()
            yield node
            left.extend(node.children)


def parse(tree: str) -> Node:
    """Read the lines as a tree; a name that breaks a line makes them none.

    Raises:
        RefusedQueryError: They are none.
    """
    open_nodes: list[tuple[Node, int]] = []
    root: Node | None = None
    for line in tree.rstrip("\n").split("\n"):
        text = line.lstrip(" ")
        depth = len(line) - len(text)
        if not text or depth > len(open_nodes) or (depth == 0 and root is not None):
            raise _unreadable()
        _close(open_nodes, depth)
        node, size = _read(text)
        if open_nodes:
            open_nodes[-1][0].children.append(node)
        else:
            root = node
        open_nodes.append((node, size))
    _close(open_nodes, 0)
    if root is None:
        raise _unreadable()
    return root


def _read(line: str) -> tuple[Node, int]:
    """Read one line: the node, and how many children it has."""
    said, _, tail = line.rpartition(" (children ")
    size = tail.removesuffix(")")
    has_children = bool(said) and tail.endswith(")") and size.isdecimal()
    kind, _, name = (said if has_children else line).partition(" ")
    name, _, alias = name.partition(" (alias ")
    return Node(kind, name, alias.removesuffix(")")), int(size) if has_children else 0


def _close(open_nodes: list[tuple[Node, int]], depth: int) -> None:
    while len(open_nodes) > depth:
        node, size = open_nodes.pop()
        if len(node.children) != size:
            raise _unreadable()


def _unreadable() -> RefusedQueryError:
    return RefusedQueryError(Code.SYNTAX_ERROR, "names with line breaks are not read here")
