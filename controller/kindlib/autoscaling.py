"""Application Auto Scaling of an ECS service: scalable target, policies, scheduled actions.

https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-ecs.html
The target is found by the service's resource id. Policies take no tags: those of ours bear the
service's name as a prefix, `<service>-<key>`; others' are ours where they are written by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from controller.aws import Aws, AwsFailure
from controller.diff import Change, Entry, overlay
from controller.fields import fields_of
from controller.handler import Action, Target
from controller.kindlib.autoscaling_policies import (
    ScalingPolicy,
    ScheduledAction,
    action_request,
    action_spec,
    policy_kind,
    policy_problems,
    policy_request,
    policy_spec,
)
from controller.kindlib.planning import paths
from controller.kindlib.reading import batches
from controller.kindlib.shapes import project
from controller.kindlib.values import number
from controller.kindlib.within import mapping, maps
from controller.policies import Doc, Keyed, OwnedBy, ServerDefault, Situation
from controller.spec import Model, holds_reference, text

SERVICE = "application-autoscaling"
DIMENSION = "ecs:service:DesiredCount"
_KEY = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"

PolicyKey = Annotated[
    str, AfterValidator(text(_KEY, says="a policy's name has 1-64 letters, digits or -_."))
]
OwnName = Annotated[str, AfterValidator(text(low=1, high=256))]
ActionName = Annotated[
    str,
    AfterValidator(
        text(
            r"(?! )[^\x00-\x1f\x7f-\x9f:/|]{1,256}(?<! )",
            says="1-256 characters but :, / and |, with no space at the ends",
        )
    ),
]


class SuspendedState(Model):
    """Kinds of scaling that are switched off."""

    dynamic_scaling_in_suspended: Annotated[bool | None, ServerDefault(False)] = None
    """Policies remove no tasks. AWS's default is false."""

    dynamic_scaling_out_suspended: Annotated[bool | None, ServerDefault(False)] = None
    """Policies add no tasks. AWS's default is false."""

    scheduled_scaling_suspended: Annotated[bool | None, ServerDefault(False)] = None
    """Scheduled actions do nothing. AWS's default is false."""


def scheduled(situation: Situation, wanted: Any, live: Any) -> bool:
    """True if scheduled actions move the bounds: the live value is then theirs."""
    return any(
        {"MinCapacity", "MaxCapacity"} & set(a.get("ScalableTargetAction") or {})
        for a in situation.raw.get("scheduledActions") or ()
    )


class Autoscaling(Model):
    """How many tasks the service may have, and what decides it."""

    min_capacity: Annotated[Annotated[int, Field(ge=0)], OwnedBy("scheduled scaling", scheduled)]
    """Fewest tasks. Two, in different zones, survive the loss of one. While scheduled scaling
    actions exist they move this, and the live value is theirs."""

    max_capacity: Annotated[Annotated[int, Field(ge=0)], OwnedBy("scheduled scaling", scheduled)]
    """Most tasks; it bounds the cost. Scheduled scaling actions may move it."""

    policies: dict[PolicyKey, ScalingPolicy] = Field(default_factory=dict)
    """Policies by name, all of ours (in AWS: `<service>-<name>`); the one that wants most tasks
    wins. Without any, the number of tasks stays where it is between the bounds."""

    foreign_policies: Annotated[dict[OwnName, ScalingPolicy], Keyed()] = Field(default_factory=dict)
    """Policies whose name in AWS does not begin with the service's, by their whole name: adopted
    ones. Only those written here are ours; others' are reported as undeclared and left alone."""

    scheduled_actions: Annotated[dict[ActionName, ScheduledAction], Keyed()] = Field(
        default_factory=dict
    )
    """New bounds at certain times, by name. Only those written here are ours. While there are any,
    ours or others', the bounds in force are theirs."""

    suspended_state: SuspendedState | None = None
    """Kinds of scaling that are switched off. AWS's default is none."""

    @field_validator("foreign_policies", mode="before")
    @classmethod
    def _by_name(cls, value: Any) -> Any:
        if isinstance(value, list):
            raise ValueError(
                "is a map by name now, of those that are ours; others' are left alone anyway"
            )
        return value

    @model_validator(mode="after")
    def _bounds(self) -> Autoscaling:
        low, high = self.min_capacity, self.max_capacity
        if not holds_reference(low) and not holds_reference(high) and low > high:
            raise ValueError(f"minCapacity {low} is more than maxCapacity {high}")
        return self


def read_targets(aws: Aws, resource_ids: Sequence[str]) -> dict[str, Doc]:
    """Scalable targets of these services by resource id. Raises `AwsFailure`."""
    found: dict[str, Doc] = {}
    for ids in batches(sorted(resource_ids), 50):
        request = {
            "ServiceNamespace": "ecs",
            "ResourceIds": list(ids),
            "ScalableDimension": DIMENSION,
        }
        for target in aws.pages(SERVICE, "DescribeScalableTargets", "ScalableTargets", request):
            found[target["ResourceId"]] = target
    return found


def read_policies(aws: Aws) -> dict[str, list[Doc]]:
    """Scaling policies of all services by resource id, in one paged read. Raises `AwsFailure`."""
    found: dict[str, list[Doc]] = {}
    request = {"ServiceNamespace": "ecs"}
    for policy in aws.pages(SERVICE, "DescribeScalingPolicies", "ScalingPolicies", request):
        if policy.get("ScalableDimension") == DIMENSION:
            found.setdefault(policy["ResourceId"], []).append(policy)
    return found


