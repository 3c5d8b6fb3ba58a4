"""I6: every guard holds for every action, and a limit trips before the first call."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controller import pause as pauses
from controller.aws import CALL_BOUND_S, classify
from sandbox.world import World
from tests.behaviour.scenario import of_older_defaults
from tests.harness import Plant, environment, explain, resource

TWO = (
    resource("LogGroup", "app", "retentionInDays: 14"),
    resource("LogGroup", "audit", "retentionInDays: 365"),
)


@pytest.fixture
def plant(world: World) -> Plant:
    """Two converged log groups."""
    made = Plant(world, environment(*TWO))
    made.converge()
    made.checkpoint()
    return made


def tamper(plant: Plant, name: str = "app", days: int = 7) -> None:
    """Change a retention behind Plumbline's back."""
    group = f"{plant.name}-{name}"
    plant.aws.client("logs").put_retention_policy(logGroupName=group, retentionInDays=days)
    plant.later()


def veto(plant: Plant) -> str:
    """The one reason why a pass over tampered resources wrote nothing."""
    report = plant.run()
    assert plant.writes() == []
    assert any(a.drift or a.vanished for a in report.assessments.values()), "drift is still told"
    (reason,) = {v.reason for v in report.vetoes.values()}
    return reason


def test_without_a_guard_it_is_healed(plant: Plant) -> None:
    tamper(plant)
    plant.run()
    assert [c.name for c in plant.writes()] == ["logs:PutRetentionPolicy"]


def test_pause_stops_writes_and_expires(plant: Plant) -> None:
    now = plant.world.clock.now()
    pauses.pause(plant.store, plant.name, now + timedelta(hours=1), "ann", "incident 7")
    tamper(plant)
    assert veto(plant) == "Paused"
    assert "incident 7" in plant.status()["paused"]
    plant.later(3600)
    plant.run()
    assert len(plant.writes()) == 1


def test_pause_holds_while_desired_state_is_broken(plant: Plant) -> None:
    until = plant.world.clock.now() + timedelta(hours=1)
    pauses.pause(plant.store, plant.name, until, "ann", "incident")
    plant.publish("this: [is not")
    tamper(plant)
    assert veto(plant) == "Paused"


@pytest.mark.parametrize(("mode", "reason"), [("observe", "ObserveMode"), ("paused", "Paused")])
def test_mode_of_the_environment(plant: Plant, mode: str, reason: str) -> None:
    plant.publish(environment(*TWO, spec=f"mode: {mode}"))
    tamper(plant)
    assert veto(plant) == reason


def test_mode_of_the_control_plane_wins_over_the_file(plant: Plant) -> None:
    tamper(plant)
    report = plant.run(highest_mode="observe")
    assert {v.reason for v in report.vetoes.values()} == {"ObserveMode"}
    assert plant.writes() == []


def test_mode_of_one_resource(plant: Plant) -> None:
    held = resource("LogGroup", "app", "retentionInDays: 14", "lifecycle: {mode: observe}\n")
    plant.publish(environment(held, TWO[1]))
    tamper(plant)
    tamper(plant, "audit")
    report = plant.run()
    assert {v.reason for v in report.vetoes.values()} == {"ObserveMode"}
    assert [c.params["logGroupName"] for c in plant.writes()] == [f"{plant.name}-audit"]


def test_what_others_made_is_not_touched_unless_adopted(world: World) -> None:
    text = environment(TWO[0])
    plant = Plant(world, text)
    name = f"{plant.name}-app"
    plant.aws.client("logs").create_log_group(logGroupName=name, tags={"owner": "somebody"})
    plant.later()
    report = plant.run()
    assert plant.writes() == []
    assert {v.reason for v in report.vetoes.values()} == {"NotOwned"}
    assert plant.status()["resources"]["LogGroup/app"]["conditions"]["Blocked"]["status"] == "True"
    adopted = resource("LogGroup", "app", "retentionInDays: 14", "lifecycle: {adopt: true}\n")
    plant.publish(environment(adopted))
    plant.converge()
    tags = plant.aws.client("logs").list_tags_for_resource(
        resourceArn=f"arn:aws:logs:us-east-1:{world.account}:log-group:{name}"
    )["tags"]
    assert tags["plumbline:environment"] == plant.name
    assert tags["owner"] == "somebody"


