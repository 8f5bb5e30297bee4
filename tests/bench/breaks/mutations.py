"""One-line breaks of a file: what a slip of the hand would change, one place at a time."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Break:
    """One change of one line.

    Attributes:
        kind: What sort of slip it is.
        line: The line, counted from one.
        before: The line as it is.
        after: The line as it is broken.
    """

    kind: str
    line: int
    before: str
    after: str

    def applied(self, text: str) -> str:
        """The text of the file with the line broken."""
        lines = text.splitlines(keepends=True)
        assert lines[self.line - 1].rstrip("\n") == self.before, "the file has changed since the break was made"
        lines[self.line - 1] = self.after + "\n"
        return "".join(lines)


_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Is: "is not",
    ast.IsNot: "is",
    ast.In: "not in",
    ast.NotIn: "in",
}
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "//",
    ast.FloorDiv: "*",
    ast.Div: "*",
    ast.Mod: "//",
    ast.BitOr: "&",
    ast.BitAnd: "|",
    ast.LShift: ">>",
    ast.RShift: "<<",
}


def python_breaks(text: str) -> list[Break]:
    """Every break of a module; none in docstrings, annotations, imports and what only types read."""
    lines = text.splitlines()
    found: list[Break] = []
    for node in _live(ast.parse(text)):
        first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
        if first and (first == last or isinstance(node, ast.If | ast.While)):
            line = lines[first - 1]
            found.extend(Break(kind, first, line, after) for kind, after in _of_node(node, line) if after != line)
    return found


def is_python(text: str) -> bool:
    """Whether a text is a module: a break that is none would be caught by anything."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _live(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs and matters when it does."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom | ast.arg | ast.JoinedStr):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        if isinstance(child, ast.Assign) and ast.unparse(child.targets[0]) == "__all__":
            continue
        if isinstance(node, ast.AnnAssign | ast.FunctionDef | ast.AsyncFunctionDef) and child in (
            getattr(node, "annotation", None),
            getattr(node, "returns", None),
        ):
            continue
        if isinstance(child, ast.Raise):  # a word of its message changed would be no slip
            yield child
            continue
        yield child
        yield from _live(child)


def _of_node(node: ast.AST, line: str) -> Iterator[tuple[str, str]]:
    yield from _of_expression(node, line)
    yield from _of_statement(node, line)


def _of_expression(node: ast.AST, line: str) -> Iterator[tuple[str, str]]:
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _COMPARISONS:
            yield "comparison", _between(line, left, right, _COMPARISONS[type(operator)])
        case ast.BoolOp(op=operator, values=[left, right]):
            yield "and/or", _between(line, left, right, "or" if isinstance(operator, ast.And) else "and")
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
            yield "operator", _between(line, left, right, _OPERATORS[type(operator)])
        case ast.Constant(value=bool(value)):
            yield "constant", _replaced(line, node, str(not value))
        case ast.Constant(value=int(value)):
            yield "constant", _replaced(line, node, str(value + 1))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "condition", _replaced(line, node, ast.unparse(operand))


def _of_statement(node: ast.AST, line: str) -> Iterator[tuple[str, str]]:
    indent = line[: len(line) - len(line.lstrip())]
    match node:
        case ast.If(test=test) | ast.While(test=test) if line.lstrip().startswith(("if ", "elif ", "while ")):
            yield "dropped condition", _replaced(line, test, "True")
        case ast.Expr(value=ast.Call()) | ast.Assign() | ast.AugAssign() | ast.Raise():
            if line.strip() == _own(line, node):
                yield "dropped statement", f"{indent}pass"
        case ast.Return(value=ast.expr()):
            yield "dropped result", f"{indent}return None  # type: ignore"


def _own(line: str, node: ast.AST) -> str:
    encoded = line.encode()
    return encoded[node.col_offset : node.end_col_offset].decode()  # type: ignore[attr-defined] # it has a place


def _replaced(line: str, node: ast.AST, by: str) -> str:
    if node.lineno != node.end_lineno:  # type: ignore[attr-defined] # it has a place
        return line
    encoded = line.encode()
    start, end = node.col_offset, node.end_col_offset  # type: ignore[attr-defined] # the same
    return (encoded[:start] + by.encode() + encoded[end:]).decode()


