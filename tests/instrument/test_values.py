"""What a caller says about an operation, on its way into a span."""

from __future__ import annotations

import enum
import typing
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import modeltally
from modeltally.instrument import _names as names
from modeltally.instrument._privacy import Hasher
from modeltally.instrument._scalars import MAX_SPAN_BYTES, MAX_TEXT
from modeltally.instrument._values import Values

if TYPE_CHECKING:
    from modeltally.testing import Captured

SURROGATE = "a\udcffb"


class Text(str):
    """A string whose methods must not run."""

    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("the caller's code ran")


class Color(enum.StrEnum):
    """A string enumeration."""

    RED = "red"


class Hostile:
    """Raises whatever it is asked."""

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise RuntimeError("str")

    def __float__(self) -> float:
        raise RuntimeError("float")

    def __len__(self) -> int:
        raise RuntimeError("len")

    def __bool__(self) -> bool:
        raise RuntimeError("bool")

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("eq")

    def __hash__(self) -> int:
        raise RuntimeError("hash")


def test_every_keyword_has_an_attribute_of_its_type() -> None:
    """The typed keywords and the attribute table name the same things."""
    hints = typing.get_type_hints(Values)
    special = {names.USER_KEYWORD, *names.PROMPT_KEYWORDS}
    assert set(hints) - special == set(names.ATTRIBUTES)
    joined = {
        "context": str | Mapping[str, object] | None,
        "lora_scales": str | Sequence[float] | None,
        **dict.fromkeys(("lora_names", "finish_reasons", "quality_gate_names"), str | Sequence[str] | None),
    }
    for keyword, attribute in names.ATTRIBUTES.items():
        assert hints[keyword] == joined.get(keyword, attribute.type | None), keyword
    assert len({attribute.name for attribute in names.ATTRIBUTES.values()}) == len(names.ATTRIBUTES)


def test_every_keyword_arrives_under_its_name_and_type(seen: Captured) -> None:
    """A value of each keyword travels unchanged."""
    examples: dict[type, object] = {str: "x", int: 7, float: 0.5, bool: True}
    values: Any = {keyword: examples[attribute.type] for keyword, attribute in names.ATTRIBUTES.items()}
    values["quality_gate_failed"] = False
    with modeltally.model_request("m") as operation:
        operation.set(**values)
    attributes = seen.one()
    for keyword, attribute in names.ATTRIBUTES.items():
        assert attributes[attribute.name] == values[keyword]
        assert type(attributes[attribute.name]) is attribute.type


def test_users_and_prompts_leave_only_as_keyed_hashes(seen: Captured) -> None:
    """Neither the user id nor the prompt is in the span; equal ones have equal hashes."""
    with modeltally.model_request("m", user="alice@example.org", prompt="a red fox", negative_prompt="blur"):
        pass
    with modeltally.model_request("m", user="alice@example.org", prompt="a red fox"):
        pass
    first, second = seen.all()
    assert first["user.hash"] == Hasher("key").user("alice@example.org") == second["user.hash"]
    assert first["modeltally.prompt.hash"] == second["modeltally.prompt.hash"]
    assert first["modeltally.prompt.length"] == 9
    assert first["modeltally.negative_prompt.length"] == 4
    assert len(str(first["user.hash"])) == 16
    assert "alice" not in str(first)
    assert "fox" not in str(first)


def test_user_hash_is_the_documented_one() -> None:
    """The first 16 digits of HMAC-SHA256, which a receiver computes as well."""
    assert Hasher("key").user("The quick brown fox jumps over the lazy dog") == "f7bc83f430538424"


def test_long_prompt_has_its_own_hash_and_full_length(seen: Captured) -> None:
    """Prompts longer than what is kept of other texts are told apart all the same."""
    with modeltally.model_request("m", prompt="x" * 100_000 + "1"):
        pass
    with modeltally.model_request("m", prompt="x" * 100_000 + "2"):
        pass
    first, second = seen.all()
    assert first["modeltally.prompt.length"] == 100_001
    assert first["modeltally.prompt.hash"] != second["modeltally.prompt.hash"]