def test_what_another_environment_owns_is_not_even_adopted(world: World) -> None:
    adopted = resource("LogGroup", "app", "retentionInDays: 14", "lifecycle: {adopt: true}\n")
    plant = Plant(world, environment(adopted))
    plant.aws.client("logs").create_log_group(
        logGroupName=f"{plant.name}-app",
        tags={"plumbline:environment": "other", "plumbline:resource": "LogGroup/app"},
    )
    plant.later()
    report = plant.run()
    assert plant.writes() == []
    assert {v.reason for v in report.vetoes.values()} == {"NotOwned"}


def test_a_new_thing_under_an_old_name_is_not_ours(plant: Plant) -> None:
    logs = plant.aws.client("logs")
    logs.delete_log_group(logGroupName=f"{plant.name}-app")
    plant.later()
    logs.create_log_group(logGroupName=f"{plant.name}-app")
    plant.later()
    report = plant.run()
    assert plant.writes() == []
    assert {v.reason for v in report.vetoes.values()} == {"NotOwned"}


def test_unknown_is_never_absent(plant: Plant) -> None:
    plant.world.fault("deny", "logs:DescribeLogGroups", times=99)
    report = plant.run()
    assert plant.writes() == []
    assert not any(a.missing for a in report.assessments.values())
    assert (
        plant.status()["resources"]["LogGroup/app"]["conditions"]["Observed"]["status"] == "False"
    )


def test_an_emptied_file_changes_nothing(plant: Plant) -> None:
    plant.publish(environment())
    tamper(plant)
    report = plant.run()
    assert report.desired.refused in ("DesiredStateShrunken", "DesiredStateInvalid")
    assert len(plant.writes()) == 1, "the accepted revision stays enforced"


def test_a_missing_file_is_unknown_not_empty(plant: Plant) -> None:
    plant.store.delete(f"environments/{plant.name}.yaml")
    tamper(plant)
    report = plant.run()
    assert report.desired.refused == "DesiredStateMissing"
    assert len(plant.writes()) == 1


def test_a_shrunken_file_is_refused_until_it_says_so(world: World) -> None:
    names = [f"g{n}" for n in range(10)]
    groups = [resource("LogGroup", n, "", "lifecycle: {prune: delete}\n") for n in names]
    plant = Plant(world, environment(*groups))
    plant.converge()
    plant.checkpoint()
    plant.publish(environment(*groups[:5]))
    report = plant.run()
    assert report.desired.refused == "DesiredStateShrunken"
    assert "removed" in str(report.desired.problems[0])
    assert plant.writes() == []
    plant.publish(environment(*groups[:5], spec="limits: {maxRemovals: 5}"))
    report = plant.run()
    assert report.desired.refused == ""
    assert {v.reason for v in report.vetoes.values()} == {"ApprovalRequired"}, explain(report)
    assert plant.writes() == []


def test_blast_radius_trips_before_the_first_call(plant: Plant) -> None:
    plant.publish(environment(*TWO, spec="limits: {maxChanges: 1}"))
    tamper(plant)
    tamper(plant, "audit")
    assert veto(plant) == "BlastRadius"


def test_blast_radius_counts_what_vanished(plant: Plant) -> None:
    plant.publish(environment(*TWO, spec="limits: {maxChanges: 1}"))
    for name in ("app", "audit"):
        plant.aws.client("logs").delete_log_group(logGroupName=f"{plant.name}-{name}")
    plant.later()
    assert veto(plant) == "BlastRadius"


def test_immutable_is_blocked_not_replaced(plant: Plant) -> None:
    other = resource("LogGroup", "app", "retentionInDays: 14, logGroupClass: INFREQUENT_ACCESS")
    plant.publish(environment(other, TWO[1]))
    report = plant.run()
    assert plant.writes() == []
    assert [c.cls for c in report.assessments["LogGroup/app"].changes] == ["immutable"]
    blocked = plant.status()["resources"]["LogGroup/app"]["conditions"]["Blocked"]
    assert blocked["reason"] == "Immutable"


