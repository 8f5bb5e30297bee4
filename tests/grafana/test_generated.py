"""What is committed for Grafana is what the code writes, and keeps the rules that make it usable."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import alerting, dashboard

from docs_tables import ROOT
from generator.alerts import GROUPS, RULES
from generator.boards import BOARDS as BUILDERS
from generator.fields import unit_of
from generator.files import FOLDER, texts
from generator.questions import FOLDER as QUESTIONS
from generator.questions import PLUGIN, columns_of, register, text_of
from grafana.boards import BOARDS, NAMES, PANELS, VARIABLES, Panel, rule_question
from grafana.boards import RULES as COMMITTED
from modeltally.analytics.topics import TOPICS
from modeltally.settings import Settings

UNITS = {
    "_ms": "ms",
    "_seconds": "s",
    "_bytes": "bytes",
    "_rate": "percentunit",
    "_days": "d",
}
# What only the browser expands, and whatever a dashboard's variable could be.
_BROWSER_ONLY = re.compile(r"\$__(conditionalAll|adHocFilters)|\$\{|\$(?!__)\w")
_DASHBOARD = re.compile(r"/d/(modeltally-\w+)\?")


def written(thing: object) -> Any:
    """Give what Grafana would read."""
    return json.loads(json.dumps(thing, cls=JSONEncoder))


def test_committed_files_are_what_the_code_writes() -> None:
    """Every file equals what `make grafana` would write, and there is no other."""
    made = texts()
    for name, text in made.items():
        assert (FOLDER / name).read_text() == text, f"{name}: make grafana"
    found = [path for kind in ("dashboards", "alerting") for path in (FOLDER / kind).iterdir()]
    assert {str(path.relative_to(FOLDER)) for path in found} == set(made)


@pytest.mark.parametrize("name", BOARDS)
def test_dashboard_survives_the_models_of_the_sdk(name: str) -> None:
    """What is read by the SDK's models and written again is the same, so every key is one that Grafana knows."""
    register()
    again = written(dashboard.Dashboard.from_json(BOARDS[name]))
    for link in again["links"]:
        del link["placement"]  # the SDK knows one place alone, a menu
    assert again == BOARDS[name]


@pytest.mark.parametrize("name", COMMITTED)
def test_rule_survives_the_models_of_the_sdk(name: str) -> None:
    """What is read by the SDK's models and written again is the same but for what stands beside rules in a file."""
    register()
    beside = {"folderUID", "orgID", "ruleGroup"}
    again = written(alerting.Rule.from_json(COMMITTED[name]))
    assert {key: value for key, value in again.items() if key not in beside} == {
        key: value for key, value in COMMITTED[name].items() if key not in {"dasboardUid", "panelId"}
    }


def test_every_statement_is_asked_by_a_panel_a_rule_or_a_variable() -> None:
    """No file of queries/grafana lies there for nobody."""
    asked = {panel.question for panel in PANELS} | {f"alerts/{name}" for name in COMMITTED}
    assert asked | {f"variables/{name}" for name in VARIABLES} == set(NAMES.values())
    assert len(NAMES) == len(list(QUESTIONS.rglob("*.sql")))


def test_addresses_are_unique_and_stay() -> None:
    """Each dashboard and each rule has an address of its own, which does not change with its title."""
    assert {board["uid"] for board in BOARDS.values()} == {f"modeltally-{name}" for name in BUILDERS}
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)
    assert sorted(COMMITTED) == sorted(rule.name for rule in RULES)
    # Grafana takes no longer ones
    assert all(len(thing["uid"]) <= 40 for thing in (*BOARDS.values(), *COMMITTED.values()))


