"""IP sets: what AWS makes of addresses is no drift, what people make of them is."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.errors import Killed
from sandbox.pytest_plugin import new_world
from sandbox.world import World
from tests.harness import Plant, environment, resource

OFFICE = "ipAddressVersion: IPV6, addresses: ['2001:DB8:1::/48', '2001:db8:2::7/48']"
ACL = """baseline: false,
  rules: {office: {priority: 1, action: allow, ipSet: '${IPSet.office.arn}'}}"""
NAME = "litellm-production-office"


class Estate(Plant):
    """A set, and a web ACL whose rule refers to it."""

    def __init__(self, world: World) -> None:
        text = environment(resource("WebACL", "edge", ACL), resource("IPSet", "office", OFFICE))
        super().__init__(world, text)
        self.waf = self.aws.client("wafv2")

    def asked(self) -> dict[str, Any]:
        sets = self.waf.list_ip_sets(Scope="REGIONAL")["IPSets"]
        (found,) = [s for s in sets if s["Name"] == NAME]
        return {"Name": NAME, "Scope": "REGIONAL", "Id": found["Id"]}

    def put(self, *addresses: str) -> None:
        token = self.waf.get_ip_set(**self.asked())["LockToken"]
        self.waf.update_ip_set(**self.asked(), LockToken=token, Addresses=list(addresses))

    @property
    def addresses(self) -> set[str]:
        return set(self.waf.get_ip_set(**self.asked())["IPSet"]["Addresses"])


@pytest.fixture
def e(world: World) -> Estate:
    made = Estate(world)
    made.converge()
    return made


LONG = {"2001:0db8:0001:0000:0000:0000:0000:0000/48", "2001:0db8:0002:0000:0000:0000:0000:0000/48"}


@pytest.mark.case(138, "echo")
def test_made_before_the_rule_that_refers_to_it_and_at_rest_after(e: Estate) -> None:
    assert e.addresses == LONG
    (acl,) = e.waf.list_web_acls(Scope="REGIONAL")["WebACLs"]
    asked = {k: acl[k] for k in ("Name", "Id")}
    (rule,) = e.waf.get_web_acl(**asked, Scope="REGIONAL")["WebACL"]["Rules"]
    assert rule["Statement"]["IPSetReferenceStatement"]["ARN"].endswith(e.asked()["Id"])
    e.checkpoint()
    assert all(e.run().converged for _ in range(2))
    assert e.writes() == []


@pytest.mark.case(138, "change")
def test_an_address_let_in_by_hand_is_taken_out(e: Estate) -> None:
    e.put("2001:db8:1::/48", "2001:db8:2::/48", "2001:db8:9::/48")
    e.later()
    e.checkpoint()
    report = e.run()
    assert [c.path for a in report.assessments.values() for c in a.drift] == ["addresses"]
    assert [c.operation for c in e.writes()] == ["UpdateIPSet"]
    e.later()
    assert e.addresses == LONG


def test_a_lost_race_is_looked_at_again(e: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes between our look and our call: his token, not ours, is the one that holds."""
    e.put("2001:db8:9::/48")
    e.later()
    door, write = type(e.door), type(e.door).write
    races = iter([True])

    def raced(self: Any, service: str, operation: str, params: Any) -> Any:
        if operation == "UpdateIPSet" and next(races, False):
            e.put("2001:db8:8::/48")
        return write(self, service, operation, params)

    monkeypatch.setattr(door, "write", raced)
    e.run()
    e.later()
    assert e.run().converged
    assert e.addresses == LONG


def test_a_set_in_use_waits_to_go_until_no_rule_refers_to_it(e: Estate) -> None:
    spec = "prune: delete, limits: {maxDeletes: 2}"
    plain = resource("WebACL", "edge", "baseline: false")
    e.publish(environment(plain, resource("IPSet", "office", OFFICE), spec=spec))
    e.converge()
    e.publish(environment(plain, spec=spec))
    e.converge()
    assert e.waf.list_ip_sets(Scope="REGIONAL")["IPSets"] == []


def test_cut_off_after_it_was_made_there_is_one(world: World) -> None:
    e = Estate(new_world(3))
    e.world.fault("kill-after", "wafv2:CreateIPSet")
    with pytest.raises(Killed):
        e.converge()
    e.revive()
    e.converge()
    assert e.addresses == LONG
