"""Application Auto Scaling of an ECS service: scalable target, policies, scheduled actions.

https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-ecs.html
The target is found by the service's resource id. Policies take no tags: those of ours bear the
service's name as a prefix, `<service>-<key>`; others' are ours where they are written by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator, model_validator

from controller.aws import Aws
from controller.batching import batches
from controller.fields import fields_of
from controller.kindlib.autoscaling_policies import (
    ScalingPolicy,
    ScheduledAction,
    action_problems,
    action_spec,
    policy_problems,
    policy_spec,
)
from controller.kindlib.shapes import project
from controller.kindlib.values import number
from controller.kindlib.within import mapping, maps
from controller.policies import Doc, Keyed, OwnedBy, ServerDefault, Situation
from controller.spec import Model, holds_reference, text

SERVICE = "application-autoscaling"
DIMENSION = "ecs:service:DesiredCount"
POLICIES_A_PAGE = 10
_PAGES = "pages of scaling policies"
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


def policy_reads(aws: Aws, resource_ids: Sequence[str]) -> list[Callable[[], list[Doc]]]:
    """What to read for the scaling policies of these services. Each raises `AwsFailure`.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DescribeScalingPolicies.html
    AWS takes one service or none, and shows ten policies a page: all of the account's are read
    where that took no more pages last time than there are services to ask for.
    """
    pages = aws.cache.get(_PAGES, 0)
    if len(resource_ids) > 1 and pages <= len(resource_ids):
        return [partial(_all_policies, aws)]
    return [partial(_policies, aws, {"ResourceId": each}) for each in resource_ids]


def _all_policies(aws: Aws) -> list[Doc]:
    found = _policies(aws, {})
    aws.cache[_PAGES] = 1 + len(found) // POLICIES_A_PAGE
    return found


def _policies(aws: Aws, narrowed: Doc) -> list[Doc]:
    request = {"ServiceNamespace": "ecs", **narrowed}
    return aws.pages(SERVICE, "DescribeScalingPolicies", "ScalingPolicies", request)


def by_service(policies: Iterable[Doc]) -> dict[str, list[Doc]]:
    """Policies of the number of tasks, by resource id."""
    found: dict[str, list[Doc]] = {}
    for policy in policies:
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
    for key, action in mapping(scaling.get("scheduledActions")).items():
        yield from action_problems(f"autoscaling.scheduledActions.{key}", mapping(action))
    tracked = [
        [policy.get(n) for n in ("predefinedMetric", "resourceLabel", "customizedMetric")]
        for part in ("policies", "foreignPolicies")
        for policy in maps([*mapping(scaling.get(part)).values()])
        if policy.get("targetValue") is not None
    ]
    if any(tracked.count(metric) > 1 for metric in tracked):
        yield "autoscaling.policies: two policies track the same metric"
