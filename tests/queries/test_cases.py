"""Every view and job against cases small enough to check by head, before anything is rolled and after."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.jobs import JOBS
from modeltally.recommend.kinds import ADVICE
from modeltally.settings import Settings
from modeltally.store import EmbeddedStore, sql
from modeltally.store.rollup import Roller
from queries.given import Case, CaseFile, case_files, differences, empty, give
from support.stores import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.stores import Template

FILES = case_files()
CASES = {f"{stem}: {case.name}": (file, case) for stem, file in FILES.items() for case in file.cases}
VIEW_CASES = {name: found for name, found in CASES.items() if found[0].view}
ADVICE_JOBS = {advice.job for advice in ADVICE.values()}
# those about moving a store, its invariants and reports have tests of their own
STORE_JOBS = {
    name
    for name in JOBS
    if name not in {"check", "reports"} and not name.startswith(("recommend_", "export_", "import_"))
}
ADVICE_CASES = {name: found for name, found in CASES.items() if found[0].job in ADVICE_JOBS}
STORE_JOB_CASES = {name: found for name, found in CASES.items() if found[0].job in STORE_JOBS}
OTHER_ZONE = "Asia/Kolkata"
# When nothing of any case fills any more.
LATER = dt.datetime(2028, 1, 1, tzinfo=dt.UTC)
IN_ZONES = [(name, "UTC") for name in VIEW_CASES] + [
    pytest.param(name, OTHER_ZONE, marks=pytest.mark.slow(seconds=30, why="every such case in a second zone"))
    for name, (_, case) in VIEW_CASES.items()
    if case.other_zone
]


class Clock:
    """The store's clock: what the case sets."""

    now = LATER

    def __call__(self) -> dt.datetime:
        """Return the time."""
        return self.now


@pytest.fixture(scope="module")
def clock() -> Clock:
    """Give the clock of the one store."""
    return Clock()


