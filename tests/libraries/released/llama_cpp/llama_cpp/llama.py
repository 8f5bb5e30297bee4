"""What llama-cpp-python 0.3.36 declares, from its release; written by `make stand-ins`."""


class Llama:
    def __init__(self, model_path, *, n_gpu_layers=0, split_mode=None, main_gpu=0, tensor_split=None, vocab_only=False, use_mmap=True, use_mlock=False, kv_overrides=None, seed=None, n_ctx=512, n_batch=512, n_ubatch=512, n_threads=None, n_threads_batch=None, rope_scaling_type=None, pooling_type=None, attention_type=None, rope_freq_base=0.0, rope_freq_scale=0.0, yarn_ext_factor=-1.0, yarn_attn_factor=1.0, yarn_beta_fast=32.0, yarn_beta_slow=1.0, yarn_orig_ctx=0, logits_all=False, embedding=False, offload_kqv=True, flash_attn=False, op_offload=None, swa_full=None, no_perf=False, last_n_tokens_size=64, lora_base=None, lora_scale=1.0, lora_path=None, numa=False, chat_format=None, chat_handler=None, draft_model=None, tokenizer=None, type_k=None, type_v=None, spm_infill=False, verbose=True, **kwargs):
        self.verbose = verbose
        self._stack = None
        self.model_path = model_path
        self.model_params = None
        self.tensor_split = tensor_split
        self._c_tensor_split = None
        self.kv_overrides = kv_overrides
        self.n_batch = n_batch
        self.n_threads = n_threads
        self.n_threads_batch = n_threads_batch
        self._seed = None
        self.context_params = None
        self._logits_all = None
        self.last_n_tokens_size = last_n_tokens_size
        self.cache = None
        self.lora_base = lora_base
        self.lora_scale = lora_scale
        self.lora_path = lora_path
        self.spm_infill = spm_infill
        self._model = None
        self.tokenizer_ = None
        self._ctx = None
        self._batch = None
        self._lora_adapter = None
        self.chat_format = chat_format
        self.chat_handler = chat_handler
        self._chat_handlers = None
        self.draft_model = draft_model
        self._n_vocab = None
        self._n_ctx = None
        self._token_nl = None
        self._token_eos = None
        self._candidates = None
        self.n_tokens = None
        self._requires_eval = None
        self.input_ids = None
        self.scores = None
        self._mirostat_mu = None
        self._sampler = None
        self._is_recurrent = None
        self._is_hybrid = None
        self.numa = numa
        self._kv_overrides_array = None
        self.metadata = None

    def generate(self, tokens, top_k=40, top_p=0.95, min_p=0.05, typical_p=1.0, temp=0.8, repeat_penalty=1.0, reset=True, frequency_penalty=0.0, presence_penalty=0.0, tfs_z=1.0, mirostat_mode=0, mirostat_tau=5.0, mirostat_eta=0.1, penalize_nl=True, logits_processor=None, stopping_criteria=None, grammar=None):
        raise NotImplementedError
        yield

    def create_embedding(self, input, model=None):
        raise NotImplementedError

    def embed(self, input, normalize=False, truncate=True, return_count=False):
        raise NotImplementedError

    def create_completion(self, prompt, suffix=None, max_tokens=16, temperature=0.8, top_p=0.95, min_p=0.05, typical_p=1.0, logprobs=None, echo=False, stop=None, frequency_penalty=0.0, presence_penalty=0.0, repeat_penalty=1.0, top_k=40, stream=False, seed=None, tfs_z=1.0, mirostat_mode=0, mirostat_tau=5.0, mirostat_eta=0.1, model=None, stopping_criteria=None, logits_processor=None, grammar=None, logit_bias=None):
        raise NotImplementedError

    def __call__(self, prompt, suffix=None, max_tokens=16, temperature=0.8, top_p=0.95, min_p=0.05, typical_p=1.0, logprobs=None, echo=False, stop=None, frequency_penalty=0.0, presence_penalty=0.0, repeat_penalty=1.0, top_k=40, stream=False, seed=None, tfs_z=1.0, mirostat_mode=0, mirostat_tau=5.0, mirostat_eta=0.1, model=None, stopping_criteria=None, logits_processor=None, grammar=None, logit_bias=None):
        raise NotImplementedError

    def create_chat_completion(self, messages, functions=None, function_call=None, tools=None, tool_choice=None, temperature=0.2, top_p=0.95, top_k=40, min_p=0.05, typical_p=1.0, stream=False, stop=None, seed=None, response_format=None, max_tokens=None, presence_penalty=0.0, frequency_penalty=0.0, repeat_penalty=1.0, tfs_z=1.0, mirostat_mode=0, mirostat_tau=5.0, mirostat_eta=0.1, model=None, logits_processor=None, grammar=None, logit_bias=None, logprobs=None, top_logprobs=None):
        raise NotImplementedError

    def token_eos(self):
        raise NotImplementedError

    def close(self):
        raise NotImplementedError

    def __del__(self):
        self.close()

    @classmethod
    def from_pretrained(cls, repo_id, filename, additional_files=None, local_dir=None, local_dir_use_symlinks='auto', cache_dir=None, **kwargs):
        raise NotImplementedError
