"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""
from dataclasses import dataclass


@dataclass
class ModelConfig:
    model: object = 'Qwen/Qwen3-0.6B'
    dtype: object = 'auto'
    revision: object = None
    quantization: object = None
