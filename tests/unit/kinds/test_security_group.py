"""Security groups: rules as a set, nothing open that is not declared, traffic never cut."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from controller.handler import Absent, Action, Present, Unknown
from controller.kindlib.reading import tag_list
from controller.kinds import handler_for
from controller.policies import Doc
from tests.unit.kinds.kit import changes, differing, planned, reported, target

HANDLER = handler_for("SecurityGroup")
VPC, OWN, OTHER = "vpc-0a1b2c3d", "sg-0a1b2c3d", "sg-11111111"
ACCOUNT = "123456789012"
SSH: Doc = {"protocol": "tcp", "ports": 22, "peer": "0.0.0.0/0"}
ALL: Doc = {"protocol": "all", "peer": "0.0.0.0/0"}


def aim(**spec: Any) -> Any:
    return target(HANDLER, "test-x", {"vpcId": VPC, **spec})


def permission(protocol: str, low: int | None = None, high: int | None = None, **peers: Any) -> Doc:
    """As AWS shows it; a peer is its id or block, or has a description."""
    ports = {} if low is None else {"FromPort": low, "ToPort": low if high is None else high}
    lists: Doc = {n: [] for n in ("IpRanges", "Ipv6Ranges", "UserIdGroupPairs", "PrefixListIds")}
    return {"IpProtocol": protocol, **ports, **lists, **peers}


def cidr(block: str, **more: str) -> Doc:
    return {"IpRanges": [{"CidrIp": block, **more}]}


def group(ingress: list[Doc] | None = None, egress: list[Doc] | None = None, **more: Any) -> Doc:
    return {
        "GroupId": OWN, "GroupName": "test-x", "VpcId": VPC, "OwnerId": ACCOUNT,
        "Description": "Plumbline: SecurityGroup/x", "Tags": tag_list(aim().tags),
        "IpPermissions": ingress or [], "IpPermissionsEgress": egress or [], **more,
    }  # fmt: skip


def seen(ingress: list[Doc] | None = None, egress: list[Doc] | None = None) -> Present:
    return Present({"group": group(ingress, egress), "arn": "arn:x"})


def calls(actions: list[Action]) -> list[tuple[str, list[Doc]]]:
    found = [(a.operation, a.params.get("IpPermissions", [])) for a in actions]
    return [(n.replace("SecurityGroup", ""), p) for n, p in found]


def test_made_with_its_rules_and_without_those_that_aws_gives() -> None:
    rules = [{"protocol": "tcp", "ports": 5432, "peer": "${SecurityGroup.app.id}"},
             {"protocol": "udp", "ports": "53-54", "peer": "self"}]  # fmt: skip
    actions = planned(HANDLER, aim(ingress=rules, egress=[{**SSH, "ports": 443}]), Absent())
    assert [a.operation for a in actions] == [
        "CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress",
        "RevokeSecurityGroupEgress",
    ]  # fmt: skip
    create, ingress, egress, revoke = actions
    assert create.params == {
        "GroupName": "test-x", "VpcId": VPC, "Description": "Plumbline: SecurityGroup/x",
        "TagSpecifications": [{"ResourceType": "security-group", "Tags": tag_list(aim().tags)}],
    }  # fmt: skip
    pairs = [p["UserIdGroupPairs"] for p in ingress.params["IpPermissions"]]
    assert pairs == [[{"GroupId": "${SecurityGroup.app.id}"}], [{"GroupId": "${self.id}"}]]
    assert egress.params["IpPermissions"][0]["FromPort"] == 443
    assert [p["IpProtocol"] for p in revoke.params["IpPermissions"]] == ["-1", "-1"]


def test_what_is_declared_open_stays_open() -> None:
    actions = planned(HANDLER, aim(egress=[ALL]), Absent())
    (revoked,) = actions[-1].params["IpPermissions"]
    assert revoked == {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    assert HANDLER.to_spec(seen(egress=[permission("-1", **cidr("0.0.0.0/0"))]).doc)["egress"] == [
        ALL
    ]


def test_a_port_opened_to_the_world_is_named_and_revoked_at_once() -> None:
    live = seen([permission("tcp", 22, **cidr("0.0.0.0/0", Description="quick fix"))])
    path = "ingress[tcp/22/0.0.0.0/0]"
    found = changes(HANDLER, aim(), live)
    assert differing(found) == {path: ({**SSH, "description": "quick fix"}, None)}
    assert [c.cause for c in found] == ["drift"]
    (revoke,) = planned(HANDLER, aim(), live)
    assert (revoke.operation, revoke.changes) == ("RevokeSecurityGroupIngress", (path,))
    assert revoke.params == {
        "GroupId": OWN,
        "IpPermissions": [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22,
                           **cidr("0.0.0.0/0")}],
    }  # fmt: skip


def test_what_replaces_is_there_before_what_is_replaced_goes() -> None:
    wanted = [{**SSH, "peer": "10.0.0.0/8"}, {**SSH, "ports": 443, "description": "web"}]
    live = seen([
        permission("tcp", 22, **cidr("10.1.0.0/16")),
        permission("tcp", 443, **cidr("0.0.0.0/0")),
        permission("icmp", -1, **cidr("0.0.0.0/0")),
    ])  # fmt: skip
    told = calls(planned(HANDLER, aim(ingress=wanted), live))
    assert [name for name, _ in told] == [
        "RevokeIngress", "AuthorizeIngress", "UpdateRuleDescriptionsIngress", "RevokeIngress",
    ]  # fmt: skip
    unrelated, added, described, replaced = (p for _, p in told)
    assert [p["IpProtocol"] for p in unrelated] == ["icmp"]
    assert [p["IpRanges"] for p in added] == [[{"CidrIp": "10.0.0.0/8"}]]
    assert [p["IpRanges"] for p in described] == [[{"CidrIp": "0.0.0.0/0", "Description": "web"}]]
    assert [p["IpRanges"] for p in replaced] == [[{"CidrIp": "10.1.0.0/16"}]]


def test_our_tag_comes_before_what_iam_allows_on_groups_that_bear_it_alone() -> None:
    open_ = permission("tcp", 22, **cidr("0.0.0.0/0"))
    theirs = group([open_], Tags=[{"Key": "team", "Value": "shop"}])
    adopted = Present({"group": theirs, "arn": "arn:x"})
    assert [n for n, _ in calls(planned(HANDLER, aim(), adopted))] == [
        "CreateTags", "RevokeIngress",
    ]  # fmt: skip
    wanted = aim(tags={**aim().tags, "stage": "test"})
    assert [n for n, _ in calls(planned(HANDLER, wanted, seen([open_])))] == [
        "RevokeIngress", "CreateTags",
    ]  # fmt: skip


def test_a_full_group_makes_room_first() -> None:
    """Sixty rules at most in a direction, unless the account's quota was raised."""
    wanted = [{**SSH, "peer": f"10.0.{n}.0/24"} for n in range(60)]
    live = seen([permission("tcp", 22, IpRanges=[
        {"CidrIp": f"10.1.{n}.0/24"} for n in range(60)])])  # fmt: skip
    told = calls(planned(HANDLER, aim(ingress=wanted), live))
    assert [(name, len(p)) for name, p in told] == [("RevokeIngress", 60), ("AuthorizeIngress", 60)]


