"""I6: nothing is done in haste: tries, repairs and changes have time between them; a service in
trouble is left alone; a manifest that changed its name makes no second thing."""

from __future__ import annotations

from typing import Any

import pytest

from controller.reconciler import Report
from sandbox.world import World
from tests.behaviour.test_service_converges import CLUSTER, SERVICE, desired
from tests.harness import Plant, environment, explain, resource

GROUPS = tuple(resource("LogGroup", f"g{n}", "retentionInDays: 14") for n in range(6))


def retain(plant: Plant, days: int, name: str = "app") -> None:
    plant.aws.client("logs").put_retention_policy(
        logGroupName=f"{plant.name}-{name}", retentionInDays=days
    )
    plant.later(20)


def reasons(report: Report) -> set[str]:
    return {veto.reason for veto in report.vetoes.values()}


def test_tries_have_time_between_them(world: World) -> None:
    plant = Plant(world, environment(resource("LogGroup", "app", "retentionInDays: 14")))
    plant.converge()
    retain(plant, 7)
    refuse = plant.world.fault("invalid", "logs:PutRetentionPolicy", times=99)
    start = plant.world.clock.now()
    tried: list[int] = []
    seen: set[str] = set()
    for _ in range(60):
        before = refuse.hits
        report = plant.run()
        seen |= reasons(report)
        if "BackingOff" in reasons(report):
            blocked = plant.status()["resources"]["LogGroup/app"]["conditions"]["Blocked"]
            assert blocked["reason"] == "ActionFailed"
            assert "Refused, injected" in blocked["message"]
        if refuse.hits > before:
            tried.append(round((plant.world.clock.now() - start).total_seconds()))
        plant.later(20)
    assert len(tried) == 3
    assert tried[1] - tried[0] >= 60
    assert tried[2] - tried[1] >= 600
    assert seen == {"BackingOff", "NotConverging"}
    refuse.times = 0
    plant.publish(environment(resource("LogGroup", "app", "retentionInDays: 30")))
    plant.converge(passes=3)  # another wish waits for nothing


def test_a_fight_over_what_disturbs_calms_down_and_is_told(world: World) -> None:
    plant = Plant(world, desired())
    plant.converge()
    plant.checkpoint()
    ecs = plant.aws.client("ecs")
    described: Any = ecs.describe_task_definition(taskDefinition=f"{SERVICE}")["taskDefinition"]
    told: set[str] = set()

    def rollouts() -> list[Any]:
        return [c for c in plant.writes() if c.name == "ecs:UpdateService"]

    for _ in range(60):  # some pipeline deploys its own revision every ten minutes
        theirs = ecs.register_task_definition(
            **{k: described[k] for k in (
                "family", "networkMode", "requiresCompatibilities", "cpu", "memory",
                "executionRoleArn", "taskRoleArn",
            )},
            containerDefinitions=[
                {**described["containerDefinitions"][0], "image": "litellm@sha256:theirs"}
            ],
        )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
        ecs.update_service(cluster=CLUSTER, service=SERVICE, taskDefinition=theirs)
        for _ in range(2):
            plant.later(300)
            report = plant.run()
            blocked = plant.status()["resources"]["Service/gateway"]["conditions"]["Blocked"]
            told.add(blocked["reason"])
    assert 4 <= len(rollouts()) <= 9, explain(report)
    assert "Contested" in told
    plant.later(6 * 3600)
    plant.converge()


def test_a_port_opened_again_and_again_is_closed_each_time(world: World) -> None:
    plant = Plant(world, environment(resource("LogGroup", "app", "retentionInDays: 14")))
    plant.converge()
    plant.checkpoint()
    for _ in range(8):
        retain(plant, 7)
        plant.run()
        plant.later(300)
        plant.run()
    assert len(plant.writes()) == 8


