"""Letting go: what is released stays as it is, carries no tag of ours, and is left alone."""

from __future__ import annotations

import pytest

from controller import letting_go
from controller.letting_go import NotHeld, Released
from sandbox.world import World
from tests.harness import Plant, environment, production, resource

APP = resource("LogGroup", "app", "retentionInDays: 14")
WEB = resource("LogGroup", "web", "retentionInDays: 30")


@pytest.fixture
def plant(world: World) -> Plant:
    made = Plant(world, environment(APP, WEB))
    made.converge()
    made.checkpoint()
    return made


def release(plant: Plant, *keys: str) -> Released:
    return letting_go.release(plant.name, plant.tools(), keys, by="ann")


def marked(plant: Plant) -> list[str]:
    """What carries our tags, by the resources' own word where the index may lag."""
    plant.later(600)
    found = plant.aws.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "plumbline:environment"}]
    )["ResourceTagMappingList"]
    return sorted(r["ResourceARN"] for r in found)


def test_what_is_let_go_stays_and_is_left_alone(plant: Plant) -> None:
    done = release(plant, "LogGroup/app")
    assert (done.gone, done.left) == (("LogGroup/app",), {})
    assert [c.name for c in plant.writes()] == ["logs:UntagResource"]
    logs = plant.aws.client("logs")
    plant.later()
    names = [g["logGroupName"] for g in logs.describe_log_groups()["logGroups"]]
    assert len(names) == 2
    logs.put_retention_policy(logGroupName=f"{plant.name}-app", retentionInDays=7)
    plant.later()
    plant.checkpoint()
    report = plant.run()
    assert plant.writes() == []
    assert {v.reason for v in report.vetoes.values()} == {"NotOwned"}
    plant.publish(environment(WEB, spec="limits: {maxRemovals: 1}"))
    assert plant.run().converged
    assert plant.writes() == []
    [entry] = [k for k in plant.store.list(f"history/{plant.name}/")
               if "Released" in str(plant.store.get(k))]  # fmt: skip
    assert entry


def test_then_it_can_be_adopted_under_another_name(plant: Plant) -> None:
    release(plant, "LogGroup/app")
    plant.later()
    new = (
        "apiVersion: plumbline.dev/v1\nkind: LogGroup\n"
        f"metadata: {{name: gateway, externalName: {plant.name}-app}}\n"
        "lifecycle: {adopt: true}\nspec: {retentionInDays: 14}\n"
    )
    plant.publish(environment(new, WEB, spec="limits: {maxRemovals: 1}"))
    plant.converge()
    assert "logs:CreateLogGroup" not in [c.name for c in plant.writes()]
    assert "logs:DeleteLogGroup" not in [c.name for c in plant.writes()]


def test_a_whole_environment_is_let_go(world: World) -> None:
    """Every kind that LiteLLM in production is made of."""
    plant = Plant(world, production())
    plant.converge()
    plant.checkpoint()
    assert len(marked(plant)) > 20
    done = release(plant)
    assert done.left == {}
    assert len(done.gone) >= 30
    assert all(":task" in arn for arn in marked(plant)), "revisions and runs tell what once was"
    verbs = {c.name.partition(":")[2] for c in plant.writes()}
    assert not [v for v in verbs if v.startswith(("Delete", "Create", "Put", "Modify"))], verbs


@pytest.mark.parametrize("spec", ["mode: observe", "mode: paused"])
def test_guards_have_their_say(plant: Plant, spec: str) -> None:
    plant.publish(environment(APP, WEB, spec=spec))
    done = release(plant, "LogGroup/app")
    assert list(done.left) == ["LogGroup/app"]
    assert plant.writes() == []


def test_what_could_not_be_read_or_untagged_is_kept(plant: Plant) -> None:
    plant.world.fault("deny", "logs:UntagResource", times=1)
    assert "not authorized" in release(plant, "LogGroup/app").left["LogGroup/app"]
    plant.later()
    plant.world.fault("deny", "logs:DescribeLogGroups", times=1)
    assert "could not be read" in release(plant, "LogGroup/app").left["LogGroup/app"]
    plant.later()
    assert release(plant).gone == ("LogGroup/app", "LogGroup/web")


def test_what_is_not_held_is_refused(plant: Plant) -> None:
    with pytest.raises(NotHeld, match=r"found LogGroup/x, held by .*: LogGroup/app, LogGroup/web"):
        release(plant, "LogGroup/x")


@pytest.mark.parametrize("way", ["released", "stripped by hand"])
def test_a_migration_that_lost_its_tags_is_not_run_again(world: World, way: str) -> None:
    plant = Plant(world, work("app:1"))
    plant.converge()
    plant.publish(work("app:2"))
    plant.converge()
    plant.later(3 * 3600)
    plant.run()
    if way == "released":
        assert release(plant, "Task/migrations").left == {}
    else:
        ecs = plant.aws.client("ecs")
        family = f"{plant.name}-migrations"
        newest = ecs.describe_task_definition(taskDefinition=family)["taskDefinition"]
        tags = ["plumbline:environment", "plumbline:resource"]
        ecs.untag_resource(resourceArn=newest["taskDefinitionArn"], tagKeys=tags)
    plant.later(600)
    plant.checkpoint()
    for _ in range(3):
        plant.run()
        plant.later()
    wrote = {c.name for c in plant.writes()}
    assert wrote <= {"ecs:TagResource"}
    assert bool(wrote) is (way != "released")
    if way == "released":
        assert {v.reason for v in plant.run().vetoes.values()} <= {"NotOwned"}


def work(image: str) -> str:
    place = (
        'cluster: "${Cluster.main.name}", cpu: 512, memory: 1024, '
        'executionRoleArn: "${ssm:/plumbline/litellm-production/roles/execution}", '
        "networkConfiguration: {subnets: "
        '"${ssm:/plumbline/litellm-production/network/private-subnets}"}'
    )
    app = f'containers: {{app: {{image: "{image}", command: [migrations]}}}}'
    task = resource("Task", "migrations", f"{place}, {app}")
    return environment(resource("Cluster", "main", ""), task)
