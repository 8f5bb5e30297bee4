"""Rules of one's own: what they say is told, and what is no advice is told of and gives none."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.settings import Settings
from recommend.conftest import AS_OF

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from modeltally.store import EmbeddedStore

MODULE = "advice_of_a_stranger"
GOOD = """\
-- Models that more than one in ten waits for.
SELECT
    model AS subject,
    'often used' AS reason,
    'praise' AS action,
    0.5 AS confidence,
    'low' AS priority,
    toJSONString(map('requests', requests)) AS evidence,
    48 AS holds_hours
FROM usage_by_model(
    since = {since:DateTime64(6, 'UTC')},
    until = {until:DateTime64(6, 'UTC')},
    as_of = {as_of:DateTime64(6, 'UTC')},
    abandoned_after_seconds = 3600
)
"""
PLUGIN = """\
from modeltally.recommend.rules.own import OwnRule


def of_the_week(occasion):
    asked = {"since": occasion.since, "until": occasion.until, "half_life_seconds": 86_400.0}
    for row in occasion.store.read("decayed_uses", asked):
        yield {"subject": row["model"], "reason": "it is used", "evidence": {"requests": row["requests"]}}


def raises(occasion):
    yield {"subject": "busy", "reason": "told before it broke"}
    raise LookupError("nothing there")


def ends(occasion):
    raise SystemExit(3)


of_the_week = OwnRule("of-the-week", of_the_week)
raises = OwnRule("raises", raises)
ends = OwnRule("ends", ends)
nothing = OwnRule("nothing", lambda occasion: None)
number = 7
"""


@pytest.fixture
def folder(tmp_path: Path, store: EmbeddedStore) -> Iterator[Path]:
    """Give the folder that rules are dropped into."""
    rules = tmp_path / "rules"
    rules.mkdir()
    store.settings = Settings(advice_directory=rules)
    yield rules
    store.settings = Settings()


def said(store: EmbeddedStore) -> list[dict[str, Any]]:
    """What the rules say."""
    return store.run("recommend_own", {"as_of": AS_OF})


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, **rules: str) -> None:
    """Install a package that brings these rules for the time of a test."""
    (folder / f"{MODULE}.py").write_text(PLUGIN)
    told = folder / f"{MODULE}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {MODULE}\nVersion: 1.0\n")
    lines = [f"{name} = {MODULE}:{value}" for name, value in rules.items()]
    (told / "entry_points.txt").write_text("\n".join(["[modeltally.advice]", *lines, ""]))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    importlib.invalidate_caches()


def test_rule_in_sql_advises(store: EmbeddedStore, folder: Path) -> None:
    """Its rows are advice, with its name, and are stored like any other."""
    (folder / "often.sql").write_text(GOOD)
    (row,) = said(store)
    assert (row["subject"], row["verdict"], row["action"]) == ("busy", "advise", "praise (often)")
    assert row["reason"] == "often: often used"
    assert row["confidence"] == 0.5
    assert row["priority"] == "low"
    assert row["evidence"] == {"requests": 30}
    assert (row["expires_at"] - AS_OF).total_seconds() == 48 * 3600


def test_rule_of_a_plugin_advises(store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function of an installed package is asked with what it may read."""
    install(tmp_path, monkeypatch, weekly="of_the_week")
    (row,) = said(store)
    assert (row["subject"], row["action"], row["reason"]) == ("busy", "weekly", "weekly: it is used")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT 1 AS", "raised StoreError"),
        ("SELECT 1 AS one", "has no text as 'subject': None"),
        ("SELECT 'a' AS subject, '' AS reason", "has no text as 'reason': ''"),
        ("SELECT 'a' AS subject, 'b' AS reason, 'c' AS color", "has 'color'; allowed: subject, reason"),
        ("SELECT '*' AS subject, 'b' AS reason", "is about '*'"),
        ("SELECT 'a' AS subject, 'b' AS reason, 1.5 AS confidence", "has confidence = 1.5; allowed: 0 to 1"),
        ("SELECT 'a' AS subject, 'b' AS reason, nan AS confidence", "has confidence = nan"),
        ("SELECT 'a' AS subject, 'b' AS reason, 'sure' AS confidence", "has confidence = 'sure'"),
        ("SELECT 'a' AS subject, 'b' AS reason, 'soon' AS priority", "has priority = 'soon'; allowed: critical"),
        ("SELECT 'a' AS subject, 'b' AS reason, 0 AS holds_hours", "has holds_hours = 0"),
        ("SELECT 'a' AS subject, 'b' AS reason, '[1]' AS evidence", "it is no record"),
        ("SELECT 'a' AS subject, 'b' AS reason, '{' AS evidence", "has evidence = '{'"),
        ("SELECT 'a' AS subject, 'b' AS reason WHERE {day:Date} > 0", "has the parameter 'day'; allowed: as_of"),
        ("INSERT INTO aliases SELECT * FROM aliases", "is no SELECT"),
        ("DROP TABLE usage_events", "is no SELECT"),
        ("SELECT 1; DROP TABLE usage_events", "raised StoreError"),
        ("", "raised StoreError"),
        ("SELECT 'a' AS subject, 'b' AS reason FROM numbers(10001)", "raised StoreError"),
    ],
)
def test_sql_that_is_no_advice_is_told_of(store: EmbeddedStore, folder: Path, text: str, why: str) -> None:
    """The message names the file and what is wrong; it gives no advice, and the rule beside it still does."""
    (folder / "wrong.sql").write_text(text)
    (folder / "often.sql").write_text(GOOD)
    refusal, advice = said(store)
    assert (refusal["subject"], refusal["verdict"]) == ("*", "refused")
    assert refusal["reason"].startswith("rule: wrong is left out: ")
    assert why in refusal["reason"]
    assert advice["subject"] == "busy"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("raises", "raised LookupError: nothing there"),
        ("ends", "raised SystemExit: 3"),
        ("nothing", "raised TypeError"),
        ("number", "is int; allowed: an OwnRule"),
        ("missing", "raised AttributeError"),
    ],
)
def test_plugin_that_is_no_rule_is_told_of(
    store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, why: str
) -> None:
    """A plugin that raises gives no advice, not even what it gave before, and stops nothing."""
    install(tmp_path, monkeypatch, one=value, two="of_the_week")
    refusal, advice = said(store)
    assert refusal["reason"].startswith("rule: one is left out: ")
    assert why in refusal["reason"]
    assert advice["subject"] == "busy"


def test_second_rule_of_a_name_is_left_out(
    store: EmbeddedStore, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file and a plugin of one name: the file is asked."""
    (folder / "one.sql").write_text(GOOD)
    install(tmp_path, monkeypatch, one="of_the_week")
    refusal, advice = said(store)
    assert refusal["reason"] == "rule: one is left out: there is another rule of that name"
    assert advice["action"] == "praise (one)"


def test_folder_that_is_not_there_is_told_of(store: EmbeddedStore, tmp_path: Path) -> None:
    """The message names it."""
    store.settings = Settings(advice_directory=tmp_path / "nowhere")
    try:
        (refusal,) = said(store)
    finally:
        store.settings = Settings()
    assert "nowhere is left out: advice_directory cannot be read: No such file" in refusal["reason"]
