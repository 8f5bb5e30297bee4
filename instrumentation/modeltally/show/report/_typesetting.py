"""Sets a PDF: the program of the process that :mod:`modeltally.show.report.pdf` starts."""

from __future__ import annotations

import json
import sys
import tempfile
from importlib.resources import files
from typing import Any

import typst

__all__ = ["main"]


def main() -> None:
    """Read what to set from standard input, write the PDF to standard output."""
    asked = json.load(sys.stdin)
    try:
        made = _set(asked, standards=["ua-1"])
    except typst.TypstError:
        # that standard wants a glyph for every character, and names may have some that no font here has
        made = _set(asked, standards=[])
    sys.stdout.buffer.write(made)


def _set(asked: dict[str, Any], *, standards: list[Any]) -> bytes:
    template = files("modeltally.show.report").joinpath("report.typ").read_bytes()
    inputs = {"content": json.dumps(asked["content"])}
    with tempfile.TemporaryDirectory() as root:  # the template reads no file, and could read none but those here
        compiler = typst.Compiler(template, root=root, sys_inputs=inputs, package_path=root, package_cache_path=root)
        made = compiler.compile(format="pdf", timestamp=asked["at"], pdf_standards=standards)
    if not isinstance(made, bytes):
        raise SystemExit("typst gave no PDF")
    return made


if __name__ == "__main__":
    main()
