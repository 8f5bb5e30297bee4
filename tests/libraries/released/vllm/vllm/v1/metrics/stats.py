"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""
from dataclasses import dataclass


@dataclass
class RequestStateStats:
    num_generation_tokens: object = 0
    num_preemptions: object = 0
    arrival_time: object = 0.0
    queued_ts: object = 0.0
    scheduled_ts: object = 0.0
    first_token_ts: object = 0.0
    last_token_ts: object = 0.0
    first_token_latency: object = 0.0
    is_corrupted: object = False
    is_watermarked: object = False
    is_watermark_skipped: object = False
