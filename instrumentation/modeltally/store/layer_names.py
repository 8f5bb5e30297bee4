"""What a team says of instrumentations that are not ours: which layer the name of each stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from modeltally.errors import ParameterError, UnknownNameError
from modeltally.store import sql
from modeltally.store.layers import LAYERS, SEPARATE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.store._database_store import DatabaseStore
    from modeltally.store.client import Row

__all__ = ["LAYER_NAMES", "known_layers", "set_layer"]

# An ignored one's spans are no requests.
LAYER_NAMES: Final = (*LAYERS, SEPARATE, "ignored")


def known_layers(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Give what was said.

    Args:
        store: Where.
        parameters: None are taken.

    Returns:
        A row for each: scope, service (empty for every service), layer, edited_at.

    Raises:
        StoreError: The engine refused.
    """
    del parameters
    return store.database.query(sql.statement("layers/known"))


def set_layer(store: DatabaseStore, parameters: Mapping[str, object]) -> list[Row]:
    """Say which layer a name stands for, or take back what was said. It holds for what comes from then on.

    Args:
        store: Where.
        parameters: ``scope``; ``service`` where it is for one alone; either ``layer`` or ``is_removed``.

    Returns:
        The row that changed: scope, service, layer (empty where it was taken back).

    Raises:
        ParameterError: The scope is missing.
        UnknownNameError: There is no such layer; or nothing was said that could be taken back.
        StoreError: The engine refused.
    """
    scope, service = (str(parameters.get(name) or "").strip() for name in ("scope", "service"))
    if not scope:
        raise ParameterError(
            "a layer needs the scope it is of: the name of the instrumentation, as `stats foreign` has it"
        )
    layer = ""
    if parameters.get("is_removed"):
        known = [str(row["scope"]) for row in known_layers(store, {}) if row["service"] == service]
        if scope not in known:
            raise UnknownNameError("name with a layer that was set", scope, known or ["none"])
    else:
        layer = str(parameters.get("layer") or "")
        if layer not in LAYER_NAMES:
            raise UnknownNameError("layer", layer, LAYER_NAMES)
    said: Row = {"scope": scope, "service": service, "layer": layer}
    store.database.command(sql.statement("layers/set"), {**said, "as_of": store.as_of(parameters)})
    return [said]
