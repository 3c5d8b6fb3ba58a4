"""Changing services and clusters safely: the smallest calls that AWS takes, and where they lead."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.world import CallRecord
from tests.fidelity.cases.ecs_estate import (
    BALANCED,
    CLUSTER,
    NAME,
    NAMESPACE,
    Doc,
    Estate,
    estate,
    spec,
    text,
)
from tests.harness import explain

SPOT = "capacityProviderStrategy: {FARGATE_SPOT: {weight: 4}, FARGATE: {base: 1}}"
BLUE_GREEN = "strategy: BLUE_GREEN, bakeTimeInMinutes: 5"
SHIFTING = (
    "advancedConfiguration: {alternateTargetGroupArn: OTHERGROUP, productionListenerRule: RULE, "
    "roleArn: arn:aws:iam::123456789012:role/ecs}"
)
REGISTRY = "arn:aws:servicediscovery:us-east-1:123456789012:service/srv-1"
CONNECT = f"""serviceConnectConfiguration: {{namespace: "{NAMESPACE}", services: [
          {{portName: http, clientAliases: [{{port: 80, dnsName: web}}]}}]}},"""
CPU = "cpu: {targetValue: 60, predefinedMetric: ECSServiceAverageCPUUtilization}"
MEMORY = "predefinedMetric: ECSServiceAverageMemoryUtilization"
SCALING = f"autoscaling: {{minCapacity: 2, maxCapacity: 10, policies: {{\n          {CPU}}}}}"
DISK = """volumeConfigurations: {data: {managedEBSVolume: {sizeInGiB: 20,
          roleArn: "arn:aws:iam::123456789012:role/ebs"}}},"""
MOUNT = """,
          mountPoints: [{sourceVolume: data, containerPath: /data}]"""
IMAGE = ('image: "app:1"', 'image: "app:2"')
FORCED: Doc = {"forceNewDeployment": True}


@pytest.fixture
def e() -> Estate:
    """The estate, converged."""
    found = estate()
    found.back()
    return found


def more(name: str, said: str, *changed: tuple[str, str]) -> dict[str, str]:
    """The spec of a service with more in it."""
    return {name: f"{spec(name, *changed)[name]}, {said}"}


def sent(call: CallRecord) -> Doc:
    """The parameters that change something."""
    where = ("cluster", "service", "ServiceNamespace", "ResourceId", "ScalableDimension")
    return {k: v for k, v in call.params.items() if k not in where}


def apply(e: Estate, services: dict[str, str], **clusters: str) -> list[tuple[str, Doc]]:
    """Commit these specs; what we write until nothing differs, in order."""
    e.publish(text(services=services, clusters=clusters))
    e.converge(25, 600)
    made = [(c.operation, sent(c)) for c in e.writes() if c.error is None]
    e.checkpoint()
    e.quiet(1)
    return made


def updated(e: Estate, services: dict[str, str], **clusters: str) -> Doc:
    """What the one UpdateService call holds that it takes."""
    ((operation, params),) = apply(e, services, **clusters)
    assert operation == "UpdateService"
    return params


# --- tasks ---


@pytest.mark.case(31, "rule")
def test_a_new_revision_and_all_else_in_one_roll_out(e: Estate) -> None:
    made = apply(e, more("spot", "enableExecuteCommand: true", IMAGE))
    assert [operation for operation, _ in made] == ["RegisterTaskDefinition", "UpdateService"]
    assert made[1][1] == {
        "taskDefinition": f"{e.arn('task-definition')}/{NAME}-spot:2", "enableExecuteCommand": True,
    }  # fmt: skip
    assert e.container("spot")["image"] == "app:2"
    assert e.shown("spot")["enableExecuteCommand"] is True


def test_a_revision_that_stands_already_is_not_made_again(e: Estate) -> None:
    apply(e, spec("spot", IMAGE))
    assert apply(e, {})[0][0] == "RegisterTaskDefinition"
    assert e.shown("spot")["taskDefinition"].endswith(":3")
    e.update("spot", taskDefinition=f"{NAME}-spot:2")
    e.checkpoint()
    assert apply(e, {}) == [
        ("UpdateService", {"taskDefinition": f"{e.arn('task-definition')}/{NAME}-spot:3"})
    ]


# --- deployment strategies ---


@pytest.mark.case(37, "rule")
def test_rolling_becomes_blue_green_with_what_it_needs_in_one_call(e: Estate) -> None:
    params = updated(e, more("web", f"deployment: {{{BLUE_GREEN}}}",
                             ("containerPort: 4000}],\n", f"containerPort: 4000, {SHIFTING}}}],\n"),
                             ))  # fmt: skip
    assert set(params) == {"deploymentConfiguration", "loadBalancers"}
    assert params["deploymentConfiguration"]["strategy"] == "BLUE_GREEN"
    assert params["loadBalancers"][0]["advancedConfiguration"]["alternateTargetGroupArn"] == (
        e.other_group
    )
    assert e.shown("web")["deploymentConfiguration"]["bakeTimeInMinutes"] == 5


@pytest.mark.parametrize(
    ("strategy", "own"),
    [
        ("CANARY", {"canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 10}}),
        ("LINEAR", {"linearConfiguration": {"stepPercent": 25.0, "stepBakeTimeInMinutes": 5}}),
        ("ROLLING", {}),
    ],
)
def test_blue_green_becomes_another(e: Estate, strategy: str, own: Doc) -> None:
    said = "".join(f", {k}: {v}" for k, v in own.items()).replace("'", "")
    params = updated(e, spec("shift", (BLUE_GREEN, f"strategy: {strategy}{said}")))
    assert set(params) == {"deploymentConfiguration"}
    config = params["deploymentConfiguration"]
    assert config["strategy"] == strategy
    assert {k: v for k, v in config.items() if k.endswith(("aryConfiguration", "arConfiguration"))
            } == own  # fmt: skip
    shown = e.shown("shift")
    assert shown["deploymentConfiguration"]["strategy"] == strategy
    # and back: what only the other strategy knows does not go along
    back = updated(e, {})["deploymentConfiguration"]
    assert back["strategy"] == "BLUE_GREEN"
    assert not own.keys() & back.keys()


def test_a_hook_and_an_alarm_are_added_to_what_is_there(e: Estate) -> None:
    hook = (
        "lifecycleHooks: [{hookTargetArn: 'arn:aws:lambda:us-east-1:123456789012:function:check', "
        "roleArn: 'arn:aws:iam::123456789012:role/hook', lifecycleStages: [POST_SCALE_UP]}]"
    )
    alarms = "alarms: {alarmNames: [errors], enable: true, rollback: true}"
    params = updated(e, spec("shift", (BLUE_GREEN, f"{BLUE_GREEN}, {hook}, {alarms}")))
    config = params["deploymentConfiguration"]
    assert config["lifecycleHooks"][0]["lifecycleStages"] == ["POST_SCALE_UP"]
    assert config["alarms"]["alarmNames"] == ["errors"]
    assert config["strategy"] == "BLUE_GREEN"


# --- where tasks run ---


@pytest.mark.case(49, "rule")
@pytest.mark.case(50, "rule")
def test_the_launch_type_becomes_a_strategy_and_is_led_back_to(e: Estate) -> None:
    strategy = "capacityProviderStrategy: {FARGATE: {weight: 1}}"
    assert updated(e, more("web", strategy)) == {
        "capacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}], **FORCED,
    }  # fmt: skip
    assert "launchType" not in e.shown("web")
    assert updated(e, {}) == {"capacityProviderStrategy": [], **FORCED}
    assert e.shown("web")["launchType"] == "FARGATE"


@pytest.mark.case(50, "rule")
def test_one_roll_out_for_a_strategy_and_a_revision(e: Estate) -> None:
    said = spec("spot", IMAGE, (SPOT, "launchType: FARGATE"))
    made = apply(e, said)
    assert [operation for operation, _ in made] == ["RegisterTaskDefinition", "UpdateService"]
    assert made[1][1].keys() == {
        "taskDefinition", "capacityProviderStrategy", "forceNewDeployment",
    }  # fmt: skip
    assert e.shown("spot")["launchType"] == "FARGATE"


@pytest.mark.case(50, "rule")
def test_from_one_launch_type_to_another_there_is_no_way(e: Estate) -> None:
    e.wanting(**more("web", "launchType: EC2, requiresCompatibilities: [FARGATE, EC2]"))
    report = e.run()
    assert e.told("web")["launchType"] == "immutable"
    assert "launchType" in explain(report)
    e.later(900)
    e.run()
    assert [set(sent(call)) for call in e.updates()] == [{"taskDefinition"}]
    assert e.shown("web")["launchType"] == "FARGATE"


# --- what tasks are registered in ---


@pytest.mark.case(40, "rule")
def test_load_balancers_come_and_go(e: Estate) -> None:
    assert updated(e, spec("web", (f"{BALANCED},", ""))) == {"loadBalancers": []}
    assert e.shown("web")["loadBalancers"] == []
    (balancer,) = updated(e, {})["loadBalancers"]
    assert (balancer["containerName"], balancer["containerPort"]) == ("app", 4000)
    (balancer,) = updated(e, spec("web", ("app, containerPort: 4000", "app, containerPort: 8080")))[
        "loadBalancers"
    ]
    assert balancer["containerPort"] == 8080


def test_a_load_balancer_and_the_port_that_it_needs_in_one_roll_out(e: Estate) -> None:
    port = ('image: "app:1"', 'image: "app:1", portMappings: [{containerPort: 4000}]')
    made = apply(e, more("plain", BALANCED, port))
    assert [operation for operation, _ in made] == ["RegisterTaskDefinition", "UpdateService"]
    assert made[1][1].keys() == {"taskDefinition", "loadBalancers"}


def test_registries_come_and_go(e: Estate) -> None:
    registry = f'serviceRegistries: [{{registryArn: "{REGISTRY}"}}]'
    entry = {"registryArn": REGISTRY}
    assert updated(e, more("plain", registry)) == {"serviceRegistries": [entry]}
    assert updated(e, {}) == {"serviceRegistries": []}


@pytest.mark.case(52, "rule")
def test_service_connect_is_switched_on_and_off(e: Estate) -> None:
    said = f'serviceConnectConfiguration: {{namespace: "{NAMESPACE}"'
    assert updated(e, more("plain", f"{said}}}")) == {
        "serviceConnectConfiguration": {"enabled": True, "namespace": NAMESPACE}
    }
    assert updated(e, more("plain", "serviceConnectConfiguration: {enabled: false}")) == {
        "serviceConnectConfiguration": {"enabled": False}
    }
    e.publish(text(services=spec("web", (CONNECT, ""))))
    assert set(e.told("web").values()) <= {"undeclared", "owned"}, "released, not switched off"


def test_a_volume_goes_with_the_service_s_word_on_it(e: Estate) -> None:
    without = spec("disk", ("volumes: {data: {configuredAtLaunch: true}},", ""), (DISK, ""),
                   (MOUNT, ""))  # fmt: skip
    made = apply(e, without)
    assert [operation for operation, _ in made] == ["RegisterTaskDefinition", "UpdateService"]
    assert made[1][1]["volumeConfigurations"] == []
    back = apply(e, {})
    assert back[1][1]["volumeConfigurations"][0]["name"] == "data"


# --- how many tasks ---


@pytest.mark.case(34, "rule")
def test_a_count_becomes_an_autoscaler_s_and_a_count_again(e: Estate) -> None:
    assert updated(e, spec("spot", ("desiredCount: 2", "desiredCount: 5"))) == {"desiredCount": 5}
    scaled = f"autoscaling: {{minCapacity: 3, maxCapacity: 6, policies: {{{CPU}}}}}"
    made = apply(e, spec("spot", ("desiredCount: 2", scaled)))
    assert [operation for operation, _ in made] == ["RegisterScalableTarget", "PutScalingPolicy"]
    assert e.shown("spot")["desiredCount"] == 5
    assert apply(e, spec("spot", ("desiredCount: 2", "desiredCount: 4"))) == [
        ("DeregisterScalableTarget", {}), ("UpdateService", {"desiredCount": 4}),
    ]  # fmt: skip
    assert not e.scaling.describe_scaling_policies(
        ServiceNamespace="ecs", ResourceId=f"service/{CLUSTER}/{NAME}-spot"
    )["ScalingPolicies"]


@pytest.mark.case(34, "rule")
def test_new_bounds_bring_the_count_along(e: Estate) -> None:
    made = apply(e, spec("web", ("minCapacity: 2", "minCapacity: 4")))
    assert made == [("RegisterScalableTarget", {"MinCapacity": 4})]
    e.later(600)
    assert e.shown("web")["desiredCount"] == 4


def test_another_s_autoscaling_stays(e: Estate) -> None:
    e.scaling.register_scalable_target(
        ServiceNamespace="ecs", ResourceId=f"service/{CLUSTER}/{NAME}-spot",
        ScalableDimension="ecs:service:DesiredCount", MinCapacity=1, MaxCapacity=9,
    )  # fmt: skip
    e.later(60)
    e.quiet(1)


def test_a_policy_of_another_type_takes_the_name(e: Estate) -> None:
    steps = (
        "cpu: {stepScaling: {adjustmentType: ChangeInCapacity, stepAdjustments: "
        "[{metricIntervalLowerBound: 0, scalingAdjustment: 1}]}}"
    )
    assert [o for o, _ in apply(e, spec("web", (CPU, steps)))] == [
        "DeleteScalingPolicy", "PutScalingPolicy",
    ]  # fmt: skip
    assert _policies(e) == {f"{NAME}-web-cpu": "StepScaling"}


def test_a_policy_gets_the_metric_that_another_gives_up(e: Estate) -> None:
    """AWS takes one policy a metric."""
    assert [o for o, _ in apply(e, spec("web", ("cpu: {", "load: {")))] == [
        "DeleteScalingPolicy", "PutScalingPolicy",
    ]  # fmt: skip
    assert _policies(e) == {f"{NAME}-web-load": "TargetTrackingScaling"}
    apply(e, spec("web", (CPU, f"{CPU}, mem: {{targetValue: 70, {MEMORY}}}")))
    e.checkpoint()
    swapped = (CPU, f"cpu: {{targetValue: 60, {MEMORY}}}, {CPU.replace('cpu', 'mem')}")
    made = [o for o, _ in apply(e, spec("web", swapped))]
    assert made == ["DeleteScalingPolicy"] * 2 + ["PutScalingPolicy"] * 2
    assert set(_policies(e)) == {f"{NAME}-web-cpu", f"{NAME}-web-mem"}


def test_scheduled_actions_are_put_and_deleted_one_by_one(e: Estate) -> None:
    night = (
        'scheduledActions: {night: {schedule: "cron(0 2 * * ? *)", minCapacity: 1}}, policies: {'
    )
    assert apply(e, spec("web", ("policies: {", night))) == [
        ("PutScheduledAction", {
            "ScheduledActionName": "night", "Schedule": "cron(0 2 * * ? *)",
            "ScalableTargetAction": {"MinCapacity": 1}}),
    ]  # fmt: skip
    assert [o for o, _ in apply(e, {})] == ["DeleteScheduledAction"]


def _policies(e: Estate) -> Doc:
    held = e.scaling.describe_scaling_policies(
        ServiceNamespace="ecs", ResourceId=f"service/{CLUSTER}/{NAME}-web"
    )["ScalingPolicies"]
    return {p["PolicyName"]: p["PolicyType"] for p in held}


# --- clusters ---

BOTH = "capacityProviders: [FARGATE_SPOT, FARGATE],\n        "
ONE = "capacityProviders: [FARGATE], defaultCapacityProviderStrategy: {FARGATE: {weight: 1}}"


@pytest.mark.case(55, "rule")
def test_providers_and_their_strategy_go_together(e: Estate) -> None:
    assert apply(e, {}, old=f"{ONE}, settings: {{containerInsights: enabled}}") == [
        ("UpdateCluster", {"settings": [{"name": "containerInsights", "value": "enabled"}]}),
        ("PutClusterCapacityProviders", {
            "capacityProviders": ["FARGATE"],
            "defaultCapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1}]}),
    ]  # fmt: skip
    assert apply(e, {}, old="capacityProviders: [FARGATE, FARGATE_SPOT], settings: {}") == [
        ("UpdateCluster", {"settings": [{"name": "containerInsights", "value": "disabled"}]}),
        ("PutClusterCapacityProviders", {
            "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
            "defaultCapacityProviderStrategy": [
                {"capacityProvider": "FARGATE", "weight": 1, "base": 0}]}),
    ], "what is not declared goes along"  # fmt: skip


@pytest.mark.case(49, "rule")
@pytest.mark.case(55, "rule")
def test_a_provider_goes_when_the_last_service_has_left_it(e: Estate) -> None:
    apply(e, more("plain", "capacityProviderStrategy: {FARGATE: {base: 1}}"))
    services = {
        **spec("spot", (SPOT, "capacityProviderStrategy: {FARGATE: {base: 1}}")),
        **more("plain", "capacityProviderStrategy: {FARGATE: {base: 1}}"),
    }
    made = [operation for operation, _ in apply(e, services, main=ONE)]
    assert made == ["UpdateService", "PutClusterCapacityProviders"]
    held: dict[str, Any] = e.ecs.describe_clusters(clusters=[CLUSTER])["clusters"][0]
    assert held["capacityProviders"] == ["FARGATE"]


@pytest.mark.case(40, "rule")
def test_the_count_of_another_controller_s_service_is_ours(e: Estate) -> None:
    assert updated(e, spec("codedeploy", ("desiredCount: 2", "desiredCount: 3"))) == {
        "desiredCount": 3
    }
    assert e.shown("codedeploy")["taskSets"][0]["runningCount"] == 3


@pytest.mark.case(40, "rule")
def test_what_another_controller_rolls_out_is_not_ours(e: Estate) -> None:
    e.publish(text(services=spec("codedeploy", IMAGE)))
    assert e.told("codedeploy")["containers[app].image"] == "owned"
    e.quiet(1)


def test_a_service_that_is_to_move_is_still_found(e: Estate) -> None:
    """Case 32: in another cluster it is another service; the one there is is not left behind."""
    e.publish(text(services=spec("spot", ("${Cluster.main.name}", "${Cluster.old.name}"))))
    report = e.run()
    assert e.told("spot")["cluster"] == "immutable"
    assert "cluster" in explain(report)
    assert e.writes() == []
    e.publish(text())
    e.quiet(1)
