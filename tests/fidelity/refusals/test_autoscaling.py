"""What Application Auto Scaling rejects of ECS services' scaling."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.ecs_stage import (
    NEVER,
    THERE,
    TRACKING,
    WEB,
    Doc,
    Load,
    loads,
    make,
)
from tests.fidelity.refusals.kit import Given, Refusal
from tests.fidelity.refusals.stages import calls_of, judge, stage

API = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_"
INVALID, NONE, MANY = (
    "ValidationException", "ObjectNotFoundException", "LimitExceededException",
)  # fmt: skip
FIRST = "Plumbline registers the target first"
QUOTA = "the quota can be raised"
CLOCK = "what time it is"
ZONES = "time zones come and go"
OUR_OWN = "Plumbline says itself what is scaled"
BOUNDS: Doc = {"minCapacity": 1, "maxCapacity": 3}
LABEL = "app/a/0123456789abcdef/targetgroup/b/0123456789abcdef"
CPU = "ECSServiceAverageCPUUtilization"
STEPS: Doc = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [
    {"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]}  # fmt: skip
PAIR: Doc = {"TargetValue": 50.0, "PredefinedMetricPairSpecification": {
    "PredefinedMetricType": "ECSServiceCPUUtilization"}}  # fmt: skip


def scaled(says: str, **scaling: Any) -> tuple[str, str, str]:
    """A file with this in a Service's autoscaling."""
    return loads(says, desiredCount=None, autoscaling={**BOUNDS, **scaling})


def row(operation: str, why: str, load: Load, says: str, code: str = INVALID,
        given: Given | None = None, **params: Any) -> Refusal:  # fmt: skip
    """A call about the service that is scaled (None: left out)."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {"at_load": load}
    request = {k: v for k, v in {**WEB, **params}.items() if v is not None}
    return Refusal(f"application-autoscaling:{operation}", why, request, code,
                   f"{API}{operation}.html", says, given, **told)  # fmt: skip


def register(why: str, load: Load, says: str, **params: Any) -> Refusal:
    """RegisterScalableTarget."""
    return row("RegisterScalableTarget", why, load, says, **params)


def track(why: str, says: str, told: str, shown: Doc, **config: Any) -> Refusal:
    """A policy of target tracking; shown: the same in our language."""
    policy = {"targetValue": 60, "predefinedMetric": CPU, **shown}
    load = scaled(told, policies={"new": {k: v for k, v in policy.items() if v is not None}})
    found = {k: v for k, v in {**TRACKING, **config}.items() if v is not None}
    return row("PutScalingPolicy", why, load, says, PolicyName="new",
               PolicyType="TargetTrackingScaling",
               TargetTrackingScalingPolicyConfiguration=found)  # fmt: skip


def low(value: Any) -> Any:
    """AWS's members in camelCase."""
    if isinstance(value, dict):
        return {k[0].lower() + k[1:]: low(v) for k, v in value.items()}
    return [low(v) for v in value] if isinstance(value, list) else value


def step(why: str, says: str, told: str, **config: Any) -> Refusal:
    """A policy of steps."""
    found = {**STEPS, **config}
    load = scaled(told, policies={"new": {"stepScaling": low(found)}})
    return row("PutScalingPolicy", why, load, says, PolicyName="new", PolicyType="StepScaling",
               StepScalingPolicyConfiguration=found)  # fmt: skip


def forecast(why: str, says: str, told: str, **config: Any) -> Refusal:
    """A policy of predictive scaling."""
    found = {"MetricSpecifications": [PAIR], **config}
    load = scaled(told, policies={"new": {"predictiveScaling": low(found)}})
    return row("PutScalingPolicy", why, load, says, PolicyName="new",
               PolicyType="PredictiveScaling", PredictiveScalingPolicyConfiguration=found,
               )  # fmt: skip


def put(why: str, load: Load, says: str, code: str = INVALID, **params: Any) -> Refusal:
    """PutScalingPolicy, anything else of it."""
    good: Doc = {"PolicyName": "new", "PolicyType": "TargetTrackingScaling",
                 "TargetTrackingScalingPolicyConfiguration": TRACKING}  # fmt: skip
    return row("PutScalingPolicy", why, load, says, code, **{**good, **params})


