"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""


class AsyncLLM:
    def __init__(self, vllm_config, executor_class, log_stats, usage_context=None, mm_registry=None, log_requests=True, start_engine_loop=True, stat_loggers=None, aggregate_engine_logging=False, client_addresses=None, client_count=1, client_index=0, profiler=None):
        self.vllm_config = vllm_config
        self._elastic_ep_lock = None
        self.model_config = None
        self.scheduler_config = None
        self.observability_config = None
        self.log_requests = log_requests
        self.log_stats = log_stats
        self.renderer = None
        self.input_processor = None
        self.admission_stats = None
        self.output_processor = None
        self.engine_core = None
        self.logger_manager = None
        self._client_count = None
        self.output_handler = None
        self.profiler = profiler
        self._frontend_profiler_injected = None
        self._profile_lock = None
        self._profile_session_guard_enabled = None
        self._profile_session_active = None
        self._frontend_profiler_worker_name = None

    def __del__(self):
        self.shutdown()

    def shutdown(self, timeout=None):
        raise NotImplementedError

    async def generate(self, prompt, sampling_params, request_id, *, prompt_text=None, lora_request=None, tokenization_kwargs=None, trace_headers=None, priority=0, data_parallel_rank=None, session_id=None, kv_hints=None, reasoning_ended=None, reasoning_parser_kwargs=None):
        raise NotImplementedError
        yield

    async def encode(self, prompt, pooling_params, request_id, lora_request=None, trace_headers=None, priority=0, tokenization_kwargs=None, reasoning_ended=None):
        raise NotImplementedError
        yield
