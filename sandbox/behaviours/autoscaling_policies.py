"""Scaling policies, and the CloudWatch alarms that target tracking makes for itself."""

from __future__ import annotations

import copy
import re
from itertools import pairwise
from typing import Any

from sandbox.autoscaler import CPU, DIMENSION, SCALE_IN_BELOW, Scaler
from sandbox.behaviours.autoscaling import (
    API,
    check_quota,
    describe,
    identity,
    invalid,
    not_found,
    scaler,
    selected,
    target,
)
from sandbox.errors import AwsError
from sandbox.nested import honour
from sandbox.registry import Context, Params, Reply, behaviour

Config = dict[str, Any]
TRACKING, STEP = "TargetTrackingScalingPolicyConfiguration", "StepScalingPolicyConfiguration"
PREDICTIVE = "PredictiveScalingPolicyConfiguration"
KINDS = {"TargetTrackingScaling": TRACKING, "StepScaling": STEP, "PredictiveScaling": PREDICTIVE}
MEMORY, REQUESTS = "ECSServiceAverageMemoryUtilization", "ALBRequestCountPerTarget"
FINE = "HighResolution"
MOST_STEPS = 20
STATE = ("StateValue", "StateReason", "StateUpdatedTimestamp", "StateTransitionedTimestamp")
LABEL = re.compile(r"app/[^/]+/[0-9a-f]+/targetgroup/[^/]+/[0-9a-f]+")


def _check_tracking(config: Config) -> None:
    honour(
        TRACKING, config,
        "TargetValue PredefinedMetricSpecification CustomizedMetricSpecification "
        "ScaleOutCooldown ScaleInCooldown DisableScaleIn",
    )  # fmt: skip
    predefined = config.get("PredefinedMetricSpecification")
    customized = config.get("CustomizedMetricSpecification")
    if (predefined is None) == (customized is None):
        raise invalid("Exactly one of a predefined and a customized metric must be specified.")
    if config["TargetValue"] <= 0:
        raise invalid("TargetValue must be greater than 0.")
    if customized is not None:
        honour(
            "CustomizedMetricSpecification", customized,
            "MetricName Namespace Dimensions Statistic Unit Metrics",
        )  # fmt: skip
        if "Metrics" in customized:
            _check_math(customized)
            return
        if not {"MetricName", "Namespace", "Statistic"} <= set(customized):
            raise invalid("A customized metric needs MetricName, Namespace and Statistic.")
        return
    assert predefined is not None
    kind, label = predefined["PredefinedMetricType"], predefined.get("ResourceLabel")
    if kind not in (CPU, MEMORY, REQUESTS, CPU + FINE, MEMORY + FINE):
        raise invalid(f"Unsupported predefined metric type for ECS services: {kind}")
    if kind == REQUESTS and not LABEL.fullmatch(label or ""):
        raise invalid(f"Invalid resource label for {REQUESTS}: {label}")
    if kind != REQUESTS and label is not None:
        raise invalid(f"ResourceLabel can only be specified with {REQUESTS}.")


def _check_step(config: Config) -> None:
    honour(
        STEP, config,
        "AdjustmentType StepAdjustments MinAdjustmentMagnitude Cooldown MetricAggregationType",
    )  # fmt: skip
    steps = config.get("StepAdjustments")
    if not steps or "AdjustmentType" not in config:
        raise invalid("A step scaling policy needs AdjustmentType and StepAdjustments.")
    if len(steps) > MOST_STEPS:
        raise AwsError("LimitExceededException", f"At most {MOST_STEPS} step adjustments.")
    if "MinAdjustmentMagnitude" in config and (
        config["AdjustmentType"] != "PercentChangeInCapacity"
    ):
        raise invalid("MinAdjustmentMagnitude needs PercentChangeInCapacity.")
    least, most = float("-inf"), float("inf")
    bounds = sorted(
        (s.get("MetricIntervalLowerBound", least), s.get("MetricIntervalUpperBound", most))
        for s in steps
    )
    for low, high in bounds:
        if low >= high:
            raise invalid("The lower bound must be less than the upper bound.")
    for (_, high), (low, _) in pairwise(bounds):
        if high > low:
            raise invalid("Step adjustment intervals must not overlap.")
        if high < low:
            raise invalid("Step adjustment intervals must not have a gap.")
    for step in steps:
        if config["AdjustmentType"] == "ExactCapacity" and step["ScalingAdjustment"] < 0:
            raise invalid("ScalingAdjustment must not be negative with ExactCapacity.")