def at(why: str, load: Load, says: str, code: str = INVALID, **params: Any) -> Refusal:
    """PutScheduledAction."""
    good: Doc = {"ScheduledActionName": "new", "Schedule": "cron(0 2 * * ? *)",
                 "ScalableTargetAction": {"MinCapacity": 1}}  # fmt: skip
    return row("PutScheduledAction", why, load, says, code, **{**good, **params})


def scheduled(told: str, name: str = "new", **action: Any) -> tuple[str, str, str]:
    """A file with this scheduled action."""
    every = {"schedule": "cron(0 2 * * ? *)", "minCapacity": 1, **action}
    found = {k: v for k, v in every.items() if v is not None}
    return scaled(told, scheduledActions={name: found})


def crowd(table: str, number: int) -> Given:
    """So many policies or actions are there already."""

    def fill(aws: boto3.Session, world: World) -> Doc:
        client = aws.client("application-autoscaling")
        for n in range(number):
            if table == "policies":
                client.put_scaling_policy(**WEB, PolicyName=f"p{n}", PolicyType="StepScaling",
                                          StepScalingPolicyConfiguration=STEPS)  # fmt: skip
            else:
                client.put_scheduled_action(
                    **WEB, ScheduledActionName=f"a{n}", Schedule="rate(1 day)",
                    ScalableTargetAction={"MinCapacity": 1},
                )  # fmt: skip
        return {}

    return fill


ELSEWHERE: Doc = {"ResourceId": "service/main/nothing"}
STEPPED = [{"MetricIntervalLowerBound": low, "MetricIntervalUpperBound": low + 1,
            "ScalingAdjustment": 1} for low in range(21)]  # fmt: skip
