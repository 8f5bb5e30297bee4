"""The tables of the README that are made from code. ``make docs`` writes them; a test compares."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic_core import PydanticUndefined

from modeltally.cli._exit import ExitCode
from modeltally.settings import Settings

README = Path(__file__).parents[1] / "README.md"


def _settings() -> str:
    lines = ["| setting | default | what |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "per-user data directory" if field.default is PydanticUndefined else str(field.default)
        lines.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join(lines)


def _exit_codes() -> str:
    lines = ["| exit code | meaning |", "|---|---|"]
    return "\n".join([*lines, *(f"| {int(code)} | {code.meaning} |" for code in ExitCode)])


TABLES = {"settings": _settings, "exit codes": _exit_codes}


def filled(text: str) -> str:
    """Put every table between its markers."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, rest = text.split(begin)
        text = f"{before}{begin}\n{table()}\n{end}{rest.split(end)[1]}"
    return text


if __name__ == "__main__":
    README.write_text(filled(README.read_text()))
    sys.exit(0)
