"""Writes a store as an earlier version leaves it, and what that version answers: the test input of ``test_migration``.

Run it with that version's sources, and its tests beside them:

    git worktree add --detach /tmp/before 1d89201
    PYTHONPATH=/tmp/before/instrumentation:/tmp/before/tests python tests/store/record_before.py before.tar.xz

The archive holds the data directory and ``answers.json``: every view, the parameters, the rows.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import tarfile
import tempfile
from pathlib import Path

from modeltally.jobs import runners
from modeltally.settings import Settings
from modeltally.store import open_store, sql
from queries.given import Alias, Given, Operation, give
from store.answers import AS_OF, ERASED, MARCH, answers, few_questions, knows_where_to_read, lived_in

# Inner views, which may have other columns in another version; all others read them.
WITHOUT_ANSWERS = {"usage_figures", "usage_named_figures", "usage_summary"}


def live(directory: Path) -> list[dict[str, object]]:
    """Fill a store with months of use; gives what it answers."""
    store = open_store(directory, settings=Settings(dir=directory), jobs=runners())
    store._clock = lambda: AS_OF
    try:
        store.migrate()
        lived_in(store)
        filling = Operation(at=AS_OF - dt.timedelta(minutes=40), user=5, times=6, every_seconds=300)
        alias = Alias(alias="hand/made", name="flux", at=MARCH)
        give(store, Given(operations=[filling], aliases=[alias]), first_id=20_000)
        store.run("recommend_cleanup", {"as_of": AS_OF})
        store.run("roll", {"as_of": AS_OF})
        # a second roll: days and weeks of the late rows
        store.run("roll", {"as_of": AS_OF})
        give(store, Given(operations=[Operation(at=AS_OF, user=ERASED), Operation(at=MARCH, user=6)]), first_id=30_000)
        held = "SELECT grain, count() AS rolls FROM usage_rolls GROUP BY grain ORDER BY grain"
        print(store.database.query(sql.Statement("held", held)))  # noqa: T201 - it is run by hand
        found: list[dict[str, object]] = []
        for view in sql.views_in_order():
            if view.name in WITHOUT_ANSWERS or not knows_where_to_read(view):
                continue
            given = few_questions(view)
            rows = answers(store, only=view.name, asking=few_questions)
            found += [
                {"view": view.name, "ask": asked, "rows": answered}
                for asked, answered in zip(given, rows.values(), strict=True)
            ]
        return found
    finally:
        store.close()


def main() -> None:
    """Write the archive that the command line names."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "data"
        answered = live(directory)
        (directory / "answers.json").write_text(json.dumps(answered, default=str))
        with tarfile.open(sys.argv[1], "w:xz", preset=9) as archive:
            archive.add(directory, "data")


if __name__ == "__main__":
    main()