REFUSALS = [
    # targets
    register("a service that there is not", THERE, "doesn't exist", **ELSEWHERE, MinCapacity=1,
             MaxCapacity=2),
    register("a daemon", loads("neither desiredCount nor autoscaling", desiredCount=None,
                               schedulingStrategy="DAEMON", autoscaling=BOUNDS), "DAEMON",
             ResourceId="service/main/agent", MinCapacity=1, MaxCapacity=2),
    register("no bounds for a new one", loads("maxCapacity", desiredCount=None, autoscaling={
        "minCapacity": 1}), "required for a new", ResourceId="service/main/spot", MinCapacity=1),
    register("more at least than at most", scaled("is more than maxCapacity", minCapacity=4),
             "cannot be less", MinCapacity=4, MaxCapacity=3),
    register("more at least than there may be", "of what is not changed, AWS's counts",
             "cannot be less", MinCapacity=4),
    register("less than none", scaled("at least 0", minCapacity=-1), "greater than or equal to 0",
             MinCapacity=-1),
    register("tags on an update", NEVER, "Tags can only be set", Tags={"a": "b"}),
    *(row(operation, f"a {what} that there is not", OUR_OWN, says, **params, **member)
      for operation, params in (
          ("RegisterScalableTarget", {"MinCapacity": 1, "MaxCapacity": 2}),
          ("DeregisterScalableTarget", {}),
          ("PutScalingPolicy", {"PolicyName": "new", "PolicyType": "TargetTrackingScaling",
                                "TargetTrackingScalingPolicyConfiguration": TRACKING}),
          ("DeleteScalingPolicy", {"PolicyName": "web-cpu"}),
          ("PutScheduledAction", {"ScheduledActionName": "new", "Schedule": "rate(1 day)",
                                  "ScalableTargetAction": {"MinCapacity": 1}}),
          ("DeleteScheduledAction", {"ScheduledActionName": "night"}))
      for what, says, member in (
          ("namespace", "serviceNamespace", {"ServiceNamespace": "ecz"}),
          ("dimension of ECS", "Unsupported", {"ScalableDimension": "ecs:service:Cpu"}),
          ("resource of another service", "Unsupported", {"ServiceNamespace": "rds"}),
          ("resource of that form", "Unsupported", {"ResourceId": "web"}))),
    row("DeregisterScalableTarget", "a target that there is not", THERE, "No scalable target", NONE,
        **ELSEWHERE),
    # policies
    put("a policy without its target", FIRST, "No scalable target", NONE, **ELSEWHERE),
    put("another type of the same name", "Plumbline deletes it first", "cannot be changed",
        PolicyName="web-cpu", PolicyType="StepScaling", StepScalingPolicyConfiguration=STEPS,
        TargetTrackingScalingPolicyConfiguration=None),
    put("a type that there is not", NEVER, "Unknown policy type", PolicyType="Guessing"),
    put("no configuration", scaled("exactly one", policies={"new": {}}), "is required",
        TargetTrackingScalingPolicyConfiguration=None),
    put("the configuration of another type", scaled("exactly one", policies={"new": {
        "targetValue": 60, "predefinedMetric": CPU, "stepScaling": low(STEPS)}}), "Only",
        StepScalingPolicyConfiguration=STEPS),
    put("a name of 257 characters", scaled("1-64", policies={"a" * 257: {
        "targetValue": 60, "predefinedMetric": CPU}}), "1 to 256", PolicyName="a" * 257),
    put("a metric that another one tracks", scaled("track the same metric", policies={
        n: {"targetValue": 60, "predefinedMetric": CPU} for n in "ab"}), "Only one"),
    track("no metric", "Exactly one", "exactly one", {"predefinedMetric": None},
          PredefinedMetricSpecification=None),
    track("two metrics", "Exactly one", "exactly one", {"customizedMetric": {
        "metricName": "a", "namespace": "b", "statistic": "Sum"}}, CustomizedMetricSpecification={
            "MetricName": "a", "Namespace": "b", "Statistic": "Sum"}),
    track("a value of 0", "greater than 0", "above 0", {"targetValue": 0}, TargetValue=0.0),
    track("a metric of another service", "Unsupported predefined", "predefinedMetric", {
        "predefinedMetric": "RDSReaderAverageCPUUtilization"}, PredefinedMetricSpecification={
            "PredefinedMetricType": "RDSReaderAverageCPUUtilization"}),
    track("requests without a label", "Invalid resource label", "needs resourceLabel", {
        "predefinedMetric": "ALBRequestCountPerTarget"}, PredefinedMetricSpecification={
            "PredefinedMetricType": "ALBRequestCountPerTarget"}),
    track("CPU with a label", "ResourceLabel can only", "ALBRequestCountPerTarget only", {
        "resourceLabel": LABEL}, PredefinedMetricSpecification={
            "PredefinedMetricType": CPU, "ResourceLabel": LABEL}),
    track("half a metric", "needs MetricName", "are needed", {
        "predefinedMetric": None, "customizedMetric": {"metricName": "a"}},
          PredefinedMetricSpecification=None, CustomizedMetricSpecification={"MetricName": "a"}),
    track("a metric and a calculation", "can't be specified together", "stands for all other", {
        "predefinedMetric": None, "customizedMetric": {"metricName": "a", "namespace": "b",
                                                       "statistic": "Sum", "metrics": [
            {"id": "a", "expression": "b"}]}}, PredefinedMetricSpecification=None,
          CustomizedMetricSpecification={"MetricName": "a", "Metrics": [
              {"Id": "a", "Expression": "b"}]}),
    step("no steps", "needs AdjustmentType", "at least 1", StepAdjustments=[]),
    step("steps that overlap", "must not overlap", "overlap", StepAdjustments=[
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 5, "ScalingAdjustment": 2}]),
    step("a gap between steps", "must not have a gap", "gap", StepAdjustments=[
        {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
        {"MetricIntervalLowerBound": 15, "ScalingAdjustment": 2}]),
    step("a step that ends before it begins", "lower bound", "not below", StepAdjustments=[
        {"MetricIntervalLowerBound": 10, "MetricIntervalUpperBound": 0, "ScalingAdjustment": 1}]),
    step("less than none exactly", "must not be negative", "can't be negative",
         AdjustmentType="ExactCapacity", StepAdjustments=[
             {"MetricIntervalLowerBound": 0, "ScalingAdjustment": -1}]),
    step("a magnitude without percents", "needs PercentChange", "PercentChangeInCapacity",
         MinAdjustmentMagnitude=2),
    row("PutScalingPolicy", "21 steps", QUOTA, "20 step adjustments", MANY, PolicyName="new",
        PolicyType="StepScaling", StepScalingPolicyConfiguration={
            **STEPS, "StepAdjustments": STEPPED}),
    row("PutScalingPolicy", "51 policies", QUOTA, "At most 50", MANY, crowd("policies", 49),
        PolicyName="new", PolicyType="StepScaling", StepScalingPolicyConfiguration=STEPS),
    forecast("two forecasts in one", "Exactly one", "just one", MetricSpecifications=[PAIR] * 2),
    forecast("an hour ahead", "less than 3600", "schedulingBufferTime", SchedulingBufferTime=3600),
    forecast("to go beyond the bound by nothing said", "MaxCapacityBuffer", "maxCapacityBuffer",
             MaxCapacityBreachBehavior="IncreaseMaxCapacity"),
    forecast("a buffer for a bound that holds", "MaxCapacityBuffer", "maxCapacityBuffer",
             MaxCapacityBuffer=10),
    row("DeleteScalingPolicy", "a policy that there is not", THERE, "No scaling policy", NONE,
        PolicyName="nothing"),
    # scheduled actions
    at("an action without its target", FIRST, "No scalable target", NONE, **ELSEWHERE),
    at("no schedule", scheduled("schedule", schedule=None), "are required", Schedule=None),
    at("no bounds", scheduled("minCapacity or maxCapacity", minCapacity=None), "At least one of",
       ScalableTargetAction={}),
    at("more at least than at most", scheduled("is more than maxCapacity", minCapacity=4,
                                               maxCapacity=3), "cannot be less",
       ScalableTargetAction={"MinCapacity": 4, "MaxCapacity": 3}),
    at("a name with a colon", scheduled("but :", name="a:b"), "but :", ScheduledActionName="a:b"),
    at("something else than a schedule", scheduled(r"cron\(minute", schedule="daily"),
       "Invalid schedule", Schedule="daily"),
    at("a rate of no unit", scheduled("minutes, hours or days", schedule="rate(5 parsecs)"),
       "Invalid schedule", Schedule="rate(5 parsecs)"),
    at("every 0 minutes", scheduled("minutes, hours or days", schedule="rate(0 minutes)"),
       "Invalid schedule", Schedule="rate(0 minutes)"),
    at("cron of five fields", scheduled("6 fields", schedule="cron(0 2 * * *)"),
       "Invalid schedule", Schedule="cron(0 2 * * *)"),
    at("a date that there is not", scheduled("date and time", schedule="at(2031-02-31T00:00:00)"),
       "Invalid schedule", Schedule="at(2031-02-31T00:00:00)"),
    at("a time zone that there is not", ZONES, "Invalid schedule or time zone",
       Timezone="Europe/Atlantis"),
    at("once in the past", CLOCK, "in the past", Schedule="at(2020-01-01T00:00:00)"),
    row("PutScheduledAction", "201 actions", QUOTA, "At most 200", MANY, crowd("actions", 199),
        ScheduledActionName="new", Schedule="rate(1 day)",
        ScalableTargetAction={"MinCapacity": 1}),
    row("DeleteScheduledAction", "an action that there is not", THERE, "No scheduled action", NONE,
        ScheduledActionName="nothing"),
]  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("ecs", make))


def test_every_write_of_services_is_refused_something() -> None:
    calls = {c for c in calls_of("Service") if c.startswith("application-autoscaling:")}
    assert calls == {r.call for r in REFUSALS}


def test_no_two_rows_are_alike() -> None:
    assert len({str(r) for r in REFUSALS}) == len(REFUSALS)