@pytest.fixture(scope="module")
def opened(template: Template, tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[EmbeddedStore]:
    """Open one store for all cases: opening takes longer than a case."""
    with template.opened(tmp_path_factory.mktemp("cases"), clock=clock) as store:
        yield store


@pytest.fixture
def store(opened: EmbeddedStore, clock: Clock) -> EmbeddedStore:
    """Give every case an empty store with the usual settings."""
    empty(opened)
    clock.now = LATER
    opened.settings = Settings()
    opened.database._client.set_client_setting("session_timezone", "UTC")
    return opened


def _read(store: EmbeddedStore, file: CaseFile, case: Case) -> list[dict[str, Any]]:
    assert file.view
    values = {**file.ask, **case.ask}
    if not file.select:
        return store.read(file.view, values)
    view = sql.view(file.view)
    arguments = ", ".join(f"{name} = {{{name}:{kind}}}" for name, kind in view.parameters.items())
    called = f"{view.name}({arguments})" if arguments else view.name
    text = f"SELECT {', '.join(file.select)} FROM {called} ORDER BY ALL"  # noqa: S608 - a test's own text
    return store.database.query(sql.Statement(view.name, text), values)


def _roll(store: EmbeddedStore, *, as_of: dt.datetime = LATER) -> None:
    Roller(store.database).run(as_of=as_of)


def _newest(store: EmbeddedStore) -> dt.datetime:
    """A moment at which the newest hours are filling: they have slices."""
    (row,) = ask(store, "SELECT max(start) + INTERVAL 1 MINUTE AS at FROM usage_events")
    at: dt.datetime = row["at"]
    return at


@pytest.mark.parametrize(("name", "zone"), IN_ZONES)
def test_view_answers_as_expected(store: EmbeddedStore, clock: Clock, name: str, zone: str) -> None:
    """A view gives the rows a case expects from events, whatever the session's zone."""
    file, case = _given(store, clock, name, zone)
    assert case.expect is not None
    assert differences(case.expect, _read(store, file, case)) == []


@pytest.mark.slow(seconds=200, why="every case in its second state", whole=True)
@pytest.mark.parametrize(("name", "zone"), IN_ZONES)
def test_view_answers_as_expected_after_rolls(store: EmbeddedStore, clock: Clock, name: str, zone: str) -> None:
    """A view gives the rows a case expects from rolls, whatever the session's zone."""
    file, case = _given(store, clock, name, zone)
    assert case.expect is not None
    if case.expect_filling is not None:  # it tells slices from hours
        _roll(store, as_of=_newest(store))
        assert differences(case.expect_filling, _read(store, file, case)) == []
    _roll(store)
    rolled = case.expect if case.expect_rolled is None else case.expect_rolled
    assert differences(rolled, _read(store, file, case)) == []


def _given(store: EmbeddedStore, clock: Clock, name: str, zone: str) -> tuple[CaseFile, Case]:
    file, case = VIEW_CASES[name]
    store.database._client.set_client_setting("session_timezone", zone)
    give(store, case.given)
    clock.now = _newest(store)  # a reader asks what is there, then reads that
    return file, case


@pytest.mark.slow(seconds=60, why="every case in its third state")
@pytest.mark.parametrize("name", [name for name, (_, case) in VIEW_CASES.items() if case.expect_filling is None])
def test_view_answers_as_expected_while_hours_fill(store: EmbeddedStore, name: str) -> None:
    """A view gives the same rows when its newest hours are in slices, and when one statement asks and reads."""
    file, case = VIEW_CASES[name]
    assert case.expect is not None
    give(store, case.given)
    assert differences(case.expect, _read(store, file, case)) == []  # so old that events may be dropped at any moment
    _roll(store, as_of=_newest(store))
    if not file.select and case.expect_rolled is None:  # else it says what it was read from
        assert differences(case.expect, _read(store, file, case)) == []


@pytest.mark.parametrize("name", ADVICE_CASES)
def test_advice_is_as_expected(store: EmbeddedStore, name: str) -> None:
    """An advice job gives the rows a case expects."""
    file, case = ADVICE_CASES[name]
    assert file.job
    assert case.expect is not None
    store.settings = Settings(**case.settings)
    give(store, case.given)
    assert differences(case.expect, store.run(file.job, {**file.ask, **case.ask})) == []


@pytest.mark.slow(seconds=80, why="every case in its second and third state")
@pytest.mark.parametrize("name", ADVICE_CASES)
def test_advice_is_the_same_from_rolls(store: EmbeddedStore, name: str) -> None:
    """An advice job gives the same rows at the same moment when its newest hours are in slices, and after rolls."""
    file, case = ADVICE_CASES[name]
    assert file.job
    assert case.expect is not None
    store.settings = Settings(**case.settings)
    give(store, case.given)
    for as_of in (_newest(store), LATER):
        _roll(store, as_of=as_of)
        assert differences(case.expect, store.run(file.job, {**file.ask, **case.ask})) == []


@pytest.mark.parametrize("name", STORE_JOB_CASES)
def test_store_job_leaves_what_is_expected(store: EmbeddedStore, name: str) -> None:
    """A job of the store reports what a case expects, and each step after it finds what it should."""
    file, case = STORE_JOB_CASES[name]
    assert file.job
    store.settings = Settings(**case.settings)
    give(store, case.given)
    report = store.run(file.job, {**file.ask, **case.ask})
    assert case.expect is None or differences(case.expect, report) == []
    for number, step in enumerate(case.then, start=1):
        rows: list[dict[str, Any]] = []
        if step.given:
            give(store, step.given, first_id=1000 * number)
        if step.run:
            rows = store.run(step.run, step.ask)
        if step.read:
            rows = store.read(step.read, step.ask)
        if step.query:
            rows = ask(store, step.query)
        assert step.expect is None or differences(step.expect, rows) == [], f"step {number}"


def test_every_view_and_job_has_cases() -> None:
    """A view, an advice or a job of the store without a case file is not finished."""
    advice = {path.stem for path in (sql.root() / "jobs" / "recommend").glob("*.sql")}
    assert set(sql.view_names()) | advice | STORE_JOBS | set(ADVICE) == set(FILES)


def test_case_files_name_what_they_are_about() -> None:
    """A file of cases is about one view, named like it, or about one job."""
    for stem, file in FILES.items():
        assert file.view == (stem if file.job is None else None), stem
        assert file.job is None or file.job in ADVICE_JOBS | STORE_JOBS, stem
        names = [case.name for case in file.cases]
        assert len(set(names)) == len(names), stem
        assert all(name.endswith(".") for name in names), stem
