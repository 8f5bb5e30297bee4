"""Every set-up of a host: is each operation recorded, and is the host as it is without us?

``make test-hosts``; the environments of the vendors' set-ups are made on the first run. Exits with 1 on any difference.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from hosts import keywords
from hosts.runs import CONTROLS, MATRIX, check, check_control

if TYPE_CHECKING:
    from hosts.runs import Row

COLUMNS = (
    "set-up",
    "sent",
    "stored",
    "distinct",
    "attributes complete",
    "in place",
    "host output identical",
    "random unchanged",
    "threads",
)


def _cells(row: Row, *, is_control: bool = False) -> list[str]:
    # a control is compared by number and by the host's output alone
    of_records = ("-", "-") if is_control else (str(row.complete), str(row.in_place))
    return [
        row.name,
        str(row.sent),
        str(row.stored),
        str(row.distinct),
        *of_records,
        "yes" if row.is_output_identical else "NO",
        "yes" if row.is_random_unchanged else "NO",
        f"+{row.threads_added}",
    ]


def main() -> int:
    """Run the matrix and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--operations", type=int, default=10_000, help="in each set-up; a multiple of 100")
    parser.add_argument("--only", action="append", help="name of a set-up; may be given several times")
    arguments = parser.parse_args()
    operations = arguments.operations
    if operations < 1 or operations % (5 * keywords.BLOCK):
        parser.error(f"--operations is {operations}; give a multiple of {5 * keywords.BLOCK}")
    cases = [case for case in MATRIX if not arguments.only or case.name in arguments.only]
    if not cases:
        parser.error(f"--only is {arguments.only}; there are {', '.join(case.name for case in MATRIX)}")

    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table(*COLUMNS)
    faults: list[str] = []
    for case in cases:
        began = time.monotonic()
        row = check(case, operations=operations)
        console.print(f"{row.name}: {time.monotonic() - began:.0f} s", style="dim")
        table.add_row(*_cells(row))
        faults += [f"{row.name}: {difference}" for difference in row.differences]
        if not row.is_complete:
            faults.append(f"{row.name}: not every operation arrived once, with everything, in its place")
    if not arguments.only:
        faults += _controls(table, operations)
    console.print(table)
    for fault in faults:
        print(fault, file=sys.stderr)  # noqa: T201 - what this program is for
    return 1 if faults else 0


def _controls(table: Table, operations: int) -> list[str]:
    """Add the controls; return what is wrong with them."""
    sampled, unsampled = (check_control(case, operations=operations) for case in CONTROLS)
    for row in (sampled, unsampled):
        table.add_row(*_cells(row, is_control=True), style="dim")
    faults = []
    if not 0 < sampled.distinct < operations:
        faults.append(f"the control lost nothing under a sampler: {sampled.distinct} of {operations}")
    if unsampled.distinct != operations:
        faults.append(f"the control lost operations without a sampler: {unsampled.distinct} of {operations}")
    if sampled.is_output_identical or unsampled.is_output_identical:
        faults.append("the control changed the host's traces, and the comparison did not see it")
    return faults


if __name__ == "__main__":
    raise SystemExit(main())
