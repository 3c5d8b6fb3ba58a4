"""Taking an environment down: dependents first, data only if asked for, and nothing comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controller import pause as pauses
from controller.destruction import Destruction, NothingKnown, destroy
from controller.reconciler import WrongPlace
from controller.store import to_body
from sandbox.errors import Killed
from sandbox.world import World
from tests.behaviour.scenario import EIGHT
from tests.harness import Plant, environment, production, resource

APP = resource("LogGroup", "app", "retentionInDays: 14")
ALARM = (
    "namespace: Shop, metricName: Errors, statistic: Sum, period: 60, evaluationPeriods: 5, "
    "threshold: 1, comparisonOperator: GreaterThanThreshold"
)
ERRORS = resource("Alarm", "errors", ALARM)


def once(plant: Plant, **said: Any) -> Destruction:
    kit = {"with_data": False, "write": True, **said}
    return destroy(plant.name, plant.tools(), "ann", **kit)


def down(plant: Plant, passes: int = 60, **said: Any) -> Destruction:
    """Passes of destruction until nothing is on its way."""
    for _ in range(passes):
        done = once(plant, **said)
        plant.later(90)
        if done.over:
            return done
    raise AssertionError(done)


def refused(plant: Plant) -> list[str]:
    return [f"{c.name} {c.error}" for c in plant.writes() if c.error]


def ours(plant: Plant) -> set[str]:
    """What carries our tags, but revisions of tasks, which are history."""
    plant.later(3600)
    found = plant.aws.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "plumbline:environment"}]
    )["ResourceTagMappingList"]
    arns = {r["ResourceARN"] for r in found}
    return {arn for arn in arns if ":task-definition/" not in arn}


@pytest.fixture
def plant(world: World) -> Plant:
    made = Plant(world, environment(APP, ERRORS))
    made.converge()
    made.checkpoint()
    return made


def test_what_holds_data_stays_and_nothing_comes_back(plant: Plant) -> None:
    assert down(plant).kept == {"LogGroup/app": "it holds data (--with-data)"}
    assert [c.name for c in plant.writes()] == ["cloudwatch:DeleteAlarms"]
    plant.later(3600)
    for _ in range(3):
        report = plant.run()
        plant.later()
        assert report.paused == "being destroyed, or destroyed, by ann"
    assert len(plant.writes()) == 1
    pauses.resume(plant.store, plant.name)
    plant.converge()
    assert [c.name for c in plant.writes()][1:] == ["cloudwatch:PutMetricAlarm"]


def test_only_told_it_writes_nothing(plant: Plant) -> None:
    held = {k: plant.store.get(k) for k in plant.store.list("")}
    told = once(plant, write=False)
    assert told.going == {"Alarm/errors": "to be deleted"}
    assert plant.writes() == []
    assert {k: plant.store.get(k) for k in plant.store.list("")} == held


@pytest.mark.parametrize("text", [EIGHT, production()], ids=["eight", "litellm"])
def test_without_its_data_an_environment_goes_and_no_call_is_refused(
    world: World, text: str
) -> None:
    plant = Plant(world, text)
    plant.converge()
    plant.checkpoint()
    done = down(plant)
    assert done.stopped == {}
    assert refused(plant) == []
    kinds = {key.partition("/")[0] for key in done.kept}
    assert kinds >= {"LogGroup", "Secret"}
    assert not kinds & {"Service", "Cluster", "Alarm", "WebACL", "Dashboard"}
    assert not [arn for arn in ours(plant) if "service/" in arn or ":alarm:" in arn]


def test_with_its_data_nothing_is_left(world: World) -> None:
    """Each is deleted once, and the database leaves a snapshot."""
    size = "  allocatedStorage: 50\n"
    text = production().replace(size, f"{size}  deletionProtection: false\n")
    plant = Plant(world, text)
    plant.converge()
    plant.checkpoint()
    done = down(plant, with_data=True)
    assert (done.kept, done.stopped) == ({}, {})
    assert refused(plant) == []
    secrets = plant.aws.client("secretsmanager").list_secrets(IncludePlannedDeletion=True)
    left = [s["Name"] for s in secrets["SecretList"] if not s.get("DeletedDate")]
    assert [name for name in left if name.startswith(f"{plant.name}-")] == []
    assert not [arn for arn in ours(plant) if ":secret:" not in arn]
    [last] = [c for c in plant.writes() if c.name == "rds:DeleteDBInstance"]
    assert last.params["FinalDBSnapshotIdentifier"]
    assert once(plant, with_data=True).gone == ()


def test_what_is_protected_stands_with_what_it_needs(world: World) -> None:
    plant = Plant(world, production())
    plant.converge()
    plant.checkpoint()
    done = down(plant, with_data=True)
    assert done.stopped["DBInstance/main"] == "DeletionProtected: deletion protection is on"
    assert done.stopped["DBSubnetGroup/main"] == "DBInstance/main needs it"
    assert refused(plant) == []
    assert "rds:DeleteDBInstance" not in [c.name for c in plant.writes()]


def test_retained_by_its_manifest_it_stays(world: World) -> None:
    keep = resource("Alarm", "errors", ALARM, "lifecycle: {prune: retain}\n")
    plant = Plant(world, environment(keep))
    plant.converge()
    plant.checkpoint()
    assert down(plant).kept == {"Alarm/errors": "lifecycle.prune: retain"}
    assert plant.writes() == []


def test_what_others_own_is_not_touched(world: World) -> None:
    plant = Plant(world, environment(APP, ERRORS))
    plant.converge()
    cloudwatch = plant.aws.client("cloudwatch")
    arn = cloudwatch.describe_alarms()["MetricAlarms"][0]["AlarmArn"]
    cloudwatch.tag_resource(
        ResourceARN=arn, Tags=[{"Key": "plumbline:environment", "Value": "another"}]
    )
    plant.later(600)
    plant.checkpoint()
    down(plant, with_data=True)
    assert "cloudwatch:DeleteAlarms" not in [c.name for c in plant.writes()]


def test_a_pause_of_somebodys_stops_it(plant: Plant) -> None:
    until = plant.world.clock.now() + timedelta(days=1)
    pauses.pause(plant.store, plant.name, until, "bob", "incident")
    done = once(plant)
    assert "by bob: incident" in done.stopped["Alarm/errors"]
    assert plant.writes() == []


def test_only_looked_at_it_deletes_nothing(world: World) -> None:
    plant = Plant(world, environment(APP, ERRORS))
    plant.converge()
    plant.publish(environment(APP, ERRORS, spec="mode: observe"))
    plant.checkpoint()
    assert "ObserveMode" in once(plant, with_data=True).stopped["Alarm/errors"]
    assert plant.writes() == []


def test_what_could_not_be_read_is_not_taken_for_gone(plant: Plant) -> None:
    plant.world.fault("deny", "cloudwatch:DescribeAlarms")
    done = once(plant)
    assert (list(done.going), done.gone) == (["Alarm/errors"], ())
    plant.world.faults.clear()
    assert "Alarm/errors" in down(plant).gone
    assert [c.name for c in plant.writes()] == ["cloudwatch:DeleteAlarms"]


def test_cut_off_anywhere_it_goes_on(world: World) -> None:
    plant = Plant(world, environment(APP, ERRORS))
    plant.converge()
    plant.checkpoint()
    plant.world.fault("kill-after", "cloudwatch:DeleteAlarms")
    with pytest.raises(Killed):
        down(plant)
    plant.revive()
    assert down(plant, with_data=True).stopped == {}
    assert ours(plant) == set()
    assert refused(plant) == []


def test_of_an_environment_that_nobody_knows_nothing_is_done(world: World) -> None:
    plant = Plant(world, environment(APP))
    plant.publish("what: ever\n")
    with pytest.raises(NothingKnown, match="DesiredStateInvalid"):
        once(plant, write=False)
    assert plant.writes() == []


def test_an_empty_state_is_no_licence(plant: Plant) -> None:
    """Somewhere else is a state that manages it."""
    for key in plant.store.list(""):
        if not key.startswith("environments/"):
            plant.store.delete(key)
    kit = plant.tools(may_start=False)
    with pytest.raises(WrongPlace, match="managed already"):
        destroy(plant.name, kit, "ann", with_data=True, write=False)
    assert plant.writes() == []


def test_retained_data_stays_even_with_data(world: World) -> None:
    said = resource("LogGroup", "app", "retentionInDays: 14", "lifecycle: {prune: retain}\n")
    plant = Plant(world, environment(said, ERRORS))
    plant.converge()
    plant.checkpoint()
    assert down(plant, with_data=True).kept == {"LogGroup/app": "lifecycle.prune: retain"}
    assert [c.name for c in plant.writes()] == ["cloudwatch:DeleteAlarms"]


def test_what_its_last_manifest_retained_stays_and_data_goes_if_asked_for(world: World) -> None:
    keep = resource("Alarm", "errors", ALARM, "lifecycle: {prune: retain}\n")
    other = resource("LogGroup", "other", "retentionInDays: 14")
    plant = Plant(world, environment(APP, keep, other))
    plant.converge()
    plant.publish(environment(other))
    plant.run()
    plant.later(90)
    plant.checkpoint()
    done = down(plant, with_data=True)
    assert done.kept == {"Alarm/errors": "lifecycle.prune: retain"}
    assert {c.name for c in plant.writes()} == {"logs:DeleteLogGroup"}
    assert len(plant.writes()) == 2


def test_what_nothing_tells_of_is_named(plant: Plant) -> None:
    """The file says no alarm any more, and what we remember is lost."""
    plant.later(600)
    plant.publish(environment(APP))
    plant.store.delete(f"inventory/{plant.name}.json")
    done = once(plant)
    [(_, why)] = [(k, v) for k, v in done.kept.items() if ":alarm:" in k]
    assert why == "an orphan: tagged Alarm/errors, and nothing else tells of it"
    assert "cloudwatch:DeleteAlarms" not in [c.name for c in plant.writes()]


def test_what_needs_each_other_by_old_and_new_is_no_knot(plant: Plant) -> None:
    """What was left says one direction, the file the other: the file counts."""
    held = plant.store.get(f"inventory/{plant.name}.json")
    assert held is not None
    body = held.json
    body["resources"]["LogGroup/app"]["depends_on"] = ["Alarm/errors"]
    plant.store.put(f"inventory/{plant.name}.json", to_body(body), held.version)
    after = "lifecycle: {dependsOn: [LogGroup/app]}\n"
    plant.publish(environment(APP, resource("Alarm", "errors", ALARM, after)))
    plant.checkpoint()
    done = down(plant, with_data=True)
    assert (done.going, done.stopped) == ({}, {})
    assert [c.name for c in plant.writes()] == ["cloudwatch:DeleteAlarms", "logs:DeleteLogGroup"]


def test_its_pause_is_not_shortened(plant: Plant) -> None:
    down(plant)
    until = plant.world.clock.now() + timedelta(hours=1)
    with pytest.raises(pauses.BeingDestroyed, match="by ann"):
        pauses.pause(plant.store, plant.name, until, "bob", "incident")
    plant.later(7200)
    assert plant.run().paused == "being destroyed, or destroyed, by ann"