def test_a_rule_that_may_be_the_one_that_waits_is_kept() -> None:
    """The group it names can't be looked at now: which of the live rules is it?"""
    waiting = {"protocol": "tcp", "ports": 5432, "peer": "${SecurityGroup.app.id}"}
    pair = {"UserIdGroupPairs": [{"GroupId": OTHER, "UserId": ACCOUNT}]}
    live = seen([permission("tcp", 5432, **pair), permission("tcp", 22, **cidr("0.0.0.0/0"))])
    (revoke,) = planned(HANDLER, aim(ingress=[waiting]), live)
    assert revoke.changes == ("ingress[tcp/22/0.0.0.0/0]",)


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        ({"protocol": "TCP", "ports": "443-443", "peer": "10.1.2.3/8"},
         permission("tcp", 443, **cidr("10.0.0.0/8"))),
        ({"protocol": 17, "ports": "53-54", "peer": "10.0.0.1/32"},
         permission("17", 53, 54, **cidr("10.0.0.1/32"))),
        ({"protocol": "icmp", "peer": "10.0.0.0/8"}, permission("icmp", -1, **cidr("10.0.0.0/8"))),
        ({"protocol": "icmp", "ports": 8, "peer": "10.0.0.0/8"},
         permission("icmp", 8, -1, **cidr("10.0.0.0/8"))),
        ({"protocol": "icmpv6", "ports": "3/4", "peer": "2001:DB8:0::/32"},
         permission("58", 3, 4, Ipv6Ranges=[{"CidrIpv6": "2001:db8::/32"}])),
        ({"protocol": "-1", "peer": "pl-0a1b2c3d"},
         permission("-1", PrefixListIds=[{"PrefixListId": "pl-0a1b2c3d"}])),
        ({"protocol": 50, "peer": "self"},
         permission("50", UserIdGroupPairs=[{"GroupId": OWN, "UserId": ACCOUNT}])),
        ({"protocol": "tcp", "ports": "0-65535", "peer": OTHER},
         permission("tcp", 0, 65535, UserIdGroupPairs=[{"GroupId": OTHER, "UserId": ACCOUNT}])),
        ({"protocol": "all", "peer": f"210987654321/{OTHER}"},
         permission("-1", UserIdGroupPairs=[{"GroupId": OTHER, "UserId": "210987654321",
                                             "PeeringStatus": "active"}])),
    ],
)  # fmt: skip
def test_one_rule_in_two_spellings_is_one_rule(declared: Doc, live: Doc) -> None:
    """Cases 630, 631, 633."""
    assert reported(changes(HANDLER, aim(ingress=[declared]), seen([live]))) == set()
    imported = aim(**HANDLER.to_spec(seen([live]).doc))
    assert reported(changes(HANDLER, imported, seen([live]))) == set()
    (added,) = planned(HANDLER, aim(ingress=[declared]), seen())
    (asked,) = added.params["IpPermissions"]
    named = {"17": "udp", "58": "icmpv6"}
    shown = {**live, "IpProtocol": named.get(live["IpProtocol"], live["IpProtocol"])}
    for name in ("IpProtocol", "FromPort", "ToPort"):
        assert asked.get(name) == shown.get(name)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({**SSH, "protocol": "tpc"}, "tcp, udp, icmp"),
        ({**SSH, "protocol": 256}, "0-255"),
        ({"protocol": "tcp", "peer": "self"}, "needs ports"),
        ({**SSH, "ports": 65536}, "0-65535"),
        ({**SSH, "ports": "90-80"}, "low-high"),
        ({**SSH, "ports": "ssh"}, "a port, a range"),
        ({**SSH, "ports": "3/4"}, "needs ports"),
        ({**SSH, "protocol": "icmp", "ports": "1-2"}, "type/code"),
        ({**SSH, "protocol": "icmp", "ports": 256}, "type/code"),
        ({**SSH, "protocol": "icmp", "ports": "256/1"}, "at most 255"),
        ({**ALL, "ports": 22}, "has no ports"),
        ({**SSH, "peer": "10.0.0.1"}, "…/32"),
        ({**SSH, "peer": "10.0.0.0/33"}, "CIDR block"),
        ({**SSH, "peer": "sg-xyz"}, "CIDR block"),
        ({**SSH, "description": "naïve"}, "letters, digits"),
        ({**SSH, "description": "x" * 256}, "at most 255"),
    ],
)
def test_what_is_no_rule(rule: Doc, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        aim(ingress=[rule])


def test_a_rule_stands_once() -> None:
    with pytest.raises(ValidationError, match=r"egress: the rule tcp/22/10\.0\.0\.0/8 is there"):
        aim(egress=[{**SSH, "peer": "10.0.0.0/8"}, {**SSH, "peer": "10.9.0.0/8", "ports": "22"}])


class _Aws:
    """Answers one read."""

    def __init__(self, *groups: Doc) -> None:
        self.groups = groups

    def gather(self, *calls: Any) -> list[Any]:
        return [call() for call in calls]

    def pages(self, *asked: Any) -> list[Doc]:
        return list(self.groups)


def looked(spec: Doc, *groups: Doc, last: Doc | None = None) -> Any:
    of = aim()
    sought = type(of)(of.key, of.name, spec, of.tags, of.account, of.region, last)
    aws: Any = _Aws(*groups)
    return HANDLER.observe(aws, [sought])[of.key]


def test_the_group_in_the_vpc_that_is_meant() -> None:
    here, there = group(), group(VpcId="vpc-22222222", GroupId=OTHER, Tags=[])
    like = group(GroupName="test-X")
    assert looked({"vpcId": VPC}, there, like, here).doc["group"] is here
    assert isinstance(looked({"vpcId": "vpc-33333333"}, here, there), Absent)
    moved = looked({"vpcId": "vpc-33333333"}, here, there, last={"vpcId": VPC})
    assert moved.doc["group"] is here
    assert [c.cls for c in changes(HANDLER, aim(vpcId="vpc-33333333"), moved)] == ["immutable"]


def test_the_vpc_may_not_be_known_yet() -> None:
    here, theirs = group(), group(Tags=[])
    waiting = {"vpcId": "${ssm:/vpc}"}
    assert looked(waiting, theirs, here).doc["group"] is here
    assert isinstance(looked(waiting, theirs), Unknown)
    assert isinstance(looked(waiting), Absent)
    assert looked({}, here).doc["group"] is here