def test_values_lose_their_class_when_subclassed(seen: Captured) -> None:
    """Copies are plain: nothing of the caller's runs later."""
    numbers: Any = {"output_tokens": Decimal(3), "guidance_scale": Decimal("7.5")}
    with modeltally.model_request(Text("m"), task=Color.RED, project=Text("p")) as operation:
        operation.set(**numbers)
    attributes = seen.one()
    assert type(attributes["modeltally.model.id"]) is str
    assert attributes["modeltally.task"] == "red"
    assert attributes["modeltally.project"] == "p"
    assert attributes["gen_ai.usage.output_tokens"] == 3
    assert attributes["modeltally.diffusion.guidance_scale"] == 7.5


def test_names_are_joined_and_counted(seen: Captured) -> None:
    """A list travels as one string."""
    with modeltally.model_request("m", lora_names=["a", "b", "c"]):
        pass
    attributes = seen.one()
    assert attributes["modeltally.lora.names"] == "a,b,c"
    assert attributes["modeltally.lora.count"] == 3


BAD_NUMBERS: dict[str, Any] = {
    "hostile": Hostile(),
    "object": object(),
    "bytes": b"bytes",
    "dict": {"a": 1},
    "set": {1, 2},
    "nan": float("nan"),
    "infinity": float("inf"),
    "too large": 2**63,
    "huge": 10**5000,
    "truth": True,
    "text": "seven",
    "fraction": 1.5,
}


@pytest.mark.parametrize("name", BAD_NUMBERS)
def test_value_is_left_out_when_it_is_none_of_that_type(seen: Captured, name: str) -> None:
    """The operation is recorded without it, and that is counted."""
    value = BAD_NUMBERS[name]
    with modeltally.model_request("m") as operation:
        operation.set(output_tokens=value, image_width=512)
    attributes = seen.one()
    assert "gen_ai.usage.output_tokens" not in attributes
    assert attributes["modeltally.image.width"] == 512
    assert modeltally.counters().problems["bad_value"] == 1


def test_whole_numbers_change_type_when_the_attribute_has_the_other(seen: Captured) -> None:
    """4.0 tokens are 4, and 7 guidance is 7.0: a column has one type."""
    values: Any = {"output_tokens": 4.0, "guidance_scale": 7}
    with modeltally.model_request("m", **values):
        pass
    attributes = seen.one()
    assert type(attributes["gen_ai.usage.output_tokens"]) is int
    assert type(attributes["modeltally.diffusion.guidance_scale"]) is float


def test_unknown_keyword_is_counted_and_logged_once(seen: Captured, caplog: pytest.LogCaptureFixture) -> None:
    """A typing error in a service does not break it."""
    values: Any = {"output_tokns": 4}
    for _ in range(3):
        with modeltally.model_request("m", **values):
            pass
    assert len(seen.spans()) == 3
    assert modeltally.counters().problems["unknown_name"] == 3
    assert sum("output_tokns" in message for message in caplog.messages) == 1


@pytest.mark.parametrize("model", [None, "", b"m"])
def test_model_is_unknown_when_nobody_named_it(seen: Captured, model: Any) -> None:
    """Every operation on a model has a model in the tables."""
    with modeltally.model_request(model):
        pass
    attributes = seen.one()
    assert attributes["modeltally.model.id"] == attributes["gen_ai.request.model"] == "unknown"


def test_none_changes_nothing(seen: Captured) -> None:
    """None means unknown."""
    with modeltally.model_request("m", task="t", project=None) as operation:
        operation.set(task=None)
    attributes = seen.one()
    assert attributes["modeltally.task"] == "t"
    assert "modeltally.project" not in attributes


