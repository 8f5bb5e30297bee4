"""The memory of a request, with a stand-in of torch's interface to a device: this machine has none."""

from __future__ import annotations

import gc
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from modeltally.instrument.libraries import _memory
from modeltally.instrument.libraries._memory import Memory, device_id


class Device:
    """A device as ``torch.cuda`` shows it; whatever would create a context on it or wait for it is not there."""

    def __init__(self) -> None:
        """Hold nothing."""
        self.held = self.most = self.reserved = 0
        self.is_used = True

    def is_initialized(self) -> bool:
        """Whether the service has used it."""
        return self.is_used

    def hold(self, held: int) -> None:
        """Hold so much from now on."""
        self.held = held
        self.most = max(self.most, held)
        self.reserved = max(self.reserved, 2 * held)

    def memory_allocated(self, device: Any = None) -> int:
        """What is held."""
        self._check(device)
        return self.held

    def max_memory_allocated(self, device: Any = None) -> int:
        """The most that was ever held."""
        self._check(device)
        return self.most

    def max_memory_reserved(self, device: Any = None) -> int:
        """The most that was ever reserved."""
        self._check(device)
        return self.reserved

    def get_device_properties(self, device: Any = None) -> Any:
        """What it is."""
        self._check(device)
        return SimpleNamespace(name="stand-in", uuid="1b2c")

    def _check(self, device: Any) -> None:
        assert self.is_used
        assert device in (None, "cuda:0")


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Device:
    """Give the process a device."""
    made = Device()
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=made))
    return made


def test_memory_before_after_and_at_most(device: Device) -> None:
    """With the device's own name."""
    device.hold(100)
    memory = Memory("cuda:0")
    device.hold(500)
    device.hold(120)
    assert memory.values() == {
        "gpu_memory_before_bytes": 100,
        "gpu_memory_after_bytes": 120,
        "gpu_memory_peak_bytes": 500,
        "gpu_memory_reserved_peak_bytes": 1000,
        "gpu_memory_exclusive": True,
        "hardware_id": "GPU-1b2c",
    }


def test_peak_below_an_earlier_one_is_not_known(device: Device) -> None:
    """The device's statistics are not reset, so nobody can tell."""
    device.hold(900)
    device.hold(100)
    memory = Memory("cuda:0")
    device.hold(500)
    said = memory.values()
    assert said["gpu_memory_peak_bytes"] is None
    assert said["gpu_memory_reserved_peak_bytes"] is None
    assert said["gpu_memory_after_bytes"] == 500


def test_peak_of_requests_at_once_is_shared(device: Device) -> None:
    """Each of two that overlap says so, also the one that began before and ended last; a later one is alone again."""
    first = Memory("cuda:0")
    second = Memory("cuda:0")
    assert second.values()["gpu_memory_exclusive"] is False
    assert first.values()["gpu_memory_exclusive"] is False
    assert Memory("cuda:0").values()["gpu_memory_exclusive"] is True
    assert device.most == 0


def test_device_that_the_service_does_not_use_is_not_touched(device: Device) -> None:
    """No context is created on it; the process's memory is told instead."""
    device.is_used = False
    said = Memory("cuda:0").values()
    assert said["host_memory_before_bytes"]
    assert said["host_memory_after_bytes"]
    assert device_id("cuda:0") is None


def test_processor_has_the_memory_of_the_process(device: Device) -> None:
    """A model on it holds nothing on the device, whatever else does."""
    device.hold(7)
    assert "gpu_memory_before_bytes" not in Memory("cpu").values()


def test_request_that_is_never_asked_is_not_kept() -> None:
    """One that was given up leaves no trace."""
    abandoned = Memory("cpu")
    assert _memory._in_flight
    del abandoned
    gc.collect()
    assert not _memory._in_flight
