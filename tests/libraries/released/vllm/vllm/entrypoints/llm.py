"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""
from vllm.entrypoints.pooling.offline import PoolingOfflineMixin


class LLM(PoolingOfflineMixin):
    def __init__(self, model, *, runner='auto', convert='auto', tokenizer=None, tokenizer_mode='auto', skip_tokenizer_init=False, trust_remote_code=False, allowed_local_media_path='', allowed_media_domains=None, tensor_parallel_size=1, dtype='auto', quantization=None, revision=None, tokenizer_revision=None, chat_template=None, seed=0, gpu_memory_utilization=0.92, cpu_offload_gb=0, offload_group_size=0, offload_num_in_group=1, offload_prefetch_step=1, offload_params=None, enforce_eager=False, enable_return_routed_experts=False, return_sampling_mask=False, disable_custom_all_reduce=False, hf_token=None, hf_overrides=None, mm_processor_kwargs=None, pooler_config=None, structured_outputs_config=None, profiler_config=None, attention_config=None, kv_cache_memory_bytes=None, compilation_config=None, quantization_config=None, logits_processors=None, spec_method=None, spec_model=None, spec_tokens=None, **kwargs):
        self.llm_engine = None
        self.model_config = None
        self.engine_class = None
        self.request_counter = None
        self.default_sampling_params = None
        self.supported_tasks = None
        self.runner_type = None
        self.renderer = None
        self.chat_template = chat_template
        self.input_processor = None
        self._cached_repr = None

    def generate(self, prompts, sampling_params=None, *, use_tqdm=True, lora_request=None, priority=None, tokenization_kwargs=None, mm_processor_kwargs=None):
        raise NotImplementedError

    def wait_for_completion(self, output_type=None, *, use_tqdm=True):
        raise NotImplementedError

    def chat(self, messages, sampling_params=None, use_tqdm=True, lora_request=None, priority=None, chat_template=None, chat_template_content_format='auto', add_generation_prompt=True, continue_final_message=False, tools=None, chat_template_kwargs=None, tokenization_kwargs=None, mm_processor_kwargs=None):
        raise NotImplementedError
