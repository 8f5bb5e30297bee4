"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""
from dataclasses import dataclass
import enum


class RequestOutputKind(enum.Enum):
    CUMULATIVE = 0
    DELTA = 1
    FINAL_ONLY = 2


@dataclass
class SamplingParams:
    n: object = 1
    presence_penalty: object = 0.0
    frequency_penalty: object = 0.0
    repetition_penalty: object = 1.0
    temperature: object = 1.0
    watermarking: object = None
    top_p: object = 1.0
    top_k: object = 0
    min_p: object = 0.0
    seed: object = None
    stop: object = None
    stop_token_ids: object = None
    ignore_eos: object = False
    max_tokens: object = 16
    min_tokens: object = 0
    logprobs: object = None
    prompt_logprobs: object = None
    prompt_logprob_token_ids: object = None
    prompt_logprob_start: object = None
    logprob_token_ids: object = None
    flat_logprobs: object = False
    detokenize: object = True
    skip_special_tokens: object = True
    spaces_between_special_tokens: object = True
    include_stop_str_in_output: object = False
    output_kind: object = None
    stream_interval: object = None
    skip_clone: object = False
    output_text_buffer_length: object = 0
    _eos_token_id: object = None
    _all_stop_token_ids: object = None
    _watermarking_skipped: object = False
    structured_outputs: object = None
    logit_bias: object = None
    allowed_token_ids: object = None
    extra_args: object = None
    bad_words: object = None
    _bad_words_token_ids: object = None
    skip_reading_prefix_cache: object = None
    thinking_token_budget: object = None
    repetition_detection: object = None
    routed_experts_prompt_start: object = 0
    trace_decode_token_ids: object = None
