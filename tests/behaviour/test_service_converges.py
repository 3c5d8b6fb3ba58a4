"""A cluster and a service against the simulated AWS: made, kept, rolled out, rolled back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.errors import Killed
from sandbox.registry import behaviours
from sandbox.world import World
from tests.harness import Plant, environment, resource

NAME = "litellm-production"
CLUSTER, SERVICE = f"{NAME}-main", f"{NAME}-gateway"
WHERE = {
    "ServiceNamespace": "ecs",
    "ResourceId": f"service/{CLUSTER}/{SERVICE}",
    "ScalableDimension": "ecs:service:DesiredCount",
}
MADE = [
    "ecs:CreateCluster",
    "ecs:RegisterTaskDefinition",
    "ecs:CreateService",
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:PutScalingPolicy",
]


def desired(image: str = "litellm@sha256:aaa", variables: str = "MODE: PRODUCTION") -> str:
    """The environment: a cluster and one service behind a load balancer, scaled by CPU."""
    service = f"""
  cluster: "${{Cluster.main.name}}", cpu: 1024, memory: 4096,
  executionRoleArn: "${{ssm:/plumbline/{NAME}/roles/execution}}",
  taskRoleArn: "${{ssm:/plumbline/{NAME}/roles/task}}",
  containers: {{gateway: {{
    image: "{image}", portMappings: [{{containerPort: 4000}}], environment: {{{variables}}},
    healthCheck: {{command: [CMD, python, -c, pass]}}, workingDirectory: "$${{HOME}}"}}}},
  networkConfiguration: {{
    subnets: "${{ssm:/plumbline/{NAME}/network/private-subnets}}",
    securityGroups: "${{ssm:/plumbline/{NAME}/network/service-security-groups}}"}},
  loadBalancers: [{{targetGroupArn: "${{ssm:/plumbline/{NAME}/target-group/arn}}",
    containerName: gateway, containerPort: 4000}}],
  autoscaling: {{minCapacity: 2, maxCapacity: 10, policies: {{
    cpu: {{targetValue: 60, predefinedMetric: ECSServiceAverageCPUUtilization}}}}}}
