"""What is no longer declared goes if it may, and what is gone is nobody's trouble."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from controller.assess import assess
from controller.handler import Absent, Target
from controller.inventory import Record
from controller.kinds import KINDS, handler_for
from controller.kinds.ip_set import IPSetHandler
from controller.manifest import Resource, load
from sandbox.world import World
from tests.behaviour.scenario import EIGHT
from tests.harness import Plant, environment, resource

ALL = "prune: delete, limits: {maxRemovals: 8}"
GROUP = resource("DBParameterGroup", "main", "family: postgres16")
LOGS = resource("LogGroup", "app", "retentionInDays: 14")


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_removed_and_gone_has_no_problem(kind: str) -> None:
    """All that is known of it are its tags."""
    desired = load(environment(LOGS).encode(), "env.yaml")
    gone = Resource.removed(desired, f"{kind}/main", "it-was-this", "delete")
    target = Target(gone.key, gone.physical, gone.spec, gone.tags, "123456789012", "us-east-1")
    record = Record("it-was-this", identity="arn")
    now = datetime.now(UTC)
    seen = assess(gone, target, handler_for(kind), Absent(), record, now=now)
    assert seen.problem == ""


def test_the_pass_after_the_deletion_is_as_any_other(world: World) -> None:
    plant = Plant(world, environment(LOGS, GROUP, spec=ALL))
    plant.converge()
    plant.publish(environment(LOGS, spec=ALL))
    plant.converge()
    plant.checkpoint()
    plant.converge()
    assert plant.writes() == []
    assert set(plant.status()["resources"]) == {"LogGroup/app"}


def test_nothing_is_deleted_while_a_part_of_it_can_not_be_read(world: World) -> None:
    """Whom a firewall stands before is such a part."""
    text = EIGHT.replace("spec: {}", f"spec: {{{ALL}}}", 1)
    plant = Plant(world, text)
    plant.converge()
    plant.later(600)
    parts = text.split("---\n")
    plant.publish("---\n".join(part for part in parts if "kind: WebACL" not in part))
    plant.checkpoint()
    world.fault("deny", "wafv2:ListResourcesForWebACL", times=99)
    report = plant.run()
    assert plant.writes() == []
    assert {v.reason for v in report.vetoes.values()} == {"ObservationUnknown"}
    world.faults.clear()
    plant.later(600)
    plant.converge()
    assert "wafv2:DeleteWebACL" in {call.name for call in plant.writes()}


def test_what_is_changed_while_it_goes_is_judged_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = "limits: {maxDeletes: 1, maxRemovals: 1}"
    gone = resource("IPSet", "bad", "addresses: [192.0.2.0/24]", "lifecycle: {prune: delete}\n")
    plant = Plant(world, environment(gone, LOGS, spec=limits))
    plant.converge()
    plant.publish(environment(LOGS, spec=limits))
    apply = IPSetHandler.apply
    waf = plant.aws.client("wafv2")

    def changed_meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(IPSetHandler, "apply", apply)
        [it] = waf.list_ip_sets(Scope="REGIONAL")["IPSets"]
        named = {"Name": it["Name"], "Scope": "REGIONAL", "Id": it["Id"]}
        token = waf.get_ip_set(**named)["LockToken"]
        waf.update_ip_set(**named, Addresses=["198.51.100.0/24"], LockToken=token)
        return apply(*args)

    monkeypatch.setattr(IPSetHandler, "apply", changed_meanwhile)
    report = plant.run()
    assert list(report.assessments) == ["LogGroup/app"]
    assert [(o.made, o.message) for o in report.outcomes] == [(False, "it was changed meanwhile")]
    plant.later()
    plant.converge()
    assert waf.list_ip_sets(Scope="REGIONAL")["IPSets"] == []
