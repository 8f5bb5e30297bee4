"""The same small conversation through one instrumentation, in the environment of that instrumentation.

Run by ``record.py``, which says by environment variables where spans go and that prompts are to be in them:
``python talk.py DIALECT URL``.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

Talk = Callable[[str], None]

QUESTION = "SECRET PROMPT, what is a lighthouse?"
MESSAGES: Any = [{"role": "system", "content": "SECRET PROMPT: be brief."}, {"role": "user", "content": QUESTION}]
TALKS: dict[str, Talk] = {}


def dialect(talk: Talk) -> Talk:
    """Add a dialect, called as its function."""
    TALKS[talk.__name__] = talk
    return talk


def _provide() -> TracerProvider:
    """Send spans where the environment says, at the end."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


@contextlib.contextmanager
def _in_a_request() -> Iterator[None]:
    """Be a service that was asked over HTTP."""
    with trace.get_tracer("opentelemetry.instrumentation.asgi").start_as_current_span(
        "POST /ask", kind=trace.SpanKind.SERVER, attributes={"http.request.method": "POST", "http.route": "/ask"}
    ):
        yield


def _ask_openai(url: str, *, user: contextlib.AbstractContextManager[Any] | None = None) -> None:
    import openai

    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
    client.chat.completions.create(model="tiny-chat", messages=MESSAGES, temperature=0.2, max_tokens=64)
    stream = client.chat.completions.create(
        model="tiny-chat", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    list(stream)
    for model in ("tiny-busy", "tiny-strict"):
        with contextlib.suppress(openai.APIStatusError):
            client.chat.completions.create(model=model, messages=MESSAGES)
    client.embeddings.create(model="tiny-embed", input=QUESTION)
    with user or contextlib.nullcontext():
        client.chat.completions.create(model="tiny-chat", messages=MESSAGES, user="ada")
    client.responses.create(model="tiny-chat", input=QUESTION, instructions="SECRET PROMPT: be brief.")


@dialect
def openai_genai(url: str) -> None:
    """OpenTelemetry's own, since 2026."""
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=_provide())
    _ask_openai(url)


@dialect
def openai_v2(url: str) -> None:
    """OpenTelemetry's own before, as it is without an opt-in."""
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=_provide())
    _ask_openai(url)


@dialect
def openai_v2_latest(url: str) -> None:
    """The same, with its opt-in to the newest names."""
    openai_v2(url)


@dialect
def google_genai(url: str) -> None:
    """OpenTelemetry's own for Google's client."""
    from google import genai
    from google.genai import errors, types
    from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor

    GoogleGenAiSdkInstrumentor().instrument(tracer_provider=_provide())
    client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=url))
    config = types.GenerateContentConfig(
        system_instruction="SECRET PROMPT: be brief.", temperature=0.2, max_output_tokens=64
    )
    client.models.generate_content(model="tiny-chat", contents=QUESTION, config=config)
    list(client.models.generate_content_stream(model="tiny-chat", contents=QUESTION))
    for model in ("tiny-busy", "tiny-strict"):
        with contextlib.suppress(errors.APIError):
            client.models.generate_content(model=model, contents=QUESTION)
    client.models.embed_content(model="tiny-embed", contents=QUESTION)


@dialect
def traceloop_openai(url: str) -> None:
    """OpenLLMetry's instrumentation alone."""
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=_provide())
    _ask_openai(url)


@dialect
def traceloop_sdk(url: str) -> None:
    """OpenLLMetry's own start, a workflow, and who asks."""
    from traceloop.sdk import Traceloop
    from traceloop.sdk.decorators import workflow
    from traceloop.sdk.instruments import Instruments

    Traceloop.init(
        app_name="recorder", exporter=OTLPSpanExporter(), instruments={Instruments.OPENAI}, telemetry_enabled=False
    )
    Traceloop.set_association_properties({"user_id": "ada", "session_id": "session-7", "conversation_id": "talk-7"})

    def run(question: str) -> str:
        _ask_openai(url)
        return f"SECRET ANSWER to {question}"

    workflow(name="lighthouses")(run)(QUESTION)


@dialect
def openinference_openai(url: str) -> None:
    """Arize's."""
    from openinference.instrumentation import using_attributes
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=_provide())
    user = using_attributes(
        session_id="session-7", user_id="ada", metadata={"note": "SECRET PROMPT"}, tags=["SECRET PROMPT"]
    )
    _ask_openai(url, user=user)


@dialect
def openinference_litellm(url: str) -> None:
    """Arize's for LiteLLM."""
    import litellm
    from openinference.instrumentation.litellm import LiteLLMInstrumentor

    LiteLLMInstrumentor().instrument(tracer_provider=_provide())
    _ask_litellm(litellm, url)


