"""What is committed for Grafana, read as Grafana reads it: panels, what they ask, rules."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import yaml

from generator.files import FOLDER
from generator.questions import FOLDER as QUESTIONS
from generator.questions import text_of

__all__ = ["BOARDS", "PANELS", "RULES", "VARIABLES", "Panel", "rule_question"]

NAMES = {
    text_of(name): name
    for name in (str(path.relative_to(QUESTIONS).with_suffix("")) for path in sorted(QUESTIONS.rglob("*.sql")))
}
BOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))
}
_PROVISIONED = yaml.safe_load((FOLDER / "alerting" / "rules.yaml").read_text())
RULES: dict[str, dict[str, Any]] = {
    rule["uid"].removeprefix("modeltally-").replace("-", "_"): rule
    for group in _PROVISIONED["groups"]
    for rule in group["rules"]
}
# The statement behind each variable, by the variable's name.
VARIABLES: dict[str, str] = {
    variable["name"]: variable["query"]["rawSql"]
    for board in BOARDS.values()
    for variable in board["templating"]["list"]
    if variable["type"] == "query"
}


@dataclass(frozen=True)
class Panel:
    """One panel that asks something.

    Attributes:
        board: The name of its dashboard.
        title: Its heading.
        kind: What draws it.
        question: The file that it asks, below ``queries/grafana``.
        said: Everything that is committed of it.
    """

    board: str
    title: str
    kind: str
    question: str
    said: dict[str, Any] = field(repr=False)

    @property
    def target(self) -> dict[str, Any]:
        """Its one question, as the plugin gets it."""
        (target,) = self.said["targets"]
        return dict(target)


PANELS = [
    Panel(name, panel["title"], panel["type"], NAMES[panel["targets"][0]["rawSql"]], panel)
    for name, board in BOARDS.items()
    for panel in board["panels"]
    if panel["type"] != "row"
]


def rule_question(rule: dict[str, Any]) -> dict[str, Any]:
    """Give what a rule asks the store."""
    (asked,) = (one for one in rule["data"] if one["datasourceUid"] != "__expr__")
    return dict(asked)
