"""I12: a lost or old inventory leads to no foreign write and no duplicate."""

from __future__ import annotations

from sandbox.world import World
from tests.harness import Plant, environment, resource, shape

TEXT = environment(
    resource("LogGroup", "app", "retentionInDays: 14"), resource("LogGroup", "audit", "")
)


def test_lost_inventory_of_a_converged_environment_writes_nothing(world: World) -> None:
    plant = Plant(world, TEXT)
    plant.converge()
    before = shape(world)
    plant.store.delete(f"inventory/{plant.name}.json")
    plant.checkpoint()
    assert plant.run().converged
    assert plant.writes() == []
    assert shape(world) == before


def test_lost_inventory_hides_only_whether_it_was_drift(world: World) -> None:
    plant = Plant(world, TEXT)
    plant.converge()
    before = shape(world)
    logs = plant.aws.client("logs")
    logs.put_retention_policy(logGroupName=f"{plant.name}-app", retentionInDays=1)
    plant.store.delete(f"inventory/{plant.name}.json")
    plant.later()
    report = plant.run()
    (change,) = report.assessments["LogGroup/app"].changes
    assert change.cause == "baseline-unknown"
    plant.later()
    plant.converge()
    assert shape(world) == before


def test_lost_inventory_and_a_foreign_namesake(world: World) -> None:
    plant = Plant(world, TEXT)
    plant.converge()
    logs = plant.aws.client("logs")
    logs.delete_log_group(logGroupName=f"{plant.name}-app")
    logs.create_log_group(logGroupName=f"{plant.name}-app", tags={"owner": "somebody"})
    plant.store.delete(f"inventory/{plant.name}.json")
    plant.later()
    plant.checkpoint()
    report = plant.run()
    assert plant.writes() == []
    assert {v.reason for v in report.vetoes.values()} == {"NotOwned"}


def test_an_inventory_rolled_back(world: World) -> None:
    plant = Plant(world, TEXT)
    plant.run()
    old = plant.store.get(f"inventory/{plant.name}.json")
    assert old is not None
    plant.converge()
    plant.publish(TEXT.replace("14", "30"))
    plant.converge()
    before = shape(world)
    now = plant.store.get(f"inventory/{plant.name}.json")
    assert now is not None
    plant.store.put(f"inventory/{plant.name}.json", old.body, now.version)
    plant.checkpoint()
    plant.converge()
    assert plant.writes() == []
    assert shape(world) == before


def test_a_broken_inventory_is_an_empty_one(world: World) -> None:
    plant = Plant(world, TEXT)
    plant.converge()
    found = plant.store.get(f"inventory/{plant.name}.json")
    assert found is not None
    plant.store.put(f"inventory/{plant.name}.json", b"{ not json", found.version)
    plant.checkpoint()
    plant.converge()
    assert plant.writes() == []
