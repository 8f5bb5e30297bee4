"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""
from dataclasses import dataclass


@dataclass
class DeviceConfig:
    device_type: object = None
