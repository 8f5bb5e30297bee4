"""A stand-in for ComfyUI's module of this name: models that come to a device and have to leave it."""

from __future__ import annotations

from typing import Any


class InterruptProcessingException(Exception):  # noqa: N818 - ComfyUI's name
    """Somebody has interrupted a prompt."""


class LoadedModel:
    """A model on the device."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.device = model.load_device

    def model_load(self) -> Any:
        """Bring it there."""
        return self.model.model

    def model_unload(self, memory_to_free: int | None = None) -> bool:
        """Have it leave; a part of it stays where that is enough."""
        return memory_to_free is None


def get_torch_device() -> str:
    """Give the device."""
    return "cuda:0"


LOADED: list[LoadedModel] = []


def unload_all_models() -> None:
    """Have all leave."""
    for each in LOADED:
        each.model_unload()
