"""What becomes of a case: imported, quiet about the echo, exact about the change."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from controller.assess import OWNERSHIP, Assessment
from controller.diff import Change, Part, render
from controller.handler import Present
from controller.plan import plan_one
from tests.fidelity.blind.cases import Case, Contradiction
from tests.fidelity.blind.served import served
from tests.fidelity.corpus.judge import Failed, Imported, imported, look
from tests.fidelity.corpus.replay import NotReplayed

STEPS = ("imported", "echo", "change")
NAMING = ("differs", "immutable", "undeclared")
"""Classes of a change that somebody is told of, as of what he did beside the file."""
QUIET = ("owned", "in_flight")
"""Classes that say all is as it should be."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a case, step by step; invalid: why it is none. unserved: operations whose
    replies Plumbline does not read."""

    case: Case
    wrong: dict[str, str]
    invalid: str = ""
    unserved: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.invalid and not self.wrong


def judge(case: Case) -> Verdict:
    """All three steps; without the first there are no others."""
    try:
        replies, echo, change = case.shown(), case.shown(case.echo), case.shown(case.change)
        if change == replies:
            raise Contradiction("the change changes nothing")
        first = served(case, replies)
    except Contradiction as error:
        return Verdict(case, {}, str(error))
    made, why = _imported(first.subject)
    if made is None:
        wrong = {"imported": why, "echo": "not imported", "change": "not imported"}
        return Verdict(case, wrong, "", first.unserved)
    found = {"echo": _echoed(case, made, echo), "change": _changed(case, made, change)}
    return Verdict(case, {k: v for k, v in found.items() if v}, "", first.unserved)


def _imported(subject: Any) -> tuple[Imported | None, str]:
    try:
        made = imported(subject)
    except (Failed, NotReplayed) as failed:
        return None, str(failed)
    return made, f"left out: {subject.may_be_left_out}"


def _echoed(case: Case, made: Imported, replies: dict[str, Any]) -> str:
    """What is reported of AWS's own doing."""
    try:
        _, after, news = _news(case, made, replies)
    except _Unseen as unseen:
        return str(unseen)
    if loud := [c for c in news if c.cls not in QUIET]:
        return _said(loud)
    for action in plan_one(after):
        if not set(action.changes) <= OWNERSHIP:
            return f"{action.service}:{action.operation} for {', '.join(action.changes)}"
    return ""


def _changed(case: Case, made: Imported, replies: dict[str, Any]) -> str:
    """What of a real change is not, or not exactly, reported."""
    try:
        _, _, news = _news(case, made, replies)
    except _Unseen as unseen:
        return str(unseen)
    loud = [c for c in news if c.cls not in QUIET]
    if not loud:
        return f"nothing reported{f' but {_said(news)}' if news else ''}"
    if odd := [c for c in loud if c.cls not in NAMING]:
        return _said(odd)
    field = render(_shared(loud))
    if not any(name.lower() in field.lower() for name in case.names):
        return f"{_said(loud)}; expected one field with {' or '.join(case.names)}"
    return ""


def _shared(changes: Sequence[Change]) -> Sequence[Part]:
    """The field that all changes lie in."""
    same = itertools.takewhile(
        lambda parts: len(set(parts)) == 1, zip(*(c.parts for c in changes), strict=False)
    )
    return [parts[0] for parts in same]


class _Unseen(Exception):
    """The resource is not there any more, or can't be read."""


def _news(
    case: Case, made: Imported, replies: dict[str, Any]
) -> tuple[Assessment, Assessment, list[Change]]:
    """Before, after, and what is reported after that was not before."""
    resource = made.resource
    before = look(resource, made.subject.world, resource.spec)
    try:
        world = served(case, replies, made.subject.name).subject.world
        after = look(resource, world, resource.spec)
    except Contradiction as wrong:
        raise _Unseen(f"not there: {wrong}") from None
    except (Exception, NotReplayed) as error:
        raise _Unseen(f"{type(error).__name__}: {error}") from error
    if not isinstance(after.observation, Present):
        raise _Unseen(f"not there: {after.observation}")
    if after.problem:
        raise _Unseen(after.problem)
    known = {_key(c) for c in before.changes}
    news = [c for c in after.changes if _key(c) not in known and c.path not in OWNERSHIP]
    return before, after, news


def _key(change: Change) -> tuple[str, str, str, str]:
    return change.path, change.cls, repr(change.now), repr(change.wanted)


def _said(changes: Sequence[Change]) -> str:
    return "; ".join(f"{c.path}: {c.cls}, is {c.now!r}, wanted {c.wanted!r}" for c in changes)
