"""What a page can have done: each a form that is posted by a page of this server, with a session."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from modeltally.analytics.topics.subjects import BY_USER
from modeltally.analytics.window import BEGINNING, Window, format_moment
from modeltally.errors import InputError, UnknownNameError
from modeltally.recommend.kinds import advice_named
from modeltally.recommend.record import ADVISE
from modeltally.show.page.asking import advice
from modeltally.show.units import column_header, format_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from modeltally.show.backend import Backend
    from modeltally.show.page.asking import Asker

__all__ = ["ACTIONS", "MAX_BODY_BYTES", "Done", "form_of", "perform"]

MAX_BODY_BYTES: Final = 16 * 1024
_HASH: Final = re.compile(r"[0-9a-f]{16}")
_MOST_FIELDS: Final = 16
_TO_DOWNLOADS: Final = {
    "pause": "It stops within seconds, and keeps what has come.",
    "resume": "It waits for its turn, and goes on from where it is.",
    "cancel": "It is given up; whole files stay.",
}


class Done:
    """What came of an action."""

    __slots__ = ("href", "link", "rows", "sentence", "title", "to_confirm")

    def __init__(
        self,
        title: str,
        sentence: str,
        *,
        rows: Sequence[Mapping[str, Any]] = (),
        to_confirm: Mapping[str, str] | None = None,
        href: str = "/",
        link: str = "Overview",
    ) -> None:
        """Say it.

        Args:
            title: What was done.
            sentence: How it went.
            rows: What it reported.
            to_confirm: What to post to have it done for good; None where it is done.
            href: Where to go on.
            link: What that is.
        """
        self.title = title
        self.sentence = sentence
        self.rows = [[(column_header(name), format_value(name, value)) for name, value in row.items()] for row in rows]
        self.to_confirm = to_confirm
        self.href = href
        self.link = link


def form_of(body: bytes) -> dict[str, str]:
    """Read a form.

    Args:
        body: As it was posted.

    Raises:
        InputError: It is no form, or has too many fields.
    """
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(f"the form cannot be read: {error}") from None
    return {name: values[-1] for name, values in fields.items()}


def perform(name: str, form: Mapping[str, str], *, backend: Backend, asker: Asker) -> Done:
    """Do something.

    Args:
        name: What.
        form: What was posted.
        backend: What does it.
        asker: Whose answers may be old then.

    Raises:
        UnknownNameError: There is no such action.
        InputError: The form has a value that is not allowed.
        StoreError: The database refused or failed.
    """
    if name not in ACTIONS:
        raise UnknownNameError("action", name, ACTIONS)
    return ACTIONS[name](form, backend, asker)


def _erase_user(form: Mapping[str, str], backend: Backend, asker: Asker) -> Done:
    """Forget a user: by default only say what would be forgotten."""
    user = form.get("user", "")
    if not _HASH.fullmatch(user):
        raise InputError(f"user={user[:80]!r} is no hash of a user; allowed: 16 hexadecimal digits, as the page has it")
    as_of = backend.now()
    if _is_dry(form):
        ever = Window(BEGINNING, as_of, as_of)
        arguments = {"kind": "model", "subject": "", "operation": "model.request"}
        rows = backend.statistics.ask(BY_USER, ever, arguments=arguments).rows
        known = [row for row in rows if row["user"] == user]
        shown = [
            {name: row[name] for name in ("operations", "models", "first_used_at", "last_used_at")} for row in known
        ]
        sentence = (
            "Nothing has been changed. The user's hash would be taken out of everything that is stored, for good; the"
            " figures stay, without the user."
            if known
            else "Nothing has been changed, and no request of this user is stored. What comes later would be stored"
            " without the user."
        )
        return Done(
            f"Forget user {user}?",
            sentence,
            rows=shown,
            href="/users",
            link="Users",
            to_confirm={"user": user, "dry_run": "false"},
        )
    rows_done = backend.store.run("erase_user", {"user_hash": user, "as_of": format_moment(as_of)})
    asker.clear()
    return Done(
        f"User {user} is forgotten",
        "Taken out of what is stored; what comes later is stored without the user.",
        rows=rows_done,
        href="/users",
        link="Users",
    )


def _check(form: Mapping[str, str], backend: Backend, asker: Asker) -> Done:
    """Ask the store every invariant there is; changes nothing."""
    del form, asker
    report = backend.store.run("check", {"as_of": format_moment(backend.now())})
    broken = [row for row in report if row["broken_rows"]]
    sentence = (
        f"{len(broken):,} of {len(report):,} invariants are broken; `modeltally check` shows the rows."
        if broken
        else f"Every one of {len(report):,} invariants holds."
    )
    shown = [{name: row[name] for name in ("check", "broken_rows", "rule")} for row in broken]
    return Done("The store was checked", sentence, rows=shown, href="/health", link="Health")


def _advise(form: Mapping[str, str], backend: Backend, asker: Asker) -> Done:
    """Ask for one kind of advice anew."""
    kind = advice_named(form.get("kind", ""))
    as_of = backend.now()
    question = advice(kind, Window(BEGINNING, as_of, as_of))
    asker.drop(question)
    _, rows = asker.ask(question).result()
    advised = sum(row["verdict"] == ADVISE for row in rows)
    return Done(
        f"{kind.title}: asked anew",
        f"{advised:,} advised, {len(rows) - advised:,} not advised.",
        href="/advice",
        link="Advice",
    )


def _download(form: Mapping[str, str], backend: Backend, asker: Asker) -> Done:
    """Pause a download, have it go on, or give it up; the last is asked for twice, since unfinished files go."""
    del asker
    what, desk = form.get("what", ""), backend.downloads
    if what not in _TO_DOWNLOADS:
        raise InputError(f"what={what[:80]!r} is not one of {', '.join(_TO_DOWNLOADS)}")
    if desk is None:
        raise InputError("this server manages no models: `modeltally up` does, on the machine that has them")
    one = desk.queue.get(form.get("id", ""))
    if what == "cancel" and _is_dry(form):
        return Done(
            f"Give up the download of {one.model}?",
            "Nothing has been changed. Unfinished files would go, whole ones stay.",
            to_confirm={"id": one.id, "what": what, "dry_run": "false"},
            href="/downloads",
            link="Downloads",
        )
    getattr(desk.queue, what)(one.id)
    desk.wake()
    return Done(f"{what.title()}: {one.model}", _TO_DOWNLOADS[what], href="/downloads", link="Downloads")


def _is_dry(form: Mapping[str, str]) -> bool:
    value = form.get("dry_run", "true")
    if value not in {"true", "false"}:
        raise InputError(f"dry_run={value[:80]!r} is not one of true, false")
    return value == "true"


ACTIONS: Final[Mapping[str, Callable[[Mapping[str, str], Backend, Asker], Done]]] = {
    "erase-user": _erase_user,
    "check": _check,
    "advise": _advise,
    "download": _download,
}
