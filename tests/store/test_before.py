"""An export made before the schema began anew is taken over: what was stored, and every answer.

``data/before`` is what ``modeltally export`` of the last version with that schema wrote of a store that was lived in
(``store.answers.lived_in``, then rolled), and ``data/before_answers.json`` what that version answered.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.errors import InputError, StoreError
from modeltally.store import sql
from modeltally.store.transfer import import_export, read_export
from queries.given import Given, Operation, give
from store.answers import AS_OF, ERASED
from support.stores import ask

if TYPE_CHECKING:
    from modeltally.store import EmbeddedStore

BEFORE = Path(__file__).with_name("data") / "before"
ANSWERED: list[dict[str, Any]] = json.loads(BEFORE.with_name("before_answers.json").read_text())
# Months of which nothing but figures was left.
ROLLED = "SELECT DISTINCT toStartOfMonth(bucket) AS month FROM usage_rolls ORDER BY month"

# What views want to be told since: when advice was made, of which nothing was stored.
NEW = {"made_at": "1970-01-01"}


def answered_again(store: EmbeddedStore) -> list[dict[str, Any]]:
    """What the store answers to the same questions, in the columns there were."""
    again = []
    for known in ANSWERED:
        names = known["rows"][0]
        asked = {name: value for name, value in NEW.items() if name in sql.view(known["view"]).parameters}
        rows = [{name: row[name] for name in names} for row in store.read(known["view"], {**asked, **known["ask"]})]
        again.append({**known, "rows": json.loads(json.dumps(sorted(rows, key=str), default=str))})
    return again


@pytest.mark.slow(seconds=9, why="an export read whole")
def test_export_of_before_answers_as_it_did(store: EmbeddedStore) -> None:
    """Before anything is rolled and after, every statistic is what it was, that of expired months included."""
    assert not import_export(store, BEFORE).was_done
    assert [str(row["month"]) for row in ask(store, ROLLED)] == ["2026-01-01"]
    assert answered_again(store) == ANSWERED
    store.run("roll", {})
    assert answered_again(store) == ANSWERED
    assert import_export(store, BEFORE).was_done


def test_export_of_before_keeps_every_row(store: EmbeddedStore) -> None:
    """What was stored is there, with nothing in the columns that are new."""
    import_export(store, BEFORE)
    for name, rows in read_export(BEFORE).rows.items():
        table = {"erased_users": "tombstones"}.get(name, name)
        if table != "usage_rolls":
            assert ask(store, f"SELECT count() AS rows FROM {table}") == [{"rows": rows}], table  # noqa: S608
    fresh = "SELECT DISTINCT scope, project, marked_service, cost_millionths, attempt FROM usage_events"
    assert ask(store, fresh) == [
        {"scope": "", "project": "", "marked_service": "", "cost_millionths": None, "attempt": 0}
    ]


def test_who_was_erased_before_stays_erased(store: EmbeddedStore) -> None:
    """An export of before lists hashes; they become tombstones, which hold none and know them."""
    import_export(store, BEFORE)
    held = ask(store, "SELECT count() AS dropped FROM system.tables WHERE name = 'erased_users'")
    assert held == [{"dropped": 0}]
    give(store, Given(operations=[Operation(at=AS_OF, user=ERASED), Operation(at=AS_OF, user=77)]), first_id=5000)
    question = "SELECT countIf(user_hash = {his:UInt64}) AS his, countIf(user_hash = 77) AS hers FROM usage_events"
    users = ask(store, question, {"his": ERASED})
    assert users == [{"his": 0, "hers": 1}]


def test_figures_that_cannot_be_taken_over_leave_the_store_empty(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it or nothing, as with every import; and it can be repeated."""
    command = type(store.database).command

    def broken(self: object, statement: Any, *args: object, **kwargs: object) -> None:
        if statement.name == "transfer/take_over_rolls":
            raise StoreError("the disk is full")
        command(self, statement, *args, **kwargs)  # type: ignore[arg-type] # passed through

    with monkeypatch.context() as patch:
        patch.setattr(type(store.database), "command", broken)
        with pytest.raises(StoreError, match="the disk is full"):
            import_export(store, BEFORE)
    held = "SELECT count() AS held FROM usage_events UNION ALL SELECT count() FROM usage_rolls"
    assert ask(store, held) == [{"held": 0}] * 2
    assert not import_export(store, BEFORE).was_done


def test_export_of_another_schema_is_still_refused(store: EmbeddedStore, tmp_path: Path) -> None:
    """Only the schema of that one version is known, to the letter."""
    shutil.copytree(BEFORE, tmp_path / "other")
    manifest = tmp_path / "other" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["schema_files"][1]["checksum"] = "0" * 64
    manifest.write_text(json.dumps(content))
    with pytest.raises(InputError, match="the export was made with the schema file 0002_create_usage_input"):
        import_export(store, tmp_path / "other")
