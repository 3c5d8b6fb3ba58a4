"""The calls of Application Auto Scaling that change how an ECS service is scaled.

https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from controller.aws import AwsFailure
from controller.diff import Change, Entry, overlay
from controller.handler import Action, Target
from controller.kindlib.autoscaling import DIMENSION, SERVICE
from controller.kindlib.autoscaling_policies import action_request, policy_kind, policy_request
from controller.kindlib.planning import paths
from controller.policies import Doc


def scaling_actions(
    target: Target, resource_id: str, live: Doc, changes: Sequence[Change], after: tuple[str, ...]
) -> list[Action]:
    """The calls that make changes below `autoscaling`.

    live: the service's spec as AWS shows it (without `autoscaling` if nothing is registered).
    """
    wanted = target.spec.get("autoscaling")
    if wanted is None:
        return [deregister(resource_id, paths(changes))] if changes else []
    plan = _Plan(target, _ids(resource_id), live, after)
    todo = [c for c in changes if len(c.parts) == 1 or c.parts[1] not in _PARTS]
    if todo:
        plan.register(todo)
    made = {
        (part, key): found
        for part in _POLICIES
        for key, found in _keys(wanted, changes, part).items()
    }
    plan.make_room(made)
    for which, found in made.items():
        plan.policy(which, found)
    for key, found in _keys(wanted, changes, "scheduledActions").items():
        plan.schedule(key, found)
    awaited = {step for action in plan.actions for step in action.after}
    return sorted(plan.actions, key=lambda action: action.step not in awaited)


_POLICIES = ("policies", "foreignPolicies")
_PARTS = (*_POLICIES, "scheduledActions")
Which = tuple[str, str]
"""A policy: the part of the spec that it stands in, and its key there."""


def _ids(resource_id: str) -> Doc:
    return {
        "ServiceNamespace": "ecs",
        "ResourceId": resource_id,
        "ScalableDimension": DIMENSION,
    }


def _keys(wanted: Doc, changes: Sequence[Change], part: str) -> dict[str, list[Change]]:
    """Entries of `part` to write, with the changes made by that."""
    keys: dict[str, list[Change]] = {}
    for change in changes:
        if len(change.parts) > 2 and isinstance(change.parts[2], Entry):
            if change.parts[1] == part:
                keys.setdefault(change.parts[2].key, []).append(change)
        elif len(change.parts) == 1 or change.parts[1] == part:
            for key in wanted.get(part) or {}:
                keys.setdefault(key, []).append(change)
    return keys


def _step(which: Which) -> str:
    part, key = which
    return f"policy-{key}" if part == "policies" else f"foreign-policy-{key}"


def _metric(policy: Mapping[str, Any] | None) -> str:
    """What a policy of target tracking measures; of the others there may be many."""
    said = {
        name: policy[name]
        for name in ("predefinedMetric", "resourceLabel", "customizedMetric")
        if policy and policy.get(name)
    }
    return json.dumps(said, sort_keys=True) if said else ""


class _Plan:
    """The calls for one service's autoscaling, collected."""

    def __init__(self, target: Target, ids: Doc, live: Doc, after: tuple[str, ...]) -> None:
        self.target = target
        self.ids = ids
        self.live = live
        self.after = after
        self.wanted: Doc = target.spec["autoscaling"]
        self.there: Doc | None = live.get("autoscaling")
        self.actions: list[Action] = []
        self.replaced: set[Which] = set()
        self.room: dict[Which, list[str]] = {}

    def register(self, todo: Sequence[Change]) -> None:
        """The scalable target: all of it, or what changes."""
        params: Doc = dict(self.ids)
        whole = self.there is None or any(len(c.parts) == 1 for c in todo)
        touched = {str(c.parts[1]) for c in todo if len(c.parts) > 1}
        for member, name in (("minCapacity", "MinCapacity"), ("maxCapacity", "MaxCapacity")):
            if whole or member in touched:
                params[name] = self.wanted[member]
        suspended = self.wanted.get("suspendedState")
        if suspended is not None and (whole or "suspendedState" in touched):
            params["SuspendedState"] = {k[0].upper() + k[1:]: v for k, v in suspended.items()}
        self.actions.append(
            Action(SERVICE, "RegisterScalableTarget", params, paths(todo), step="scalable-target",
                   after=self.after, creates=self.there is None)
        )  # fmt: skip
        self.after = ("scalable-target",)

    def make_room(self, made: Mapping[Which, object]) -> None:
        """AWS takes one policy a metric: where one gets the metric that another one gives up, that
        other one goes first. AWS changes no policy's type either: another one takes its name.
        """
        for which in made:
            before, wanted = self.before(which), self.after_that(which)
            if before and wanted and policy_kind(before) != policy_kind(wanted):
                self.replaced.add(which)
        for which in made:
            metric = _metric(self.after_that(which))
            for other in made if metric else ():
                if other == which or _metric(self.before(other)) != metric:
                    continue
                if self.after_that(other) is None:
                    self.room.setdefault(which, []).append(_step(other))
                else:
                    self.replaced.add(other)
                    self.room.setdefault(which, []).append(f"{_step(other)}-old")

    def before(self, which: Which) -> Doc | None:
        """The policy as AWS shows it."""
        found: Doc | None = ((self.there or {}).get(which[0]) or {}).get(which[1])
        return found

    def after_that(self, which: Which) -> Doc | None:
        """The policy as it is declared."""
        found: Doc | None = (self.wanted.get(which[0]) or {}).get(which[1])
        return found

    def policy(self, which: Which, made: Sequence[Change]) -> None:
        """A policy: its whole configuration is replaced, so what is not declared goes along."""
        part, key = which
        step = _step(which)
        wanted, before = self.after_that(which), self.before(which)
        name = f"{self.target.name}-{key}" if part == "policies" else key
        gone = {"PolicyName": name, **self.ids}
        after = (*self.after, *self.room.get(which, ()))
        if wanted is None:
            if before is not None:
                self.actions.append(
                    Action(SERVICE, "DeleteScalingPolicy", gone, paths(made), step=step,
                           deletes=True)
                )  # fmt: skip
            return
        if which in self.replaced:
            self.actions.append(
                Action(SERVICE, "DeleteScalingPolicy", gone, step=f"{step}-old", deletes=True)
            )
            after, merged = (*after, f"{step}-old"), wanted
        else:
            merged = overlay(self.live, self.target.spec, made)["autoscaling"][part][key]
            for other in {"predefinedMetric", "resourceLabel", "customizedMetric"} - set(wanted):
                merged.pop(other, None)  # a policy has one metric
        self.actions.append(
            Action(SERVICE, "PutScalingPolicy", {**gone, **policy_request(merged)}, paths(made),
                   step=step, after=after, creates=self.there is None)
        )  # fmt: skip

    def schedule(self, key: str, made: Sequence[Change]) -> None:
        """A scheduled action, as a whole."""
        name = {"ScheduledActionName": key, **self.ids}
        wanted = (self.wanted.get("scheduledActions") or {}).get(key)
        if wanted is None:
            self.actions.append(
                Action(SERVICE, "DeleteScheduledAction", name, paths(made), step=f"schedule-{key}",
                       deletes=True)
            )  # fmt: skip
            return
        merged = overlay(self.live, self.target.spec, made)["autoscaling"]["scheduledActions"][key]
        self.actions.append(
            Action(SERVICE, "PutScheduledAction", {**name, **action_request(merged)}, paths(made),
                   step=f"schedule-{key}", after=self.after, creates=self.there is None)
        )  # fmt: skip


def deregister(resource_id: str, changes: tuple[str, ...] = ()) -> Action:
    """The call that ends autoscaling; AWS deletes policies and scheduled actions with it.

    changes: what it brings about; none if the service goes, too.
    """
    return Action(
        SERVICE, "DeregisterScalableTarget", _ids(resource_id), changes,
        risk="disruptive" if changes else "destructive", step="scalable-target", deletes=True,
    )  # fmt: skip


def not_seen_yet(action: Action, failure: AwsFailure) -> AwsFailure:
    """The failure, as `busy` where what it misses was made a moment ago.

    Application Auto Scaling learns of a new service, and its policies of a new target, after "a
    brief delay" (RegisterScalableTarget): that says nothing against the call.
    """
    missing = failure.failure == "not-found" or "doesn't exist" in failure.message
    late = ("RegisterScalableTarget", "PutScalingPolicy", "PutScheduledAction")
    if action.operation in late and missing:
        return AwsFailure("busy", failure.code, failure.message, failure.call)
    return failure
