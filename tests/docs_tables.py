"""The tables of the documents that are made from code. ``make docs`` writes them; a test compares."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic_core import PydanticUndefined

from generator.alerts import GROUPS, RULES
from generator.boards import BOARDS
from modeltally.alerts.rules import RULES as ALERT_RULES
from modeltally.analytics.topics import TOPICS
from modeltally.cli._app import COMMANDS
from modeltally.cli._exit import ExitCode
from modeltally.instrument import _names as names
from modeltally.instrument._meanings import MEANINGS
from modeltally.settings import Settings
from support.slow import collect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from modeltally.analytics.topic import Topic

ROOT = Path(__file__).parents[1]
DOCUMENTS = (ROOT / "instrumentation" / "SERVICES.md", *sorted((ROOT / "docs").glob("*.md")))
TESTS = ROOT / "tests" / "README.md"


def _settings() -> str:
    lines = ["| setting | default | what |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = "per-user data directory" if field.default is PydanticUndefined else str(field.default)
        lines.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join(lines)


def _commands() -> str:
    lines = ["| command | what it does | example |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| `{name}` | {line} | `{example}` |" for name, (line, example) in COMMANDS.items())])


def _alerts() -> str:
    lines = ["| rule | severity | told when | threshold | looked at | what to do |", "|---|---|---|---|---|---|"]
    for rule in ALERT_RULES.values():
        settings = ", ".join(f"`{name}` = {Settings.model_fields[name].default:g}" for name in rule.threshold)
        threshold = f"{'above' if rule.is_above else 'below'} {settings or '0'} ({rule.unit})"
        lines.append(
            f"| `{rule.name}` | {rule.severity} | {rule.sentence} | {threshold} | {rule.looks_at} | {rule.todo} |"
        )
    return "\n".join(lines)


def _exit_codes() -> str:
    lines = ["| exit code | meaning |", "|---|---|"]
    return "\n".join([*lines, *(f"| {int(code)} | {code.meaning} |" for code in ExitCode)])


def _keywords() -> str:
    lines = ["| keyword | what | attribute | type |", "|---|---|---|---|"]
    special = [(names.USER_KEYWORD, names.USER_HASH, str)]
    special += [(keyword, hash_name, str) for keyword, (hash_name, _) in names.PROMPT_KEYWORDS.items()]
    attributes = [(keyword, attribute.name, attribute.type) for keyword, attribute in names.ATTRIBUTES.items()]
    rows = (
        f"| `{keyword}` | {MEANINGS[keyword]} | `{name}` | {kind.__name__} |"
        for keyword, name, kind in special + attributes
    )
    return "\n".join([*lines, *rows])


def _topics() -> str:
    parts = []
    for group in dict.fromkeys(topic.group for topic in TOPICS.values()):
        parts.append(f"## {group}")
        parts += [_topic(topic) for topic in TOPICS.values() if topic.group == group]
    return "\n\n".join(parts)


def statistics() -> list[dict[str, Any]]:
    """Every statistic that was asked for, with the topic that answers it."""
    return yaml.safe_load((ROOT / "tests" / "statistics.yaml").read_text())  # type: ignore[no-any-return] # a file of ours


def _statistics() -> str:
    lines = ["| statistic | command | view | columns |", "|---|---|---|---|"]
    for one in statistics():
        command = " ".join(("modeltally stats", one["topic"], *one.get("flags", ())))
        columns = ", ".join(f"`{column}`" for column in one["columns"])
        lines.append(f"| {one['asked']} | `{command}` | `{TOPICS[one['topic']].view}` | {columns} |")
    return "\n".join(lines)


def _topic(topic: Topic[Any]) -> str:
    takes = [f"`{name}`" for name in (*(each.parameter for each in topic.arguments), *topic.settings)]
    also = f", which also takes {' and '.join(takes)}" if takes else ""
    lines = [f"### {topic.name}", "", f"{topic.sentence} View `{topic.view}`{also}.", ""]
    lines += ["| column | unit | what |", "|---|---|---|"]
    for column in topic.columns:
        unit = f"{column.unit}, or none" if column.is_nullable else column.unit
        lines.append(f"| `{column.name}` | {unit} | {column.sentence} |")
    return "\n".join(lines)


def _dashboards() -> str:
    lines = ["| dashboard | panels | to choose |", "|---|---|---|"]
    for build in BOARDS.values():
        board = build()
        panels = "; ".join(str(panel.title) for panel in board.panels or [] if panel.type_val != "row")
        choices = [variable.name for variable in (board.templating and board.templating.list_val) or []]
        shown = str(board.title).removeprefix("modeltally: ")
        lines.append(f"| {shown} | {panels} | {', '.join(choices[1:]) or '-'} |")
    return "\n".join(lines)


def _rules() -> str:
    lines = ["| rule | fires at | of the last | looked at every | severity |", "|---|---|---|---|---|"]
    for rule in RULES:
        sign = {"gt": "above", "lt": "below"}[rule.fires]
        every = _length(GROUPS[rule.group])
        held = "" if rule.pending == "0s" else f" for {rule.pending.replace('m', ' min')}"
        lines.append(
            f"| {rule.title} | {sign} {rule.limit:g}{held} | {_length(rule.seconds)} | {every} | {rule.severity} |"
        )
    return "\n".join(lines)


def _length(seconds: int) -> str:
    unit, name = next((size, name) for size, name in ((86400, "d"), (3600, "h"), (60, "min")) if seconds >= size)
    return f"{seconds // unit} {name}"


TABLES = {
    "dashboards": _dashboards,
    "rules": _rules,
    "settings": _settings,
    "commands": _commands,
    "alerts": _alerts,
    "exit codes": _exit_codes,
    "keywords": _keywords,
    "topics": _topics,
    "statistics": _statistics,
}


def filled(text: str, tables: Mapping[str, Callable[[], str]] = TABLES) -> str:
    """Put every table between its markers, where a document has them."""
    for name, table in tables.items():
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        if begin in text:
            before, rest = text.split(begin)
            text = f"{before}{begin}\n{table()}\n{end}{rest.split(end)[1]}"
    return text


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(filled(document.read_text()))
    TESTS.write_text(filled(TESTS.read_text(), {"slow": collect().table}))
    sys.exit(0)
