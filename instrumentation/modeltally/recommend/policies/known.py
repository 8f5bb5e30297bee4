"""Every policy there is: those that come with modeltally, and plugins, found by their entry points."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Final

from modeltally.recommend.policies.chance import CHANCE
from modeltally.recommend.policies.cleanup import CLEANUP
from modeltally.recommend.policies.contract import ENTRY_POINTS, KINDS, Policy
from modeltally.recommend.policies.eviction import KEEP
from modeltally.recommend.policies.keep_alive import KEEP_ALIVE

__all__ = ["ALL", "BUILT_IN", "Found", "find"]

ALL: Final = "all"  # stands for every policy where one is asked for

BUILT_IN: Final = (*KEEP, *KEEP_ALIVE, *CHANCE, *CLEANUP)


@dataclass(frozen=True, slots=True)
class Found:
    """The policies of a kind.

    Attributes:
        policies: Each by its name: those that come with modeltally first, then plugins in the order of their names.
        problems: What is wrong with plugins that could not be taken, a sentence each.
    """

    policies: dict[str, Policy] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def find(kind: str) -> Found:
    """Find the policies of a kind.

    Args:
        kind: One of ``KINDS``.

    Returns:
        The policies, and why a plugin is left out.
    """
    found = Found({policy.name: policy for policy in BUILT_IN if policy.kind == kind})
    for entry_point in sorted(entry_points(group=ENTRY_POINTS), key=lambda one: one.name):
        where = f"the policy plugin {entry_point.name!r} ({entry_point.value})"
        try:
            policy = entry_point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may do anything; the others go on
            found.problems.append(f"{where} is left out: importing it raised {type(error).__name__}: {error}")
            continue
        if not isinstance(policy, Policy) or policy.kind not in KINDS:
            said = f"a Policy of kind {policy.kind!r}" if isinstance(policy, Policy) else type(policy).__name__
            allowed = f"allowed: a Policy of kind {', '.join(KINDS)}"
            found.problems.append(f"{where} is left out: it is {said}; {allowed}")
        elif policy.kind == kind:
            if not isinstance(policy.name, str) or not policy.name or policy.name == ALL or "," in policy.name:
                allowed = f"allowed: a text that is not {ALL!r} and has no comma"
                found.problems.append(f"{where} is left out: its name is {policy.name!r}; {allowed}")
            elif policy.name in found.policies:
                found.problems.append(f"{where} is left out: there is another policy named {policy.name!r}")
            else:
                found.policies[policy.name] = policy
    return found
