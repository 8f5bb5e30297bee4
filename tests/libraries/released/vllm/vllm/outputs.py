"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""
from dataclasses import dataclass


@dataclass
class CompletionOutput:
    index: object
    text: object
    token_ids: object
    cumulative_logprob: object
    logprobs: object
    routed_experts: object = None
    finish_reason: object = None
    stop_reason: object = None
    lora_request: object = None
    sampling_mask: object = None
    spec_decode_metrics: object = None
    weight_versions: object = None


@dataclass
class PoolingOutput:
    data: object


class RequestOutput:
    def __init__(self, request_id, prompt, prompt_token_ids, prompt_logprobs, outputs, finished, metrics=None, lora_request=None, encoder_prompt=None, encoder_prompt_token_ids=None, num_cached_tokens=None, num_cache_creation_tokens=None, *, prompt_token_id_logprobs=None, kv_transfer_params=None, ec_transfer_params=None, **kwargs):
        self.request_id = request_id
        self.prompt = prompt
        self.prompt_token_ids = prompt_token_ids
        self.prompt_logprobs = prompt_logprobs
        self.prompt_token_id_logprobs = prompt_token_id_logprobs
        self.outputs = outputs
        self.finished = finished
        self.metrics = metrics
        self.lora_request = lora_request
        self.encoder_prompt = encoder_prompt
        self.encoder_prompt_token_ids = encoder_prompt_token_ids
        self.num_cached_tokens = num_cached_tokens
        self.num_cache_creation_tokens = num_cache_creation_tokens
        self.kv_transfer_params = kv_transfer_params
        self.ec_transfer_params = ec_transfer_params


class PoolingRequestOutput:
    def __init__(self, request_id, outputs, prompt_token_ids, num_cached_tokens, finished, *, error=None, late_chunking=None):
        self.request_id = request_id
        self.late_chunking = late_chunking
        self.prompt_token_ids = prompt_token_ids
        self.num_cached_tokens = num_cached_tokens
        self.finished = finished
        self.outputs = outputs
        self.error = error
