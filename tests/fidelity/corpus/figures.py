"""A directory of recordings, judged: imported and planned empty, and each leaf of it changed."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from tests.fidelity.corpus.expected import expected, holder, problem
from tests.fidelity.corpus.judge import Failed, Imported, imported, look
from tests.fidelity.corpus.leaves import PARTS, tables, thing_shape
from tests.fidelity.corpus.mutations import Census, Mutation, census, mutations
from tests.fidelity.corpus.recordings import Recording, recordings
from tests.fidelity.corpus.replay import NotReplayed, World
from tests.fidelity.corpus.worlds import Aside, Library, Part, Subject, contents


@dataclass(frozen=True)
class Judged:
    """A recorded resource, and what became of it; neither: an import rightly leaves it out."""

    recording: str
    subject: Subject
    imported: Imported | None = None
    failed: Failed | None = None

    @property
    def label(self) -> str:
        """File, kind and name."""
        return f"{self.recording} {self.subject.kind} {self.subject.name}"

    @property
    def verdict(self) -> Verdict:
        """In short."""
        left_out = "" if self.imported or self.failed else self.subject.may_be_left_out
        step = self.failed.step if self.failed else ""
        why = str(self.failed or "")
        return Verdict(self.label, self.subject.kind, step, why, left_out)


@dataclass(frozen=True)
class Verdict:
    """What became of a recorded resource. failed: at which step, and why; left_out: why it need
    not be imported, where it was not."""

    label: str
    kind: str
    failed: str = ""
    why: str = ""
    left_out: str = ""


@dataclass(frozen=True)
class Trial:
    """One change of one leaf, and what is wrong with what was shown of it."""

    label: str
    kind: str
    call: str
    mutation: str
    expected: str
    problem: str = ""


@dataclass
class Survey:
    """A directory: what is in it."""

    folder: Path
    files: tuple[Recording, ...]
    subjects: list[tuple[str, Subject]] = field(default_factory=list)
    asides: list[tuple[str, Aside]] = field(default_factory=list)

    @property
    def skipped(self) -> dict[str, str]:
        """File → why it is no recording, by botocore's model."""
        return {r.name: r.skipped for r in self.files if r.skipped}


@cache
def survey(folder: Path) -> Survey:
    """Everything recorded, sorted into resources of our kinds and other things."""
    found = Survey(folder, recordings(folder))
    library = Library(found.files)
    for recording in found.files:
        if recording.skipped:
            continue
        for each in contents(recording, library):
            if isinstance(each, Subject):
                found.subjects.append((recording.name, each))
            else:
                found.asides.append((recording.name, each))
    return found


def judge(recording: str, subject: Subject) -> Judged:
    """Observe, import and plan."""
    try:
        return Judged(recording, subject, imported(subject))
    except Failed as failed:
        return Judged(recording, subject, None, failed)
    except NotReplayed as missing:
        return Judged(recording, subject, None, Failed("observed", str(missing)))


@cache
def judged(folder: Path) -> tuple[Judged, ...]:
    """All recorded resources of a directory."""
    return tuple(judge(*each) for each in survey(folder).subjects)


@cache
def _census(folder: Path) -> dict[str, Census]:
    """Part → which of its members are shown sometimes."""
    found: dict[str, Census] = {}
    for kind, parts in PARTS.items():
        for call, shown in parts.items():
            things = [
                thing
                for _, subject in survey(folder).subjects if subject.kind == kind
                for part in subject.parts if part.call == call
                for thing in _things(subject, part)
            ]  # fmt: skip
            found[call] = census(thing_shape(call, shown.items), things)
    return found


def _things(subject: Subject, part: Part) -> list[Any]:
    whole = subject.world.all(part.call)
    return [whole[index] for index in part.indexes]


def changes_of(folder: Path, subject: Subject) -> Iterator[tuple[Part, Mutation]]:
    """Every single change of what is recorded of a resource."""
    for part in subject.parts:
        shown = PARTS[subject.kind].get(part.call)
        if shown is not None:
            shape = thing_shape(part.call, shown.items)
            table, sometimes = tables(subject.kind)[part.call], _census(folder)[part.call]
            for mutation in mutations(shape, _things(subject, part)[0], table, sometimes):
                yield part, mutation


def trials(
    folder: Path, one: Judged, only: random.Random | None = None, most: int = 0
) -> Iterator[Trial]:
    """Change each leaf (or `most`, as `only` chooses) and see what is named."""
    if one.imported is None or one.subject.may_be_left_out:
        return
    before = look(one.imported.resource, one.subject.world, one.imported.resource.spec)
    found = list(changes_of(folder, one.subject))
    if only is not None and len(found) > most:
        found = only.sample(found, most)
    for part, mutation in found:
        yield _tried(one, one.imported, before, part, mutation)


def _tried(one: Judged, made: Imported, before: Any, part: Part, mutation: Mutation) -> Trial:
    subject = one.subject
    table = tables(subject.kind)[part.call]
    shape = thing_shape(part.call, PARTS[subject.kind][part.call].items)
    things = list(subject.world.all(part.call))
    first = things[part.indexes[0]]
    for index in part.indexes:
        things[index] = mutation.apply(things[index])
    last = things[part.indexes[0]]
    wanted = expected(table, mutation, shape, subject, first, last)
    holds = holder(subject.kind, subject, first, last)
    world: World = subject.world.having(part.call, tuple(things))
    try:
        wrong = problem(wanted, before, look(made.resource, world, made.resource.spec), holds)
    except NotReplayed as missing:
        wrong = str(missing)
    except Exception as error:
        wrong = f"{type(error).__name__}: {error}"
    return Trial(one.label, subject.kind, part.call, str(mutation), str(wanted), wrong)


def different(subjects: Iterable[Subject]) -> list[Subject]:
    """Without those of which the very same was recorded before."""
    seen: set[str] = set()
    out = []
    for subject in subjects:
        shown = [(part.call, _things(subject, part)) for part in subject.parts]
        key = repr((subject.kind, subject.name, shown))
        if key not in seen:
            seen.add(key)
            out.append(subject)
    return out
