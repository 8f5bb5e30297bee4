"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""
from dataclasses import dataclass


@dataclass
class VllmConfig:
    model_config: object = None
    device_config: object = None
