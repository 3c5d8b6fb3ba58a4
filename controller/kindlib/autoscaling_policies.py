"""Scaling policies and scheduled actions of an ECS service, in AWS's words and in ours.

https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html
Target tracking is written flat, its metric with it; step and predictive scaling stand each in a
part of their own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from controller.kindlib.aws_shapes import check_shape
from controller.kindlib.shapes import by_name, not_empty, pairs
from controller.kindlib.values import number
from controller.kindlib.within import known, mapping, maps
from controller.policies import Canonical, Doc, ServerDefault
from controller.spec import Model, holds_reference, text

KINDS = {
    "TargetTrackingScaling": "TargetTrackingScalingPolicyConfiguration",
    "StepScaling": "StepScalingPolicyConfiguration",
    "PredictiveScaling": "PredictiveScalingPolicyConfiguration",
}
"""AWS's types of policies, and the member that holds the configuration of each."""


def upper(value: Any) -> Any:
    """camelCase members in AWS's PascalCase, at any depth."""
    if isinstance(value, Mapping):
        return {k[0].upper() + k[1:]: upper(v) for k, v in value.items()}
    return [upper(v) for v in value] if isinstance(value, (list, tuple)) else value


def lower(value: Any) -> Any:
    """AWS's PascalCase members in camelCase, at any depth."""
    if isinstance(value, Mapping):
        return {k[0].lower() + k[1:]: lower(v) for k, v in value.items()}
    return [lower(v) for v in value] if isinstance(value, (list, tuple)) else value


def _shaped(shape: str) -> Any:
    def check(value: Any) -> Any:
        if not holds_reference(value):
            check_shape("application-autoscaling", shape, upper(value))
        return value

    return check


class CustomizedMetric(Model):
    """A CloudWatch metric to keep at a value; it must fall as tasks are added."""

    metric_name: str | None = None
    """Name of the metric; or `metrics`."""

    namespace: str | None = None
    """Namespace of the metric."""

    dimensions: dict[str, str] | None = None
    """Dimensions, all that the metric was published with."""

    statistic: Literal["SampleCount", "Average", "Sum", "Minimum", "Maximum"] | None = None
    """How data points of a minute are put together."""

    unit: str | None = None
    """Unit that the metric was published with. AWS's default is any."""

    metrics: Annotated[Any, AfterValidator(_shaped("TargetTrackingMetricDataQueries"))] = None
    """Several metrics and a calculation with them, in AWS's words in camelCase (`id`,
    `expression`, `metricStat`, `returnData`): instead of the other fields."""

    @model_validator(mode="after")
    def _one_or_math(self) -> CustomizedMetric:
        plain = (self.metric_name, self.namespace, self.statistic)
        if self.metrics is None and None in plain:
            raise ValueError("metricName, namespace and statistic are needed, or metrics")
        if self.metrics is not None and (*plain, self.dimensions, self.unit) != (None,) * 5:
            raise ValueError("metrics stands for all other fields")
        return self


class StepAdjustment(Model):
    """What a breach of a certain size does."""

    metric_interval_lower_bound: float | None = None
    """From so much beyond the alarm's threshold. AWS's default is minus infinity."""

    metric_interval_upper_bound: float | None = None
    """Up to so much beyond it. AWS's default is infinity."""

    scaling_adjustment: int
    """Tasks, or percent, to add; negative: to remove."""


def _by_bound(steps: list[Any]) -> list[Any]:
    """Steps by the bound that they begin at: AWS's provider schema gives their order no meaning."""

    def begins(step: Any) -> float:
        bound = (
            step.get("metricIntervalLowerBound")
            if isinstance(step, Mapping)
            else step.metric_interval_lower_bound
        )
        return float(bound) if isinstance(bound, (int, float)) else -math.inf

    return sorted(steps, key=begins)


class StepScaling(Model):
    """Step scaling: an alarm of yours runs the policy (its ARN is one of the alarm's actions)."""

    adjustment_type: Literal["ChangeInCapacity", "PercentChangeInCapacity", "ExactCapacity"]
    """What adjustments mean: tasks, percent of them, or how many there are to be."""

    step_adjustments: Annotated[
        list[StepAdjustment], Field(min_length=1), AfterValidator(_by_bound)
    ]
    """What to do, by the size of the breach; in any order."""

    min_adjustment_magnitude: int | None = None
    """Fewest tasks to add or remove, with PercentChangeInCapacity."""

    cooldown: Annotated[Annotated[int, Field(ge=0)] | None, ServerDefault(300)] = None
    """Seconds that a change is given to take effect. AWS's default is 300."""

    metric_aggregation_type: Annotated[
        Literal["Average", "Minimum", "Maximum"] | None, ServerDefault("Average")
    ] = None
    """How the metric's data points are put together. AWS's default is Average."""


