"""Service: what may be written, what AWS's words mean, and the smallest calls for each change."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from controller.diff import put
from controller.handler import Absent, Present
from controller.kindlib.task_definition import register_request, same_definition, task_spec
from controller.manifest import dump
from tests.unit.kinds.kit import changes, differing, planned, recorded, reported, target
from tests.unit.kinds.service_samples import (
    GROUP,
    HANDLER,
    ROLE,
    ROLL,
    SECRET,
    Doc,
    rolled_back,
    shown,
    spec,
    with_,
)


def complaint(doc: Doc) -> str:
    """What is said against a spec when its file is loaded; empty if nothing."""
    try:
        return HANDLER.incomplete(dump(HANDLER.spec.model_validate(doc)))
    except ValidationError as error:
        return str(error)


OURS = {"tags[plumbline:environment]", "tags[plumbline:resource]"}


def calls(desired: Doc, doc: Doc) -> list[str]:
    """The operations that a plan makes."""
    aim = target(HANDLER, "test-x", desired)
    return [a.operation for a in planned(HANDLER, aim, Present(doc))]


BAD: list[tuple[Doc, str]] = [
    (with_("memory", 512), "2048 to 8192 in steps of 1024"),
    (with_("cpu", 300), "256, 512, 1024"),
    (with_("memory", None), "Fargate needs both"),
    (with_("networkConfiguration", None), "awsvpc needs it"),
    (with_("networkMode", "bridge"), "awsvpc only"),
    (with_("executionRoleArn", None), "needs it for secrets"),
    (with_("autoscaling/minCapacity", 11), "more than maxCapacity"),
    (with_("desiredCount", 11), "outside autoscaling"),
    (with_("autoscaling", None), "desiredCount or autoscaling"),
    (with_("schedulingStrategy", "DAEMON"), "neither desiredCount nor autoscaling"),
    ({**with_("autoscaling", None), "schedulingStrategy": "DAEMON"}, "not for Fargate"),
    ({**spec(), "launchType": "FARGATE", "capacityProviderStrategy": {"FARGATE": {}}}, "not both"),
    (with_("capacityProviderStrategy", {"FARGATE": {}, "mine": {}}), "don't mix"),
    (with_("containers/gateway/dependsOn", {"nobody": "START"}), "no container nobody"),
    (with_("containers/gateway/dependsOn", {"migrations": "HEALTHY"}), "no healthCheck"),
    (with_("containers/migrations/essential", True), "must be `essential: false`"),
    (with_("containers/migrations/dependsOn", {"gateway": "START"}), "round in a circle"),
    (with_("containers/gateway/essential", False), "at least one must be essential"),
    (with_("containers/gateway/healthCheck", {"command": ["curl", "x"]}), "CMD-SHELL"),
    (with_("containers/gateway/healthCheck/interval", 301), "300"),
    (with_("containers/gateway/secrets/MODE", SECRET), "both in environment and in secrets"),
    (with_("containers/gateway/portMappings", [{"containerPort": 1, "hostPort": 1}]), "hostPort"),
    (with_("containers/gateway/portMappings", [{}]), "exactly one"),
    (with_("containers/gateway/portMappings", [{"containerPort": 4001}]), "no port 4000"),
    (with_("containers/gateway/stopTimeout", 121), "at most 120"),
    (with_("containers/gateway/privileged", True), "not on Fargate"),
    (with_("containers/gateway/cpu", 2000), "adds up to 2000"),
    (with_("containers/gateway/memory", 5000), "more than the task's 4096"),
    (with_("containers/gateway/logConfiguration/options/awslogs-region", None), "awslogs-region"),
    (with_("containers/gateway/logConfiguration/logDriver", "syslog"), "Fargate knows"),
    (with_("volumes", {}), "no volume tmp"),
    (with_("loadBalancers", [{"targetGroupArn": GROUP, "containerName": "web",
                              "containerPort": 1}]), "no container web"),
    (with_("loadBalancers", [{"containerName": "gateway", "containerPort": 4000}]), "exactly one"),
    (with_("deployment", {"maximumPercent": 100}), "no room"),
    (with_("deployment", {"maximumPercent": 100, "minimumHealthyPercent": 50})
     | {"availabilityZoneRebalancing": True}, "above 100"),
    (with_("platformVersion", "LATEST"), "leave it out"),
    (with_("ephemeralStorage", {"sizeInGiB": 20}), "21"),
    (with_("autoscaling/policies/cpu/resourceLabel", "x"), "ALBRequestCountPerTarget only"),
    (with_("autoscaling/policies/requests", {"targetValue": 1}), "exactly one"),
    (with_("autoscaling/policies/requests", {"targetValue": 1, "predefinedMetric":
                                             "ALBRequestCountPerTarget"}), "needs resourceLabel"),
    (with_("containers", {}), "at least one"),
]  # fmt: skip


@pytest.mark.parametrize(("doc", "says"), BAD, ids=[says for _, says in BAD])
def test_refuses_what_aws_would(doc: Doc, says: str) -> None:
    assert re.search(re.escape(says), complaint(doc))


@pytest.mark.parametrize(
    "path",
    [
        "cluster", "cpu", "memory", "executionRoleArn", "containers", "containers/gateway/image",
        "containers/gateway/environment", "containers/gateway/portMappings",
        "containers/gateway/healthCheck", "containers/gateway/healthCheck/interval",
        "containers/gateway/logConfiguration", "containers/gateway/linuxParameters",
        "networkConfiguration", "networkConfiguration/subnets", "loadBalancers", "deployment",
        "deployment/maximumPercent", "autoscaling", "autoscaling/minCapacity",
        "autoscaling/policies/cpu/predefinedMetric", "networkMode", "requiresCompatibilities",
        "volumes", "desiredCount", "capacityProviderStrategy", "schedulingStrategy",
    ],
)  # fmt: skip
def test_references_pass_everywhere(path: str) -> None:
    doc = with_("deployment", {})
    put(doc, path.split("/"), "${ssm:/x}")
    if path == "requiresCompatibilities":
        doc["launchType"] = "FARGATE"
    assert complaint(doc) == ""


def test_is_made_in_the_order_that_aws_needs() -> None:
    actions = planned(HANDLER, target(HANDLER, "test-x", spec()), Absent())
    assert [(a.step, a.operation, a.after) for a in actions] == [
        ("task-definition", "RegisterTaskDefinition", ()),
        ("service", "CreateService", ("task-definition",)),
        ("scalable-target", "RegisterScalableTarget", ("service",)),
        ("policy-cpu", "PutScalingPolicy", ("scalable-target",)),
    ]
    service = actions[1].params
    assert service["taskDefinition"] == "${self.taskDefinitionArn}"
    assert service["desiredCount"] == 2
    assert service["launchType"] == "FARGATE"
    breaker = service["deploymentConfiguration"]["deploymentCircuitBreaker"]
    assert breaker == {"enable": True, "rollback": True}
    assert all(a.creates for a in actions)


def test_what_aws_fills_in_and_reorders_is_no_change() -> None:
    found = changes(HANDLER, target(HANDLER, "test-x", spec()), Present(shown()))
    assert not found
    assert not planned(HANDLER, target(HANDLER, "test-x", spec()), Present(shown()))


SMALLEST: list[tuple[str, Any, list[str]]] = [
    ("containers/gateway/image", "litellm@sha256:bbb", ROLL),
    ("containers/gateway/environment/MODE", "DEBUG", ROLL),
    ("containers/gateway/environment/MODE", None, ROLL),
    ("containers/gateway/portMappings", [{"containerPort": 4000}], ROLL),
    ("containers/gateway/healthCheck/interval", 10, ROLL),
    ("containers/migrations/command", ["other"], ROLL),
    ("memory", 8192, ROLL),
    ("volumes/other", {"efsVolumeConfiguration": {"fileSystemId": "fs-1"}}, ROLL),
    ("taskRoleArn", ROLE, ROLL),
    ("networkConfiguration/assignPublicIp", True, ["UpdateService"]),
    ("networkConfiguration/subnets", ["subnet-a", "subnet-c"], ["UpdateService"]),
    ("loadBalancers", [], ["UpdateService"]),
    ("healthCheckGracePeriodSeconds", 60, ["UpdateService"]),
    ("deployment", {"minimumHealthyPercent": 50}, ["UpdateService"]),
    ("enableExecuteCommand", True, ["UpdateService"]),
    ("availabilityZoneRebalancing", False, ["UpdateService"]),
    ("propagateTags", "NONE", ["UpdateService"]),
    ("tags", {"team": "x"}, ["TagResource"]),
    ("autoscaling/maxCapacity", 20, ["RegisterScalableTarget"]),
    ("autoscaling/suspendedState", {"dynamicScalingInSuspended": True},
     ["RegisterScalableTarget"]),
    ("autoscaling/policies/cpu/targetValue", 70, ["PutScalingPolicy"]),
    ("autoscaling/policies/cpu", None, ["DeleteScalingPolicy"]),
    ("autoscaling/policies/memory",
     {"targetValue": 70, "predefinedMetric": "ECSServiceAverageMemoryUtilization"},
     ["PutScalingPolicy"]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "operations"), SMALLEST)
def test_one_field_is_the_smallest_set_of_calls(
    path: str, value: Any, operations: list[str]
) -> None:
    assert calls(with_(path, value), shown()) == operations


def test_an_update_names_nothing_but_the_change() -> None:
    aim = target(HANDLER, "test-x", with_("healthCheckGracePeriodSeconds", 60))
    [action] = planned(HANDLER, aim, Present(shown()))
    assert set(action.params) == {"cluster", "service", "healthCheckGracePeriodSeconds"}
    assert action.risk == "safe"


def test_a_roll_out_is_disruptive_and_one_update() -> None:
    doc = with_("containers/gateway/image", "litellm@sha256:bbb")
    doc["enableExecuteCommand"] = True
    register, update = planned(HANDLER, target(HANDLER, "test-x", doc), Present(shown()))
    assert (register.risk, update.risk) == ("safe", "disruptive")
    assert update.after == ("task-definition",)
    assert set(update.params) == {"cluster", "service", "taskDefinition", "enableExecuteCommand"}
    assert set(update.changes) == {"containers[gateway].image", "enableExecuteCommand"}
    assert not register.creates


def test_a_new_revision_takes_along_what_is_not_ours() -> None:
    doc = shown()
    gateway = next(
        c for c in doc["taskDefinition"]["containerDefinitions"] if c["name"] == "gateway"
    )
    gateway["dnsServers"] = ["10.0.0.1"]
    gateway["workingDirectory"] = "/srv"
    gateway["linuxParameters"]["sharedMemorySize"] = 64
    doc["taskDefinition"]["inferenceAccelerators"] = [{"deviceName": "d", "deviceType": "t"}]
    aim = target(HANDLER, "test-x", with_("containers/gateway/image", "litellm@sha256:bbb"))
    assert reported(changes(HANDLER, aim, Present(doc))) == {
        "containers[gateway].image", "containers[gateway].workingDirectory",
        "containers[gateway].dnsServers",
        "containers[gateway].linuxParameters.sharedMemorySize",
    }  # fmt: skip
    params = planned(HANDLER, aim, Present(doc))[0].params
    made = next(c for c in params["containerDefinitions"] if c["name"] == "gateway")
    assert made["dnsServers"] == ["10.0.0.1"]
    assert made["workingDirectory"] == "/srv"
    assert made["linuxParameters"] == {"initProcessEnabled": True, "sharedMemorySize": 64}
    assert params["inferenceAccelerators"] == doc["taskDefinition"]["inferenceAccelerators"]


def test_a_new_revision_has_the_empty_entries_too() -> None:
    doc = with_("volumes/cache", {})
    mounts = [{"sourceVolume": "cache", "containerPath": "/cache"}]
    put(doc, ["containers", "gateway", "mountPoints"], mounts)
    put(doc, ["containers", "gateway", "environment", "NOTHING"], "")
    params = planned(HANDLER, target(HANDLER, "test-x", doc), Present(shown()))[0].params
    assert {"name": "cache"} in params["volumes"]
    made = next(c for c in params["containerDefinitions"] if c["name"] == "gateway")
    assert {"name": "NOTHING", "value": ""} in made["environment"]


def test_literal_dollars_in_what_aws_shows_are_no_references() -> None:
    doc = shown()
    for container in doc["taskDefinition"]["containerDefinitions"]:
        container["workingDirectory"] = "${HOME}"
    aim = target(HANDLER, "test-x", with_("containers/gateway/image", "litellm@sha256:bbb"))
    params = planned(HANDLER, aim, Present(doc))[0].params
    made = [c["workingDirectory"] for c in params["containerDefinitions"]]
    assert made == ["$${HOME}", "$${HOME}"]


@pytest.mark.parametrize(
    ("live", "wanted"), [(2, None), (7, None), (10, None), (1, 2), (0, 2), (11, 10)]
)
def test_the_autoscaler_chooses_between_its_bounds(live: int, wanted: int | None) -> None:
    doc = shown()
    doc["service"] |= {"desiredCount": live, "runningCount": live}
    found = differing(changes(HANDLER, target(HANDLER, "test-x", spec()), Present(doc)))
    assert found == ({} if wanted is None else {"desiredCount": (live, wanted)})


def test_bounds_that_change_bring_the_count_along() -> None:
    doc = with_("autoscaling/minCapacity", 4)
    [action] = planned(HANDLER, target(HANDLER, "test-x", doc), Present(shown()))
    assert action.operation == "RegisterScalableTarget"
    assert action.params["MinCapacity"] == 4
    assert "MaxCapacity" not in action.params
    assert set(action.changes) == {"autoscaling.minCapacity", "desiredCount"}


def test_a_fixed_count_is_ours() -> None:
    fixed = {**with_("autoscaling", None), "desiredCount": 3}
    doc = shown(fixed)
    doc["service"]["desiredCount"] = 5
    aim = target(HANDLER, "test-x", fixed)
    assert differing(changes(HANDLER, aim, Present(doc))) == {"desiredCount": (5, 3)}
    doc["scalableTarget"] = {"MinCapacity": 1, "MaxCapacity": 9}
    assert not differing(changes(HANDLER, aim, Present(doc)))


def test_scheduled_actions_hold_the_bounds_they_move() -> None:
    doc = shown()
    doc["scalableTarget"] |= {"MinCapacity": 5, "MaxCapacity": 20}
    doc["service"]["desiredCount"] = 15
    aim = target(HANDLER, "test-x", spec())
    moved = {"autoscaling.minCapacity", "autoscaling.maxCapacity", "desiredCount"}
    assert set(differing(changes(HANDLER, aim, Present(doc)))) == moved
    doc["scheduledActions"] = [
        {"ScheduledActionName": "theirs", "Schedule": "rate(1 hour)",
         "ScalableTargetAction": {"MinCapacity": 5, "MaxCapacity": 20}}
    ]  # fmt: skip
    found = changes(HANDLER, aim, Present(doc))
    assert not differing(found)
    assert {c.path: c.cls for c in found} == {
        "autoscaling.minCapacity": "owned", "autoscaling.maxCapacity": "owned",
        "autoscaling.scheduledActions[theirs]": "undeclared",
    }  # fmt: skip


def test_policies_of_others_are_reported_and_left_alone() -> None:
    doc = shown()
    tracking = doc["scalingPolicies"][0]["TargetTrackingScalingPolicyConfiguration"]
    doc["scalingPolicies"] += [
        {**doc["scalingPolicies"][0], "PolicyName": "foreign"},
        {
            "PolicyName": "steps",
            "PolicyType": "StepScaling",
            "StepScalingPolicyConfiguration": {"AdjustmentType": "ExactCapacity"},
        },
        {**doc["scalingPolicies"][0], "PolicyName": "test-x-left", "Alarms": []},
    ]
    assert tracking["TargetValue"] == 60
    aim = target(HANDLER, "test-x", spec())
    found = {c.path: c.cls for c in changes(HANDLER, aim, Present(doc))}
    for name in ("foreign", "steps"):
        assert found[f"autoscaling.foreignPolicies[{name}]"] == "undeclared"
    [action] = planned(HANDLER, aim, Present(doc))
    assert (action.operation, action.params["PolicyName"]) == ("DeleteScalingPolicy", "test-x-left")


def test_a_lost_target_is_registered_again_with_its_policies() -> None:
    doc = shown()
    del doc["scalableTarget"], doc["scalingPolicies"]
    assert calls(spec(), doc) == ["RegisterScalableTarget", "PutScalingPolicy"]


def test_a_policy_changes_its_metric() -> None:
    metric = {"metricName": "Depth", "namespace": "App", "statistic": "Average",
              "dimensions": {"Queue": "jobs"}}  # fmt: skip
    doc = with_("autoscaling/policies/cpu", {"targetValue": 60, "customizedMetric": metric})
    [action] = planned(HANDLER, target(HANDLER, "test-x", doc), Present(shown()))
    config = action.params["TargetTrackingScalingPolicyConfiguration"]
    assert "PredefinedMetricSpecification" not in config
    assert config["CustomizedMetricSpecification"]["Dimensions"] == [
        {"Name": "Queue", "Value": "jobs"}
    ]


def test_capacity_providers_take_the_place_of_the_launch_type() -> None:
    doc = with_("capacityProviderStrategy", {"FARGATE": {"base": 1}, "FARGATE_SPOT": {}})
    [action] = planned(HANDLER, target(HANDLER, "test-x", doc), Present(shown()))
    assert action.operation == "UpdateService"
    assert action.params["forceNewDeployment"] is True
    assert len(action.params["capacityProviderStrategy"]) == 2
    live = shown(doc)
    live["service"]["capacityProviderStrategy"].reverse()
    assert not changes(HANDLER, target(HANDLER, "test-x", doc), Present(live))


def test_the_launch_type_is_fixed() -> None:
    doc = shown()
    doc["service"]["launchType"] = "EC2"
    found = changes(HANDLER, target(HANDLER, "test-x", spec()), Present(doc))
    assert [(c.path, c.cls) for c in found] == [("launchType", "immutable")]


def test_a_roll_out_that_was_rolled_back_is_not_tried_again() -> None:
    desired = with_("containers/gateway/image", "litellm@sha256:broken")
    doc = rolled_back(desired)
    aim = target(HANDLER, "test-x", desired)
    found = changes(HANDLER, aim, Present(doc))
    assert [(c.path, c.cls) for c in found] == [("containers[gateway].image", "failed")]
    assert HANDLER.readiness(doc).state == "failed"
    assert "test-x:2" in HANDLER.readiness(doc).message


def test_no_half_of_a_rolled_back_revision_is_made() -> None:
    desired = with_("containers/gateway/image", "litellm@sha256:broken")
    put(desired, ["containers", "gateway", "environment", "MODE"], None)
    doc = rolled_back(desired)
    aim = target(HANDLER, "test-x", desired)
    todo = [c for c in changes(HANDLER, aim, Present(doc)) if c.cls == "differs"]
    assert HANDLER.plan(aim, Present(doc), todo) == []


def test_after_a_roll_back_another_revision_is_tried() -> None:
    doc = rolled_back(with_("containers/gateway/image", "litellm@sha256:broken"))
    doc["failed"] = {}
    assert calls(with_("containers/gateway/image", "litellm@sha256:fixed"), doc) == ROLL


@pytest.mark.parametrize(
    ("change", "state", "reason"),
    [
        (lambda s: None, "ready", "Ready"),
        (lambda s: s.update(runningCount=1), "in-progress", "TasksStarting"),
        (lambda s: s.update(runningCount=3), "in-progress", "TasksStopping"),
        (lambda s: s["deployments"][0].update(rolloutState="IN_PROGRESS"), "in-progress",
         "RollingOut"),
        (lambda s: s["deployments"][0].update(rolloutState="FAILED"), "failed", "RolloutFailed"),
    ],
)  # fmt: skip
def test_readiness(change: Callable[[Doc], None], state: str, reason: str) -> None:
    doc = shown()
    change(doc["service"])
    found = HANDLER.readiness(doc)
    assert (found.state, found.reason) == (state, reason)


def test_deletion_ends_autoscaling_first() -> None:
    aim = target(HANDLER, "test-x", spec())
    actions = HANDLER.delete(aim, Present(shown()))
    assert [a.operation for a in actions] == ["DeregisterScalableTarget", "DeleteService"]
    assert actions[1].after == ("scalable-target",)
    assert all(a.deletes and a.risk == "destructive" for a in actions)


def test_numbers_of_a_task_in_any_spelling() -> None:
    raw = shown()["taskDefinition"]
    assert task_spec({**raw, "cpu": "1 vCPU", "memory": "4 GB"}) == task_spec(raw)
    assert task_spec({**raw, "cpu": ".25 vCPU"})["cpu"] == 256


DEFINITIONS = [
    pytest.param(reply["taskDefinition"], id=name)
    for name, reply in recorded("ecs", "ecs", "DescribeTaskDefinition")
]


def fits(service: Doc, definition: Doc) -> bool:
    """Whether AWS would let this service run this task."""
    vpc = definition["networkMode"] == "awsvpc"
    names = {c["name"] for c in definition["containerDefinitions"]}
    balanced = {b["containerName"] for b in service.get("loadBalancers", [])}
    return vpc == ("networkConfiguration" in service) and balanced <= names


PAIRS = [
    pytest.param(service, definition, id=f"{name}-{service['serviceName']}-{family}")
    for name, reply in recorded("ecs", "ecs", "DescribeServices")
    for service in reply["services"]
    for family, task in recorded("ecs", "ecs", "DescribeTaskDefinition")
    if fits(service, definition := task["taskDefinition"])
]
TARGETS = [
    pytest.param(found, id=name)
    for name, reply in recorded(
        "application-autoscaling", "application-autoscaling", "DescribeScalableTargets"
    )
    for found in reply["ScalableTargets"]
]


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_recorded_task_definitions_make_themselves_again(definition: Doc) -> None:
    found = task_spec(definition)
    aim = target(HANDLER, "test-x", spec())
    assert same_definition(definition, register_request(aim, found, definition))
    changed = copy.deepcopy(definition)
    changed["containerDefinitions"][0]["image"] = "other"
    assert not same_definition(definition, changed)


@pytest.mark.parametrize(("service", "definition"), PAIRS)
def test_imports_what_others_made_and_finds_nothing_to_do(service: Doc, definition: Doc) -> None:
    doc: Doc = {"service": service, "taskDefinition": definition}
    HANDLER.readiness(doc)
    HANDLER.output(doc)
    written = HANDLER.to_spec(doc)
    aim = target(HANDLER, service["serviceName"], written)
    assert reported(changes(HANDLER, aim, Present(doc))) == OURS


@pytest.mark.parametrize("found", TARGETS)
def test_imports_scalable_targets(found: Doc) -> None:
    doc = {**shown(), "scalableTarget": found, "scalingPolicies": []}
    doc["service"]["desiredCount"] = 2
    written = HANDLER.to_spec(doc)
    aim = target(HANDLER, "test-x", written)
    assert not changes(HANDLER, aim, Present(doc))
    assert written["autoscaling"]["maxCapacity"] == found["MaxCapacity"]