def _check_math(customized: Config) -> None:
    if set(customized) != {"Metrics"}:
        raise invalid("Metrics and a single metric can't be specified together.")
    queries = customized["Metrics"]
    if len({q["Id"] for q in queries}) != len(queries):
        raise invalid("Metric ids must be unique.")
    for query in queries:
        if ("Expression" in query) == ("MetricStat" in query):
            raise invalid("Either Expression or MetricStat must be specified for each metric.")
    if sum(1 for q in queries if q.get("ReturnData", True)) != 1:
        raise invalid("Exactly one metric must return data.")


def _check_predictive(config: Config) -> None:
    honour(
        PREDICTIVE, config,
        "MetricSpecifications Mode SchedulingBufferTime MaxCapacityBreachBehavior "
        "MaxCapacityBuffer",
    )  # fmt: skip
    if len(config["MetricSpecifications"]) != 1:
        raise invalid("Exactly one metric specification is supported.")
    if not 0 <= config.get("SchedulingBufferTime", 300) < 3600:
        raise invalid("SchedulingBufferTime must be less than 3600 seconds.")
    grows = config.get("MaxCapacityBreachBehavior") == "IncreaseMaxCapacity"
    if grows != ("MaxCapacityBuffer" in config):
        raise invalid("MaxCapacityBuffer is required with IncreaseMaxCapacity, and only then.")


CHECKS = {
    "TargetTrackingScaling": _check_tracking,
    "StepScaling": _check_step,
    "PredictiveScaling": _check_predictive,
}


def _metric(resource: str, config: Config) -> Config:
    """The metric of the alarms."""
    custom = config.get("CustomizedMetricSpecification")
    if custom is not None and "Metrics" in custom:
        return {"Metrics": copy.deepcopy(custom["Metrics"])}
    if custom is not None:
        found = {k: copy.deepcopy(v) for k, v in custom.items() if k != "Dimensions"}
        return {**found, "Dimensions": copy.deepcopy(custom.get("Dimensions") or [])}
    predefined = config["PredefinedMetricSpecification"]
    if predefined["PredefinedMetricType"] == REQUESTS:
        balancer, _, group = predefined["ResourceLabel"].partition("/targetgroup/")
        return {
            "MetricName": "RequestCountPerTarget",
            "Namespace": "AWS/ApplicationELB",
            "Statistic": "Sum",
            "Dimensions": [
                {"Name": "LoadBalancer", "Value": balancer},
                {"Name": "TargetGroup", "Value": "targetgroup/" + group},
            ],
        }
    _, cluster, service = resource.split("/")
    cpu = predefined["PredefinedMetricType"].startswith(CPU)
    return {
        "MetricName": "CPUUtilization" if cpu else "MemoryUtilization",
        "Namespace": "AWS/ECS",
        "Statistic": "Average",
        "Unit": "Percent",
        "Dimensions": [
            {"Name": "ClusterName", "Value": cluster},
            {"Name": "ServiceName", "Value": service},
        ],
    }


def _put_alarms(ctx: Context, policy: Config) -> list[dict[str, str]]:
    """Make or update the alarms of a target-tracking policy; they keep their names."""
    config = policy[TRACKING]
    alarms = ctx.other("cloudwatch").setdefault("alarms", {})
    refs = []
    sides = {
        "AlarmHigh": ("GreaterThanThreshold", 3, config["TargetValue"]),
        "AlarmLow": ("LessThanThreshold", 15, config["TargetValue"] * SCALE_IN_BELOW),
    }
    if config.get("DisableScaleIn"):
        del sides["AlarmLow"]
    for side, (operator, periods, threshold) in sides.items():
        old = next((a for a in policy["Alarms"] if f"-{side}-" in a["AlarmName"]), None)
        name = f"TargetTracking-{policy['ResourceId']}-{side}-{ctx.uuid()}"
        if old is not None:
            name = old["AlarmName"]
        arn = ctx.arn(f"alarm:{name}", "cloudwatch")
        state = {k: v for k, v in alarms.get(name, {}).items() if k in STATE}
        alarms[name] = {
            "AlarmName": name,
            "AlarmArn": arn,
            "AlarmDescription": "DO NOT EDIT OR DELETE. For TargetTrackingScaling policy "
            f"{policy['PolicyARN']}.",
            "AlarmConfigurationUpdatedTimestamp": ctx.now,
            "ActionsEnabled": True,
            "OKActions": [],
            "AlarmActions": [policy["PolicyARN"]],
            "InsufficientDataActions": [],
            "StateValue": "INSUFFICIENT_DATA",
            "StateReason": "Unchecked: Initial alarm creation",
            "StateUpdatedTimestamp": ctx.now,
            "StateTransitionedTimestamp": ctx.now,
            **state,
            **_metric(policy["ResourceId"], config),
            "Period": 60,
            "EvaluationPeriods": periods,
            "Threshold": float(threshold),
            "ComparisonOperator": operator,
        }
        refs.append({"AlarmName": name, "AlarmARN": arn})
    for ref in policy["Alarms"]:
        if ref not in refs:
            alarms.pop(ref["AlarmName"], None)
    return refs


