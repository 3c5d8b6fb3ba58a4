"""What carries our tags and nobody here knows is told, and never touched."""

from __future__ import annotations

import pytest

from controller.telemetry import metrics
from sandbox.world import World
from tests.harness import Plant, environment, resource

APP = resource("LogGroup", "app", "retentionInDays: 14")
WEB = resource("LogGroup", "web", "retentionInDays: 14")


@pytest.fixture
def plant(world: World) -> Plant:
    made = Plant(world, environment(APP, WEB))
    made.converge()
    return made


def strange(plant: Plant, name: str = "left", environment: str = "") -> str:
    """A log group that says that it is ours; gives its ARN."""
    tags = {"plumbline:environment": environment or plant.name, "plumbline:resource": "LogGroup/x"}
    logs = plant.aws.client("logs")
    logs.create_log_group(logGroupName=name, tags=tags)
    plant.later()
    [found] = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return str(found["logGroupArn"])


def orphaned(plant: Plant) -> float:
    report = plant.run()
    [found] = [m for m in metrics(report, plant.world.clock.now()) if m.name == "OrphanedResources"]
    return found.value


def test_it_is_told_and_left_alone(plant: Plant) -> None:
    arn = strange(plant)
    plant.checkpoint()
    assert plant.run().converged, "it is no trouble of what is desired"
    [row] = plant.status()["orphans"]
    assert (row["arn"], row["resource"]) == (arn, "LogGroup/x")
    assert orphaned(plant) == 0.0, "the index may lag behind a deletion"
    plant.later(1200)
    assert orphaned(plant) == 1.0
    assert plant.status()["orphans"] == [row]
    assert plant.writes() == []
    plant.aws.client("logs").delete_log_group(logGroupName="left")
    plant.later()
    assert orphaned(plant) == 0.0
    assert plant.status()["orphans"] == []


def test_what_another_environment_owns_is_none_of_ours(plant: Plant) -> None:
    strange(plant, environment="elsewhere")
    plant.run()
    assert plant.status()["orphans"] == []


def test_what_is_forgotten_after_its_removal_is_one(plant: Plant) -> None:
    """Its manifest was removed, it was kept, and then the memory of it was lost."""
    plant.publish(environment(WEB, spec="limits: {maxRemovals: 1}"))
    plant.converge()
    assert plant.status()["orphans"] == [], "it is remembered"
    assert "LogGroup/app" in plant.status()["resources"]
    plant.store.delete(f"inventory/{plant.name}.json")
    plant.run()
    assert [row["resource"] for row in plant.status()["orphans"]] == ["LogGroup/app"]


def test_an_index_that_does_not_answer_tells_nothing_new(plant: Plant) -> None:
    strange(plant)
    plant.run()
    told = plant.status()["orphans"]
    plant.later(1200)
    plant.world.fault("deny", "resourcegroupstaggingapi:GetResources", times=99)
    plant.run()
    assert plant.status()["orphans"] == told != []


def test_it_costs_no_read(plant: Plant) -> None:
    plant.later(600)
    plant.checkpoint()
    plant.run()
    names = sorted(call.name for call in plant.calls())
    assert names.count("resourcegroupstaggingapi:GetResources") == 1
    strange(plant)
    plant.later(600)
    plant.checkpoint()
    plant.run()
    assert sorted(call.name for call in plant.calls()) == names
