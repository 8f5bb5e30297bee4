"""The memory of a request: what torch holds on the device before and after, and at most; the process's without one.

Torch is only looked at where the service has imported it and has used the device already: no context is created,
nothing is synchronised, and the statistics that the service may read itself are not reset. So a peak is known only when
it is higher than all before it; it is this request's alone only when no other ran beside it.
"""

from __future__ import annotations

import os
import sys
import weakref
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modeltally.instrument._values import Values

__all__ = ["Memory", "device_id", "measured"]

# by identity; setting, removing and copying are one step each, in C, and who is never asked is not kept
_in_flight: Final[dict[int, weakref.ref[Memory]]] = {}
_STATM: Final = "/proc/self/statm"


class Memory:
    """Measures one request, from its making to :meth:`values`."""

    def __init__(self, device: Any = None) -> None:
        """Read what is held now.

        Args:
            device: Torch's device; None for the current one.
        """
        self._is_shared = False
        key = id(self)
        _in_flight[key] = weakref.ref(self, lambda _: _in_flight.pop(key, None))
        others = [each for reference in list(_in_flight.values()) if (each := reference()) is not None]
        if len(others) > 1:
            for each in others:
                each._is_shared = True  # noqa: SLF001 - one of us
        self._device = device
        self._cuda = _cuda() if _is_cuda(device) else None
        if self._cuda is None:
            self._before, self._peak, self._reserved = _resident_bytes(), _resident_peak_bytes(), 0
        else:
            self._before = self._cuda.memory_allocated(device)
            self._peak = self._cuda.max_memory_allocated(device)
            self._reserved = self._cuda.max_memory_reserved(device)

    def values(self) -> Values:
        """Say what is held now, and at most since the making; to be called once, however the request ended."""
        _in_flight.pop(id(self), None)
        if self._cuda is None:
            peak = _resident_peak_bytes()
            return {
                "host_memory_before_bytes": self._before,
                "host_memory_after_bytes": _resident_bytes(),
                "host_memory_peak_bytes": peak if peak and peak > (self._peak or 0) else None,
            }
        peak, reserved = self._cuda.max_memory_allocated(self._device), self._cuda.max_memory_reserved(self._device)
        return {
            "gpu_memory_before_bytes": self._before,
            "gpu_memory_after_bytes": self._cuda.memory_allocated(self._device),
            "gpu_memory_peak_bytes": peak if peak > (self._peak or 0) else None,
            "gpu_memory_reserved_peak_bytes": reserved if reserved > self._reserved else None,
            "gpu_memory_exclusive": not self._is_shared,
            "hardware_id": device_id(self._device),
        }


def measured(notes: Mapping[str, Any]) -> Values:
    """Say what the ``memory`` in the notes of a call has measured; nothing where the call did not get so far."""
    memory = notes.get("memory")
    return memory.values() if isinstance(memory, Memory) else {}


def device_id(device: Any) -> str | None:
    """Return the UUID of a device that the service uses: four workers all call theirs ``cuda:0``."""
    cuda = _cuda() if _is_cuda(device) else None
    if cuda is None:
        return None
    uuid = getattr(cuda.get_device_properties(device), "uuid", None)
    return None if uuid is None else f"GPU-{uuid}"


def _cuda() -> Any:
    """Return torch's interface to the device, if the service has used it."""
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    return cuda if cuda is not None and cuda.is_initialized() else None


def _is_cuda(device: Any) -> bool:
    return device is None or str(getattr(device, "type", device)).startswith("cuda")


def _resident_bytes() -> int | None:
    """Return the memory the process has now; None where the system does not say."""
    try:
        with open(_STATM, "rb") as file:  # noqa: PTH123 - in every request: pathlib takes longer than the reading
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def _resident_peak_bytes() -> int | None:
    """Return the most memory the process has had; None where the system does not say."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