def test_three_tries_then_it_waits_for_a_new_desire(plant: Plant) -> None:
    tamper(plant)
    refuse = plant.world.fault("invalid", "logs:PutRetentionPolicy", times=99)
    for _ in range(6):
        plant.run()
        plant.later(300)
    assert refuse.hits == 3
    report = plant.run()
    assert {v.reason for v in report.vetoes.values()} == {"NotConverging"}
    refuse.times = 0
    plant.publish(environment(resource("LogGroup", "app", "retentionInDays: 30"), TWO[1]))
    plant.converge()


def test_faults_of_aws_are_no_tries(plant: Plant) -> None:
    tamper(plant)
    for _ in range(5):
        plant.world.fault("deny", "logs:PutRetentionPolicy", times=1)
        plant.run()
        plant.later()
    plant.converge()


def test_deadline_no_action_starts_that_cannot_end(plant: Plant) -> None:
    tamper(plant)
    report = plant.run(seconds_left=lambda: CALL_BOUND_S)
    assert plant.writes() == []
    assert [o.made for o in report.outcomes] == [False]
    plant.converge()


def test_a_release_with_other_defaults_is_no_licence_to_act(world: World) -> None:
    plant = of_older_defaults(world)
    report = plant.run()
    assert plant.writes() == []
    assert [v.reason for v in report.vetoes.values()] == ["DefaultsChanged"]
    plant.publish(environment(resource("LogGroup", "app", "retentionInDays: 30")))
    plant.converge()
    assert [c.name for c in plant.writes()] == ["logs:PutRetentionPolicy"]


def test_a_pause_set_during_a_pass_is_heeded(plant: Plant) -> None:
    tamper(plant)
    tamper(plant, "audit")

    def brake(key: str, what: str, detail: str) -> None:
        if what != "observed":
            until = plant.world.clock.now() + timedelta(hours=1)
            pauses.pause(plant.store, plant.name, until, "ann", "stop")

    report = plant.run(progress=brake)
    assert len(plant.writes()) == 1
    assert [o.made for o in report.outcomes] == [True, False]


def test_a_refusal_is_shown_and_a_denial_does_not_wait(plant: Plant) -> None:
    tamper(plant)
    plant.world.fault("deny", "logs:PutRetentionPolicy", times=99)
    report = plant.run()
    assert not report.waiting
    blocked = plant.status()["resources"]["LogGroup/app"]["conditions"]["Blocked"]
    assert blocked["reason"] == "ActionFailed"
    assert "AccessDenied" in blocked["message"]


def test_three_refusals_with_reads_that_fail_now_and_then_are_still_three(plant: Plant) -> None:
    tamper(plant)
    refuse = plant.world.fault("invalid", "logs:PutRetentionPolicy", times=99)
    for turn in range(10):
        if turn % 2:
            plant.world.fault("deny", "logs:DescribeLogGroups", times=1)
        plant.run()
        plant.later(300)
    assert refuse.hits == 3
    report = plant.run()
    assert [v.reason for v in report.vetoes.values()] == ["NotConverging"]
    assert "Refused, injected" in next(iter(report.vetoes.values())).message


@pytest.mark.parametrize(
    ("code", "status", "failure"),
    [
        ("503", 503, "down"), ("500", 500, "down"), ("ServiceUnavailable", 503, "down"),
        ("RequestTimeout", 400, "down"), ("Strange", 502, "down"), ("Strange", 400, "invalid"),
        ("RequestExpired", 400, "denied"), ("LimitExceededException", 400, "invalid"),
        ("ThrottlingException", 400, "throttled"), ("WAFUnavailableEntityException", 400, "busy"),
        ("WAFOptimisticLockException", 400, "stale"), ("DBInstanceNotFound", 404, "not-found"),
    ],
)  # fmt: skip
def test_an_outage_is_no_refusal(code: str, status: int, failure: str) -> None:
    assert classify(code, status) == failure
