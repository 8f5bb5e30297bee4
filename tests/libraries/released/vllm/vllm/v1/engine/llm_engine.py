"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""


class LLMEngine:
    def __init__(self, vllm_config, executor_class, log_stats, aggregate_engine_logging=False, usage_context=None, stat_loggers=None, mm_registry=None, multiprocess_mode=False):
        self.vllm_config = vllm_config
        self.model_config = None
        self.observability_config = None
        self.log_stats = log_stats
        self.external_launcher_dp = None
        self.should_execute_dummy_batch = None
        self.renderer = None
        self.input_processor = None
        self.output_processor = None
        self.engine_core = None
        self._profile_session_active = None
        self.logger_manager = None
        self.dp_group = None
        self.model_executor = None
        self._finalizer = None
