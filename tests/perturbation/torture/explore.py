"""Telling a story once for each accident, from where the accident happens: by fork.

A process goes through the undisturbed story. At each place it splits off a child for each accident
to be tried there; the child goes on from there with the accident, and tells how it ended. What came
before is neither told again nor copied.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.perturbation.torture.accidents import accidents
from tests.perturbation.torture.places import Place
from tests.perturbation.torture.trial import MORE, End, Trial

LONGEST_S = 300
"""A child that takes longer hangs."""


@dataclass(frozen=True, slots=True)
class Job:
    """An accident to be tried: of this kind, at this place of this story."""

    story: str
    place: Place
    kind: str

    @property
    def name(self) -> str:
        """What `--only` takes."""
        return f"{self.story}/{self.place.number}/{self.kind}"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it. calls: what was called, where something is wrong."""

    job: Job
    wrong: list[str]
    passes: int = 0
    calls: tuple[str, ...] = ()


def side_by_side(works: Sequence[Callable[[], Any]], at_once: int) -> Iterator[tuple[int, Any]]:
    """Do each in a process of its own, so many at once; number and result as they end.

    Raises `RuntimeError` if one dies.
    """
    waiting = list(enumerate(works))
    running: dict[int, tuple[int, int, bytearray]] = {}
    while waiting or running:
        while waiting and len(running) < at_once:
            number, work = waiting.pop(0)
            pid, out = _begun(work)
            running[out] = (number, pid, bytearray())
        for out in select.select(list(running), [], [])[0]:
            number, pid, said = running[out]
            chunk = os.read(out, 1 << 16)
            said += chunk
            if chunk:
                continue
            os.close(out)
            del running[out]
            _, status = os.waitpid(pid, 0)
            if status or not said:
                raise RuntimeError(f"a child ended with {os.waitstatus_to_exitcode(status)}")
            yield number, pickle.loads(bytes(said))


def _begun(work: Callable[[], Any]) -> tuple[int, int]:
    """A child at work, and where it will say what came of it."""
    out, into = os.pipe()
    pid = os.fork()
    if pid:
        os.close(into)
        return pid, out
    code = 1
    try:
        os.close(out)
        with os.fdopen(into, "wb") as pipe:
            pipe.write(pickle.dumps(work()))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def undisturbed(trial: Trial) -> tuple[End, list[Job]]:
    """How it ends when nothing goes wrong, and all that could."""

    def work() -> tuple[End, list[Job]]:
        menu: list[Job] = []

        def explore(place: Place) -> None:
            menu.extend(Job(trial.story.name, place, each.kind) for each in accidents(trial, place))

        trial.explore = explore
        end = trial.end(trial.live())
        if trial.wrong:
            raise AssertionError("\n".join(trial.wrong))
        return end, menu

    found: tuple[End, list[Job]]
    [(_, found)] = side_by_side([work], 1)
    return found


class _Over(BaseException):
    """The child has been there: nothing more to be done."""


def tried(trial: Trial, without: End, jobs: Iterable[Job], *, first: bool = False) -> list[Result]:
    """Try these accidents, each in a child of its own. first: until one has a violation."""
    wanted: dict[int, dict[str, Job]] = {}
    for job in jobs:
        wanted.setdefault(job.place.number, {})[job.kind] = job
    results: list[Result] = []
    mine: list[Job] = []
    out: list[int] = []

    def explore(place: Place) -> None:
        kinds = wanted.pop(place.number, {})
        for each in accidents(trial, place) if kinds else ():
            job = kinds.get(each.kind)
            if job is None:
                continue
            if job.place != place:
                results.append(Result(job, [f"the story goes otherwise: here is {place}"]))
                continue
            reads, into = os.pipe()
            pid = os.fork()
            if pid == 0:
                os.close(reads)
                signal.alarm(LONGEST_S)
                trial.accident, trial.explore = each, lambda place: None
                mine.append(job)
                out.append(into)
                return
            os.close(into)
            with os.fdopen(reads, "rb") as pipe:
                said = pipe.read()
            _, status = os.waitpid(pid, 0)
            results.append(
                pickle.loads(said) if said and not status
                else Result(job, [f"the process hung or died: {status}"])
            )  # fmt: skip
            if first and results[-1].wrong:
                raise _Over
        if not wanted:
            raise _Over

    trial.explore = explore
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        passes = trial.live(without.passes + MORE)
    except _Over:
        return results
    except BaseException:
        if not mine:
            raise
        passes, trial.wrong = 0, [*trial.wrong, traceback.format_exc(limit=-8)]
    if not mine:
        return results
    try:  # the child of one accident, at its end
        wrong = trial.judge(trial.end(passes), without, mine[0].place)
        told = trial.told() if wrong else ()
        with os.fdopen(out[0], "wb") as pipe:
            pipe.write(pickle.dumps(Result(mine[0], wrong, passes, told)))
        os._exit(0)
    finally:
        os._exit(1)
