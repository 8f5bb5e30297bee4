"""The real transformers with tiny models: tokens by content, loads, pipelines, and results that stay what they are."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import pytest

transformers = pytest.importorskip("transformers", reason="make test-libraries installs it")
torch = pytest.importorskip("torch", reason="make test-libraries installs it")

from libraries import tiny
from libraries.patches import everything_of
from modeltally.instrument.libraries.huggingface_hub import HuggingfaceHubInstrumentor
from modeltally.instrument.libraries.transformers import TransformersInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from modeltally.testing import Captured

pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries themselves

# Four tokens, and two after padding; 2 is the end.
PADDED: Final = [[1, 5, 6, 7], [0, 0, 1, 9]]
END: Final = "<|endoftext|>"


@pytest.fixture(autouse=True)
def _instrumented() -> Iterator[None]:
    for instrumentor in (TransformersInstrumentor(), HuggingfaceHubInstrumentor()):
        instrumentor.instrument()
    yield
    for instrumentor in (TransformersInstrumentor(), HuggingfaceHubInstrumentor()):
        instrumentor.uninstrument()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model's files."""
    path = tmp_path_factory.mktemp("models") / "scribe"
    tiny.language_model().save_pretrained(path)
    tiny.tokenizer().save_pretrained(path)
    return path


@pytest.fixture
def scribe() -> Any:
    """Make a model that goes on with a text."""
    return tiny.language_model()


def tokens(said: Mapping[str, Any]) -> tuple[Any, Any]:
    """Those in and those out."""
    return said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]


def ending_at(*lengths: int, end: int = 2) -> Any:
    """Make each row end after so many tokens, whatever the model would say."""

    class Ending(transformers.LogitsProcessor):  # type: ignore[name-defined,misc] # no types
        calls = 0

        def __call__(self, _ids: Any, scores: Any) -> Any:
            self.calls += 1
            scores = torch.full_like(scores, -1e9)
            for row, length in enumerate(lengths):
                scores[row, end if self.calls >= length else 50] = 0
            return scores

    return transformers.LogitsProcessorList([Ending()])


def test_request_says_what_was_asked_and_what_came(captured: Captured, scribe: Any) -> None:
    """Every attribute that the library can know is there and right, and no other."""
    ids = torch.tensor(PADDED)
    scribe.generate(ids, attention_mask=(ids != 0).long(), max_new_tokens=5, do_sample=True, temperature=0.7, top_k=9)
    said = captured.one()
    measured = ["host.memory", "concurrency", "output_tokens", "finish_reasons", "model.id", "request.model", "top_p"]
    measured.append("choice.count")  # a setting of the model's own in some versions, and in others it is not set
    assert {name: value for name, value in said.items() if not any(each in name for each in measured)} == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.output.type": "text",
        "gen_ai.request.max_tokens": 5,
        "gen_ai.request.stream": False,
        "gen_ai.request.temperature": 0.7,
        "gen_ai.request.top_k": 9,
        "gen_ai.response.time_to_first_chunk": 0.0,  # the clock stands still
        "gen_ai.usage.input_tokens": 6,
        "modeltally.device": "cpu",
        "modeltally.framework": "transformers",
        "modeltally.framework.version": transformers.__version__,
        "modeltally.model.dtype": "float32",
        "modeltally.operation": "model.request",
        "modeltally.outcome": "success",
        "modeltally.output.count": 2,
        "modeltally.pipeline.class": "LlamaForCausalLM",
        "modeltally.source": "auto",
        "modeltally.task": "text_generation",
    }


def test_rows_that_end_early_are_not_counted_to_the_longest(captured: Captured, scribe: Any) -> None:
    """Three tokens and seven, each with its end, are ten; the shape says fourteen."""
    result = scribe.generate(torch.tensor(PADDED), max_new_tokens=20, logits_processor=ending_at(3, 7))
    assert result.shape == (2, 4 + 7)
    said = captured.one()
    assert tokens(said) == (6, 3 + 7)
    assert said["gen_ai.response.finish_reasons"] == "stop,stop"


