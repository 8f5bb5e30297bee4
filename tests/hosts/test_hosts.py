"""In every set-up of a host each operation is recorded once, and the host is as it is without us.

The set-ups that need packages of their own, and ten times the operations, are in ``make test-hosts``.
"""

from __future__ import annotations

import pytest

from hosts.runs import CONTROLS, QUICK, Case, check, check_control

OPERATIONS = 1_000

pytestmark = pytest.mark.slow(seconds=60, why="hosts with the tracing of others")


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.name)
def test_every_operation_is_recorded_and_the_host_unchanged(case: Case) -> None:
    """All records arrive whole and in place; traces, results, random state and process are those without us."""
    row = check(case, operations=OPERATIONS)
    assert row.differences == []
    assert (row.stored, row.distinct, row.complete, row.in_place) == (OPERATIONS,) * 4
    assert row.is_output_identical
    assert row.is_random_unchanged


def test_control_loses_operations_and_changes_the_hosts_traces() -> None:
    """Plain spans through the host's provider are what the comparison must find fault with."""
    sampled, unsampled = (check_control(case, operations=OPERATIONS) for case in CONTROLS)
    assert 0 < sampled.distinct < OPERATIONS / 2
    assert unsampled.distinct == OPERATIONS
    assert not sampled.is_output_identical
    assert not unsampled.is_output_identical
    assert any("context changed" in difference for difference in unsampled.differences)
