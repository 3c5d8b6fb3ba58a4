"""Cases 31 to 55, and what stands between them: services and clusters."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from controller.manifest import DesiredStateError, load
from sandbox.perturb_ecs import code_deploy, instances, task_set
from tests.fidelity.cases.ecs_estate import (
    CLUSTER,
    CLUSTERS,
    NAME,
    SERVICES,
    Deed,
    Doc,
    Estate,
    estate,
    spec,
    text,
)
from tests.harness import environment, resource


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


def stored(name: str = "web", **values: Any) -> Deed:
    """AWS, or whoever else, made this of a service."""
    return lambda e: e.stored(name).update(values)


def without(*members: str, name: str = "web") -> Deed:
    """An old reply: AWS does not show these yet."""
    return lambda e: [e.stored(name).pop(m, None) for m in members]


def rollout(**values: Any) -> Deed:
    """AWS shows the deployment configuration of web so; None: not at all."""

    def deed(e: Estate) -> None:
        config = e.stored("web")["deploymentConfiguration"]
        for name, value in values.items():
            config.pop(name, None)
            if value is not None:
                config[name] = value

    return deed


def connect(**values: Any) -> Deed:
    """AWS shows Service Connect so."""
    return lambda e: e.stored("web")["deployments"][0]["serviceConnectConfiguration"].update(values)


def deployed_before(e: Estate) -> None:
    """An older deployment, with another configuration, is still there."""
    service = e.stored("web")
    old = copy.deepcopy(service["deployments"][0])
    old.update(id="ecs-svc/1", status="ACTIVE", serviceConnectConfiguration={"enabled": False})
    old["runningCount"] = 0
    service["deployments"].append(old)


def newer_revision(e: Estate) -> None:
    """Somebody registers a revision and does not roll it out."""
    task = e.running("web")
    known = e.ecs.meta.service_model.operation_model("RegisterTaskDefinition").input_shape
    task = {k: v for k, v in task.items() if k in known.members}
    task["containerDefinitions"][0]["image"] = "other:1"
    e.ecs.register_task_definition(**task)


def by_arn(e: Estate) -> None:
    """The file says the cluster's ARN."""
    said = spec("web", ('"${Cluster.main.name}"', '"${Cluster.main.arn}"'))
    e.publish(text(services=said))


def network(**values: Any) -> Deed:
    """AWS shows the network so, in the service and its deployment."""

    def deed(e: Estate) -> None:
        for held in (e.stored("web"), e.stored("web")["deployments"][0]):
            held["networkConfiguration"]["awsvpcConfiguration"].update(values)

    return deed


def reversed_network(e: Estate) -> None:
    vpc = e.stored("web")["networkConfiguration"]["awsvpcConfiguration"]
    vpc["subnets"].reverse()
    e.stored("spot")["capacityProviderStrategy"].reverse()


def other_groups(e: Estate) -> None:
    """CodeDeploy swaps the target groups with each deployment."""
    code_deploy(e.world, CLUSTER, f"{NAME}-codedeploy", e.register("codedeploy", "app", "app:2"))
    e.stored("codedeploy")["taskSets"][0]["loadBalancers"][0]["targetGroupArn"] = e.other_group
    e.stored("codedeploy")["loadBalancers"][0]["targetGroupArn"] = e.other_group


def other_task_set(e: Estate) -> None:
    """Somebody's own controller rolls another revision out, elsewhere."""
    arn = e.register("external", "app", "theirs:2")
    task_set(
        e.world, CLUSTER, f"{NAME}-external", launchType="EC2", taskDefinition=arn,
        networkConfiguration=e.shown("plain")["networkConfiguration"],
    )  # fmt: skip


def cluster(name: str, **values: Any) -> Deed:
    """AWS shows a cluster so."""
    return lambda e: e.world.store("ecs")["clusters"][f"{NAME}-{name}"].update(values)


def busy(e: Estate) -> None:
    """What moves all the time: counts, events, the log of deployments."""
    e.stored("web").update(pendingCount=0, events=[{"id": "1", "message": "x"}])
    e.stored("web")["deployments"][0].update(
        failedTasks=2, updatedAt=e.world.clock.now(), rolloutStateReason="x"
    )


