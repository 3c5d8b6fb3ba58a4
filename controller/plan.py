"""What to call: the actions of all resources, in an order in which each finds what it needs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller.assess import Assessment
from controller.diff import Change
from controller.handler import Absent, Action, Present
from controller.inventory import Record
from controller.ownership import Claim
from controller.references import Cycle, order


@dataclass(frozen=True, slots=True)
class Step:
    """One planned action of one resource. `fingerprint` is the same for the same intention."""

    key: str
    action: Action
    fingerprint: str

    @property
    def id(self) -> str:
        """Names the step within a plan: `Kind/name#step`."""
        return f"{self.key}#{self.action.step}"

    @property
    def call(self) -> str:
        """`service:Operation`."""
        return f"{self.action.service}:{self.action.operation}"


@dataclass(frozen=True, slots=True)
class Plan:
    """All steps, in order. stuck: changes that no safe action makes, by resource."""

    steps: tuple[Step, ...]
    stuck: Mapping[str, tuple[Change, ...]]


def fingerprint(key: str, action: Action) -> str:
    """Identifies an intention: resource, operation and parameters as planned.

    References stand in it unresolved, so it never depends on a secret; tokens are left out. So is
    the order of lists: what AWS showed is sent back where it wants the whole, and it shows lists in
    any order.
    """
    what = [key, action.service, action.operation, _sorted(action.params)]
    if action.tried_as:
        what = [key, action.service, action.tried_as]
    return hashlib.sha256(_text(what).encode()).hexdigest()[:16]


def in_any_order(what: Any) -> str:
    """The same text for the same values, whatever order lists and maps are in."""
    return _text(_sorted(what))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return sorted((_sorted(inner) for inner in value), key=_text)
    return value


def plan(assessments: Iterable[Assessment], removed: Iterable[Assessment]) -> Plan:
    """Plan every resource (in dependency order) and the removals (in reverse)."""
    steps: list[Step] = []
    stuck: dict[str, tuple[Change, ...]] = {}
    for assessment in assessments:
        actions = plan_one(assessment)
        steps.extend(Step(assessment.key, a, fingerprint(assessment.key, a)) for a in actions)
        covered = {path for action in actions for path in action.changes}
        left = tuple(c for c in assessment.actionable if c.path not in covered)
        if left and assessment.claim is Claim.OURS:
            stuck[assessment.key] = tuple(_explained(assessment, change) for change in left)
    for gone in removed:
        observed = gone.observation
        if isinstance(observed, Present) and gone.claim is Claim.OURS:
            actions = gone.handler.delete(gone.target, observed)
            steps.extend(Step(gone.key, a, fingerprint(gone.key, a)) for a in actions)
    return Plan(tuple(steps), stuck)


def plan_one(assessment: Assessment) -> list[Action]:
    """The actions that bring one resource to its desired state."""
    observed = assessment.observation
    if assessment.problem:
        return []
    if isinstance(observed, Absent):
        return assessment.handler.plan(assessment.target, observed, ())
    if isinstance(observed, Present) and assessment.actionable:
        return assessment.handler.plan(assessment.target, observed, assessment.actionable)
    return []


def _explained(assessment: Assessment, change: Change) -> Change:
    observed = assessment.observation
    known = isinstance(observed, Present) and assessment.handler.obstacle(observed, change)
    return replace(change, note=known or change.note)


def order_for_deletion(keys: Iterable[str], records: Mapping[str, Record]) -> list[str]:
    """Keys to be removed, each before what it depends on."""
    wanted = list(keys)
    needs = {key: tuple(records[key].depends_on) for key in wanted}
    try:
        return list(reversed(order(needs)))
    except Cycle:  # of different times: then any order must do, AWS refuses what is in use
        return wanted