def test_what_is_cut_off_ends_by_length(captured: Captured, scribe: Any) -> None:
    """One row comes to an end, the other does not."""
    scribe.generate(torch.tensor(PADDED), max_new_tokens=4, logits_processor=ending_at(2, 9))
    said = captured.one()
    assert (tokens(said), said["gen_ai.response.finish_reasons"]) == ((6, 2 + 4), "stop,length")


def test_prompt_of_embeddings_is_not_among_the_result(captured: Captured, scribe: Any) -> None:
    """Everything that comes back was made."""
    scribe.generate(inputs_embeds=torch.randn(1, 3, 16), max_new_tokens=4, logits_processor=ending_at(9))
    assert tokens(captured.one()) == (3, 4)


def test_start_of_an_answer_is_no_token_of_it(captured: Captured) -> None:
    """A model that answers begins with a token of its own: nine ids are eight tokens."""
    result = tiny.sequence_model().generate(torch.tensor([[5, 6, 1]]), max_new_tokens=8, min_new_tokens=8)
    assert result.shape == (1, 9)
    assert tokens(captured.one()) == (3, 8)


@pytest.mark.parametrize("as_dictionary", [False, True])
def test_whisper_counts_what_was_decoded(captured: Captured, *, as_dictionary: bool) -> None:
    """Three tokens and five, each with its end: what comes back lacks start and end, and is filled with the end."""
    model, sound, end = tiny.hearing_model(), torch.randn(2, 80, 3000), tiny.hearing_tokenizer().token_to_id(END)
    ending = ending_at(3, 5, end=end)
    result = model.generate(sound, max_new_tokens=8, logits_processor=ending, return_dict_in_generate=as_dictionary)
    if not as_dictionary:
        assert result.tolist() == [[50, 50, end, end], [50] * 4]
    said = captured.one()
    assert (said["gen_ai.usage.output_tokens"], said["gen_ai.response.finish_reasons"]) == (3 + 5, "stop,stop")
    assert (said["modeltally.task"], said["modeltally.output.count"]) == ("speech_to_text", 2)
    assert "gen_ai.usage.input_tokens" not in said


def test_whisper_counts_every_piece_of_long_sound(captured: Captured) -> None:
    """A minute and a half is heard in windows of half a minute, each of them decoded by itself."""
    model, words = tiny.hearing_model(), tiny.hearing_tokenizer()
    made: list[list[int]] = []
    common = transformers.GenerationMixin.generate

    def counting(*args: Any, **kwargs: Any) -> Any:
        result = common(*args, **kwargs)
        made.extend(
            row.tolist()[kwargs["decoder_input_ids"].shape[-1] :] for row in getattr(result, "sequences", result)
        )
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformers.GenerationMixin, "generate", counting)
        model.generate(
            torch.randn(1, 80, 9000), attention_mask=torch.ones(1, 9000), return_timestamps=True, max_new_tokens=6
        )
    assert len(made) >= 3
    assert words.token_to_id(END) not in {token for row in made for token in row}
    said = captured.one()
    assert said["gen_ai.usage.output_tokens"] == sum(len(row) for row in made)
    assert "gen_ai.response.finish_reasons" not in said


@pytest.mark.parametrize(
    ("asked", "rows"), [({"num_return_sequences": 3, "do_sample": True}, 3), ({"num_beams": 2}, 1)]
)
def test_every_sequence_that_comes_back_counts(
    captured: Captured, scribe: Any, asked: dict[str, Any], rows: int
) -> None:
    """Several answers to one prompt, and the best of several beams."""
    scribe.generate(torch.tensor([[1, 5]]), max_new_tokens=4, min_new_tokens=4, **asked)
    said = captured.one()
    assert (tokens(said), said["modeltally.output.count"]) == ((2, 4 * rows), rows)