SMALL_BREAKER = {"enable": True, "rollback": True}
GROWN_BREAKER = {
    **SMALL_BREAKER, "resetOnHealthyTask": True,
    "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50},
}  # fmt: skip
ECHOES: dict[str, tuple[tuple[int, ...], Deed]] = {
    "a newer revision that is not rolled out": ((31,), newer_revision),
    "the cluster by its ARN": ((32,), by_arn),
    "the role that AWS injects": (
        (33,), stored(roleArn="arn:aws:iam::123456789012:role/aws-service-role/ecs.amazonaws.com/"
                      "AWSServiceRoleForECS")),
    "no role": ((33,), without("roleArn")),
    "the autoscaler's count": ((34,), lambda e: e.update("web", desiredCount=7)),
    "a daemon on more instances": ((35,), lambda e: instances(e.world, CLUSTER, 5)),
    "percents are not shown": (
        (36,), rollout(maximumPercent=None, minimumHealthyPercent=None)),
    "a daemon's percents are not shown": (
        (36,), lambda e: [e.stored("agent")["deploymentConfiguration"].pop(m)
                          for m in ("maximumPercent", "minimumHealthyPercent")]),
    "ROLLING, no bake time, no alarms": (
        (37,), rollout(strategy="ROLLING", bakeTimeInMinutes=0, alarms={
            "alarmNames": [], "enable": False, "rollback": False})),
    "neither strategy nor alarms are shown": (
        (37,), rollout(strategy=None, bakeTimeInMinutes=None, alarms=None)),
    "the circuit breaker has grown": ((38,), rollout(deploymentCircuitBreaker=GROWN_BREAKER)),
    "the circuit breaker of old": ((38,), rollout(deploymentCircuitBreaker=SMALL_BREAKER)),
    "the controller is ECS": ((39,), stored(deploymentController={"type": "ECS"})),
    "the controller is not shown": ((39,), without("deploymentController")),
    "CodeDeploy has rolled out": ((40,), other_groups),
    "another controller has rolled out": ((40,), other_task_set),
    "tags of no one are not shown": ((42,), without("propagateTags", name="codedeploy")),
    "the platform is LATEST": ((43,), stored(platformVersion="LATEST")),
    "the platform is not shown": ((43,), without("platformVersion", "platformFamily")),
    "the platform is 1.4.0": ((43,), stored(platformVersion="1.4.0")),
    "REPLICA, and what is off": (
        (45,), lambda e: [e.stored("codedeploy").pop(m) for m in (
            "schedulingStrategy", "enableExecuteCommand", "enableECSManagedTags")]),
    "addresses are not shown": (
        (46,), lambda e: e.stored("web")["networkConfiguration"]["awsvpcConfiguration"].pop(
            "assignPublicIp")),
    "addresses are private": ((46,), network(assignPublicIp="DISABLED")),
    "networks and providers in another order": ((47, 49), reversed_network),
    "a strategy that the cluster fills in": ((49,), lambda e: None),
    "a base of 0 is not shown": (
        (49,), lambda e: [s.pop("base") for s in e.stored("spot")["capacityProviderStrategy"]
                          if not s["base"]]),
    "a launch type beside the strategy": ((50,), stored("spot", launchType="FARGATE")),
    "Service Connect's defaults": (
        (52,), connect(containerConfigurations=[{"logLevel": "info"}])),
    "discovery names are not shown": (
        (52,), lambda e: [s.pop("discoveryName") for s in e.stored("web")["deployments"][0][
            "serviceConnectConfiguration"]["services"]]),
    "an older deployment beside": ((52,), deployed_before),
    "Service Connect that was never on": (
        (52,), lambda e: e.stored("spot")["deployments"][0].update(
            serviceConnectConfiguration={"enabled": False})),
    "what moves all the time": ((53,), busy),
    "Container Insights that nobody declares": (
        (54,), cluster("old", settings=[{"name": "containerInsights", "value": "enhanced"}])),
    "settings are not shown": ((54,), cluster("old", settings=[])),
    "providers in another order": (
        (55,), cluster("main", capacityProviders=["FARGATE", "FARGATE_SPOT"])),
    "a cluster's strategy in another order": (
        (), cluster("main", defaultCapacityProviderStrategy=[
            {"capacityProvider": "FARGATE_SPOT", "weight": 2},
            {"capacityProvider": "FARGATE", "weight": 1, "base": 0}])),
    "a cluster without configuration": ((), cluster("main", configuration={})),
    "rebalancing of another era": ((), stored(availabilityZoneRebalancing="DISABLED")),
    "rebalancing is not shown": ((), without("availabilityZoneRebalancing")),
    "no grace period": ((), without("healthCheckGracePeriodSeconds")),
    "ports of registries that are not used": (
        (), stored(serviceRegistries=[{
            "registryArn": "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1",
            "port": 0, "containerPort": 0, "containerName": ""}])),
    "placement in capitals": (
        (), stored("host", placementStrategy=[
            {"type": "spread", "field": "attribute:ecs.availability-zone"},
            {"type": "binpack", "field": "MEMORY"}])),
    "an empty expression": (
        (), stored("host", placementConstraints=[
            {"type": "memberOf", "expression": "attribute:ecs.os-type == linux"},
            {"type": "distinctInstance", "expression": ""}])),
    "a volume's defaults": (
        (), lambda e: e.stored("disk")["deployments"][0]["volumeConfigurations"][0][
            "managedEBSVolume"].update(volumeType="gp3", filesystemType="xfs")),
    "an old reply": (
        (), without("createdBy", "platformFamily", "deploymentController", "roleArn",
                    "availabilityZoneRebalancing", name="plain")),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "echo") for n in cases])
        for name, (cases, _) in ECHOES.items()
    ],
)
def test_what_aws_makes_of_it_is_no_drift(e: Estate, name: str) -> None:
    ECHOES[name][1](e)
    e.quiet(1)


