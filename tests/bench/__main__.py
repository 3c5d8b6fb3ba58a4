"""`python -m tests.bench`: measure a steady pass against its budgets. Figures, not tests.

Times depend on the machine and on what else it does; ratios are of runs side by side.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

from tests.bench.own_time import limits, own_time
from tests.bench.reads import with_table
from tests.bench.rows import table

PAGE = Path("docs/reference/speed.md")


def main() -> int:
    """Print the table. Exit 0 whatever it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="runs of each process (median)")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--write-reads", action="store_true", help=f"renew the table in {PAGE}")
    parser.add_argument("--shared", action="store_true", help="only calls shared by environments")
    parser.add_argument("--simulate", action="store_true", help="print what 10,000 come to")
    parser.add_argument("--cost", action="store_true", help="print the monthly cost")
    parser.add_argument("--measure", action="store_true", help="renew what both reckon from")
    parser.add_argument("--write-cost", action="store_true", help="renew the tables in its page")
    options = parser.parse_args()
    if options.write_reads:
        PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    if options.measure or options.simulate or options.cost or options.write_cost:
        return reckon(options)
    if options.shared:
        from tests.bench.fleet import shared

        print(table(shared(20 if options.quick else 100)))
        return 0
    rounds = 2 if options.quick else options.rounds
    sizes = (10, 100) if options.quick else (10, 100, 1000)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, medians of {rounds}\n")
    rows = list(own_time(sizes))
    rows += limits(sizes[-1])
    # Imported now, for the sandbox's many objects would burden the garbage collector until here.
    from tests.bench.cold_start import cold_start
    from tests.bench.served import served
    from tests.bench.speed import calls, measured

    rows += cold_start(rounds)
    with served() as world:
        rows += calls(world)
        rows += measured(world, rounds)
    from tests.bench.fleet import shared

    rows += shared(20 if options.quick else 100)
    print(table(rows))
    return 0


def reckon(options: argparse.Namespace) -> int:
    """What does not depend on the machine: what is counted once, and what follows from it."""
    from tests.bench import cost, simulation
    from tests.bench.profile import Profile

    if options.measure:
        from tests.bench.measure import measure

        measure().save()
    profile = Profile.load()
    if options.simulate:
        print(simulation.table(profile))
    if options.cost:
        print(f"{cost.table(profile)}\n\n{cost.prices()}")
    if options.write_cost:
        page = cost.PAGE.read_text(encoding="utf-8")
        cost.PAGE.write_text(cost.with_tables(page, cost.tables(profile)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