def test_a_resource_may_have_an_interval(world: World) -> None:
    def one(days: int) -> str:
        hourly = "lifecycle: {interval: 1h}\n"
        return environment(resource("LogGroup", "app", f"retentionInDays: {days}", hourly))

    plant = Plant(world, one(14))
    plant.converge()
    plant.later(3600)
    plant.checkpoint()
    plant.publish(one(30))
    plant.run()
    assert len(plant.writes()) == 1, "the first change for long is made at once"
    plant.later(600)
    plant.run()
    retain(plant, 7)
    assert reasons(plant.run()) == {"TooSoon"}
    assert len(plant.writes()) == 1
    plant.later(3000)
    plant.converge()
    assert len(plant.writes()) == 2


def test_a_create_that_was_cut_off_does_not_wait_for_the_interval(world: World) -> None:
    one = resource("LogGroup", "app", "retentionInDays: 14", "lifecycle: {interval: 24h}\n")
    plant = Plant(world, environment(one))
    plant.world.fault("throttle", "logs:PutRetentionPolicy", times=1)
    plant.converge(passes=5)


@pytest.mark.parametrize("kind", ["throttle", "error"])
def test_a_service_in_trouble_is_left_alone_and_the_others_are_not(world: World, kind: str) -> None:
    alarm = (
        "namespace: Shop, metricName: Errors, statistic: Sum, period: 60, evaluationPeriods: 5, "
        "threshold: 1, comparisonOperator: GreaterThanThreshold"
    )
    plant = Plant(world, environment(*GROUPS, resource("Alarm", "errors", alarm)))
    plant.converge()
    for n in range(6):
        retain(plant, 7, f"g{n}")
    plant.aws.client("cloudwatch").delete_alarms(AlarmNames=[f"{plant.name}-errors"])
    plant.later()
    plant.checkpoint()
    trouble = plant.world.fault(kind, "logs:PutRetentionPolicy", times=99)
    report = plant.run()
    left = [o for o in report.outcomes if "left alone in this pass" in o.message]
    assert len(left) == 3, explain(report)
    assert all(o.waiting for o in left)
    assert "cloudwatch:PutMetricAlarm" in [c.name for c in plant.writes() if c.error is None]
    trouble.times = 0
    plant.later()
    plant.converge()


# --- names ---


def group(name: str, more: str = "") -> str:
    return resource("LogGroup", name, "retentionInDays: 14", more)


def test_a_manifest_that_changed_its_name_makes_no_second_thing(world: World) -> None:
    spec = "limits: {maxRemovals: 5}"
    plant = Plant(world, environment(group("app"), resource("LogGroup", "x", ""), spec=spec))
    plant.converge()
    plant.checkpoint()
    plant.publish(environment(group("web"), resource("LogGroup", "x", ""), spec=spec))
    for _ in range(3):
        report = plant.run()
        plant.later()
    assert reasons(report) == {"Renamed"}
    assert plant.writes() == []
    blocked = plant.status()["resources"]["LogGroup/web"]["conditions"]["Blocked"]
    assert blocked["reason"] == "Renamed"
    assert f"plumbline release {plant.name} LogGroup/app" in blocked["message"]
    other = resource("LogGroup", "web", "retentionInDays: 30")
    plant.publish(environment(other, resource("LogGroup", "x", ""), spec=spec))
    for _ in range(3):
        plant.run()
        plant.later()
    assert next(c.name for c in plant.writes()) == "logs:CreateLogGroup", "it is another thing"


def test_what_holds_nothing_may_change_its_name(world: World) -> None:
    alarm = (
        "namespace: Shop, metricName: Errors, statistic: Sum, period: 60, evaluationPeriods: 5, "
        "threshold: 1, comparisonOperator: GreaterThanThreshold"
    )
    spec = "prune: delete, limits: {maxRemovals: 5}"
    plant = Plant(world, environment(resource("Alarm", "errors", alarm), GROUPS[0], spec=spec))
    plant.converge()
    plant.publish(environment(resource("Alarm", "faults", alarm), GROUPS[0], spec=spec))
    plant.converge()
    names = [
        a["AlarmName"] for a in plant.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    ]
    assert names == [f"{plant.name}-faults"]