def by_hand(name: str = "web", **params: Any) -> Deed:
    """Somebody's UpdateService."""
    return lambda e: e.update(name, **params)


def more_connected(e: Estate) -> None:
    held = copy.deepcopy(e.shown("web")["deployments"][0]["serviceConnectConfiguration"])
    held["services"][0]["clientAliases"][0]["dnsName"] = "other"
    e.update("web", serviceConnectConfiguration=held)


def disconnected(e: Estate) -> None:
    e.update("web", serviceConnectConfiguration={"enabled": False})


def rolled_out_by_hand(e: Estate) -> None:
    newer_revision(e)
    e.update("web", taskDefinition=f"{NAME}-web")


def public(e: Estate) -> None:
    held = e.shown("web")["networkConfiguration"]
    held["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED"
    e.update("web", networkConfiguration=held)


def fewer_subnets(e: Estate) -> None:
    held = e.shown("web")["networkConfiguration"]
    held["awsvpcConfiguration"]["subnets"].sort()
    held["awsvpcConfiguration"]["subnets"].pop()
    e.update("web", networkConfiguration=held)


def bigger_disk(e: Estate) -> None:
    held = copy.deepcopy(e.shown("disk")["deployments"][0]["volumeConfigurations"])
    held[0]["managedEBSVolume"]["sizeInGiB"] = 40
    e.update("disk", volumeConfigurations=held)


def heavier(e: Estate) -> None:
    held = copy.deepcopy(e.shown("spot")["capacityProviderStrategy"])
    for share in held:
        share["weight"] = 2
    e.update("spot", capacityProviderStrategy=held, forceNewDeployment=True)


def insights(e: Estate) -> None:
    e.ecs.update_cluster_settings(
        cluster=CLUSTER, settings=[{"name": "containerInsights", "value": "disabled"}]
    )
    e.later(60)


def fewer_providers(e: Estate) -> None:
    e.ecs.put_cluster_capacity_providers(
        cluster=f"{NAME}-main", capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}],
    )  # fmt: skip
    e.later(60)


