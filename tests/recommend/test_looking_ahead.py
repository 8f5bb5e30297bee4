"""No policy looks ahead: the same past with another future leads to the same decisions; one that peeks is found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from modeltally.recommend.backtest.poison import looks_ahead
from modeltally.recommend.backtest.run import choose
from modeltally.recommend.policies.contract import KINDS, DayOfFleet, Policy, Setting
from modeltally.recommend.policies.known import BUILT_IN, find
from recommend.plugins import installed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

PLUGIN = """
from collections import Counter
from modeltally.recommend.policies.contract import Policy

class Mru:
    def __init__(self, setting):
        self.last = {}
    def victim(self, loaded, at):
        return max(loaded, key=lambda model: (self.last.get(model, 0), model))
    def used(self, request):
        self.last[request.model] = request.at

class Peeks:
    def __init__(self, setting):
        self.uses = Counter(request.model for request in setting.future)
    def victim(self, loaded, at):
        return min(loaded, key=lambda model: (self.uses[model], model))
    def used(self, request):
        pass

MRU = Policy("keep", "mru", "The model that was used last goes.", Mru)
PEEKS = Policy("keep", "peeks", "The model that will be used least goes.", Peeks, is_oracle=True)
"""


def test_no_policy_looks_ahead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every policy of `--policy all` that does not say so itself, plugins too, decides by the past alone."""
    installed(tmp_path, monkeypatch, PLUGIN, {"mru": "MRU"})
    every = [policy for kind in KINDS for policy in choose(find(kind).policies, "all", has_users=True)]
    assert {policy.name for policy in every} == {policy.name for policy in BUILT_IN} | {"mru"}
    told = {policy.name: looks_ahead(policy) for policy in every if not policy.is_oracle}
    assert len(told) > 20
    assert not {name: found for name, found in told.items() if found is not None}


def test_policy_that_peeks_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: oracles, ours and a plugin, are told apart."""
    installed(tmp_path, monkeypatch, PLUGIN, {"peeks": "PEEKS"})
    oracles = [policy for kind in KINDS for policy in find(kind).policies.values() if policy.is_oracle]
    assert {policy.name for policy in oracles} == {"belady", "oracle_12", "oracle_30", "peeks"}
    for policy in oracles:
        assert f"policy {policy.name!r} looks ahead" in str(looks_ahead(policy))


class _ByTheLastDay:
    """A rule that was told what happens: it names models by how long a list is that grows with the future."""

    days: int = 0

    def passed(self, day: DayOfFleet) -> None:
        type(self).days += len(day.uses)

    def named(self) -> list[str]:
        return []

    def chances(self, days: int) -> Mapping[str, float]:
        del days
        return {"m00": 1 / (1 + self.days)}


def test_rule_that_remembers_another_replay_is_found() -> None:
    """What a rule keeps from one replay to the next is a way to peek, and is found."""
    assert looks_ahead(Policy("cleanup", "remembers", "", lambda _: _ByTheLastDay())) is not None


def test_future_is_given_to_oracles_alone() -> None:
    """A policy that is no oracle is made without any request that comes later."""
    seen: list[Setting] = []
    lru = next(policy for policy in BUILT_IN if policy.name == "lru")

    def make(setting: Setting) -> object:
        seen.append(setting)
        return lru.make(setting)

    assert looks_ahead(replace(lru, make=make)) is None
    assert seen
    assert not any(setting.future for setting in seen)
