"""The simulated Application Auto Scaling keeps to AWS's rules, through boto3 only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from sandbox.autoscaler import load
from sandbox.inprocess import session
from sandbox.schedules import next_time
from sandbox.seed import seed
from sandbox.world import World

WHERE = {
    "ServiceNamespace": "ecs",
    "ResourceId": "service/main/app",
    "ScalableDimension": "ecs:service:DesiredCount",
}
CPU = {
    "TargetValue": 60.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
    "ScaleInCooldown": 60,
}


@pytest.fixture
def world(world: World) -> World:
    """A world with a running service of two tasks, and reads that never lag."""
    world.max_lag = timedelta(0)
    seeded = seed(world)
    ecs = session(world).client("ecs")
    ecs.create_cluster(clusterName="main")
    ecs.register_task_definition(
        family="app", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256",
        memory="512", containerDefinitions=[{"name": "app", "image": "app:1"}],
    )  # fmt: skip
    ecs.create_service(
        cluster="main", serviceName="app", taskDefinition="app", desiredCount=2,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {"subnets": seeded.values("network/private-subnets")}
        },
    )  # fmt: skip
    world.clock.advance(timedelta(minutes=3))
    return world


@pytest.fixture
def scaling(aws_session: boto3.Session) -> Any:
    return aws_session.client("application-autoscaling")


def service(world: World) -> dict[str, Any]:
    answer = session(world).client("ecs").describe_services(cluster="main", services=["app"])
    found: dict[str, Any] = answer["services"][0]
    return found


def refused(code: str, words: str, call: Callable[..., Any], **params: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**{**WHERE, **params})
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert words in error["Message"], error


def test_registering_brings_the_count_into_the_range(world: World, scaling: Any) -> None:
    arn = scaling.register_scalable_target(
        **WHERE,
        MinCapacity=3,
        MaxCapacity=6,
        Tags={"a": "b"},
        RoleARN="arn:aws:iam::123456789012:role/own",
    )["ScalableTargetARN"]
    assert service(world)["desiredCount"] == 2
    world.clock.advance(timedelta(minutes=2))
    assert service(world)["desiredCount"] == service(world)["runningCount"] == 3
    scaling.register_scalable_target(**WHERE, MaxCapacity=8)
    found = scaling.describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=["service/main/app", "service/main/none"]
    )["ScalableTargets"]
    assert [(t["MinCapacity"], t["MaxCapacity"]) for t in found] == [(3, 8)]
    assert found[0]["ScalableTargetARN"] == arn
    assert found[0]["RoleARN"].endswith("AWSServiceRoleForApplicationAutoScaling_ECSService")
    assert set(found[0]["SuspendedState"].values()) == {False}
    activity = scaling.describe_scaling_activities(ServiceNamespace="ecs")["ScalingActivities"][0]
    assert activity["Cause"] == "minimum capacity was set to 3"
    scaling.tag_resource(ResourceARN=arn, Tags={"c": "d"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"c": "d"}
    assert world.store("application-autoscaling")["_tags"][arn] == {"c": "d"}


def test_refusals(world: World, scaling: Any) -> None:
    register = scaling.register_scalable_target
    refused("ValidationException", "less than", register, MinCapacity=3, MaxCapacity=2)
    refused("ValidationException", "required", register, MinCapacity=3)
    none = "service/main/none"
    words = "ECS service doesn't exist"
    refused("ValidationException", words, register, ResourceId=none, MinCapacity=1, MaxCapacity=2)
    words = "No scalable target registered for service namespace: ecs, resource ID: service/main"
    put = scaling.put_scaling_policy
    tracking = {
        "PolicyType": "TargetTrackingScaling",
        "TargetTrackingScalingPolicyConfiguration": CPU,
    }
    refused("ObjectNotFoundException", words, put, PolicyName="cpu", **tracking)
    refused("ObjectNotFoundException", words, scaling.deregister_scalable_target)
    delete = scaling.delete_scaling_policy
    refused("ObjectNotFoundException", "No scaling policy found", delete, PolicyName="cpu")
    register(**WHERE, MinCapacity=1, MaxCapacity=2)
    refused("ValidationException", "TagResource", register, Tags={"a": "b"})
    put(**WHERE, PolicyName="cpu", **tracking)
    refused("ValidationException", "Only one", put, PolicyName="cpu2", **tracking)
    refused("ValidationException", "label", put, PolicyName="r", PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={"TargetValue": 1.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "ALBRequestCountPerTarget",
            "ResourceLabel": "wrong"}})  # fmt: skip
    schedule = scaling.put_scheduled_action
    refused("ValidationException", "required", schedule, ScheduledActionName="s",
            Schedule="rate(1 hour)")  # fmt: skip
    refused("ValidationException", "Invalid schedule", schedule, ScheduledActionName="s",
            Schedule="hourly", ScalableTargetAction={"MinCapacity": 1})  # fmt: skip


def test_target_tracking_makes_alarms_and_follows_the_load(world: World, scaling: Any) -> None:
    scaling.register_scalable_target(**WHERE, MinCapacity=2, MaxCapacity=5)
    made = scaling.put_scaling_policy(
        **WHERE, PolicyName="cpu", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=CPU,
    )  # fmt: skip
    names = [a["AlarmName"] for a in made["Alarms"]]
    assert len(names) == 2
    assert all(n.startswith("TargetTracking-service/main/app-Alarm") for n in names)
    alarms = session(world).client("cloudwatch").describe_alarms(AlarmNames=names)["MetricAlarms"]
    assert sorted(a["Threshold"] for a in alarms) == [54.0, 60.0]
    assert all(a["AlarmActions"] == [made["PolicyARN"]] for a in alarms)
    again = scaling.put_scaling_policy(
        **WHERE, PolicyName="cpu", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={**CPU, "TargetValue": 50.0},
    )  # fmt: skip
    assert (again["PolicyARN"], again["Alarms"]) == (made["PolicyARN"], made["Alarms"])

    load(world, "main", "app", 90)
    world.clock.advance(timedelta(minutes=2))
    assert service(world)["desiredCount"] == 2
    world.clock.advance(timedelta(minutes=3))
    assert service(world)["desiredCount"] == service(world)["runningCount"] == 4
    load(world, "main", "app", 200)
    world.clock.advance(timedelta(minutes=5))
    assert service(world)["desiredCount"] == 5
    load(world, "main", "app", 5)
    world.clock.advance(timedelta(minutes=20))
    assert service(world)["desiredCount"] == 2
    assert len(service(world)["deployments"]) == 1

    found = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    assert found[0]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 50.0
    scaling.deregister_scalable_target(**WHERE)
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []
    assert world.store("cloudwatch")["alarms"] == {}


def test_suspended_scaling_does_nothing(world: World, scaling: Any) -> None:
    scaling.register_scalable_target(
        **WHERE, MinCapacity=1, MaxCapacity=5, SuspendedState={"DynamicScalingOutSuspended": True}
    )
    scaling.put_scaling_policy(
        **WHERE, PolicyName="cpu", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={**CPU, "DisableScaleIn": True},
    )  # fmt: skip
    for percent in (100, 1):
        load(world, "main", "app", percent)
        world.clock.advance(timedelta(minutes=20))
        assert service(world)["desiredCount"] == 2


def test_scheduled_actions_move_the_range(world: World, scaling: Any) -> None:
    scaling.register_scalable_target(**WHERE, MinCapacity=1, MaxCapacity=5)
    # The clock stands at a Monday, 9:03 in UTC.
    scaling.put_scheduled_action(
        **WHERE, ScheduledActionName="day", Schedule="cron(0 12 ? * MON-FRI *)",
        Timezone="Europe/Berlin", ScalableTargetAction={"MinCapacity": 4},
        StartTime=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    world.clock.advance(timedelta(hours=2))
    target = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (4, 5)
    assert service(world)["desiredCount"] == 4
    scaling.put_scheduled_action(
        **WHERE, ScheduledActionName="day", ScalableTargetAction={"MinCapacity": 2}
    )
    found = scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"][0]
    assert found["Schedule"] == "cron(0 12 ? * MON-FRI *)"
    assert "StartTime" not in found
    world.clock.advance(timedelta(days=1))
    target = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]
    assert target["MinCapacity"] == 2
    scaling.delete_scheduled_action(**WHERE, ScheduledActionName="day")
    delete = scaling.delete_scheduled_action
    refused("ObjectNotFoundException", "scheduled action", delete, ScheduledActionName="day")


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("rate(5 minutes)", None, "2026-11-02T09:05:00"),
        ("at(2026-11-02T12:00:00)", None, "2026-11-02T12:00:00"),
        ("at(2026-11-02T12:00:00)", "America/New_York", "2026-11-02T17:00:00"),
        ("cron(0/15 * * * ? *)", None, "2026-11-02T09:15:00"),
        ("cron(30 8 1 JAN ? *)", None, "2027-01-01T08:30:00"),
        ("cron(0 0 ? * SUN *)", None, "2026-11-08T00:00:00"),
    ],
)
def test_schedules(expression: str, zone: str | None, expected: str) -> None:
    found = next_time(expression, datetime(2026, 11, 2, 9, 0, tzinfo=UTC), zone)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
