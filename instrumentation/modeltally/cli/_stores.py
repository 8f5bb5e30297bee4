"""What commands about models share: where to look, what is declared, when each model was last used."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from modeltally.cli._console import error_console
from modeltally.errors import ModelTallyError

if TYPE_CHECKING:
    from modeltally.availability.declared import DeclaredModels
    from modeltally.availability.found import Places
    from modeltally.settings import Settings

__all__ = ["find_places", "last_used", "read_declaration"]


def find_places(stores: list[str] | None, declared: DeclaredModels | None, *, is_online: bool = False) -> Places:
    """Find where to look.

    Args:
        stores: The values of ``--store``; none for where programs keep models by default.
        declared: What should be there.
        is_online: Ask the hub where the cache kept no list of files.

    Raises:
        InputError: A store is named that cannot be one.
    """
    from modeltally.availability.found import Places, named_store, places_of
    from modeltally.availability.inventory import wanted_of

    ask = None
    if is_online:
        from modeltally.availability.hub_lists import ask_hub

        ask = ask_hub
    wanted = wanted_of(declared)
    if stores:
        return Places(tuple(named_store(text, wanted=wanted, ask_tree=ask) for text in stores))
    return places_of(os.environ, Path.home(), wanted=wanted, ask_tree=ask)


def read_declaration(declared: Path | None) -> DeclaredModels | None:
    """Read the file of the models that should be there; None where none is named."""
    if declared is None:
        return None
    from modeltally.availability.declared import read_declared

    return read_declared(declared)


def last_used(settings: Settings) -> dict[str, object] | None:
    """Ask the store when each model was last used; None where there is none that answers."""
    from modeltally.connect import has_store, open_reader, running_server

    try:
        if not has_store(settings) and running_server(settings) is None:
            return None
        from modeltally.analytics.statistics import Statistics
        from modeltally.analytics.topics.usage import MODELS
        from modeltally.analytics.window import parse_window

        window = parse_window("2000-01-01", None, None, now=datetime.now(UTC))
        with open_reader(settings) as store:
            answer = Statistics(store, settings=settings, keeps_answers=False).ask(MODELS, window)
    except ModelTallyError as error:
        from modeltally.show.units import clean_text

        error_console().print(
            f"when models were used is not known: {clean_text(str(error))}", markup=False, soft_wrap=True
        )
        return None
    return {row["model"]: row["last_used_at"] for row in answer.rows}
