"""Put small faults into the files that decide, one at a time, and see that a test notices.

    .venv/bin/python -m tests.mutation [--sample N [--seed S]] [--verbose] [word …]

Words choose files that contain one. It prints the survivors that `survivors.md` does not explain,
what stands there and survives no longer, and how many mutants were made, killed, left, and in what
time. Exit code 1 if a survivor is not explained, or an entry is out of date.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.mutation.mutants import Mutant, mutants
from tests.mutation.running import ROOT, run
from tests.mutation.survivors import Name, listed

UNIT, BEHAVIOUR = "tests/unit/", "tests/behaviour/"
TESTS: dict[str, tuple[str, ...]] = {
    "controller/diff.py": (
        UNIT + "test_diff_alone.py",
        UNIT + "test_diff_inside_alone.py",
        UNIT + "test_classification.py",
    ),
    "controller/inventory.py": (UNIT + "test_inventory_alone.py",),
    "controller/plan.py": (UNIT + "test_plan_alone.py", UNIT + "test_fingerprint.py"),
    "controller/guards.py": (
        UNIT + "test_guards_alone.py",
        UNIT + "test_guards_each_alone.py",
        UNIT + "test_guards_judge_alone.py",
    ),
    "controller/lease.py": (UNIT + "test_lease_alone.py", BEHAVIOUR + "test_lease.py"),
}
"""The files, and the tests that ought to hold each."""


def judged(
    file: str, chosen: Sequence[Mutant], tree: ast.Module, verbose: bool
) -> tuple[list[Mutant], int]:
    """The survivors of a file, and how many hung or died."""
    with os.fdopen(os.dup(2), "w") as out:

        def report(at: int, killer: str | None) -> None:
            if verbose:
                mutant = chosen[at]
                said = {"": "SURVIVED", None: "hung or died"}.get(killer, killer)
                told = f"{mutant.where}: {mutant.line}  [{mutant.change}]: {said}"
                print(f"  {at + 1}/{len(chosen)} {told}", file=out, flush=True)

        killers = run(file, TESTS[file], tree, chosen, report)
    survivors = [m for at, m in enumerate(chosen) if killers[at] == ""]
    return survivors, sum(killer is None for killer in killers.values())


def compared(
    survivors: set[Name], tried: set[Name], there: set[Name], said: dict[Name, str]
) -> tuple[list[Name], list[Name], list[Name]]:
    """Survivors that are not explained; explained ones that were killed; ones that are no more."""
    killed = [name for name in said if name in tried and name not in survivors]
    gone = [name for name in said if name[0] in TESTS and name not in there]
    return sorted(survivors - said.keys()), sorted(killed), sorted(gone)


def main(argv: Sequence[str]) -> int:
    """Print a line for each file and for what is wrong; 0 if all is as the list says."""
    parser = argparse.ArgumentParser(prog="tests.mutation")
    parser.add_argument("words", nargs="*")
    parser.add_argument("--sample", type=int, help="only so many mutants of each file")
    parser.add_argument("--seed", type=int, default=0, help="which ones (default: 0)")
    parser.add_argument("--verbose", action="store_true", help="tell of each mutant")
    given = parser.parse_args(argv)
    begun = time.monotonic()
    said = listed()
    survivors: set[Name] = set()
    tried: set[Name] = set()
    there: set[Name] = set()
    for file in TESTS:
        tree, found = mutants(Path(ROOT), file)
        there |= {m.name for m in found}
        if given.words and not any(word in file for word in given.words):
            continue
        if given.sample is not None and given.sample < len(found):
            found = random.Random(given.seed).sample(found, given.sample)
        since = time.monotonic()
        left, lost = judged(file, found, tree, given.verbose)
        tried |= {m.name for m in found}
        survivors |= {m.name for m in left}
        print(
            f"{file}: {len(found)} mutants, {len(found) - len(left)} killed ({lost} hung or "
            f"died), {len(left)} survived, {time.monotonic() - since:.0f} s",
            flush=True,
        )
    unexplained, killed, gone = compared(survivors, tried, there, said)
    for wrong, names in (
        ("survived, and survivors.md does not say why", unexplained),
        ("is in survivors.md, but was killed: take it out", killed),
        ("is in survivors.md, but there is no such mutant any more: take it out", gone),
    ):
        for file, where, line, change in names:
            print(f"✗ {file} {where}: {line}\n    `{change}` {wrong}")
    print(
        f"{len(tried)} mutants, {len(tried) - len(survivors)} killed, {len(survivors)} survived "
        f"({len(survivors) - len(unexplained)} explained), {time.monotonic() - begun:.0f} s"
    )
    return 1 if unexplained or killed or gone or not tried else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
