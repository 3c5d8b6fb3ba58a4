"""`python -m tests.fidelity.blind FILE`: judge cases that were written blind."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from tests.fidelity.blind.cases import read
from tests.fidelity.blind.judge import STEPS, Verdict, judge

SCORE = Path(__file__).with_name("score.yaml")
CASES = Path(__file__).with_name("cases.yaml")


def figures(verdicts: Sequence[Verdict]) -> dict[str, str]:
    """How many are right, step by step, of those that are cases."""
    valid = [v for v in verdicts if not v.invalid]
    found = {step: f"{sum(step not in v.wrong for v in valid)} / {len(valid)}" for step in STEPS}
    found["all three"] = f"{sum(v.right for v in valid)} / {len(valid)}"
    found["contradict botocore's model"] = str(len(verdicts) - len(valid))
    return found


def kept(run: str, verdicts: Sequence[Verdict]) -> None:
    """Put a run's figures beside the earlier ones."""
    held = yaml.safe_load(SCORE.read_text(encoding="utf-8")) if SCORE.exists() else {}
    if run in held:
        raise SystemExit(f"{SCORE} has the {run} already")
    held[run] = datetime.now(UTC).date().isoformat()
    held |= {f"{run}, {what}": figure for what, figure in figures(verdicts).items()}
    SCORE.write_text(yaml.safe_dump(held, sort_keys=False, width=100), encoding="utf-8")


def show(verdicts: Sequence[Verdict], *, verbose: bool) -> None:
    """Case by case."""
    for verdict in verdicts:
        case = verdict.case
        if verdict.invalid:
            continue
        print(f"{'ok  ' if verdict.right else 'FAIL'} {case.id} ({case.kind})")
        for step, why in verdict.wrong.items():
            print(f"       {step}: {why}")
        if verbose or verdict.wrong:
            for edit in case.echo:
                print(f"       ~ {edit}")
            for edit in case.change:
                print(f"       ! {edit}")
        if verbose:
            print(f"       {case.says}\n       {case.source}")
        if verdict.unserved:
            print(f"       not read: {', '.join(verdict.unserved)}")
    invalid = [v for v in verdicts if v.invalid]
    if invalid:
        print("\nNo cases: they contradict botocore's model, or change nothing")
    for verdict in invalid:
        print(f"     {verdict.case.id} ({verdict.case.kind}): {verdict.invalid}")
    print()
    for what, figure in figures(verdicts).items():
        print(f"{what}: {figure}")


def main() -> int:
    """Judge a file."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity.blind", description=__doc__)
    parser.add_argument("file", type=Path, nargs="?", default=CASES, metavar="FILE")
    parser.add_argument("--only", action="append", metavar="ID", help="this case; may be repeated")
    parser.add_argument("--keep", metavar="RUN", help=f"write the figures to {SCORE.name} as RUN")
    parser.add_argument("-v", "--verbose", action="store_true", help="what each case says")
    options = parser.parse_args()
    cases = [c for c in read(options.file) if not options.only or c.id in options.only]
    verdicts = [judge(case) for case in cases]
    show(verdicts, verbose=options.verbose)
    if options.keep:
        kept(options.keep, verdicts)
    return 0 if all(v.right or v.invalid for v in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
