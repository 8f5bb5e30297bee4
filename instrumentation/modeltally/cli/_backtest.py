"""``modeltally backtest``: what policies would have done, by replaying what was used."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from modeltally.cli._console import error_console, output_console, print_rows
from modeltally.cli._options import TABLE, Directory, Format
from modeltally.errors import InputError, UnknownNameError
from modeltally.recommend.backtest.run import Asked
from modeltally.recommend.constants import LOAD_SECONDS
from modeltally.recommend.policies.contract import KINDS
from modeltally.recommend.policies.known import ALL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modeltally.recommend.backtest.history import History
    from modeltally.recommend.backtest.run import Results
    from modeltally.recommend.policies.contract import Policy, Window

__all__ = ["backtest"]

_CONSTANTS: Final = "constants"
_POLICIES: Final = "policies"
_WHAT: Final = (*KINDS, _CONSTANTS, _POLICIES)
_PLOTS: Final = (".svg", ".png")
_MOST_SLOTS: Final = 100_000
_MOST_HOURS: Final = 24


def _known_slots(text: str | None) -> str | None:
    if text is not None:
        _slots(text)
    return text


def _slots(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and len(word) < 7 and 1 <= int(word) <= _MOST_SLOTS for word in words):  # noqa: PLR2004 - more digits than the most slots have
        raise typer.BadParameter(f"{text!r} is not allowed; allowed: whole numbers from 1 to {_MOST_SLOTS:,}, as 4,8")
    return tuple(dict.fromkeys(map(int, words)))


def backtest(  # noqa: PLR0913 - each is a flag of the command
    kind: Annotated[
        str,
        typer.Argument(
            metavar="KIND",
            help="keep: what stays loaded in slots; keepalive: how long models stay where there is room; chance: who is"
            " used within hours; cleanup: what may go. constants: the numbers they go by; policies: what there is.",
            autocompletion=lambda: list(_WHAT),
        ),
    ],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE.csv]",
            help="A log with a time, a model and, if known, a user a row; for cleanup also days of use. Default: the"
            " events of the store.",
            show_default=False,
        ),
    ] = None,
    *,
    policy: Annotated[
        str, typer.Option(metavar="NAME|all", help="Which policy, or several with commas between them.")
    ] = ALL,
    slots: Annotated[
        str | None,
        typer.Option(
            metavar="N,N",
            callback=_known_slots,
            help="For keep: how many models fit. Default: 4,8.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="DATE",
            help="Where what is counted begins; what came before warms the state. Default: the first request.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="DATE",
            help="Where it ends, itself not in it. Default: after the last.",
            show_default=False,
        ),
    ] = None,
    users: Annotated[
        bool, typer.Option("--users/--no-users", help="Let policies go by who asks, where that is known.")
    ] = True,
    load_seconds: Annotated[
        float, typer.Option(min=0.0, max=86_400.0, help="For keep and keepalive: how long a load ahead of use takes.")
    ] = LOAD_SECONDS,
    hours: Annotated[
        int, typer.Option(min=1, max=_MOST_HOURS, help="For chance: within how many hours a use is to come.")
    ] = 1,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out rows that cannot be read.")] = False,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw the figures too, into this file: .svg or .png.", show_default=False),
    ] = None,
    output_format: Format = TABLE,
    directory: Directory = None,
) -> None:
    """Replay what was used in the order of time, and show what each policy would have come to."""
    if kind not in _WHAT:
        raise UnknownNameError("kind of backtest", kind, _WHAT)
    if slots is not None and kind != "keep":
        raise InputError(f"backtest {kind} takes no --slots; only keep does")
    if kind in {_CONSTANTS, _POLICIES}:
        if file is not None or plot is not None:
            raise InputError(f"backtest {kind} takes no file and no --plot")
        _print_known(kind, output_format)
        return

    from modeltally.recommend.backtest.run import choose
    from modeltally.recommend.policies.known import find

    if plot is not None:
        _check_plot(plot)
    found = find(kind)
    _note(*found.problems)
    asked = Asked(slots=_slots(slots or "4,8"), load_seconds=load_seconds, hours=hours)
    if kind == "cleanup" and file is not None and _holds_days(file):
        if since is not None or until is not None:
            raise InputError(f"{file} counts days and has no dates: it takes no --since or --until")
        chosen = choose(found.policies, policy, has_users=users)
        results = _cleanup_of_days(file, chosen)
    else:
        history, window = _history(file, since, until, skip_bad=skip_bad, directory=directory)
        _note(*history.notes)
        chosen = choose(found.policies, policy, has_users=users and history.has_users)
        results = _replay(kind, chosen, history, window, asked)
    _print(kind, chosen, results, output_format)
    if plot is not None:
        _draw(kind, results, plot)


def _check_plot(plot: Path) -> None:
    from modeltally.errors import SettingError
    from modeltally.show.charts.draw import can_draw

    if plot.suffix not in _PLOTS:
        raise InputError(f"--plot {plot} does not end as a picture; allowed: {', '.join(_PLOTS)}")
    if not plot.parent.is_dir():
        raise InputError(f"--plot {plot}: there is no folder {plot.parent}")
    if not can_draw():
        raise SettingError("--plot needs what draws charts; install it with: pip install 'modeltally[report]'")


def _draw(kind: str, results: Results, plot: Path) -> None:
    from modeltally.show.charts.backtests import backtest_chart
    from modeltally.show.charts.draw import draw

    chart = backtest_chart(kind, [row.row() for row in results.rows])
    [picture] = draw([chart.spec], format_name=plot.suffix.removeprefix("."))
    try:
        plot.write_bytes(picture)
    except OSError as error:
        raise InputError(f"cannot write {plot}: {error.strerror or error}") from error
    _note(f"drawn into {plot}: {chart.summary}")


def _holds_days(file: Path) -> bool:
    from modeltally.recommend.backtest.fleets import is_fleet

    return is_fleet(file)


def _cleanup_of_days(file: Path, chosen: Sequence[Policy]) -> Results:
    from modeltally.recommend.backtest.cleaning import asked_days_of
    from modeltally.recommend.backtest.fleets import read_fleet
    from modeltally.recommend.backtest.run import run_cleanup

    fleet = read_fleet(file)
    return run_cleanup(chosen, fleet, _enough(asked_days_of(fleet), fleet.days))


def _enough(days: list[int], there: int) -> list[int]:
    if not days:
        raise InputError(
            f"{there} days of use are too few: rules are asked from day 120 on, and judged by what the next 90 bring"
        )
    return days


def _history(
    file: Path | None, since: str | None, until: str | None, *, skip_bad: bool, directory: Path | None
) -> tuple[History, Window]:
    from modeltally.analytics.window import BEGINNING, format_moment, parse_window
    from modeltally.recommend.backtest.history import read_csv
    from modeltally.recommend.policies.contract import Window

    now = datetime.now(UTC)
    history = _stored(until, now, directory) if file is None else read_csv(file, skips_bad=skip_bad)
    first, last = history.requests[0].at, history.requests[-1].at
    end = until if until is not None else format_moment(datetime.fromtimestamp(last + 1, UTC))
    begin = since if since is not None else format_moment(max(BEGINNING, datetime.fromtimestamp(first, UTC)))
    parsed = parse_window(begin, end, None, now=now)
    window = Window(parsed.since.timestamp(), parsed.until.timestamp())
    if not any(window.holds(request.at) for request in history.requests):
        raise InputError(
            f"no request of {history.source} is from {format_moment(parsed.since)} until {format_moment(parsed.until)};"
            f" the first is of {_shown(first)}, the last of {_shown(last)}"
        )
    return history, window


def _shown(at: float) -> str:
    from modeltally.analytics.window import format_moment

    return format_moment(datetime.fromtimestamp(at, UTC))


def _stored(until: str | None, now: datetime, directory: Path | None) -> History:
    from modeltally.analytics.window import BEGINNING, format_moment, parse_window
    from modeltally.connect import open_reader
    from modeltally.recommend.backtest.history import read_store
    from modeltally.settings import load_settings

    settings = load_settings(dir=directory)
    window = parse_window(format_moment(BEGINNING), until, None, now=now)
    given = window.parameters() | {"abandoned_after_seconds": settings.abandoned_after_seconds}
    with open_reader(settings) as store:
        return read_store(store, given)


def _replay(kind: str, chosen: Sequence[Policy], history: History, window: Window, asked: Asked) -> Results:
    from modeltally.recommend.backtest.run import run_chance, run_cleanup, run_keep, run_keep_alive

    if kind == "cleanup":
        from modeltally.recommend.backtest.cleaning import asked_days_of
        from modeltally.recommend.backtest.fleets import of_requests
        from modeltally.recommend.policies.contract import DAY_SECONDS

        fleet, begin = of_requests([request for request in history.requests if request.at < window.until])
        days = [day for day in asked_days_of(fleet) if begin + day * DAY_SECONDS >= window.since]
        return run_cleanup(chosen, fleet, _enough(days, fleet.days))
    run = {"keep": run_keep, "keepalive": run_keep_alive, "chance": run_chance}[kind]
    return run(chosen, history.requests, window, asked)


def _note(*sentences: str) -> None:
    from rich.text import Text

    from modeltally.show.units import clean_text

    for sentence in sentences:
        error_console().print(Text(f"note: {clean_text(sentence)}"), soft_wrap=True)


def _print(kind: str, chosen: Sequence[Policy], results: Results, output_format: str) -> None:
    if results.problems and not results.rows:
        raise InputError("; ".join(results.problems))
    _note(*results.problems)
    rows = [row.row() for row in results.rows]
    if output_format != TABLE:
        print_rows(rows, output_format)
        return

    from modeltally.cli._backtest_tables import print_results

    print_results(kind, rows, chosen, console=output_console())


def _print_known(what: str, output_format: str) -> None:
    from modeltally.cli._backtest_tables import print_constants, print_policies

    if what == _CONSTANTS:
        from modeltally.recommend.constants import CONSTANTS

        print_constants(CONSTANTS, output_format, console=output_console())
        return
    from modeltally.recommend.policies.known import find

    found = [find(kind) for kind in KINDS]
    _note(*dict.fromkeys(problem for one in found for problem in one.problems))
    print_policies([policy for one in found for policy in one.policies.values()], output_format)
