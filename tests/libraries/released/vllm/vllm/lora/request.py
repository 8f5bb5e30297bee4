"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""
from dataclasses import dataclass


@dataclass
class LoRARequest:
    lora_name: object
    lora_int_id: object
    lora_path: object = ''
    base_model_name: object = None
    load_inplace: object = False
    is_3d_lora_weight: object = False
