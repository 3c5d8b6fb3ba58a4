"""Taking an environment down: what it holds is deleted, dependents first, pass by pass.

A destruction pauses the environment for good, so that no pass makes again what is gone; it heeds
every other pause itself. What holds data stays unless that is asked for, and so does what something
that stays needs. All guards stand but the limits and the word on approval: who types the command
has seen the list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controller import pause
from controller.approval import Approval, token
from controller.assess import Assessment
from controller.guards import Judgement, judge
from controller.handler import Absent, Present
from controller.ownership import Claim
from controller.plan import plan
from controller.reconciler import Pass, Report, Tools, judgement, observe


class NothingKnown(Exception):
    """There is no sound desired state, so nobody can tell what the environment holds."""


@dataclass(frozen=True, slots=True)
class Destruction:
    """What one pass of it found and did, by key.

    gone: it is not there any more. going: being deleted, or it waits for what is, and why. kept: it
    was never to go, and why. stopped: it was to go, and something stands in the way that only a
    person can move.
    """

    gone: tuple[str, ...] = ()
    going: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    stopped: Mapping[str, str] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Another pass would find nothing else to do."""
        return not self.going


def destroy(
    environment: str, tools: Tools, by: str, *, with_data: bool, write: bool = True
) -> Destruction:
    """Make one pass of it. by: who asks for it, told in the pause and the history.

    write=False: only tell what would happen. Raises as `reconcile` does; `NothingKnown`.
    """
    it = Pass(environment, replace(tools, destroying=True), write=write)
    try:
        it.begin()
        if not it.goes_on:
            raise NothingKnown(it.report.desired.refused)
        if write and not pause.paused_until(tools.store, environment, it.started):
            # Under the lease: no other pass is half way, and none begins from here on.
            pause.for_good(tools.store, environment, by)
        it.look(*observe(it.aws, [it]))
        done = _one_pass(it, by, with_data=with_data)
    finally:
        it.release()
    if write:
        it.finish()
    return done


def _one_pass(it: Pass, by: str, *, with_data: bool) -> Destruction:
    everything = {**it.report.assessments, **it.report.removed}
    ours = {k: a for k, a in everything.items() if not _gone(a) and _held(it, a)}
    kept = _kept(it, ours, with_data=with_data)
    doomed = {key: _removable(seen) for key, seen in ours.items() if key not in kept}
    awaited = {key: _needed_by(it, key, ours) for key in doomed}
    now = [doomed[key] for key in doomed if not awaited[key]]
    report = it.report
    report.assessments = {k: a for k, a in everything.items() if k not in doomed}
    report.removed = doomed
    report.plan = plan((), now)
    if with_data:
        report.approvals = _approved(report, doomed, by, it.tools.now())
    report.vetoes = judge(report.plan.steps, _judgement(it, len(doomed)))
    gone = tuple(k for k in it.inventory.records if k in everything and _gone(everything[k]))
    if it.may_write:
        it.make()
        for key in (*gone, *(k for k in kept if ours[k].handler.held_by == "file")):
            it.inventory.records.pop(key, None)
        it.inventory.save()
    going, stopped = _told(report, doomed, awaited)
    return Destruction(gone, going, kept | _unknown(it), stopped)


def _gone(seen: Assessment) -> bool:
    observed = seen.observation
    left = isinstance(observed, Present) and seen.handler.leaving(observed.doc)
    return left or isinstance(observed, Absent)


def _held(it: Pass, seen: Assessment) -> bool:
    """True for what is ours, as far as anybody can tell: what could not be read counts as well."""
    known = it.inventory.records.get(seen.key)
    if known is not None and not known.watched:
        return seen.claim in (Claim.OURS, Claim.UNKNOWN) or not isinstance(
            seen.observation, Present
        )
    return isinstance(seen.observation, Present) and seen.claim is Claim.OURS


def _kept(it: Pass, ours: Mapping[str, Assessment], *, with_data: bool) -> dict[str, str]:
    """What is not to go, and why; with it, whatever it needs."""
    kept: dict[str, str] = {}
    for key, seen in ours.items():
        if seen.handler.held_by == "file":
            kept[key] = "it is only watched here: others made it"
        elif _retained(it, seen):
            kept[key] = "lifecycle.prune: retain"
        elif seen.handler.holds_data and not with_data:
            kept[key] = "it holds data (--with-data)"
    left = list(kept)
    while left:
        for key in _needs(it, ours[left.pop()]):
            if key in ours and key not in kept:
                kept[key] = f"{_first(it, ours, kept, key)} stays and needs it"
                left.append(key)
    return kept


