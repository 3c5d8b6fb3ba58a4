"""Application Auto Scaling of an ECS service: the scalable target and its policies.

https://docs.aws.amazon.com/autoscaling/application/userguide/services-that-can-integrate-ecs.html
The target is found by the service's resource id. Policies take no tags: those of ours bear the
service's name as a prefix, `<service>-<key>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.aws import Aws, AwsFailure
from controller.diff import Change, Entry, overlay
from controller.fields import fields_of
from controller.handler import Action, Target
from controller.kindlib.planning import paths
from controller.kindlib.reading import batches
from controller.kindlib.shapes import by_name, not_empty, pairs, project
from controller.policies import Doc, OwnedBy, ServerDefault, Situation, Unordered
from controller.spec import Model, holds_reference, text

SERVICE = "application-autoscaling"
DIMENSION = "ecs:service:DesiredCount"
_KEY = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"

PolicyKey = Annotated[
    str, AfterValidator(text(_KEY, says="a policy's name has 1-64 letters, digits or -_."))
]


class CustomizedMetric(Model):
    """A CloudWatch metric to keep at a value; it must fall as tasks are added."""

    metric_name: str
    """Name of the metric."""

    namespace: str
    """Namespace of the metric."""

    dimensions: dict[str, str] | None = None
    """Dimensions, all that the metric was published with."""

    statistic: Literal["Average", "Minimum", "Maximum", "SampleCount", "Sum"]
    """How data points of a minute are put together."""

    unit: str | None = None
    """Unit that the metric was published with. AWS's default is any."""


class ScalingPolicy(Model):
    """A target-tracking policy: tasks are added and removed so that a metric stays at a value."""

    target_value: float
    """The value to keep: percent for CPU and memory, requests a minute and task for the ALB's."""

    predefined_metric: (
        Literal[
            "ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization",
            "ALBRequestCountPerTarget", "ECSServiceAverageCPUUtilizationHighResolution",
            "ECSServiceAverageMemoryUtilizationHighResolution",
        ]
        | None
    ) = None  # fmt: skip
    """One of AWS's metrics of a service; or `customizedMetric`."""

    resource_label: str | None = None
    """For ALBRequestCountPerTarget: `app/<name>/<id>/targetgroup/<name>/<id>`, the ends of the
    load balancer's and the target group's ARN."""

    customized_metric: CustomizedMetric | None = None
    """Any metric, such as the length of a queue."""

    scale_in_cooldown: Annotated[Annotated[int, Field(ge=0)] | None, ServerDefault(300)] = None
    """Seconds between two removals of tasks. AWS's default is 300."""

    scale_out_cooldown: Annotated[Annotated[int, Field(ge=0)] | None, ServerDefault(300)] = None
    """Seconds that an addition of tasks is given to take effect. AWS's default is 300."""

    disable_scale_in: Annotated[bool | None, ServerDefault(False)] = None
    """True: this policy only adds tasks. AWS's default is false."""

    @model_validator(mode="after")
    def _one_metric(self) -> ScalingPolicy:
        if (self.predefined_metric is None) == (self.customized_metric is None):
            raise ValueError("predefinedMetric or customizedMetric, exactly one")
        by_requests = self.predefined_metric == "ALBRequestCountPerTarget"
        if by_requests and self.resource_label is None:
            raise ValueError("ALBRequestCountPerTarget needs resourceLabel")
        if self.resource_label is not None and not (
            by_requests or holds_reference(self.predefined_metric)
        ):
            raise ValueError("resourceLabel goes with ALBRequestCountPerTarget only")
        return self


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

    suspended_state: SuspendedState | None = None
    """Kinds of scaling that are switched off. AWS's default is none."""

    foreign_policies: Annotated[
        list[str] | None, Unordered(), OwnedBy("whoever made them", lambda *_: True)
    ] = None
    """Policies on the service that don't bear its name as prefix, or are no plain target tracking:
    never written or removed. Listed here they are no longer reported as undeclared."""

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
    """Scheduled actions of one service. Raises `AwsFailure`."""
    request = {
        "ServiceNamespace": "ecs",
        "ResourceId": resource_id,
        "ScalableDimension": DIMENSION,
    }
    return aws.pages(SERVICE, "DescribeScheduledActions", "ScheduledActions", request)