@pytest.mark.parametrize("name", BOARDS)
def test_panels_have_numbers_of_their_own_and_no_two_lie_on_each_other(name: str) -> None:
    """Every panel is somewhere on the 24 columns, and nothing covers it."""
    panels = BOARDS[name]["panels"]
    assert [count for count in Counter(panel["id"] for panel in panels).values() if count > 1] == []
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel.board}, {panel.title}")
def test_panel_says_what_it_shows_and_asks_the_chosen_source(panel: Panel) -> None:
    """Each panel has a heading, a sentence, and one question to the data source that is chosen above."""
    assert panel.title[0].isupper()
    assert panel.said["description"].endswith(".")
    assert panel.target["datasource"] == panel.said["datasource"] == {"type": PLUGIN, "uid": "${datasource}"}
    assert panel.target["format"] == (0 if panel.kind in {"timeseries", "state-timeline"} else 1)
    assert panel.target["rawSql"] == text_of(panel.question)


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: f"{panel.board}, {panel.title}")
def test_columns_with_a_unit_are_shown_in_it(panel: Panel) -> None:
    """What a column's name says of its unit is what Grafana is told; a rate has limits where it stands alone."""
    config = panel.said["fieldConfig"]
    by_column = {
        override["matcher"]["options"]: {one["id"]: one["value"] for one in override["properties"]}
        for override in config["overrides"]
    }
    for column in columns_of(panel.question):
        ending = next((ending for ending in UNITS if column.endswith(ending)), None)
        if ending is not None and not column.startswith("share_of_"):
            shown = by_column.get(column, {}).get("unit", config["defaults"].get("unit"))
            assert shown == UNITS[ending], column
        if column == "success_rate" and panel.kind in {"stat", "table"}:
            assert [step["value"] for step in by_column[column]["thresholds"]["steps"]] == [None, 0.8, 0.95]
    assert set(by_column) <= set(columns_of(panel.question)), "an override for a column that is not there"


def test_units_of_columns_fit_what_the_topics_say_of_them() -> None:
    """A share of one in the answers of a topic is a share of one in Grafana, and a count has no unit."""
    for topic in TOPICS.values() if isinstance(TOPICS, dict) else TOPICS:
        for column in topic.row.__annotations__:
            unit = unit_of(column)
            assert (unit == "ms") == column.endswith("_ms"), column
            assert (unit == "percentunit") >= column.endswith("_rate"), column


def test_links_lead_to_dashboards_that_are_there() -> None:
    """Every link in a cell leads to one of the dashboards and sets a variable that it has; each links to all others."""
    by_uid = {board["uid"]: board for board in BOARDS.values()}
    links = [
        link["url"]
        for panel in PANELS
        for override in panel.said["fieldConfig"]["overrides"]
        for one in override["properties"]
        if one["id"] == "links"
        for link in one["value"]
    ]
    assert links
    for url in links:
        found = _DASHBOARD.match(url)
        assert found, url
        variables = {variable["name"] for variable in by_uid[found[1]]["templating"]["list"]}
        assert set(re.findall(r"var-(\w+)=", url)) <= variables
        assert "${__url_time_range}" in url
    for board in BOARDS.values():
        (link,) = board["links"]
        assert (link["type"], link["tags"]) == ("dashboards", board["tags"]) == ("dashboards", ["modeltally"])
        assert link["keepTime"] is link["includeVars"] is True


@pytest.mark.parametrize("name", BOARDS)
def test_variables_are_those_that_the_panels_use(name: str) -> None:
    """A dashboard offers what its statements ask for: several values and all of them; and the data source."""
    source, *variables = BOARDS[name]["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", PLUGIN)
    asked = " ".join(panel.target["rawSql"] for panel in PANELS if panel.board == name)
    used = set(re.findall(r", \$(\w+)\)", asked))
    assert {variable["name"] for variable in variables} == used
    for variable in variables:
        assert variable["multi"] is variable["includeAll"] is True
        assert "allValue" not in variable
        assert variable["current"] == {"text": ["All"], "value": ["$__all"]}
        assert variable["query"]["rawSql"] == text_of(f"variables/{variable['name']}")


def test_statements_say_the_defaults_of_the_settings() -> None:
    """A number that is a setting elsewhere is its default here."""
    fields = Settings.model_fields
    said = {
        (name, float(value))
        for text in NAMES
        for name, value in re.findall(r"\b(\w+) = ([\d.]+)\b", text)
        if name in fields
    }
    assert {name for name, _ in said} >= {"abandoned_after_seconds", "excellent_ms", "silent_after_seconds"}
    assert [(name, value) for name, value in said if value != float(fields[name].default)] == []


