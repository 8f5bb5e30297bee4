"""Two models fit, and three are asked for: the service asks which one goes.

Run it beside ``modeltally up``, then ask ``modeltally stats loads``.
"""

from __future__ import annotations

import modeltally
from modeltally.recommend.keep import Keeper

ASKED = ("sketch-xl", "photo-xl", "sketch-xl", "anime", "sketch-xl", "photo-xl", "sketch-xl")

keeper = Keeper(slots=2, by_users=True)
pipelines: dict[str, str] = {}


def pipeline_for(model: str, user: str) -> str:
    """Give the pipeline of a model, after making room for it and loading it where it is not there."""
    decision = keeper.request(model, user=user)
    for gone in decision.unload:
        with modeltally.unload(gone):
            del pipelines[gone]
    if not decision.was_loaded:
        try:
            with modeltally.load(model):
                pipelines[model] = f"the pipeline of {model}"
        except Exception:
            keeper.unloaded(model)  # it took no room
            raise
    return pipelines[model]


def main() -> None:
    """Serve a few requests, and show what is loaded after each."""
    modeltally.configure(service_name="example")
    for number, model in enumerate(ASKED):
        with modeltally.model_request(model):
            pipeline_for(model, user=f"user {number % 2}")
        print(f"{model:10} loaded: {', '.join(keeper.loaded())}")
    print(keeper.explain("sketch-xl"))
    delivered = modeltally.flush()
    print(f"{modeltally.counters().started} operations, {'all delivered' if delivered else 'not all delivered'}")


if __name__ == "__main__":
    main()