def test_result_that_is_an_object_is_read(captured: Captured, scribe: Any) -> None:
    """As a dictionary with scores and all."""
    scribe.generate(torch.tensor([[1, 5]]), max_new_tokens=3, min_new_tokens=3, return_dict_in_generate=True)
    assert tokens(captured.one()) == (2, 3)


def test_forecaster_has_no_tokens(captured: Captured) -> None:
    """A model whose ``generate`` is its own and gives numbers."""
    config = transformers.PatchTSTConfig(
        num_input_channels=1, context_length=16, patch_length=4, patch_stride=4, prediction_length=4, d_model=8,
        num_attention_heads=2, num_hidden_layers=1, ffn_dim=16, distribution_output="normal", loss="nll",
    )  # fmt: skip
    transformers.PatchTSTForPrediction(config).eval().generate(torch.randn(1, 16, 1))
    said = captured.one()
    assert (said["modeltally.task"], said["modeltally.output.count"]) == ("forecasting", 1)
    assert not any("tokens" in name for name in said)


def test_time_to_the_first_token_is_the_first_step(captured: Captured, scribe: Any) -> None:
    """Of five steps that take a second each, and nothing is left hooked in."""
    assert captured.clock is not None
    clock = captured.clock
    scribe.model.register_forward_pre_hook(lambda *_: clock.advance(1.0))
    before = dict(scribe._forward_hooks)
    scribe.generate(torch.tensor([[1, 5]]), max_new_tokens=5, min_new_tokens=5)
    said = captured.one()
    assert said["gen_ai.response.time_to_first_chunk"] == 1.0
    assert (said["modeltally.generation.speed"], said["modeltally.generation.speed.unit"]) == (1.0, "{token}/s")
    assert dict(scribe._forward_hooks) == before


def test_errors_come_through_and_leave_nothing_hooked_in(captured: Captured, scribe: Any) -> None:
    """The library's own exception."""
    with pytest.raises(ValueError, match="max_new_tokens"):
        scribe.generate(torch.tensor([[1, 5]]), max_new_tokens=-3)
    said = captured.one()
    assert (said["modeltally.outcome"], said["error.type"]) == ("error", "ValueError")
    assert dict(scribe._forward_hooks) == {}


@pytest.mark.parametrize("kind", [transformers.AutoModelForCausalLM, transformers.LlamaForCausalLM])
def test_load_says_what_was_loaded(captured: Captured, folder: Path, kind: Any) -> None:
    """One load, by the automatic class too, with weights, bytes, format and source."""
    model = kind.from_pretrained(folder)
    said = captured.one()
    assert {name.removeprefix("modeltally."): value for name, value in said.items()} == {
        "operation": "model.load",
        "outcome": "success",
        "source": "auto",
        "model.id": str(folder),
        "model.type": "llama",
        "model.dtype": "float32",
        "model.format": "safetensors",
        "model.parameters": model.num_parameters(),
        "model.memory.size": model.get_memory_footprint(return_buffers=False),
        "model.size": (folder / "model.safetensors").stat().st_size,
        "framework": "transformers",
        "framework.version": transformers.__version__,
        "pipeline.class": "LlamaForCausalLM",
        "device": "cpu",
        "load.source": "disk",
    }


def test_pipeline_is_one_request_with_the_tokens_of_its_model(captured: Captured, folder: Path) -> None:
    """Loaded once, asked once; the generation in it is nested, and tells the pipeline its tokens."""
    scribe = transformers.pipeline("text-generation", model=str(folder))
    answer = scribe("a b c", max_new_tokens=4, min_new_tokens=4)
    load, inner, outer = captured.all()
    assert (load["modeltally.operation"], load["modeltally.pipeline.class"]) == ("model.load", "TextGenerationPipeline")
    assert "modeltally.model.parameters" in load
    assert inner["modeltally.nested"] is True
    assert "modeltally.nested" not in outer
    assert tokens(outer) == tokens(inner) == (3, 4)
    assert (outer["modeltally.task"], outer["gen_ai.operation.name"]) == ("text_generation", "text_completion")
    assert (outer["modeltally.model.id"], outer["modeltally.prompt.length"]) == (str(folder), 5)
    assert isinstance(answer, list)


