"""I3 and I12: what the inventory is for, and what must not come of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller import pause as pauses
from sandbox.errors import Killed
from sandbox.pytest_plugin import new_world
from sandbox.world import Store, World
from tests.harness import Plant, environment, resource

TEXT = environment(
    resource("LogGroup", "app", "retentionInDays: 14"), resource("LogGroup", "audit", "")
)


def always_behind(world: World, service: str, account: str, region: str) -> Store:
    """Reads show what was before the last write: as long as AWS may take, not by chance."""
    past = world._history.get((service, account, region))
    return past.before if past else world.store(service, account, region)


@pytest.mark.parametrize("kind", ["kill-after", "lost"])
def test_what_a_dead_pass_made_is_known_before_aws_shows_it(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(World, "lagging", always_behind)
    plant = Plant(new_world(1), environment(resource("LogGroup", "app", "")))
    plant.world.fault(kind, "logs:CreateLogGroup")
    plant.world.fault("reset", "logs:CreateLogGroup", after=1, times=99)
    if kind == "lost":
        plant.run()
    else:
        with pytest.raises(Killed):
            plant.run()
    plant.world.dead = False
    plant.world.faults.clear()
    plant.store.delete(f"leases/{plant.name}.json")
    plant.checkpoint()
    report = plant.run()
    assert not report.assessments["LogGroup/app"].missing, "not shown is not absent"
    assert plant.writes() == []
    monkeypatch.undo()
    plant.later()
    plant.converge()


def test_what_is_made_again_in_two_goes_gets_its_retention() -> None:
    """What was applied to the one before is no baseline: never expiring is not somebody's wish."""
    plant = Plant(new_world(1), TEXT)
    plant.converge()
    logs = plant.aws.client("logs")
    logs.delete_log_group(logGroupName=f"{plant.name}-app")
    plant.later()
    plant.world.fault("deny", "logs:PutRetentionPolicy", times=1)
    plant.run()
    plant.later()
    plant.converge()
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"{plant.name}-app")["logGroups"]
    assert group["retentionInDays"] == 14


def test_a_difference_stays_unexplained_as_long_as_nothing_explains_it() -> None:
    """Looking at it often does not make it a pending change, nor drift."""
    plant = Plant(new_world(1), TEXT)
    plant.converge()
    logs = plant.aws.client("logs")
    logs.put_retention_policy(logGroupName=f"{plant.name}-app", retentionInDays=1)
    plant.store.delete(f"inventory/{plant.name}.json")
    until = plant.world.clock.now() + timedelta(hours=1)
    pauses.pause(plant.store, plant.name, until, "ann", "looking")
    for _ in range(3):
        plant.later()
        (change,) = plant.run().assessments["LogGroup/app"].changes
        assert change.cause == "baseline-unknown"
    pauses.resume(plant.store, plant.name)
    plant.converge()
