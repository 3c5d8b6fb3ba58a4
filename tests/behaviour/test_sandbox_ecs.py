"""The simulated ECS and Application Auto Scaling keep to AWS's rules, through boto3 only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from sandbox.errors import NotSimulated
from sandbox.inprocess import session
from sandbox.seed import Seeded, seed
from sandbox.world import World

SLR = "arn:aws:iam::123456789012:role/aws-service-role/"


@cache
def network() -> Seeded:
    """What services refer to, made by the first world that asks."""
    return seed(World())


class Stage:
    """A seeded world with a cluster, and shortcuts."""

    def __init__(self, number: int) -> None:
        print(f"repeat with --sandbox-seed={number}")
        self.world = World(seed=number, max_lag=timedelta(0))
        self.seeded = network()
        self.aws: boto3.Session = session(self.world)
        self.ecs: Any = self.aws.client("ecs")
        self.scaling: Any = self.aws.client("application-autoscaling")
        self.ecs.create_cluster(clusterName="main")

    def advance(self, seconds: float) -> None:
        with self.world.lock:
            self.world.clock.advance(timedelta(seconds=seconds))

    def register(self, image: str = "app:1", **more: Any) -> str:
        container = {
            "name": "app",
            "image": image,
            "portMappings": [{"containerPort": 4000, "name": "http"}],
            **more.pop("container", {}),
        }
        task = {
            "family": "app",
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "512",
            "memory": "1024",
            "executionRoleArn": self.seeded.parameters["roles/execution"],
            "taskRoleArn": self.seeded.parameters["roles/task"],
            "containerDefinitions": [container],
            **more,
        }
        return str(self.ecs.register_task_definition(**task)["taskDefinition"]["taskDefinitionArn"])

    def network(self) -> dict[str, Any]:
        return {
            "awsvpcConfiguration": {
                "subnets": self.seeded.values("network/private-subnets"),
                "securityGroups": self.seeded.values("network/service-security-groups"),
            }
        }

    def balancer(self) -> dict[str, Any]:
        return {
            "targetGroupArn": self.seeded.parameters["target-group/arn"],
            "containerName": "app",
            "containerPort": 4000,
        }

    def create(self, **more: Any) -> dict[str, Any]:
        service = {
            "cluster": "main",
            "serviceName": "app",
            "taskDefinition": "app",
            "desiredCount": 2,
            "launchType": "FARGATE",
            "networkConfiguration": self.network(),
            "loadBalancers": [self.balancer()],
            **more,
        }
        given = {k: v for k, v in service.items() if v is not None}
        answer: dict[str, Any] = self.ecs.create_service(**given)["service"]
        return answer

    def update(self, **more: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.ecs.update_service(cluster="main", service="app", **more)
        service: dict[str, Any] = answer["service"]
        return service

    def service(self, **more: Any) -> dict[str, Any]:
        answer = self.ecs.describe_services(cluster="main", services=["app"], **more)
        service: dict[str, Any] = answer["services"][0]
        return service

    def messages(self) -> list[str]:
        return [e["message"] for e in self.service()["events"]]


@pytest.fixture(scope="module", autouse=True)
def fresh_moto() -> Iterator[None]:
    """moto's part of the sandbox is one for all worlds: the module shares one seeded network."""
    moto_api_backend.reset()
    network.cache_clear()
    yield
    moto_api_backend.reset()


@pytest.fixture
def stage(sandbox_seed: int) -> Stage:
    return Stage(sandbox_seed)


