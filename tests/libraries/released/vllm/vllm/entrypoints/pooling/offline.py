"""What vllm 0.33.0 declares, from its release; written by `make stand-ins`."""


class PoolingOfflineMixin:
    def encode(self, prompts, pooling_params=None, *, use_tqdm=True, lora_request=None, pooling_task=None, tokenization_kwargs=None):
        raise NotImplementedError

    def embed(self, prompts, *, use_tqdm=True, pooling_params=None, lora_request=None, tokenization_kwargs=None):
        raise NotImplementedError

    def classify(self, prompts, *, pooling_params=None, use_tqdm=True, lora_request=None, tokenization_kwargs=None):
        raise NotImplementedError

    def score(self, data_1, data_2, /, *, use_tqdm=True, pooling_params=None, lora_request=None, tokenization_kwargs=None, chat_template=None):
        raise NotImplementedError
