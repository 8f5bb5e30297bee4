"""The statements that panels and rules ask, and the form in which Grafana's ClickHouse plugin is told them."""

from __future__ import annotations

import enum
import re
from functools import cache
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog import builder, plugins, runtime, variants
from grafana_foundation_sdk.models.common import DataSourceRef

from modeltally.store import sql

__all__ = [
    "DATASOURCE",
    "FOLDER",
    "PLUGIN",
    "Format",
    "Question",
    "QuestionBuilder",
    "columns_of",
    "register",
    "text_of",
]

PLUGIN = "grafana-clickhouse-datasource"
FOLDER = Path(__file__).parents[3] / "queries" / "grafana"
# Whoever looks at a dashboard chooses the data source; a rule has nobody who chooses.
DATASOURCE = DataSourceRef(type_val=PLUGIN, uid="${datasource}")
_PARTS = re.compile(r"'(?:[^'\\]|\\.)*'|[()\[\],]|\bSELECT\b|\bFROM\b")
_DEPTH = {"(": 1, "[": 1, ")": -1, "]": -1}


class Format(enum.IntEnum):
    """What the plugin makes of rows: series over time, or a table."""

    SERIES = 0
    TABLE = 1


class Question(variants.Dataquery):
    """A query of the plugin, which the SDK does not know.

    Attributes:
        raw_sql: The statement, with macros and variables.
        format: What is made of its rows.
        ref_id: What the panel or rule calls it.
        datasource: Whom it asks.
    """

    def __init__(self, raw_sql: str, form: Format, ref_id: str, datasource: DataSourceRef) -> None:
        self.raw_sql = raw_sql
        self.format = form
        self.ref_id = ref_id
        self.datasource = datasource

    def to_json(self) -> dict[str, object]:
        """Give it as the plugin reads it."""
        return {
            "datasource": self.datasource,
            "editorType": "sql",
            "format": int(self.format),
            "rawSql": self.raw_sql,
            "refId": self.ref_id,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Question:
        """Read one."""
        return cls(data["rawSql"], Format(data["format"]), data["refId"], DataSourceRef.from_json(data["datasource"]))


class QuestionBuilder(builder.Builder[variants.Dataquery]):
    """Builds a question from the name of its file."""

    def __init__(self, name: str, form: Format, *, datasource: DataSourceRef = DATASOURCE) -> None:
        """Take the name below ``queries/grafana`` and what is to be made of its rows."""
        self._question = Question(text_of(name), form, "A", datasource)

    def build(self) -> Question:
        """Give the question."""
        return self._question


@cache
def text_of(name: str) -> str:
    """Give the statement of a file without its comments.

    Args:
        name: The file below ``queries/grafana``, without its ending.
    """
    return sql.Statement(name, (FOLDER / f"{name}.sql").read_text()).body


@cache
def columns_of(name: str) -> tuple[str, ...]:
    """Name the columns that a statement gives: of its last SELECT that is in no brackets.

    Args:
        name: The file below ``queries/grafana``, without its ending.
    """
    text = text_of(name)
    columns: list[str] = []
    depth, start, open_list = 0, 0, False
    for part in _PARTS.finditer(text):
        depth += _DEPTH.get(part[0], 0)
        if depth or part[0] in _DEPTH:
            continue
        if part[0] == "SELECT":
            start, columns, open_list = part.end(), [], True
        elif open_list and part[0] in {",", "FROM"}:
            columns.append(text[start : part.start()].split()[-1].rpartition(".")[2])
            start, open_list = part.end(), part[0] == ","
    return tuple(columns)


def register() -> None:
    """Tell the SDK of every panel it knows and of the plugin's queries, so that it reads what it wrote."""
    plugins.register_default_plugins()
    runtime.register_dataquery_variant(runtime.DataqueryConfig(identifier=PLUGIN, from_json_hook=Question.from_json))
