"""What ECS and Application Auto Scaling reject of clusters, services and their scaling."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from sandbox.world import World
from tests.fidelity.refusals.kit import Given, Refusal
from tests.fidelity.refusals.stages import calls_of, judge, stage

ECS = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_"
SCALING = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_"
Doc = dict[str, Any]
THERE = "what there is in AWS"
PLAIN = {"name": "app", "image": "nginx:1", "essential": True, "memory": 128}
TARGET = {
    "ServiceNamespace": "ecs", "ResourceId": "service/main/none",
    "ScalableDimension": "ecs:service:DesiredCount",
}  # fmt: skip
CPU = {
    "TargetValue": 50.0,
    "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"},
}
FARGATE = (
    "cluster: main, desiredCount: 1, executionRoleArn: 'arn:aws:iam::123456789012:role/x', "
    "networkConfiguration: {subnets: [subnet-0a1b2c3d]}, containers: {app: {image: 'nginx:1'}}, "
)


def ecs(
    operation: str, why: str, code: str, load: str | tuple[str, str, str], says: str = "",
    given: Given | None = None, **request: Any,
) -> Refusal:  # fmt: skip
    """load: a file that is refused for the same, or why no file can tell."""
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {"at_load": load}
    page = f"{ECS}{operation}.html"
    return Refusal(f"ecs:{operation}", why, request, code, page, says, given, **told)


def scaling(
    operation: str, why: str, code: str, load: str | tuple[str, str, str], says: str = "",
    **request: Any,
) -> Refusal:  # fmt: skip
    told: Doc = {"only_aws_knows": load} if isinstance(load, str) else {"at_load": load}
    page = f"{SCALING}{operation}.html"
    params = {**TARGET, **request}
    call = f"application-autoscaling:{operation}"
    return Refusal(call, why, params, code, page, says, None, **told)


def busy(aws: boto3.Session, world: World) -> Doc:
    """A cluster with a service in it."""
    client = aws.client("ecs")
    if client.describe_clusters(clusters=["full"])["failures"]:
        client.create_cluster(clusterName="full")
        task = client.register_task_definition(family="one", containerDefinitions=[PLAIN])
        arn = task["taskDefinition"]["taskDefinitionArn"]
        client.create_service(cluster="full", serviceName="one", taskDefinition=arn,
                              desiredCount=1, launchType="EC2")  # fmt: skip
    return {}


REFUSALS = (
    ecs("RegisterTaskDefinition", "a memory that Fargate has not for that cpu", "ClientException",
        ("Service", FARGATE + "cpu: 256, memory: 8192", "memory"),
        family="x", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256",
        memory="8192", containerDefinitions=[PLAIN]),
    ecs("RegisterTaskDefinition", "two containers of one name", "ClientException",
        "containers are a map by name in the file", family="x",
        containerDefinitions=[PLAIN, PLAIN]),
    ecs("CreateCluster", "a name with a blank", "InvalidParameterException",
        "names are checked when the file is read: tests/unit/test_manifest.py",
        clusterName="a b"),
    ecs("UpdateCluster", "a cluster that is not there", "ClusterNotFoundException", THERE,
        cluster="none", settings=[{"name": "containerInsights", "value": "enabled"}]),
    ecs("PutClusterCapacityProviders", "a cluster that is not there", "ClusterNotFoundException",
        THERE, cluster="none", capacityProviders=[], defaultCapacityProviderStrategy=[]),
    ecs("DeleteCluster", "a cluster that is not there", "ClusterNotFoundException", THERE,
        cluster="none"),
    ecs("DeleteCluster", "a cluster with services", "ClusterContainsServicesException", THERE,
        given=busy, cluster="full"),
    ecs("CreateService", "a cluster that is not there", "ClusterNotFoundException", THERE,
        cluster="none", serviceName="x", taskDefinition="x", desiredCount=1),
    ecs("CreateService", "a launch type and a strategy", "InvalidParameterException",
        ("Service", FARGATE + "cpu: 256, memory: 512, launchType: FARGATE, "
         "capacityProviderStrategy: {FARGATE: {weight: 1}}", "not both"),
        given=busy, cluster="full", serviceName="x", taskDefinition="one", desiredCount=1,
        launchType="EC2", capacityProviderStrategy=[{"capacityProvider": "FARGATE"}]),
    ecs("UpdateService", "a service that is not there", "ServiceNotFoundException", THERE,
        given=busy, cluster="full", service="none", desiredCount=1),
    ecs("DeleteService", "a service that is not there", "ServiceNotFoundException", THERE,
        given=busy, cluster="full", service="none"),
    ecs("TagResource", "a cluster that is not there", "ClusterNotFoundException", THERE,
        resourceArn="arn:aws:ecs:us-east-1:123456789012:cluster/none",
        tags=[{"key": "a", "value": "b"}]),
    ecs("UntagResource", "a cluster that is not there", "ClusterNotFoundException", THERE,
        resourceArn="arn:aws:ecs:us-east-1:123456789012:cluster/none", tagKeys=["a"]),
    scaling("RegisterScalableTarget", "a service that is not there", "ValidationException", THERE,
            MinCapacity=1, MaxCapacity=2),
    scaling("DeregisterScalableTarget", "a target that is not there", "ObjectNotFoundException",
            THERE),
    scaling("PutScalingPolicy", "a policy without its target", "ObjectNotFoundException",
            "Plumbline registers the target first", PolicyName="x",
            PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=CPU),
    scaling("DeleteScalingPolicy", "a policy that is not there", "ObjectNotFoundException", THERE,
            PolicyName="x"),
    scaling("PutScheduledAction", "an action without its target", "ObjectNotFoundException",
            "Plumbline registers the target first", ScheduledActionName="x",
            Schedule="rate(1 day)", ScalableTargetAction={"MinCapacity": 1}),
    scaling("DeleteScheduledAction", "an action that is not there", "ObjectNotFoundException",
            THERE, ScheduledActionName="x"),
)  # fmt: skip


@pytest.mark.parametrize("refusal", REFUSALS, ids=str)
def test_refused(refusal: Refusal) -> None:
    judge(refusal, stage("containers", lambda aws, world: None))


def test_every_call_is_refused_once() -> None:
    assert {r.call for r in REFUSALS} == calls_of("Service") | calls_of("Cluster")
