"""`make torture`: each accident at each place of each story, and what came of it.

    python -m tests.perturbation.torture                  all: takes minutes
    python -m tests.perturbation.torture --sample 400     so many, of each sort some
    python -m tests.perturbation.torture --only 'create-all/42/killed after'

Stories of eight resources are perturbed exhaustively, those of the LiteLLM environment in a sample
(`--shipped`). Exit code 1 if something is wrong. The same seed tries the same.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import pytest

from tests.perturbation.torture.explore import Job, Result, side_by_side, tried, undisturbed
from tests.perturbation.torture.quick import hurry
from tests.perturbation.torture.stories import STORIES, Story
from tests.perturbation.torture.trial import Trial

SHARES = 4
"""Parts in which a story is worked off that is perturbed exhaustively."""

SORTS = ("read", "write", "get", "put", "pass")
HEADS = ("AWS read", "AWS write", "state get", "state put", "pass begins")
SHOWN = 10


def told(
    story: Story, some: int | None, share: tuple[int, int], options: argparse.Namespace
) -> tuple[int, list[Result]]:
    """Tell a story with accidents: how many there are, and what came of those tried.

    some: how many to try, of each sort; None: all. share: which part of them, of how many.
    """
    with pytest.MonkeyPatch.context() as patch:
        hurry(patch)
        Trial(story, "100000000002").live()  # what is loaded on first use is loaded
        trial = Trial(story, "100000000001")
        without, menu = undisturbed(trial)
        jobs = [job for job in menu if options.only in ("", job.name)]
        jobs = sorted(sample(jobs, some, options.seed), key=lambda job: job.place.number)
        return len(menu), tried(trial, without, jobs[share[0] :: share[1]], first=options.first)


def sample(jobs: Sequence[Job], some: int | None, seed: int) -> list[Job]:
    """So many of them, of each kind at each sort of place as many as of any other."""
    if some is None:
        return list(jobs)
    shuffled = random.Random(seed).sample(jobs, len(jobs))
    seen: Counter[tuple[str, str]] = Counter()
    rank: dict[Job, int] = {}
    for job in shuffled:
        sort = (_kind(job), job.place.what)
        rank[job] = seen[sort]
        seen[sort] += 1
    return sorted(shuffled, key=rank.__getitem__)[:some]


def _kind(job: Job) -> str:
    head, version, _ = job.kind.partition(" as of version ")
    return f"{head} as of an earlier version" if version else head


def rows(results: Iterable[Result]) -> Iterator[str]:
    """Kinds of accident by sorts of place: how often tried."""
    table: dict[str, Counter[str]] = {}
    for result in results:
        table.setdefault(_kind(result.job), Counter())[result.job.place.what] += 1
    yield f"  {'':36}" + "".join(f"{head:>13}" for head in HEADS)
    for kind, found in sorted(table.items()):
        yield f"  {kind:36}" + "".join(f"{found[sort] or '-':>13}" for sort in SORTS)


def main(words: Sequence[str]) -> int:
    """Print what was tried and what came of it; 0 if nothing is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, help="runs in all, of each sort some")
    parser.add_argument("--shipped", type=int, default=600, help="runs on LiteLLM's environment")
    parser.add_argument("--story", action="append", choices=[s.name for s in STORIES])
    parser.add_argument("--only", default="", help="one run, as a violation names it")
    parser.add_argument("--first", action="store_true", help="end at the first violation")
    parser.add_argument("--seed", type=int, default=1, help="of what is in the sample")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(words)
    names = [options.only.partition("/")[0]] if options.only else options.story
    stories = [story for story in STORIES if not names or story.name in names]
    shipped = sum(not story.exhaustive for story in stories)
    works, of = [], []
    for story in stories:
        some = None if story.exhaustive else options.shipped // max(shipped, 1)
        if options.sample is not None:
            some = options.sample // len(stories)
        if options.only:
            some = None
        shares = SHARES if some is None and not options.only else 1
        for share in range(shares):
            works.append(partial(told, story, some, (share, shares), options))
            of.append(story.name)
    begun = time.monotonic()
    results: list[Result] = []
    sizes: dict[str, set[int]] = {}
    for number, (size, found) in side_by_side(works, options.workers):
        sizes.setdefault(of[number], set()).add(size)
        results += found
        wrong = sum(bool(result.wrong) for result in found)
        print(
            f"  {of[number]:16} {len(found):5} of {size:5} runs, {wrong} violations "
            f"({time.monotonic() - begun:.0f} s)",
            flush=True,
        )
    return _report(results, sizes, begun, options.seed)


def _report(results: list[Result], sizes: dict[str, set[int]], begun: float, seed: int) -> int:
    print("\nRuns by kind of accident and sort of place:")
    print("\n".join(rows(results)))
    wrong = [result for result in results if result.wrong]
    for result in wrong[:SHOWN]:
        print(f"\n{result.job.kind}, at {result.job.place} of {result.job.story}:")
        for line in [*result.wrong, *result.calls]:
            print("    " + line.replace("\n", "\n    "))
        print(f"    again: make torture ARGS=\"--only '{result.job.name}'\"")
    if len(wrong) > SHOWN:
        print(f"\nand {len(wrong) - SHOWN} more: " + "; ".join(r.job.name for r in wrong[SHOWN:]))
    unsteady = [name for name, size in sizes.items() if len(size) > 1]
    if unsteady:
        print(f"told twice, these stories have other places: {', '.join(unsteady)}")
    places = {(result.job.story, result.job.place.number) for result in results}
    kinds = {_kind(result.job) for result in results}
    print(
        f"\n{len(results)} perturbed runs of {len(sizes)} stories: {len(kinds)} kinds of accident "
        f"at {len(places)} places, {len(wrong)} violations, seed {seed}, "
        f"{time.monotonic() - begun:.0f} s"
    )
    return 1 if wrong or unsteady or not results else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":  # a set is gone through in the same order each time
        again = [sys.executable, "-m", "tests.perturbation.torture", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main(sys.argv[1:]))
