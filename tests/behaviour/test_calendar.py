"""I6: windows and freezes hold for every step, and what they hold up is no alarm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controller import telemetry, timetable
from controller.reconciler import Report
from sandbox.world import World
from tests.behaviour.test_service_converges import desired
from tests.harness import Plant, environment, explain, resource
from tests.plane import Plane, small

GROUP = resource("LogGroup", "app", "retentionInDays: 14")
OTHER = resource("LogGroup", "app", "retentionInDays: 30")
NIGHTLY = 'windows: [{cron: "0 2 * * *", duration: 1h, timezone: Europe/Berlin}]'


def moved(world: World, text: str) -> None:
    """Let the world's clock come to that moment (UTC)."""
    wanted = datetime.fromisoformat(text).replace(tzinfo=UTC)
    world.clock.advance(wanted - world.clock.now())


def frozen(more: str = "") -> str:
    return f"freezes: [{{start: 2031-12-20, until: 2031-12-24, reason: year end{more}}}]"


@pytest.fixture
def plant(world: World) -> Plant:
    made = Plant(world, environment(GROUP))
    made.converge()
    made.checkpoint()
    moved(world, "2031-12-20T12:00")
    return made


def tamper(plant: Plant) -> None:
    plant.aws.client("logs").put_retention_policy(
        logGroupName=f"{plant.name}-app", retentionInDays=7
    )
    plant.later()


def reasons(report: Report) -> set[str]:
    return {veto.reason for veto in report.vetoes.values()}


def minutes(report: Report, now: datetime) -> float:
    [found] = [m for m in telemetry.metrics(report, now) if m.name == "MinutesSinceConverged"]
    return found.value


def test_a_freeze_holds_up_commits_and_repairs_then_both_are_made(plant: Plant) -> None:
    plant.publish(environment(OTHER, spec=frozen()))
    tamper(plant)
    report = plant.run()
    assert reasons(report) == {"Frozen"}, explain(report)
    assert plant.writes() == []
    assert report.season.turns == datetime(2031, 12, 25, tzinfo=UTC)
    assert not report.waiting, "there is no use in looking every minute"
    blocked = plant.status()["resources"]["LogGroup/app"]["conditions"]["Blocked"]
    assert (blocked["status"], blocked["reason"]) == ("False", "Frozen")
    assert blocked["message"] == "frozen until 2031-12-25 00:00 UTC: year end"
    plant.later(3600)
    now = plant.world.clock.now()
    assert minutes(plant.run(), now) == 0, "nobody is woken by what was meant"
    entry = timetable.entry(plant.status(), 300)
    assert (entry.drifted, entry.blocked, entry.since) == (1, 0, 0)
    moved(plant.world, "2031-12-25T00:00")
    plant.converge()
    assert [c.name for c in plant.writes()] == ["logs:PutRetentionPolicy"]


def test_a_freeze_may_let_drift_be_undone_and_no_more(plant: Plant) -> None:
    plant.publish(environment(GROUP, spec=frozen(", repairDrift: true")))
    tamper(plant)
    plant.converge()
    assert [c.name for c in plant.writes()] == ["logs:PutRetentionPolicy"]
    plant.publish(environment(OTHER, resource("LogGroup", "new", ""),
                              spec=frozen(", repairDrift: true")))  # fmt: skip
    report = plant.run()
    assert reasons(report) == {"Frozen"}
    assert len(plant.writes()) == 1
    tamper(plant)
    assert reasons(plant.run()) == {"Frozen"}, "it is no longer only drift"
    assert len(plant.writes()) == 1


def test_what_vanished_is_made_again_during_such_a_freeze(plant: Plant) -> None:
    plant.publish(environment(GROUP, spec=frozen(", repairDrift: true")))
    plant.aws.client("logs").delete_log_group(logGroupName=f"{plant.name}-app")
    plant.later()
    plant.converge()
    assert plant.writes()[0].name == "logs:CreateLogGroup"


def test_what_disturbs_waits_for_the_window_and_the_rest_does_not(world: World) -> None:
    tagged = "retentionInDays: 14, tags: {team: a}"
    plant = Plant(world, environment(resource("LogGroup", "app", tagged), spec=NIGHTLY))
    plant.converge()
    moved(world, "2031-12-20T12:00")
    plant.checkpoint()
    shorter = "retentionInDays: 7, tags: {team: b}"  # older lines go: that can't be undone
    plant.publish(environment(resource("LogGroup", "app", shorter), spec=NIGHTLY))
    report = plant.run()
    assert reasons(report) == {"OutsideWindow"}, explain(report)
    assert [c.name for c in plant.writes()] == ["logs:TagResource"], explain(report)
    assert report.season.turns == datetime(2031, 12, 21, 1, tzinfo=UTC)
    plant.later()
    assert plant.run().resting
    moved(world, "2031-12-21T01:00")
    plant.converge()
    assert [c.name for c in plant.writes()] == ["logs:TagResource", "logs:PutRetentionPolicy"]


def test_rollouts_wait_for_the_window(world: World) -> None:
    spec = f"spec: {{{NIGHTLY}}}"
    moved(world, "2031-12-20T01:00")
    plant = Plant(world, desired().replace("spec: {}", spec, 1))
    plant.converge()
    moved(world, "2031-12-20T12:00")
    plant.checkpoint()
    plant.publish(desired("litellm@sha256:bbb").replace("spec: {}", spec, 1))
    assert reasons(plant.run()) == {"OutsideWindow"}
    assert plant.writes() == [], "nor is a task definition registered that nobody uses"
    moved(world, "2031-12-21T01:10")
    plant.converge()
    assert [c.name for c in plant.writes()] == ["ecs:RegisterTaskDefinition", "ecs:UpdateService"]


def test_the_control_plane_looks_again_when_the_window_opens(plane: Plane) -> None:
    plane.publish(small(days=14))
    plane.converge("shop")
    moved(plane.world, "2031-12-20T12:00")
    day = small(days=7, interval="24h").replace("interval:", f"{NIGHTLY}, interval:")
    plane.upload(day)
    plane.drain()
    assert plane.store.list("requeue/") == ["requeue/20311221T0100Z/shop"]


@pytest.mark.parametrize("field", ["windows", "freezes"])
def test_what_stands_there_is_checked(world: World, field: str) -> None:
    plant = Plant(world, environment(GROUP))
    plant.converge()
    plant.publish(environment(OTHER, spec=f"{field}: [{{cron: often, duration: 1h, reason: x}}]"))
    report: Any = plant.run()
    assert report.desired.refused == "DesiredStateInvalid"
    text = "\n".join(map(str, report.desired.problems))
    assert f"spec.{field}[0].cron" in text
    assert 'found "often"' in text
