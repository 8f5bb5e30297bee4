"""What a host's developers say of their operations passes the filter on spans of ours, and on no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from modeltally.instrument import _names as names
from modeltally.instrument._privacy import Hasher
from modeltally.receiver.allow import is_own_name
from receiver.bodies import ATTRIBUTES, post, request
from receiver.test_filter import KEY, attributes, filtered
from support.stores import stored

if TYPE_CHECKING:
    from modeltally.server import LocalServer

OWN: dict[str, object] = {"acme.tier": "gold", "acme.shots.taken": 3, "acme.is_vip": True, "acme.share": 0.5}


def kept(given: dict[str, object], *, scope: str = "modeltally") -> dict[str, Any]:
    """Give what is left of the attributes of a span."""
    return attributes(filtered(request(attributes=given, scope=scope))[1])


@pytest.mark.parametrize("scope", ["modeltally", "modeltally.diffusers"])
def test_attributes_of_the_host_pass_on_spans_of_ours(scope: str) -> None:
    """Names with a prefix of their own are kept with their values, beside ours."""
    assert kept({**ATTRIBUTES, **OWN}, scope=scope) == {**ATTRIBUTES, **OWN}


def test_attributes_of_the_host_go_on_other_spans() -> None:
    """Another library's span keeps what is on the allow-list alone."""
    assert kept({"gen_ai.operation.name": "chat", **OWN}, scope="acme.client") == {"gen_ai.operation.name": "chat"}


@pytest.mark.parametrize(
    "prefix",
    [
        *("modeltally", "gen_ai", "user", "enduser", "llm", "traceloop", "openinference", "input", "output"),
        *("http", "url", "db", "process", "exception", "client", "net", "User"),
        *("message", "messages", "email", "prompt", "completion", "content", "ai", "langfuse", "body", "Request"),
    ],
)
def test_prefixes_of_others_are_not_the_hosts(prefix: str) -> None:
    """Under these prefixes libraries write prompts, people, addresses and command lines."""
    assert kept({f"{prefix}.secret": "x", "acme.tier": "gold"}) == {"acme.tier": "gold"}


@pytest.mark.parametrize("name", ["tier", ".tier", "acme.", "", "acme..tier", "acme." + "x" * 252])
def test_a_name_needs_a_prefix_and_a_rest(name: str) -> None:
    """A name without a dot, without a part on either side of it, or longer than 256 characters is not kept."""
    assert not is_own_name(name)
    assert kept({name: "x", "acme." + "x" * 251: 1}) == {"acme." + "x" * 251: 1}


@pytest.mark.parametrize(
    "name",
    [
        *("acme.said hello", "a cat on a mat.x", "acme.tier\n", "acme.ada@example.org", "acme.f\u00fcr", "acme.a/b"),
        *("1acme.tier", "acme.a:b", "acme.<b>"),
    ],
)
def test_a_name_is_words_as_they_stand_in_code(name: str) -> None:
    """What could be a text, an address or a path is no name."""
    assert not is_own_name(name)
    assert kept({name: "x", "Acme-Shop.tier_2.n": 1}) == {"Acme-Shop.tier_2.n": 1}


def test_so_many_are_kept_and_no_more() -> None:
    """Of three hundred attributes of the host 256 are kept, the same each time; the rest are counted."""
    given: dict[str, object] = {f"acme.n{number:03}": number for number in range(300)}
    result, span = filtered(request(attributes=given))
    assert sorted(attributes(span)) == [f"acme.n{number:03}" for number in range(256)]
    assert result.dropped_attributes == 44


def test_values_of_the_host_are_bounded_scalars() -> None:
    """Lists are joined, long texts cut, bytes and maps go, as for attributes of ours."""
    given: dict[str, object] = {
        "acme.list": ["a", 1, True],
        "acme.text": "t" * 10_000,
        "acme.map": {"a": 1},
        "acme.bytes": b"\x00",
        "gen_ai.prompt": ["secret"],
    }
    assert kept(given) == {"acme.list": "a,1,true", "acme.text": "t" * 4096}


def test_the_user_still_becomes_the_hash() -> None:
    """``user.id`` beside attributes of the host is replaced by the keyed hash."""
    found = kept({"user.id": "ada@example.org", **OWN})
    assert found == {
        **OWN,
        "user.hash": Hasher(KEY).user("ada@example.org"),
        "modeltally.user.key_id": Hasher(KEY).key_id,
    }


def test_what_the_instrumentation_names_passes() -> None:
    """Marks, problems of a heartbeat and every name of ours pass; what is made up under our prefix does not."""
    given: dict[str, object] = {
        names.ERROR_MESSAGE: "out of memory",
        names.ATTRIBUTES["progress"].name: 0.5,
        names.ATTRIBUTES["redelivered"].name: True,
        names.ATTRIBUTES["clock_skew"].name: True,
        f"{names.MARK}.first_preview": 1.5,
        f"{names.HEARTBEAT_PROBLEMS}.bad_value": 2,
        f"{names.HEARTBEAT_DROPPED}.queue_full": 1,
    }
    made_up: dict[str, object] = {
        f"{names.MARK}.Who said this": 1,
        f"{names.HEARTBEAT_PROBLEMS}.Bad": 1,
        f"{names.MARK}.a.b": 1,
        "modeltally.made_up": 1,
    }
    assert kept({**given, **made_up}) == given
    assert {attribute.name for attribute in names.ATTRIBUTES.values()} <= set(
        kept({attribute.name: "x" for attribute in names.ATTRIBUTES.values()})
    )


def test_they_are_in_the_landing_table(server: LocalServer) -> None:
    """What passes the filter can be asked for."""
    assert post(server.address, request(attributes={**ATTRIBUTES, **OWN}).SerializeToString()).status == 200
    assert server.wait_until_stored()
    server.stop()
    (row,) = stored(server.directory, "SELECT SpanAttributes FROM otel_traces")
    found = {name: value for name, value in row["SpanAttributes"].items() if name.startswith("acme.")}
    assert found == {"acme.tier": "gold", "acme.shots.taken": "3", "acme.is_vip": "true", "acme.share": "0.5"}