def _between(line: str, left: ast.expr, right: ast.expr, by: str) -> str:
    """Put another operator between two parts, keeping brackets around them."""
    encoded = line.encode()
    if left.end_col_offset is None:
        return line
    middle = encoded[left.end_col_offset : right.col_offset].decode()
    closing, opening = re.match(r"\)*", middle.strip()), re.search(r"\(*$", middle.strip())
    between = f"{closing[0] if closing else ''} {by} {opening[0] if opening else ''}"
    return encoded[: left.end_col_offset].decode() + between + encoded[right.col_offset :].decode()


# What a slip makes of a piece of SQL; each place is a break of its own.
_SQL = (
    ("comparison", r"(?<![<>=!-])<(?![=>])", "<="),
    ("comparison", r"<=", "<"),
    ("comparison", r"(?<![<>=-])>(?!=)", ">="),
    ("comparison", r">=", ">"),
    ("comparison", r"(?<=AND )(\S+) =(?= )", "\\g<1> !="),
    ("comparison", r"(?<=\()(\w+) =(?= )", "\\g<1> !="),
    ("comparison", r"!=", "="),
    ("comparison", r"\bNOT IN\b", "IN"),
    ("comparison", r"(?<!NOT )\bIN \(", "NOT IN ("),
    ("and/or", r"\bAND\b", "OR"),
    ("and/or", r"\bOR\b", "AND"),
    ("operator", r"(?<=[\w)] )\+(?= )", "-"),
    ("operator", r"(?<=[\w)] )-(?= )", "+"),
    ("operator", r"(?<=[\w)] )\*(?= )", "/"),
    ("operator", r"(?<=[\w)] )/(?= )", "*"),
    ("function", r"\bmin(?=If|\()", "max"),
    ("function", r"\bmax(?=If|\()", "min"),
    ("function", r"\bsum(?=If|\()", "max"),
    ("function", r"\bargMax\b", "argMin"),
    ("function", r"\bargMin\b", "argMax"),
    ("function", r"\bcount\(\)", "uniqExact(1)"),
    ("function", r"\bcountIf\(", "countIf(NOT "),
    ("function", r"\buniqExact\b", "count"),
    ("join", r"\bLEFT JOIN\b", "INNER JOIN"),
    ("join", r"\bINNER JOIN\b", "LEFT JOIN"),
    ("order", r"\bDESC\b", "ASC"),
    ("dropped words", r" FINAL\b", ""),
    ("dropped words", r"\bNOT (?!IN|EXISTS|NULL)", ""),
    ("dropped words", r"\bDISTINCT ", ""),
    ("constant", r"(?<!64\()(?<![\w.'])([1-9]\d*)(?![\w.'])", "\\g<1>1"),
)
_SWAPPED = re.compile(r"\b([a-z][a-z_0-9]+)(,| AND | = | < | <= |, )([a-z][a-z_0-9]+)\b(?!\()")
# Lines that say how rows are kept or who may read: no answer depends on them.
_SETTINGS = re.compile(
    r"^\s*(SETTINGS|CREATE|ALTER|ENGINE|PARTITION|TTL|INDEX|PRIMARY)\b|CODEC|index_granularity|fsync"
)


def sql_breaks(text: str) -> list[Break]:
    """Every break of a statement; none in comments and settings of tables."""
    found: list[Break] = []
    is_settings = False
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.split("--")[0]
        is_settings |= bare.strip().startswith("SETTINGS")
        if not bare.strip() or is_settings or _SETTINGS.search(bare):
            continue
        for kind, pattern, by in _SQL:
            for place in re.finditer(pattern, bare):
                if bare[: place.start()].count("'") % 2 == 0:  # not inside a text
                    after = bare[: place.start()] + place.expand(by) + line[place.end() :]
                    found.append(Break(kind, number, line, after))
        for place in _SWAPPED.finditer(bare):
            after = bare[: place.start()] + place[3] + place[2] + place[1] + line[place.end() :]
            found.append(Break("swapped names", number, line, after))
        if bare.strip().startswith("AND ") and bare.count("(") == bare.count(")"):
            found.append(Break("dropped condition", number, line, ""))
    return [one for one in found if one.before != one.after]
