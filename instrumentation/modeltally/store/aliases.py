"""Aliases: what services call a subject (a repository id, a path, a file, a served name), and the name it goes by.

They are joined when a store is asked, so that an edit works back to the beginning. An alias leads to a name and never
to another alias: what led to a name that becomes an alias itself is led on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modeltally.errors import ParameterError, UnknownNameError
from modeltally.store import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.store._database_store import DatabaseStore
    from modeltally.store.client import Row

__all__ = ["NAMED_KINDS", "known_aliases", "set_alias"]

# The kinds of subject whose names people choose.
NAMED_KINDS: Final = ("model", "pattern", "project", "agent", "context_type", "file_type", "service", "error_type")


def known_aliases(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Give the aliases of a kind.

    Args:
        store: Where.
        parameters: ``kind``.

    Returns:
        A row for each: alias, name, edited_at.

    Raises:
        UnknownNameError: There is no such kind, or its subjects have no names to choose.
        StoreError: The engine refused.
    """
    return store.database.query(sql.statement("known_aliases"), {"kind": _kind(parameters)})


def set_alias(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Give an alias its name, or take it away.

    Args:
        store: Where.
        parameters: ``kind``, ``alias``, and either ``name`` or ``is_removed``.

    Returns:
        A row for each alias that changed: alias, name (empty where it was taken away).

    Raises:
        ParameterError: A value is missing, or the name is, or leads to, the alias itself.
        UnknownNameError: There is no such kind; or no such alias to take away.
        StoreError: The engine refused.
    """
    kind, alias = _kind(parameters), _text(parameters, "alias")
    known = {str(row["alias"]): str(row["name"]) for row in known_aliases(store, parameters)}
    if parameters.get("is_removed"):
        if alias not in known:
            raise UnknownNameError(f"alias of a {_said(kind)}", alias, known or ["none"])
        changes = {alias: ""}
    else:
        given = _text(parameters, "name")
        name = known.get(given, given)
        if name == alias:
            through = "" if name == given else f", which goes by {name!r}"
            raise ParameterError(f"{alias!r} cannot be an alias of {given!r}{through}: it would lead to itself")
        # first those that led to it: at every moment one step leads to a name
        changes = {other: name for other, target in known.items() if target == alias} | {alias: name}
    for changed, target in changes.items():
        store.database.command(
            sql.statement("set_alias"),
            {"kind": kind, "alias": changed, "name": target, "as_of": store.as_of(parameters)},
        )
    return [{"kind": kind, "alias": changed, "name": target} for changed, target in changes.items()]


def _kind(parameters: Mapping[str, object]) -> str:
    kind = str(parameters.get("kind") or "model").replace("-", "_")
    if kind not in NAMED_KINDS:
        raise UnknownNameError("kind of subject with names", kind, NAMED_KINDS)
    return kind


def _said(kind: str) -> str:
    return kind.replace("_", " ")


def _text(parameters: Mapping[str, object], name: str) -> str:
    text = str(parameters.get(name) or "").strip()
    if not text:
        raise ParameterError(f"an alias needs {name}")
    return text