class PredictiveScaling(Model):
    """Predictive scaling: tasks are there before the load that is forecast."""

    metric_specifications: Annotated[
        Any, AfterValidator(_shaped("PredictiveScalingMetricSpecifications"))
    ]
    """The one specification of load and scaling metric with `targetValue`, in AWS's words in
    camelCase, in a list."""

    mode: Annotated[
        Literal["ForecastOnly", "ForecastAndScale"] | None, ServerDefault("ForecastOnly")
    ] = None
    """ForecastOnly: just look. AWS's default is ForecastOnly."""

    scheduling_buffer_time: Annotated[
        Annotated[int, Field(ge=0, le=3599)] | None, ServerDefault(300)
    ] = None
    """Seconds that tasks are started ahead. AWS's default is 300."""

    max_capacity_breach_behavior: Annotated[
        Literal["HonorMaxCapacity", "IncreaseMaxCapacity"] | None, ServerDefault("HonorMaxCapacity")
    ] = None
    """What a forecast beyond `maxCapacity` does. AWS's default is HonorMaxCapacity."""

    max_capacity_buffer: Annotated[int, Field(ge=0, le=100)] | None = None
    """Percent above the forecast, with IncreaseMaxCapacity."""


class ScalingPolicy(Model):
    """A target-tracking policy (tasks are added and removed so that a metric stays at a value), or
    a step or predictive one."""

    target_value: float | None = None
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

    resource_label: Annotated[str, AfterValidator(text(low=1, high=1023))] | None = None
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

    step_scaling: StepScaling | None = None
    """Steps, instead of a value to keep."""

    predictive_scaling: PredictiveScaling | None = None
    """A forecast, instead of a value to keep."""

    @model_validator(mode="after")
    def _one_kind(self) -> ScalingPolicy:
        kinds = (self.target_value, self.step_scaling, self.predictive_scaling)
        if sum(k is not None for k in kinds) != 1:
            raise ValueError("targetValue, stepScaling or predictiveScaling, exactly one")
        if self.target_value is None:
            if self.predefined_metric is not None or self.customized_metric is not None:
                raise ValueError("predefinedMetric and customizedMetric go with targetValue")
            return self
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


def _moment(value: Any) -> Any:
    """A date in any spelling, as its instant."""
    if not isinstance(value, str) or holds_reference(value):
        return value
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        return value
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _is_date(value: str) -> str:
    if not holds_reference(value) and isinstance(_moment(value), str):
        raise ValueError("must be a date and time, such as 2027-01-31T18:00:00Z")
    return value


Moment = Annotated[str, AfterValidator(_is_date), Canonical(_moment)]

Schedule = Annotated[
    str,
    AfterValidator(
        text(
            r"(at|rate|cron)\(.+\)",
            high=1600,
            says="must be cron(minute hour day month weekday year), rate(5 minutes) or "
            "at(2027-01-31T18:00:00)",
        )
    ),
]


class ScheduledAction(Model):
    """New bounds at certain times."""

    schedule: Schedule
    """When: `cron(…)`, `rate(…)` or, once, `at(…)`."""

    timezone: Annotated[
        Annotated[str, AfterValidator(text(low=1, high=1600))] | None, ServerDefault("UTC")
    ] = None
    """Time zone of `schedule`, such as Europe/Berlin. AWS's default is UTC."""

    start_time: Moment | None = None
    """Not before. AWS's default is at once."""

    end_time: Moment | None = None
    """Not after. AWS's default is never."""

    min_capacity: Annotated[int, Field(ge=0)] | None = None
    """Fewest tasks from then on. AWS's default is to leave it."""

    max_capacity: Annotated[int, Field(ge=0)] | None = None
    """Most tasks from then on. AWS's default is to leave it."""

    @model_validator(mode="after")
    def _bounds(self) -> ScheduledAction:
        low, high = self.min_capacity, self.max_capacity
        if low is None and high is None:
            raise ValueError("minCapacity or maxCapacity is needed")
        if isinstance(low, int) and isinstance(high, int) and low > high:
            raise ValueError(f"minCapacity {low} is more than maxCapacity {high}")
        return self


def policy_spec(policy: Mapping[str, Any]) -> Doc:
    """A scaling policy in our language."""
    if steps := policy.get("StepScalingPolicyConfiguration"):
        shown = lower(steps)
        return {
            "stepScaling": {
                **shown,
                "stepAdjustments": _by_bound(shown.get("stepAdjustments") or []),
            }
        }
    if forecast := policy.get("PredictiveScalingPolicyConfiguration"):
        return {"predictiveScaling": lower(forecast)}
    raw = policy.get("TargetTrackingScalingPolicyConfiguration") or {}
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
            "metrics": lower(metric.get("Metrics")),
        }
    return out


def policy_kind(policy: Mapping[str, Any]) -> str:
    """AWS's type of a policy of ours."""
    if policy.get("stepScaling") is not None:
        return "StepScaling"
    return "PredictiveScaling" if policy.get("predictiveScaling") else "TargetTrackingScaling"


