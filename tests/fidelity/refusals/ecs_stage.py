"""What ECS and Application Auto Scaling are asked when they are to refuse, and what there is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import boto3

from sandbox.perturb_ecs import task_set
from sandbox.seed import seed
from sandbox.world import World
from tests.fidelity.refusals.kit import Refusal

Doc = dict[str, Any]
FILLED: Doc = {}
"""Words of rows → what they are in this world: `SUBNET`, `GROUP`, `TARGET`, …"""
ROLE = "arn:aws:iam::123456789012:role/tasks"
FARGATE: Doc = {
    "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
}  # fmt: skip
APP: Doc = {"name": "app", "image": "app:1"}
PORT: Doc = {**APP, "portMappings": [{"containerPort": 4000, "name": "http"}]}
WEB: Doc = {
    "ServiceNamespace": "ecs", "ResourceId": "service/main/web",
    "ScalableDimension": "ecs:service:DesiredCount",
}  # fmt: skip
TRACKING: Doc = {
    "TargetValue": 60.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
}
NAMESPACE = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-1"


def make(aws: boto3.Session, world: World) -> None:
    """Clusters, task definitions and services of every sort."""
    seeded = seed(world)
    ecs, elb = aws.client("ecs"), aws.client("elbv2")
    (main, *_) = ecs.create_cluster(
        clusterName="main", capacityProviders=["FARGATE", "FARGATE_SPOT"]
    ).values()
    for name in ("bare", "gone"):
        ecs.create_cluster(clusterName=name)
    ecs.delete_cluster(cluster="gone")
    ecs.create_capacity_provider(
        name="hosts", autoScalingGroupProvider={"autoScalingGroupArn": "arn:aws:autoscaling:x"}
    )
    tasks: dict[str, Doc] = {
        "web": {**FARGATE, "containerDefinitions": [PORT]},
        "host": {"networkMode": "host", "memory": "512", "containerDefinitions": [PORT]},
        "bridge": {"memory": "512", "containerDefinitions": [PORT]},
        "old": {**FARGATE, "containerDefinitions": [APP]},
        "late": {**FARGATE, "containerDefinitions": [APP],
                 "volumes": [{"name": "data", "configuredAtLaunch": True}]},
    }  # fmt: skip
    for family, task in tasks.items():
        ecs.register_task_definition(family=family, **task)
    ecs.deregister_task_definition(taskDefinition="old:1")
    network = {"awsvpcConfiguration": {"subnets": seeded.values("network/private-subnets")}}
    balancer = {"targetGroupArn": seeded.parameters["target-group/arn"], "containerName": "app",
                "containerPort": 4000}  # fmt: skip
    on_fargate = {"taskDefinition": "web", "networkConfiguration": network, "desiredCount": 1}
    made: dict[str, Doc] = {
        "web": {**on_fargate, "launchType": "FARGATE"},
        "spot": {**on_fargate, "capacityProviderStrategy": [
            {"capacityProvider": "FARGATE_SPOT", "weight": 1}]},
        "theirs": {**on_fargate, "launchType": "FARGATE", "loadBalancers": [balancer],
                   "deploymentController": {"type": "CODE_DEPLOY"}},
        "own": {"desiredCount": 1, "deploymentController": {"type": "EXTERNAL"}},
        "agent": {"taskDefinition": "bridge", "schedulingStrategy": "DAEMON", "launchType": "EC2"},
        "stopping": {**on_fargate, "launchType": "FARGATE"},
        "dead": {"taskDefinition": "bridge", "desiredCount": 0, "launchType": "EC2"},
    }  # fmt: skip
    for name, params in made.items():
        ecs.create_service(cluster="main", serviceName=name, **params)
    task_set(world, "main", "own", taskDefinition="web:1")
    ecs.delete_service(cluster="main", service="dead", force=True)
    world.clock.advance(timedelta(minutes=30))
    ecs.delete_service(cluster="main", service="stopping", force=True)
    _scaling(aws.client("application-autoscaling"))
    FILLED.update(
        CLUSTER=main["clusterArn"],
        SUBNETS=seeded.values("network/private-subnets"),
        SUBNET=seeded.values("network/private-subnets")[0],
        GROUP=seeded.values("network/service-security-groups")[0],
        TARGET=balancer["targetGroupArn"],
        ARN=main["clusterArn"].partition(":cluster/")[0],
    )
    vpc = aws.client("ec2").describe_subnets(SubnetIds=[FILLED["SUBNET"]])["Subnets"][0]["VpcId"]
    for name, kind in (("lonely", "ip"), ("hosts", "instance")):
        FILLED[name.upper()] = elb.create_target_group(
            Name=name, Protocol="HTTP", Port=4000, VpcId=vpc, TargetType=kind
        )["TargetGroups"][0]["TargetGroupArn"]


def _scaling(scaling: Any) -> None:
    """The service is scaled, with a policy and a scheduled action."""
    scaling.register_scalable_target(**WEB, MinCapacity=1, MaxCapacity=3)
    scaling.put_scaling_policy(
        **WEB, PolicyName="web-cpu", PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration=TRACKING,
    )  # fmt: skip
    scaling.put_scheduled_action(
        **WEB, ScheduledActionName="night", Schedule="cron(0 2 * * ? *)",
        ScalableTargetAction={"MinCapacity": 1},
    )  # fmt: skip


def filled(value: Any) -> Any:
    """The value with the words of `FILLED` replaced by what they are in this world."""
    if isinstance(value, dict):
        return {k: filled(v) for k, v in value.items()}
    if isinstance(value, list):
        return [filled(v) for v in value]
    if isinstance(value, str) and value.startswith("ARN:"):
        return FILLED["ARN"] + value[3:]
    return FILLED.get(value, value) if isinstance(value, str) else value


API = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_"
Load = tuple[str, str, str] | str
INVALID, CLIENT = "InvalidParameterException", "ClientException"
THERE = "what there is in AWS"
STATE = "what state it is in"
NEVER = "Plumbline never asks for that"
NAMES = "names: test_what_may_not_be_a_name_is_refused_at_load"
MAP = "it is a map by name here: a key can't stand in it twice"
TWICE = "a key can't stand in a map twice, as any YAML reader says"
STEPS = "Plumbline sends what the change needs"

CONTAINER: Doc = {"image": "app:1"}
SPEC: Doc = {
    "cluster": "main", "desiredCount": 1, "cpu": 256, "memory": 512,
    "networkConfiguration": {"subnets": ["subnet-0123456789abcdef0"]}, "containers": {},
}  # fmt: skip
HOSTS: Doc = {
    "launchType": "EC2", "requiresCompatibilities": ["EC2"], "networkMode": "bridge", "cpu": None,
    "networkConfiguration": None,
}  # fmt: skip


def loads(says: str, app: Doc | None = None, **spec: Any) -> tuple[str, str, str]:
    """A file with this in a Service's spec and its container (None: left out)."""
    held = {"app": {**CONTAINER, **(app or {})}}
    flat = {**SPEC, "containers": held, **spec}
    return "Service", json.dumps({k: v for k, v in flat.items() if v is not None})[1:-1], says


def row(operation: str, why: str, code: str, load: Load, says: str, request: Mapping[str, Any],
        ) -> Refusal:  # fmt: skip
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {"at_load": load}
    plain = {k: v for k, v in request.items() if v is not None}
    return Refusal(f"ecs:{operation}", why, plain, code, f"{API}{operation}.html", says,
                   lambda aws, world: filled(plain), **told)  # fmt: skip
