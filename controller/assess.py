"""One resource, judged: what AWS has, what that means, and what of it is ours to change. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from fnmatch import fnmatchcase

from controller.diff import Change, Views, diff, overlay
from controller.fields import fields_of
from controller.handler import (
    READY,
    Absent,
    Handler,
    Observation,
    Present,
    Readiness,
    Target,
    Unknown,
)
from controller.inventory import BORN, WHOLE, Record
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG
from controller.manifest import Resource
from controller.ownership import Claim, claim, remembered
from controller.policies import Doc, Situation
from controller.references import escape

OWNERSHIP = frozenset(f"tags[{tag}]" for tag in (ENVIRONMENT_TAG, RESOURCE_TAG))

SETTLE_S = 15.0
"""For so long after our own write, AWS may still show what was there before."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """What is known of one resource in this pass.

    target: with references filled in as far as they are known. changes: all differences. missing:
    it is not in AWS; vanished: and we had made it. problem: why its spec can't be used.
    outputs: what it offers to others. claim: whose it is. identity: AWS's id of it, or of what
    vanished.
    """

    resource: Resource
    target: Target
    handler: Handler
    observation: Observation
    changes: tuple[Change, ...] = ()
    live: Doc = field(default_factory=dict)
    readiness: Readiness = READY
    claim: Claim = Claim.OURS
    outputs: Doc = field(default_factory=dict)
    problem: str = ""
    vanished: bool = False
    identity: str = ""
    busy: str = ""

    @property
    def key(self) -> str:
        """`Kind/name`."""
        return self.resource.key

    @property
    def missing(self) -> bool:
        """True if AWS says it is not there."""
        return isinstance(self.observation, Absent)

    @property
    def actionable(self) -> tuple[Change, ...]:
        """The changes that a plan should make."""
        return tuple(c for c in self.changes if c.cls in ("differs", "write_only_stale"))

    @property
    def drift(self) -> tuple[Change, ...]:
        """The changes that somebody else made."""
        return tuple(c for c in self.changes if c.is_drift and c.cls != "owned")

    @property
    def of_spec(self) -> tuple[Change, ...]:
        """The changes in what the spec says, without what AWS found beside it."""
        return tuple(c for c in self.changes if c.top not in self.handler.beside)

    @property
    def in_sync(self) -> bool:
        """True if AWS is as desired in all that we own."""
        settled = all(c.cls in ("undeclared", "owned") for c in self.changes)
        return isinstance(self.observation, Present) and settled and not self.problem


def assess(
    resource: Resource,
    target: Target,
    handler: Handler,
    observation: Observation,
    record: Record | None,
    *,
    now: datetime,
    problem: str = "",
    watching: bool = False,
) -> Assessment:
    """Compare what was observed with what is desired, in the light of how we last left it.

    watching: in observe mode nothing is claimed, so that nobody's resource lacks no ownership tags.
    """
    base = Assessment(resource, target, handler, observation, problem=problem)
    if isinstance(observation, Unknown):
        return base
    settling = record is not None and abs(now.timestamp() - record.written_at) < SETTLE_S
    if isinstance(observation, Absent):
        if settling and record is not None and {WHOLE, BORN} & set(record.settling):
            reason = Readiness("in-progress", "Settling", "created a moment ago, not shown yet")
            return replace(base, readiness=reason, observation=Unknown(reason.message))
        moved = record is not None and record.identity and record.physical != target.name
        if record is not None and moved and not record.watched:
            was = f"it was made as {record.physical}: an externalName can't be changed in place"
            return replace(base, problem=problem or was)
        missing = handler.incomplete(target.spec) if resource.declared else ""
        if missing and not problem:
            base = replace(base, problem=f"it is not there to adopt, and can't be made: {missing}")
        if record is None or not record.identity:
            return base
        return replace(base, vanished=True, identity=record.identity)
    doc = observation.doc
    live: Doc = escape(handler.to_spec(doc))
    identity = handler.identity(doc)
    whose = _whose(base, observation, record, live, watching=watching)
    last = record.last if record and record.identity in ("", identity) else None
    if last and record and record.watched:
        last = _unmarked(last)
    situation = Situation(target.spec, live, doc, target.account, target.region)
    failed = {**(record.failed if record else {}), **escape(handler.failed(doc))}
    views = Views(
        target.spec,
        live,
        last,
        escape(handler.pending(doc)),
        failed,
        observation.unknown,
        situation,
    )
    changes = [*diff(fields_of(handler.spec), views), *handler.drifted(doc)]
    changes = [_held(_ignored(c, resource, now.date()), observation.owned) for c in changes]
    if watching and whose is Claim.NOBODY and not resource.lifecycle.adopt:
        changes = [c for c in changes if c.path not in OWNERSHIP]
    if settling and record is not None:
        changes = [_settling(c, record.settling) for c in changes]
    return replace(
        base,
        changes=tuple(changes),
        live=live,
        readiness=handler.readiness(doc),
        claim=whose,
        outputs=handler.output(doc),
        identity=identity,
        busy=handler.modifiable(doc),
    )


def _whose(
    base: Assessment, seen: Present, record: Record | None, live: Doc, *, watching: bool
) -> Claim:
    """Who holds what is there, by what says so of its kind."""
    target, handler = base.target, base.handler
    identity = handler.identity(seen.doc)
    if handler.held_by == "tags":
        return claim(target, live, seen.unknown, record, identity)
    if handler.held_by == "inventory":
        whose = remembered(record, identity, lambda made: _same(handler, made, live, target))
        if whose is not Claim.NOBODY:
            return whose
    # no call takes it over: that the file says so does
    return Claim.OURS if base.resource.lifecycle.adopt and not watching else Claim.NOBODY


def _same(handler: Handler, made: Doc, live: Doc, target: Target) -> bool:
    """Whether AWS shows just what was to be made."""
    situation = Situation(made, live, {}, target.account, target.region)
    return not diff(fields_of(handler.spec), Views(made, live, None, {}, {}, {}, situation))


def _unmarked(last: Doc) -> Doc:
    """Without the ownership tags: what is only looked at never carried them."""
    if not isinstance(last.get("tags"), dict):
        return last
    marks = (ENVIRONMENT_TAG, RESOURCE_TAG)
    return {**last, "tags": {k: v for k, v in last["tags"].items() if k not in marks}}


def after_changes(assessment: Assessment) -> Doc:
    """The live spec as it would be with every actionable change made."""
    return overlay(assessment.live, assessment.target.spec, assessment.actionable)


def _ignored(change: Change, resource: Resource, today: date) -> Change:
    for rule in resource.lifecycle.ignore:
        lasts = rule.until is None or today <= rule.until
        inside = change.path.startswith((f"{rule.path}.", f"{rule.path}["))
        if lasts and (change.path == rule.path or inside or fnmatchcase(change.path, rule.path)):
            return replace(change, cls="owned", cause="", note=f"ignored: {rule.reason}")
    return change


def _held(change: Change, owned: Mapping[str, str]) -> Change:
    if change.top in owned and change.cls != "undeclared":
        return replace(change, cls="owned", cause="", note=owned[change.top])
    return change


def _settling(change: Change, written: list[str]) -> Change:
    if change.cls == "differs" and (change.path in written or WHOLE in written):
        return replace(change, cls="in_flight", cause="", note="written a moment ago")
    return change


def unknown_reasons(assessments: Mapping[str, Assessment]) -> dict[str, str]:
    """Why each resource that could not be observed could not."""
    return {
        key: a.observation.reason
        for key, a in assessments.items()
        if isinstance(a.observation, Unknown)
    }
