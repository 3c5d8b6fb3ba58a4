"""I6: what is taken out of the file is deleted if the file says so, and only then."""

from __future__ import annotations

import pytest

from controller.cli.main import run
from sandbox.world import World
from tests.harness import Plant, environment, resource

ALARM = (
    "namespace: Shop, metricName: Errors, statistic: Sum, period: 60, evaluationPeriods: 5, "
    "threshold: 1, comparisonOperator: GreaterThanThreshold"
)
LOG = resource("LogGroup", "app", "retentionInDays: 14")
AUDIT = resource("LogGroup", "audit", "retentionInDays: 365")
ROOM = "limits: {maxRemovals: 5}"
DELETE = f"prune: delete, {ROOM}"


def errors(lifecycle: str = "") -> str:
    return resource("Alarm", "errors", ALARM, lifecycle)


def held(plant: Plant) -> tuple[bool, bool]:
    """Whether the alarm and the log group `audit` are there."""
    alarms = plant.aws.client("cloudwatch").describe_alarms()["MetricAlarms"]
    groups = plant.aws.client("logs").describe_log_groups(logGroupNamePrefix=f"{plant.name}-audit")[
        "logGroups"
    ]
    return bool(alarms), bool(groups)


def without(world: World, spec: str, lifecycle: str = "") -> Plant:
    """Converged; then the alarm and a log group are no longer in the file, for some passes."""
    plant = Plant(world, environment(errors(lifecycle), LOG, AUDIT, spec=spec))
    plant.converge()
    plant.checkpoint()
    plant.publish(environment(LOG, spec=spec))
    for _ in range(3):
        plant.run()
        plant.later()
    return plant


def test_by_default_it_stays_and_is_told(world: World) -> None:
    plant = without(world, ROOM)
    assert held(plant) == (True, True)
    assert plant.writes() == []
    told = plant.status()["resources"]["Alarm/errors"]["conditions"]["Synced"]
    assert (told["reason"], told["message"]) == ("NoLongerDeclared", "prune: retain")
    assert plant.run().converged


def test_where_the_environment_says_delete_what_holds_no_data_goes(world: World) -> None:
    plant = without(world, DELETE)
    assert held(plant) == (False, True)
    assert [c.name for c in plant.writes()] == ["cloudwatch:DeleteAlarms"]


def test_said_later_it_reaches_what_was_taken_out_before(world: World) -> None:
    plant = without(world, ROOM)
    plant.publish(environment(LOG, spec=DELETE))
    plant.converge()
    assert held(plant) == (False, True)


@pytest.mark.parametrize(("spec", "own"), [(DELETE, "retain"), (ROOM, "delete")])
def test_a_manifest_overrides_it_both_ways(world: World, spec: str, own: str) -> None:
    plant = without(world, spec, f"lifecycle: {{prune: {own}}}\n")
    assert held(plant) == (own == "retain", True)


def test_another_word_is_refused(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    file = f"{tmp_path}/shop.yaml"
    with open(file, "w", encoding="utf-8") as out:
        out.write(environment(LOG, spec="prune: always"))
    assert run(["validate", file]) == 1
    told = "".join(capsys.readouterr())
    assert "spec.prune" in told
    assert "always" in told
