"""I6: what loses data is done if a person approved exactly that, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller import approval as approvals
from controller.approval import Approval
from controller.cli.main import run
from controller.store import DirectoryStore, to_body
from sandbox.errors import Killed
from sandbox.world import World
from tests.behaviour.scenario import of_older_defaults
from tests.harness import Plant, environment, explain, resource

DELETES = "lifecycle: {prune: delete}\n"
APP = resource("LogGroup", "app", "retentionInDays: 14", DELETES)
AUDIT = resource("LogGroup", "audit", "retentionInDays: 365", DELETES)
OTHER = resource("LogGroup", "other", "")
ANY = "limits: {maxRemovals: 3}"


@pytest.fixture
def plant(world: World) -> Plant:
    """Log groups; the file no longer has two of them, with all that is in them."""
    made = Plant(world, environment(APP, AUDIT, OTHER, spec=ANY))
    made.converge()
    made.publish(environment(OTHER, spec=ANY))
    made.run()
    made.checkpoint()
    return made


def waits(plant: Plant) -> dict[str, str]:
    """What waits for an approval, by the status."""
    found: dict[str, str] = plant.status()["approval"].get("steps", {})
    return found


def approve(plant: Plant, *steps: str, hours: float = 1, tokens: Any = None) -> None:
    asked = approvals.asked(plant.status()).steps
    chosen = {asked[step] for step in steps or asked} if tokens is None else tokens
    until = plant.world.clock.now() + timedelta(hours=hours)
    approval = Approval("ann", "ticket 7", until, frozenset(chosen))
    approvals.approve(plant.store, plant.name, approval)


def groups(plant: Plant) -> list[str]:
    plant.later()  # reads may lag
    found = plant.aws.client("logs").describe_log_groups()["logGroups"]
    return [g["logGroupName"].removeprefix(f"{plant.name}-") for g in found]


def test_it_waits_then_it_is_done_once_and_who_let_it_is_told(plant: Plant) -> None:
    for _ in range(3):
        report = plant.run()
        plant.later()
    assert plant.writes() == []
    assert set(waits(plant)) == {"LogGroup/app#delete", "LogGroup/audit#delete"}
    assert plant.status()["approval"]["fingerprint"] == report.asks.fingerprint
    assert len(report.asks.fingerprint) == 12
    approve(plant)
    report = plant.run()
    assert sorted(c.name for c in plant.writes()) == ["logs:DeleteLogGroup"] * 2, explain(report)
    assert groups(plant) == ["other"]
    assert report.status is not None
    told = [e for e in report.status.events if e["type"] == "ActionApplied"]
    assert {e["approvedBy"] for e in told} == {"ann: ticket 7"}
    plant.later()
    assert plant.run().converged
    assert waits(plant) == {}


def test_a_part_may_be_approved(plant: Plant) -> None:
    approve(plant, "LogGroup/app#delete")
    plant.run()
    assert groups(plant) == ["audit", "other"]
    assert set(waits(plant)) == {"LogGroup/audit#delete"}


def test_it_expires(plant: Plant) -> None:
    approve(plant, hours=1)
    plant.later(3600)
    plant.run()
    assert plant.writes() == []
    assert len(waits(plant)) == 2


def test_it_is_good_once(world: World) -> None:
    """The same hand does the same again within the hours of the approval."""
    plant = Plant(world, environment(APP))
    plant.converge()
    plant.checkpoint()

    def strengthen() -> None:
        plant.aws.client("logs").put_retention_policy(
            logGroupName=f"{plant.name}-app", retentionInDays=400
        )
        plant.later()
        plant.run()

    def spent() -> int:
        found = plant.store.get(f"inventory/{plant.name}.json")
        assert found is not None
        return len(found.json.get("spent", {}))

    strengthen()
    approve(plant, hours=100)
    plant.run()
    assert len(plant.writes()) == spent() == 1
    plant.later()
    strengthen()
    plant.run()
    assert len(plant.writes()) == 1
    assert len(waits(plant)) == 1
    plant.later(101 * 3600)
    plant.run()
    assert spent() == 0, "what has ended need not be remembered"


def test_it_may_be_approved_again(world: World) -> None:
    plant = Plant(world, environment(APP))
    plant.converge()
    plant.checkpoint()
    for round_ in range(1, 4):
        plant.aws.client("logs").put_retention_policy(
            logGroupName=f"{plant.name}-app", retentionInDays=400
        )
        plant.later()
        plant.run()
        approve(plant, hours=100 + round_)
        plant.run()
        assert len(plant.writes()) == round_
        plant.later()
        plant.run()


def test_a_worker_killed_after_the_call_has_used_it_up(world: World) -> None:
    plant = Plant(world, environment(APP))
    plant.converge()
    logs = plant.aws.client("logs")
    logs.put_retention_policy(logGroupName=f"{plant.name}-app", retentionInDays=400)
    plant.later()
    plant.run()
    approve(plant, hours=100)
    plant.world.fault("kill-after", "logs:PutRetentionPolicy", times=1)
    with pytest.raises(Killed):
        plant.run()
    plant.revive()
    plant.run()
    logs.put_retention_policy(logGroupName=f"{plant.name}-app", retentionInDays=400)
    plant.later()
    plant.checkpoint()
    plant.run()
    assert plant.writes() == []


def test_what_aws_refused_has_not_used_it_up(world: World) -> None:
    plant = Plant(world, environment(APP))
    plant.converge()
    logs = plant.aws.client("logs")
    logs.put_retention_policy(logGroupName=f"{plant.name}-app", retentionInDays=400)
    plant.later()
    plant.run()
    approve(plant)
    plant.world.fault("throttle", "logs:PutRetentionPolicy", times=20)
    plant.run()
    plant.world.faults.clear()
    plant.later()
    plant.checkpoint()
    plant.run()
    assert [c.name for c in plant.writes()] == ["logs:PutRetentionPolicy"]


def test_it_is_for_this_thing_and_no_other_of_its_name(plant: Plant, world: World) -> None:
    approve(plant)
    world.dead = False
    logs = plant.aws.client("logs")
    tags = {"plumbline:environment": plant.name, "plumbline:resource": "LogGroup/app"}
    logs.delete_log_group(logGroupName=f"{plant.name}-app")
    plant.later()
    logs.create_log_group(logGroupName=f"{plant.name}-app", tags=tags)
    plant.later()
    plant.run()
    assert groups(plant) == ["app", "other"]


def test_another_plan_is_not_approved(plant: Plant) -> None:
    approve(plant, tokens={"0123456789abcdef"})
    plant.run()
    assert plant.writes() == []


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not json", b"[]", b'{"approvals": 3}', b'{"approvals": [{}]}',
        b'{"approvals": [{"by": "a", "reason": "", "until": "2999-01-01", "steps": ["*"]}]}',
    ],
)  # fmt: skip
def test_an_approval_that_cannot_be_read_is_none(plant: Plant, body: bytes) -> None:
    plant.store.put(f"approvals/{plant.name}.json", body, None)
    report = plant.run()
    assert plant.writes() == []
    assert report.asks.steps


def test_other_guards_stand(plant: Plant) -> None:
    approve(plant)
    plant.publish(environment(OTHER, spec="limits: {maxRemovals: 3, maxDeletes: 1}"))
    report = plant.run()
    assert {v.reason for v in report.vetoes.values()} == {"BlastRadius"}
    assert plant.writes() == []
    plant.publish(environment(OTHER, spec="limits: {maxRemovals: 3}, mode: observe"))
    plant.run()
    assert plant.writes() == []


def test_other_defaults_of_a_new_release_may_be_approved(world: World) -> None:
    plant = of_older_defaults(world)
    plant.run()
    assert plant.writes() == []
    approve(plant)
    plant.run()
    assert [c.name for c in plant.writes()] == ["logs:PutRetentionPolicy"]


def test_what_somebody_strengthened_may_be_taken_back(world: World) -> None:
    plant = Plant(world, environment(APP))
    plant.converge()
    plant.checkpoint()
    logs = plant.aws.client("logs")
    logs.put_retention_policy(logGroupName=f"{plant.name}-app", retentionInDays=400)
    plant.later()
    report = plant.run()
    assert [v.reason for v in report.vetoes.values()] == ["ApprovalRequired"]
    approve(plant)
    logs.put_retention_policy(logGroupName=f"{plant.name}-app", retentionInDays=731)
    plant.later()
    plant.run()
    assert plant.writes() == [], "it is not what was approved any more"
    approve(plant)
    plant.run()
    assert [c.name for c in plant.writes()] == ["logs:PutRetentionPolicy"]


# --- the command ---

STATUS = {
    "approval": {"fingerprint": "", "steps": {"LogGroup/app#delete": "0123456789abcdef"}},
    "resources": {"LogGroup/app": {"conditions": {"Blocked": {"message": "it is destructive"}}}},
}


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = DirectoryStore(tmp_path)
    state = ["--state", str(tmp_path)]
    assert run(["approve", "shop", *state]) == 1
    assert capsys.readouterr().err == "no pass over shop has been recorded here\n"
    store.put("status/shop.json", to_body(STATUS), None)
    fingerprint = approvals.asked(STATUS).fingerprint
    assert run(["approve", "shop", *state]) == 2
    assert capsys.readouterr().out.splitlines() == [
        "shop: 1 steps wait for an approval",
        "  LogGroup/app#delete: it is destructive",
        f"all of it: plumbline approve shop {fingerprint}",
    ]
    assert run(["approve", "shop", "abc", *state]) == 1
    assert "found abc, but the plan that waits is" in capsys.readouterr().err
    assert approvals.granted(store, "shop", datetime.now(UTC)) == []
    assert run(["approve", "shop", fingerprint, "--for", "8d", *state]) == 1
    assert "found 8d, allowed a time like" in capsys.readouterr().err
    assert run(["approve", "shop", fingerprint, "--reason", "ticket 7", *state]) == 0
    assert "shop: 1 steps approved until" in capsys.readouterr().out
    [given] = approvals.granted(store, "shop", datetime.now(UTC))
    assert (given.tokens, given.reason) == ({"0123456789abcdef"}, "ticket 7")
    assert given.until - datetime.now(UTC) > timedelta(hours=23)
    assert run(["approve", "shop", "--withdraw", *state]) == 0
    assert approvals.granted(store, "shop", datetime.now(UTC)) == []
    found = store.get("status/shop.json")
    assert found is not None
    store.put("status/shop.json", to_body({"resources": {}}), found.version)
    capsys.readouterr()
    assert run(["approve", "shop", *state]) == 0
    assert capsys.readouterr().out == "shop: nothing waits for an approval\n"
    assert run(["approve", "shop", fingerprint, *state]) == 1
