"""Stand-ins with answers: engines that say what a test or the page of libraries has them say."""

from __future__ import annotations

import contextlib
import importlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from libraries.stand_ins import behaving, importable
from modeltally.instrument.libraries import _instrumentor
from modeltally.instrument.libraries.llama_cpp import LlamaCppInstrumentor
from modeltally.instrument.libraries.vllm import VllmInstrumentor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Vllm", "answering", "scripted_llama_cpp", "scripted_vllm"]

_END: Final = 2


class Vllm:
    """The modules of vLLM's stand-in, and answers in its own classes."""

    def __init__(self) -> None:
        """Import what is there."""
        self.llm = importlib.import_module("vllm.entrypoints.llm")
        self.pooling = importlib.import_module("vllm.entrypoints.pooling.offline")
        self.serving = importlib.import_module("vllm.v1.engine.async_llm")
        self.outputs = importlib.import_module("vllm.outputs")
        self.sampling = importlib.import_module("vllm.sampling_params")
        self.stats = importlib.import_module("vllm.v1.metrics.stats")
        self.lora = importlib.import_module("vllm.lora.request")
        self.configuration = importlib.import_module("vllm.config.vllm")
        self.model = importlib.import_module("vllm.config.model")
        self.device = importlib.import_module("vllm.config.device")

    def configured(self, model: str, **given: Any) -> Any:
        """Make the configuration of an engine."""
        described = self.model.ModelConfig(model=model, dtype="torch.bfloat16", quantization="fp8", **given)
        device = self.device.DeviceConfig(device_type="cuda")
        return self.configuration.VllmConfig(model_config=described, device_config=device)

    def text(self, index: int, number: int, reason: str | None = "stop") -> Any:
        """Make a text of so many tokens."""
        return self.outputs.CompletionOutput(index, "x", list(range(number)), None, None, finish_reason=reason)

    def answer(self, prompt: int, texts: list[Any], **more: Any) -> Any:
        """Make an answer to a prompt of so many tokens."""
        return self.outputs.RequestOutput("1", None, list(range(prompt)), None, texts, finished=True, **more)


@contextlib.contextmanager
def scripted_vllm() -> Iterator[Vllm]:
    """Import the stand-in for a block, with engines that know their configuration, and watch it."""
    with _fresh("vllm"):
        modules = Vllm()

        def make(self: Any, model: str, **_: Any) -> None:
            self.llm_engine = SimpleNamespace(vllm_config=modules.configured(model))
            self.model_config = self.llm_engine.vllm_config.model_config

        def make_for_serving(self: Any, vllm_config: Any, **_: Any) -> None:
            self.vllm_config, self.model_config = vllm_config, vllm_config.model_config

        behaving(modules.llm.LLM, "__init__", make)
        behaving(modules.serving.AsyncLLM, "__init__", make_for_serving)
        behaving(modules.serving.AsyncLLM, "shutdown", lambda **_: None)
        VllmInstrumentor().instrument()
        try:
            yield modules
        finally:
            VllmInstrumentor().uninstrument()


def answering(owner: type, name: str, answer: Any) -> None:
    """Have a method of vLLM's return something.

    Args:
        owner: Its class.
        name: The method.
        answer: What it returns, or a function that gets all arguments by name.
    """
    VllmInstrumentor().uninstrument()  # what it was watched as goes
    behaving(owner, name, answer if callable(answer) else lambda **_: answer)
    VllmInstrumentor().instrument()


@contextlib.contextmanager
def scripted_llama_cpp() -> Iterator[Any]:
    """Import the stand-in for a block, with models that answer with a token for each word; gives its ``Llama``."""
    with _fresh("llama_cpp"):
        kind = importlib.import_module("llama_cpp").Llama
        declared = kind.__init__

        def make(self: Any, **given: Any) -> None:
            declared(self, **{**given, **given.pop("kwargs")})
            self._model = SimpleNamespace(vocab=None, n_params=lambda: 1000, size=lambda: 600)
            self.metadata = {"general.architecture": "llama", "general.file_type": "15"}

        for name, does in {**_ANSWERS, "__init__": make}.items():
            behaving(kind, name, does)
        LlamaCppInstrumentor().instrument()
        try:
            yield kind
        finally:
            LlamaCppInstrumentor().uninstrument()


def _generate(tokens: Any) -> Iterator[int]:
    yield from (*range(10, 10 + len(tokens)), _END)


def _complete(self: Any, prompt: str, *, stream: bool, **_: Any) -> Any:
    words = prompt.split()

    def pieces() -> Iterator[Any]:
        for token in self.generate(words):
            yield {"choices": [{"text": str(token), "finish_reason": "stop" if token == _END else None}]}

    if stream:
        return pieces()
    made = list(self.generate(words))
    usage = {"prompt_tokens": len(words), "completion_tokens": len(made) - 1}
    return {"choices": [{"text": "x", "finish_reason": "stop"}], "usage": usage}


def _embed(**given: Any) -> Any:
    return ([[0.1]], 3) if given["return_count"] else [[0.1]]


_ANSWERS: Final[dict[str, Callable[..., Any]]] = {
    "__call__": lambda self, prompt, stream, **_: self.create_completion(prompt, stream=stream),
    "create_chat_completion": lambda self, messages, stream, **_: self.create_completion(
        messages[0]["content"], stream=stream
    ),
    "create_completion": _complete,
    "create_embedding": lambda self, **given: {"data": self.embed(given["input"]), "usage": {"prompt_tokens": 3}},
    "embed": _embed,
    "generate": lambda tokens, **_: _generate(tokens),
    "close": lambda **_: None,
    "token_eos": lambda **_: _END,
}


@contextlib.contextmanager
def _fresh(library: str) -> Iterator[None]:
    """Let a stand-in be imported, and its version be looked up anew, before and after."""
    with importable(library):
        _instrumentor.library_version.cache_clear()
        yield
    _instrumentor.library_version.cache_clear()
