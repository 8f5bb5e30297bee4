"""The keeper in a service: who goes, when nobody can go, what bad input does, and what it imports."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from modeltally.recommend.keep import Decision, Keeper
from modeltally.recommend.policies.contract import Request
from recommend.naive_keep import two_half_lives

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = 1_800_000_000.0
GIB = 2**30


def requests(count: int, *, models: int = 9, seed: int = 3) -> Iterator[Request]:
    """Draw requests of a few models, some often, with ties and pauses."""
    drawn = random.Random(seed)
    at = NOW
    for _ in range(count):
        at += drawn.choice((0, 0, 1, 20, 200, 4_000))
        yield Request(at, f"m{min(int(drawn.expovariate(0.4)), models - 1)}", f"u{drawn.randrange(5)}")


def test_who_goes_has_the_least_score() -> None:
    """Each decision is the one that the formula, computed from every use, leads to."""
    keeper = Keeper(slots=3)
    loaded: set[str] = set()
    uses: list[Request] = []
    cold = 0
    for request in requests(400):
        expected: tuple[str, ...] = ()
        if request.model not in loaded and len(loaded) == 3:
            expected = (min(loaded, key=lambda model: (two_half_lives(uses, model, request.at), model)),)
        decision = keeper.request(request.model, at=request.at)
        assert decision == Decision(request.model, request.model in loaded, expected, fits=True)
        cold += not decision.was_loaded
        loaded = (loaded - set(decision.unload)) | {request.model}
        uses.append(request)
        assert keeper.explain(request.model)["score"] == pytest.approx(two_half_lives(uses, request.model, request.at))
    assert cold > 50
    assert set(keeper.loaded()) == loaded


@pytest.mark.parametrize("by_users", [False, True])
def test_same_requests_lead_to_the_same_decisions(*, by_users: bool) -> None:
    """A replay of the requests gives every decision again, also one that went on from a state in between."""
    told = list(requests(300))
    first, again = Keeper(slots=3, by_users=by_users), Keeper(slots=3, by_users=by_users)
    decisions = [first.request(one.model, user=one.user, at=one.at) for one in told]
    for place, one in enumerate(told):
        if place == 150:
            state = json.loads(json.dumps(again.state()))
            again = Keeper(slots=3, by_users=by_users)
            again.restore(state, is_loaded=True)
        assert again.request(one.model, user=one.user, at=one.at) == decisions[place]


def test_service_that_starts_again_has_loaded_nothing() -> None:
    """What was known before is known after a start; nothing counts as loaded unless that is said."""
    before = Keeper(slots=2)
    for model in ("a", "a", "b", "a"):
        before.request(model, at=NOW)
    after = Keeper(slots=2)
    after.restore(before.state())
    assert after.loaded() == []
    after.request("b", at=NOW + 1)
    after.make_room("a", at=NOW + 1)
    assert after.goes_next(at=NOW + 1) == "b"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 0}, "version = 0"),
        ({"score": "PairTable"}, "score = 'PairTable'"),
        ({"known": {}}, "damaged"),
        ({"known": {"short": {"a": 1}, "long": {}}}, "damaged"),
        ({"sizes": None}, "damaged"),
    ],
)
def test_state_that_is_none_is_refused_whole(change: dict[str, object], message: str) -> None:
    """A state of another score, of another version or a damaged one is refused, and the keeper is as it was."""
    keeper = Keeper(slots=2)
    keeper.request("a", at=NOW)
    state = keeper.state()
    with pytest.raises(ValueError, match=message):
        keeper.restore(state | change)
    assert keeper.state() == state


def test_clock_that_is_set_back_changes_no_order() -> None:
    """After a clock was set back a day, time goes on from there: who was used last still goes last."""
    keeper = Keeper(slots=2)
    keeper.request("old", at=NOW)
    keeper.request("new", at=NOW + 600)
    day_before = NOW - 86_400
    assert keeper.request("new", at=day_before).was_loaded
    assert keeper.request("other", at=day_before + 60).unload == ("old",)
    assert keeper.request("old", at=day_before + 600).unload == ("other",)


def test_clock_that_jumps_ahead_does_not_stop_time() -> None:
    """After a jump of centuries and back, models are still told apart by when they were used."""
    keeper = Keeper(slots=2)
    for at in (NOW, 1e300, NOW + 1):
        keeper.request("old", at=at)
    keeper.request("new", at=NOW + 100)
    keeper.request("old", at=NOW + 101)
    keeper.request("old", at=NOW + 1_001)
    assert keeper.request("other", at=NOW + 1_002).unload == ("new",)


@pytest.mark.parametrize("size", [math.nan, math.inf, -5, 0])
def test_size_that_is_none_is_not_known(size: Any) -> None:
    """A size that is no number of bytes is not taken up, and does no harm to others."""
    keeper = Keeper(room_bytes=10)
    keeper.request("a", at=NOW, size_bytes=4)
    assert keeper.request("b", at=NOW, size_bytes=size).fits
    assert keeper.state()["sizes"] == {"a": 4}


def test_late_message_is_taken_for_now() -> None:
    """Times of workers whose clocks differ by seconds do not let time pass twice."""
    late, right = Keeper(slots=2), Keeper(slots=2)
    for place in range(100):
        late.request("a", at=NOW + place * 10)
        late.request("b", at=NOW + place * 10 - 8)
        right.request("a", at=NOW + place * 10)
        right.request("b", at=NOW + place * 10)
    assert late.explain("a") == right.explain("a")


@pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf])
def test_time_that_is_none_is_the_last_one(at: float) -> None:
    """A time that is no number is taken for the last one, whether there was one or not."""
    keeper = Keeper(slots=1)
    assert keeper.request("a", at=at).fits
    keeper.request("b", at=NOW)
    assert keeper.request("c", at=at).unload == ("b",)
    assert keeper.explain("c")["score"] == pytest.approx(1.003)


def test_requests_of_one_moment_are_told_apart_by_name() -> None:
    """Of models with the same uses at the same time the first by name goes, in whatever order they came."""
    for order in (("a", "b", "c"), ("c", "b", "a"), ("b", "a", "c")):
        keeper = Keeper(slots=3)
        for model in order:
            keeper.request(model, at=NOW)
        assert keeper.loaded() == ["a", "b", "c"]
        assert keeper.request("d", at=NOW).unload == ("a",)


def test_busy_models_stay() -> None:
    """What is busy is passed over; where all are, nothing goes, and the model counts as not loaded."""
    keeper = Keeper(slots=2)
    keeper.request("a", at=NOW)
    keeper.request("b", at=NOW + 60)
    assert keeper.request("c", at=NOW + 61, busy={"a", "b"}) == Decision("c", was_loaded=False, unload=(), fits=False)
    assert sorted(keeper.loaded()) == ["a", "b"]
    assert keeper.goes_next(busy={"a", "b"}) is None
    assert keeper.make_room("c", at=NOW + 62, busy={"a"}).unload == ("b",)
    assert keeper.request("c", at=NOW + 63).was_loaded


def test_load_that_failed_takes_no_room() -> None:
    """After a load failed its model is cold again, and its slot is free."""
    keeper = Keeper(slots=1)
    keeper.request("a", at=NOW)
    keeper.unloaded("a")
    keeper.unloaded("never heard of")
    assert keeper.request("b", at=NOW).unload == ()


def test_room_is_made_in_bytes() -> None:
    """As many go as it takes, large ones sooner than small ones of the same use, and never more than there is."""
    keeper = Keeper(room_bytes=10 * GIB)
    keeper.request("large", at=NOW, size_bytes=6 * GIB)
    keeper.request("small", at=NOW, size_bytes=1 * GIB)
    keeper.request("middle", at=NOW, size_bytes=3 * GIB)
    assert keeper.loaded() == ["large", "middle", "small"]
    assert keeper.request("other", at=NOW + 1, size_bytes=8 * GIB).unload == ("large", "middle")
    too_large = keeper.request("giant", at=NOW + 2, size_bytes=11 * GIB)
    assert (too_large.unload, too_large.fits) == ((), False)
    assert sorted(keeper.loaded()) == ["other", "small"]


def test_bytes_never_exceed_the_room() -> None:
    """Whatever sizes are told, and told otherwise later, what is loaded and has a size fits."""
    drawn = random.Random(5)
    keeper = Keeper(room_bytes=20)
    sizes: dict[str, int] = {}
    for request in requests(600):
        size = drawn.choice((None, None, 1, 4, 7, 12))
        sizes |= {request.model: size} if size and request.model not in sizes else {}
        keeper.request(request.model, at=request.at, size_bytes=sizes.get(request.model))
        assert sum(sizes.get(model, 0) for model in keeper.loaded()) <= 20


def test_unknown_size_counts_as_the_largest_known() -> None:
    """A model of unknown size is taken for the largest, and for all the room where no size is known: memory lasts."""
    keeper = Keeper(room_bytes=10)
    keeper.request("a", at=NOW)
    assert keeper.request("b", at=NOW + 1).unload == ("a",)
    assert keeper.request("c", at=NOW + 2, size_bytes=4).unload == ()
    assert keeper.request("d", at=NOW + 3).unload == ("b",)
    assert sorted(keeper.loaded()) == ["c", "d"]
    keeper.request("d", at=NOW + 4, size_bytes=0)
    assert keeper.request("e", at=NOW + 5, size_bytes=2).unload == ()


@pytest.mark.parametrize(
    "wrong", [{}, {"slots": 2, "room_bytes": 5}, {"slots": 0}, {"room_bytes": -1}, {"slots": math.nan}]
)
def test_room_for_nothing_is_refused(wrong: dict[str, Any]) -> None:
    """Neither, both, or no room at all is a mistake of who configures it: it is told at once."""
    with pytest.raises(ValueError, match=r"give slots or room_bytes|is less than 1"):
        Keeper(**wrong)


def test_threads_share_a_keeper() -> None:
    """Requests of many threads leave no more loaded than fit, and none is lost."""
    keeper = Keeper(slots=3, by_users=True)

    def serve(number: int) -> None:
        for place in range(300):
            keeper.request(f"m{(number * 7 + place) % 9}", user=f"u{number}")

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keeper.loaded()) == 3


def test_memory_does_not_grow_with_requests() -> None:
    """Users are forgotten after a day, models after months without use, and no list grows with each use."""
    keeper = Keeper(slots=4, by_users=True)
    for place in range(6_000):
        keeper.request("only", user=f"u{place % 3}", at=NOW + place)
    known = keeper.state()["known"]
    assert len(known["pairs"]) == 3
    table: Any = keeper._score
    assert sum(map(len, table._queues)) < 1_100
    keeper.request("other", user="new", at=NOW + 90 * 86_400)
    keeper.goes_next(at=NOW + 90 * 86_400)
    known = keeper.state()["known"]
    assert [pair[:2] for pair in known["pairs"]] == [["other", "new"]]
    plain = Keeper(slots=1)
    for place in range(50):
        plain.request(f"m{place}", at=NOW + place * 10 * 86_400)
    assert len(plain.state()["known"]["long"]) < 10


ALONE = """
import sys
before = set(sys.modules)
from modeltally.recommend.keep import Keeper
decision = Keeper(slots=1, by_users=True).request("a", user="u")
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names))
print(*sorted(name for name in sys.modules if name.startswith("modeltally.")))
"""


def test_keeper_needs_the_standard_library_alone() -> None:
    """A fresh process that decides has neither the store nor clickhouse_connect nor pydantic nor OpenTelemetry."""
    run = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    others, ours = run.stdout.splitlines()
    assert others.split() == ["modeltally"]
    assert {name.split(".")[1] for name in ours.split()} == {"recommend"}


def test_first_name_of_the_package_brings_all() -> None:
    """No call of a service is the first to import something: who has configured has everything."""
    code = "import modeltally as m; m.configure; assert set(m.__all__) <= vars(m).keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
