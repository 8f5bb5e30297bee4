"""The machine's GPUs among the metrics, where the service asks for them: with a stand-in of NVIDIA's library."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import modeltally
from modeltally.instrument import _guard

if TYPE_CHECKING:
    from support.sink import Sink

NEVER_SECONDS = 3600.0
USED, TOTAL = 6 * 1024**3, 24 * 1024**3


class FakeNvml(ModuleType):
    """The functions of ``pynvml`` that are called, with two devices."""

    def __init__(self, *, fails: bool = False) -> None:
        """Tell of two devices, or fail to find the driver."""
        super().__init__("pynvml")
        self.fails = fails
        self.begun = 0

    def nvmlInit(self) -> None:  # noqa: N802 - as the library has it
        """Find the driver."""
        self.begun += 1
        if self.fails:
            raise OSError("no driver")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802 - as above
        """Count the devices."""
        return 2

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:  # noqa: N802 - as above
        """Name a device."""
        return number

    def nvmlDeviceGetUUID(self, handle: int) -> Any:  # noqa: N802 - as above
        """Its id; bytes, as older releases have it, for the second."""
        return f"GPU-{handle}" if handle == 0 else f"GPU-{handle}".encode()

    def nvmlDeviceGetName(self, handle: int) -> str:  # noqa: N802 - as above
        """Its name."""
        return f"NVIDIA H{handle}"

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> SimpleNamespace:  # noqa: N802 - as above
        """Its memory."""
        return SimpleNamespace(used=USED * (1 - handle), total=TOTAL)

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> SimpleNamespace:  # noqa: N802 - as above
        """Its work, in percent."""
        return SimpleNamespace(gpu=25 * (handle + 1), memory=10)


def run(sink: Sink, **settings: Any) -> dict[str, Any]:
    """Run one request, and give the last metrics."""
    modeltally.configure(endpoint=sink.url, metrics_interval_seconds=NEVER_SECONDS, **settings)
    with modeltally.model_request("m"):
        pass
    assert modeltally.shutdown(timeout_seconds=60)
    return sink.report


def test_gpus_are_told_of_by_the_conventions(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory used and there, its share and the share of time at work, each by the device's id and name."""
    monkeypatch.setitem(sys.modules, "pynvml", FakeNvml())
    report = run(sink, gpu_metrics=True)
    told = {
        name: {point.attributes["hw.id"]: point.value for point in metric.points}
        for name, metric in report.items()
        if name.startswith("hw.gpu.")
    }
    assert told == {
        "hw.gpu.memory.usage": {"GPU-0": USED, "GPU-1": 0},
        "hw.gpu.memory.limit": {"GPU-0": TOTAL, "GPU-1": TOTAL},
        "hw.gpu.memory.utilization": {"GPU-0": 0.25, "GPU-1": 0.0},
        "hw.gpu.utilization": {"GPU-0": 0.25, "GPU-1": 0.5},
    }
    assert (report["hw.gpu.memory.usage"].unit, report["hw.gpu.utilization"].unit) == ("By", "1")
    assert report["hw.gpu.utilization"].points[0].attributes["hw.name"] == "NVIDIA H0"


def test_the_environment_asks_for_them_too(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that nobody changes says it by a variable; without a word nobody looks."""
    library = FakeNvml()
    monkeypatch.setitem(sys.modules, "pynvml", library)
    assert not any(name.startswith("hw.") for name in run(sink))
    assert library.begun == 0
    monkeypatch.setenv("MODELTALLY_GPU_METRICS", "true")
    assert "hw.gpu.utilization" in run(sink)


@pytest.mark.parametrize("library", [None, FakeNvml(fails=True)], ids=["not installed", "no driver"])
def test_what_cannot_be_read_is_one_problem(sink: Sink, monkeypatch: pytest.MonkeyPatch, library: Any) -> None:
    """The other metrics go on, and nobody asks again."""
    monkeypatch.setitem(sys.modules, "pynvml", library)
    report = run(sink, gpu_metrics=True)
    assert report["operations"].points[0].value == 1
    assert not any(name.startswith("hw.") for name in report)
    assert _guard.problem_kinds()["gpu_metrics"] == 1