def test_windows_are_half_open_and_of_utc() -> None:
    """No statement takes a filter that is closed at its end, and each time of Grafana's is said to be one of UTC."""
    for text, name in NAMES.items():
        assert "$__timeFilter" not in text, name
        assert not re.search(r"(?<!toDateTime64\()\$__(from|to)Time", text), name
        assert text.count("$__fromTime_ms, 6, 'UTC')") == text.count("$__fromTime"), name


@pytest.mark.parametrize("name", COMMITTED)
def test_rule_has_what_the_backend_knows_and_no_more(name: str) -> None:
    """A rule asks the provisioned source, holds no variable, reduces and compares, and says who it is about."""
    rule = COMMITTED[name]
    asked = rule_question(rule)
    assert asked["datasourceUid"] == asked["model"]["datasource"]["uid"] == "modeltally"
    assert asked["model"]["rawSql"] == text_of(f"alerts/{name}")
    assert not _BROWSER_ONLY.search(asked["model"]["rawSql"])
    assert [one["refId"] for one in rule["data"]] == ["A", "B", "C"]
    _, reduce, threshold = (one["model"] for one in rule["data"])
    assert (reduce["type"], reduce["expression"]) == ("reduce", "A")
    assert (threshold["type"], threshold["expression"], rule["condition"]) == ("threshold", "B", "C")
    # in annotations Grafana replaces ${...} by variables of its own environment
    assert "${" not in "".join([rule["title"], *rule["annotations"].values(), *rule["labels"].values()])
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["description"].endswith(".")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_rule_names_labels_that_its_rows_have(rule: Any) -> None:
    """What is told names columns of words that the statement gives, and leads to a panel."""
    columns = columns_of(f"alerts/{rule.name}")
    assert set(re.findall(r"\$labels\.(\w+)", rule.summary + rule.description)) <= set(columns[:-1])
    committed = COMMITTED[rule.name]
    board = next(board for board in BOARDS.values() if board["uid"] == committed["dasboardUid"])
    (panel,) = (panel for panel in board["panels"] if panel["id"] == committed["panelId"])
    assert panel["title"] == rule.panel[1]
    assert committed["annotations"]["__panelId__"] == str(panel["id"])


def test_windows_of_rules_leave_out_what_is_on_its_way() -> None:
    """Every window but that of silence ends before now, and the rolled one where hours are settled."""
    for name, rule in COMMITTED.items():
        ranges = {(one["relativeTimeRange"]["from"], one["relativeTimeRange"]["to"]) for one in rule["data"]}
        ((begins, ends),) = ranges
        assert begins > ends
        assert ends >= {"no_data": 0, "roll_behind": 3 * 3600}.get(name, 300)
    assert COMMITTED["no_data"]["noDataState"] == "Alerting"
    assert {rule["noDataState"] for name, rule in COMMITTED.items() if name != "no_data"} == {"OK"}


def test_provisioning_leaves_out_who_is_told_and_names_the_mounted_folder() -> None:
    """Contact points and policies are nobody's but the team's; dashboards are where compose mounts them."""
    rules = yaml.safe_load((FOLDER / "alerting" / "rules.yaml").read_text())
    assert set(rules) == {"apiVersion", "groups"}
    assert {group["name"]: group["interval"] for group in rules["groups"]} == {n: f"{s}s" for n, s in GROUPS.items()}
    (provider,) = yaml.safe_load((FOLDER / "dashboards.yaml").read_text())["providers"]
    mounts = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in mounts
    assert "./deploy/grafana/dashboards.yaml:/etc/grafana/provisioning/dashboards/modeltally.yaml:ro" in mounts
    assert "./deploy/grafana/alerting/rules.yaml:/etc/grafana/provisioning/alerting/modeltally.yaml:ro" in mounts