"""
    cluster = resource("Cluster", "main", "capacityProviders: [FARGATE, FARGATE_SPOT]")
    return environment(cluster, resource("Service", "gateway", service))


def operations(plant: Plant) -> list[str]:
    """What we wrote since the checkpoint, refused calls left out."""
    return [c.name for c in plant.writes() if c.error is None]


def service(plant: Plant) -> dict[str, Any]:
    """The service, as a bystander sees it."""
    ecs = plant.aws.client("ecs")
    found: dict[str, Any] = ecs.describe_services(cluster=CLUSTER, services=[SERVICE])["services"][
        0
    ]
    return found


def revisions(plant: Plant) -> int:
    """How many revisions of the task definition there are."""
    ecs = plant.aws.client("ecs")
    plant.later(5)
    return len(ecs.list_task_definitions(familyPrefix=SERVICE)["taskDefinitionArns"])


@pytest.fixture
def plant(world: World) -> Plant:
    """A converged environment."""
    made = Plant(world, desired())
    made.converge()
    made.checkpoint()
    return made


def test_is_made_once_and_then_rests(world: World) -> None:
    plant = Plant(world, desired())
    plant.converge()
    assert operations(plant) == MADE
    plant.checkpoint()
    plant.run()
    assert sorted({c.name for c in plant.calls()} - {"ssm:GetParameters"}) == [
        "application-autoscaling:DescribeScalableTargets",
        "application-autoscaling:DescribeScalingPolicies",
        "ecs:DescribeClusters",
        "ecs:DescribeServices",
    ]
    assert not plant.writes()


@pytest.mark.parametrize("kind", ["kill-before", "kill-after"])
@pytest.mark.parametrize("operation", MADE)
def test_killed_at_any_call_it_ends_the_same(world: World, operation: str, kind: str) -> None:
    plant = Plant(world, desired())
    world.fault(kind, operation)
    with pytest.raises(Killed):
        plant.converge()
    plant.revive()
    plant.converge()
    assert revisions(plant) == 1
    assert service(plant)["taskDefinition"].endswith(":1")
    scaling = plant.aws.client("application-autoscaling")
    assert len(scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]) == 1


def test_without_memory_nothing_is_made_twice(plant: Plant) -> None:
    s3 = plant.aws.client("s3")
    s3.delete_object(Bucket=plant.bucket, Key=f"inventory/{NAME}.json")
    plant.converge()
    assert operations(plant) == []
    assert revisions(plant) == 1


def test_a_new_image_is_one_revision_and_one_update(plant: Plant) -> None:
    plant.publish(desired("litellm@sha256:bbb"))
    plant.converge()
    assert operations(plant) == ["ecs:RegisterTaskDefinition", "ecs:UpdateService"]
    assert revisions(plant) == 2


def test_killed_between_revision_and_update_the_revision_is_used(plant: Plant) -> None:
    plant.publish(desired("litellm@sha256:bbb"))
    plant.world.fault("kill-after", "ecs:RegisterTaskDefinition")
    with pytest.raises(Killed):
        plant.run()
    plant.revive()
    plant.converge()
    assert revisions(plant) == 2
    assert service(plant)["taskDefinition"].endswith(":2")


def test_the_autoscalers_count_is_left_alone(plant: Plant) -> None:
    plant.aws.client("ecs").update_service(cluster=CLUSTER, service=SERVICE, desiredCount=6)
    plant.converge()
    assert operations(plant) == []
    assert service(plant)["desiredCount"] == 6


def test_scheduled_bounds_are_left_alone(plant: Plant) -> None:
    plant.aws.client("application-autoscaling").put_scheduled_action(
        **WHERE,
        ScheduledActionName="evening",
        Schedule="rate(1 minute)",
        ScalableTargetAction={"MinCapacity": 4, "MaxCapacity": 12},
    )
    plant.later(180)
    plant.converge()
    assert operations(plant) == []
    assert service(plant)["desiredCount"] == 4


def _variable(plant: Plant) -> None:
    ecs = plant.aws.client("ecs")
    task = ecs.describe_task_definition(taskDefinition=SERVICE)["taskDefinition"]
    keep = (
        "family", "containerDefinitions", "networkMode", "cpu", "memory", "requiresCompatibilities",
        "executionRoleArn", "taskRoleArn",
    )  # fmt: skip
    task["containerDefinitions"][0]["environment"].append({"name": "X", "value": "1"})
    made = ecs.register_task_definition(**{k: task[k] for k in keep})["taskDefinition"]
    ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=made["taskDefinitionArn"])


def _public(plant: Plant) -> None:
    network = service(plant)["networkConfiguration"]
    network["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED"
    plant.aws.client("ecs").update_service(
        cluster=CLUSTER, service=SERVICE, networkConfiguration=network
    )


def _scaling(operation: str, **more: Any) -> Callable[[Plant], None]:
    return lambda p: getattr(p.aws.client("application-autoscaling"), operation)(**WHERE, **more)


def _update(**more: Any) -> Callable[[Plant], None]:
    return lambda p: p.aws.client("ecs").update_service(cluster=CLUSTER, service=SERVICE, **more)


ROLL = ["ecs:RegisterTaskDefinition", "ecs:UpdateService"]
SCALING = "application-autoscaling"
TAMPERED: list[tuple[Callable[[Plant], Any], set[str], list[str]]] = [
    (_variable, {"containers[gateway].environment[X]"}, ROLL),
    (_public, {"networkConfiguration.assignPublicIp"}, ["ecs:UpdateService"]),
    (_update(desiredCount=1), {"desiredCount"}, ["ecs:UpdateService"]),
    (_update(enableExecuteCommand=True), {"enableExecuteCommand"}, ["ecs:UpdateService"]),
    (_update(deploymentConfiguration={"minimumHealthyPercent": 0}),
     {"deployment.minimumHealthyPercent"}, ["ecs:UpdateService"]),
    (_scaling("register_scalable_target", MaxCapacity=50), {"autoscaling.maxCapacity"},
     [f"{SCALING}:RegisterScalableTarget"]),
    (_scaling("delete_scaling_policy", PolicyName=f"{SERVICE}-cpu"),
     {"autoscaling.policies[cpu]"}, [f"{SCALING}:PutScalingPolicy"]),
    (_scaling("deregister_scalable_target"), {"autoscaling"},
     [f"{SCALING}:RegisterScalableTarget", f"{SCALING}:PutScalingPolicy"]),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "paths", "calls"), TAMPERED)
def test_tampering_is_named_and_mended(
    plant: Plant, tamper: Callable[[Plant], Any], paths: set[str], calls: list[str]
) -> None:
    tamper(plant)
    plant.later(30)
    report = plant.run()
    drift = {c.path for c in report.assessments["Service/gateway"].drift}
    assert drift == paths
    plant.later(60)
    plant.converge()
    assert operations(plant) == calls


def test_a_deleted_service_is_made_again_when_it_has_drained(plant: Plant) -> None:
    plant.aws.client("ecs").delete_service(cluster=CLUSTER, service=SERVICE, force=True)
    plant.later()
    plant.converge()
    assert service(plant)["status"] == "ACTIVE"
    assert service(plant)["runningCount"] == 2


@pytest.mark.skipif(
    ("ecs", "DescribeServiceRevisions") not in behaviours(),
    reason="the sandbox has no DescribeServiceRevisions",
)
@pytest.mark.parametrize("variables", ["MODE: PRODUCTION", "MODE: DEBUG", ""])
def test_a_rolled_back_revision_is_not_tried_again(plant: Plant, variables: str) -> None:
    plant.publish(desired("broken:1", variables))
    for _ in range(30):
        report = plant.run()
        plant.later(60)
    seen = report.assessments["Service/gateway"]
    assert operations(plant) == ROLL
    assert (seen.readiness.state, seen.readiness.reason) == ("failed", "RolledBack")
    assert service(plant)["taskDefinition"].endswith(":1")
    plant.checkpoint()
    plant.publish(desired("fixed:1", variables))
    plant.converge()
    assert operations(plant) == ROLL