def refused(code: str, words: str, call: Callable[..., Any], **params: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    assert error["Code"] == code, error
    assert words in error["Message"], error


BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


def test_task_definition_gets_the_servers_defaults(stage: Stage) -> None:
    arn = stage.register(
        cpu=".5 vCPU",
        memory="1 GB",
        container={
            "portMappings": [{"containerPort": 8080}, {"containerPort": 443}],
            "healthCheck": {"command": ["CMD-SHELL", "true"]},
            "environment": [{"name": str(n), "value": "x"} for n in range(20)],
            "dockerLabels": {"CamelCase": "Kept"},
            "entryPoint": [],
        },
        volumes=[{"name": "scratch"}],
        tags=[{"key": "a", "value": "b"}],
    )
    assert arn.endswith("task-definition/app:1")
    answer = stage.ecs.describe_task_definition(taskDefinition="app", include=["TAGS"])
    assert answer["tags"] == [{"key": "a", "value": "b"}]
    task = answer["taskDefinition"]
    assert (task["cpu"], task["memory"], task["revision"]) == ("512", "1024", 1)
    assert task["volumes"] == [{"name": "scratch", "host": {}}]
    assert task["placementConstraints"] == []
    assert set(task["compatibilities"]) == {"EC2", "FARGATE"}
    container = task["containerDefinitions"][0]
    assert container["portMappings"] == [
        {"containerPort": 443, "hostPort": 443, "protocol": "tcp"},
        {"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"},
    ]
    check = {"command": ["CMD-SHELL", "true"], "interval": 30, "timeout": 5, "retries": 3}
    assert container["healthCheck"] == check
    assert (container["cpu"], container["essential"]) == (0, True)
    for member in ("mountPoints", "volumesFrom", "systemControls", "entryPoint"):
        assert container[member] == []
    assert container["dockerLabels"] == {"CamelCase": "Kept"}
    assert [e["name"] for e in container["environment"]] != [str(n) for n in range(20)]
    assert "tags" not in stage.ecs.describe_task_definition(taskDefinition="app:1")


def test_task_definition_revisions(stage: Stage) -> None:
    stage.register()
    stage.register()
    stage.ecs.deregister_task_definition(taskDefinition="app:2")
    newest = stage.ecs.describe_task_definition(taskDefinition="app")["taskDefinition"]
    assert newest["revision"] == 1
    assert stage.register().endswith(":3")
    listed = stage.ecs.list_task_definitions(familyPrefix="app", sort="DESC")["taskDefinitionArns"]
    assert [a.rpartition(":")[2] for a in listed] == ["3", "1"]
    assert stage.ecs.list_task_definitions(familyPrefix="ap")["taskDefinitionArns"] == []
    assert stage.ecs.list_task_definition_families(familyPrefix="ap")["families"] == ["app"]
    deregister = stage.ecs.deregister_task_definition
    refused("ClientException", "Revision is missing", deregister, taskDefinition="app")
    refused("InvalidParameterException", "inactive", deregister, taskDefinition="app:2")
    describe = stage.ecs.describe_task_definition
    refused("ClientException", "Unable to describe", describe, taskDefinition="other")


@pytest.mark.parametrize(
    ("words", "task"),
    [
        ("No Fargate configuration exists", {"cpu": "512", "memory": "8192"}),
        ("Fargate only supports network mode", {"networkMode": "bridge"}),
        ("execution role ARN", {
            "executionRoleArn": "",
            "container": {"logConfiguration": {"logDriver": "awslogs", "options": {
                "awslogs-group": "g", "awslogs-region": "r", "awslogs-stream-prefix": "p"}}},
        }),
        ("'executionRoleArn'", {
            "executionRoleArn": "",
            "container": {"secrets": [{"name": "S", "valueFrom": "arn:aws:ssm:x"}]},
        }),
        ("such as 'S'", {"container": {
            "environment": [{"name": "S", "value": "x"}],
            "secrets": [{"name": "S", "valueFrom": "arn:aws:ssm:x"}],
        }}),
        ("must match", {"container": {"portMappings": [{"containerPort": 80, "hostPort": 81}]}}),
        ("Unknown volume", {"container": {
            "mountPoints": [{"sourceVolume": "v", "containerPath": "/v"}]}}),
        ("interval", {"container": {"healthCheck": {"command": ["CMD", "x"], "interval": 1}}}),
        ("essential", {"container": {"essential": False}}),
        ("stopTimeout", {"container": {"stopTimeout": 121}}),
    ],
)  # fmt: skip
def test_task_definitions_that_are_refused(stage: Stage, words: str, task: Any) -> None:
    refused("ClientException", words, stage.register, **task)


def test_cluster_members_come_only_when_asked_for(stage: Stage) -> None:
    made = stage.ecs.create_cluster(
        clusterName="other",
        settings=[{"name": "containerInsights", "value": "enhanced"}],
        capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
        configuration={"executeCommandConfiguration": {"logging": "DEFAULT"}},
        tags=[{"key": "a", "value": "b"}],
    )["cluster"]
    assert made["status"] == "ACTIVE"
    plain = stage.ecs.describe_clusters(clusters=["other"])["clusters"][0]
    assert not plain.get("tags")
    assert not plain.get("settings")
    assert "configuration" not in plain
    full = stage.ecs.describe_clusters(
        clusters=["other"], include=["TAGS", "SETTINGS", "CONFIGURATIONS"]
    )["clusters"][0]
    assert full["tags"] == [{"key": "a", "value": "b"}]
    assert full["settings"] == [{"name": "containerInsights", "value": "enhanced"}]
    assert full["configuration"] == {"executeCommandConfiguration": {"logging": "DEFAULT"}}
    assert full["defaultCapacityProviderStrategy"] == [
        {"capacityProvider": "FARGATE", "weight": 1, "base": 0}
    ]
    missing = stage.ecs.describe_clusters(clusters=["none"])
    assert [f["reason"] for f in missing["failures"]] == ["MISSING"]
    create = stage.ecs.create_cluster
    refused("InvalidParameterException", "inconsistent", create, clusterName="other")


def test_cluster_with_services_is_not_deleted(stage: Stage) -> None:
    stage.register()
    stage.create()
    delete = stage.ecs.delete_cluster
    refused("ClusterContainsServicesException", "active", delete, cluster="main")
    stage.ecs.delete_service(cluster="main", service="app", force=True)
    refused("ClusterContainsTasksException", "Tasks", delete, cluster="main")
    stage.advance(120)
    assert delete(cluster="main")["cluster"]["status"] == "INACTIVE"
    refused("ClusterNotFoundException", "inactive", stage.create)
    assert stage.ecs.create_cluster(clusterName="main")["cluster"]["status"] == "ACTIVE"


def test_service_gets_the_servers_defaults(stage: Stage) -> None:
    arn = stage.register()
    stage.create(tags=[{"key": "a", "value": "b"}])
    service = stage.service()
    assert "tags" not in service
    assert stage.service(include=["TAGS"])["tags"] == [{"key": "a", "value": "b"}]
    config = service["deploymentConfiguration"]
    assert config["maximumPercent"] == 200
    assert config["minimumHealthyPercent"] == 100
    assert config["strategy"] == "ROLLING"
    assert config["bakeTimeInMinutes"] == 0
    assert config["deploymentCircuitBreaker"]["enable"] is False
    assert config["deploymentCircuitBreaker"]["rollback"] is False
    assert service["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"
    expected = {
        "taskDefinition": arn,
        "launchType": "FARGATE",
        "platformVersion": "LATEST",
        "platformFamily": "Linux",
        "propagateTags": "NONE",
        "enableECSManagedTags": False,
        "enableExecuteCommand": False,
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "availabilityZoneRebalancing": "ENABLED",
        "healthCheckGracePeriodSeconds": 0,
        "roleArn": SLR + "ecs.amazonaws.com/AWSServiceRoleForECS",
        "serviceRegistries": [],
        "placementConstraints": [],
        "placementStrategy": [],
    }
    assert {k: service[k] for k in expected} == expected
    assert service["deployments"][0]["platformVersion"] == "1.4.0"


def test_rollout_progresses_and_completes(stage: Stage) -> None:
    stage.register()
    stage.create()
    deployment = stage.service()["deployments"][0]
    assert deployment["rolloutState"] == "IN_PROGRESS"
    stage.advance(12)
    assert stage.service()["pendingCount"] == 2
    stage.advance(40)
    assert stage.service()["runningCount"] == 2
    stage.advance(68)
    service = stage.service()
    deployment = service["deployments"][0]
    assert deployment["rolloutState"] == "COMPLETED"
    assert deployment["rolloutStateReason"] == f"ECS deployment {deployment['id']} completed."
    assert stage.messages()[0] == "(service app) has reached a steady state."
    stage.ecs.get_waiter("services_stable").wait(cluster="main", services=["app"])

    new = stage.register("app:2")
    stage.update(taskDefinition="app")
    service = stage.service()
    assert service["taskDefinition"] == new
    assert [d["status"] for d in service["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert [d["runningCount"] for d in service["deployments"]] == [0, 2]
    stage.advance(120)
    service = stage.service()
    assert [d["rolloutState"] for d in service["deployments"]] == ["COMPLETED"]
    assert service["runningCount"] == 2
    log = stage.ecs.list_service_deployments(cluster="main", service="app")["serviceDeployments"]
    assert [d["status"] for d in log] == ["SUCCESSFUL", "SUCCESSFUL"]


@pytest.mark.parametrize("batch", [(100, 50), (150, 100), (200, 100)])
def test_rollout_keeps_to_its_limits(stage: Stage, batch: tuple[int, int]) -> None:
    high, low = batch
    stage.register()
    config = {"maximumPercent": high, "minimumHealthyPercent": low}
    stage.create(desiredCount=4, deploymentConfiguration=config)
    stage.advance(300)
    stage.register("app:2")
    stage.update(taskDefinition="app")
    for _ in range(60):
        stage.advance(10)
        service = stage.service()
        assert service["runningCount"] >= 4 * low / 100
        assert service["runningCount"] + service["pendingCount"] <= 4 * high / 100
    assert [d["rolloutState"] for d in service["deployments"]] == ["COMPLETED"]


def test_circuit_breaker_rolls_back(stage: Stage) -> None:
    good = stage.register()
    first = stage.create(deploymentConfiguration=BREAKER)["deployments"][0]["id"]
    stage.advance(120)
    bad = stage.register("app:broken")
    second = stage.update(taskDefinition="app")["deployments"][0]["id"]
    assert stage.service()["taskDefinition"] == bad
    seen = set()
    for _ in range(40):
        stage.advance(5)
        service = stage.service()
        assert service["runningCount"] >= 2
        for deployment in service["deployments"]:
            seen.add(
                (deployment["id"], deployment["status"], deployment["rolloutState"],
                 deployment["rolloutStateReason"])
            )  # fmt: skip
    assert (
        second, "ACTIVE", "FAILED", "ECS deployment circuit breaker: tasks failed to start."
    ) in seen  # fmt: skip
    assert (
        first, "PRIMARY", "IN_PROGRESS",
        f"ECS deployment circuit breaker: rolling back to deploymentId {first}.",
    ) in seen  # fmt: skip
    service = stage.service()
    assert service["taskDefinition"] == good
    assert [(d["id"], d["rolloutState"]) for d in service["deployments"]] == [(first, "COMPLETED")]
    messages = stage.messages()
    failed = f"(service app) (deployment {second}) deployment failed: tasks failed to start."
    assert messages.index(f"(service app) rolling back to deployment {first}.") == (
        messages.index(failed) - 1
    )
    log = stage.ecs.list_service_deployments(cluster="main", service="app")["serviceDeployments"]
    assert log[0]["status"] == "ROLLBACK_SUCCESSFUL"
    told = stage.ecs.describe_service_deployments(
        serviceDeploymentArns=[log[0]["serviceDeploymentArn"]]
    )["serviceDeployments"][0]
    assert told["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert told["deploymentCircuitBreaker"]["failureCount"] >= 3
    assert told["deploymentCircuitBreaker"]["threshold"] == 3


def test_circuit_breaker_with_nothing_to_roll_back_to_stalls(stage: Stage) -> None:
    stage.register("broken:1")
    stage.create(deploymentConfiguration=BREAKER)
    stage.advance(600)
    service = stage.service()
    assert [d["rolloutState"] for d in service["deployments"]] == ["FAILED"]
    assert (service["runningCount"], service["pendingCount"]) == (0, 0)


def test_without_circuit_breaker_a_broken_image_never_ends(stage: Stage) -> None:
    stage.register()
    stage.create()
    stage.advance(120)
    stage.register("app:broken")
    stage.update(taskDefinition="app")
    stage.advance(86400)
    service = stage.service()
    assert [d["rolloutState"] for d in service["deployments"]] == ["IN_PROGRESS", "COMPLETED"]
    assert service["deployments"][0]["failedTasks"] > 10
    assert service["deployments"][1]["runningCount"] == 2
    stage.register("app:3")
    stage.update(taskDefinition="app")
    stage.advance(150)
    assert [d["rolloutState"] for d in stage.service()["deployments"]] == ["COMPLETED"]


def test_update_changes_what_it_names_and_deploys_only_for_some(stage: Stage) -> None:
    stage.register()
    stage.create(serviceConnectConfiguration={"enabled": True, "namespace": "ns", "services": [
        {"portName": "http", "clientAliases": [{"port": 80}]}]})  # fmt: skip
    stage.advance(120)
    service = stage.update(
        desiredCount=3,
        propagateTags="SERVICE",
        enableECSManagedTags=True,
        enableExecuteCommand=True,
        availabilityZoneRebalancing="DISABLED",
        healthCheckGracePeriodSeconds=60,
        deploymentConfiguration={"maximumPercent": 150},
        networkConfiguration=stage.network(),
        taskDefinition="app:1",
    )
    assert len(service["deployments"]) == 1
    assert service["deployments"][0]["serviceConnectConfiguration"]["namespace"] == "ns"
    assert service["deploymentConfiguration"]["maximumPercent"] == 150
    assert service["deploymentConfiguration"]["minimumHealthyPercent"] == 100
    assert service["propagateTags"] == "SERVICE"
    assert service["enableECSManagedTags"] is True
    assert service["enableExecuteCommand"] is True
    assert service["availabilityZoneRebalancing"] == "DISABLED"
    assert service["healthCheckGracePeriodSeconds"] == 60
    stage.advance(90)
    assert stage.service()["runningCount"] == 3
    assert len(stage.update(forceNewDeployment=True)["deployments"]) == 2
    public = stage.network()
    public["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED"
    assert len(stage.update(networkConfiguration=public)["deployments"]) == 3
    stage.advance(300)
    assert len(stage.service()["deployments"]) == 1
    strategy = [{"capacityProvider": "FARGATE", "weight": 1}]
    stage.ecs.put_cluster_capacity_providers(
        cluster="main", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
    )
    refused(
        "InvalidParameterException", "must force a new deployment", stage.update,
        capacityProviderStrategy=strategy,
    )  # fmt: skip
    service = stage.update(capacityProviderStrategy=strategy, forceNewDeployment=True)
    assert "launchType" not in service
    refused(
        "ResourceInUseException", "in use", stage.ecs.put_cluster_capacity_providers,
        cluster="main", capacityProviders=[], defaultCapacityProviderStrategy=[],
    )  # fmt: skip


def test_create_twice(stage: Stage) -> None:
    stage.register()
    first = stage.create(clientToken="t")
    assert stage.create(clientToken="t")["serviceArn"] == first["serviceArn"]
    words = "not idempotent"
    refused("InvalidParameterException", words, stage.create, desiredCount=3)
    refused("InvalidParameterException", words, stage.create, clientToken="t", serviceName="b")
    refused("InvalidParameterException", "clientToken", stage.create, clientToken="x" * 37)


@pytest.mark.parametrize(
    ("code", "words", "change"),
    [
        ("ClusterNotFoundException", "Cluster not found", {"cluster": "none"}),
        ("ClientException", "TaskDefinition not found", {"taskDefinition": "none"}),
        ("ClientException", "TaskDefinition not found", {"taskDefinition": "app:9"}),
        ("ClientException", "desiredCount", {"desiredCount": None}),
        ("InvalidParameterException", "must be provided", {"networkConfiguration": None}),
        ("InvalidParameterException", "subnet-none", {"networkConfiguration": {
            "awsvpcConfiguration": {"subnets": ["subnet-none"]}}}),
        ("InvalidParameterException", "aws:", {"tags": [{"key": "aws:x", "value": "y"}]}),
        ("InvalidParameterException", "cannot be 100", {"deploymentConfiguration": {
            "maximumPercent": 100, "minimumHealthyPercent": 100}}),
        ("InvalidParameterException", "larger", {"deploymentConfiguration": {
            "maximumPercent": 150, "minimumHealthyPercent": 200}}),
        ("InvalidParameterException", "not associated", {"launchType": None,
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}),
        ("InvalidParameterException", "not supported", {
            "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}),
        ("PlatformUnknownException", "platform", {"platformVersion": "9"}),
        ("InvalidParameterException", "target group", {"loadBalancers": [{
            "targetGroupArn": "arn:none", "containerName": "app", "containerPort": 4000}]}),
        ("InvalidParameterException", "container port 1", {"loadBalancers": [{
            "targetGroupArn": "arn:none", "containerName": "app", "containerPort": 1}]}),
        ("InvalidParameterException", "does not exist", {"loadBalancers": [{
            "targetGroupArn": "arn:none", "containerName": "x", "containerPort": 4000}]}),
    ],
)  # fmt: skip
def test_services_that_are_refused(stage: Stage, code: str, words: str, change: Any) -> None:
    stage.register()
    refused(code, words, stage.create, **change)


def test_target_group_needs_a_load_balancer(stage: Stage) -> None:
    stage.register()
    group = stage.aws.client("elbv2").create_target_group(
        Name="lonely", Protocol="HTTP", Port=4000, TargetType="ip",
        VpcId=stage.seeded.parameters["network/vpc"],
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    balancer = {**stage.balancer(), "targetGroupArn": group}
    words = "does not have an associated load balancer"
    refused("InvalidParameterException", words, stage.create, loadBalancers=[balancer])


def test_delete_and_lists(stage: Stage) -> None:
    stage.register()
    for number in range(12):
        stage.create(serviceName=f"app{number}", desiredCount=0, loadBalancers=None)
    page = stage.ecs.list_services(cluster="main")
    assert len(page["serviceArns"]) == 10
    pages = stage.ecs.get_paginator("list_services").paginate(cluster="main")
    assert len({a for p in pages for a in p["serviceArns"]}) == 12
    describe = stage.ecs.describe_services
    names = [f"app{n}" for n in range(11)]
    refused("InvalidParameterException", "10", describe, cluster="main", services=names)
    stage.create()
    delete = stage.ecs.delete_service
    refused("InvalidParameterException", "above 0", delete, cluster="main", service="app")
    refused("ServiceNotFoundException", "not found", delete, cluster="main", service="none")
    stage.advance(120)
    assert delete(cluster="main", service="app", force=True)["service"]["status"] == "DRAINING"
    refused("InvalidParameterException", "still Draining", stage.create)
    refused("ServiceNotActiveException", "not ACTIVE", stage.update, desiredCount=1)
    stage.advance(60)
    assert stage.service()["status"] == "INACTIVE"
    assert stage.create()["status"] == "ACTIVE"


def test_tags(stage: Stage) -> None:
    arn = stage.register()
    service = stage.create()["serviceArn"]
    for resource in (arn, service):
        stage.ecs.tag_resource(resourceArn=resource, tags=[{"key": "A", "value": "b"}])
        stage.ecs.tag_resource(resourceArn=resource, tags=[{"key": "a", "value": "c"}])
        stage.ecs.untag_resource(resourceArn=resource, tagKeys=["A", "none"])
        listed = stage.ecs.list_tags_for_resource(resourceArn=resource)["tags"]
        assert listed == [{"key": "a", "value": "c"}]
        assert stage.world.store("ecs")["_tags"][resource] == {"a": "c"}
    tag = stage.ecs.tag_resource
    wrong = [{"key": "aws:x", "value": "y"}]
    refused("InvalidParameterException", "aws:", tag, resourceArn=arn, tags=wrong)
    wrong = [{"key": "x", "value": "y"}]
    refused("ServiceNotFoundException", "", tag, resourceArn=service + "x", tags=wrong)


@pytest.mark.parametrize(
    "change",
    [
        {"gatewayConnectors": []},
        {"monitoring": {}},
        {"role": "ecsServiceRole"},
    ],
)
def test_what_is_not_simulated_ends_the_test(stage: Stage, change: Any) -> None:
    stage.register()
    with pytest.raises(NotSimulated):
        stage.create(**change)
    assert stage.world.unsimulated


def test_reads_lag_behind_writes() -> None:
    stage = Stage(1)
    stage.world.max_lag = timedelta(seconds=2)
    stage.register()
    stage.advance(5)
    stage.create()
    ask = stage.ecs.describe_services
    seen = {len(ask(cluster="main", services=["app"])["services"]) for _ in range(20)}
    assert seen == {0, 1}
    stage.advance(5)
    seen = {len(ask(cluster="main", services=["app"])["services"]) for _ in range(20)}
    assert seen == {1}
