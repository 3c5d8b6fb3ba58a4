"""`python -m tests.fidelity`: how true to AWS it is, in figures (`make fidelity`).

Exit code 1 if one of the goals is missed: 100 % of cases, recordings and mutations, no operation
without a refusal, no write and no drift after what AWS does by itself.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml

from controller import aws
from sandbox.registry import behaviours
from tests.fidelity import covered, drift
from tests.fidelity.corpus.figures import Trial, Verdict, different, judge, survey, trials
from tests.fidelity.corpus.judge import STEPS
from tests.fidelity.corpus.recordings import RECORDED

SCORE = Path(__file__).parent / "blind" / "score.yaml"
SHARES = 4
"""Parts that the recordings, and the perturbations of an environment, are worked off in."""
SHOWN = 12
"""Failures listed of a section without -v."""


class Page:
    """What is printed, and whether every goal is met."""

    def __init__(self, *, every: bool) -> None:
        self.met = True
        self._every = every

    def head(self, title: str) -> None:
        """A section begins."""
        print(f"\n{title}")

    def rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """Aligned columns: the first to the left, the others to the right."""
        lines = [[str(cell) for cell in row] for row in rows]
        if not lines:
            return
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        for line in lines:
            first, *rest = (
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            )
            print("  " + "  ".join([first, *rest]).rstrip())

    def goal(self, what: str, some: int, all_of_it: int) -> None:
        """A part of a whole, which should be all of it."""
        share = f"{1000 * some // all_of_it / 10} %" if all_of_it else "none"
        self.verdict(f"{what}: {some} / {all_of_it}, {share}", 0 < some == all_of_it)

    def verdict(self, text: str, met: bool) -> None:
        """One line, and whether it is as it should be."""
        self.met = self.met and met
        print(f"  {text}{'' if met else '   MISSED'}")

    def failures(self, lines: Sequence[str]) -> None:
        """What went wrong, one by one."""
        shown = lines if self._every else lines[:SHOWN]
        for line in shown:
            print("    " + line.replace("\n", "\n      "))
        if len(shown) < len(lines):
            print(f"    … and {len(lines) - len(shown)} more (-v)")


def cases(page: Page, work: Work) -> None:
    page.head("Cases of the case book, tested both ways (docs/case_book.yaml)")
    every, missing = covered.applicable(), covered.uncovered()
    page.goal("covered / applicable", len(every) - len(missing), len(every))
    page.failures([f"case {number}: {field}" for number, field in missing.items()])


def refusals(page: Page, work: Work) -> None:
    page.head("Refusals: what AWS rejects of each operation that a plan may hold")
    rows, every = covered.refusals(), covered.operations()
    have = [call for call in every if rows[call]]
    page.goal("operations with a refusal / all", len(have), len(every))
    services = Counter(call.partition(":")[0] for call in every)
    page.rows(
        [("service", "operations", "rows")]
        + [
            (s, n, sum(c for call, c in rows.items() if call.startswith(f"{s}:")))
            for s, n in sorted(services.items())
        ]
    )
    page.failures([f"{call}: none" for call in every if not rows[call]])


def recordings(page: Page, work: Work) -> None:
    found, judged = survey(work.folder), work.judged()
    page.head(f"Recordings of real AWS replies ({found.folder})")
    mine = [v for v in judged if not v.left_out]
    for step in STEPS:
        until = STEPS[: STEPS.index(step) + 1]
        page.goal(f"{step} / all", sum(v.failed not in until for v in mine), len(mine))
    page.rows(
        [("kind", "planned empty", "recorded")]
        + [
            (k, sum(v.kind == k and not v.failed for v in mine), sum(v.kind == k for v in mine))
            for k in sorted({v.kind for v in mine})
        ]
    )
    page.failures([f"{v.label}: {v.why}" for v in mine if v.failed])
    left = Counter(v.left_out for v in judged if v.left_out)
    others = Counter(aside.reason for _, aside in found.asides) + left
    print(f"  no resources of our kinds: {sum(others.values())}")
    page.rows([(f"  {reason}", count) for reason, count in others.most_common()])
    print(f"  files that contradict botocore's model, skipped: {len(found.skipped)}")
    page.failures([f"{name}: {why}" for name, why in found.skipped.items()])


def mutations(page: Page, work: Work) -> None:
    page.head("Single-field mutations: each leaf of each recorded resource changed alone")
    tried = work.tried()
    wrong = [t for t in tried if t.problem]
    page.goal("detected exactly / tried", len(tried) - len(wrong), len(tried))
    kinds = sorted({t.kind for t in tried})
    page.rows(
        [("kind", "exactly", "tried")]
        + [
            (k, sum(not t.problem for t in tried if t.kind == k), sum(t.kind == k for t in tried))
            for k in kinds
        ]
    )
    page.failures([f"{t.label} {t.mutation}: {t.problem}; expected {t.expected}" for t in wrong])


def blind(page: Page, work: Work) -> None:
    page.head("Blind: mutations and cases written without sight of policies or tests")
    if not SCORE.exists():
        print("  not measured yet")
        return
    score = yaml.safe_load(SCORE.read_text(encoding="utf-8"))
    page.rows([(what, figure) for what, figure in score.items()])


def false_drift(page: Page, work: Work) -> None:
    page.head("False drift: after each of 200 seeded changes that AWS and others rightly make")
    found = work.drifted()
    page.rows(
        [("environment", "perturbations", "passes", "writes", "drift")]
        + [(d.environment, d.perturbations, d.passes, d.writes, d.drift) for d in found]
    )
    page.verdict(f"writes: {sum(d.writes for d in found)}", not any(d.writes for d in found))
    page.verdict(f"drift: {sum(d.drift for d in found)}", not any(d.drift for d in found))
    wrong = [f"{d.environment}, {text}" for d in found for text in d.wrong]
    if wrong and not any(d.writes or d.drift for d in found):
        page.verdict("plans that were not empty", met=False)
    page.failures(wrong)


def evidence(page: Page, work: Work) -> None:
    page.head("Behaviours of the sandbox, and how we know them (docs/reference/sandbox.md)")
    every = list(behaviours().values())
    sorts = ("recorded", "documented", "assumed")
    services = sorted({b.service for b in every})
    page.rows(
        [("service", *sorts)]
        + [
            (s, *(sum(b.service == s and b.evidence == e for b in every) for e in sorts))
            for s in services
        ]
        + [("all", *(sum(b.evidence == e for b in every) for e in sorts))]
    )


SECTIONS: dict[str, Callable[[Page, Work], None]] = {
    "cases": cases,
    "refusals": refusals,
    "recordings": recordings,
    "mutations": mutations,
    "blind": blind,
    "drift": false_drift,
    "evidence": evidence,
}


class Work:
    """What takes long, done by all cores from the beginning on."""

    def __init__(self, folder: Path, names: Sequence[str], pool: ProcessPoolExecutor) -> None:
        self.folder = folder
        self._judged: list[Future[tuple[list[Verdict], list[Trial]]]] = []
        self._drift: list[Future[drift.Drift]] = []
        if "drift" in names:
            sequences = drift.PERTURBATIONS // drift.STEPS
            for name in drift.environments():
                for share in _shares(sequences, 2):
                    self._drift.append(pool.submit(drift.perturbed, name, share))
        if {"recordings", "mutations"} & set(names):
            change = "mutations" in names
            self._judged = [pool.submit(_worked, folder, n, change) for n in range(SHARES)]

    def judged(self) -> list[Verdict]:
        """Every recorded resource."""
        found = [j for future in self._judged for j in future.result()[0]]
        return sorted(found, key=lambda j: j.label)

    def tried(self) -> list[Trial]:
        """Every change of every leaf."""
        found = [t for future in self._judged for t in future.result()[1]]
        return sorted(found, key=lambda t: (t.kind, t.label))

    def drifted(self) -> list[drift.Drift]:
        """Every environment."""
        found: dict[str, drift.Drift] = {}
        for future in self._drift:
            part = future.result()
            held = found.get(part.environment)
            found[part.environment] = part if held is None else held + part
        return list(found.values())


def _shares(whole: int, parts: int) -> list[range]:
    edges = [whole * n // parts for n in range(parts + 1)]
    return [range(a, b) for a, b in itertools.pairwise(edges)]


def _worked(folder: Path, share: int, change: bool) -> tuple[list[Verdict], list[Trial]]:
    """A share of the recorded resources; of what is recorded twice one is changed."""
    found = survey(folder).subjects
    judged = [judge(*each) for each in found[share::SHARES]]
    verdicts = [j.verdict for j in judged]
    if not change:
        return verdicts, []
    once = {id(subject) for subject in different(subject for _, subject in found)}
    tried = [t for j in judged if id(j.subject) in once for t in trials(folder, j)]
    return verdicts, tried


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity", description=__doc__)
    parser.add_argument("--recordings", type=Path, default=RECORDED, metavar="DIR",
                        help="SERVICE/OPERATION/*.json (default: tests/recorded)")  # fmt: skip
    parser.add_argument("--only", choices=SECTIONS, action="append", metavar="NAME",
                        help=f"this section: {', '.join(SECTIONS)}; may be repeated")  # fmt: skip
    parser.add_argument("-v", "--verbose", action="store_true", help="list every failure")
    options = parser.parse_args()
    names = options.only or list(SECTIONS)
    begun = time.monotonic()
    page = Page(every=options.verbose)
    context = multiprocessing.get_context("fork")
    workers = os.cpu_count() or 2
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_quiet) as pool:
        work = Work(options.recordings.resolve(), names, pool)
        for name in names:
            SECTIONS[name](page, work)
    print(f"\n{'All goals met' if page.met else 'Goals missed'} ({time.monotonic() - begun:.0f} s)")
    return 0 if page.met else 1


def _quiet() -> None:
    """As the tests do: nobody waits between two tries."""
    vars(aws)["time"] = SimpleNamespace(sleep=lambda seconds: None)


if __name__ == "__main__":
    sys.exit(main())
