"""Parts of a service in AWS's own words: where a field of ours stands in what AWS shows.

Written from AWS's API reference of `serviceConnectConfiguration`, `PutScalingPolicy` and
`PutScheduledAction`, not from the handlers.
"""

from __future__ import annotations

from typing import Any

from tests.perturbation.leaves import Leaf
from tests.perturbation.words import GONE, Doc, Way, change, pairs, pascal

METRIC = {"PredefinedMetricType": "ECSServiceAverageMemoryUtilization"}
TRACKING = {"PredefinedMetricSpecification": METRIC, "TargetValue": 70.0}
PARTS = {
    "stepScaling": ("StepScaling", "StepScalingPolicyConfiguration"),
    "predictiveScaling": ("PredictiveScaling", "PredictiveScalingPolicyConfiguration"),
}


def reconnect(config: Doc, leaf: Leaf, value: Any) -> None:
    """Change a Service Connect configuration."""
    steps = list(leaf.steps[1:])
    if steps[0] == "logLevel":
        config["containerConfigurations"] = [{"logLevel": value}]
    elif steps[-1] == "includeQueryParameters":
        config[steps[0]][steps[1]] = "ENABLED" if value else "DISABLED"
    elif steps[:2] == ["logConfiguration", "secretOptions"]:
        entry = ("name", str(steps[2]))
        held = GONE if value is GONE else {"valueFrom": value}
        change(config["logConfiguration"], ["secretOptions", entry], held)
    elif value is GONE and isinstance(steps[-1], int):
        rows = config
        for step in steps[:-1]:
            rows = rows[step]
        del rows[steps[-1]]
    else:
        at: Any = config
        for step in steps[:-1]:
            at = at[step]
        change(at, [steps[-1]], value)


def repolicy(policy: Doc, leaf: Leaf, value: Any) -> None:
    """Change a scaling policy as DescribeScalingPolicies shows it."""
    steps = leaf.steps[3:]
    field = str(steps[0])
    if field not in PARTS:
        change(policy["TargetTrackingScalingPolicyConfiguration"], tracking(leaf), value)
        return
    config = policy[PARTS[field][1]]
    if steps[1] == "stepAdjustments":
        held = config["StepAdjustments"]
        if value is GONE:
            del held[steps[2]]
        else:
            held[steps[2]][pascal(str(steps[3]))] = value
    elif steps[1] == "metricSpecifications":
        specs = config["MetricSpecifications"]
        specs[0]["TargetValue"] = specs[0]["TargetValue"] + 1
    else:
        config[pascal(str(steps[1]))] = value


def tracking(leaf: Leaf) -> Way:
    """Where a field of a policy of target tracking stands."""
    field, *inside = (str(s) for s in leaf.steps[3:])
    if field == "predefinedMetric":
        return ["PredefinedMetricSpecification", "PredefinedMetricType"]
    if field == "resourceLabel":
        return ["PredefinedMetricSpecification", "ResourceLabel"]
    if field == "customizedMetric":
        if inside[0] == "dimensions":
            return ["CustomizedMetricSpecification", *pairs("Dimensions", leaf, "Name", "Value")]
        return ["CustomizedMetricSpecification", pascal(inside[0])]
    return [pascal(field)]


def reschedule(held: Doc, leaf: Leaf, value: Any) -> None:
    """Change a scheduled action as DescribeScheduledActions shows it."""
    field = str(leaf.steps[3])
    if field in ("minCapacity", "maxCapacity"):
        held["ScalableTargetAction"][pascal(field)] = value
    else:
        held[pascal(field)] = value