def busy_and_more(e: Estate) -> None:
    busy(e)
    e.update("web", enableExecuteCommand=True)


SC = "serviceConnectConfiguration"
IMAGE = "containers[{}].image"
CHANGES: dict[str, tuple[tuple[int, ...], Deed, set[str], list[str]]] = {
    "another count than the autoscaler may choose": (
        (34,), by_hand(desiredCount=1), {"desiredCount"}, ["UpdateService"]),
    "a fixed count": (
        (34,), by_hand("spot", desiredCount=5), {"Service/spot#desiredCount"},
        ["UpdateService"]),
    "a daemon's percents": (
        (35, 36), by_hand("agent", deploymentConfiguration={"minimumHealthyPercent": 50}),
        {"Service/agent#deployment.minimumHealthyPercent"}, ["UpdateService"]),
    "percents": (
        (36,), by_hand(deploymentConfiguration={"maximumPercent": 150}),
        {"deployment.maximumPercent"}, ["UpdateService"]),
    "another bake time": (
        (37,), by_hand("shift", deploymentConfiguration={"bakeTimeInMinutes": 60}),
        {"Service/shift#deployment.bakeTimeInMinutes"}, ["UpdateService"]),
    "another strategy": (
        (37,), by_hand("shift", deploymentConfiguration={"strategy": "ROLLING"}),
        {"Service/shift#deployment.strategy"}, ["UpdateService"]),
    "no circuit breaker": (
        (38,), by_hand(deploymentConfiguration={"deploymentCircuitBreaker": {
            "enable": False, "rollback": True}}),
        {"deployment.circuitBreaker.enable"}, ["UpdateService"]),
    "CodeDeploy's service is scaled": (
        (40,), by_hand("codedeploy", desiredCount=4), {"Service/codedeploy#desiredCount"},
        ["UpdateService"]),
    "another's service is scaled": (
        (40,), by_hand("external", desiredCount=4), {"Service/external#desiredCount"},
        ["UpdateService"]),
    "tags of no one": (
        (42,), by_hand(propagateTags="NONE"), {"propagateTags"}, ["UpdateService"]),
    "another platform": (
        (43,), by_hand("spot", platformVersion="1.3.0"), {"Service/spot#platformVersion"},
        ["UpdateService"]),
    "the newest platform": (
        (43,), by_hand("spot", platformVersion="LATEST"), {"Service/spot#platformVersion"},
        ["UpdateService"]),
    "shells": (
        (45,), by_hand(enableExecuteCommand=True), {"enableExecuteCommand"}, ["UpdateService"]),
    "public addresses": (
        (46,), public, {"networkConfiguration.assignPublicIp"}, ["UpdateService"]),
    "another subnet": ((47,), fewer_subnets, {"networkConfiguration.subnets"}, ["UpdateService"]),
    "other shares": (
        (49,), heavier,
        {f"Service/spot#capacityProviderStrategy[{p}].weight" for p in ("FARGATE",
                                                                         "FARGATE_SPOT")},
        ["UpdateService"]),
    "another name in Service Connect": (
        (52,), more_connected, {f"{SC}.services[http].clientAliases[80].dnsName"},
        ["UpdateService"]),
    "no Service Connect": (
        (52,), disconnected, {f"{SC}.enabled", f"{SC}.namespace", f"{SC}.services[http]"},
        ["UpdateService"]),
    "a change while all moves": (
        (53,), busy_and_more, {"enableExecuteCommand"}, ["UpdateService"]),
    "Container Insights off": (
        (54,), insights, {"Cluster/main#settings[containerInsights]"}, ["UpdateCluster"]),
    "another default strategy": (
        (55,), fewer_providers,
        {"Cluster/main#defaultCapacityProviderStrategy[FARGATE_SPOT]"},
        ["PutClusterCapacityProviders"]),
    "a bigger disk": (
        (), bigger_disk,
        {"Service/disk#volumeConfigurations[data].managedEBSVolume.sizeInGiB"},
        ["UpdateService"]),
    "another placement": (
        (), by_hand("host", placementStrategy=[
            {"type": "spread", "field": "attribute:ecs.availability-zone"},
            {"type": "binpack", "field": "cpu"}]),
        {"Service/host#placementStrategy[1].field"}, ["UpdateService"]),
    "no registry": (
        (), by_hand(serviceRegistries=[]),
        {"serviceRegistries[arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1]"},
        ["UpdateService"]),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "change") for n in cases])
        for name, (cases, *_) in CHANGES.items()
    ],
)
def test_a_change_beside_it_is_named_and_mended(e: Estate, name: str) -> None:
    _, deed, paths, calls = CHANGES[name]
    deed(e)
    e.checkpoint()
    e.named(*paths)
    e.mended()
    assert e.calls_made() == calls


