"""I9: bad desired state changes nothing; the last accepted revision stays enforced."""

from __future__ import annotations

import pytest

from sandbox.world import World
from tests.harness import Plant, environment, resource

GOOD = environment(resource("LogGroup", "app", "retentionInDays: 14"))

BROKEN = {
    "not yaml": "a: [",
    "not utf-8": None,
    "empty": "",
    "unknown field": GOOD.replace("retentionInDays", "retentionDays"),
    "wrong value": GOOD.replace("14", "15"),
    "unknown kind": GOOD.replace("kind: LogGroup", "kind: LogGroop"),
    "another environment's": GOOD.replace("litellm-production", "litellm-staging"),
    "a secret": GOOD.replace("retentionInDays: 14", "tags: {password: AKIAIOSFODNN7EXAMPLE}"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_revision_changes_nothing(world: World, case: str) -> None:
    plant = Plant(world, GOOD)
    plant.converge()
    text = BROKEN[case]
    body = b"\xff\xfe\x00" if text is None else text.encode()
    key = f"environments/{plant.name}.yaml"
    plant.aws.client("s3").put_object(Bucket=plant.bucket, Key=key, Body=body)
    plant.checkpoint()
    report = plant.run()
    assert report.desired.refused == "DesiredStateInvalid"
    assert plant.writes() == []
    state = plant.status()["desiredState"]
    assert state["valid"] is False
    assert state["problems"]
    group = f"{plant.name}-app"
    plant.aws.client("logs").put_retention_policy(logGroupName=group, retentionInDays=1)
    plant.later()
    plant.run()
    plant.later()
    held = plant.aws.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert held["retentionInDays"] == 14
    assert not report.converged


def test_a_broken_first_revision_makes_no_call_at_all(world: World) -> None:
    plant = Plant(world, "kind: Nonsense")
    plant.checkpoint()
    report = plant.run()
    assert report.desired.environment is None
    assert plant.calls() == []
    assert plant.status()["desiredState"]["reason"] == "DesiredStateInvalid"


def test_a_mended_revision_is_taken_up(world: World) -> None:
    plant = Plant(world, GOOD)
    plant.converge()
    plant.publish("a: [")
    plant.run()
    plant.publish(GOOD.replace("14", "30"))
    plant.converge()
    group = f"{plant.name}-app"
    held = plant.aws.client("logs").describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    assert held["retentionInDays"] == 30
    assert plant.status()["desiredState"]["valid"] is True