def test_text_is_cut_when_long(seen: Captured) -> None:
    """4 KiB in UTF-8, at a character's border."""
    with modeltally.model_request("m", project="ä" * MAX_TEXT, task="x" * 10**7):
        pass
    attributes = seen.one()
    assert attributes["modeltally.project"] == "ä" * (MAX_TEXT // 2)
    assert attributes["modeltally.task"] == "x" * MAX_TEXT


def test_lone_surrogates_become_question_marks(seen: Captured) -> None:
    """File names may hold what cannot be encoded, anywhere."""
    with modeltally.model_request(SURROGATE, user=SURROGATE, prompt=SURROGATE, task=SURROGATE) as operation:
        operation.set_attribute(SURROGATE, SURROGATE)
        operation.failed(SURROGATE)
    (span,) = seen.spans()
    assert span.attributes is not None
    assert span.name == "generate_content a?b"
    assert span.attributes["modeltally.task"] == "a?b"
    assert span.attributes["a?b"] == "a?b"
    assert span.status.description == "a?b"


def test_span_stays_bounded_when_told_much(seen: Captured) -> None:
    """What exceeds 64 KiB is left out and counted; telling the same again and again is not much."""
    with modeltally.model_request("m") as operation:
        for index in range(5000):
            operation.set(steps_completed=index)
        for index in range(100):
            operation.set_attribute(f"acme.{index}", "x" * MAX_TEXT)
    attributes = seen.one()
    assert attributes["modeltally.diffusion.steps.completed"] == 4999
    assert sum(len(str(value)) for value in attributes.values()) <= MAX_SPAN_BYTES
    assert modeltally.counters().problems["span_full"] > 0


def test_custom_attributes_keep_their_names(seen: Captured) -> None:
    """A team's own attributes travel as they are, but never replace ours."""
    with modeltally.model_request("m") as operation:
        operation.set_attribute("acme.team", "vision")
        operation.set_attribute("acme.budget", 12)
        operation.set_attribute("acme.huge", 2**70)
        operation.set_attribute("acme.nan", float("nan"))
        operation.set_attribute("acme.none", None)
        operation.set_attribute("acme.hostile", Hostile())
        operation.set_attribute("modeltally.outcome", "splendid")
        operation.set_attribute(Hostile(), "x")  # type: ignore[arg-type]
    attributes = seen.one()
    assert attributes["acme.team"] == "vision"
    assert attributes["acme.budget"] == 12
    assert attributes["acme.huge"] == str(2**70)
    assert attributes["modeltally.outcome"] == "success"
    assert not {"acme.nan", "acme.none", "acme.hostile"} & set(attributes)


def test_sequence_that_holds_itself_is_left_out(seen: Captured) -> None:
    """Sequences are joined one level deep: cycles and depth cost nothing."""
    cycle: list[Any] = ["a"]
    cycle += [cycle] * 10
    deep: list[Any] = []
    for _ in range(3000):
        deep = [deep, deep]
    for names_of_loras in (cycle, deep):
        with modeltally.model_request("m", lora_names=names_of_loras):
            pass
    first, second = seen.all()
    assert first["modeltally.lora.names"] == "a"
    assert second["modeltally.lora.names"] == ""


def test_truth_value_of_an_array_library_is_one(seen: Captured) -> None:
    """A comparison of numpy's numbers is of a class of its own, which looks like a number."""

    class bool_:  # noqa: N801 - numpy's name
        def __bool__(self) -> bool:
            return True

        def __index__(self) -> int:
            raise TypeError("not a number")

    values: Any = {"quality_gate_failed": bool_(), "cold_start": bool_()}
    with modeltally.pattern_run("p") as operation:
        operation.set(**values)
    attributes = seen.one()
    assert attributes["modeltally.quality_gate.failed"] is True
    assert attributes["modeltally.outcome"] == "failure"


@pytest.mark.parametrize("name", ["modeltally.unfinished", "error.type", "user.hash", "gen_ai.usage.input_tokens"])
def test_custom_attribute_is_refused_under_a_name_of_ours(seen: Captured, name: str) -> None:
    """Nobody makes an operation look unfinished, or tokens look like text."""
    with modeltally.model_request("m") as operation:
        operation.set_attribute(name, "x")
    assert name not in seen.one()
    assert modeltally.counters().problems["reserved_name"] == 1


def test_custom_attribute_may_change_as_often_as_it_likes(seen: Captured) -> None:
    """Only what is really there counts against the bound."""
    with modeltally.model_request("m") as operation:
        for index in range(10_000):
            operation.set_attribute("acme.step", index)
        operation.set(task="t")
    attributes = seen.one()
    assert attributes["acme.step"] == 9_999
    assert attributes["modeltally.task"] == "t"