def autoscaling_spec(
    service: str, target: Mapping[str, Any], policies: Sequence[Mapping[str, Any]]
) -> Doc:
    """The scalable target and its policies in our language."""
    suspended = {
        k[0].lower() + k[1:]: v for k, v in (target.get("SuspendedState") or {}).items() if v
    }
    ours = {p["PolicyName"]: policy_key(service, p) for p in policies}
    out: Doc = {
        "minCapacity": target.get("MinCapacity"),
        "maxCapacity": target.get("MaxCapacity"),
        "suspendedState": suspended,
        "policies": {ours[p["PolicyName"]]: _policy_spec(p) for p in policies
                     if ours[p["PolicyName"]]},
        "foreignPolicies": sorted(name for name, key in ours.items() if not key),
    }  # fmt: skip
    spec: Doc = project(fields_of(Autoscaling), out)
    return spec


def policy_key(service: str, policy: Mapping[str, Any]) -> str:
    """The name that a policy of ours has in the spec; empty for others'."""
    name = str(policy["PolicyName"])
    key = name.removeprefix(f"{service}-")
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration") or {}
    custom = tracking.get("CustomizedMetricSpecification") or {}
    plain = policy.get("PolicyType") == "TargetTrackingScaling" and not custom.get("Metrics")
    return key if plain and key != name and re.fullmatch(_KEY, key) else ""


def _policy_spec(policy: Mapping[str, Any]) -> Doc:
    raw = policy["TargetTrackingScalingPolicyConfiguration"]
    out: Doc = {
        "targetValue": raw.get("TargetValue"),
        "scaleInCooldown": raw.get("ScaleInCooldown"),
        "scaleOutCooldown": raw.get("ScaleOutCooldown"),
        "disableScaleIn": raw.get("DisableScaleIn"),
    }
    if metric := raw.get("PredefinedMetricSpecification"):
        out["predefinedMetric"] = metric.get("PredefinedMetricType")
        out["resourceLabel"] = metric.get("ResourceLabel")
    if metric := raw.get("CustomizedMetricSpecification"):
        out["customizedMetric"] = {
            "metricName": metric.get("MetricName"),
            "namespace": metric.get("Namespace"),
            "dimensions": by_name(metric.get("Dimensions"), "Name", "Value"),
            "statistic": metric.get("Statistic"),
            "unit": metric.get("Unit"),
        }
    return out


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
    ids = {
        "ServiceNamespace": "ecs",
        "ResourceId": resource_id,
        "ScalableDimension": DIMENSION,
    }
    wanted = target.spec.get("autoscaling")
    if wanted is None:
        return [deregister(resource_id, paths(changes))] if changes else []
    actions = []
    there = live.get("autoscaling")
    todo = [c for c in changes if len(c.parts) == 1 or c.parts[1] not in _POLICY_PARTS]
    if todo:
        actions.append(_register(target, ids, there, todo, after))
        after = ("scalable-target",)
    keys = _policy_keys(wanted, changes)
    before = ((there or {}).get("policies")) or {}
    for key, made in keys.items():
        name = f"{target.name}-{key}"
        policy = (wanted.get("policies") or {}).get(key)
        if policy is not None:
            # The whole configuration is replaced: what is not declared goes along as it is.
            merged = overlay(live, target.spec, made)["autoscaling"]["policies"][key]
            for other in {"predefinedMetric", "resourceLabel", "customizedMetric"} - set(policy):
                merged.pop(other, None)  # a policy has one metric
            params = {
                "PolicyName": name,
                **ids,
                "PolicyType": "TargetTrackingScaling",
                "TargetTrackingScalingPolicyConfiguration": _policy_request(merged),
            }
            actions.append(
                Action(SERVICE, "PutScalingPolicy", params, paths(made), step=f"policy-{key}",
                       after=after, creates=there is None)
            )  # fmt: skip
        elif key in before:
            actions.append(
                Action(SERVICE, "DeleteScalingPolicy", {"PolicyName": name, **ids}, paths(made),
                       step=f"policy-{key}", deletes=True)
            )  # fmt: skip
    return actions


