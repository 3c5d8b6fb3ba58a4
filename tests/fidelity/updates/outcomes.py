"""What the diff and the handler's plan make of a move: effect, calls, and what is sent besides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from statistics import median

from controller.assess import Assessment, assess
from controller.fields import fields_of
from controller.handler import Action, Present
from controller.inventory import Record
from controller.kinds import KINDS, handler_for
from controller.plan import plan
from controller.policies import CreateOnly
from tests.fidelity.updates.moves import SET, Move, moves
from tests.fidelity.updates.values import OPPOSITE
from tests.perturbation.bench import Bench
from tests.perturbation.full import FULL
from tests.unit.test_members import listed

EFFECTS = ("in place", "irreversible", "disruptive", "destructive", "never")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
_RISKS = {"safe": "in place"}
MOST_NAMED = 4
"""Parameters sent besides that are still named one by one; of more, it is all the rest."""


@dataclass(frozen=True)
class Call:
    """A planned call. besides: parameters it takes along that are neither the field nor its name.

    whole: it sends the whole resource anyway.
    """

    operation: str
    besides: tuple[str, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a move takes. effect: one of `EFFECTS`, `theirs` or `not compared`."""

    field: str
    how: str
    effect: str
    calls: tuple[Call, ...] = ()
    why: str = ""


@cache
def settled() -> Bench:
    """All rich manifests, of all kinds, in one environment that has come to rest."""
    documents = [d for kind in FULL for d in (*FULL[kind], *OPPOSITE.get(kind, ()))]
    first = next(iter(KINDS))
    return Bench(first, *(d for d in dict.fromkeys(documents) if d not in FULL[first]))


def converged() -> dict[str, Assessment]:
    """Its resources, as the last pass saw them."""
    return dict(settled().reports[-1].assessments)


@cache
def outcomes(kind: str) -> tuple[Outcome, ...]:
    """Of every move of every field of a kind."""
    seen = [it for key, it in sorted(converged().items()) if key.startswith(f"{kind}/full")]
    found = [outcome(kind, move) for move in moves(kind, seen)]
    moved = {o.field for o in found if o.how != SET}
    calls: dict[str, list[int]] = {}
    for made in found:
        for call in made.calls:
            calls.setdefault(call.operation, []).append(len(call.besides))
    whole = {name for name, sent in calls.items() if median(sent) > MOST_NAMED}
    kept: dict[tuple[str, str], list[Outcome]] = {}
    for made in found:
        if made.how != SET or made.field not in moved:
            named = replace(made, calls=tuple(_named(c, whole) for c in made.calls))
            kept.setdefault((made.field, made.how), []).append(named)
    return tuple(o for (_, how), some in kept.items() for o in _told(how, some))


def _told(how: str, some: list[Outcome]) -> list[Outcome]:
    """Each outcome once; of declaring something, one that takes a call is enough."""
    if how != SET:
        return list(dict.fromkeys(some))
    return [next((o for o in some if o.calls), some[0])]


def _named(call: Call, whole: set[str]) -> Call:
    return Call(call.operation, (), True) if call.operation in whole else call


def outcome(kind: str, move: Move) -> Outcome:
    """Of one move: as a pass would judge it, the file having just been changed."""
    seen, handler = move.seen, handler_for(kind)
    assert isinstance(seen.observation, Present)
    target = replace(seen.target, spec=move.spec, tags=move.spec.get("tags", {}))
    record = Record(last=seen.target.spec, identity=seen.identity, physical=target.name)
    now = assess(seen.resource, target, handler, seen.observation, record, now=NOW)
    found = [c for c in now.changes if c.cls != "undeclared"]
    if not found:
        return Outcome(move.field, move.how, "not compared", why="no difference is seen")
    fixed = [c for c in found if c.cls == "immutable"]
    if fixed:
        return Outcome(move.field, move.how, "never", why="fixed at creation")
    if not now.actionable:
        return Outcome(move.field, move.how, "theirs", why=found[0].note)
    made = plan([now], [])
    actions = [step.action for step in made.steps]
    if made.stuck or not actions:
        notes = [c.note for some in made.stuck.values() for c in some if c.note]
        return Outcome(move.field, move.how, "never", why=(*notes, "no call does it")[0])
    worst = max((_RISKS.get(a.risk, a.risk) for a in actions), key=EFFECTS.index)
    return Outcome(move.field, move.how, worst, tuple(_call(move, a) for a in actions))


def _call(move: Move, action: Action) -> Call:
    top = move.field.partition(".")[0].partition("[")[0]
    said = listed(action.service).get(action.operation, {})
    kind = move.seen.handler.kind
    besides = [name for name in action.params if not _is_for(kind, said.get(name, ""), top)]
    return Call(action.operation, tuple(besides))


def _is_for(kind: str, way: str, top: str) -> bool:
    """True if a parameter is the field's own, or only says which resource is meant."""
    field = way.removesuffix(" (the key)").partition(".")[0]
    if field in (top, "metadata") or way == "":
        return True
    held = fields_of(handler_for(kind).spec).members.get(field)
    if held is not None and held.policy(CreateOnly):
        return True
    return way.startswith("- ") and ("name" in way or "ARN" in way or "always" in way)
