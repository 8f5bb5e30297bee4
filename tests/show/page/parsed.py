"""Pages as tests read them: headings, cells with their exact values, links, and what must not be there."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote

__all__ = ["Parsed", "Table", "parsed"]

_VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr", "option"})


@dataclass
class Table:
    """A table: the names of its columns, and each cell as its exact value where it has one, else its text."""

    block: str
    headings: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    texts: list[list[str]] = field(default_factory=list)
    sorted: dict[str, str] = field(default_factory=dict)


@dataclass
class Parsed:
    """A page: its tables, elements by tag with their attributes, text by block."""

    tables: list[Table] = field(default_factory=list)
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    blocks: dict[str, str] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    text: str = ""

    def of(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of a tag."""
        return [attributes for name, attributes in self.elements if name == tag]

    def links(self) -> list[str]:
        """Where links lead."""
        return [attributes["href"] for attributes in self.of("a") if "href" in attributes]

    def table(self, block: str) -> Table:
        """The first table of a block."""
        return next(table for table in self.tables if table.block == block)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Parsed()
        self._open: list[str] = []
        self._block = ""
        self._cell: list[str] | None = None
        self._exact = ""
        self._fact = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.page.elements.append((tag, attributes))
        if tag not in _VOID:
            self._open.append(tag)
        if tag == "section" and "data-block" in attributes:
            self._block = attributes["id"]
            self.page.blocks[self._block] = ""
        elif tag == "table":
            self.page.tables.append(Table(self._block))
        elif tag == "tr" and "thead" not in self._open and self.page.tables:
            self.page.tables[-1].rows.append([])
            self.page.tables[-1].texts.append([])
        elif tag in {"td", "th", "dt", "dd"}:
            self._cell, self._exact = [], ""
            if tag == "th" and "aria-sort" in attributes:
                self.page.tables[-1].sorted[attributes.get("title", "")] = attributes["aria-sort"]
            if tag == "th" and "thead" in self._open:
                self.page.tables[-1].titles.append(attributes.get("title", ""))
        elif tag == "data":
            self._exact = attributes["value"]
        elif tag == "time":
            self._exact = attributes["datetime"]

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass
        if tag in {"td", "th"} and self._cell is not None:
            text = "".join(self._cell).strip()
            table = self.page.tables[-1]
            if "thead" in self._open:
                table.headings.append(text)
            elif table.rows:
                table.rows[-1].append(self._exact or text)
                table.texts[-1].append(text)
            self._cell = None
        elif tag == "dt" and self._cell is not None:
            self._fact, self._cell = "".join(self._cell).strip(), None
        elif tag == "dd" and self._cell is not None:
            self.page.facts.setdefault(self._fact, self._exact or "".join(self._cell).strip())
            self._cell = None
        elif tag == "section":
            self._block = ""

    def handle_data(self, data: str) -> None:
        self.page.text += data
        if self._block:
            self.page.blocks[self._block] += data
        if self._cell is not None:
            self._cell.append(data)


def parsed(body: bytes) -> Parsed:
    """Read a page."""
    reader = _Reader()
    reader.feed(body.decode())
    reader.close()
    assert not [tag for tag in reader._open if tag not in {"p", "li"}], "an element is left open"
    return reader.page


def path_of(link: str) -> str:
    """The path of a link, as it was before it was quoted."""
    return unquote(link.partition("?")[0])