_POLICY_PARTS = ("policies", "foreignPolicies")


def _policy_keys(wanted: Doc, changes: Sequence[Change]) -> dict[str, list[Change]]:
    """Policies to write, with the changes made by that."""
    keys: dict[str, list[Change]] = {}
    for change in changes:
        if len(change.parts) > 2 and isinstance(change.parts[2], Entry):
            if change.parts[1] == "policies":
                keys.setdefault(change.parts[2].key, []).append(change)
        elif len(change.parts) == 1 or change.parts[1] == "policies":
            for key in wanted.get("policies") or {}:
                keys.setdefault(key, []).append(change)
    return keys


def _register(
    target: Target, ids: Doc, there: Doc | None, todo: Sequence[Change], after: tuple[str, ...]
) -> Action:
    wanted = target.spec["autoscaling"]
    params: Doc = dict(ids)
    whole = there is None or any(len(c.parts) == 1 for c in todo)
    touched = {str(c.parts[1]) for c in todo if len(c.parts) > 1}
    for member, name in (("minCapacity", "MinCapacity"), ("maxCapacity", "MaxCapacity")):
        if whole or member in touched:
            params[name] = wanted[member]
    suspended = wanted.get("suspendedState")
    if suspended is not None and (whole or "suspendedState" in touched):
        params["SuspendedState"] = {k[0].upper() + k[1:]: v for k, v in suspended.items()}
    return Action(
        SERVICE, "RegisterScalableTarget", params, paths(todo), step="scalable-target",
        after=after, creates=there is None,
    )  # fmt: skip


def deregister(resource_id: str, changes: tuple[str, ...] = ()) -> Action:
    """The call that ends autoscaling; AWS deletes the policies with it."""
    params = {
        "ServiceNamespace": "ecs",
        "ResourceId": resource_id,
        "ScalableDimension": DIMENSION,
    }
    return Action(
        SERVICE, "DeregisterScalableTarget", params, changes, risk="destructive",
        step="scalable-target", deletes=True,
    )  # fmt: skip


def not_seen_yet(action: Action, failure: AwsFailure) -> AwsFailure:
    """The failure, as `busy` where what it misses was made a moment ago.

    Application Auto Scaling learns of a new service, and its policies of a new target, after "a
    brief delay" (RegisterScalableTarget): that says nothing against the call.
    """
    missing = failure.failure == "not-found" or "doesn't exist" in failure.message
    if action.operation in ("RegisterScalableTarget", "PutScalingPolicy") and missing:
        return AwsFailure("busy", failure.code, failure.message, failure.call)
    return failure


def _policy_request(policy: Doc) -> Doc:
    out: Doc = {
        "TargetValue": policy["targetValue"],
        **not_empty(
            {
                "ScaleInCooldown": policy.get("scaleInCooldown"),
                "ScaleOutCooldown": policy.get("scaleOutCooldown"),
                "DisableScaleIn": policy.get("disableScaleIn"),
            }
        ),
    }
    if metric := policy.get("predefinedMetric"):
        out["PredefinedMetricSpecification"] = not_empty(
            {"PredefinedMetricType": metric, "ResourceLabel": policy.get("resourceLabel")}
        )
    if metric := policy.get("customizedMetric"):
        out["CustomizedMetricSpecification"] = not_empty(
            {
                "MetricName": metric["metricName"],
                "Namespace": metric["namespace"],
                "Dimensions": pairs(metric.get("dimensions") or {}, "Name", "Value"),
                "Statistic": metric["statistic"],
                "Unit": metric.get("unit"),
            }
        )
    return out