def _retained(it: Pass, seen: Assessment) -> bool:
    """True if its manifest says so, or the last one said so: where data is concerned, nobody can
    tell the latter from what its kind is given anyway."""
    if seen.resource.declared:
        return seen.resource.lifecycle.says_retain
    known = it.inventory.records.get(seen.key)
    return known is not None and known.prune == "retain" and not seen.handler.holds_data


def _first(it: Pass, ours: Mapping[str, Assessment], kept: Collection[str], key: str) -> str:
    return min(k for k in kept if key in _needs(it, ours[k]))


def _needs(it: Pass, seen: Assessment) -> set[str]:
    """What it refers to, by its manifest and as it was last left."""
    known = it.inventory.records.get(seen.key)
    return {*seen.resource.depends_on, *(known.depends_on if known else ())}


def _needed_by(it: Pass, key: str, ours: Mapping[str, Assessment]) -> list[str]:
    """What is still there and refers to it, and so goes before it.

    What was left and what is asked for may differ in direction, and two resources then need each
    other: there the manifests alone count, which never go round in a circle.
    """
    below = _reach(it, key, ours)
    return sorted(
        k
        for k, other in ours.items()
        if k != key
        and key in _needs(it, other)
        and (k not in below or key in other.resource.depends_on)
    )


def _reach(it: Pass, key: str, ours: Mapping[str, Assessment]) -> set[str]:
    """All that it needs, and what that needs."""
    found: set[str] = set()
    left = [key]
    while left:
        news = {k for k in _needs(it, ours[left.pop()]) if k in ours} - found
        found |= news
        left.extend(news)
    return found


def _unknown(it: Pass) -> dict[str, str]:
    """What stays because nobody can tell that it is ours to delete, and why."""
    strays = it.report.orphans or {}
    tagged = {
        arn: f"an orphan: tagged {key}, and nothing else tells of it" for arn, key in strays.items()
    }
    return tagged | dict.fromkeys(
        sorted(it.inventory.strange), "only another release knows its kind"
    )


def _removable(seen: Assessment) -> Assessment:
    life = replace(seen.resource.lifecycle, prune="delete")
    return replace(seen, resource=replace(seen.resource, lifecycle=life), vanished=False)


def _approved(
    report: Report, doomed: Mapping[str, Assessment], by: str, now: datetime
) -> dict[str, Approval]:
    """Who types --with-data lets data go."""
    steps = [s for s in report.plan.steps if doomed[s.key].handler.holds_data]
    tokens = frozenset(token(s, doomed[s.key]) for s in steps)
    said = Approval(by, "plumbline destroy --with-data", now + timedelta(hours=1), tokens)
    return dict.fromkeys(tokens, said)


def _judgement(it: Pass, doomed: int) -> Judgement:
    """As for any pass, without the limits: all of it is what was asked for."""
    known = judgement(it.report, it.environment, it.inventory)
    free = known.limits.model_copy(
        update={"max_changes": doomed, "max_deletes": doomed, "max_disruptive": doomed}
    )
    return replace(known, limits=free)


def _told(
    report: Report, doomed: Mapping[str, Assessment], awaited: Mapping[str, list[str]]
) -> tuple[dict[str, str], dict[str, str]]:
    """What goes on its way, and what does not."""
    going: dict[str, str] = {}
    stopped: dict[str, str] = {}
    for key, seen in doomed.items():
        if not isinstance(seen.observation, Present):
            going[key] = str(getattr(seen.observation, "reason", ""))
        elif not awaited[key]:
            why, hard = _hindrance(report, key)
            (stopped if hard else going)[key] = why
    while True:  # what waits for what is stopped is stopped as well
        waits = [k for k in doomed if k not in going and k not in stopped]
        caught = [k for k in waits if set(awaited[k]) & set(stopped)]
        for key in caught:
            stopped[key] = f"{next(k for k in awaited[key] if k in stopped)} needs it"
        if not caught:
            return going | {k: f"after {', '.join(awaited[k])}" for k in waits}, stopped


def _hindrance(report: Report, key: str) -> tuple[str, bool]:
    """Why it is not gone yet, and whether that needs a person."""
    steps = [s for s in report.plan.steps if s.key == key]
    if not steps:
        return "nothing here may delete it", True
    for step in steps:
        if veto := report.vetoes.get(step.id):
            return f"{veto.reason}: {veto.message}", not (
                veto.waiting or veto.reason == "BackingOff"
            )
    for outcome in report.outcomes:
        if outcome.step.key == key and not outcome.made:
            return outcome.message, False  # tried again, and no more than three times
    return "deleted" if report.outcomes else "to be deleted", False
