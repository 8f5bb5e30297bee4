"""What is fetched, and from where."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Source"]


@dataclass(frozen=True, slots=True)
class Source:
    """What is fetched, and from where.

    Attributes:
        model: The model.
        revision: A branch, tag or commit; empty for the main branch.
        cache: The folder of the cache.
        endpoint: The hub's address; None for the one that huggingface_hub is set up for.
    """

    model: str
    revision: str
    cache: Path
    endpoint: str | None = None

    @property
    def address(self) -> str:
        """The hub's address, for a message."""
        return (self.endpoint or os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
