"""Letting go of resources: they stay as they are, and are nobody's from then on.

The two ownership tags are taken off, by the calls with which any tag of theirs is, and the
inventory forgets them. A manifest that still names one then meets something that it does not own,
and leaves it alone. Revisions of services and tasks that have run keep theirs: they say what was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from controller.assess import Assessment
from controller.aws import Aws, AwsFailure
from controller.diff import Change, Entry
from controller.guards import judge
from controller.handler import Absent, Present
from controller.kindlib.reading import ENVIRONMENT_TAG, RESOURCE_TAG
from controller.ownership import Claim
from controller.plan import Plan, Step, fingerprint
from controller.reconciler import Pass, Report, Tools, judgement, observe
from controller.status import record


@dataclass(frozen=True, slots=True)
class Released:
    """What came of it: keys that nobody holds any more, and why others could not be let go."""

    gone: tuple[str, ...]
    left: dict[str, str]


class NotHeld(Exception):
    """There is no such resource among those that the environment holds."""


def release(environment: str, tools: Tools, keys: Collection[str], by: str) -> Released:
    """Let go of these resources of an environment, or of all for no keys.

    Under a pass's lease and guards: a paused environment, or one that is only looked at, lets
    nothing go. by: who asks for it; told in the history. Raises as `reconcile` does; `NotHeld`.
    """
    it = Pass(environment, tools, write=True)
    try:
        it.begin()
        if not it.goes_on:
            raise NotHeld(
                f"nothing is known of what {environment} holds: {it.report.desired.refused}"
            )
        it.look(*observe(it.aws, [it]))
        done = _let_go(it, keys)
    finally:
        it.release()
    rows = [{"type": "Released", "resource": key, "by": by} for key in done.gone]
    if rows:
        record(tools.store, environment, tools.now(), it.environment.revision, rows)
    return done


def _let_go(it: Pass, keys: Collection[str]) -> Released:
    report, inventory = it.report, it.inventory
    everything = {**report.assessments, **report.removed}
    ours = [k for k, a in everything.items() if a.claim is Claim.OURS or k in inventory.records]
    for key in keys:
        if key not in ours:
            held = ", ".join(sorted(ours)) or "none"
            raise NotHeld(f"found {key}, held by {it.name}: {held}")
    chosen = [everything[key] for key in (keys or ours)]
    left: dict[str, str] = {}
    report.plan = Plan(tuple(_steps(it.aws, chosen, left)), {})
    report.vetoes = judge(report.plan.steps, judgement(report, it.environment, inventory))
    it.make()
    for seen in chosen:
        why = left.get(seen.key) or _held(report, seen)
        if why:
            left[seen.key] = why
        else:
            inventory.records.pop(seen.key, None)
    inventory.save()
    return Released(tuple(a.key for a in chosen if a.key not in left), left)


def _steps(aws: Aws, chosen: Iterable[Assessment], left: dict[str, str]) -> Iterable[Step]:
    """The calls that take our marks off what carries them. left: gets why one can't be let go."""
    for seen in chosen:
        tags = seen.live.get("tags", {}) if isinstance(seen.observation, Present) else {}
        marks = [
            Change(("tags", Entry(tag)), tags[tag], tags[tag], None, "differs", "pending")
            for tag in (ENVIRONMENT_TAG, RESOURCE_TAG)
            if tag in tags
        ]
        if marks and seen.claim is Claim.OURS and isinstance(seen.observation, Present):
            try:
                actions = seen.handler.let_go(aws, seen.target, seen.observation, marks)
            except AwsFailure as failure:
                left[seen.key] = str(failure)
                continue
            yield from (Step(seen.key, a, fingerprint(seen.key, a)) for a in actions)


def _held(report: Report, seen: Assessment) -> str:
    """Why it could not be let go; empty if it was."""
    if not isinstance(seen.observation, Present | Absent):
        return f"it could not be read: {seen.observation.reason}"
    if "tags" in getattr(seen.observation, "unknown", {}):
        return "its tags could not be read"
    for step in report.plan.steps:
        if step.key == seen.key:
            if veto := report.vetoes.get(step.id):
                return f"{veto.reason}: {veto.message}"
            made = next((o for o in report.outcomes if o.step.id == step.id), None)
            if made is None or not made.made:
                return made.message if made else "no time left"
    return ""