@dialect
def openlit(url: str) -> None:
    """OpenLIT, with prices of a file."""
    import json
    import tempfile

    import openlit as package

    with tempfile.NamedTemporaryFile("w", suffix=".json") as prices:
        price = {"promptPrice": 0.5, "completionPrice": 1.5}
        chat = {"tiny-chat": price, "tiny-chat-2026": price}
        json.dump({"chat": chat, "embeddings": {"tiny-embed": 0.1, "tiny-embed-2026": 0.1}}, prices)
        prices.flush()
        package.init(
            application_name="recorder",
            environment="test",
            disable_metrics=True,
            disable_events=True,
            capture_message_content=True,
            pricing_json=prices.name,
        )
        _ask_openai(url)


@dialect
def logfire_openai(url: str) -> None:
    """Logfire, which sends to whom the environment names instead of to its own service."""
    import logfire

    logfire.configure(send_to_logfire=False, console=False, scrubbing=False)
    logfire.instrument_openai()
    _ask_openai(url)


@dialect
def pydantic_ai(url: str) -> None:
    """Pydantic AI's agents, whose spans Logfire sends."""
    import logfire
    import openai
    from pydantic_ai import Agent
    from pydantic_ai.exceptions import ModelHTTPError
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    logfire.configure(send_to_logfire=False, console=False, scrubbing=False)
    logfire.instrument_pydantic_ai()
    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)

    def agent(model: str) -> Any:
        made = OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client))
        return Agent(made, name="guide", system_prompt="SECRET PROMPT: be brief.")

    agent("tiny-chat").run_sync(QUESTION, model_settings={"temperature": 0.2, "max_tokens": 64})
    with contextlib.suppress(ModelHTTPError):
        agent("tiny-busy").run_sync(QUESTION)
    agent("tiny-chat").run_sync(QUESTION, model_settings={"openai_user": "ada"}, conversation_id="talk-7")
    for _ in agent("tiny-chat").run_stream_sync(QUESTION).stream_text():
        pass


@dialect
def pydantic_ai_over_openai(url: str) -> None:
    """One call seen by two: Pydantic AI's model, and Logfire's instrumentation of the client below it."""
    import logfire

    logfire.instrument_openai()
    pydantic_ai(url)


def _ask_litellm(litellm: Any, url: str) -> None:
    import time

    where: dict[str, Any] = {"api_base": f"{url}/v1", "api_key": "none", "num_retries": 0, "max_retries": 0}
    prices = {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002}
    litellm.completion(model="openai/tiny-chat", messages=MESSAGES, temperature=0.2, max_tokens=64, **where, **prices)
    stream = litellm.completion(
        model="openai/tiny-chat", messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **where
    )
    list(stream)
    for model in ("tiny-busy", "tiny-strict"):
        with contextlib.suppress(litellm.exceptions.APIError, litellm.RateLimitError, litellm.BadRequestError):
            litellm.completion(model=f"openai/{model}", messages=MESSAGES, **where)
    litellm.embedding(model="openai/tiny-embed", input=[QUESTION], **where)
    litellm.completion(
        model="openai/tiny-chat",
        messages=MESSAGES,
        user="ada",
        metadata={"user_id": "ada", "session_id": "session-7", "note": "SECRET PROMPT"},
        **where,
    )
    with _in_a_request():
        litellm.completion(model="openai/tiny-chat", messages=MESSAGES, **where)
        time.sleep(1)  # its callback writes onto this span, if it comes before the span's end
    time.sleep(2)  # its callbacks run in a thread that it does not wait for


@dialect
def litellm(url: str) -> None:
    """LiteLLM's own callback."""
    import litellm as package

    package.callbacks = ["otel"]
    _ask_litellm(package, url)


@dialect
def litellm_latest(url: str) -> None:
    """The same, with its opt-in to the newest names."""
    litellm(url)


@dialect
def litellm_over_openai(url: str) -> None:
    """One call seen by two: LiteLLM's callback, and OpenTelemetry's instrumentation of the client below it."""
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=_provide())
    litellm(url)


@dialect
def langchain_over_openai(url: str) -> None:
    """One call seen by two of OpenLLMetry: LangChain's, and that of the client below it."""
    import openai
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    provider = _provide()
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    LangchainInstrumentor().instrument(tracer_provider=provider)

    def chat(model: str, **more: Any) -> Any:
        return ChatOpenAI(model=model, base_url=f"{url}/v1", api_key="none", max_retries=0, **more)

    messages = [("system", "SECRET PROMPT: be brief."), ("human", QUESTION)]
    chat("tiny-chat", temperature=0.2, max_tokens=64).invoke(messages)
    list(chat("tiny-chat", stream_usage=True).stream(messages))
    for model in ("tiny-busy", "tiny-strict"):
        with contextlib.suppress(openai.APIStatusError):
            chat(model).invoke(messages)
    OpenAIEmbeddings(
        model="tiny-embed", base_url=f"{url}/v1", api_key="none", check_embedding_ctx_length=False
    ).embed_query(QUESTION)
    chat("tiny-chat").invoke(messages, user="ada", config={"metadata": {"session_id": "session-7", "user_id": "ada"}})


if __name__ == "__main__":
    TALKS[sys.argv[1]](sys.argv[2])
