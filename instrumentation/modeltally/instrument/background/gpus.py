"""The machine's GPUs as OpenTelemetry's ``hw.gpu`` metrics, read through NVIDIA's library where the service has it.

NVML tells of every process on the device and makes no context on it. ``nvidia-ml-py`` (imported as ``pynvml``) is no
dependency of ours: it is used where it is installed and the service asks for these metrics. All of it happens in the
background thread.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.metrics.export import AggregationTemporality, Gauge, Metric, NumberDataPoint, Sum

from modeltally.instrument._guard import problem

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Gpus"]

_LIBRARY: Final = "pynvml"
_USAGE: Final = ("hw.gpu.memory.usage", "Memory of the GPU that is used, by whichever process.", "By")
_LIMIT: Final = ("hw.gpu.memory.limit", "Memory the GPU has.", "By")
_MEMORY: Final = ("hw.gpu.memory.utilization", "Share of the GPU's memory that is used.", "1")
_WORK: Final = ("hw.gpu.utilization", "Share of the time in which the GPU worked.", "1")


class Gpus:
    """Reads all GPUs; made once a process, used by its background thread alone."""

    def __init__(self) -> None:
        """Load nothing yet."""
        self._nvml: Any = None
        self._is_given_up = False

    def read(self, start_ns: int, now_ns: int) -> list[Metric]:
        """Return what the GPUs say now; nothing where there is no library or no device.

        Args:
            start_ns: Since when sums are counted, nanoseconds since 1970.
            now_ns: Now.
        """
        if self._is_given_up:
            return []
        try:
            if self._nvml is None:
                library = importlib.import_module(_LIBRARY)  # where the service has it
                library.nvmlInit()
                self._nvml = library
            seen = [self._device(number) for number in range(self._nvml.nvmlDeviceGetCount())]
        except Exception as error:  # noqa: BLE001 - no library, no driver, a device that fell off the bus
            self._is_given_up = True
            problem("gpu_metrics", "the GPUs cannot be read (%s): no metrics of them", type(error).__qualname__)
            return []
        told: list[tuple[tuple[str, str, str], list[tuple[dict[str, str], float]]]] = [
            (_USAGE, [(labels, used) for labels, used, _, _ in seen]),
            (_LIMIT, [(labels, total) for labels, _, total, _ in seen]),
            (_MEMORY, [(labels, used / total) for labels, used, total, _ in seen if total]),
            (_WORK, [(labels, share) for labels, _, _, share in seen]),
        ]
        return [
            _metric(name, description, unit, values, start_ns, now_ns)
            for (name, description, unit), values in told
            if values
        ]

    def _device(self, number: int) -> tuple[dict[str, str], int, int, float]:
        """Return what a device is called, its used and whole memory in bytes, and the share of time it worked."""
        nvml = self._nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(number)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        labels = {
            "hw.id": _text(nvml.nvmlDeviceGetUUID(handle)),
            "hw.name": _text(nvml.nvmlDeviceGetName(handle)),
            "hw.type": "gpu",
        }
        return labels, int(memory.used), int(memory.total), nvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100


def _metric(
    name: str,
    description: str,
    unit: str,
    values: Sequence[tuple[dict[str, str], float]],
    start_ns: int,
    now_ns: int,
) -> Metric:
    points = [NumberDataPoint(labels, start_ns, now_ns, value) for labels, value in values]
    # bytes of several devices can be added up, shares cannot
    data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=False) if unit == "By" else Gauge(points)
    return Metric(name, description, unit, data)


def _text(value: Any) -> str:
    """Older releases of the library give bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