def policy_request(policy: Mapping[str, Any]) -> Doc:
    """The part of PutScalingPolicy that says what the policy is."""
    kind = policy_kind(policy)
    if kind == "TargetTrackingScaling":
        config = _tracking(policy)
    else:
        config = upper(policy["stepScaling" if kind == "StepScaling" else "predictiveScaling"])
    return {"PolicyType": kind, KINDS[kind]: config}


def _tracking(policy: Mapping[str, Any]) -> Doc:
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
                "MetricName": metric.get("metricName"),
                "Namespace": metric.get("namespace"),
                "Dimensions": pairs(metric.get("dimensions") or {}, "Name", "Value"),
                "Statistic": metric.get("statistic"),
                "Unit": metric.get("unit"),
                "Metrics": upper(metric.get("metrics")),
            }
        )
    return out


def action_spec(action: Mapping[str, Any]) -> Doc:
    """A scheduled action in our language."""
    bounds = action.get("ScalableTargetAction") or {}
    return {
        "schedule": action.get("Schedule"),
        "timezone": action.get("Timezone"),
        "startTime": _written(action.get("StartTime")),
        "endTime": _written(action.get("EndTime")),
        "minCapacity": bounds.get("MinCapacity"),
        "maxCapacity": bounds.get("MaxCapacity"),
    }


def _written(when: Any) -> str | None:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when is not None else None


def action_request(action: Mapping[str, Any]) -> Doc:
    """The part of PutScheduledAction that says what is done when: AWS forgets times not sent."""
    bounds = {"MinCapacity": action.get("minCapacity"), "MaxCapacity": action.get("maxCapacity")}
    return not_empty(
        {
            "Schedule": action["schedule"],
            "Timezone": action.get("timezone"),
            "StartTime": action.get("startTime"),
            "EndTime": action.get("endTime"),
            "ScalableTargetAction": not_empty(bounds),
        }
    )


_UNITS = r"(minutes?|hours?|days?)"


def action_problems(where: str, action: Mapping[str, Any]) -> Iterator[str]:
    """What Application Auto Scaling refuses of a scheduled action."""
    when = known(action.get("schedule"))
    kind, _, inside = str(when or "").rstrip(")").partition("(")
    if kind == "rate" and not re.fullmatch(rf"[1-9]\d* {_UNITS}", inside):
        yield f"{where}.schedule: a rate is a number and minutes, hours or days, not {inside}"
    if kind == "cron" and len(inside.split()) != 6:
        yield f"{where}.schedule: cron has 6 fields, not {len(inside.split())}"
    if kind == "at" and isinstance(_moment(inside), str):
        yield f"{where}.schedule: at has a date and time, such as 2027-01-31T18:00:00, not {inside}"


def policy_problems(where: str, policy: Mapping[str, Any]) -> Iterator[str]:
    """What Application Auto Scaling refuses of a policy."""
    if steps := mapping(policy.get("stepScaling")):
        yield from (f"{where}.stepScaling: {why}" for why in _step_problems(steps))
    if forecast := mapping(policy.get("predictiveScaling")):
        grow = forecast.get("maxCapacityBreachBehavior") == "IncreaseMaxCapacity"
        if grow != ("maxCapacityBuffer" in forecast):
            yield f"{where}.predictiveScaling: maxCapacityBuffer goes with IncreaseMaxCapacity"
        specifications = forecast.get("metricSpecifications")
        if isinstance(specifications, list) and len(specifications) != 1:
            yield f"{where}.predictiveScaling: just one metricSpecification"
    value = policy.get("targetValue")
    if isinstance(value, (int, float)) and value <= 0:
        yield f"{where}.targetValue: must be above 0, not {value}"


def _step_problems(steps: Mapping[str, Any]) -> Iterator[str]:
    percent = steps.get("adjustmentType") == "PercentChangeInCapacity"
    if "minAdjustmentMagnitude" in steps and not percent:
        yield "minAdjustmentMagnitude goes with PercentChangeInCapacity"
    intervals = []
    for step in maps(steps.get("stepAdjustments")):
        low = step.get("metricIntervalLowerBound")
        high = step.get("metricIntervalUpperBound")
        if holds_reference(low) or holds_reference(high):
            return
        if low is None and high is None and len(steps["stepAdjustments"]) > 1:
            yield "a step without bounds leaves nothing to the others"
        by = number(step.get("scalingAdjustment")) or 0
        if steps.get("adjustmentType") == "ExactCapacity" and by < 0:
            yield "ExactCapacity can't be negative"
        intervals.append(
            (float("-inf") if low is None else low, float("inf") if high is None else high)
        )
    for low, high in intervals:
        if low >= high:
            yield f"the lower bound {low:g} is not below the upper bound {high:g}"
    ordered = sorted(intervals)
    for (_, high), (low, _) in pairwise(ordered):
        if high > low:
            yield "steps overlap"
        elif high < low:
            yield "there is a gap between steps"
