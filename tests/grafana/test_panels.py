"""Each panel's statement, with macros and variables expanded, gives what its panel draws, on the local interface."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest

from clickhouse.client import ask
from generator.questions import columns_of
from grafana.boards import BOARDS, PANELS, RULES, VARIABLES, Panel, rule_question
from grafana.macros import expand
from grafana.studio import ZONES, Rows, Studio

if TYPE_CHECKING:
    from collections.abc import Callable

# One of each kind of panel, and one for each variable.
TELLING = {
    "overview/figures",
    "overview/longest_unused",
    "overview/requests_by_outcome",
    "overview/week",
    "models/requests",
    "users/by_model",
    "users/projects_over_time",
    "loads/stays",
    "health/processes",
}


def is_series(rows: Rows) -> None:
    """Times that rise, then numbers; a column of words names the line that the one number is of."""
    assert rows.columns[0].name == "time"
    first, *others = rows.kinds
    assert first == "time"
    assert "time" not in others
    assert others.count("text") <= 1
    times = rows.of("time")
    assert times == sorted(times)
    if "text" in others:
        assert others == ["text", "number"]
        assert len({tuple(row[:2]) for row in rows.values}) == len(rows.values)
    else:
        assert len(set(times)) == len(times)
    assert any(value is not None for row in rows.values for value in row[1:])


def is_one_row(rows: Rows) -> None:
    """One row with at least one number."""
    assert len(rows.values) == 1
    assert "number" in rows.kinds


def is_ranking(rows: Rows) -> None:
    """A column of words, then one number, the largest first."""
    assert rows.kinds == ["text", "number"]
    numbers = [row[1] for row in rows.values]
    assert numbers == sorted(numbers, reverse=True)


def is_table(rows: Rows) -> None:
    """Anything that has rows, in which something stands."""
    assert any(value not in {None, ""} for row in rows.values for value in row)


EXPECTED: dict[str, Callable[[Rows], None]] = {
    "timeseries": is_series,
    "state-timeline": is_series,
    "stat": is_one_row,
    "bargauge": is_ranking,
    "table": is_table,
}


def of_kind(panel: Panel) -> Any:
    """Name the case of a panel; most run where minutes do not matter."""
    slow = pytest.mark.slow(seconds=240, why="every panel in each zone with each choice")
    return pytest.param(panel, id=f"{panel.board}, {panel.title}", marks=slow)


@pytest.mark.slow(seconds=20, why="panels of thirty simulated days")
@pytest.mark.parametrize("panel", [pytest.param(p, id=p.question) for p in PANELS if p.question in TELLING])
def test_telling_panel_has_something_to_draw(studio: Studio, panel: Panel) -> None:
    """A panel of each kind gets the columns it draws, and is not empty, in a zone of half hours."""
    zone = "America/St_Johns"
    rows = studio.rows(panel.target["rawSql"], studio.asked(zone), session=ZONES[zone])
    assert tuple(column.name for column in rows.columns) == columns_of(panel.question)
    assert rows.values
    EXPECTED[panel.kind](rows)


@pytest.mark.parametrize("panel", [of_kind(panel) for panel in PANELS])
def test_panel_has_something_to_draw(studio: Studio, panel: Panel) -> None:
    """Every panel gets its columns in each zone and with each choice, and is not empty where everything is chosen."""
    text = panel.target["rawSql"]
    for zone, session in ZONES.items():
        for choice in studio.choices if "$__conditionalAll" in text else [{}]:
            rows = studio.rows(text, studio.asked(zone, choice), session=session)
            assert tuple(column.name for column in rows.columns) == columns_of(panel.question)
            assert rows.values or choice
            if rows.values:
                EXPECTED[panel.kind](rows)
    # a server whose own zone is another gives the same rows: windows are of UTC wherever they are asked for
    here, there = (studio.rows(text, studio.asked(), session=session) for session in ZONES.values())
    assert here == there


@pytest.mark.slow(seconds=15, why="windows of thirty years")
@pytest.mark.parametrize("question", ["overview/requests_by_outcome", "models/requests", "patterns/quality"])
@pytest.mark.parametrize("days", [365 * 30, 0, -3])
def test_any_window_is_answered(studio: Studio, question: str, days: int) -> None:
    """Thirty years come by months within the interface's memory, and an empty or reversed window is no error."""
    text = next(panel.target["rawSql"] for panel in PANELS if panel.question == question)
    length = dt.timedelta(days=days)
    seconds = max(length.total_seconds() / 1000, 1)
    asked = dataclasses.replace(studio.asked("Asia/Kolkata"), since=studio.until - length, interval_seconds=seconds)
    rows = studio.rows(text, asked)
    if days > 0:
        is_series(rows)
        assert len(rows.values) < 500


@pytest.mark.parametrize("name", VARIABLES)
def test_variable_offers_values_with_texts(studio: Studio, name: str) -> None:
    """What can be chosen are values with the texts shown for them, each once, none of them empty."""
    rows = studio.rows(VARIABLES[name], studio.asked())
    assert [column.name for column in rows.columns] == ["value", "text"]
    assert rows.kinds == ["text", "text"]
    assert rows.values
    assert len(set(rows.of("value"))) == len(rows.values)
    assert all(rows.of("text"))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.slow(seconds=20, why="every rule over HTTP")
def test_rule_is_let_through_by_the_local_interface(studio: Studio, name: str) -> None:
    """A rule's statement runs on the local interface, as on a server of ClickHouse."""
    rows = studio.rows(rule_question(RULES[name])["model"]["rawSql"], studio.asked(), session="America/St_Johns")
    assert tuple(column.name for column in rows.columns) == columns_of(f"alerts/{name}")


@pytest.mark.slow(seconds=20, why="each dashboard's panels at once")
@pytest.mark.parametrize("name", BOARDS)
def test_panels_of_a_dashboard_can_be_asked_at_once(studio: Studio, name: str) -> None:
    """A dashboard asks all of its panels and variables together, and the local interface answers each."""
    texts = [panel.target["rawSql"] for panel in PANELS if panel.board == name]
    texts += [
        variable["query"]["rawSql"] for variable in BOARDS[name]["templating"]["list"] if variable["type"] == "query"
    ]
    statuses: list[int] = []

    def one(text: str) -> None:
        statuses.append(ask(studio.server, expand(text, studio.asked()), database="modeltally").status)

    threads = [threading.Thread(target=one, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * len(texts)


@pytest.mark.parametrize("name", ["it's", "back\\slash", "end\\", "x') OR 1=1 --", "a/*b", "a$b", "(a", "ä\n"])
def test_a_model_with_a_strange_name_can_be_chosen(studio: Studio, name: str) -> None:
    """The value of a variable finds its model, whatever stands in the name; nothing in it is read as SQL."""
    replaced = re.search(r"replaceAll\(model, ('.*?'), ('.*?')\) AS value", VARIABLES["model"])
    assert replaced
    doubled = f"SELECT replaceAll({{name:String}}, {replaced[1]}, {replaced[2]}) AS value FORMAT RawBLOB"
    value = ask(studio.server, doubled, param_name=_sent(name)).text
    condition = "SELECT $__conditionalAll({name:String} IN (${model:singlequote}), $model) AS found"
    found = ask(studio.server, expand(condition, studio.asked(choice={"model": [value]})), param_name=_sent(name))
    assert found.text.strip() == "1", found.text


def _sent(text: str) -> str:
    """Write a parameter as ClickHouse's HTTP interface reads it."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")
