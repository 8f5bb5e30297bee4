"""What llama-cpp-python 0.3.36 declares, from its release; written by `make stand-ins`."""


class LlamaModel:
    def __init__(self, *, path_model, params, verbose=True):
        self.path_model = path_model
        self.params = params
        self.verbose = verbose
        self._exit_stack = None
        self.sampler = None
        self.custom_samplers = None
        self.model = None
        self.vocab = None

    def size(self):
        raise NotImplementedError

    def n_params(self):
        raise NotImplementedError
