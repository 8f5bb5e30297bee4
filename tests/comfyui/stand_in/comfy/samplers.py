"""A stand-in for ComfyUI's module of this name: a sampler that takes steps."""

from __future__ import annotations

from typing import Any


class CFGGuider:
    """Takes steps."""

    def sample(
        self,
        noise: Any,
        latent_image: Any,
        sampler: Any,
        sigmas: list[float],
        denoise_mask: Any = None,
        callback: Any = None,
    ) -> Any:
        """Take a step between each two sigmas."""
        del noise, sampler, denoise_mask
        for step in range(len(sigmas) - 1):
            if callback is not None:
                callback(step, None, None, len(sigmas) - 1)
        return latent_image
