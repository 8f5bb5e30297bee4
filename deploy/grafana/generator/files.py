"""The files that Grafana is given, as they lie in the repository."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from generator.alerts import as_provisioned
from generator.boards import BOARDS
from generator.questions import register

__all__ = ["FOLDER", "texts", "write"]


class _Dumper(yaml.SafeDumper):
    """Writes a text of several lines as lines, so that a statement can be read."""


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)

FOLDER = Path(__file__).parents[1]
_WRITTEN = "# Written by `make grafana` from deploy/grafana/generator: change it there.\n"


def texts() -> dict[str, str]:
    """Give the text of each file by its path below ``deploy/grafana``."""
    register()
    found = {}
    for name, build in BOARDS.items():
        said = json.loads(json.dumps(build(), cls=JSONEncoder))
        for link in said["links"]:
            del link["placement"]  # the SDK puts links into a menu; without a word they are in sight
        found[f"dashboards/{name}.json"] = json.dumps(said, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    rules = json.loads(json.dumps(as_provisioned(), cls=JSONEncoder))
    found["alerting/rules.yaml"] = _WRITTEN + yaml.dump(
        rules, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True
    )
    return found


def write() -> None:
    """Write every file, and take away dashboards that are no longer made."""
    made = texts()
    for old in (FOLDER / "dashboards").glob("*.json"):
        if f"dashboards/{old.name}" not in made:
            old.unlink()
    for name, text in made.items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