def read_schedule(aws: Aws, resource_id: str) -> list[Any]:
    """Scheduled actions of one service, all read at once in a pass. Raises `AwsFailure`."""

    def read() -> dict[str, list[Doc]]:
        found: dict[str, list[Doc]] = {}
        request = {"ServiceNamespace": "ecs"}
        for action in aws.pages(SERVICE, "DescribeScheduledActions", "ScheduledActions", request):
            if action.get("ScalableDimension", DIMENSION) == DIMENSION:
                found.setdefault(action["ResourceId"], []).append(action)
        return found

    every: dict[str, list[Doc]] = aws.once("scheduled actions", read)
    return every.get(resource_id, [])


def autoscaling_spec(
    service: str,
    target: Mapping[str, Any],
    policies: Sequence[Mapping[str, Any]],
    actions: Sequence[Mapping[str, Any]],
) -> Doc:
    """The scalable target, its policies and scheduled actions in our language."""
    suspended = {
        k[0].lower() + k[1:]: v for k, v in (target.get("SuspendedState") or {}).items() if v
    }
    ours = {p["PolicyName"]: policy_key(service, p) for p in policies}
    out: Doc = {
        "minCapacity": target.get("MinCapacity"),
        "maxCapacity": target.get("MaxCapacity"),
        "suspendedState": suspended,
        "policies": {key: policy_spec(p) for p in policies if (key := ours[p["PolicyName"]])},
        "foreignPolicies": {
            p["PolicyName"]: policy_spec(p) for p in policies if not ours[p["PolicyName"]]
        },
        "scheduledActions": {a["ScheduledActionName"]: action_spec(a) for a in actions},
    }
    spec: Doc = project(fields_of(Autoscaling), out)
    return spec


def policy_key(service: str, policy: Mapping[str, Any]) -> str:
    """The name that a policy of ours has in the spec; empty for others'."""
    name = str(policy["PolicyName"])
    key = name.removeprefix(f"{service}-")
    return key if key != name and re.fullmatch(_KEY, key) else ""


def clamp_to_bounds(situation: Situation, live: Any) -> Any:
    """The nearest number of tasks that the autoscaler may choose; None: no opinion (case 34)."""
    bounds = situation.desired.get("autoscaling")
    if not isinstance(bounds, dict) or not isinstance(live, int):
        return None
    if scheduled(situation, None, None):
        bounds = situation.live.get("autoscaling") or bounds
    low, high = bounds.get("minCapacity"), bounds.get("maxCapacity")
    if not isinstance(low, int) or not isinstance(high, int):
        return None
    return max(low, min(high, live))


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
    for part in ("policies", "foreignPolicies"):
        for key, made in _keys(wanted, changes, part).items():
            plan.policy(part, key, made)
    for key, made in _keys(wanted, changes, "scheduledActions").items():
        plan.schedule(key, made)
    return plan.actions


_PARTS = ("policies", "foreignPolicies", "scheduledActions")


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

    def policy(self, part: str, key: str, made: Sequence[Change]) -> None:
        """A policy: its whole configuration is replaced, so what is not declared goes along."""
        name = f"{self.target.name}-{key}" if part == "policies" else key
        step = f"policy-{key}" if part == "policies" else f"foreign-policy-{key}"
        wanted = (self.wanted.get(part) or {}).get(key)
        before = ((self.there or {}).get(part) or {}).get(key)
        gone = {"PolicyName": name, **self.ids}
        after = self.after
        if wanted is None:
            if before is not None:
                self.actions.append(
                    Action(SERVICE, "DeleteScalingPolicy", gone, paths(made), step=step,
                           deletes=True)
                )  # fmt: skip
            return
        if before is not None and policy_kind(before) != policy_kind(wanted):
            # AWS changes no policy's type: another one takes its name.
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
    """The call that ends autoscaling; AWS deletes policies and scheduled actions with it."""
    return Action(
        SERVICE, "DeregisterScalableTarget", _ids(resource_id), changes, risk="destructive",
        step="scalable-target", deletes=True,
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


def autoscaling_problems(spec: Mapping[str, Any]) -> Iterator[str]:
    """What Application Auto Scaling refuses. spec: of the service."""
    scaling = spec.get("autoscaling")
    if not isinstance(scaling, Mapping):
        return
    low, high, count = (
        number(scaling.get("minCapacity")), number(scaling.get("maxCapacity")),
        number(spec.get("desiredCount")),
    )  # fmt: skip
    if low is not None and high is not None and count is not None and not low <= count <= high:
        yield (
            f"desiredCount: {count} is outside autoscaling's {low} to {high}; leave it out to "
            "start with minCapacity"
        )
    for part in ("policies", "foreignPolicies"):
        for key, policy in mapping(scaling.get(part)).items():
            yield from policy_problems(f"autoscaling.{part}.{key}", mapping(policy))
    tracked = [
        [policy.get(n) for n in ("predefinedMetric", "resourceLabel", "customizedMetric")]
        for part in ("policies", "foreignPolicies")
        for policy in maps([*mapping(scaling.get(part)).values()])
        if policy.get("targetValue") is not None
    ]
    if any(tracked.count(metric) > 1 for metric in tracked):
        yield "autoscaling.policies: two policies track the same metric"