@pytest.mark.case(31, "change")
def test_what_a_bare_family_rolls_out_is_compared_by_content(e: Estate) -> None:
    rolled_out_by_hand(e)
    e.checkpoint()
    (path,) = {path for _, path in e.differs()}
    assert path.endswith(".image")
    e.mended()
    assert e.calls_made() == ["RegisterTaskDefinition", "UpdateService"]


FIXED: dict[str, tuple[tuple[int, ...], str, Doc, str]] = {
    "cluster": ((32,), "plain", {"clusterArn": "arn:aws:ecs:us-east-1:1:cluster/x"}, "cluster"),
    "controller": (
        (39,), "spot", {"deploymentController": {"type": "EXTERNAL"}}, "deploymentController"),
    "launch type": ((50,), "host", {"launchType": "EXTERNAL"}, "launchType"),
    "scheduling": ((45,), "spot", {"schedulingStrategy": "DAEMON"}, "schedulingStrategy"),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.case(n, "change") for n in cases])
        for name, (cases, *_) in FIXED.items()
    ],
)
def test_what_is_fixed_is_named_and_blocked(e: Estate, name: str) -> None:
    _, service, values, path = FIXED[name]
    e.stored(service).update(values)
    told = {p: c for p, c in e.told(service).items() if c not in ("owned", "undeclared")}
    assert told[path] == "immutable"
    assert set(told) <= {path, "desiredCount"}
    e.run()
    assert e.writes() == []


def test_a_strategy_that_is_not_the_clusters_is_told(e: Estate) -> None:
    """Case 49: filled in from the cluster, it is folded only while it is the cluster's."""
    e.ecs.put_cluster_capacity_providers(
        cluster=CLUSTER, capacityProviders=["FARGATE", "FARGATE_SPOT"],
        defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 5}],
    )  # fmt: skip
    e.later(60)
    assert e.told("plain")["capacityProviderStrategy"] == "undeclared"


@pytest.mark.case(33, "refused")
def test_a_role_of_its_own_is_refused() -> None:
    said = "role: ecsServiceRole, " + SERVICES["spot"]
    with pytest.raises(DesiredStateError, match="AWSServiceRoleForECS") as caught:
        load(environment(resource("Service", "main", said)).encode(), "x.yaml")
    assert "service-linked role" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("taskDefinition: app", "made of `containers`"),
        ("deploymentConfiguration: {}", "called `deployment`"),
        ("forceNewDeployment: true", "flag of the call"),
        ("monitoring: {}", "service revisions only"),
        ("gatewayConnectors: []", "service revisions only"),
        ("maximumPercent: 150", "stands in `deployment`"),
    ],
)
def test_flags_and_other_names_are_refused_with_what_to_do_instead(name: str, says: str) -> None:
    said = f"{name}, " + SERVICES["spot"]
    with pytest.raises(DesiredStateError, match=says):
        load(environment(resource("Service", "main", said)).encode(), "x.yaml")


def test_a_cluster_that_nobody_declares_more_of(e: Estate) -> None:
    assert CLUSTERS["old"] == "settings: {}"
    e.ecs.update_cluster(
        cluster=f"{NAME}-old", settings=[{"name": "containerInsights", "value": "enabled"}]
    )
    e.later(60)
    e.quiet(1)
