"""I4: what is not this state's business: another account, another region, another memory's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.aws import Aws
from controller.reconciler import WrongPlace
from controller.store import DirectoryStore
from sandbox.world import World
from tests.harness import Plant, environment, resource

TEXT = environment(
    resource("LogGroup", "app", "retentionInDays: 14"), resource("Cluster", "main", "")
)


def test_another_region_is_not_filled_with_a_second_environment(world: World) -> None:
    plant = Plant(world, TEXT)
    plant.converge()
    elsewhere = Aws(plant.own._session, region="eu-west-1", account=world.account)
    before = plant.store.get(f"inventory/{plant.name}.json")
    plant.checkpoint()
    with pytest.raises(WrongPlace, match="eu-west-1"):
        plant.run(connect=elsewhere.fresh)
    assert plant.writes() == []
    assert plant.store.get(f"inventory/{plant.name}.json") == before
    plant.converge()  # the lease was given back


def test_an_empty_state_does_not_take_over_unasked(world: World, tmp_path: Path) -> None:
    plant = Plant(world, TEXT)
    plant.converge()
    plant.checkpoint()
    other = DirectoryStore(tmp_path)
    with pytest.raises(WrongPlace, match="managed already"):
        plant.run(store=other, may_start=False)
    assert plant.writes() == []
    assert plant.run(store=other, may_start=True).converged


def test_an_edited_external_name_makes_no_second_thing(world: World) -> None:
    plant = Plant(world, TEXT)
    plant.converge()
    plant.checkpoint()
    plant.publish(TEXT.replace("{name: app}", "{name: app, externalName: other}"))
    report = plant.run()
    assert plant.writes() == []
    assert "can't be changed in place" in report.assessments["LogGroup/app"].problem
    blocked = plant.status()["resources"]["LogGroup/app"]["conditions"]["Blocked"]
    assert blocked["status"] == "True"
    plant.publish(TEXT)
    plant.later()
    plant.converge()


def test_a_deleted_cluster_has_vanished_and_a_dropped_one_is_removed(world: World) -> None:
    plant = Plant(world, TEXT)
    plant.converge()
    ecs = plant.aws.client("ecs")
    ecs.delete_cluster(cluster=f"{plant.name}-main")
    plant.later()
    assert plant.run().assessments["Cluster/main"].vanished
    plant.later()
    plant.converge()
    gone = environment(resource("LogGroup", "app", "retentionInDays: 14"),
                       spec="prune: delete, limits: {maxRemovals: 1}")  # fmt: skip
    plant.publish(gone)
    plant.converge()
    plant.later()
    found = ecs.describe_clusters(clusters=[f"{plant.name}-main"])["clusters"]
    assert [c["status"] for c in found] in ([], ["INACTIVE"])


def test_made_and_dropped_before_the_next_pass(world: World) -> None:
    plant = Plant(world, TEXT)
    plant.run()
    plant.publish(environment(resource("LogGroup", "app", "retentionInDays: 14"),
                              spec="prune: delete, limits: {maxRemovals: 1}"))  # fmt: skip
    plant.later()
    plant.converge()
    plant.later()
    found = plant.aws.client("ecs").describe_clusters(clusters=[f"{plant.name}-main"])["clusters"]
    assert [c["status"] for c in found] in ([], ["INACTIVE"])


def test_a_key_typed_into_the_console_is_told_of_and_not_shown(world: World) -> None:
    secret = "sk-1234567890abcdefghijklmnop"
    plant = Plant(world, TEXT)
    plant.converge()
    ecs = plant.aws.client("ecs")
    arn = ecs.describe_clusters(clusters=[f"{plant.name}-main"])["clusters"][0]["clusterArn"]
    ecs.tag_resource(resourceArn=arn, tags=[{"key": "plumbline:resource", "value": secret}])
    plant.later()
    report = plant.run()
    assert [c.path for c in report.assessments["Cluster/main"].drift] == [
        "tags[plumbline:resource]"
    ]
    told = json.dumps([plant.status(), *(report.status.events if report.status else ())])
    assert "(hidden)" in told
    assert secret not in told
    for key in plant.store.list(""):
        found = plant.store.get(key)
        assert found is not None
        assert secret not in found.body.decode(), key