def test_pipeline_over_a_stream_ends_with_it(captured: Captured, folder: Path) -> None:
    """A generator of inputs gives an iterator of answers, which is followed to its end."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder)
    scribe = transformers.pipeline("text-generation", model=model, tokenizer=tiny.tokenizer())
    answers = scribe((text for text in ("a b", "c d e")), max_new_tokens=2)
    assert [each["modeltally.operation"] for each in captured.all()] == ["model.load"]
    assert len(list(answers)) == 2
    requests = [each for each in captured.all() if each["modeltally.operation"] == "model.request"]
    assert [bool(each.get("modeltally.nested")) for each in requests] == [True, True, False]


def test_model_that_is_given_is_not_loaded_again(captured: Captured, scribe: Any) -> None:
    """A pipeline around a model in memory is no load."""
    transformers.pipeline("text-generation", model=scribe, tokenizer=tiny.tokenizer())
    assert captured.all() == []


def test_embeddings_are_called_so(captured: Captured, scribe: Any) -> None:
    """By OpenTelemetry's name."""
    embed = transformers.pipeline("feature-extraction", model=scribe.model, tokenizer=tiny.tokenizer())
    embed("a b c")
    assert captured.one()["gen_ai.operation.name"] == "embeddings"


def test_result_is_the_same_to_the_bit(scribe: Any) -> None:
    """With us and without, under the same seed."""

    def result() -> Any:
        torch.manual_seed(5)
        return scribe.generate(torch.tensor([[1, 5]]), max_new_tokens=20, do_sample=True)

    watched = result()
    TransformersInstrumentor().uninstrument()
    assert torch.equal(result(), watched)


def test_every_way_to_generate_is_reached(captured: Captured) -> None:
    """Each class with a ``generate`` of its own, by a call of an instance that has nothing."""
    reached: set[str] = set()
    missed: set[str] = set()
    for name in sorted(dir(transformers)):
        try:
            kind = getattr(transformers, name)
        except Exception:  # noqa: BLE001, S112 - what needs a library that is not there
            continue
        if (
            not isinstance(kind, type)
            or not issubclass(kind, transformers.PreTrainedModel)
            or "generate" not in vars(kind)
        ):
            continue
        stub: Any = object.__new__(kind)
        TransformersInstrumentor()._made(lambda: None, stub, (), {})
        torch.nn.Module.__init__(stub)
        before = len(captured.exporter.get_finished_spans())
        with contextlib.suppress(BaseException):  # it has nothing: it cannot do anything
            stub.generate()
        captured.deliver()
        spans = captured.exporter.get_finished_spans()[before:]
        is_seen = any((span.attributes or {}).get("modeltally.pipeline.class") == name for span in spans)
        (reached if is_seen else missed).add(name)
    print(f"ways to generate reached: {len(reached)} of {len(reached | missed)}")  # noqa: T201 - shown with -s
    assert missed == set()
    assert len(reached) >= 40


def test_everything_is_put_back(scribe: Any) -> None:
    """Every attribute of every module and class that was patched is the object it was."""
    transformers.pipeline  # noqa: B018 - imported lazily
    transformers.AutoModelForCausalLM  # noqa: B018
    scribe.generate(torch.tensor([[1, 5]]), max_new_tokens=1)
    TransformersInstrumentor().uninstrument()
    before = everything_of("transformers")
    TransformersInstrumentor().instrument()
    tiny.language_model()
    assert everything_of("transformers") != before
    TransformersInstrumentor().uninstrument()
    assert everything_of("transformers") == before