def _check_alone(others: Scaler, name: str, config: Config) -> None:
    for other in others.policies():
        theirs = other.get(TRACKING, {})
        metrics = ("PredefinedMetricSpecification", "CustomizedMetricSpecification")
        same = theirs and all(theirs.get(m) == config.get(m) for m in metrics)
        if other["PolicyName"] != name and same:
            raise invalid(
                "Only one TargetTrackingScaling policy for a given metric specification is allowed."
            )


@behaviour(
    "application-autoscaling", "PutScalingPolicy",
    "PolicyName ServiceNamespace ResourceId ScalableDimension PolicyType "
    "StepScalingPolicyConfiguration TargetTrackingScalingPolicyConfiguration "
    "PredictiveScalingPolicyConfiguration",
    evidence="documented", source=API + "API_PutScalingPolicy.html; alarm names on an update: "
    "assumed to stay",
)  # fmt: skip
def put_scaling_policy(ctx: Context, params: Params) -> Reply:
    resource = target(ctx, params)["ResourceId"]
    name = params["PolicyName"]
    policies = ctx.store.setdefault("policies", {})
    old = policies.get(f"{resource} {name}")
    kind = params.get("PolicyType", old["PolicyType"] if old else "StepScaling")
    if kind not in KINDS:
        raise invalid(f"Unknown policy type: {kind}")
    if old is not None and old["PolicyType"] != kind:
        raise invalid("The type of a scaling policy cannot be changed.")
    member = KINDS[kind]
    if not 1 <= len(name) <= 256:
        raise invalid("A policy name has 1 to 256 characters.")
    if {TRACKING, STEP, PREDICTIVE} & set(params) - {member}:
        raise invalid(f"Only {member} can be specified for a {kind} policy.")
    if member not in params and old is None:
        raise invalid(f"{member} is required for a {kind} policy.")
    check_quota(ctx, "policies", f"{resource} {name}", resource)
    config = copy.deepcopy(params.get(member) or (old or {})[member])
    CHECKS[kind](config)
    if kind == "TargetTrackingScaling":
        _check_alone(scaler(ctx, resource), name, config)
    arn = (
        f"arn:aws:autoscaling:{ctx.region}:{ctx.account}:scalingPolicy:{ctx.uuid()}:"
        f"resource/ecs/{resource}:policyName/{name}"
    )
    policy = {
        "PolicyARN": old["PolicyARN"] if old else arn,
        "PolicyName": name,
        "ServiceNamespace": "ecs",
        "ResourceId": resource,
        "ScalableDimension": DIMENSION,
        "PolicyType": kind,
        member: config,
        "Alarms": old["Alarms"] if old else [],
        "CreationTime": old["CreationTime"] if old else ctx.now,
    }
    if kind == "TargetTrackingScaling":
        policy["Alarms"] = _put_alarms(ctx, policy)
    policies[f"{resource} {name}"] = policy
    return {"PolicyARN": policy["PolicyARN"], "Alarms": copy.deepcopy(policy["Alarms"])}


@behaviour(
    "application-autoscaling", "DescribeScalingPolicies",
    "PolicyNames ServiceNamespace ResourceId ScalableDimension MaxResults NextToken",
    evidence="documented", source=API + "API_DescribeScalingPolicies.html",
)  # fmt: skip
def describe_scaling_policies(ctx: Context, params: Params) -> Reply:
    wanted = params.get("PolicyNames")
    found = selected(params, ctx.view.get("policies", {}).values())
    chosen = {p["PolicyARN"]: p for p in found if not wanted or p["PolicyName"] in wanted}
    return describe(ctx, params, "ScalingPolicies", chosen, 10)


@behaviour(
    "application-autoscaling", "DeleteScalingPolicy",
    "PolicyName ServiceNamespace ResourceId ScalableDimension",
    evidence="documented", source=API + "API_DeleteScalingPolicy.html",
)  # fmt: skip
def delete_scaling_policy(ctx: Context, params: Params) -> Reply:
    name = params["PolicyName"]
    policy = ctx.store.get("policies", {}).pop(f"{identity(params)} {name}", None)
    if policy is None:
        raise not_found("No scaling policy found", params, f", policy name: {name}")
    for alarm in policy["Alarms"]:
        ctx.other("cloudwatch").get("alarms", {}).pop(alarm["AlarmName"], None)
    return {}
